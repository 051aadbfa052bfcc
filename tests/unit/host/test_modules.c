/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which driver bind and unbind choose: the VFIO driver made for a device, and the host's own. */
#include "binding.h"

#include <errno.h>

#include "host/modules-priv.h"

#define NIC_ALIAS   "pci:v00008086d000010D3sv00001AF4sd00001100bc02sc00i00"
#define VF_WILDCARD "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
#define VARIANT	    "alias vfio_pci:v00008086d000010D3sv*sd*bc*sc*i* fast_vfio_pci\n"
#define NATIVE	    "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n"

/* The devices as they are; the NIC is called as Linux would call it. */
static void devices(struct tree *tree, const char *aliases)
{
	unit_devices(tree);
	tree_file(tree, "sys/devices/pci0000:00/" NIC "/modalias", NIC_ALIAS "\n");
	tree_file(tree, "modules/modules.alias", "# Aliases extracted from modules themselves.\n%s", aliases);
}

static const char *variant_of(struct tree *tree, struct module_name *name)
{
	struct host_device device = tree_load(tree, NIC);

	return modules_variant(&tree->host, &device, name) ? name->text : "";
}

static void test_the_most_specific_variant_is_found(void **state)
{
	struct tree *tree = *state;
	struct module_name name;

	unit_devices(tree);
	assert_string_equal(variant_of(tree, &name), "");
	devices(tree, VF_WILDCARD NATIVE);
	assert_string_equal(variant_of(tree, &name), "");
	devices(tree, "alias vfio_pci:v00008086d*sv*sd*bc02sc*i* wide_vfio_pci\n" VF_WILDCARD
		      "alias vfio_pci:v00008086d000010D3sv00001AF4sd*bc*sc*i* exact_vfio_pci\n" VARIANT
		      "alias vfio_pci:v00008086d000010D4sv00001AF4sd00001100bc*sc*i* other_vfio_pci\n"
		      "alias pci:v00008086d000010D3sv00001AF4sd00001100bc02sc00i00 e1000e\n");
	assert_string_equal(variant_of(tree, &name), "exact_vfio_pci");
}

static void test_builtin_variants_count(void **state)
{
	static const char modinfo[] =
		"nvme.license=GPL\0fast_vfio_pci.alias=vfio_pci:v00008086d000010D3sv*sd*"
		"bc*sc*i*\0fast_vfio_pci.description=x=y.z\0";
	struct tree *tree = *state;
	struct module_name name;
	char path[PATH_MAX];
	FILE *file;

	devices(tree, VF_WILDCARD);
	snprintf(path, sizeof(path), "%s/modules.builtin.modinfo", tree->host.modules);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(modinfo, 1, sizeof(modinfo) - 1, file), sizeof(modinfo) - 1);
	fclose(file);
	assert_string_equal(variant_of(tree, &name), "fast_vfio_pci");
}

static void test_native_modules_in_the_files_order(void **state)
{
	struct tree *tree = *state;
	struct host_device device;
	struct module_name list[4];

	devices(tree, "alias pci:v00008086d*sv*sd*bc02sc*i* generic\n" NATIVE NATIVE VARIANT
		      "alias pci:v*d*sv*sd*bc*sc*i* vfio_pci\nalias virtio:d1 virtio_net\nalias broken\n");
	device = tree_load(tree, NIC);
	assert_int_equal(modules_native(&tree->host, &device, list, 4), 2);
	assert_string_equal(list[0].text, "generic");
	assert_string_equal(list[1].text, "e1000e");
	assert_int_equal(modules_native(&tree->host, &device, list, 1), 1);
}

/* What it is called tells sysfs, not the module's name. */
static void test_the_driver_of_a_module(void **state)
{
	struct tree *tree = *state;
	char driver[64];

	tree_driver(tree, "vfio-pci");
	assert_true(modules_driver(&tree->host, "vfio_pci", driver, sizeof(driver)));
	assert_string_equal(driver, "vfio-pci");
	assert_false(modules_driver(&tree->host, "vfio_pc", driver, sizeof(driver)));
	assert_false(modules_driver(&tree->host, "vfio_pci2", driver, sizeof(driver)));
	tree_folder(tree, "sys/module/snd_hda/drivers/pci:snd_hda_intel");
	assert_true(modules_driver(&tree->host, "snd_hda", driver, sizeof(driver)));
	assert_string_equal(driver, "snd_hda_intel");
}

