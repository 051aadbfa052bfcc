/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: Linux Documentation/driver-api/vfio-mediated-device.rst. */
#include "host/mdev-priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"

const char *mdev_path(const struct host *host, const char *uuid, char ret_path[PATH_MAX])
{
	return sysfs_path(ret_path, "%s/bus/mdev/devices/%s", host->sys, uuid);
}

int mdev_try_create(const struct host *host, const char *uuid)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/mdev_bus", host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			return error_try("echo %s > %s/%s/mdev_supported_types/TYPE/create    (as root, with "
					 "a TYPE that is there; makes it)",
					 uuid, path, entry->d_name);
	}
	error_add("no driver on this host makes mediated devices now (nothing in %s)", path);
	return error_try("modprobe DRIVER    (as root; the one that does, then make the device)");
}

int mdev_load(const struct host *host, const char *uuid, struct mdev *ret_mdev)
{
	struct mdev mdev = { 0 };
	char folder[PATH_MAX], path[PATH_MAX], real[PATH_MAX], number[16];
	uint64_t group;

	if (!uuid_valid(uuid) || !realpath(mdev_path(host, uuid, folder), real)) {
		error_set(ENODEV, "there is no mediated device %s on this host", uuid);
		return mdev_try_create(host, uuid);
	}
	(void)text_copy(mdev.uuid, sizeof(mdev.uuid), uuid);
	*strrchr(real, '/') = '\0';
	(void)text_copy(mdev.parent, sizeof(mdev.parent), real);
	(void)sysfs_read_link(sysfs_path(path, "%s/mdev_type", folder), mdev.type, sizeof(mdev.type));
	(void)sysfs_read_text(sysfs_path(path, "%s/mdev_type/name", folder), mdev.type_name,
			      sizeof(mdev.type_name));
	(void)sysfs_read_text(sysfs_path(path, "%s/mdev_type/device_api", folder), mdev.api,
			      sizeof(mdev.api));
	(void)sysfs_read_link(sysfs_path(path, "%s/driver", folder), mdev.driver, sizeof(mdev.driver));
	if (sysfs_read_link(sysfs_path(path, "%s/iommu_group", folder), number, sizeof(number)) == 0 &&
	    text_to_u64(number, UINT32_MAX, &group) == 0) {
		mdev.has_group = true;
		mdev.group = (uint32_t)group;
	}
	*ret_mdev = mdev;
	return 0;
}

const char *mdev_title(const struct mdev *mdev, char *ret_text, size_t size)
{
	(void)snprintf(ret_text, size, "%s (%s%s%s, on %s)", mdev->uuid, mdev->type,
		       mdev->type_name[0] ? ", " : "", mdev->type_name, mdev->parent);
	return ret_text;
}
