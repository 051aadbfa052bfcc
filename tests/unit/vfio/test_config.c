/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/error.h"
#include "vfio/config-priv.h"

static struct fake_device fake;
static struct vfio_config config;

static int setup(void **state)
{
	fake_device_init(&fake);
	return 0;
}

static int teardown(void **state)
{
	fake_device_fini(&fake);
	return 0;
}

static uint32_t get(unsigned offset, unsigned size)
{
	return vfio_config_read(&config, offset, size);
}

/* Follows the standard list as a guest would; writes offsets down. */
static unsigned standard_list(unsigned *ret_at, unsigned most)
{
	unsigned count = 0;

	for (unsigned at = get(PCI_CAPABILITY_LIST, 1); at && count < most; at = get(at + 1, 1))
		ret_at[count++] = at;
	return count;
}

static void test_header(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(PCI_VENDOR_ID, 4), 0x00101b36);
	/* The device decodes and masters at this time; the guest sees a function that does nothing yet. */
	assert_int_equal(get(PCI_COMMAND, 2), 0);
	assert_int_equal(get(PCI_STATUS, 2), PCI_STATUS_CAP_LIST | PCI_STATUS_REC_MASTER_ABORT);
	assert_int_equal(get(PCI_CLASS_REVISION, 4), 0x01080202);
	/* Neither multifunction nor a self-test. */
	assert_int_equal(get(PCI_HEADER_TYPE, 2), 0);
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(get(PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	/* No line yet; the pin is the device's, if the kernel signals it. */
	assert_int_equal(get(PCI_INTERRUPT_LINE, 2), 0x100);
	vfio_config_hide_pin(&config);
	assert_int_equal(get(PCI_INTERRUPT_LINE, 2), 0);
	for (unsigned bar = 0; bar < PCI_BARS; bar++)
		assert_int_equal(get(PCI_BASE_ADDRESS_0 + 4 * bar, 4), 0);
}

static void test_standard_list(void **state)
{
	static const unsigned expected[] = { FAKE_PM, FAKE_EXP, FAKE_MSIX, FAKE_AF, FAKE_VNDR };
	unsigned at[16];

	fake_set(fake.config, FAKE_MSI, 1, PCI_CAP_ID_EA); /* a hidden one in its place */
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(standard_list(at, 16), 5);
	assert_memory_equal(at, expected, sizeof(expected));
	/* The hidden one is gone as a whole: up to where the next one begins, for nothing tells its size. */
	for (unsigned i = 0; i < FAKE_EXP - FAKE_MSI; i++)
		assert_int_equal(get(FAKE_MSI + i, 1), 0);
	assert_int_equal(get(FAKE_VNDR + 4, 4), 0xcafef00d);
	assert_int_equal(config.pm, FAKE_PM);
	assert_int_equal(config.msix, FAKE_MSIX);
	assert_int_equal(config.express, FAKE_EXP);
	assert_int_equal(config.af, FAKE_AF);
	assert_true(config.express_flr && config.af_flr);
}

/* Shaped as the device's, with nothing of what the host has written there; what lies behind it is passed. */
static void test_msi(void **state)
{
	fake_set(fake.config, FAKE_MSI + PCI_MSI_FLAGS, 2,
		 PCI_MSI_FLAGS_64BIT | 6 | PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	fake_set(fake.config, FAKE_MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	fake_set(fake.config, FAKE_MSI + PCI_MSI_DATA_64, 2, 0x1234);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(config.msi, FAKE_MSI);
	assert_int_equal(get(FAKE_MSI, 4), (PCI_MSI_FLAGS_64BIT | 6) << 16 | FAKE_EXP << 8 | PCI_CAP_ID_MSI);
	assert_int_equal(get(FAKE_MSI + PCI_MSI_ADDRESS_LO, 4), 0);
	assert_int_equal(get(FAKE_MSI + PCI_MSI_DATA_64, 2), 0);
	assert_int_equal(get(FAKE_MSI + 0xe, 2), 0x5a5a);
	vfio_config_hide(&config, FAKE_MSI, 0xe);
	assert_int_equal(config.msi, 0);
	assert_int_equal(get(FAKE_PM + 1, 1), FAKE_EXP);
	assert_int_equal(get(FAKE_MSI, 4), 0);
}

static void test_list_without_end(void **state)
{
	unsigned at[64];

	/* A circle, and a pointer into the header. */
	fake_set(fake.config, FAKE_VNDR + 1, 1, FAKE_PM);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(standard_list(at, 64), 6);
	fake_set(fake.config, FAKE_VNDR + 1, 1, 0x10);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(standard_list(at, 64), 6);
	fake_set(fake.config, FAKE_DSN, 4, PCI_EXT_CAP_ID_DSN | 1u << 16 | FAKE_AER << 20);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(FAKE_DSN, 4), PCI_EXT_CAP_ID_DSN | 1u << 16);
}

static void test_everything_hidden(void **state)
{
	fake_set(fake.config, PCI_CAPABILITY_LIST, 1, FAKE_MSI);
	fake_set(fake.config, FAKE_MSI, 2, PCI_CAP_ID_EA);
	fake_set(fake.config, FAKE_AER, 4, PCI_EXT_CAP_ID_ERR | 1u << 16);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(PCI_CAPABILITY_LIST, 1), 0);
	assert_int_equal(get(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	assert_int_equal(get(PCI_CFG_SPACE_SIZE, 4), 0);
}

/* Of the sizes that two BARs can have, each shows the one that it has. */
static void test_resizable_bars(void **state)
{
	const unsigned at = PCI_CFG_SPACE_SIZE;

	fake_set(fake.config, at, 4, PCI_EXT_CAP_ID_REBAR | 1u << 16);
	fake_set(fake.config, at + 4, 4, 0x000fff00);		 /* 16 MiB to 32 GiB */
	fake_set(fake.config, at + 8, 4, 0 | 2u << 5 | 8u << 8); /* BAR 0, of two; 256 MiB */
	fake_set(fake.config, at + 12, 4, 0xfffffff0);
	fake_set(fake.config, at + 16, 4, 2 | 29u << 8 | 0xffff0000u); /* BAR 2; 512 TiB */
	fake_set(fake.config, at + 20, 4, 0x12345678);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(at, 4), PCI_EXT_CAP_ID_REBAR | 1u << 16);
	assert_int_equal(get(at + 4, 4), 1u << (8 + 4));
	assert_int_equal(get(at + 8, 4), 0 | 2u << 5 | 8u << 8);
	assert_int_equal(get(at + 12, 4), 0);
	assert_int_equal(get(at + 16, 4), 2 | 29u << 8 | 1u << 17);
	assert_int_equal(get(at + 20, 4), 0);
	story_forget();
	vfio_config_write(&config, at + 4, 4, UINT32_MAX);
	vfio_config_write(&config, at + 8, 4, 0 | 2u << 5 | 15u << 8);
	story_expect("");
	assert_int_equal(get(at + 8, 4), 0 | 2u << 5 | 8u << 8);
	/* One that has no room for what it says. */
	fake_set(fake.config, at, 4, 0xffcu << 20 | PCI_EXT_CAP_ID_VNDR | 1u << 16);
	fake_set(fake.config, 0xffc, 4, PCI_EXT_CAP_ID_REBAR | 1u << 16);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(0xffc, 4), PCI_EXT_CAP_ID_REBAR | 1u << 16);
}

static void test_extended_list(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	/* AER at 0x100 leaves a null capability that points past SR-IOV to the serial number. */
	assert_int_equal(get(FAKE_AER, 4), FAKE_DSN << 20);
	assert_int_equal(get(FAKE_AER + 4, 4), 0);
	assert_int_equal(get(FAKE_SRIOV, 4), 0);
	assert_int_equal(get(FAKE_SRIOV + 4, 4), 0);
	assert_int_equal(get(FAKE_DSN, 4), PCI_EXT_CAP_ID_DSN | 1u << 16);
	assert_int_equal(get(FAKE_DSN + 4, 4), 0x11110000 + FAKE_DSN);
	assert_int_equal(get(FAKE_ATS, 4), 0);
	assert_int_equal(get(FAKE_ATS + 4, 4), 0);
}

static void test_extended_list_first_shown(void **state)
{
	fake_set(fake.config, FAKE_AER, 4, PCI_EXT_CAP_ID_VNDR | 1u << 16 | FAKE_SRIOV << 20);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(FAKE_AER, 4), PCI_EXT_CAP_ID_VNDR | 1u << 16 | FAKE_DSN << 20);
	assert_int_equal(get(FAKE_DSN, 4), PCI_EXT_CAP_ID_DSN | 1u << 16);
}

