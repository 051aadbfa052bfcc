/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_USAGE_PRIV_H
#define HANDFAST_HOST_USAGE_PRIV_H

/*
 * Who on this host uses a device through its own driver. Built once from /sys, /proc/self/mountinfo,
 * /proc/1/mountinfo, /proc/swaps, /proc/net and /proc/PID/fd (as root: everybody's; else the caller's own),
 * then asked for each device.
 */
#include <stdbool.h>
#include <stddef.h>

#include "host/device-priv.h"
#include "host/host-priv.h"

enum use_kind {
	USE_MOUNT,
	USE_SWAP,
	USE_VOLUME, /* an LVM volume group, an encrypted volume, an array is active on it */
	USE_NETWORK,
	USE_PROCESS,
	USE_MACHINE,	 /* a virtual machine has it */
	USE_FRAMEBUFFER, /* the boot console draws on it */
	USE_FUNCTIONS,	 /* virtual functions: no VFIO driver takes a device that has some */
	USE_UNKNOWN,	 /* the kernel says busy, and shows us nothing more */
};

struct use {
	enum use_kind kind;
	bool vital;	 /* this machine would not survive the loss */
	char what[512];	 /* "/dev/nvme0n1p1 is mounted on /srv" */
	char brief[128]; /* "/srv": for a table */
	char cure[512];	 /* "umount /srv"; lines; "" none */
};

struct usage;

int usage_create(const struct host *host, struct usage **ret_usage);
void usage_destroy(struct usage *usage); /* NULL is fine */

/* "mount", "swap", ...: the kind's stable name. */
const char *use_kind_name(enum use_kind kind);

/* The uses of a device, at most room of them, in the order in which they have to go; returns how many stand
 * in ret_list. A vital one is among the first two where there is one. A bridge has none of its own. */
size_t usage_of(struct usage *usage, const struct host_device *device, struct use *ret_list, size_t room);

/* All of them, however many; the caller frees the list. */
int usage_all(struct usage *usage, const struct host_device *device, struct use **ret_list,
	      size_t *ret_count);

/* Whether the boot console's framebuffer lies in one of the device's BARs, whoever the device is bound to:
 * the kernel's own driver for it removes that framebuffer, vfio-pci may not. usage_of() reports it too. */
bool usage_framebuffer(const struct host *host, const struct host_device *device, struct use *ret_use);

#endif
