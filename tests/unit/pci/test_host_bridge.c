/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <linux/pci_regs.h>
#include <stdlib.h>

#include "fake.h"
#include "pci/host_bridge.h"

#define ECAM		     0xe0000000ull
#define ECAM_SIZE	     0x200000ull /* two buses */
#define AT(bus, slot, at)    (ECAM | (bus) << 20 | (slot) << 15 | (at))
#define TYPE1(bus, slot, at) (0x80000000u | (bus) << 16 | (slot) << 11 | (at))

struct machine {
	struct lock lock;
	struct pci_bus *root;
	struct mem_bus *mmio;
	struct mem_bus *pio;
	struct pci_host_bridge *bridge;
	struct fake *net; /* 00:03.0 */
};

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->pio), 0);
	assert_int_equal(pci_host_bridge_create(machine->root, machine->mmio, machine->pio, ECAM, ECAM_SIZE,
						&machine->bridge),
			 0);
	machine->net = fake_create("net", NULL);
	pci_config_allow(&machine->net->config, 0x40, 4, UINT32_MAX);
	pci_config_allow(&machine->net->config, 0x44, 4, UINT32_MAX);
	pci_config_allow(&machine->net->config, 0xffc, 4, UINT32_MAX);
	fake_attach(machine->root, 3, 0, &machine->net->function);
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_host_bridge_destroy(machine->bridge);
	pci_bus_destroy(machine->root);
	mem_bus_destroy(machine->mmio);
	mem_bus_destroy(machine->pio);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

static uint64_t read_bus(struct mem_bus *bus, uint64_t address, unsigned size)
{
	uint64_t value = 0;

	mem_bus_read(bus, address, &value, size);
	return value;
}

static void write_bus(struct mem_bus *bus, uint64_t address, unsigned size, uint64_t value)
{
	mem_bus_write(bus, address, &value, size);
}

static uint32_t in(struct machine *machine, uint16_t port, unsigned size)
{
	return (uint32_t)read_bus(machine->pio, port, size);
}

static void out(struct machine *machine, uint16_t port, unsigned size, uint32_t value)
{
	write_bus(machine->pio, port, size, value);
}

static void the_bridge_is_at_00_0(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(read_bus(machine->mmio, AT(0, 0, PCI_VENDOR_ID), 4), 0x29c08086);
	assert_int_equal(read_bus(machine->mmio, AT(0, 0, PCI_CLASS_REVISION), 4) >> 8, 0x060000);
	assert_int_equal(read_bus(machine->mmio, AT(0, 0, PCI_HEADER_TYPE), 1), 0);
	assert_int_equal(read_bus(machine->mmio, AT(0, 0, PCI_SUBSYSTEM_VENDOR_ID), 4), 0x11001af4);
	assert_int_equal(read_bus(machine->mmio, AT(0, 0, PCI_STATUS), 2), 0);
	/* Nothing there can be written. */
	for (unsigned at = 0; at < PCIE_CONFIG_SIZE; at += 4) {
		uint64_t before = read_bus(machine->mmio, AT(0, 0, at), 4);

		write_bus(machine->mmio, AT(0, 0, at), 4, ~before);
		assert_int_equal(read_bus(machine->mmio, AT(0, 0, at), 4), before);
	}
}

static void ecam_says_it_all_in_the_address(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0), 4), 0x56781234);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 2), 2), 0x5678);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 3), 1), 0x56);
	assert_int_equal(read_bus(machine->mmio, AT(0, 4, 0), 4), UINT32_MAX);
	assert_int_equal(read_bus(machine->mmio, AT(1, 3, 0), 4), UINT32_MAX);
	assert_int_equal(read_bus(machine->mmio, ECAM + ECAM_SIZE, 4), UINT32_MAX);
	write_bus(machine->mmio, AT(0, 3, 0xffc), 4, 0x04030201);
	assert_int_equal(pci_config_get(&machine->net->config, 0xffc, 4), 0x04030201);
}

static void odd_widths_and_places_are_safe(void **state)
{
	struct machine *machine = *state;

	write_bus(machine->mmio, AT(0, 3, 0x40), 8, 0x8877665544332211);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0x40), 8), 0x8877665544332211);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0x41), 4), 0x55443322);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0x41), 7), 0x88776655443322);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0x42), 3), 0x554433);
	write_bus(machine->mmio, AT(0, 3, 0x43), 5, 0xa5a4a3a2a1);
	assert_int_equal(pci_config_get(&machine->net->config, 0x40, 4), 0xa1332211);
	assert_int_equal(pci_config_get(&machine->net->config, 0x44, 4), 0xa5a4a3a2);

	/* What would cross into the next function's space ends at the border. */
	write_bus(machine->mmio, AT(0, 3, 0xffe), 8, 0x1122334455667788);
	assert_int_equal(pci_config_get(&machine->net->config, 0xffc, 4), 0x77880000);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0xffe), 8), 0xffffffffffff7788);
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0xffd), 4), 0xff778800);
	assert_int_equal(read_bus(machine->mmio, AT(0, 2, 0xffe), 4), UINT32_MAX);
}

