/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's IOMMU group: whether every member lets user space have it, and what memory the firmware
 * wants its members to reach.
 *
 * Sources: Linux Documentation/ABI/testing/sysfs-kernel-iommu_groups (reserved_regions);
 * drivers/iommu/iommu.c (a "direct" region keeps the group from user space since 6.6),
 * drivers/iommu/intel/iommu.c (VT-d: before that too; USB controllers and graphics are relaxed).
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/group-priv.h"
#include "host/guest-map.h"
#include "host/regions-priv.h"

const char *check_member_reason(const struct group_member *member)
{
	if (member->blocks)
		return "its driver works for the host";
	if (strcmp(member->driver, "pcieport") == 0)
		return "a bridge, whose driver moves no data of its own";
	if (!member->driver[0])
		return member->is_bridge ? "a bridge without driver" : "nobody works it";
	return driver_is_vfio(member->driver) ? "for guests" : "its driver leaves it alone";
}

bool check_will_be_bound(const struct check_scope *scope, const char *name)
{
	char text[BDF_TEXT_SIZE];

	for (size_t i = 0; scope && i < scope->bound_count; i++) {
		if (strcmp(bdf_format(scope->bound[i], text), name) == 0)
			return true;
	}
	return false;
}

static bool blocks(const struct group_member *member, const struct check_scope *scope)
{
	return member->blocks && !check_will_be_bound(scope, member->name);
}

/* One line for each of the others that do not block. */
static void list_others(const struct iommu_group *group, const struct host_device *device,
			const struct check_scope *scope, char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < group->count && used < size; i++) {
		const struct group_member *member = &group->members[i];

		if (strcmp(member->name, device->text) == 0 || blocks(member, scope))
			continue;
		used += (size_t)snprintf(ret_text + used, size - used, "\n%s (%s): %s", member->name,
					 member->driver[0] ? member->driver : "no driver",
					 member->blocks ? "bound to vfio-pci before the start"
							: check_member_reason(member));
	}
}

/* Who makes the group unviable; the device itself is check_driver()'s to name. */
void check_group(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		 struct findings *findings)
{
	struct iommu_group group = { 0 };
	size_t culprits = 0;
	char others[2048];

	if (group_load(host, device->group, &group)) {
		findings_obstacle_error(findings, "group");
		return;
	}
	for (size_t i = 0; i < group.count; i++) {
		const struct group_member *member = &group.members[i];

		if (!blocks(member, scope) || strcmp(member->name, device->text) == 0)
			continue;
		culprits++;
		findings_obstacle(findings, "group", EBUSY, "IOMMU group %u is not viable: %s is bound to %s",
				  group.number, member->name, member->driver);
		if (member->is_pci)
			findings_cure(findings, "handfast bind %s", member->name);
	}
	list_others(&group, device, scope, others, sizeof(others));
	if (!others[0] && !culprits)
		findings_ok(findings, "group", "IOMMU group %u: the device alone", group.number);
	else if (others[0])
		findings_ok(findings, "group", "IOMMU group %u, members that do not stand in the way:%s",
			    group.number, others);
	group_fini(&group);
}

/* Firmware (its own management processor, say) relies on the device's reaching this memory, at this address.
 * A guest has other memory there. */
static void check_direct_region(const struct host *host, const struct host_device *device,
				const struct region *region, struct findings *findings)
{
	char path[PATH_MAX];
	bool intel = sysfs_exists(sysfs_path(path, "%s/class/iommu/dmar0", host->sys));

	if (!region_direct_is_locked(host)) {
		findings_warning(findings, "reserved",
				 "the firmware wants the devices of IOMMU group %u to reach 0x%" PRIx64
				 " to 0x%" PRIx64 "; this kernel hands them out all the same",
				 device->group, region->first, region->last);
		return;
	}
	findings_obstacle(findings, "reserved", EINVAL,
			  "the firmware wants the devices of IOMMU group %u to reach its memory at 0x%" PRIx64
			  " to 0x%" PRIx64 " (%s) at all times, so the kernel hands them to nobody else",
			  device->group, region->first, region->last, intel ? "an RMRR" : "a direct mapping");
	findings_cure(findings,
		      "newer firmware, or its switch for this: pre-boot DMA protection, shared memory "
		      "or remote management of this slot");
	findings_cure(findings, "another device, or another slot for this one");
}

/* Guests' memory is laid out around what is reserved, but for what has to be where it is. */
static void check_base_memory(const struct host_device *device, const struct region *region,
			      struct findings *findings)
{
	findings_obstacle(findings, "reserved", EINVAL,
			  "devices of IOMMU group %u do not reach 0x%" PRIx64 " to 0x%" PRIx64
			  " (%s), and every guest has memory there, in its first 640 KiB",
			  device->group, region->first, region->last, region->type);
	findings_cure(findings, "another slot for the device, or newer firmware");
}

/* Adds a line on what memory is laid out around. */
static void add_line(const struct region *region, char *text, size_t size)
{
	size_t used = strlen(text);

	if (!region_is_elsewhere(region))
		(void)snprintf(text + used, size - used, "\n0x%" PRIx64 " to 0x%" PRIx64 " (%s)",
			       region->first, region->last, region->type);
}

void check_reserved(const struct host *host, const struct host_device *device, struct findings *findings)
{
	struct regions regions;
	size_t before = findings->count;
	char around[1024] = "";

	if (regions_load(host, device->group, &regions))
		return;
	for (size_t i = 0; i < regions.count; i++) {
		const struct region *region = &regions.list[i];

		if (strcmp(region->type, "direct") == 0)
			check_direct_region(host, device, region, findings);
		if (!region_forbids(host, region))
			continue;
		if (region->first < GUEST_BASE_END)
			check_base_memory(device, region, findings);
		else
			add_line(region, around, sizeof(around));
	}
	if (around[0])
		findings_ok(findings, "reserved", "guests' memory is laid out around:%s", around);
	else if (findings->count == before && regions.count)
		findings_ok(findings, "reserved", "%zu region%s, none where guests have memory",
			    regions.count, regions.count == 1 ? "" : "s");
	else if (findings->count == before && regions.known)
		findings_ok(findings, "reserved", "none");
	regions_fini(&regions);
}