static void test_bind_takes_the_variant(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, VF_WILDCARD VARIANT NATIVE);
	tree->module = "fast_vfio_pci";
	assert_int_equal(do_bind(tree, NVME, NIC, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n" NIC ": e1000e -> fast_vfio_pci\n");
	assert_string_equal(tree_read(tree, OVERRIDE(NIC)), "fast_vfio_pci");
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NIC ": already bound to fast_vfio_pci\n");
	assert_string_equal(output.notes, "");
	assert_int_equal(do_unbind(tree, NVME, NIC, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n" NIC ": fast_vfio_pci -> e1000e\n");
	expect_native(tree);
}

static void test_a_variant_that_is_missing_is_not_replaced(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, VF_WILDCARD VARIANT);
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), -ENOENT);
	assert_string_equal(tree_error(tree),
			    "cannot bind 0000:02:00.0 to vfio-pci\n"
			    "  because: the driver fast_vfio_pci is not loaded and could not be: modprobe "
			    "fast_vfio_pci failed\n"
			    "           modules.alias names it as the VFIO driver made for 0000:02:00.0\n"
			    "  try:     modprobe fast_vfio_pci    (says why)\n"
			    "           handfast bind --driver vfio-pci 0000:02:00.0    (does without it)");
	assert_int_equal(tree->writes, 0);
	/* That remedy works. */
	assert_int_equal(do_bind(tree, NIC, NULL, (struct bind_options){ .driver = "vfio-pci" }, &output), 0);
	assert_string_equal(output.out, NIC ": e1000e -> vfio-pci\n");
	/* And is not undone behind the user's back, but said. */
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NIC ": already bound to vfio-pci\n");
	assert_string_equal(
		output.notes,
		"note: 0000:02:00.0 stays with vfio-pci; fast_vfio_pci is the VFIO driver made for it\n"
		"      try: handfast unbind 0000:02:00.0 && handfast bind 0000:02:00.0\n");
}

static void test_bind_to_a_driver_that_is_not_vfios(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	assert_int_equal(do_bind(tree, NIC, NULL, (struct bind_options){ .driver = "nvme" }, &output),
			 -EINVAL);
	assert_string_equal(
		tree_error(tree),
		"cannot bind 0000:02:00.0 to nvme\n"
		"  because: nvme is no VFIO driver\n"
		"  try:     handfast unbind --driver nvme ...    (gives devices to a driver of the host)");
	assert_int_equal(do_bind(tree, NIC, NULL, (struct bind_options){ .driver = "x_vfio_pci" }, &output),
			 -ENOENT);
	assert_int_equal(tree->writes, 0);
	expect_native(tree);
}

/* Bound by hand: driver_override and a probe, nothing in the journal. */
static void by_hand(struct tree *tree, const char *override)
{
	tree_bind(tree, NIC, "vfio-pci");
	tree_file(tree, OVERRIDE(NIC), "%s\n", override);
}

static void test_unbind_loads_what_the_alias_names(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "vfio-pci");
	tree_remove(tree, "sys/bus/pci/drivers/e1000e");
	tree->alias_module = "e1000e";
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> e1000e\n");
	expect_native(tree);
}

static void test_a_native_driver_that_is_not_to_be_had_is_named(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "vfio-pci");
	tree_remove(tree, "sys/bus/pci/drivers/e1000e");
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), -ENOENT);
	assert_string_equal(
		tree_error(tree),
		"cannot give back 0000:02:00.0\n"
		"  because: 0000:02:00.0 is without driver: modules.alias names e1000e, which is not "
		"loaded and could not be; modprobe.d may forbid it\n"
		"  try:     handfast unbind --driver e1000e 0000:02:00.0    (loads it all the same)");
	tree->module = "e1000e";
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .driver = "e1000e" }, &output),
			 0);
	assert_string_equal(output.out, NIC ": no driver -> e1000e\n");
	expect_native(tree);
}

static void test_a_native_driver_that_refuses_is_named(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "vfio-pci");
	tree->refuses = "e1000e";
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), -EIO);
	assert_string_equal(tree_error(tree), "cannot give back 0000:02:00.0\n"
					      "  because: 0000:02:00.0 is without driver: e1000e, which "
					      "modules.alias names, did not take it\n"
					      "  try:     dmesg | tail    (what the driver said about it)");
}

static void test_unbind_goes_past_a_dynamic_id(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "(null)");
	tree->dynamic_id = true;
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> e1000e\n");
	assert_string_equal(
		tree_plain(tree, output.notes),
		"note: vfio-pci had it by its identity 8086:10d3, which somebody gave that driver "
		"(new_id), and takes every such device that comes without driver\n"
		"      try: handfast unbind --remove-id 0000:02:00.0\n"
		"           echo 8086 10d3 > /sys/bus/pci/drivers/vfio-pci/remove_id\n");
	expect_native(tree);
	assert_true(tree->dynamic_id);
	/* The remedy, though the device is back by now; twice is no harm. */
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .remove_id = true }, &output),
			 0);
	assert_string_equal(output.out, NIC ": already bound to e1000e\n");
	assert_false(tree->dynamic_id);
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .remove_id = true }, &output),
			 0);
	expect_native(tree);
}

