/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which regions count. VFIO maps nothing into a group's regions but into the relaxable ones (Linux,
 * drivers/vfio/vfio_iommu_type1.c, vfio_iommu_resv_exclude()), so these do not: they would cost every guest
 * of an Intel host its first 16 MiB, which the kernel lists for the ISA bridge (drivers/iommu/intel/iommu.c,
 * CONFIG_INTEL_IOMMU_FLOPPY_WA). A direct region counts where the kernel hands its devices out at all.
 */
#include "host/regions-priv.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sysfs.h"
#include "host/guest-map.h"
#include "host/kernel-priv.h"

#define FOUR_GIB (UINT64_C(1) << 32)

static int add(struct regions *regions, const struct region *region)
{
	struct region *more = realloc(regions->list, (regions->count + 1) * sizeof(*more));

	if (!more)
		return error_sys(ENOMEM, "reserved regions");
	regions->list = more;
	regions->list[regions->count++] = *region;
	return 0;
}

int regions_load(const struct host *host, uint32_t group, struct regions *ret_regions)
{
	struct regions regions = { 0 };
	char path[PATH_MAX], *rest, *line;
	auto_free char *text = NULL;

	*ret_regions = regions;
	if (sysfs_read_file(sysfs_path(path, "%s/kernel/iommu_groups/%u/reserved_regions", host->sys, group),
			    &text, NULL))
		return 0;
	regions.known = true;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		struct region region;
		int error;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %31s", &region.first, &region.last, region.type) !=
			    3 ||
		    region.last < region.first)
			continue;
		error = add(&regions, &region);
		if (error) {
			regions_fini(&regions);
			return error;
		}
	}
	*ret_regions = regions;
	return 0;
}

void regions_fini(struct regions *regions)
{
	free(regions->list);
	*regions = (struct regions){ 0 };
}

bool region_direct_is_locked(const struct host *host)
{
	char path[PATH_MAX];

	/* VT-d's driver has always refused, the kernel for all IOMMUs since 6.6. */
	return kernel_is_since(host, 6, 6) ||
	       sysfs_exists(sysfs_path(path, "%s/class/iommu/dmar0", host->sys));
}

bool region_forbids(const struct host *host, const struct region *region)
{
	if (strcmp(region->type, "direct-relaxable") == 0)
		return false;
	return strcmp(region->type, "direct") != 0 || !region_direct_is_locked(host);
}

static int compare(const void *left, const void *right)
{
	const struct region *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Ascending; what overlaps or touches is one. */
static void merge(struct regions *regions)
{
	size_t kept = 0;

	if (!regions->count)
		return;
	qsort(regions->list, regions->count, sizeof(regions->list[0]), compare);
	for (size_t i = 1; i < regions->count; i++) {
		struct region *last = &regions->list[kept];
		const struct region *next = &regions->list[i];

		if (last->last == UINT64_MAX || next->first <= last->last + 1) {
			if (next->last > last->last)
				last->last = next->last;
		} else {
			regions->list[++kept] = *next;
		}
	}
	regions->count = kept + 1;
}

/* More than can be told: the closest two become one, with what lies between them, again and again. */
static void merge_closest(struct regions *regions)
{
	while (regions->count > BROKER_RANGES_MAX) {
		struct region *list = regions->list;
		size_t closest = 1;

		for (size_t i = 2; i < regions->count; i++) {
			if (list[i].first - list[i - 1].last < list[closest].first - list[closest - 1].last)
				closest = i;
		}
		log_warning(
			"this host reserves so many stretches of addresses that guests do without the memory "
			"between 0x%" PRIx64 " and 0x%" PRIx64 " too",
			list[closest - 1].last + 1, list[closest].first - 1);
		list[closest - 1].last = list[closest].last;
		memmove(&list[closest], &list[closest + 1], (regions->count - closest - 1) * sizeof(list[0]));
		regions->count--;
	}
}

bool region_is_elsewhere(const struct region *region)
{
	return (region->first >= GUEST_LOW_RAM_MAX && region->last < FOUR_GIB) ||
	       (region->first >= GUEST_HOLE_START && region->last < GUEST_HOLE_END);
}

/* Adds those of a group that count. */
static int collect(const struct host *host, uint32_t group, struct regions *regions)
{
	struct regions all;
	int error = regions_load(host, group, &all);

	for (size_t i = 0; !error && i < all.count; i++) {
		if (region_forbids(host, &all.list[i]) && !region_is_elsewhere(&all.list[i]))
			error = add(regions, &all.list[i]);
	}
	regions_fini(&all);
	return error;
}

static void hand_out(const struct regions *regions, struct broker_range ret_list[BROKER_RANGES_MAX],
		     size_t *ret_count)
{
	*ret_count = regions->count < BROKER_RANGES_MAX ? regions->count : BROKER_RANGES_MAX;
	for (size_t i = 0; i < *ret_count; i++)
		ret_list[i] = (struct broker_range){ regions->list[i].first, regions->list[i].last };
}

int regions_of_host(const struct host *host, struct broker_range ret_list[BROKER_RANGES_MAX],
		    size_t *ret_count)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/kernel/iommu_groups", host->sys));
	struct regions regions = { 0 };
	struct dirent *entry;
	int error = 0;

	while (dir && !error && (entry = readdir(dir))) {
		char *end;
		unsigned long group = strtoul(entry->d_name, &end, 10);

		if (end != entry->d_name && !*end)
			error = collect(host, (uint32_t)group, &regions);
	}
	if (!error) {
		merge(&regions);
		merge_closest(&regions);
		hand_out(&regions, ret_list, ret_count);
	}
	regions_fini(&regions);
	return error;
}

/* Some group may have more: what the kernel then refuses it explains less well, and that is all. */
int regions_of_group(const struct host *host, uint32_t group, struct broker_range ret_list[BROKER_RANGES_MAX],
		     size_t *ret_count)
{
	struct regions regions = { 0 };
	int error = collect(host, group, &regions);

	if (!error) {
		merge(&regions);
		hand_out(&regions, ret_list, ret_count);
	}
	regions_fini(&regions);
	return error;
}
