/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_MDEV_PRIV_H
#define HANDFAST_HOST_MDEV_PRIV_H

/* A mediated device: one that another device's driver makes, out of a part of it or out of nothing. */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/host_id.h"
#include "host/host-priv.h"

struct mdev {
	char uuid[UUID_TEXT_SIZE];
	char parent[512];   /* the folder of the device it comes from, as in "/sys/devices/..." */
	char type[64];	    /* "mtty-2" */
	char type_name[64]; /* "Dual port serial"; "": it has none */
	char api[32];	    /* what it is to user space: "vfio-pci" */
	char driver[64];    /* "": none, and then it has no group either */
	bool has_group;
	uint32_t group;
};

/* -ENODEV with the cause and cure where the host has no such device. */
int mdev_load(const struct host *host, const char *uuid, struct mdev *ret_mdev);

/* Its folder; returns ret_path. */
const char *mdev_path(const struct host *host, const char *uuid, char ret_path[PATH_MAX]);

/* "83b8f4f2-... (mtty-2, Dual port serial, on /sys/devices/virtual/mtty/mtty)"; returns ret_text. */
const char *mdev_title(const struct mdev *mdev, char *ret_text, size_t size);

/* How one is made, for a remedy. Returns the error record's negative errno. */
int mdev_try_create(const struct host *host, const char *uuid);

/*
 * Which device of the host a path in sysfs stands for, links followed: a PCI function or a mediated device.
 * Errors, with cause and cure: the path leads nowhere, to no device, or to one of another bus.
 */
int sysfsdev_find(const struct host *host, const char *path, struct host_id *ret_id);

#endif
