/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_REBIND_PRIV_H
#define HANDFAST_HOST_REBIND_PRIV_H

/* The steps that bind and unbind are made of: each one write to sysfs, and a look at what came of it. */
#include <stdbool.h>
#include <sys/types.h>

#include "host/device-priv.h"
#include "host/host-priv.h"

/* Where a step was left to itself: -ETIMEDOUT. */
struct rebind_hang {
	char driver[64]; /* the one that has not come back */
	pid_t writer;	 /* the process that waits for it; 0: not known */
};

/* driver_override; "" clears it. */
int rebind_override(const struct host *host, const struct host_device *device, const char *driver,
		    struct rebind_hang *ret_hang);

/* Takes the device from the driver it is bound to now; nothing to do where it has none. -ETIMEDOUT: the cause
 * names who uses the device. */
int rebind_release(const struct host *host, const struct host_device *device, struct rebind_hang *ret_hang);

/* Has the kernel look for a driver. Whether it found one only the driver link tells. */
int rebind_probe(const struct host *host, const struct host_device *device, struct rebind_hang *ret_hang);

/*
 * Brings the device to exactly this driver, whatever it is bound to, loading its module where the driver
 * is not there: override, release, probe, a look at the link. driver "": to none. The override is then
 * set to override_after.
 */
int rebind_to(const struct host *host, const struct host_device *device, const char *driver,
	      const char *override_after, struct rebind_hang *ret_hang);

/* Takes back an identity that somebody gave the driver through new_id. -ENODEV: it has none such. */
int rebind_remove_id(const struct host *host, const struct host_device *device, const char *driver);

/* Adds to the error on record who uses the device, as far as that can be seen. */
void rebind_add_users(const struct host *host, const struct host_device *device);

/* Whether a PCI driver of this name is registered. */
bool rebind_has_driver(const struct host *host, const char *driver);

#endif
