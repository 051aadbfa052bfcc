/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_MODULES_PRIV_H
#define HANDFAST_HOST_MODULES_PRIV_H

/* Which kernel modules are made for a device, as depmod has written down. */
#include <stdbool.h>
#include <stddef.h>

#include "host/device-priv.h"
#include "host/host-priv.h"

struct module_name {
	char text[64];
};

/*
 * The VFIO driver made for this device, by its module: the most specific of the aliases that begin with
 * "vfio_pci:", vfio-pci itself, which takes everything, left aside. False where there is none.
 */
bool modules_variant(const struct host *host, const struct host_device *device,
		     struct module_name *ret_module);

/* The modules of this host's own drivers for it, in the file's order, at most room; returns how many. */
size_t modules_native(const struct host *host, const struct host_device *device, struct module_name *ret_list,
		      size_t room);

/* The PCI driver that a loaded module has brought: what its folder in sysfs says, else the one whose name is
 * the module's but for dashes. False where there is none. */
bool modules_driver(const struct host *host, const char *module, char *ret_driver, size_t size);

#endif
