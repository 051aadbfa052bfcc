/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <linux/pci_regs.h>

#include "pci/config.h"

static void values_are_little_endian_at_any_alignment(void **state)
{
	struct pci_config config = { 0 };

	pci_config_set(&config, 0x41, 4, 0x44332211);
	assert_int_equal(config.data[0x41], 0x11);
	assert_int_equal(config.data[0x44], 0x44);
	assert_int_equal(pci_config_get(&config, 0x41, 4), 0x44332211);
	assert_int_equal(pci_config_get(&config, 0x42, 2), 0x3322);
	assert_int_equal(pci_config_get(&config, 0x44, 1), 0x44);
	assert_int_equal(pci_config_get(&config, 0x40, 4), 0x33221100);
}

static void the_end_is_a_wall(void **state)
{
	struct {
		struct pci_config config;
		uint8_t guard[8];
	} room = { 0 };

	for (unsigned i = 0; i < sizeof(room.guard); i++)
		room.guard[i] = 0x5a;
	pci_config_allow(&room.config, 4094, 4, UINT32_MAX);
	pci_config_guest_write(&room.config, 4094, 4, 0x12345678);
	assert_int_equal(pci_config_get(&room.config, 4094, 4), 0xffff5678);
	pci_config_set(&room.config, 4095, 2, 0xabcd);
	assert_int_equal(room.config.data[4095], 0xcd);
	assert_int_equal(room.config.writable[0], 0);
	for (unsigned i = 0; i < sizeof(room.guard); i++)
		assert_int_equal(room.guard[i], 0x5a);
}

static void a_guest_writes_what_the_masks_let_it(void **state)
{
	struct pci_config config = { 0 };

	pci_config_set(&config, 0x10, 4, 0x0000000c);
	pci_config_allow(&config, 0x10, 4, 0xffff0000);
	pci_config_guest_write(&config, 0x10, 4, 0xffffffff);
	assert_int_equal(pci_config_get(&config, 0x10, 4), 0xffff000c);
	pci_config_guest_write(&config, 0x12, 1, 0x34);
	assert_int_equal(pci_config_get(&config, 0x10, 4), 0xff34000c);
	pci_config_guest_write(&config, 0x11, 2, 0); /* half writable */
	assert_int_equal(pci_config_get(&config, 0x10, 4), 0xff00000c);
}

static void a_written_one_clears_and_a_zero_does_not(void **state)
{
	struct pci_config config = { 0 };

	pci_config_set(&config, PCI_STATUS, 2, 0xf910);
	config.clears[PCI_STATUS + 1] = 0xf9;
	pci_config_guest_write(&config, PCI_STATUS, 2, 0);
	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2), 0xf910);
	pci_config_guest_write(&config, PCI_STATUS, 2, 0x8010);
	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2), 0x7910);
	pci_config_guest_write(&config, PCI_STATUS, 2, 0xffff);
	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2), 0x0010);
}

static void capabilities_are_chained_in_the_order_added(void **state)
{
	struct pci_config config = { 0 };

	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	assert_int_equal(pci_config_add_capability(&config, PCI_CAP_ID_MSIX, 0x70, 12), 0x70);
	assert_int_equal(pci_config_add_capability(&config, PCI_CAP_ID_PM, 0x40, 8), 0x40);
	assert_int_equal(pci_config_add_capability(&config, PCI_CAP_ID_EXP, 0xc4, 0x3c), 0xc4);
	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	assert_int_equal(config.data[PCI_CAPABILITY_LIST], 0x70);
	assert_int_equal(pci_config_get(&config, 0x70, 2), 0x4000 | PCI_CAP_ID_MSIX);
	assert_int_equal(pci_config_get(&config, 0x40, 2), 0xc400 | PCI_CAP_ID_PM);
	assert_int_equal(pci_config_get(&config, 0xc4, 2), 0x0000 | PCI_CAP_ID_EXP);
}

static void extended_capabilities_begin_at_0x100(void **state)
{
	struct pci_config config = { 0 };

	assert_int_equal(pci_config_add_capability(&config, PCI_EXT_CAP_ID_ERR, 0x100, 0x48), 0x100);
	assert_int_equal(pci_config_get(&config, 0x100, 4), 0x00010001);
	assert_int_equal(pci_config_add_capability(&config, PCI_EXT_CAP_ID_ACS, 0x148, 8), 0x148);
	assert_int_equal(pci_config_add_capability(&config, PCI_EXT_CAP_ID_DSN, 0xff4, 12), 0xff4);
	assert_int_equal(pci_config_get(&config, 0x100, 4), 0x14810001);
	assert_int_equal(pci_config_get(&config, 0x148, 4), 0xff41000d);
	assert_int_equal(pci_config_get(&config, 0xff4, 4), 0x00010003);
	/* The first 256 bytes hear nothing of it. */
	assert_int_equal(pci_config_get(&config, PCI_STATUS, 2), 0);
	assert_int_equal(config.data[PCI_CAPABILITY_LIST], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_little_endian_at_any_alignment),
		cmocka_unit_test(the_end_is_a_wall),
		cmocka_unit_test(a_guest_writes_what_the_masks_let_it),
		cmocka_unit_test(a_written_one_clears_and_a_zero_does_not),
		cmocka_unit_test(capabilities_are_chained_in_the_order_added),
		cmocka_unit_test(extended_capabilities_begin_at_0x100),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