static void the_ports_need_their_address_first(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(in(machine, 0xcf8, 4), 0);
	assert_int_equal(in(machine, 0xcfc, 4), UINT32_MAX);
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0));
	assert_int_equal(in(machine, 0xcf8, 4), TYPE1(0, 3, 0));
	assert_int_equal(in(machine, 0xcfc, 4), 0x56781234);
	assert_int_equal(in(machine, 0xcfe, 2), 0x5678);
	assert_int_equal(in(machine, 0xcfd, 1), 0x12);
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0x40));
	out(machine, 0xcfc, 4, 0x44332211);
	out(machine, 0xcff, 1, 0x99);
	out(machine, 0xcfd, 1, 0x88);
	assert_int_equal(pci_config_get(&machine->net->config, 0x40, 4), 0x99338811);

	/* Off again. */
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0x40) & 0x7fffffff);
	assert_int_equal(in(machine, 0xcfc, 4), UINT32_MAX);
	out(machine, 0xcfc, 4, 0);
	assert_int_equal(pci_config_get(&machine->net->config, 0x40, 4), 0x99338811);
}

static void an_access_over_the_last_data_port_ends_there(void **state)
{
	struct machine *machine = *state;

	pci_config_set(&machine->net->config, 0x44, 4, 0xeeeeeeee);
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0x40));
	out(machine, 0xcfe, 4, 0xddccbbaa);
	assert_int_equal(pci_config_get(&machine->net->config, 0x40, 4), 0xbbaa0000);
	assert_int_equal(pci_config_get(&machine->net->config, 0x44, 4), 0xeeeeeeee);
	assert_int_equal(in(machine, 0xcfe, 4), 0xffffbbaa);
	assert_int_equal(in(machine, 0xcff, 2), 0xffbb);
}

/* How Linux finds out whether the ports are there; and reserved bits read 0. */
static void the_address_register_is_four_bytes_wide(void **state)
{
	struct machine *machine = *state;

	out(machine, 0xcf8, 4, TYPE1(0, 3, 0));
	out(machine, 0xcf8, 1, 0x40);
	out(machine, 0xcf8, 2, 0x40);
	assert_int_equal(in(machine, 0xcf8, 4), TYPE1(0, 3, 0));
	assert_int_equal(in(machine, 0xcf8, 1), 0xff);
	assert_int_equal(in(machine, 0xcf8, 2), 0xffff);
	out(machine, 0xcf8, 4, UINT32_MAX);
	assert_int_equal(in(machine, 0xcf8, 4), 0x80fffffc);
}

static uint64_t count_read(void *opaque, uint64_t offset, unsigned size)
{
	return 0x42;
}

static void count_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	unsigned *count = opaque;

	(*count)++;
}

static void the_reset_register_next_door_is_not_ours(void **state)
{
	static const struct mem_io_ops ops = { .read = count_read, .write = count_write };
	struct machine *machine = *state;
	unsigned count = 0;
	struct mem_io reset = { .start = 0xcf9, .size = 1, .ops = &ops, .opaque = &count, .name = "reset" };

	mem_bus_add(machine->pio, &reset);
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0));
	assert_int_equal(count, 0);
	assert_int_equal(in(machine, 0xcf8, 4), TYPE1(0, 3, 0));
	out(machine, 0xcf9, 1, 6);
	assert_int_equal(count, 1);
	assert_int_equal(in(machine, 0xcf9, 1), 0x42);
	assert_int_equal(in(machine, 0xcf8, 4), TYPE1(0, 3, 0));
	mem_bus_remove(machine->pio, &reset);
}

static void reset_clears_the_address(void **state)
{
	struct machine *machine = *state;

	out(machine, 0xcf8, 4, TYPE1(0, 3, 0));
	pci_bus_reset(machine->root);
	assert_int_equal(in(machine, 0xcf8, 4), 0);
	assert_int_equal(machine->net->resets, 1);
}

static void it_leaves_the_buses(void **state)
{
	struct machine *machine = *state;

	pci_host_bridge_destroy(machine->bridge);
	machine->bridge = NULL;
	assert_int_equal(read_bus(machine->mmio, AT(0, 3, 0), 4), UINT32_MAX);
	out(machine, 0xcf8, 4, TYPE1(0, 3, 0));
	assert_int_equal(in(machine, 0xcf8, 4), UINT32_MAX);
	assert_int_equal(in(machine, 0xcfc, 4), UINT32_MAX);
}

int main(void)
{
#define bridge_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		bridge_test(the_bridge_is_at_00_0),
		bridge_test(ecam_says_it_all_in_the_address),
		bridge_test(odd_widths_and_places_are_safe),
		bridge_test(the_ports_need_their_address_first),
		bridge_test(an_access_over_the_last_data_port_ends_there),
		bridge_test(the_address_register_is_four_bytes_wide),
		bridge_test(the_reset_register_next_door_is_not_ours),
		bridge_test(reset_clears_the_address),
		bridge_test(it_leaves_the_buses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
