/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/layout.h"

#include <errno.h>

#include "base/error.h"
#include "base/text.h"
#include "host/guest-map.h"

#define GIB	   (UINT64_C(1) << 30)
#define HIGH_START (4 * GIB)

/* The checks of a host's device go by these. */
_Static_assert(LAYOUT_LOW_RAM_MAX == GUEST_LOW_RAM_MAX, "RAM below 4 GiB");
_Static_assert(LAYOUT_MMIO32_START == GUEST_MMIO32_START, "PCI window below 4 GiB");
_Static_assert(LAYOUT_MMIO32_SIZE == GUEST_MMIO32_SIZE, "PCI window below 4 GiB");
_Static_assert(HIGH_START == GUEST_MMIO64_START, "PCI window above 4 GiB");

/* AMD's IOMMUs do not translate this stretch (HyperTransport's), so a device could never reach RAM there.
 * Kept free on every machine, so that a device can be plugged in later and guests move between hosts.
 * Source: AMD I/O Virtualization Technology Specification 3.00, table 3; Linux, reserved_regions. */
#define HOLE_START GUEST_HOLE_START
#define HOLE_END   GUEST_HOLE_END

/* No more than this much window: page tables and quirks of guests grow with it. */
#define MMIO64_MAX GUEST_MMIO64_MAX
/* With less than this in one place, the window goes where there is more. */
#define MMIO64_ENOUGH (128 * GIB)

/* RAM's holes begin and end at multiples of these, so that it can be mapped by large pages. */
#define LOW_UNIT  (UINT64_C(2) << 20)
#define HIGH_UNIT GIB

/* Where neither RAM nor the upper PCI window may be: ascending by their starts, they may overlap. */
struct hole {
	uint64_t start, end;
};

struct holes {
	struct hole list[BROKER_RANGES_MAX + 1];
	size_t count;
};

/* Each stretch makes one more block of RAM, be it below 4 GiB or above; one that is in both makes two, but
 * there is only one such. */
_Static_assert(MEM_RAM_BLOCKS_MAX >= BROKER_RANGES_MAX + 1 + 3, "as many blocks as there can be holes");

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t round_down(uint64_t value, uint64_t to)
{
	return value / to * to;
}

/* No further than what a processor can address, and so without overflow. */
static uint64_t round_up(uint64_t value, uint64_t to)
{
	return value > GUEST_ADDRESS_END ? GUEST_ADDRESS_END : (value + to - 1) / to * to;
}

static void hole_add(struct holes *holes, uint64_t start, uint64_t end)
{
	size_t i = holes->count++;

	for (; i > 0 && holes->list[i - 1].start > start; i--)
		holes->list[i] = holes->list[i - 1];
	holes->list[i] = (struct hole){ start, end };
}

/* What of the host's stretches lies in [start, end), widened to whole units but not beyond start. */
static void holes_make(const struct layout_host *host, uint64_t start, uint64_t end, uint64_t unit,
		       struct holes *ret_holes)
{
	ret_holes->count = 0;
	for (size_t i = 0; i < host->reserved_count; i++) {
		const struct broker_range *range = &host->reserved[i];
		uint64_t from = round_down(range->first, unit);

		if (range->last < start || range->first >= end)
			continue;
		hole_add(ret_holes, from > start ? from : start,
			 round_up(range->last == UINT64_MAX ? range->last : range->last + 1, unit));
	}
}

/* The first free stretch at or behind `from`, up to the next hole or the limit; size 0: none. */
static struct mem_range next_free(const struct holes *holes, uint64_t from, uint64_t limit)
{
	uint64_t end = limit;

	for (size_t i = 0; i < holes->count; i++) {
		const struct hole *hole = &holes->list[i];

		if (hole->end <= from)
			continue;
		if (hole->start > from) {
			end = least(hole->start, limit);
			break;
		}
		from = hole->end;
	}
	return (struct mem_range){ from, from < end ? end - from : 0 };
}

/* Lays out up to `size` bytes of RAM between from and limit. Returns how many found a place. */
static uint64_t place_ram(struct layout *layout, const struct holes *holes, uint64_t from, uint64_t limit,
			  uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		struct mem_range place = next_free(holes, from, limit);

		if (!place.size)
			break;
		from = place.start + place.size;
		place.size = least(place.size, size - done);
		done += place.size;
		layout->ram[layout->ram_count++] = place;
	}
	return done;
}

/* The PCI window above 4 GiB: right behind RAM, so that hosts with few IOMMU address bits reach it too, or
 * further up where that is only a gap. */
static struct mem_range place_window(const struct holes *holes, uint64_t ram_end, uint64_t limit)
{
	struct mem_range best = { 0, 0 };
	uint64_t from = round_up(ram_end, GIB);

	while (best.size < MMIO64_ENOUGH) {
		struct mem_range place = next_free(holes, from, limit);

		if (!place.size)
			break;
		from = place.start + place.size;
		if (place.size > best.size)
			best = place;
	}
	best.size = least(best.size, MMIO64_MAX);
	return best;
}

