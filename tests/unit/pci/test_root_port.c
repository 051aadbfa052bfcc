/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>

#include "base/error.h"
#include "fake.h"
#include "pci/root_port.h"

#define PORT PCI_DEVFN_OF(2, 0)

struct machine {
	struct lock lock;
	struct mem_bus *mmio;
	struct pci_bus *root;
	struct pci_function *port;
};

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pci_root_port_options options = { .id = "pcie.1", .port = 7, .chassis = 3, .slot = 0x1234 };
	struct pci_root_port_handles handles;

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	handles = (struct pci_root_port_handles){ .machine_lock = &machine->lock, .mmio = machine->mmio };
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	assert_int_equal(pci_root_port_create(&handles, &options, &machine->port), 0);
	fake_attach(machine->root, 2, 0, machine->port);
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root);
	mem_bus_destroy(machine->mmio);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

static uint32_t get(struct machine *machine, unsigned offset, unsigned size)
{
	return pci_config_read(machine->root, 0, PORT, offset, size);
}

static void put(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(machine->root, 0, PORT, offset, size, value);
}

/* Walks the list as an operating system does; 0 where the capability is not there. */
static unsigned find_capability(struct machine *machine, uint8_t id)
{
	unsigned offset = get(machine, PCI_CAPABILITY_LIST, 1);

	assert_true(get(machine, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	for (unsigned i = 0; i < 48 && offset; i++) {
		assert_true(offset >= 0x40 && offset % 4 == 0);
		if (get(machine, offset, 1) == id)
			return offset;
		offset = get(machine, offset + 1, 1);
	}
	assert_int_equal(offset, 0);
	return 0;
}

static bool behind_answers(struct machine *machine, uint8_t bus)
{
	return pci_config_read(machine->root, bus, 0, 0, 4) == 0x56781234;
}

static struct fake *add_behind(struct machine *machine)
{
	struct fake *disk = fake_create("disk", NULL);

	fake_attach(machine->port->secondary, 0, 0, &disk->function);
	return disk;
}

static void the_header_is_a_bridges(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(get(machine, PCI_VENDOR_ID, 4), 0x000c1b36);
	assert_int_equal(get(machine, PCI_CLASS_REVISION, 4) >> 8, 0x060400);
	assert_int_equal(get(machine, PCI_HEADER_TYPE, 1), PCI_HEADER_TYPE_BRIDGE);
	assert_int_equal(get(machine, PCI_COMMAND, 2), 0);
	assert_int_equal(get(machine, PCI_PRIMARY_BUS, 4), 0);
	assert_int_equal(get(machine, PCI_INTERRUPT_PIN, 1), 4);
	/* One BAR, for MSI-X, and no ROM: all-ones stay zeros. */
	put(machine, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	put(machine, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	put(machine, PCI_ROM_ADDRESS1, 4, UINT32_MAX);
	assert_int_equal(get(machine, PCI_BASE_ADDRESS_0, 4), 0xfffff000);
	assert_int_equal(get(machine, PCI_BASE_ADDRESS_1, 4), 0);
	assert_int_equal(get(machine, PCI_ROM_ADDRESS1, 4), 0);
	/* Windows: 32-bit I/O, 32-bit memory, 64-bit prefetchable. */
	put(machine, PCI_IO_BASE, 2, 0xffff);
	put(machine, PCI_MEMORY_BASE, 4, UINT32_MAX);
	put(machine, PCI_PREF_MEMORY_BASE, 4, UINT32_MAX);
	put(machine, PCI_PREF_BASE_UPPER32, 4, UINT32_MAX);
	put(machine, PCI_PREF_LIMIT_UPPER32, 4, 0x12345678);
	assert_int_equal(get(machine, PCI_IO_BASE, 2), 0xf1f1);
	assert_int_equal(get(machine, PCI_MEMORY_BASE, 4), 0xfff0fff0);
	assert_int_equal(get(machine, PCI_PREF_MEMORY_BASE, 4), 0xfff1fff1);
	assert_int_equal(get(machine, PCI_PREF_BASE_UPPER32, 4), UINT32_MAX);
	assert_int_equal(get(machine, PCI_PREF_LIMIT_UPPER32, 4), 0x12345678);
	put(machine, PCI_COMMAND, 2, 0xffff);
	assert_int_equal(get(machine, PCI_COMMAND, 2), 0x0547);
	put(machine, PCI_BRIDGE_CONTROL, 2, 0xffff);
	assert_int_equal(get(machine, PCI_BRIDGE_CONTROL, 2), 0x0047);
	assert_int_equal(get(machine, 0x100, 4), 0); /* no extended capabilities */
}

static void the_capability_says_what_it_is(void **state)
{
	struct machine *machine = *state;
	unsigned exp = find_capability(machine, PCI_CAP_ID_EXP);
	unsigned ssvid = find_capability(machine, PCI_CAP_ID_SSVID);
	unsigned slot = find_capability(machine, PCI_CAP_ID_SLOTID);

	assert_true(exp != 0);
	assert_int_equal(get(machine, exp + PCI_EXP_FLAGS, 2), 0x0142); /* version 2, root port, slot */
	assert_int_equal(get(machine, exp + PCI_EXP_LNKCAP, 4) >> 24, 7);
	assert_true(get(machine, exp + PCI_EXP_LNKCAP, 4) & PCI_EXP_LNKCAP_DLLLARC);
	assert_int_equal(get(machine, exp + PCI_EXP_SLTCAP, 4), 0x1234u << 19); /* and no hot-plug */
	/* The best speed is the highest of the supported ones, and the target. */
	assert_int_equal(get(machine, exp + PCI_EXP_LNKCAP, 4) & PCI_EXP_LNKCAP_SLS, 5);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKCAP2, 4), 0x3e);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKCTL2, 2), 5);
	assert_int_equal(get(machine, ssvid + PCI_SSVID_VENDOR_ID, 4), 0x11001af4);
	assert_int_equal(get(machine, slot + PCI_SID_ESR, 2), 0x0321);
	assert_true(find_capability(machine, PCI_CAP_ID_MSIX) != 0);
}

