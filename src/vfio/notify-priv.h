/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_NOTIFY_PRIV_H
#define HANDFAST_VFIO_NOTIFY_PRIV_H

/* What the kernel tells of a device besides its own interrupts. Main thread, except where it says so. */
#include "base/loop.h"
#include "vfio/device.h"
#include "vfio/vfio.h"

enum vfio_notice_kind {
	VFIO_NOTICE_ERROR,
	VFIO_NOTICE_REQUEST,
	VFIO_NOTICE_KINDS,
};

struct vfio_notify;

struct vfio_notice {
	struct loop_source source; /* an eventfd; -1: the device has no such notice */
	struct vfio_notify *notify;
	enum vfio_notice_kind kind;
	bool watched;
};

struct vfio_notify {
	struct vfio_device *device;
	struct pci_function *function;
	struct loop *loop;
	const struct vfio_events *events;
	struct vfio_notice notice[VFIO_NOTICE_KINDS];
};

/*
 * Has the kernel signal what it can tell of this device; nobody listens yet. loop NULL: nothing is set up.
 * events is kept. A notice that cannot be had is said, and the device works without it. Any thread.
 */
void vfio_notify_init(struct vfio_notify *notify, struct vfio_device *device, struct pci_function *function,
		      struct loop *loop, const struct vfio_events *events);
/* Listens: what was signalled before is told as well. */
void vfio_notify_watch(struct vfio_notify *notify);
/* Nothing is told from here on. A second call does nothing. */
void vfio_notify_unwatch(struct vfio_notify *notify);
/* Nobody listens any more. Before the device is closed; any thread. Fine on a zeroed structure. */
void vfio_notify_fini(struct vfio_notify *notify);

#endif