/* The largest BAR that a stretch has an address for: a power of two, at a multiple of itself. */
static uint64_t largest_bar(const struct mem_range *place)
{
	uint64_t size = MMIO64_MAX, end = place->start + place->size;

	while (size >= GIB &&
	       (round_up(place->start, size) >= end || end - round_up(place->start, size) < size))
		size /= 2;
	return size >= GIB ? size : 0;
}

/* Where a larger BAR fits than in the window that was chosen: as a BAR of half a TiB does nowhere below AMD's
 * hole. */
static struct mem_range place_wide_window(const struct holes *holes, uint64_t ram_end, uint64_t limit,
					  const struct mem_range *chosen)
{
	struct mem_range best = { 0, 0 };
	uint64_t from = round_up(ram_end, GIB), most = largest_bar(chosen);

	for (;;) {
		struct mem_range place = next_free(holes, from, limit);
		uint64_t size = largest_bar(&place), end = place.start + place.size;

		if (!place.size)
			return best;
		from = end;
		if (size <= most)
			continue;
		most = size;
		best.start = round_up(place.start, size);
		best.size = least(end - best.start, MMIO64_MAX);
	}
}

static int too_much(uint64_t ram_size, uint64_t had, const struct layout_host *host)
{
	char text[32], room[32];

	error_set(EFBIG, "%s do not fit into the %u address bits that this host's processor gives a guest",
		  text_size(ram_size, text, sizeof(text)), host->phys_bits);
	if (host->reserved_count)
		error_add("there is room for %s around what the host's IOMMU keeps from devices "
			  "(/sys/kernel/iommu_groups/*/reserved_regions)",
			  text_size(had, room, sizeof(room)));
	return error_try("give the guest less memory with -m");
}

/* Firmware's place below 1 MiB: memory, but no driver's buffers stand there. */
static bool legacy_is_reserved(const struct layout_host *host)
{
	for (size_t i = 0; i < host->reserved_count; i++) {
		if (host->reserved[i].first < GUEST_LEGACY_END && host->reserved[i].last >= GUEST_BASE_END)
			return true;
	}
	return false;
}

int layout_make(uint64_t ram_size, const struct layout_host *host, struct layout *ret_layout)
{
	struct layout layout = {
		.mmio32 = { LAYOUT_MMIO32_START, LAYOUT_MMIO32_SIZE },
		.legacy_apart = legacy_is_reserved(host),
	};
	uint64_t limit = host->phys_bits < 52 ? UINT64_C(1) << host->phys_bits : GUEST_ADDRESS_END;
	uint64_t low_end = least(limit, LAYOUT_LOW_RAM_MAX);
	uint64_t done, end = HIGH_START;
	struct holes low, high;

	holes_make(host, GUEST_LEGACY_END, low_end, LOW_UNIT, &low);
	done = place_ram(&layout, &low, 0, low_end, ram_size);
	holes_make(host, HIGH_START, limit, HIGH_UNIT, &high);
	hole_add(&high, HOLE_START, HOLE_END);
	done += place_ram(&layout, &high, HIGH_START, limit, ram_size - done);
	if (done < ram_size)
		return too_much(ram_size, done, host);

	if (layout.ram[layout.ram_count - 1].start >= HIGH_START)
		end = layout.ram[layout.ram_count - 1].start + layout.ram[layout.ram_count - 1].size;
	layout.mmio64 = place_window(&high, end, limit);
	layout.mmio64_wide = place_wide_window(&high, end, limit, &layout.mmio64);
	*ret_layout = layout;
	return 0;
}

int layout_assign(const struct layout *layout, struct pci_bus *root, struct pci_windows *ret_windows)
{
	struct pci_windows windows = {
		.mmio32 = layout->mmio32,
		.mmio64 = layout->mmio64,
		.io_start = LAYOUT_IO_START,
		.io_end = LAYOUT_IO_END,
	};
	int error;

	if (windows.mmio64.start + windows.mmio64.size == HOLE_START)
		windows.mmio64_end = "AMD's hole below 1 TiB, which their IOMMUs do not translate";
	error = pci_assign(root, &windows);
	if (error == -ENOSPC && layout->mmio64_wide.size) {
		windows.mmio64 = layout->mmio64_wide;
		windows.mmio64_end = NULL;
		error = pci_assign(root, &windows);
	}
	if (error == 0)
		*ret_windows = windows;
	return error;
}

#define ECAM_BUSES_LEAST   8
#define ECAM_BYTES_PER_BUS (UINT64_C(1) << 20)

uint64_t layout_ecam_size(unsigned ports)
{
	uint64_t size = ECAM_BUSES_LEAST * ECAM_BYTES_PER_BUS;

	while (size < (ports + 1) * ECAM_BYTES_PER_BUS && size < LAYOUT_ECAM_SIZE)
		size *= 2;
	return size;
}
