/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices named by a path in sysfs, as QEMU's sysfsdev= does. Whatever way the path takes, it ends in a
 * device's folder below /sys/devices, which has its name on its bus and, as "subsystem", that bus.
 * Source: Linux Documentation/admin-guide/sysfs-rules.rst.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "host/device-priv.h"
#include "host/mdev-priv.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Nothing is at path, and these are what people mean. */
static int nothing_there(const struct host *host, const char *path, int errnum)
{
	const char *name = last_part(path);
	struct host_device device;
	struct bdf bdf;

	if (errnum != ENOENT)
		return error_sys(errnum, "%s", path);
	if (uuid_valid(name)) {
		struct mdev mdev;
		int error = mdev_load(host, name, &mdev);
		char there[PATH_MAX];

		if (error)
			return error;
		error_set(ENOENT, "there is no %s", path);
		return error_try("sysfsdev=%s", mdev_path(host, name, there));
	}
	if (bdf_parse(name, &bdf) == 0) {
		int error = device_load(host, bdf, &device);

		if (error)
			return error;
		error_set(ENOENT, "there is no %s", path);
		return error_try("host=%s", device.text);
	}
	error_set(ENOENT, "there is no %s", path);
	return error_try("ls %s/bus/pci/devices %s/bus/mdev/devices    (shows the devices there are)",
			 host->sys, host->sys);
}

/* A device of another kind, or what lies in a device's folder. */
static int other_bus(const char *path, const char *bus)
{
	error_set(ENOTSUP, "%s is a device of '%s': only those of 'pci' and 'mdev' can be assigned", path,
		  bus);
	return error_try("name the PCI device's own folder, as /sys/bus/pci/devices/0000:1a:00.3");
}

static int no_device(const char *path)
{
	error_set(EINVAL, "%s is no device's folder in sysfs", path);
	return error_try("name a folder like /sys/bus/pci/devices/0000:1a:00.3, or "
			 "/sys/bus/mdev/devices/UUID for a mediated device");
}

/* Whether that folder is the one that this host has under its bus: not a copy of one. */
static bool is_on_bus(const struct host *host, const char *bus, const char *real)
{
	char path[PATH_MAX], there[PATH_MAX];

	sysfs_path(path, "%s/bus/%s/devices/%s", host->sys, bus, last_part(real));
	return realpath(path, there) && strcmp(there, real) == 0;
}

int sysfsdev_find(const struct host *host, const char *path, struct host_id *ret_id)
{
	char real[PATH_MAX], link[PATH_MAX], bus[64] = "";
	struct host_id id = { .uuid = "" };

	if (!realpath(path, real))
		return nothing_there(host, path, errno);
	if (sysfs_read_link(sysfs_path(link, "%s/subsystem", real), bus, sizeof(bus)) ||
	    !is_on_bus(host, bus, real))
		return strncmp(real, host->sys, strlen(host->sys)) == 0 && sysfs_exists(link)
			       ? other_bus(path, bus)
			       : no_device(path);
	if (strcmp(bus, "pci") == 0 && bdf_parse(last_part(real), &id.bdf) == 0) {
		*ret_id = id;
		return 0;
	}
	if (strcmp(bus, "mdev") == 0 && uuid_valid(last_part(real))) {
		(void)memcpy(id.uuid, last_part(real), sizeof(id.uuid));
		*ret_id = id;
		return 0;
	}
	return other_bus(path, bus);
}
