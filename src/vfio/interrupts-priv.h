/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_INTERRUPTS_PRIV_H
#define HANDFAST_VFIO_INTERRUPTS_PRIV_H

/* By which of its ways an assigned function interrupts. Guarded by the function's lock. */
#include "vfio/config-priv.h"
#include "vfio/intx-priv.h"
#include "vfio/msi-priv.h"
#include "vfio/msix-priv.h"

enum vfio_interrupt_mode {
	VFIO_INTERRUPTS_NONE, /* before the function has its place, and around resets */
	VFIO_INTERRUPTS_INTX,
	VFIO_INTERRUPTS_MSI,
	VFIO_INTERRUPTS_MSIX,
};

struct vfio_interrupts {
	struct vfio_config *config;
	struct vfio_intx intx;
	struct vfio_msi msi;
	struct vfio_msix msix;
	bool started;
	bool held;
	enum vfio_interrupt_mode mode;
};

/* Finds out what the function has, and hides what does not work. Nothing is switched on. bar_size: in bytes,
 * of each BAR. Errors: of the device, ENOMEM. */
int vfio_interrupts_init(struct vfio_interrupts *interrupts, struct vfio_config *config, struct kvm_vm *vm,
			 const uint64_t *bar_size);
/* Everything off and freed. Fine on a zeroed structure. */
void vfio_interrupts_fini(struct vfio_interrupts *interrupts);

/* The guest's line that the function's pin is wired to; off while it changes. */
void vfio_interrupts_start(struct vfio_interrupts *interrupts, uint32_t gsi);
/* Silent, with the registers of all ways as after reset, until it is started again. */
void vfio_interrupts_quiet(struct vfio_interrupts *interrupts);

/* Nothing interrupts from now on, and what comes is kept; or that comes now, and what comes later. */
void vfio_interrupts_hold(struct vfio_interrupts *interrupts, bool held);

/* The guest wrote size bytes of configuration space at offset: they stand in config->shown. */
void vfio_interrupts_follow(struct vfio_interrupts *interrupts, unsigned offset, unsigned size);
/* The guest is about to read there. */
void vfio_interrupts_show(struct vfio_interrupts *interrupts, unsigned offset, unsigned size);

#endif
