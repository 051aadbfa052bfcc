/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_VECTORS_PRIV_H
#define HANDFAST_VFIO_VECTORS_PRIV_H

/*
 * What the host has set up for the messages of an assigned function, MSI or MSI-X: for each an eventfd that
 * the device signals, a route in KVM, and an irqfd that ties the two. Guarded by the function's lock.
 * Nothing here allocates memory after vfio_vectors_init(): it is called on vCPU threads.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "kvm/vm.h"
#include "vfio/device.h"

struct vfio_vector {
	int event_fd;	       /* -1: none */
	uint32_t gsi;	       /* its route; 0: none */
	struct kvm_msi routed; /* the message that the route sends */
	bool in_device;	       /* the device signals event_fd */
	bool irqfd;	       /* and KVM listens to it */
};

struct vfio_vectors {
	struct vfio_device *device;
	struct kvm_vm *vm;
	unsigned index;	  /* VFIO_PCI_MSI_IRQ_INDEX or VFIO_PCI_MSIX_IRQ_INDEX */
	const char *kind; /* "MSI" */
	unsigned count;	  /* at most; 0: the function has none of this kind */
	struct vfio_vector *vector;
	int *fds;	   /* for one call to the kernel */
	bool noresize;	   /* the kernel sets all up at once */
	bool on;	   /* the device is in this mode */
	unsigned wanted;   /* while on: as many as the guest may use */
	unsigned provided; /* noresize: as many as the kernel has set up */
	struct log_limit limit;
};

/* Nothing is switched on. Errors: ENOTSUP where the kernel does not signal so many; ENOMEM. */
int vfio_vectors_init(struct vfio_vectors *vectors, struct vfio_device *device, struct kvm_vm *vm,
		      unsigned index, const char *kind, unsigned count);
/* Fine on a zeroed structure. */
void vfio_vectors_fini(struct vfio_vectors *vectors);

/* As many of `count` as the host has for this device, found out by trying: the device is in the mode for a
 * moment. At least 1. */
unsigned vfio_vectors_available(struct vfio_vectors *vectors, unsigned count);

/* Into the mode, with `wanted` vectors that the guest may use, even if none is in use yet: from here on the
 * device may not use another. Says so where it fails. Nothing happens where it is in the mode. */
void vfio_vectors_on(struct vfio_vectors *vectors, unsigned wanted);
/* Out of the mode, with all vectors gone. */
void vfio_vectors_off(struct vfio_vectors *vectors);

/* While on: this vector sends the message from now on. Says so where it cannot. */
void vfio_vectors_unmask(struct vfio_vectors *vectors, unsigned vector, const struct kvm_msi *message);
/* What the device signals from now on stays pending. */
void vfio_vectors_mask(struct vfio_vectors *vectors, unsigned vector);
/* own: the device's own pending bit, which counts for a vector that has not been unmasked since the mode was
 * entered: the kernel keeps it masked in the device. */
bool vfio_vectors_pending(const struct vfio_vectors *vectors, unsigned vector, bool own);

#endif
