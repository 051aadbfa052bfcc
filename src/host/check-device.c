/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether one device can be handed to a VM as things stand. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/group-priv.h"
#include "host/journal-priv.h"
#include "host/names-priv.h"
#include "host/node-priv.h"
#include "host/process-priv.h"

#define HOLDERS_SHOWN 8

const char *check_device_title(const struct host *host, const struct host_device *device, char *ret_text,
			       size_t size)
{
	char name[128];
	struct names *names = names_open(host);

	names_device(names, device->vendor, device->device, name, sizeof(name));
	names_close(names);
	(void)snprintf(ret_text, size, "%s (%04x:%04x %s)", device->text, device->vendor, device->device,
		       name);
	return ret_text;
}

static void check_driver(const struct host_device *device, const struct check_scope *scope,
			 struct findings *findings)
{
	if (driver_is_vfio(device->driver)) {
		findings_ok(findings, "driver", "bound to %s", device->driver);
		return;
	}
	if (check_will_be_bound(scope, device->text)) {
		findings_ok(findings, "driver", "bound to vfio-pci before the start");
		return;
	}
	if (!device->has_group) {
		/* No driver makes up for that, and bind refuses. */
		findings_ok(findings, "driver", "bound to %s",
			    device->driver[0] ? device->driver : "no driver");
		return;
	}
	if (device->driver[0])
		findings_obstacle(findings, "driver", EBUSY, "%s is bound to %s, the host's own driver",
				  device->text, device->driver);
	else
		findings_obstacle(findings, "driver", ENODEV,
				  "%s is bound to no driver; it has to be vfio-pci", device->text);
	findings_cure(findings, "handfast bind %s", device->text);
}

static void check_node(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char path[PATH_MAX], user[128];
	int error = node_check(sysfs_path(path, "%s/vfio/%u", host->dev, device->group));

	if (!error) {
		findings_ok(findings, "node", "%s can be opened", path);
	} else if (error == -ENOENT) {
		findings_obstacle(
			findings, "node", ENOENT,
			"%s does not exist, though %s is bound to %s: this %s does not show the host's "
			"device nodes",
			path, device->text, device->driver, host->dev);
		findings_cure(findings, "run on the host, or give the container that node");
	} else {
		findings_obstacle_error(findings, "node");
		node_user(user, sizeof(user));
		user[strcspn(user, " ")] = '\0';
		findings_cure(findings, "handfast bind --user %s %s    (as root; for all of its nodes)", user,
			      device->text);
	}
}

/* A group is open in one process at a time, and opening it does nothing to its devices: where it opens,
 * nobody has it, nor a device of it by its own node. That spares the walk through every process's
 * descriptors. Only for a start, which is about to open it anyhow: a virtual machine that started in that
 * moment would be told that the group is in use. */
static bool group_opens(const struct host *host, uint32_t group)
{
	char path[PATH_MAX];
	auto_fd int fd = open(sysfs_path(path, "%s/vfio/%u", host->dev, group), O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

static void check_holders_of(const struct host *host, const char *path, pid_t except,
			     struct findings *findings)
{
	struct process holders[HOLDERS_SHOWN];
	char names[512];
	size_t count = process_holders(host, path, except, holders, HOLDERS_SHOWN);

	if (!count)
		return;
	findings_obstacle(findings, "use", EBUSY, "%s is in use by %s", path,
			  process_names(holders, count, names, sizeof(names)));
	findings_cure(findings, "end that virtual machine first");
}

/* The device's own character device, on kernels that have them. */
static void check_own_holders(const struct host *host, const char *folder, pid_t except,
			      struct findings *findings)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/vfio-dev", folder));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			check_holders_of(host,
					 sysfs_path(path, "%s/vfio/devices/%s", host->dev, entry->d_name),
					 except, findings);
	}
}

void check_group_holders(const struct host *host, uint32_t group, const char *folder, pid_t except,
			 struct findings *findings)
{
	char path[PATH_MAX];

	if (except && group_opens(host, group))
		return;
	check_holders_of(host, sysfs_path(path, "%s/vfio/%u", host->dev, group), except, findings);
	check_own_holders(host, folder, except, findings);
}

void check_holders(const struct host *host, const struct host_device *device, pid_t except,
		   struct findings *findings)
{
	char folder[PATH_MAX];

	device_path(host, device->bdf, "", folder);
	if (device->has_group)
		check_group_holders(host, device->group, folder, except, findings);
	else
		check_own_holders(host, folder, except, findings);
}

