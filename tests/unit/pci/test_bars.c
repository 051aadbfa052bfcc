/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "pci/bars.h"

#define BAR(n) (PCI_BASE_ADDRESS_0 + 4 * (n))

/* A device's side, which writes down what it is told. */
struct device {
	struct pci_config config;
	struct pci_bars bars;
	char story[512];
};

static const struct pci_bar table[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_MEM64, .size = 0x4000 },
	[2] = { .kind = PCI_BAR_IO, .size = 0x20 },
	[3] = { .kind = PCI_BAR_MEM32, .size = 0x1000 },
	[4] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 1ull << 33 },
	[PCI_ROM_BAR] = { .kind = PCI_BAR_ROM, .size = 0x20000 },
};

static void on_map(void *opaque, unsigned bar, uint64_t address)
{
	struct device *device = opaque;
	size_t used = strlen(device->story);

	snprintf(device->story + used, sizeof(device->story) - used, "+%u@%llx ", bar,
		 (unsigned long long)address);
}

static void on_unmap(void *opaque, unsigned bar)
{
	struct device *device = opaque;
	size_t used = strlen(device->story);

	snprintf(device->story + used, sizeof(device->story) - used, "-%u ", bar);
}

static void device_init(struct device *device)
{
	memset(device, 0, sizeof(*device));
	pci_bars_init(&device->bars, &device->config, table, on_map, on_unmap, device);
}

static void guest_write(struct device *device, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_guest_write(&device->config, offset, size, value);
	pci_bars_update(&device->bars);
}

static void expect(struct device *device, const char *story)
{
	assert_string_equal(device->story, story);
	device->story[0] = '\0';
}

static void the_type_bits_say_what_a_bar_is(void **state)
{
	struct device device;

	device_init(&device);
	assert_int_equal(pci_config_get(&device.config, BAR(0), 4), PCI_BASE_ADDRESS_MEM_TYPE_64);
	assert_int_equal(pci_config_get(&device.config, BAR(1), 4), 0);
	assert_int_equal(pci_config_get(&device.config, BAR(2), 4), PCI_BASE_ADDRESS_SPACE_IO);
	assert_int_equal(pci_config_get(&device.config, BAR(3), 4), 0);
	assert_int_equal(pci_config_get(&device.config, BAR(4), 4),
			 PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
}

/* As an operating system does it: all-ones in, the size out. */
static void all_ones_tell_the_size(void **state)
{
	static const uint32_t want[PCI_BARS] = { 0xffffc004, 0xffffffff, 0xffffffe1,
						 0xfffff000, 0x0000000c, 0xfffffffe };
	struct device device;

	device_init(&device);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		guest_write(&device, BAR(i), 4, 0xffffffff);
		assert_int_equal(pci_config_get(&device.config, BAR(i), 4), want[i]);
		guest_write(&device, BAR(i), 4, 0);
	}
	expect(&device, "");
}

static void sizing_with_decoding_on_leaves_no_trace_at_the_top(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(3), 4, 0xc0000000);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	expect(&device, "+3@c0000000 ");
	guest_write(&device, BAR(3), 4, 0xffffffff);
	expect(&device, "-3 ");
	guest_write(&device, BAR(3), 4, 0xc0000000);
	expect(&device, "+3@c0000000 ");
	guest_write(&device, BAR(2), 4, 0xffffffff); /* ports end at 0xffff */
	guest_write(&device, BAR(0), 4, 0xffffffff); /* upper half 0: the same place as a 32-bit one's */
	guest_write(&device, BAR(1), 4, 0xffffffff); /* beyond any processor */
	expect(&device, "");
}

static void command_switches_each_kind(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(0), 4, 0xfeb00000);
	guest_write(&device, BAR(2), 4, 0xc000);
	guest_write(&device, BAR(4), 4, 0);
	guest_write(&device, BAR(5), 4, 0x40);
	expect(&device, "");
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO);
	expect(&device, "+2@c000 ");
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	expect(&device, "+0@feb00000 +4@4000000000 ");
	guest_write(&device, PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	expect(&device, "-2 ");
	guest_write(&device, PCI_COMMAND, 2, 0);
	expect(&device, "-0 -4 ");
	guest_write(&device, PCI_COMMAND + 1, 1, 0xff); /* nothing that matters here */
	expect(&device, "");
}

static void a_move_is_an_unmap_and_a_map(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(0), 4, 0xfeb00000);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	expect(&device, "+0@feb00000 ");
	guest_write(&device, BAR(0), 4, 0xfeb00004); /* the same place */
	guest_write(&device, BAR(0), 1, 0xff);	     /* read-only bits */
	expect(&device, "");
	guest_write(&device, BAR(0), 4, 0xfec00000);
	expect(&device, "-0 +0@fec00000 ");
	guest_write(&device, BAR(1), 4, 1);
	expect(&device, "-0 +0@1fec00000 ");
	guest_write(&device, BAR(0) + 2, 2, 0x1234); /* half a register */
	expect(&device, "-0 +0@112340000 ");
	assert_int_equal(pci_bars_address(&device.bars, 0), 0x112340000);
}

/* What leaves makes room before something else comes: both in one update. */
static void all_leave_before_any_comes(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(0), 4, 0xc0000000);
	guest_write(&device, BAR(3), 4, 0xc0004000);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	expect(&device, "+0@c0000000 +3@c0004000 ");
	pci_config_set(&device.config, BAR(0), 4, 0xc0004000);
	pci_config_set(&device.config, BAR(3), 4, 0xc0000000);
	pci_bars_update(&device.bars);
	expect(&device, "-0 -3 +0@c0004000 +3@c0000000 ");
}

