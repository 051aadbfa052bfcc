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

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/* The PCI window above 4 GiB: right behind RAM, so that hosts with few IOMMU address bits reach it too. */
static struct mem_range place_window(uint64_t ram_end, uint64_t limit)
{
	uint64_t start = round_up(ram_end, GIB);
	uint64_t end = limit;

	if (start < HOLE_START)
		end = least(limit, HOLE_START);
	else if (start < HOLE_END)
		start = HOLE_END;
	if (start >= end)
		return (struct mem_range){ 0, 0 };
	return (struct mem_range){ start, least(end - start, MMIO64_MAX) };
}

int layout_make(uint64_t ram_size, unsigned phys_bits, struct layout *ret_layout)
{
	struct layout layout = {
		.mmio32 = { LAYOUT_MMIO32_START, LAYOUT_MMIO32_SIZE },
	};
	uint64_t limit = UINT64_C(1) << (phys_bits < 52 ? phys_bits : 52);
	uint64_t low = least(ram_size, LAYOUT_LOW_RAM_MAX);
	uint64_t rest = ram_size - low;
	uint64_t end = HIGH_START;

	layout.ram[layout.ram_count++] = (struct mem_range){ 0, low };
	if (rest > 0) {
		uint64_t below_hole = least(rest, HOLE_START - HIGH_START);

		layout.ram[layout.ram_count++] = (struct mem_range){ HIGH_START, below_hole };
		end = HIGH_START + below_hole;
		rest -= below_hole;
	}
	if (rest > 0) {
		layout.ram[layout.ram_count++] = (struct mem_range){ HOLE_END, rest };
		end = HOLE_END + rest;
	}
	if (ram_size > limit || end > limit) {
		char text[32];

		error_set(EFBIG,
			  "%s do not fit into the %u address bits that this host's processor gives a guest",
			  text_size(ram_size, text, sizeof(text)), phys_bits);
		return error_try("give the guest less memory with -m");
	}

	layout.mmio64 = place_window(end, limit);
	*ret_layout = layout;
	return 0;
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