/* A bridge's class, but a device's header: the kernel would hand it out. */
static const char *chipset_part(uint32_t class_code)
{
	switch (class_code >> 8) {
	case 0x0600:
		return "a host bridge";
	case 0x0601:
		return "an ISA bridge";
	case 0x0602:
		return "an EISA bridge";
	case 0x0603:
		return "an MCA bridge";
	case 0x0605:
		return "a PCMCIA bridge";
	default:
		return NULL;
	}
}

bool check_kind(const struct host_device *device, struct findings *findings)
{
	const char *part = chipset_part(device->class_code);

	if (device->is_bridge)
		findings_obstacle(findings, "kind", EINVAL,
				  "%s is a bridge; only devices behind bridges can be assigned",
				  device->text);
	else if (part)
		findings_obstacle(findings, "kind", EINVAL,
				  "%s is %s: a part of this machine, which may stop working without it, and "
				  "nothing that a guest could use",
				  device->text, part);
	else
		return true;
	findings_cure(findings, "handfast list    (shows the devices there are)");
	return false;
}

/* A VFIO driver cannot map a BAR that the boot console draws on. Another driver takes the console over, or
 * check_uses() has said so. */
static void check_framebuffer(const struct host *host, const struct host_device *device,
			      struct findings *findings)
{
	struct use use;

	if (!usage_framebuffer(host, device, &use))
		return;
	findings_obstacle(findings, "use", EBUSY, "%s is in use: %s", device->text, use.what);
	if (use.cure[0])
		findings_cure(findings, "%s", use.cure);
}

/* A start that binds the device by itself hears of it from bind, which finishes what can be finished. */
static void check_progress(const struct host *host, const struct host_device *device,
			   const struct check_scope *scope, struct findings *findings)
{
	char text[160];

	if (check_will_be_bound(scope, device->text) ||
	    !journal_in_progress(host, device, text, sizeof(text)))
		return;
	findings_obstacle(findings, "progress", EINPROGRESS, "%s: %s", device->text, text);
	findings_cure(findings, "handfast unbind --wait %s    (waits where it has to, and finishes it)",
		      device->text);
}

void check_device(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		  struct findings *findings)
{
	if (!check_kind(device, findings))
		return;
	check_progress(host, device, scope, findings);
	check_driver(device, scope, findings);
	if (device->has_group) {
		check_group(host, device, scope, findings);
		check_reserved(host, device, findings);
	} else {
		findings_obstacle(findings, "group", ENODEV,
				  "%s has no IOMMU group: it is not behind an IOMMU", device->text);
		findings_cure(findings, "handfast check    (says whether this host has one)");
	}
	if (device->has_group && driver_is_vfio(device->driver)) {
		check_container(host, findings);
		check_node(host, device, findings);
		check_holders(host, device, scope ? scope->vm : 0, findings);
		check_framebuffer(host, device, findings);
	}
	check_sriov(host, device, scope, findings);
	check_interrupts(host, device, findings);
	check_bars(host, device, findings);
	check_reset(host, device, findings);
	check_power(host, device, findings);
}

/* The host's obstacles, without what is well with it. */
static void check_host_for_device(const struct host *host, struct findings *findings)
{
	struct findings all = { 0 };

	if (!check_has_iommu(host)) /* looks at one group where check_iommu() looks at all */
		check_iommu(host, &all);
	check_interrupt_remapping(host, &all);
	check_drivers(host, &all);
	findings_take_obstacles(findings, &all);
}

void check_assignable(const struct host *host, const struct host_device *device,
		      const struct check_scope *scope, struct findings *findings)
{
	(void)text_copy(findings->subject, sizeof(findings->subject), device->text);
	if (device->is_bridge) {
		check_kind(device, findings);
		return;
	}
	check_host_for_device(host, findings);
	/* Without an IOMMU there are no groups, and what follows would only say the same. */
	if (check_has_iommu(host) || !findings_obstructed(findings))
		check_device(host, device, scope, findings);
}

void check_uses(struct usage *usage, const struct host_device *device, bool forced, struct findings *findings)
{
	auto_free struct use *uses = NULL;
	size_t count = 0;

	if (usage_all(usage, device, &uses, &count))
		findings_obstacle_error(findings, "use");
	for (size_t i = 0; i < count; i++) {
		/* vfio-pci takes no device that has virtual functions of another driver's, force or not. */
		if (forced && !uses[i].vital && uses[i].kind != USE_FUNCTIONS)
			findings_warning(findings, "use", "%s is in use: %s", device->text, uses[i].what);
		else
			findings_obstacle(findings, "use", EBUSY, "%s is in use: %s", device->text,
					  uses[i].what);
		if (uses[i].cure[0])
			findings_cure(findings, "%s", uses[i].cure);
	}
}
