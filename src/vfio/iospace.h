/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_IOSPACE_H
#define HANDFAST_VFIO_IOSPACE_H

/*
 * An I/O address space: what the assigned devices can reach by DMA. A legacy container with its groups
 * (type1.c) is one implementation. Nothing above knows which one it has.
 *
 * Callers serialise. All calls may take long: never under the machine lock.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "host/broker.h"

typedef uint64_t iova_t; /* an address as a device sees it */

#define VFIO_MAP_READ  (1u << 0)
#define VFIO_MAP_WRITE (1u << 1)

/* Addresses that can be mapped, both ends included. */
struct vfio_iospace_range {
	iova_t first;
	iova_t last;
};

#define VFIO_RESET_MEMBERS_MAX 256

struct vfio_reset_members {
	unsigned count;
	struct bdf list[VFIO_RESET_MEMBERS_MAX];
};

/* How many mappings there are, and how many there may be (0: as many as one wants). */
struct vfio_iospace_usage {
	unsigned mappings;
	unsigned limit;
};

struct vfio_iospace;

struct vfio_iospace_ops {
	const char *name; /* "type1" */
	/* iova, host and length are multiples of the page size. A device may reach the memory as soon as
	 * this returns. -ENOMEM: it could not be pinned; -ENOSPC: there are as many mappings as there may be.
	 */
	int (*map)(struct vfio_iospace *space, iova_t iova, void *host, uint64_t length, unsigned flags);
	/* Exactly what one map() mapped. */
	int (*unmap)(struct vfio_iospace *space, iova_t iova, uint64_t length);
	/* Puts a device into the space and opens it, with a VF token or none (NULL). The descriptor stays the
	 * space's. */
	int (*attach)(struct vfio_iospace *space, const struct broker_device *which, const char *vf_token,
		      int *ret_device_fd);
	/* Nothing of the device is mapped or used any more. Closes it, upon which the kernel resets it; the
	 * space stays as it is until detach(), and can be unmapped from meanwhile. */
	void (*close)(struct vfio_iospace *space, int device_fd);
	/* Takes out a device, closed or not; after the last one nothing can be mapped, and all that was is
	 * gone. */
	void (*detach)(struct vfio_iospace *space, int device_fd);
	/*
	 * Who is reset along with a device when its bus is (hot reset): the device itself and all that share
	 * the bus, opened by this VM or not. -EPERM with the cause where one of them is not in this space's
	 * hands; -ENOTTY: there is no such reset.
	 */
	int (*reset_members)(struct vfio_iospace *space, int device_fd,
			     struct vfio_reset_members *ret_members);
	/* Resets them all. -ETIMEDOUT: that was done, and they were not seen to come back. */
	int (*reset_bus)(struct vfio_iospace *space, int device_fd);
	/* Ascending; none: unknown. Valid until the next attach() or detach(). */
	const struct vfio_iospace_range *(*ranges)(struct vfio_iospace *space, size_t *ret_count);
	/* Any time, on any thread. */
	void (*usage)(struct vfio_iospace *space, struct vfio_iospace_usage *ret_usage);
	void (*destroy)(struct vfio_iospace *space);
};

/* Embedded at the start of each implementation. */
struct vfio_iospace {
	const struct vfio_iospace_ops *ops;
};

#endif
