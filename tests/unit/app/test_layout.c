/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "app/layout.h"

#define GIB	   (UINT64_C(1) << 30)
#define HOLE_START UINT64_C(0xfd00000000)
#define HOLE_END   UINT64_C(0x10000000000)

/* What must hold for any size: all the memory is there, nothing overlaps, nothing lies in the hole. */
static void assert_sound(const struct layout *layout, uint64_t size, unsigned phys_bits)
{
	uint64_t sum = 0, end = 0;

	for (size_t i = 0; i < layout->ram_count; i++) {
		const struct mem_range *range = &layout->ram[i];

		assert_true(range->size > 0 && range->start >= end);
		end = range->start + range->size;
		assert_true(end <= UINT64_C(1) << phys_bits);
		assert_true(end <= LAYOUT_MMIO32_START || range->start >= 4 * GIB);
		assert_true(end <= HOLE_START || range->start >= HOLE_END);
		sum += range->size;
	}
	assert_int_equal(sum, size);
	if (layout->mmio64.size > 0) {
		uint64_t window_end = layout->mmio64.start + layout->mmio64.size;

		assert_true(layout->mmio64.start >= end && layout->mmio64.start >= 4 * GIB);
		assert_true(window_end <= UINT64_C(1) << phys_bits);
		assert_true(window_end <= HOLE_START || layout->mmio64.start >= HOLE_END);
	}
}

static void test_small_guests_are_one_block(void **state)
{
	struct layout layout;

	assert_int_equal(layout_make(256u << 20, 40, &layout), 0);
	assert_sound(&layout, 256u << 20, 40);
	assert_int_equal(layout.ram_count, 1);
	assert_int_equal(layout.mmio64.start, 4 * GIB);
	assert_int_equal(layout_make(2 * GIB, 40, &layout), 0);
	assert_int_equal(layout.ram_count, 1);
}

static void test_memory_goes_around_the_pci_hole(void **state)
{
	struct layout layout;

	assert_int_equal(layout_make(5 * GIB, 40, &layout), 0);
	assert_sound(&layout, 5 * GIB, 40);
	assert_int_equal(layout.ram_count, 2);
	assert_int_equal(layout.ram[1].start, 4 * GIB);
	assert_int_equal(layout.mmio64.start, 7 * GIB);
}

static void test_memory_goes_around_amds_hole(void **state)
{
	static const uint64_t sizes[] = { 1000 * GIB, 1010 * GIB, 1011 * GIB, 2048 * GIB,
					  1010 * GIB + (1 << 20) };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct layout layout;

		assert_int_equal(layout_make(sizes[i], 48, &layout), 0);
		assert_sound(&layout, sizes[i], 48);
		assert_true(layout.mmio64.size > 0);
	}
}

static void test_too_much_for_the_address_width(void **state)
{
	struct layout layout;

	assert_int_equal(layout_make(64 * GIB, 36, &layout), -EFBIG);
	assert_int_equal(layout_make(62 * GIB, 36, &layout), 0);
	assert_int_equal(layout.mmio64.size, 0); /* RAM takes it all; no window, and that is said by size 0 */
	assert_int_equal(layout_make(UINT64_MAX / 4096 * 4096, 52, &layout), -EFBIG);
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
		cmocka_unit_test(test_too_much_for_the_address_width),
		cmocka_unit_test(test_ecam_has_a_number_for_every_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