static void no_chassis_no_slot_capability(void **state)
{
	struct machine *machine = *state;
	struct pci_root_port_options options = { .id = "pcie.2", .multifunction = true };
	struct pci_root_port_handles handles = { .machine_lock = &machine->lock, .mmio = machine->mmio };
	struct pci_function *port;

	assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
	pci_function_detach(machine->port);
	machine->port->ops->destroy(machine->port);
	fake_attach(machine->root, 2, 0, port);
	assert_int_equal(find_capability(machine, PCI_CAP_ID_SLOTID), 0);
	assert_true(find_capability(machine, PCI_CAP_ID_EXP) != 0);
	assert_int_equal(get(machine, PCI_HEADER_TYPE, 1), 0x80 | PCI_HEADER_TYPE_BRIDGE);
	assert_string_equal(port->id, "pcie.2");
	assert_string_equal(pci_bus_name(port->secondary), "pcie.2");
}

static void a_slot_number_has_13_bits(void **state)
{
	struct machine *machine = *state;
	struct pci_root_port_options options = { .id = "pcie.2", .slot = 8192 };
	struct pci_root_port_handles handles = { .machine_lock = &machine->lock, .mmio = machine->mmio };
	struct pci_function *port = NULL;

	assert_int_equal(pci_root_port_create(&handles, &options, &port), -EINVAL);
	assert_string_equal(error_get()->because, "slot=8192: a physical slot number has 13 bits");
	assert_string_equal(error_get()->remedy, "a number from 0 to 8191");
	assert_null(port);
}

static void presence_and_link_follow_the_slot(void **state)
{
	struct machine *machine = *state;
	unsigned exp = find_capability(machine, PCI_CAP_ID_EXP);
	struct fake *disk;

	assert_int_equal(get(machine, exp + PCI_EXP_SLTSTA, 2), 0);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
	disk = add_behind(machine);
	assert_int_equal(get(machine, exp + PCI_EXP_SLTSTA, 2), PCI_EXP_SLTSTA_PDS);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKSTA, 2),
			 PCI_EXP_LNKSTA_SLC | PCI_EXP_LNKSTA_DLLLA | PCI_EXP_LNKSTA_NLW_X1 << 4 | 5);
	/* Read as the upper half of a doubleword, too. */
	assert_int_equal(get(machine, exp + PCI_EXP_SLTCTL, 4), PCI_EXP_SLTSTA_PDS << 16);
	pci_function_detach(&disk->function);
	disk->function.ops->destroy(&disk->function);
	assert_int_equal(get(machine, exp + PCI_EXP_SLTSTA, 2), 0);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
}

/* As the host's port does for the device. Of several functions nobody knows who would ask. */
static void it_completes_atomics_for_one_function(void **state)
{
	struct machine *machine = *state;
	const unsigned at = find_capability(machine, PCI_CAP_ID_EXP) + PCI_EXP_DEVCAP2;
	const uint32_t widths = PCI_EXP_DEVCAP2_ATOMIC_COMP32 | PCI_EXP_DEVCAP2_ATOMIC_COMP64;
	struct fake *card;

	assert_int_equal(get(machine, at, 4), 0);
	card = add_behind(machine);
	assert_int_equal(get(machine, at, 4), 0);
	card->function.atomics = widths;
	assert_int_equal(get(machine, at, 4), widths);
	put(machine, at, 4, 0); /* read-only */
	assert_int_equal(get(machine, at, 4), widths);
	card->function.multifunction = true;
	assert_int_equal(get(machine, at, 4), 0);
	card->function.multifunction = false;
	pci_function_detach(&card->function);
	card->function.ops->destroy(&card->function);
	assert_int_equal(get(machine, at, 4), 0);
}

