/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_RELAY_PRIV_H
#define HANDFAST_VFIO_RELAY_PRIV_H

/* Stands between KVM and a device whose interrupt line KVM cannot unmask by itself (relay.c). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "vfio/device.h"

struct vfio_relay {
	struct vfio_device *device;
	int device_fd;	 /* the device pulls its line */
	int line_fd;	 /* what KVM takes for that */
	int resample_fd; /* the guest has acknowledged */
	int stop_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows; a leaf */
	bool on;
	bool held;  /* KVM holds the guest's line */
	bool again; /* the device has pulled once more since */
	/* The device has masked its line. Changed under the lock. */
	atomic_bool masked;
	struct log_limit limit;
};

/* Starts the relay's thread; no vCPU thread may call this. ret_relay is to be destroyed. */
int vfio_relay_create(struct vfio_device *device, struct vfio_relay **ret_relay);
void vfio_relay_destroy(struct vfio_relay *relay); /* NULL is fine; it is off */

/* The device signals device_fd from now on; KVM listens to line_fd and signals resample_fd. */
void vfio_relay_on(struct vfio_relay *relay);
/* The device signals no longer. What it did before is forgotten. */
void vfio_relay_off(struct vfio_relay *relay);

/* The guest is about to access the device. Any thread; cheap where there is nothing to do. */
void vfio_relay_touched(struct vfio_relay *relay);

#endif
