/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the kernel has what hands devices to user space: vfio-pci, and behind /dev/vfio/vfio the legacy
 * container's IOMMU driver, or iommufd in its stead (CONFIG_IOMMUFD_VFIO_CONTAINER).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "host/check-priv.h"
#include "host/kernel-priv.h"
#include "host/node-priv.h"

int check_container_denied(const char *path, int errnum)
{
	if (errnum == EACCES || errnum == EPERM)
		return node_denied(path, errnum);
	if (errnum != ENOENT && errnum != ENODEV)
		return error_sys(errnum, "%s", path);
	error_set(errnum, "%s: the kernel's VFIO is not loaded", path);
	return error_try("modprobe vfio-pci    (as root)");
}

void check_container(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];
	int error = node_check(sysfs_path(path, "%s/vfio/vfio", host->dev));

	if (!error)
		return;
	(void)check_container_denied(path, -error);
	findings_obstacle_error(findings, "node");
}

/* One driver: there; a module that can be loaded; or in this kernel's gift no more. present: a place in
 * sysfs that only the driver makes. */
static void check_module(const struct host *host, struct findings *findings, const char *module,
			 const char *present, const char *option)
{
	enum kernel_module state = kernel_module(host, module);

	if (state == KERNEL_MODULE_BUILT_IN) {
		findings_ok(findings, "vfio", "%s is built in", module);
	} else if (state == KERNEL_MODULE_LOADED || sysfs_exists(present)) {
		findings_ok(findings, "vfio", "%s is loaded", module);
	} else if (state == KERNEL_MODULE_LOADABLE) {
		findings_ok(findings, "vfio", "%s is a module, loaded when it is needed", module);
	} else if (state == KERNEL_MODULE_UNKNOWN) {
		findings_warning(findings, "vfio",
				 "%s is not loaded, and whether it can be is not to be seen here: %s is "
				 "missing",
				 module, host->modules);
		findings_cure(findings, "modprobe %s    (as root, on the host)", module);
	} else {
		findings_obstacle(findings, "vfio", ENOENT,
				  "this kernel has no %s: it is neither built in nor in %s", module,
				  host->modules);
		findings_cure(findings, "a kernel with CONFIG_%s, and its modules installed", option);
	}
}

static void check_iommufd(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];

	if (sysfs_exists(sysfs_path(path, "%s/iommu", host->dev)))
		findings_ok(findings, "iommufd", "%s is there; handfast does not need it", path);
	else
		findings_ok(findings, "iommufd", "no %s; handfast does not need it", path);
}

void check_container_driver(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];

	sysfs_path(path, "%s/module/vfio_iommu_type1", host->sys);
	if (!sysfs_exists(path) && kernel_option(host, "IOMMUFD_VFIO_CONTAINER") == KERNEL_OPTION_BUILT_IN)
		findings_ok(findings, "vfio", "iommufd stands in for vfio_iommu_type1");
	else
		check_module(host, findings, "vfio_iommu_type1", path, "VFIO_IOMMU_TYPE1");
}

void check_drivers(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];

	check_module(host, findings, "vfio-pci", sysfs_path(path, "%s/bus/pci/drivers/vfio-pci", host->sys),
		     "VFIO_PCI");
	check_container_driver(host, findings);
}

void check_vfio(const struct host *host, struct findings *findings)
{
	check_drivers(host, findings);
	check_iommufd(host, findings);
}