/* The host's own driver may come before vfio-pci in the kernel's list. */
static void test_a_dynamic_id_that_loses_the_probe_is_named_too(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "(null)");
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
	assert_non_null(strstr(output.notes, "note: vfio-pci had it by its identity 8086:10d3"));
	expect_native(tree);
	/* One that an override told is not suspected. */
	by_hand(tree, "vfio-pci");
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.notes, "");
}

static void test_unbind_removes_a_dynamic_id_when_told(void **state)
{
	struct tree *tree = *state;
	struct output output;

	devices(tree, NATIVE);
	by_hand(tree, "(null)");
	tree->dynamic_id = true;
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .remove_id = true }, &output),
			 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> e1000e\n");
	assert_string_equal(output.notes, "");
	assert_false(tree->dynamic_id);
	expect_native(tree);
}

static void test_unbind_to_a_driver_of_choice(void **state)
{
	struct tree *tree = *state;
	struct output output;
	const struct unbind_options igb = { .driver = "igb" };

	unit_devices(tree);
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), 0);
	tree->writes = 0;
	assert_int_equal(do_unbind(tree, NIC, NULL, igb, &output), -ENOENT);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:02:00.0\n"
			    "  because: there is no driver igb: it is not loaded and could not be\n"
			    "  try:     modprobe igb    (as root; says why)\n"
			    "           ls /sys/bus/pci/drivers    (lists the drivers there are)");
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .driver = "vfio-pci" }, &output),
			 -EINVAL);
	assert_string_equal(
		tree_error(tree),
		"cannot give back 0000:02:00.0\n"
		"  because: vfio-pci is a VFIO driver, and unbind gives devices back to the host\n"
		"  try:     handfast bind --driver vfio-pci ...");
	assert_int_equal(tree->writes, 0);

	tree->module = "igb";
	assert_int_equal(do_unbind(tree, NIC, NULL, igb, &output), 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> igb\n");
	assert_string_equal(tree_read(tree, OVERRIDE(NIC)), "(null)");
	assert_false(tree_has(tree, JOURNAL(NIC)));
	assert_int_equal(do_unbind(tree, NIC, NULL, igb, &output), 0);
	assert_string_equal(output.out, NIC ": already bound to igb\n");
	/* From one driver of the host to another. */
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .driver = "e1000e" }, &output),
			 0);
	assert_string_equal(output.out, NIC ": igb -> e1000e\n");
	expect_native(tree);
}

static void test_a_driver_of_choice_that_refuses_leaves_the_way_back(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_driver(tree, "igb");
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), 0);
	tree->refuses = "igb";
	assert_int_equal(do_unbind(tree, NIC, NULL, (struct unbind_options){ .driver = "igb" }, &output),
			 -EIO);
	assert_true(tree_has(tree, JOURNAL(NIC)));
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NIC ": no driver -> e1000e\n");
	expect_native(tree);
}

static void test_a_driver_of_choice_does_not_take_what_is_in_use(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_driver(tree, "igb");
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(do_unbind(tree, NVME, NULL, (struct unbind_options){ .driver = "igb" }, &output),
			 -EBUSY);
	assert_non_null(strstr(tree_error(tree), "/dev/nvme0n1 is mounted on /srv"));
	assert_int_equal(tree->writes, 0);
	expect_native(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_the_most_specific_variant_is_found),
		unit(test_builtin_variants_count),
		unit(test_native_modules_in_the_files_order),
		unit(test_the_driver_of_a_module),
		unit(test_bind_takes_the_variant),
		unit(test_a_variant_that_is_missing_is_not_replaced),
		unit(test_bind_to_a_driver_that_is_not_vfios),
		unit(test_unbind_loads_what_the_alias_names),
		unit(test_a_native_driver_that_is_not_to_be_had_is_named),
		unit(test_a_native_driver_that_refuses_is_named),
		unit(test_unbind_goes_past_a_dynamic_id),
		unit(test_a_dynamic_id_that_loses_the_probe_is_named_too),
		unit(test_unbind_removes_a_dynamic_id_when_told),
		unit(test_unbind_to_a_driver_of_choice),
		unit(test_a_driver_of_choice_that_refuses_leaves_the_way_back),
		unit(test_a_driver_of_choice_does_not_take_what_is_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
