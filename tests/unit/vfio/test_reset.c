/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of a reset. How one is made, test_pci.c and test_vfio.c try. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/error.h"
#include "vfio/pci-priv.h"

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;
static int bus_reset; /* what reset_bus() comes to */

static void release(void *opaque, struct vfio_device *device) {}

static int reset_bus(void *opaque)
{
	return bus_reset < 0 ? error_set(-bus_reset, "it is so") : bus_reset;
}

static int setup(void **state)
{
	static const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };
	const struct vfio_pci_options options = { .id = "disk" };

	fake_device_init(&fake);
	fake_set(fake.config, PCI_ROM_ADDRESS, 4, 0);
	bus_reset = 0;
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	assert_int_equal(pci_bus_create_root(&machine, "pcie.0", &root), 0);
	fake_log_start();
	assert_int_equal(vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function), 0);
	assert_int_equal(pci_bus_attach(root, PCI_DEVFN_OF(3, 0), function), 0);
	assert_non_null(strstr(fake_log_take(), "0000:01:00.0: opened, and reset by the kernel's means"));
	return 0;
}

static int teardown(void **state)
{
	fake_log_end();
	pci_bus_destroy(root);
	mem_map_destroy(handles.map);
	mem_bus_destroy(handles.mmio);
	mem_bus_destroy(handles.pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	return 0;
}

static void says(const char *words)
{
	const char *text;

	pci_bus_reset(root);
	text = fake_log_take();
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, text);
}

/* It is the kernel that chooses, whatever the device advertises. */
static void test_method(void **state)
{
	static const struct {
		const char *method, *words;
	} list[] = {
		{ "flr", "0000:01:00.0: reset by flr (function-level reset)" },
		{ "af_flr", "reset by af_flr (function-level reset, by Advanced Features)" },
		{ "pm", "reset by pm (off and on again by power management)" },
		{ "bus", "reset by bus (it is alone on it)" },
		{ "device_specific", "reset by device_specific (" },
		{ "acpi", "reset by acpi (" },
		{ "by_magic", "reset by by_magic" },
		{ "", "reset by the kernel's means, which does not name them" },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		strcpy(fake.device.reset_method, list[i].method);
		says(list[i].words);
	}
	fake.device.mediated = true;
	says("reset by the driver that made it");
}

static void test_no_reset(void **state)
{
	fake.device.can_reset = false;
	bus_reset = -EPERM;
	says("0000:01:00.0 has no reset that works: the guest finds it as it left it (it is so)");
	/* Once. */
	pci_bus_reset(root);
	assert_string_equal(fake_log_take(), "");
}

/* One that was made, and nobody knows what came of it. */
static void test_not_seen_to_come_back(void **state)
{
	fake.device.can_reset = false;
	bus_reset = -ETIMEDOUT;
	says("0000:01:00.0: it is so: dmesg says more");
	pci_bus_reset(root);
	assert_string_equal(fake_log_take(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_method, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_seen_to_come_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