static void the_bus_behind_has_the_number_it_is_given(void **state)
{
	struct machine *machine = *state;

	add_behind(machine);
	assert_false(behind_answers(machine, 1));
	put(machine, PCI_PRIMARY_BUS, 4, 0x00050500);
	assert_true(behind_answers(machine, 5));
	put(machine, PCI_SECONDARY_BUS, 1, 4); /* one byte at a time */
	assert_true(behind_answers(machine, 4));
	assert_false(behind_answers(machine, 5));
	put(machine, PCI_SUBORDINATE_BUS, 1, 3);
	assert_false(behind_answers(machine, 4));
	assert_int_equal(pci_config_read(machine->root, 4, PCI_DEVFN_OF(1, 0), 0, 4), UINT32_MAX);
}

static void secondary_bus_reset_resets_once_and_holds(void **state)
{
	struct machine *machine = *state;
	struct fake *disk = add_behind(machine);
	unsigned exp = find_capability(machine, PCI_CAP_ID_EXP);

	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	put(machine, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET | PCI_BRIDGE_CTL_SERR);
	assert_int_equal(disk->resets, 1);
	assert_false(behind_answers(machine, 1));
	assert_int_equal(get(machine, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
	assert_int_equal(get(machine, exp + PCI_EXP_SLTSTA, 2), PCI_EXP_SLTSTA_PDS);
	put(machine, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	assert_int_equal(disk->resets, 1); /* held, not again */
	put(machine, PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(disk->resets, 1);
	assert_true(behind_answers(machine, 1));
	assert_true(get(machine, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA);
	put(machine, PCI_BRIDGE_CONTROL, 1, PCI_BRIDGE_CTL_BUS_RESET);
	assert_int_equal(disk->resets, 2);
}

static void link_disable_takes_the_link_down(void **state)
{
	struct machine *machine = *state;
	struct fake *disk = add_behind(machine);
	unsigned exp = find_capability(machine, PCI_CAP_ID_EXP);

	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	put(machine, exp + PCI_EXP_LNKCTL, 2, 0xffff);
	assert_int_equal(get(machine, exp + PCI_EXP_LNKCTL, 2),
			 PCI_EXP_LNKCTL_LD | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES); /* retrain reads 0 */
	assert_int_equal(disk->resets, 1);
	assert_false(behind_answers(machine, 1));
	put(machine, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET); /* down already */
	assert_int_equal(disk->resets, 1);
	put(machine, exp + PCI_EXP_LNKCTL, 2, 0);
	assert_false(behind_answers(machine, 1));
	put(machine, PCI_BRIDGE_CONTROL, 2, 0);
	assert_true(behind_answers(machine, 1));
	assert_int_equal(disk->resets, 1);
}

static void sleep_is_d3_or_nothing(void **state)
{
	struct machine *machine = *state;
	unsigned pm = find_capability(machine, PCI_CAP_ID_PM);

	add_behind(machine);
	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	put(machine, pm + PCI_PM_CTRL, 2, 1);
	assert_int_equal(get(machine, pm + PCI_PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET);
	put(machine, pm + PCI_PM_CTRL, 2, 0xffff);
	assert_int_equal(get(machine, pm + PCI_PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET | 3);
	assert_false(behind_answers(machine, 1));
	put(machine, pm + PCI_PM_CTRL, 1, 2);
	assert_int_equal(get(machine, pm + PCI_PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET | 3);
	put(machine, pm + PCI_PM_CTRL, 1, 0);
	assert_int_equal(get(machine, PCI_PRIMARY_BUS, 4), 0x00010100); /* nothing is lost */
	assert_true(behind_answers(machine, 1));
}

static void reset_is_power_on(void **state)
{
	struct machine *machine = *state;
	uint32_t before[PCIE_CONFIG_SIZE / 4];

	add_behind(machine);
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++)
		before[i] = get(machine, 4 * i, 4);
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++)
		put(machine, 4 * i, 4, 0x01010101u << i % 8);
	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	pci_bus_reset(machine->root);
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++)
		assert_int_equal(get(machine, 4 * i, 4), before[i]);
	assert_false(behind_answers(machine, 1));
}

/* Its destruction takes the bus behind with it. */
static void what_is_behind_goes_with_the_port(void **state)
{
	struct machine *machine = *state;
	unsigned destroyed = 0;

	add_behind(machine)->destroyed = &destroyed;
	pci_function_detach(machine->port);
	machine->port->ops->destroy(machine->port);
	assert_int_equal(destroyed, 1);
}

int main(void)
{
#define port_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		port_test(the_header_is_a_bridges),
		port_test(the_capability_says_what_it_is),
		port_test(no_chassis_no_slot_capability),
		port_test(a_slot_number_has_13_bits),
		port_test(presence_and_link_follow_the_slot),
		port_test(it_completes_atomics_for_one_function),
		port_test(the_bus_behind_has_the_number_it_is_given),
		port_test(secondary_bus_reset_resets_once_and_holds),
		port_test(link_disable_takes_the_link_down),
		port_test(sleep_is_d3_or_nothing),
		port_test(reset_is_power_on),
		port_test(what_is_behind_goes_with_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
