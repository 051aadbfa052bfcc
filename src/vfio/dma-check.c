/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a device could reach all of a guest's RAM, found out before anything is mapped. RAM was laid out
 * around what the host reserved when the VM started, so what is found here has come since (a group that was
 * plugged in), or is a matter of how many address bits an IOMMU has, of which the host tells nothing
 * beforehand.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "vfio/dma-priv.h"

#define MIB (UINT64_C(1) << 20)

/* One walk over the RAM in the map. */
struct walk {
	const struct broker_range *reserved;
	const struct vfio_iospace_range *ranges;
	size_t count;
	uint32_t group;
	uint64_t last;	   /* the last address of all ranges */
	uint64_t reach;	   /* bytes of RAM up to there */
	uint64_t mappings; /* that the RAM takes */
};

static uint64_t last_of(const struct mem_region *region)
{
	return region->start + region->size - 1;
}

static int try_anew(void)
{
	return error_try("start the VM anew: its memory is then laid out around that");
}

static int look_reserved(void *opaque, const struct mem_region *region)
{
	const struct walk *walk = opaque;

	for (size_t i = 0; vfio_dma_concerns(region) && i < walk->count; i++) {
		const struct broker_range *there = &walk->reserved[i];

		if (there->first > last_of(region) || there->last < region->start)
			continue;
		error_set(EADDRNOTAVAIL,
			  "guest memory at 0x%" PRIx64 " to 0x%" PRIx64 " overlaps 0x%" PRIx64
			  " to 0x%" PRIx64 ", which IOMMU group %u reserves",
			  region->start, last_of(region), there->first, there->last, walk->group);
		return try_anew();
	}
	return 0;
}

int vfio_dma_check_group(struct mem_map *map, struct broker *broker, uint32_t group)
{
	struct broker_range reserved[BROKER_RANGES_MAX];
	struct walk walk = { .reserved = reserved, .group = group };
	int error = broker_group_reserved(broker, group, reserved, &walk.count);

	return error ? error : mem_map_each(map, look_reserved, &walk);
}

static int look_reach(void *opaque, const struct mem_region *region)
{
	struct walk *walk = opaque;

	if (vfio_dma_concerns(region) && region->start <= walk->last)
		walk->reach += last_of(region) > walk->last ? walk->last - region->start + 1 : region->size;
	return 0;
}

static int beyond(const struct walk *walk, const struct mem_region *region)
{
	unsigned bits = 64u - (unsigned)__builtin_clzll(walk->last | 1);

	error_set(EADDRNOTAVAIL,
		  "guest memory at 0x%" PRIx64 " to 0x%" PRIx64 " reaches beyond 0x%" PRIx64
		  ", the last address that this device's IOMMU translates",
		  region->start, last_of(region), walk->last);
	if (bits < 64 && walk->last + 1 == UINT64_C(1) << bits)
		error_add("it has %u address bits", bits);
	return error_try("give the guest less memory: -m %" PRIu64 "M at most", walk->reach / MIB);
}

/* What lies between two ranges, or before the first, is what the memory has run into. */
static int between(const struct walk *walk, const struct mem_region *region)
{
	uint64_t first = 0, last = UINT64_MAX;

	for (size_t i = 0; i < walk->count; i++) {
		const struct vfio_iospace_range *range = &walk->ranges[i];

		if (range->first <= region->start && range->last >= region->start)
			first = range->last + 1;
		else if (range->last < region->start && range->last >= first)
			first = range->last + 1;
		else if (range->first > region->start && range->first - 1 < last)
			last = range->first - 1;
	}
	error_set(EADDRNOTAVAIL,
		  "guest memory at 0x%" PRIx64 " to 0x%" PRIx64 " overlaps 0x%" PRIx64 " to 0x%" PRIx64
		  ", which this device's IOMMU does not translate",
		  region->start, last_of(region), first, last);
	return try_anew();
}

static int look_ranges(void *opaque, const struct mem_region *region)
{
	struct walk *walk = opaque;

	if (!vfio_dma_concerns(region))
		return 0;
	walk->mappings += (region->size + VFIO_DMA_PIECE - 1) / VFIO_DMA_PIECE;
	for (size_t i = 0; i < walk->count; i++) {
		if (region->start >= walk->ranges[i].first && last_of(region) <= walk->ranges[i].last)
			return 0;
	}
	if (!walk->count)
		return 0;
	return last_of(region) > walk->last ? beyond(walk, region) : between(walk, region);
}

static int check_mappings(struct vfio_iospace *space, uint64_t wanted)
{
	struct vfio_iospace_usage usage;
	char piece[32];

	space->ops->usage(space, &usage);
	if (!usage.limit || wanted <= usage.limit - usage.mappings)
		return 0;
	error_set(
		ENOSPC,
		"guest memory takes %" PRIu64
		" mappings, one for each %s, and the kernel allows %u in a container, of which %u are in use",
		wanted, text_size(VFIO_DMA_PIECE, piece, sizeof(piece)), usage.limit, usage.mappings);
	return error_try("echo %" PRIu64
			 " > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit    (as root; "
			 "it holds for VMs that start later)",
			 wanted + VFIO_DMA_SPARE_MAPPINGS);
}

int vfio_dma_check_space(struct mem_map *map, struct vfio_iospace *space)
{
	struct walk walk = { 0 };
	int error;

	walk.ranges = space->ops->ranges(space, &walk.count);
	walk.last = walk.count ? walk.ranges[walk.count - 1].last : UINT64_MAX;
	(void)mem_map_each(map, look_reach, &walk);
	error = mem_map_each(map, look_ranges, &walk);
	return error ? error : check_mappings(space, walk.mappings);
}
