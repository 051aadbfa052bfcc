/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_DEVICE_PRIV_H
#define HANDFAST_HOST_DEVICE_PRIV_H

/* A PCI function of this host as sysfs shows it at one moment. */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "host/host-priv.h"

#define DEVICE_BARS	 6
#define DEVICE_RESOURCES 7 /* the BARs and the expansion ROM */

/* Of resource_flags; Linux include/linux/ioport.h */
#define DEVICE_RESOURCE_MEMORY	 UINT64_C(0x00000200)
#define DEVICE_RESOURCE_PREFETCH UINT64_C(0x00002000)
#define DEVICE_RESOURCE_64BIT	 UINT64_C(0x00100000)
#define DEVICE_RESOURCE_UNSET	 UINT64_C(0x20000000) /* it has no address */

struct host_device {
	struct bdf bdf;
	char text[BDF_TEXT_SIZE];
	char real[512]; /* its folder under /sys/devices, links resolved */
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code; /* base class, subclass, interface */
	bool is_dead;	     /* its configuration space reads all ones */
	bool is_bridge;	     /* a configuration header other than type 0: vfio-pci takes none of these */
	char driver[64];     /* "": none */
	char driver_override[64];
	bool has_group;
	uint32_t group;
	char reset_methods[64]; /* as in sysfs: "flr bus"; "": none, or a kernel before 5.15, which does not
				   say */
	bool can_reset;
	char power_state[16];
	bool d3cold_allowed;
	char modalias[128];
	bool is_virtual_function;
	char physical_function[BDF_TEXT_SIZE];
	unsigned vf_count, vf_total; /* of a physical function: virtual ones made, and possible */
	uint64_t resource_sizes[DEVICE_RESOURCES];
	uint64_t resource_flags[DEVICE_RESOURCES];
	unsigned lost_bars; /* a bit for each that the device has and the kernel gave up */
};

/* Both: -ENODEV with the cause and cure where the host has no such function. */
int device_load(const struct host *host, struct bdf bdf, struct host_device *ret_device);

/* All functions, in the order of their addresses; the caller frees the array. */
int device_load_all(const struct host *host, struct host_device **ret_list, size_t *ret_count);

/* The driver it is bound to at this moment, "" for none. */
int device_driver(const struct host *host, struct bdf bdf, char *ret_name, size_t size);

/* Writes the path of one of its attributes ("" for its folder) and returns ret_path. */
const char *device_path(const struct host *host, struct bdf bdf, const char *attribute,
			char ret_path[PATH_MAX]);

/* vfio-pci itself or one of the drivers that build on it for one vendor's devices. */
bool driver_is_vfio(const char *driver);

#endif