/* As Linux sizes it, and as firmware reads it. */
static void a_rom_needs_both_switches(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, PCI_ROM_ADDRESS, 4, (uint32_t)PCI_ROM_ADDRESS_MASK);
	assert_int_equal(pci_config_get(&device.config, PCI_ROM_ADDRESS, 4), 0xfffe0000);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	guest_write(&device, PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(pci_config_get(&device.config, PCI_ROM_ADDRESS, 4), 0xfffe0001);
	guest_write(&device, PCI_ROM_ADDRESS, 4, 0xc0000000);
	expect(&device, "");
	assert_int_equal(pci_bars_address(&device.bars, PCI_ROM_BAR), 0xc0000000);
	guest_write(&device, PCI_ROM_ADDRESS, 1, PCI_ROM_ADDRESS_ENABLE);
	expect(&device, "+6@c0000000 ");
	guest_write(&device, PCI_ROM_ADDRESS, 4, 0xc00207ff); /* reserved bits do not stay */
	expect(&device, "-6 +6@c0020000 ");
	assert_int_equal(pci_config_get(&device.config, PCI_ROM_ADDRESS, 4), 0xc0020001);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO);
	expect(&device, "-6 ");
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	expect(&device, "+6@c0020000 ");
	guest_write(&device, PCI_ROM_ADDRESS, 4, 0xc0020000);
	expect(&device, "-6 ");
	guest_write(&device, PCI_ROM_ADDRESS, 4, 0xc0020001);
	expect(&device, "+6@c0020000 ");
	pci_bars_reset(&device.bars);
	expect(&device, "-6 ");
	assert_int_equal(pci_config_get(&device.config, PCI_ROM_ADDRESS, 4), 0);
}

static void nonsense_is_not_mapped(void **state)
{
	static const struct {
		unsigned bar;
		uint64_t address;
	} nonsense[] = {
		{ 0, 0 },	   { 3, 0 },
		{ 2, 0 },	   { 2, 0x10000 },
		{ 2, 0x12340000 }, { 3, 0xfffff000 },
		{ 0, 0xffffc000 }, { 0, 1ull << 52 },
		{ 0, UINT64_MAX }, { 4, 0xfffffffe00000000 }, /* address + size is 2^64 */
	};
	struct device device;

	device_init(&device);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		guest_write(&device, BAR(nonsense[i].bar), 4, (uint32_t)nonsense[i].address);
		if (table[nonsense[i].bar].kind == PCI_BAR_MEM64) {
			device.story[0] = '\0'; /* half of an address is another address */
			guest_write(&device, BAR(nonsense[i].bar + 1), 4,
				    (uint32_t)(nonsense[i].address >> 32));
		}
		assert_false(device.bars.mapped[nonsense[i].bar]);
	}
	device.story[0] = '\0';
	/* The last places that do exist. */
	guest_write(&device, BAR(2), 4, 0xffe0);
	expect(&device, "+2@ffe0 ");
	guest_write(&device, BAR(3), 4, 0xffffe000);
	expect(&device, "+3@ffffe000 ");
}

static void reset_unmaps_and_forgets(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(0), 4, 0xfeb00000);
	guest_write(&device, BAR(1), 4, 2);
	guest_write(&device, BAR(2), 4, 0xc000);
	pci_config_allow(&device.config, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	guest_write(&device, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	expect(&device, "+0@2feb00000 +2@c000 ");
	pci_bars_reset(&device.bars);
	expect(&device, "-0 -2 ");
	assert_int_equal(pci_config_get(&device.config, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	assert_int_equal(pci_config_get(&device.config, BAR(0), 4), PCI_BASE_ADDRESS_MEM_TYPE_64);
	assert_int_equal(pci_config_get(&device.config, BAR(1), 4), 0);
	assert_int_equal(pci_config_get(&device.config, BAR(2), 4), PCI_BASE_ADDRESS_SPACE_IO);
	pci_bars_update(&device.bars);
	pci_bars_reset(&device.bars);
	expect(&device, "");
}

static void addresses_can_be_asked_for(void **state)
{
	struct device device;

	device_init(&device);
	guest_write(&device, BAR(4), 4, 0x200000ff);
	guest_write(&device, BAR(5), 4, 0x12);
	assert_int_equal(pci_bars_address(&device.bars, 4), 0x1200000000);
	assert_int_equal(pci_bars_address(&device.bars, 5), 0); /* the upper half is no BAR */
	assert_int_equal(pci_bars_address(&device.bars, PCI_BARS_AND_ROM), 0);
	assert_int_equal(pci_bars_address(&device.bars, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_type_bits_say_what_a_bar_is),
		cmocka_unit_test(all_ones_tell_the_size),
		cmocka_unit_test(sizing_with_decoding_on_leaves_no_trace_at_the_top),
		cmocka_unit_test(command_switches_each_kind),
		cmocka_unit_test(a_move_is_an_unmap_and_a_map),
		cmocka_unit_test(all_leave_before_any_comes),
		cmocka_unit_test(a_rom_needs_both_switches),
		cmocka_unit_test(nonsense_is_not_mapped),
		cmocka_unit_test(reset_unmaps_and_forgets),
		cmocka_unit_test(addresses_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
