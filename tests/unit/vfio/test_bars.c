/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/error.h"
#include "vfio/bars-priv.h"

#define PAGE 4096ull

static struct fake_device fake;
static struct lock machine;
static struct mem_bus *mmio, *pio;
static struct mem_map *map;
static struct vfio_msix msix;
static struct vfio_bars bars;
static struct pci_bar table[PCI_BARS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Someone who hears of what is mapped. */
static int heard_add(struct mem_listener *listener, struct mem_region *region)
{
	story_add("map[%llx+%llx] ", (unsigned long long)region->start, (unsigned long long)region->size);
	return 0;
}

static void heard_remove(struct mem_listener *listener, struct mem_region *region)
{
	story_add("unmap[%llx] ", (unsigned long long)region->start);
}

static struct mem_listener listener = { .add = heard_add, .remove = heard_remove };

static int setup(void **state)
{
	uint64_t sizes[PCI_BARS];

	fake_device_init(&fake);
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &map), 0);
	assert_int_equal(mem_map_listen(map, &listener), 0);
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), 0);
	assert_int_equal(vfio_msix_init(&msix, &fake.device, NULL, FAKE_VECTORS - 1, 0x2000, 0x3000, sizes),
			 0);
	fake.mmap_fails = *state != NULL;
	assert_int_equal(vfio_bars_init(&bars, &fake.device, table, &msix, &lock,
					&(struct vfio_bars_place){ .map = map, .mmio = mmio, .pio = pio }),
			 0);
	return 0;
}

static int teardown(void **state)
{
	vfio_bars_fini(&bars);
	vfio_msix_fini(&msix);
	mem_map_destroy(map);
	mem_bus_destroy(mmio);
	mem_bus_destroy(pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	return 0;
}

static uint64_t mmio_read(uint64_t address, unsigned size)
{
	uint64_t value = 0;

	mem_bus_read(mmio, address, &value, size);
	return value;
}

static void mmio_write(uint64_t address, unsigned size, uint64_t value)
{
	mem_bus_write(mmio, address, &value, size);
}

static void test_carve(void **state)
{
	const struct vfio_area whole = { 0, 16 * PAGE };
	const struct vfio_area sparse[] = { { 0, 2 * PAGE }, { 4 * PAGE, 4 * PAGE } };
	const struct vfio_area crooked = { 100, 3 * PAGE };
	const struct vfio_area none = { 0, 0 }, middle = { 5 * PAGE + 16, 32 }, end = { 15 * PAGE + 8, 8 };
	const struct vfio_area across = { 3 * PAGE - 16, 32 }, all = { 0, 16 * PAGE }, first = { 0, 16 };
	const struct vfio_area two[] = { { 5 * PAGE, 16 }, { 8 * PAGE, 8 } };
	struct vfio_area piece[VFIO_BAR_PIECES_MAX];

	assert_int_equal(vfio_bar_carve(&whole, 1, &none, 1, PAGE, piece), 1);
	assert_int_equal(piece[0].size, 16 * PAGE);
	assert_int_equal(vfio_bar_carve(&whole, 1, &middle, 1, PAGE, piece), 2);
	assert_int_equal(piece[0].size, 5 * PAGE);
	assert_int_equal(piece[1].offset, 6 * PAGE);
	assert_int_equal(piece[1].size, 10 * PAGE);
	assert_int_equal(vfio_bar_carve(&whole, 1, &end, 1, PAGE, piece), 1);
	assert_int_equal(piece[0].size, 15 * PAGE);
	assert_int_equal(vfio_bar_carve(&whole, 1, &first, 1, PAGE, piece), 1);
	assert_int_equal(piece[0].offset, PAGE);
	assert_int_equal(vfio_bar_carve(&whole, 1, &across, 1, PAGE, piece), 2);
	assert_int_equal(piece[0].size, 2 * PAGE);
	assert_int_equal(piece[1].offset, 4 * PAGE);
	assert_int_equal(vfio_bar_carve(&whole, 1, &all, 1, PAGE, piece), 0);
	assert_int_equal(vfio_bar_carve(&whole, 1, two, 2, PAGE, piece), 3);
	assert_int_equal(piece[2].offset, 9 * PAGE);
	/* With larger host pages more goes. */
	assert_int_equal(vfio_bar_carve(&whole, 1, &middle, 1, 16 * PAGE, piece), 0);
	assert_int_equal(vfio_bar_carve(&whole, 1, &middle, 1, 4 * PAGE, piece), 2);
	assert_int_equal(piece[0].size, 4 * PAGE);
	assert_int_equal(piece[1].offset, 8 * PAGE);
	/* What the device says can be mapped, and no more. */
	assert_int_equal(vfio_bar_carve(sparse, 2, &middle, 1, PAGE, piece), 3);
	assert_int_equal(piece[1].offset, 4 * PAGE);
	assert_int_equal(piece[1].size, PAGE);
	assert_int_equal(piece[2].offset, 6 * PAGE);
	assert_int_equal(vfio_bar_carve(&crooked, 1, &none, 1, PAGE, piece), 1);
	assert_int_equal(piece[0].offset, PAGE);
	assert_int_equal(piece[0].size, 2 * PAGE);
}

static void test_probe(void **state)
{
	uint64_t sizes[PCI_BARS];

	assert_int_equal(table[0].kind, PCI_BAR_MEM64);
	assert_int_equal(table[0].size, 0x4000);
	assert_int_equal(table[1].kind, PCI_BAR_NONE);
	assert_int_equal(table[2].kind, PCI_BAR_IO);
	assert_int_equal(table[2].size, 0x20);
	assert_int_equal(table[3].kind, PCI_BAR_MEM32);
	assert_int_equal(table[3].size, 0x100);
	assert_int_equal(table[4].kind, PCI_BAR_NONE);
	/* No power of two, and less than a BAR can be. */
	fake.region[3].size = 0x123;
	fake.region[2].size = 3;
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), 0);
	assert_int_equal(table[3].size, 0x200);
	assert_int_equal(sizes[3], 0x123);
	assert_int_equal(table[2].size, 4);
	/* A 64-bit BAR in the last register has no upper half. */
	fake.region[5].size = 0x1000;
	fake_set(fake.config, PCI_BASE_ADDRESS_5, 4,
		 PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), 0);
	assert_int_equal(table[5].kind, PCI_BAR_MEM32);
	assert_true(table[5].prefetchable);
	fake.region[3].size = 1ull << 32;
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), -ENOTSUP);
	fake.region[3].size = 0x100;
	fake.region[5].size = 0;
}

