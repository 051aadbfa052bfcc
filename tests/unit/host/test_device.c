/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_reads_what_sysfs_shows(void **state)
{
	struct tree *tree = *state;
	struct host_device device;

	unit_devices(tree);
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/resource",
		  "0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n"
		  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/power_state", "D3cold\n");
	device = tree_load(tree, NVME);
	assert_int_equal(device.vendor, 0x1b36);
	assert_int_equal(device.device, 0x0010);
	assert_int_equal(device.class_code, 0x010802);
	assert_string_equal(device.text, NVME);
	assert_string_equal(device.driver, "nvme");
	assert_string_equal(device.driver_override, "");
	assert_string_equal(device.reset_methods, "flr bus");
	assert_string_equal(device.power_state, "D3cold");
	assert_true(device.has_group);
	assert_int_equal(device.group, 14);
	assert_int_equal(device.resource_sizes[0], 0x4000);
	assert_int_equal(device.resource_sizes[1], 0);
	assert_false(device.is_bridge);
	assert_false(device.is_virtual_function);
}

static void test_absent_device_is_explained(void **state)
{
	struct tree *tree = *state;
	struct host_device device;

	assert_int_equal(device_load(&tree->host, tree_bdf("0000:1a:00.3"), &device), -ENODEV);
	assert_string_equal(tree_error(tree), "there is no PCI device 0000:1a:00.3 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");
}

static void test_header_type_tells_bridges(void **state)
{
	struct tree *tree = *state;
	char config[64] = { [0x0e] = 0x01 };
	char full[PATH_MAX];
	FILE *file;

	/* The class says bridge as long as there is no header to read, then the header decides. */
	tree_device(tree, "0000:00:01.0", 0x1b36, 0x000c, 0x060400, "pcieport", 1);
	tree_device(tree, "0000:00:1f.0", 0x8086, 0x2918, 0x060100, "", 5);
	assert_true(tree_load(tree, "0000:00:01.0").is_bridge);
	assert_false(tree_load(tree, "0000:00:1f.0").is_bridge);
	for (unsigned type = 0; type < 2; type++) {
		config[0x0e] = (char)(0x80 | type);
		snprintf(full, sizeof(full), "%s/bus/pci/devices/0000:00:01.0/config", tree->sys);
		file = fopen(full, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(config, sizeof(config), 1, file), 1);
		fclose(file);
		assert_int_equal(tree_load(tree, "0000:00:01.0").is_bridge, type == 1);
	}
}

static void test_a_virtual_function_knows_its_parent(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_link(tree, "sys/devices/pci0000:00/" NIC "/physfn", "../" NVME);
	assert_true(tree_load(tree, NIC).is_virtual_function);
	assert_string_equal(tree_load(tree, NIC).physical_function, NVME);
}

static void test_all_come_in_order(void **state)
{
	struct tree *tree = *state;
	struct host_device *list;
	size_t count;

	tree_device(tree, "10000:00:00.0", 1, 1, 0, "", -1);
	tree_device(tree, "0000:02:00.1", 1, 1, 0, "", -1);
	tree_device(tree, "0000:02:00.0", 1, 1, 0, "", -1);
	tree_device(tree, "0000:0a:1f.7", 1, 1, 0, "", -1);
	assert_int_equal(device_load_all(&tree->host, &list, &count), 0);
	assert_int_equal(count, 4);
	assert_string_equal(list[0].text, "0000:02:00.0");
	assert_string_equal(list[1].text, "0000:02:00.1");
	assert_string_equal(list[2].text, "0000:0a:1f.7");
	assert_string_equal(list[3].text, "10000:00:00.0");
	free(list);
}

static void test_vfio_drivers_are_recognised(void **state)
{
	assert_true(driver_is_vfio("vfio-pci"));
	assert_true(driver_is_vfio("mlx5_vfio_pci"));
	assert_true(driver_is_vfio("nvgrace-gpu-vfio-pci"));
	assert_false(driver_is_vfio(""));
	assert_false(driver_is_vfio("nvme"));
	assert_false(driver_is_vfio("xvfio-pci"));
	assert_false(driver_is_vfio("vfio-pci-not"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_reads_what_sysfs_shows),    unit(test_absent_device_is_explained),
		unit(test_header_type_tells_bridges), unit(test_a_virtual_function_knows_its_parent),
		unit(test_all_come_in_order),	      unit(test_vfio_drivers_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
