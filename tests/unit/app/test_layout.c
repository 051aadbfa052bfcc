/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/layout.h"
#include "base/error.h"
#include "pci/root_port.h"

#define GIB	   (UINT64_C(1) << 30)
#define HOLE_START UINT64_C(0xfd00000000)
#define HOLE_END   UINT64_C(0x10000000000)

#define MIB (UINT64_C(1) << 20)

/* A host that reserves nothing. */
static const struct layout_host *bits(unsigned phys_bits)
{
	static struct layout_host host;

	host = (struct layout_host){ .phys_bits = phys_bits };
	return &host;
}

static bool clear_of(const struct mem_range *range, uint64_t first, uint64_t last)
{
	return range->size == 0 || range->start + range->size - 1 < first || range->start > last;
}

/* What must hold for any size: all the memory is there, nothing overlaps, nothing lies where it must not. */
static void assert_sound(const struct layout *layout, uint64_t size, const struct layout_host *host)
{
	uint64_t sum = 0, end = 0, limit = UINT64_C(1) << host->phys_bits;

	assert_true(layout->ram_count > 0 && layout->ram_count <= MEM_RAM_BLOCKS_MAX);
	assert_true(layout->ram[0].start == 0 && (size < MIB || layout->ram[0].size >= MIB));
	for (size_t i = 0; i < layout->ram_count; i++) {
		const struct mem_range *range = &layout->ram[i];

		/* A gap in between, or they would be one. */
		assert_true(range->size > 0 && range->start % 4096 == 0 && (i == 0 || range->start > end));
		end = range->start + range->size;
		assert_true(end <= limit);
		assert_true(end <= LAYOUT_MMIO32_START || range->start >= 4 * GIB);
		assert_true(clear_of(range, HOLE_START, HOLE_END - 1));
		for (size_t j = 0; j < host->reserved_count; j++) {
			struct broker_range there = host->reserved[j];

			if (there.first < MIB)
				there.first = MIB;
			assert_true(there.last < there.first || clear_of(range, there.first, there.last));
		}
		sum += range->size;
	}
	assert_int_equal(sum, size);
	if (layout->mmio64.size == 0)
		return;
	assert_true(layout->mmio64.start >= end && layout->mmio64.start >= 4 * GIB);
	assert_true(layout->mmio64.start + layout->mmio64.size <= limit);
	assert_true(clear_of(&layout->mmio64, HOLE_START, HOLE_END - 1));
	for (size_t i = 0; i < host->reserved_count; i++)
		assert_true(clear_of(&layout->mmio64, host->reserved[i].first, host->reserved[i].last));
}

static void test_small_guests_are_one_block(void **state)
{
	struct layout layout;

	assert_int_equal(layout_make(256 * MIB, bits(40), &layout), 0);
	assert_sound(&layout, 256 * MIB, bits(40));
	assert_int_equal(layout.ram_count, 1);
	assert_int_equal(layout.mmio64.start, 4 * GIB);
	assert_false(layout.legacy_apart);
	assert_int_equal(layout_make(2 * GIB, bits(40), &layout), 0);
	assert_int_equal(layout.ram_count, 1);
}

static void test_memory_goes_around_the_pci_hole(void **state)
{
	struct layout layout;

	assert_int_equal(layout_make(5 * GIB, bits(40), &layout), 0);
	assert_sound(&layout, 5 * GIB, bits(40));
	assert_int_equal(layout.ram_count, 2);
	assert_int_equal(layout.ram[1].start, 4 * GIB);
	assert_int_equal(layout.mmio64.start, 7 * GIB);
}

static void test_memory_goes_around_amds_hole(void **state)
{
	static const uint64_t sizes[] = { 1000 * GIB, 1010 * GIB, 1011 * GIB, 2048 * GIB, 1010 * GIB + MIB };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct layout layout;

		assert_int_equal(layout_make(sizes[i], bits(48), &layout), 0);
		assert_sound(&layout, sizes[i], bits(48));
		/* Not in the little that is left below the hole. */
		assert_int_equal(layout.mmio64.size, 1024 * GIB);
	}
}

