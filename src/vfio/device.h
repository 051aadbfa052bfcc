/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_DEVICE_H
#define HANDFAST_VFIO_DEVICE_H

/*
 * The device behind a function: regions, interrupts, reset. The kernel's VFIO device descriptor is one
 * implementation (kernel-device.c); a device served by another process can be another. Nothing above
 * knows which one it has.
 *
 * Regions and interrupts are numbered as <linux/vfio.h> numbers them for PCI (VFIO_PCI_CONFIG_REGION_INDEX,
 * VFIO_PCI_MSIX_IRQ_INDEX, ...). Reads and writes, and irq_action(), may be made on any thread at once;
 * callers serialise the rest. All calls may take long: never under the machine lock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFIO_DEVICE_NAME_SIZE 40
#define VFIO_REGION_AREAS_MAX 32

/* A stretch of a region, in bytes from its start. */
struct vfio_area {
	uint64_t offset;
	uint64_t size;
};

struct vfio_region {
	uint64_t size; /* 0: not there */
	bool readable;
	bool writable;
	bool msix_mappable; /* the pages of the MSI-X table may be mapped like any other */
	/* What can be mapped: the whole region or, where the device says so, parts of it. */
	unsigned areas;
	struct vfio_area area[VFIO_REGION_AREAS_MAX];
};

struct vfio_irq {
	uint32_t count; /* 0: the device has none of this kind */
	bool eventfd;	/* signals eventfds */
	bool noresize;	/* none can be added without taking down all (VFIO_IRQ_INFO_NORESIZE) */
};

enum vfio_irq_action {
	VFIO_IRQ_MASK,
	VFIO_IRQ_UNMASK,
};

struct vfio_device;

/* Functions that can fail return 0 or a negative errno with its cause (base/error.h). */
struct vfio_device_ops {
	int (*region_info)(struct vfio_device *device, unsigned region, struct vfio_region *ret_region);
	/* All of size bytes, or an error. */
	int (*region_read)(struct vfio_device *device, unsigned region, uint64_t offset, void *ret_data,
			   size_t size);
	int (*region_write)(struct vfio_device *device, unsigned region, uint64_t offset, const void *data,
			    size_t size);
	/* Maps a stretch of a region over what is at `at`; multiples of the page size, the last page may
	 * reach past the region's end. munmap(2) undoes it. */
	int (*region_mmap)(struct vfio_device *device, unsigned region, uint64_t offset, size_t size,
			   void *at);

	int (*irq_info)(struct vfio_device *device, unsigned index, struct vfio_irq *ret_irq);
	/*
	 * Gives interrupts start to start + count - 1 of an index their eventfds; -1: none. Switches the
	 * index on where it is off. Returns 0; n > 0: nothing has happened, but n would have been available.
	 */
	int (*irq_set)(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
		       const int *fds);
	/* From now on whatever the eventfd counts unmasks interrupt 0 of an index, which is on. */
	int (*irq_unmask_fd)(struct vfio_device *device, unsigned index, int fd);
	int (*irq_action)(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
			  enum vfio_irq_action action);
	int (*irq_disable)(struct vfio_device *device, unsigned index);

	int (*reset)(struct vfio_device *device);
	/* Frees the structure. Whoever opened what is behind it closes that. */
	void (*destroy)(struct vfio_device *device);
};

/* Embedded at the start of each implementation; its maker fills in all of it. */
struct vfio_device {
	const struct vfio_device_ops *ops;
	char name[VFIO_DEVICE_NAME_SIZE]; /* for messages: "0000:01:00.0", or a UUID */
	unsigned regions;		  /* as many as the device numbers */
	unsigned irqs;
	bool can_reset;
	char reset_method[24]; /* how, in a word of sysfs's: "flr", "pm", "bus"; "": nobody says */
	uint32_t group;	       /* its IOMMU group, and the name of the space that it is in: */
	const char *backend;   /* whoever opened it knows */
	bool reset_on_open;    /* opening and closing it reset it where it can be reset */
	uint32_t atomics;      /* AtomicOps that the host completes for it: PCI_EXP_DEVCAP2_ATOMIC_COMP* */
	/* No PCI device of the host but another driver's work, which sits on no bus. What it reaches by DMA
	 * that driver pins page by page, with or without its Bus Master Enable: memory is mapped before it is
	 * opened to the guest, always. */
	bool mediated;
};

#endif
