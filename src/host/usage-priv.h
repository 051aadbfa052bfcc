/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_USAGE_PRIV_H
#define HANDFAST_HOST_USAGE_PRIV_H

/*
 * Who on this host uses a device through its own driver. Built once from /sys, /proc/self/mountinfo,
 * /proc/swaps and /proc/PID/fd, then asked for each device.
 */
#include <stdbool.h>
#include <stddef.h>

#include "host/device-priv.h"
#include "host/host-priv.h"

enum use_kind {
	USE_MOUNT,
	USE_SWAP,
	USE_NETWORK,
	USE_PROCESS,
	USE_FRAMEBUFFER, /* the boot console draws on it */
	USE_FUNCTIONS,	 /* virtual functions that would vanish with the driver */
	USE_UNKNOWN,	 /* the kernel says busy, and shows us nothing more */
};

struct use {
	enum use_kind kind;
	bool vital;	 /* this machine would not survive the loss */
	char what[320];	 /* "/dev/nvme0n1p1 is mounted on /srv" */
	char brief[128]; /* "/srv": for a table */
	char cure[320];	 /* "umount /srv"; "" none */
};

struct usage;

int usage_create(const struct host *host, struct usage **ret_usage);
void usage_destroy(struct usage *usage); /* NULL is fine */

/* The uses of a device, at most room of them, a vital one always among them where there is one; returns
 * how many stand in ret_list. */
size_t usage_of(struct usage *usage, const struct host_device *device, struct use *ret_list, size_t room);

/* Whether the boot console's framebuffer lies in one of the device's BARs, whoever the device is bound to:
 * the kernel's own driver for it removes that framebuffer, vfio-pci may not. usage_of() reports it too. */
bool usage_framebuffer(const struct host *host, const struct host_device *device, struct use *ret_use);

#endif