static void test_conventional(void **state)
{
	fake.config_size = PCI_CONFIG_SIZE;
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(PCI_CFG_SPACE_SIZE, 4), 0xffffffff);
	assert_int_equal(get(0xffc, 4), 0xffffffff);
	/* Across the end: our side of it is still right. */
	fake.config[0xff] = 0x77;
	assert_int_equal(get(0xff, 2), 0xff77);
	vfio_config_write(&config, 0x100, 4, 0);
	vfio_config_write(&config, 0xff, 4, 0x12345678);
	story_expect("config[ff+1]=78 ");
}

/* What a mediated device's driver forgot to provide. */
static void test_a_byte_short(void **state)
{
	fake.config_size = PCI_CONFIG_SIZE - 1;
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	fake.config[0xfe] = 0x77;
	assert_int_equal(get(0xfc, 4), 0xff770000);
	assert_int_equal(get(0xff, 1), 0xff);
	vfio_config_write(&config, 0xfc, 4, 0x12345678);
	vfio_config_write(&config, 0xff, 1, 0x12);
	story_expect("config[fc+3]=345678 ");
	fake.config_size = PCI_STD_HEADER_SIZEOF - 1;
	assert_int_equal(vfio_config_init(&config, &fake.device), -ENOTSUP);
	assert_string_equal(error_get()->because,
			    "0000:01:00.0 has a configuration space of 63 bytes, less than a header");
}

