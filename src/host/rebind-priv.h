/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_REBIND_PRIV_H
#define HANDFAST_HOST_REBIND_PRIV_H

/* The steps that bind and unbind are made of: each one write to sysfs, and a look at what came of it. */
#include <stdbool.h>

#include "host/device-priv.h"
#include "host/host-priv.h"

/* driver_override; "" clears it. */
int rebind_override(const struct host *host, const struct host_device *device, const char *driver);

/* Takes the device from the driver it is bound to now; nothing to do where it has none. */
int rebind_release(const struct host *host, const struct host_device *device);

/* Has the kernel look for a driver. Whether it found one only the driver link tells. */
int rebind_probe(const struct host *host, const struct host_device *device);

/*
 * Brings the device to exactly this driver, whatever it is bound to, loading its module where the driver
 * is not there: override, release, probe, a look at the link. driver "": to none. The override is then
 * set to override_after.
 */
int rebind_to(const struct host *host, const struct host_device *device, const char *driver,
	      const char *override_after);

/* Whether a PCI driver of this name is registered. */
bool rebind_has_driver(const struct host *host, const char *driver);

#endif