/* The host's processor, RAM, a BAR; whether it has a place, and above which address. */
static void test_large_bars(void **state)
{
	static const struct {
		unsigned phys_bits;
		uint64_t ram, bar;
		bool fits;
		uint64_t above;
	} cases[] = {
		{ 40, 256 * MIB, 256 * GIB, true, 4 * GIB },
		{ 40, 256 * MIB, 512 * GIB, false, 0 },
		{ 48, 256 * MIB, 256 * GIB, true, 4 * GIB },
		{ 48, 256 * MIB, 512 * GIB, true, HOLE_END },
		{ 41, 256 * MIB, 1024 * GIB, true, HOLE_END },
		{ 48, 1200 * GIB, 512 * GIB, true, HOLE_END },
		{ 48, 1200 * GIB, 1024 * GIB, true, 2 * HOLE_END },
		{ 41, 1200 * GIB, 1024 * GIB, false, 0 },
		{ 52, 256 * MIB, 2048 * GIB, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pci_root_port_options options = { .id = "port", .pref64_reserve = cases[i].bar };
		struct pci_root_port_handles handles = { 0 };
		struct pci_windows windows;
		struct pci_function *port;
		struct pci_bus *root;
		struct layout layout;
		struct lock lock;
		int error;

		lock_init(&lock);
		handles.machine_lock = &lock;
		assert_int_equal(mem_bus_create(&lock, &handles.mmio), 0);
		assert_int_equal(layout_make(cases[i].ram, bits(cases[i].phys_bits), &layout), 0);
		assert_int_equal(pci_bus_create_root(&lock, "pcie.0", &root), 0);
		assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
		assert_int_equal(pci_bus_attach(root, PCI_DEVFN_OF(2, 0), port), 0);
		error = layout_assign(&layout, root, &windows);
		assert_int_equal(error, cases[i].fits ? 0 : -ENOSPC);
		/* The hole is named where it is what is in the way. */
		if (!cases[i].fits)
			assert_true(!strstr(error_get()->because, "it ends at AMD's hole below 1 TiB") ==
				    (cases[i].phys_bits != 40));
		if (cases[i].fits) {
			layout.mmio64 = windows.mmio64;
			assert_sound(&layout, cases[i].ram, bits(cases[i].phys_bits));
			assert_true(windows.mmio64.start >= cases[i].above);
			assert_true(windows.mmio64.size <= 1024 * GIB);
		}
		pci_bus_destroy(root);
		mem_bus_destroy(handles.mmio);
		lock_fini(&lock);
	}
}

static void test_too_much_for_the_address_width(void **state)
{
	struct layout_host host = { .phys_bits = 36,
				    .reserved = { { 0x40000000, 0x40000fff }, { 5 * GIB, 7 * GIB - 1 } },
				    .reserved_count = 2 };
	struct layout layout;

	assert_int_equal(layout_make(64 * GIB, bits(36), &layout), -EFBIG);
	assert_string_equal(
		error_get()->because,
		"64 GiB do not fit into the 36 address bits that this host's processor gives a guest");
	assert_int_equal(layout_make(62 * GIB, bits(36), &layout), 0);
	assert_int_equal(layout.mmio64.size, 0); /* RAM takes it all; no window, and that is said by size 0 */
	assert_int_equal(layout_make(UINT64_MAX / 4096 * 4096, bits(52), &layout), -EFBIG);

	assert_int_equal(layout_make(62 * GIB, &host, &layout), -EFBIG);
	assert_string_equal(
		error_get()->because,
		"62 GiB do not fit into the 36 address bits that this host's processor gives a guest\n"
		"there is room for 61438 MiB around what the host's IOMMU keeps from devices "
		"(/sys/kernel/iommu_groups/*/reserved_regions)");
	assert_int_equal(layout_make(61438 * MIB, &host, &layout), 0);
	assert_sound(&layout, 61438 * MIB, &host);
}

static void expect_blocks(const struct layout *layout, const struct mem_range *blocks, size_t count)
{
	assert_int_equal(layout->ram_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(layout->ram[i].start, blocks[i].start);
		assert_int_equal(layout->ram[i].size, blocks[i].size);
	}
}

/* By whole 2 MiB below 4 GiB, by whole GiB above; what finds no place below goes above. */
static void test_memory_goes_around_what_is_reserved(void **state)
{
	static const struct layout_host host = {
		.phys_bits = 40,
		.reserved = { { 0x1000800, 0x10017ff },
			      { 0x40000000, 0x4fffffff },
			      { 0x7ff00000, 0x80000fff },
			      { 0xfff00000, 0x100000fff },
			      { 0x17fffffff, 0x180000000 } },
		.reserved_count = 5,
	};
	static const struct mem_range blocks[] = {
		{ 0, 16 * MIB }, { 18 * MIB, 1006 * MIB }, { 1280 * MIB, 766 * MIB }, { 7 * GIB, 2 * MIB }
	};
	struct layout layout;

	assert_int_equal(layout_make(1790 * MIB, &host, &layout), 0);
	assert_sound(&layout, 1790 * MIB, &host);
	expect_blocks(&layout, blocks, 4);
	assert_int_equal(layout.mmio64.start, 8 * GIB);
	assert_false(layout.legacy_apart);
	/* A small guest does not notice the most of it. */
	assert_int_equal(layout_make(16 * MIB, &host, &layout), 0);
	expect_blocks(&layout, blocks, 1);
	/* Its window does. */
	assert_int_equal(layout.mmio64.start, 7 * GIB);
}

/* The first MiB is RAM whatever happens. */
static void test_the_first_mib(void **state)
{
	static const struct mem_range one[] = { { 0, 64 * MIB } };
	static const struct mem_range two[] = { { 0, MIB }, { 2 * MIB, 63 * MIB } };
	static const struct mem_range far[] = { { 0, MIB }, { 5 * GIB, 63 * MIB } };
	struct layout_host host = { .phys_bits = 40,
				    .reserved = { { 0xe8000, 0xe8fff } },
				    .reserved_count = 1 };
	struct layout layout;

	assert_int_equal(layout_make(64 * MIB, &host, &layout), 0);
	expect_blocks(&layout, one, 1);
	assert_true(layout.legacy_apart);
	host.reserved[0] = (struct broker_range){ 0x1000, 0x1fff };
	assert_int_equal(layout_make(64 * MIB, &host, &layout), 0);
	expect_blocks(&layout, one, 1);
	assert_false(layout.legacy_apart);
	host.reserved[0] = (struct broker_range){ 0xf0000, 0x100000 };
	assert_int_equal(layout_make(64 * MIB, &host, &layout), 0);
	expect_blocks(&layout, two, 2);
	assert_true(layout.legacy_apart);
	host.reserved[0] = (struct broker_range){ 0, 4 * GIB };
	assert_int_equal(layout_make(64 * MIB, &host, &layout), 0);
	expect_blocks(&layout, far, 2);
}

static void test_as_many_holes_as_there_can_be(void **state)
{
	struct layout_host host = { .phys_bits = 46, .reserved_count = BROKER_RANGES_MAX };
	struct layout layout;
	uint64_t size;

	/* Below 4 GiB. */
	for (size_t i = 0; i < BROKER_RANGES_MAX; i++)
		host.reserved[i] = (struct broker_range){ (i + 1) * 64 * MIB, (i + 1) * 64 * MIB + 4095 };
	for (size = 4 * MIB; size < 2048 * GIB; size = size * 3 / 2 / MIB * MIB) {
		assert_int_equal(layout_make(size, &host, &layout), 0);
		assert_sound(&layout, size, &host);
	}
	assert_int_equal(layout.ram_count, BROKER_RANGES_MAX + 3);
	/* Above, with the last one below and above. */
	for (size_t i = 0; i < BROKER_RANGES_MAX; i++)
		host.reserved[i] = (struct broker_range){ i ? (i * 3 + 4) * GIB + 4096 : 0x70001000,
							  i ? (i * 3 + 4) * GIB + 8191 : 5 * GIB };
	assert_int_equal(layout_make(1100 * GIB, &host, &layout), 0);
	assert_sound(&layout, 1100 * GIB, &host);
	assert_int_equal(layout.ram_count, BROKER_RANGES_MAX + 2);
}

static void test_everything_is_reserved(void **state)
{
	struct layout_host host = { .phys_bits = 46,
				    .reserved = { { 0x10000000, UINT64_MAX } },
				    .reserved_count = 1 };
	struct layout layout;

	assert_int_equal(layout_make(256 * MIB, &host, &layout), 0);
	assert_sound(&layout, 256 * MIB, &host);
	assert_int_equal(layout.mmio64.size, 0);
	assert_int_equal(layout_make(257 * MIB, &host, &layout), -EFBIG);
}

static void test_ecam_has_a_number_for_every_port(void **state)
{
	const uint64_t mib = 1 << 20;

	assert_int_equal(layout_ecam_size(0), 8 * mib);
	assert_int_equal(layout_ecam_size(7), 8 * mib);
	assert_int_equal(layout_ecam_size(8), 16 * mib);
	assert_int_equal(layout_ecam_size(31 * 8), LAYOUT_ECAM_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_guests_are_one_block),
		cmocka_unit_test(test_memory_goes_around_the_pci_hole),
		cmocka_unit_test(test_memory_goes_around_amds_hole),
		cmocka_unit_test(test_large_bars),
		cmocka_unit_test(test_too_much_for_the_address_width),
		cmocka_unit_test(test_memory_goes_around_what_is_reserved),
		cmocka_unit_test(test_the_first_mib),
		cmocka_unit_test(test_as_many_holes_as_there_can_be),
		cmocka_unit_test(test_everything_is_reserved),
		cmocka_unit_test(test_ecam_has_a_number_for_every_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