static void test_map_but_for_msix(void **state)
{
	vfio_bars_map(&bars, 0, 0xc0000000);
	/* Table and pending bits fill the last two pages. */
	story_expect("map[c0000000+2000] ");
	/* Mapped is the device itself. */
	fake.memory[0][0x1234] = 0x99;
	assert_int_equal(((uint8_t *)bars.bar[0].piece[0].region.host)[0x1234], 0x99);
	assert_int_equal((uintptr_t)bars.bar[0].piece[0].region.host % 0x4000, 0);
	/* Trapped is all of it. */
	assert_int_equal(mmio_read(0xc0001234, 1), 0x99);
	vfio_bars_unmap(&bars, 0);
	story_expect("unmap[c0000000] ");
	assert_int_equal(mmio_read(0xc0001234, 1), 0xff);
	vfio_bars_map(&bars, 0, 0xd00000000);
	story_expect("map[d00000000+2000] ");
	assert_int_equal(mmio_read(0xd00001234, 1), 0x99);
}

static void test_small_and_io(void **state)
{
	uint64_t value = 0;

	vfio_bars_map(&bars, 3, 0xc0008000);
	vfio_bars_map(&bars, 2, 0x1000);
	/* The page that the BAR begins, and the device in it. */
	story_expect("map[c0008000+1000] ");
	fake.memory[3][0x20] = 0x77;
	assert_int_equal(((uint8_t *)bars.bar[3].piece[0].region.host)[0x20], 0x77);
	assert_true(bars.bar[3].piece[0].region.alone);
	/* Trapped is the BAR and no more. */
	assert_int_equal(mmio_read(0xc0008020, 1), 0x77);
	assert_int_equal(mmio_read(0xc0008100, 4), 0xffffffff);
	mmio_write(0xc0008010, 4, 0x12345678);
	assert_int_equal(fake_get(fake.memory[3], 0x10, 4), 0x12345678);
	assert_int_equal(mmio_read(0xc0008012, 2), 0x1234);
	mem_bus_write(pio, 0x1004, &(uint16_t){ 0xbeef }, 2);
	assert_int_equal(fake_get(fake.memory[2], 4, 2), 0xbeef);
	mem_bus_read(pio, 0x1005, &value, 1);
	assert_int_equal(value, 0xbe);
	vfio_bars_unmap(&bars, 3);
	story_expect("unmap[c0008000] ");
	/* Not at the start of a page: nothing that was not there may come with it. */
	vfio_bars_map(&bars, 3, 0xc0009100);
	story_expect("");
	assert_int_equal(mmio_read(0xc0009120, 1), 0x77);
	vfio_bars_unmap(&bars, 3);
	story_expect("");
}

