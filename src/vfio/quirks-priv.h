/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_QUIRKS_PRIV_H
#define HANDFAST_VFIO_QUIRKS_PRIV_H

/*
 * What is known of single devices and written in none of their registers: one table (quirks.c), and the few
 * places where a line of it makes a difference. What the kernel knows and does by itself (resets that do not
 * work, and the like) is not repeated here.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfio/config-priv.h"
#include "vfio/device.h"
#include "vfio/msix-priv.h"

enum vfio_quirk_kind {
	VFIO_QUIRK_PBA,		 /* MSI-X pending bits are at `offset` of their BAR, if not where they say */
	VFIO_QUIRK_MIRROR,	 /* `size` bytes at `offset` of the BAR are configuration space */
	VFIO_QUIRK_NVIDIA_PORTS, /* four registers, the last two of which reach into BAR 0 */
	VFIO_QUIRK_REALTEK_MSIX, /* two registers that reach the MSI-X table */
	VFIO_QUIRK_NO_ROM,	 /* its own option ROM is not shown */
};

/* One line of the table. */
struct vfio_quirk {
	uint16_t vendor;
	uint16_t device; /* as far as device_mask has ones */
	uint16_t device_mask;
	uint16_t class; /* base class and subclass, as far as class_mask has ones */
	uint16_t class_mask;
	enum vfio_quirk_kind kind;
	uint8_t bar;
	uint32_t offset;
	uint32_t size; /* of the part of the BAR that is trapped; 0: none */
	const char *name;
	const char *reason;
	const char *source;
};

extern const struct vfio_quirk vfio_quirk_table[];
extern const unsigned vfio_quirk_count;

#define VFIO_QUIRKS_MAX 4 /* of one device */

/* The guest's view of configuration space. The function's lock is not held. */
struct vfio_quirk_config {
	uint32_t (*read)(void *opaque, unsigned offset, unsigned size);
	void (*write)(void *opaque, unsigned offset, unsigned size, uint32_t value);
	void *opaque;
};

struct vfio_quirks {
	struct vfio_device *device;
	struct vfio_quirk_config config;
	struct vfio_config *registers; /* where its capabilities are */
	struct vfio_msix *msix;
	pthread_mutex_t *lock; /* the function's: guards msix and ports */
	unsigned count;
	const struct vfio_quirk *found[VFIO_QUIRKS_MAX];
	uint32_t ports[4]; /* what the guest has written last, of a quirk with registers */
};

/*
 * Finds the device's lines, and says so in the log. registers: initialised. msix and lock are the function's,
 * and as the registers outlive this. Takes nothing that had to be given back.
 */
void vfio_quirks_find(struct vfio_quirks *quirks, struct vfio_config *registers,
		      const struct vfio_quirk_config *config, struct vfio_msix *msix, pthread_mutex_t *lock);

/* Mends what the guest, and the rest of this room, are told by the configuration space that it was found by.
 * bar_size: what each BAR has. */
void vfio_quirks_mend(const struct vfio_quirks *quirks, const uint64_t *bar_size);

/* Whether the device's own option ROM is not for guests. */
bool vfio_quirks_no_rom(const struct vfio_quirks *quirks);

/* The line at place `index`, counted from 0, that traps a part of this BAR; NULL: no more. quirks may be
 * NULL. */
const struct vfio_quirk *vfio_quirks_trap(const struct vfio_quirks *quirks, unsigned bar, unsigned index);

/* The guest's accesses to what such a line traps; offset counts from the start of the BAR, offset + size lie
 * inside. Any width. The function's lock is not held. */
void vfio_quirks_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, uint64_t offset,
		      uint8_t *ret_data, unsigned size);
void vfio_quirks_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, uint64_t offset,
		       const uint8_t *data, unsigned size);

/* The device has been reset. */
void vfio_quirks_reset(struct vfio_quirks *quirks);

/* Of the lines with registers (quirk-ports.c): one access inside 4 bytes. The function's lock is not held. */
void vfio_quirk_port_reset(struct vfio_quirks *quirks, const struct vfio_quirk *quirk);
uint32_t vfio_quirk_port_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			      unsigned size);
void vfio_quirk_port_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			   unsigned size, uint32_t value);

#endif
