/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_VFIO_FAKE_H
#define HANDFAST_TESTS_UNIT_VFIO_FAKE_H

/*
 * What stands below the room: a device in memory, KVM's interrupts and slots, and a story that all of
 * them write into, so that a test can look at the order of things.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kvm/vm.h"
#include "pci/pci.h"
#include "vfio/device.h"

#define FAKE_VECTORS 8

struct fake_device {
	struct vfio_device device;
	uint8_t config[PCIE_CONFIG_SIZE];
	unsigned config_size;
	struct vfio_region region[PCI_BARS];
	uint8_t *memory[PCI_BARS]; /* what region_mmap() and accesses reach; a memfd of region.size bytes */
	int memory_fd[PCI_BARS];
	const uint8_t *rom; /* its option ROM, of rom_size bytes; 0: the kernel knows of none */
	size_t rom_size;
	bool dead;  /* answers all-ones */
	bool fails; /* reads and writes return errors */
	bool mmap_fails;
	bool flr_dies;	  /* a reset kills it */
	int reset_error;  /* reset() fails with that */
	unsigned d_state; /* follows writes of PMCSR at pm */
	unsigned pm;
	unsigned flr_at; /* the byte whose top bit resets */
	bool destroyed;
	/* Interrupts. */
	struct vfio_irq irq; /* of MSI-X */
	struct vfio_irq msi;
	struct vfio_irq intx;
	struct vfio_irq notice[2]; /* of errors, of requests */
	int notice_fd[2];	   /* -1: nobody wants to know */
	unsigned available;	   /* irq_set() of more answers with this many; 0: no such limit */
	int irq_error;		   /* what irq_set() fails with, once */
	int fd[FAKE_VECTORS];
	int unmask_fd;
	int unmask_error;    /* what irq_unmask_fd() fails with */
	atomic_uint unmasks; /* of the line by irq_action() */
	bool irq_on;	     /* and then by: */
	unsigned irq_index;
};

/* A PCI Express endpoint with PM, MSI, PCIe, MSI-X, AF and extended capabilities; see fake.c. MSI-X is in BAR
 * 0, table at 0x2000, pending bits at 0x3000, FAKE_VECTORS of them. */
void fake_device_init(struct fake_device *fake);
void fake_device_fini(struct fake_device *fake);

#define FAKE_PM	   0x40u
#define FAKE_MSI   0x50u
#define FAKE_EXP   0x70u
#define FAKE_MSIX  0xb0u
#define FAKE_AF	   0xc0u
#define FAKE_VNDR  0xd0u
#define FAKE_AER   0x100u
#define FAKE_SRIOV 0x160u
#define FAKE_DSN   0x1a0u
#define FAKE_ATS   0x1b0u

/* Another BAR in place of the one it has, if any; type: the low bits of its register. */
void fake_bar_set(struct fake_device *fake, unsigned bar, uint64_t size, uint32_t type);

uint32_t fake_get(const uint8_t *bytes, unsigned offset, unsigned size);
void fake_set(uint8_t *bytes, unsigned offset, unsigned size, uint32_t value);

/* The story: short words, each with a space behind it. */
void story_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The story since the last call is exactly this. */
void story_expect(const char *expected);
void story_forget(void);

/* From now on what is logged is kept, down to debug messages. */
void fake_log_start(void);
/* What it was since the last call; goes on. The text stays until then. */
const char *fake_log_take(void);
void fake_log_end(void);

/* KVM, for the functions of kvm/vm.h. There is one. */
struct fake_kvm {
	int route_error;	    /* what the next route call fails with */
	unsigned routes;	    /* that exist now */
	unsigned irqfds;	    /* that exist now */
	struct kvm_msi message[64]; /* by GSI less 24 */
	int irqfd[64];		    /* the eventfd, or -1 */
	int line[24];		    /* that pulls this line, or -1 */
	int resample[24];
	unsigned next;
};

struct fake_kvm *fake_kvm(void);
void fake_kvm_reset(void);

#endif