/* There is no version 0, but some virtual functions say so. */
static void test_version_0(void **state)
{
	fake_set(fake.config, FAKE_EXP + PCI_EXP_FLAGS, 2, PCI_EXP_TYPE_ENDPOINT << 4);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 1 | PCI_EXP_TYPE_ENDPOINT << 4);
	vfio_config_place(&config, true);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 1 | PCI_EXP_TYPE_RC_END << 4);
}

static void test_place(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	vfio_config_place(&config, true);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_RC_END << 4);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKCAP, 4), 0);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKSTA, 2), 0);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKCAP2, 4), 0);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_DEVCAP, 4), PCI_EXP_DEVCAP_FLR);
	vfio_config_place(&config, false);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKCAP, 4), 0x00455843);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKCAP2, 4), 0xe);
}

static void test_place_integrated(void **state)
{
	fake_set(fake.config, FAKE_EXP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_RC_END << 4);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	vfio_config_place(&config, false);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKCAP, 4), 0x11);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKSTA, 2), 0x11);
	vfio_config_place(&config, true);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_RC_END << 4);
	assert_int_equal(get(FAKE_EXP + PCI_EXP_LNKSTA, 2), 0);
}

static void test_write_masks(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	/* What is read-only never reaches the device, nor changes. */
	vfio_config_write(&config, PCI_VENDOR_ID, 4, 0x12345678);
	vfio_config_write(&config, PCI_CLASS_REVISION, 4, 0);
	vfio_config_write(&config, PCI_HEADER_TYPE, 1, 0xff);
	vfio_config_write(&config, PCI_SUBSYSTEM_VENDOR_ID, 4, 0);
	vfio_config_write(&config, PCI_CAPABILITY_LIST, 4, 0xffffffff);
	vfio_config_write(&config, PCI_ROM_ADDRESS, 4, 0xffffffff);
	vfio_config_write(&config, FAKE_MSI + 2, 2, 0xffff);
	vfio_config_write(&config, FAKE_MSIX + PCI_MSIX_TABLE, 4, 0xffffffff);
	vfio_config_write(&config, FAKE_EXP + PCI_EXP_LNKCTL, 2, 0xffff);
	vfio_config_write(&config, FAKE_SRIOV + 8, 4, 0xffffffff);
	vfio_config_write(&config, FAKE_AER + 8, 4, 0xffffffff);
	story_expect("");
	assert_int_equal(get(PCI_VENDOR_ID, 4), 0x00101b36);
	assert_int_equal(get(PCI_CAPABILITY_LIST, 1), FAKE_PM);
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(get(FAKE_SRIOV + 8, 4), 0);
	/* Ours to keep. */
	vfio_config_write(&config, PCI_INTERRUPT_LINE, 4, 0xffffff0a);
	assert_int_equal(get(PCI_INTERRUPT_LINE, 2), 0x10a);
	vfio_config_write(&config, FAKE_MSIX + PCI_MSIX_FLAGS, 2, 0xffff);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_FLAGS, 2), 0xc000 | (FAKE_VECTORS - 1));
	story_expect("");
	/* The device's. */
	vfio_config_write(&config, FAKE_VNDR + 4, 4, 0x01020304);
	vfio_config_write(&config, FAKE_EXP + PCI_EXP_DEVCTL, 2, 0x2810);
	story_expect("config[d4+4]=1020304 config[78+2]=2810 ");
}

