/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Viability, as Linux computes it (drivers/iommu/iommu.c: a group's DMA ownership): user space may own
 * the group while every member is without driver or bound to one that says it manages DMA by itself
 * (`driver_managed_dma`): vfio-pci and its variants, pcieport for bridges, and pci-stub, which touches
 * nothing.
 */
#include "host/group-priv.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bdf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/device-priv.h"

#define CLASS_BRIDGE_TO_PCI 0x0604

static bool driver_blocks(const char *driver)
{
	static const char *const harmless[] = { "pcieport", "pci-stub", "vfio-platform", "vfio-amba",
						"vfio-fsl-mc" };

	if (!driver[0] || driver_is_vfio(driver))
		return false;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (strcmp(driver, harmless[i]) == 0)
			return false;
	}
	return true;
}

static void load_member(const char *folder, const char *name, struct group_member *member)
{
	char path[PATH_MAX];
	uint64_t class_code = 0;
	struct bdf bdf;

	*member = (struct group_member){ 0 };
	(void)text_copy(member->name, sizeof(member->name), name);
	(void)sysfs_read_link(sysfs_path(path, "%s/%s/driver", folder, name), member->driver,
			      sizeof(member->driver));
	member->is_pci = bdf_parse(name, &bdf) == 0;
	(void)sysfs_read_u64(sysfs_path(path, "%s/%s/class", folder, name), &class_code);
	member->is_bridge = member->is_pci && class_code >> 8 == CLASS_BRIDGE_TO_PCI;
	member->blocks = driver_blocks(member->driver);
}

static int compare(const void *left, const void *right)
{
	return strcmp(((const struct group_member *)left)->name, ((const struct group_member *)right)->name);
}

int group_load(const struct host *host, uint32_t number, struct iommu_group *ret_group)
{
	struct iommu_group group = { .number = number };
	char folder[PATH_MAX], path[PATH_MAX];
	auto_dir DIR *dir =
		opendir(sysfs_path(folder, "%s/kernel/iommu_groups/%u/devices", host->sys, number));
	struct dirent *entry;

	if (!dir)
		return error_sys(errno, "IOMMU group %u", number);
	while ((entry = readdir(dir))) {
		struct group_member *more;

		if (entry->d_name[0] == '.')
			continue;
		more = realloc(group.members, (group.count + 1) * sizeof(*more));
		if (!more) {
			group_fini(&group);
			return error_sys(ENOMEM, "the members of IOMMU group %u", number);
		}
		group.members = more;
		load_member(folder, entry->d_name, &group.members[group.count++]);
	}
	if (group.count)
		qsort(group.members, group.count, sizeof(*group.members), compare);
	(void)sysfs_read_text(sysfs_path(path, "%s/kernel/iommu_groups/%u/type", host->sys, number),
			      group.type, sizeof(group.type));
	*ret_group = group;
	return 0;
}

void group_fini(struct iommu_group *group)
{
	free(group->members);
	*group = (struct iommu_group){ 0 };
}

bool group_is_viable(const struct iommu_group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		if (group->members[i].blocks)
			return false;
	}
	return true;
}