static uint64_t other_read(void *opaque, uint64_t offset, unsigned size)
{
	return 0x0ddba11;
}

static void other_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {}

/* Two small ones in a page of the guest: whoever came first, neither hides the other. */
static void test_small_in_company(void **state)
{
	static const struct mem_io_ops ops = { .read = other_read, .write = other_write };
	struct mem_io other = { .start = 0xc0008800, .size = 0x10, .ops = &ops, .name = "other" };
	struct mem_io ports = { .start = 0xc0008800, .size = 0x10, .ops = &ops, .name = "ports" };
	struct mem_io next = { .start = 0xc0009000, .size = 0x1000, .ops = &ops, .name = "next" };

	vfio_bars_map(&bars, 3, 0xc0008000);
	mem_bus_add(mmio, &next);
	mem_bus_add(pio, &ports);
	mem_map_revise(map);
	story_expect("map[c0008000+1000] ");
	mem_bus_add(mmio, &other);
	mem_map_revise(map);
	story_expect("unmap[c0008000] ");
	assert_int_equal(mmio_read(0xc0008800, 4), 0x0ddba11);
	mmio_write(0xc0008010, 4, 0x12345678);
	assert_int_equal(fake_get(fake.memory[3], 0x10, 4), 0x12345678);
	/* It comes and goes meanwhile. */
	vfio_bars_power(&bars, false);
	vfio_bars_power(&bars, true);
	story_expect("");
	mem_bus_remove(mmio, &other);
	mem_map_revise(map);
	story_expect("map[c0008000+1000] ");
	/* A BAR of the same function, all of which is trapped and some mapped. */
	vfio_bars_map(&bars, 0, 0xc0004000);
	story_expect("map[c0004000+2000] ");
	vfio_bars_unmap(&bars, 0);
	vfio_bars_map(&bars, 0, 0xc0008000);
	story_expect("unmap[c0004000] unmap[c0008000] map[c0008000+2000] ");
	vfio_bars_unmap(&bars, 0);
	story_expect("unmap[c0008000] map[c0008000+1000] ");
	mem_bus_remove(mmio, &next);
	mem_bus_remove(pio, &ports);
}

/* What is mapped by its page, and what is not. */
static void test_in_page(void **state)
{
	struct vfio_region region = { .size = 0x100, .areas = 1, .area = { { 0, 0x100 } } };

	assert_true(vfio_bar_in_page(&region, 0, PAGE));
	/* A table in it, or a quirk. */
	assert_false(vfio_bar_in_page(&region, 1, PAGE));
	/* The kernel maps none of it, or only a part. */
	region.areas = 0;
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
	region.areas = 1;
	region.area[0] = (struct vfio_area){ 0, 0x80 };
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
	region.area[0] = (struct vfio_area){ 0x10, 0xf0 };
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
	region.areas = 2;
	region.area[0] = (struct vfio_area){ 0, 0x100 };
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
	/* A whole page is carved like any. */
	region = (struct vfio_region){ .size = PAGE, .areas = 1, .area = { { 0, PAGE } } };
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
	assert_true(vfio_bar_in_page(&region, 0, 4 * PAGE));
	region = (struct vfio_region){ 0 };
	assert_false(vfio_bar_in_page(&region, 0, PAGE));
}

/* What is behind a made-up BAR nobody knows but its driver. */
static void test_small_mediated(void **state)
{
	uint64_t sizes[PCI_BARS];

	vfio_bars_fini(&bars);
	fake.device.mediated = true;
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), 0);
	assert_int_equal(vfio_bars_init(&bars, &fake.device, table, &msix, &lock,
					&(struct vfio_bars_place){ .map = map, .mmio = mmio, .pio = pio }),
			 0);
	vfio_bars_map(&bars, 3, 0xc0008000);
	story_expect("");
}

