/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_VFIO_PRIV_H
#define HANDFAST_VFIO_VFIO_PRIV_H

/* The devices that a VM holds, and what is done to several of them at once. */
#include <pthread.h>

#include "vfio/dma-priv.h"
#include "vfio/p2p-priv.h"
#include "vfio/pci-priv.h"

/* A device that the VM holds. */
struct vfio_holding {
	struct vfio_holding *next;
	struct vfio *vfio;
	struct host_id id;
	int fd; /* the space's */
	struct vfio_device *device;
	struct vfio_pci *pci; /* NULL: not made yet */
	unsigned vectors;     /* at most, each with a descriptor */
};

struct vfio {
	struct vfio_handles handles;
	pthread_mutex_t lock; /* guards all below; held while devices are opened and closed */
	struct vfio_iospace *space;
	struct vfio_dma dma;	       /* started while there are holdings */
	struct vfio_p2p p2p;	       /* listening while there are two */
	struct vfio_holding *holdings; /* changed under `reset` too */
	pthread_mutex_t facts;	       /* held to change `space`, for who only looks */
	pthread_mutex_t reset;	       /* held through a reset of a bus, before any function's lock */
};

/* Interrupts need an eventfd each: raises the limit of open files as far as may be done without asking. */
void vfio_descriptors_raise(void);

/* How many vectors a device has, of the kind of which it has most. */
unsigned vfio_descriptors_of(struct vfio_device *device);

/* Under the lock: raises the limit, with the broker's help, to what all devices together may need. newest is
 * whose coming asks for it, for the log. */
void vfio_descriptors_allow(struct vfio *vfio, const struct vfio_holding *newest);

/* The owner's reset_bus of pci-priv.h; opaque is the holding. */
int vfio_reset_bus(void *opaque);

#endif
