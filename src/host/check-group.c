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

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/group-priv.h"
#include "host/guest-map.h"
#include "host/kernel-priv.h"

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

struct region {
	uint64_t start, end;
	char type[32];
};

/* Firmware (its own management processor, say) relies on the device's reaching this memory, at this address.
 * A guest has other memory there. */
static void check_direct_region(const struct host *host, const struct host_device *device,
				const struct region *region, struct findings *findings)
{
	char path[PATH_MAX];
	bool intel = sysfs_exists(sysfs_path(path, "%s/class/iommu/dmar0", host->sys));

	if (!intel && !kernel_is_since(host, 6, 6)) {
		findings_warning(findings, "reserved",
				 "the firmware wants the devices of IOMMU group %u to reach 0x%" PRIx64
				 " to 0x%" PRIx64 "; this kernel hands them out all the same",
				 device->group, region->start, region->end);
		return;
	}
	findings_obstacle(findings, "reserved", EINVAL,
			  "the firmware wants the devices of IOMMU group %u to reach its memory at 0x%" PRIx64
			  " to 0x%" PRIx64 " (%s) at all times, so the kernel hands them to nobody else",
			  device->group, region->start, region->end, intel ? "an RMRR" : "a direct mapping");
	findings_cure(findings,
		      "newer firmware, or its switch for this: pre-boot DMA protection, shared memory "
		      "or remote management of this slot");
	findings_cure(findings, "another device, or another slot for this one");
}

static bool overlaps(const struct region *region, uint64_t start, uint64_t size)
{
	return region->start < start + size && region->end >= start;
}

/* Whether guests have RAM there. */
static void check_reserved_region(const struct host_device *device, const struct region *region,
				  struct findings *findings)
{
	if (!overlaps(region, 0, GUEST_LOW_RAM_MAX))
		return;
	findings_warning(findings, "reserved",
			 "devices of IOMMU group %u do not reach 0x%" PRIx64 " to 0x%" PRIx64
			 ": a guest with memory there cannot have one",
			 device->group, region->start, region->end);
	findings_cure(findings, "a guest with less memory than that (-m)");
}

void check_reserved(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	struct region region;
	char *rest, *line;
	unsigned count = 0;
	size_t before = findings->count;

	if (sysfs_read_file(
		    sysfs_path(path, "%s/kernel/iommu_groups/%u/reserved_regions", host->sys, device->group),
		    &text, NULL))
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %31s", &region.start, &region.end, region.type) !=
		    3)
			continue;
		count++;
		if (strcmp(region.type, "direct") == 0)
			check_direct_region(host, device, &region, findings);
		else if (strcmp(region.type, "reserved") == 0)
			check_reserved_region(device, &region, findings);
	}
	if (findings->count > before)
		return;
	if (count)
		findings_ok(findings, "reserved", "%u region%s, none where guests have memory", count,
			    count == 1 ? "" : "s");
	else
		findings_ok(findings, "reserved", "none");
}