static void test_table_and_pending_bits(void **state)
{
	vfio_bars_map(&bars, 0, 0xc0000000);
	/* The guest's table is ours: nothing reaches the device. */
	mmio_write(0xc0002010, 8, 0x00000000fee01004);
	mmio_write(0xc0002018, 4, 0x41);
	assert_int_equal(mmio_read(0xc0002010, 8), 0xfee01004);
	assert_int_equal(mmio_read(0xc000201c, 4), 1);
	assert_int_equal(fake_get(fake.memory[0], 0x2010, 4), 0);
	/* Registers behind the table, on the same page, are the device's. */
	mmio_write(0xc0002080, 4, 0x11223344);
	assert_int_equal(fake_get(fake.memory[0], 0x2080, 4), 0x11223344);
	/* Both in one access. */
	fake_set(fake.memory[0], 0x2080, 4, 0xa1a2a3a4);
	assert_int_equal(mmio_read(0xc000207c, 8), 0xa1a2a3a400000001);
	mmio_write(0xc000207e, 4, 0xffffffff);
	assert_int_equal(fake_get(fake.memory[0], 0x2080, 4), 0xa1a2ffff);
	/* Nothing pends, and nobody can write that. */
	mmio_write(0xc0003000, 8, ~0ull);
	assert_int_equal(mmio_read(0xc0003000, 8), 0);
	fake.memory[0][0x3008] = 0x5a;
	assert_int_equal(mmio_read(0xc0003008, 1), 0x5a);
}

static void test_past_the_end(void **state)
{
	vfio_bars_map(&bars, 3, 0xc0008000);
	fake.memory[3][0xfe] = 1;
	fake.memory[3][0xff] = 2;
	assert_int_equal(mmio_read(0xc00080fe, 4), 0xffff0201);
	mmio_write(0xc00080fe, 8, 0x0807060504030201);
	assert_int_equal(fake_get(fake.memory[3], 0xfc, 4), 0x02010000);
}

static void test_failing_device(void **state)
{
	vfio_bars_map(&bars, 3, 0xc0008000);
	fake.fails = true;
	assert_int_equal(mmio_read(0xc0008000, 4), 0xffffffff);
	mmio_write(0xc0008000, 4, 0);
	fake.fails = false;
	bars.bar[3].readable = false;
	assert_int_equal(mmio_read(0xc0008000, 4), 0xffffffff);
}

static void test_power(void **state)
{
	vfio_bars_map(&bars, 0, 0xc0000000);
	story_forget();
	vfio_bars_power(&bars, false);
	story_expect("unmap[c0000000] ");
	assert_int_equal(mmio_read(0xc0000000, 4), 0xffffffff);
	/* Moved while asleep: it wakes up at the new place. */
	vfio_bars_unmap(&bars, 0);
	vfio_bars_map(&bars, 0, 0xe0000000);
	story_expect("");
	vfio_bars_power(&bars, true);
	story_expect("map[e0000000+2000] ");
	vfio_bars_power(&bars, true);
	story_expect("");
}

static void test_over_another(void **state)
{
	struct mem_region ram = { .start = 0xc0000000, .size = 0x10000, .kind = MEM_KIND_RAM, .name = "RAM" };

	assert_int_equal(mem_map_add(map, &ram), 0);
	story_forget();
	/* It waits for its place, and nothing happens to who sits there. */
	vfio_bars_map(&bars, 0, 0xc0000000);
	story_expect("");
	vfio_bars_unmap(&bars, 0);
	vfio_bars_map(&bars, 0, 0xc0010000);
	story_expect("map[c0010000+2000] ");
	mem_map_remove(map, &ram);
}

/* Everything still works, by traps. */
static void test_nothing_maps(void **state)
{
	vfio_bars_map(&bars, 0, 0xc0000000);
	story_expect("");
	mmio_write(0xc0000000, 4, 0xfeedface);
	assert_int_equal(fake_get(fake.memory[0], 0, 4), 0xfeedface);
}

static int setup_unmappable(void **state)
{
	static int yes;

	*state = &yes;
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carve),
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_but_for_msix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_and_io, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_in_company, setup, teardown),
		cmocka_unit_test(test_in_page),
		cmocka_unit_test_setup_teardown(test_small_mediated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_and_pending_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_past_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_maps, setup_unmappable, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
