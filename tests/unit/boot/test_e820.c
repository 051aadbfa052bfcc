/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/x86_64/e820.c: which memory a guest believes it has. */
#include "unit.h"

#include "boot/x86_64/e820-priv.h"
#include "machine.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct acpi_layout acpi = { .rsdp = 0xe1000, .nvs_end = 0xe1000, .tables_end = 0xe4000 };

static void assert_map(const struct e820 *map, const struct e820_entry *expected, size_t count)
{
	assert_int_equal(map->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(map->entries[i].start, expected[i].start);
		assert_int_equal(map->entries[i].size, expected[i].size);
		assert_int_equal(map->entries[i].type, expected[i].type);
	}
}

static void a_small_guest(void **state)
{
	static const struct mem_range ram[] = { { 0, 256 * MIB } };
	static const struct e820_entry expected[] = {
		{ 0x0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xe0000, 0x1000, E820_NVS },
		{ 0xe1000, 0x3000, E820_ACPI },
		{ 0xe4000, 0x1c000, E820_RESERVED },
		{ 0x100000, 255 * MIB, E820_RAM },
		{ 0xe0000000, 0x10000000, E820_RESERVED },
		{ 0xfec00000, 0x1400000, E820_RESERVED },
	};
	struct boot_machine machine = test_machine(1);
	struct e820 map;

	e820_make(ram, 1, &machine, &acpi, &map);
	assert_map(&map, expected, sizeof(expected) / sizeof(expected[0]));
}

/* Memory on both sides of the PCI hole; the hole itself is not in the map but for ECAM. */
static void memory_on_both_sides_of_4_gib(void **state)
{
	static const struct mem_range ram[] = { { 0, 2 * GIB }, { 4 * GIB, 3 * GIB } };
	static const struct e820_entry expected[] = {
		{ 0x0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xe0000, 0x1000, E820_NVS },
		{ 0xe1000, 0x3000, E820_ACPI },
		{ 0xe4000, 0x1c000, E820_RESERVED },
		{ 0x100000, 2 * GIB - MIB, E820_RAM },
		{ 0xe0000000, 0x10000000, E820_RESERVED },
		{ 0xfec00000, 0x1400000, E820_RESERVED },
		{ 4 * GIB, 3 * GIB, E820_RAM },
	};
	struct boot_machine machine = test_machine(1);
	struct e820 map;

	e820_make(ram, 2, &machine, &acpi, &map);
	assert_map(&map, expected, sizeof(expected) / sizeof(expected[0]));
}

/* What the host reserves is in no block, and so nothing to the guest. */
static void memory_with_holes(void **state)
{
	static const struct mem_range ram[] = { { 0, MIB }, { 2 * MIB, 14 * MIB }, { 18 * MIB, 238 * MIB } };
	static const struct e820_entry expected[] = {
		{ 0x0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xe0000, 0x1000, E820_NVS },
		{ 0xe1000, 0x3000, E820_ACPI },
		{ 0xe4000, 0x1c000, E820_RESERVED },
		{ 2 * MIB, 14 * MIB, E820_RAM },
		{ 18 * MIB, 238 * MIB, E820_RAM },
		{ 0xe0000000, 0x10000000, E820_RESERVED },
		{ 0xfec00000, 0x1400000, E820_RESERVED },
	};
	struct boot_machine machine = test_machine(1);
	struct e820 map;

	e820_make(ram, 3, &machine, &acpi, &map);
	assert_map(&map, expected, sizeof(expected) / sizeof(expected[0]));
}

/* As many blocks as there can be, and an ECAM between them, stay in order and apart. */
static void entries_ascend_without_overlap(void **state)
{
	struct boot_machine machine = test_machine(1);
	struct mem_range ram[MEM_RAM_BLOCKS_MAX] = { { 0, 2 * GIB } };
	struct e820 map;

	for (size_t i = 1; i < MEM_RAM_BLOCKS_MAX; i++)
		ram[i] = (struct mem_range){ (4 + 2 * i) * GIB, GIB };
	machine.ecam_start = 5 * GIB;
	e820_make(ram, MEM_RAM_BLOCKS_MAX, &machine, &acpi, &map);
	assert_int_equal(map.count, MEM_RAM_BLOCKS_MAX + 7);
	for (size_t i = 1; i < map.count; i++)
		assert_true(map.entries[i - 1].start + map.entries[i - 1].size <= map.entries[i].start);
}

/* A window that reaches into the platform's range is left free for BARs. */
static void the_window_is_never_reserved(void **state)
{
	static const struct mem_range ram[] = { { 0, 256 * MIB } };
	struct boot_machine machine = test_machine(1);
	struct e820 map;

	machine.mmio32.size = 0xfed00000 - machine.mmio32.start;
	machine.ecam_size = 0;
	e820_make(ram, 1, &machine, &acpi, &map);
	assert_int_equal(map.count, 7);
	assert_int_equal(map.entries[6].start, 0xfed00000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_guest),
		cmocka_unit_test(memory_on_both_sides_of_4_gib),
		cmocka_unit_test(memory_with_holes),
		cmocka_unit_test(entries_ascend_without_overlap),
		cmocka_unit_test(the_window_is_never_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
