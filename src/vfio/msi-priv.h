/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_MSI_PRIV_H
#define HANDFAST_VFIO_MSI_PRIV_H

/* MSI of an assigned function. Guarded by the function's lock. Source: PCI Local Bus 3.0, 6.8.1. */
#include <stdbool.h>
#include <stdint.h>

#include "kvm/vm.h"
#include "pci/config.h"
#include "vfio/device.h"
#include "vfio/vectors-priv.h"

struct vfio_msi {
	struct pci_config *shown; /* holds the capability's registers, the guest's state; the function's */
	unsigned at;		  /* where the capability stands */
	unsigned messages;	  /* at most; 0: the function has no MSI */
	bool wide;		  /* 64-bit addresses */
	bool maskable;		  /* a mask and a pending bit for each message */
	bool held;		  /* as if all were masked */
	bool live;		  /* what the function interrupts by */
	struct vfio_vectors vectors;
};

/*
 * shown has Message Control as the device has it. Lets the guest write what is its to write, and shows it as
 * many messages as the host has for this device. Nothing is switched on. Errors: ENOTSUP where the kernel
 * signals none; ENOMEM.
 */
int vfio_msi_init(struct vfio_msi *msi, struct vfio_device *device, struct kvm_vm *vm,
		  struct pci_config *shown, unsigned at);
/* Everything off and freed. Fine on a zeroed structure. */
void vfio_msi_fini(struct vfio_msi *msi);

/* In bytes. */
unsigned vfio_msi_length(const struct vfio_msi *msi);
bool vfio_msi_enabled(const struct vfio_msi *msi);

/* The guest wrote to the capability. */
void vfio_msi_follow(struct vfio_msi *msi);

/* From now on the function interrupts by MSI, or no longer does. */
void vfio_msi_live(struct vfio_msi *msi, bool live);

/* Its messages are kept, or let go again. */
void vfio_msi_hold(struct vfio_msi *msi, bool held);

/* The guest is about to read: brings the pending bits in `shown` up to date. */
void vfio_msi_show_pending(struct vfio_msi *msi);

#endif