static void test_odd_widths(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	/* Across hidden and passed: each byte from where it belongs. */
	assert_int_equal(get(FAKE_MSI + 0xd, 2), 0x5a00);
	assert_int_equal(get(1, 2), 0x101b);
	assert_int_equal(get(PCI_COMMAND + 1, 4), 0x02201000);
	/* A write that straddles passed and read-only bytes sends the passed ones alone. */
	vfio_config_write(&config, FAKE_VNDR - 1, 4, 0xdeadbeef);
	story_expect("config[cf+1]=ef config[d2+1]=de ");
	vfio_config_write(&config, 0xffe, 4, 0xdeadbeef);
	story_expect("config[ffe+2]=beef ");
	assert_int_equal(get(0xffe, 4), 0xffffbeef);
}

static void test_command(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	pci_config_set(&config.shown, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	vfio_config_command(&config);
	story_expect("config[4+2]=404 ");
	vfio_config_line(&config, VFIO_LINE_GUEST);
	story_expect("config[4+2]=4 ");
	pci_config_set(&config.shown, PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	vfio_config_command(&config);
	story_expect("config[4+2]=404 ");
	vfio_config_line(&config, VFIO_LINE_OPEN);
	story_expect("config[4+2]=4 ");
	/* What the guest reads is what it wrote. */
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

static void test_flr(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_true(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR));
	assert_true(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL, 4, PCI_EXP_DEVCTL_BCR_FLR));
	assert_true(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL + 1, 1, 0x80));
	assert_false(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL, 1, 0x80));
	assert_false(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL, 2, 0x7fff));
	assert_true(vfio_config_is_flr(&config, FAKE_AF + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR));
	assert_true(vfio_config_is_flr(&config, FAKE_AF + PCI_AF_CTRL - 1, 2, PCI_AF_CTRL_FLR << 8));
	assert_false(vfio_config_is_flr(&config, FAKE_AF + PCI_AF_CTRL, 1, 0xfe));
	fake_set(fake.config, FAKE_EXP + PCI_EXP_DEVCAP, 4, 0);
	fake_set(fake.config, FAKE_AF + PCI_AF_CAP, 1, PCI_AF_CAP_TP);
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	assert_false(vfio_config_is_flr(&config, FAKE_EXP + PCI_EXP_DEVCTL, 2, 0xffff));
	assert_false(vfio_config_is_flr(&config, FAKE_AF + PCI_AF_CTRL, 1, 0xff));
}

static void test_hide(void **state)
{
	unsigned at[16];

	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	vfio_config_hide(&config, FAKE_MSIX, PCI_CAP_MSIX_SIZEOF);
	assert_int_equal(standard_list(at, 16), 5);
	assert_int_equal(at[2], FAKE_EXP);
	assert_int_equal(at[3], FAKE_AF);
	assert_int_equal(config.msix, 0);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_FLAGS, 2), 0);
}

static void test_refusals(void **state)
{
	fake.dead = true;
	assert_int_equal(vfio_config_init(&config, &fake.device), -EIO);
	assert_non_null(strstr(error_get()->because, "0000:01:00.0 answers with all-ones"));
	assert_non_null(strstr(error_get()->remedy, "rescan"));
	fake.device.mediated = true;
	assert_int_equal(vfio_config_init(&config, &fake.device), -EIO);
	assert_null(strstr(error_get()->remedy, "rescan"));
	assert_non_null(strstr(error_get()->remedy, "/sys/bus/mdev/devices/"));
	fake.dead = false;
	fake_set(fake.config, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	assert_int_equal(vfio_config_init(&config, &fake.device), -ENOTSUP);
	fake_set(fake.config, PCI_HEADER_TYPE, 1, 0);
	fake_set(fake.config, FAKE_EXP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_RC_EC << 4);
	assert_int_equal(vfio_config_init(&config, &fake.device), -ENOTSUP);
	assert_non_null(strstr(error_get()->because, "only endpoints can be assigned"));
}

static void test_failing_device(void **state)
{
	assert_int_equal(vfio_config_init(&config, &fake.device), 0);
	fake.fails = true;
	assert_int_equal(get(FAKE_VNDR + 4, 4), 0xffffffff);
	assert_int_equal(get(PCI_VENDOR_ID, 4), 0xffffffff);
	assert_int_equal(vfio_config_power_state(&config), 0);
	assert_false(vfio_config_awake(&config));
	vfio_config_write(&config, FAKE_VNDR + 4, 4, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_standard_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msi, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everything_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resizable_bars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version_0, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_list_first_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conventional, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_byte_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place_integrated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_masks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_command, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_device, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
