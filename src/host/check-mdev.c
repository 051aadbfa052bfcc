/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a mediated device can be handed to a VM. Of what stands between a PCI device and a VM little
 * remains: the driver that made it stands between it and the hardware, so there is no IOMMU of its own, no
 * interrupt to remap, no driver to take it from, and its group has nobody else.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/mdev-priv.h"
#include "host/node-priv.h"

static bool has_drivers(const char *path)
{
	auto_dir DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			return true;
	}
	return false;
}

/* Until Linux 5.16 vfio_mdev works all of them. Since then it is the driver that made it, which has it from
 * the beginning and, once it was taken off, takes it back in no other way than anew
 * (drivers/vfio/mdev/mdev_driver.c, mdev_match()). */
static void check_mdev_driver(const struct host *host, const struct mdev *mdev, struct findings *findings)
{
	char drivers[PATH_MAX], path[PATH_MAX];

	if (mdev->has_group)
		return;
	findings_obstacle(findings, "driver", ENODEV,
			  "%s has no IOMMU group: %s, and only a VFIO driver gives it one", mdev->uuid,
			  mdev->driver[0] ? mdev->driver : "it is bound to no driver");
	sysfs_path(drivers, "%s/bus/mdev/drivers", host->sys);
	if (sysfs_exists(sysfs_path(path, "%s/vfio_mdev", drivers)))
		findings_cure(findings, "echo %s > %s/bind    (as root)", mdev->uuid, path);
	else if (!has_drivers(drivers))
		findings_cure(findings, "modprobe vfio_mdev    (as root)");
	else
		findings_cure(
			findings,
			"echo 1 > %s/remove; echo %s > %s/mdev_supported_types/%s/create    (as root; makes "
			"it anew)",
			mdev_path(host, mdev->uuid, path), mdev->uuid, mdev->parent, mdev->type);
}

static void check_mdev_node(const struct host *host, const struct mdev *mdev, const char *path,
			    struct findings *findings)
{
	int error = node_check(path);

	if (error == -ENOENT) {
		findings_obstacle(findings, "node", ENOENT,
				  "%s does not exist, though %s has IOMMU group %u: this %s does not show "
				  "the host's device nodes",
				  path, mdev->uuid, mdev->group, host->dev);
		findings_cure(findings, "run on the host, or give the container that node");
	} else if (error) {
		findings_obstacle_error(findings, "node");
	}
}

static void check_mdev_use(const struct host *host, const struct mdev *mdev, pid_t vm,
			   struct findings *findings)
{
	char path[PATH_MAX];

	check_mdev_node(host, mdev, sysfs_path(path, "%s/vfio/vfio", host->dev), findings);
	check_mdev_node(host, mdev, sysfs_path(path, "%s/vfio/%u", host->dev, mdev->group), findings);
	check_group_holders(host, mdev->group, mdev_path(host, mdev->uuid, path), vm, findings);
}

void check_mdev(const struct host *host, const struct mdev *mdev, pid_t vm, struct findings *findings)
{
	struct findings all = { 0 };

	(void)text_copy(findings->subject, sizeof(findings->subject), mdev->uuid);
	if (mdev->api[0] && strcmp(mdev->api, "vfio-pci") != 0) {
		findings_obstacle(findings, "kind", ENOTSUP,
				  "%s is no PCI device to its user but '%s', as its type %s says", mdev->uuid,
				  mdev->api, mdev->type);
		findings_cure(findings, "a mediated device of a type whose device_api is vfio-pci");
		return;
	}
	check_container_driver(host, &all);
	findings_take_obstacles(findings, &all);
	check_mdev_driver(host, mdev, findings);
	if (mdev->has_group)
		check_mdev_use(host, mdev, vm, findings);
}
