/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind --persist and unbind --persist: what is recorded of a device, and which device is found again. */
#include "binding.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sysfs.h"

#define RECORD(place) "state/persist/pci0000:00_" place ".record"

enum how {
	BIND,
	UNBIND,
};

/* first: NULL for what is recorded. */
static int persist(struct tree *tree, enum how how, const char *first, const char *second,
		   struct bind_options options, struct output *output)
{
	const struct unbind_options unbind_how = { .group = options.group };
	struct bdf list[2];
	size_t count = first ? binding_list(first, second, list) : 0;
	FILE *out, *notes;
	int error;

	output_open(output);
	out = output->out_file;
	notes = output->notes_file;
	if (how == BIND)
		error = first ? persist_bind(&tree->host, list, count, &options, out, notes)
			      : persist_bind_recorded(&tree->host, &options, out, notes);
	else
		error = first ? persist_unbind(&tree->host, list, count, &unbind_how, out, notes)
			      : persist_unbind_recorded(&tree->host, &unbind_how, out, notes);
	return output_close(output, error);
}

/* A configuration space with a serial number behind another extended capability; 0: without one. */
static void give_serial(struct tree *tree, const char *bdf, uint64_t serial)
{
	uint8_t config[4096] = { 0 };
	const uint32_t first = 0x0001 | 1U << 16 | 0x140U << 20, second = 0x0003 | 1U << 16;
	char path[PATH_MAX];
	FILE *file;

	memcpy(config + 0x100, &first, sizeof(first));
	memcpy(config + 0x140, &second, sizeof(second));
	memcpy(config + 0x144, &serial, sizeof(serial));
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", tree->sys, bdf);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, sizeof(config), file), sizeof(config));
	fclose(file);
}

/* Behind a root port, as most devices are. */
static void add_device(struct tree *tree, const char *port, const char *bdf, unsigned device,
		       const char *driver, int group)
{
	char parent[128];
	const char *before = tree->parent;

	snprintf(parent, sizeof(parent), "sys/devices/pci0000:00/%s", port);
	tree->parent = parent;
	tree_device(tree, bdf, 0x8086, device, 0x020000, driver, group);
	tree->parent = before;
}

static void remove_device(struct tree *tree, const char *bdf)
{
	char path[PATH_MAX];

	tree_remove(tree, sysfs_path(path, "sys/bus/pci/devices/%s", bdf));
}

/* What is on after the machine was started anew: the native driver has everything, nothing is overridden. */
static void reboot(struct tree *tree, const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	tree_bind(tree, bdf, driver);
	tree_file(tree, sysfs_path(path, "sys/bus/pci/devices/%s/driver_override", bdf), "(null)\n");
}

static void test_there_and_again_and_back(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	give_serial(tree, NIC, UINT64_C(0x001b21ffffaabbcc));
	assert_int_equal(persist(tree, BIND, NVME, NIC, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out,
			    NVME ": nvme -> vfio-pci\n" NIC ": e1000e -> vfio-pci\n" NVME
				 ": recorded, to be bound at each boot (pci0000:00/1c.0/00.0)\n" NIC
				 ": recorded, to be bound at each boot (dsn 00-1b-21-ff-ff-aa-bb-cc)\n");
	assert_string_equal(output.notes, "");
	expect_bound(tree);

	reboot(tree, NVME, "nvme");
	reboot(tree, NIC, "e1000e");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, NVME ": nvme -> vfio-pci\n"));
	assert_non_null(strstr(output.out, "2 of 2 recorded devices bound\n"));
	expect_bound(tree);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);

	assert_int_equal(persist(tree, UNBIND, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> e1000e\n" NIC ": not bound at boot any more\n");
	assert_int_equal(persist(tree, UNBIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n" NVME ": not bound at boot any more\n");
	expect_native(tree);
	assert_int_equal(persist(tree, UNBIND, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out,
			    NVME ": already bound to nvme\n" NVME ": was not recorded to be bound at boot\n");
	assert_int_equal(persist(tree, UNBIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "nothing is recorded to be bound at boot\n");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0 of 0 recorded devices bound\n");
}

static void test_what_is_recorded(void **state)
{
	struct tree *tree = *state;
	struct output output;

	add_device(tree, "0000:00:1c.0", "0000:03:00.1", 0x1521, "igb", 14);
	tree_file(tree, "sys/bus/pci/devices/0000:03:00.1/subsystem_vendor", "0x1af4\n");
	tree_file(tree, "sys/bus/pci/devices/0000:03:00.1/subsystem_device", "0x1100\n");
	give_serial(tree, "0000:03:00.1", 0x1122334455667788);
	tree_driver(tree, "vfio-pci");
	assert_int_equal(
		persist(tree, BIND, "0000:03:00.1", NULL,
			(struct bind_options){ .driver = "vfio-pci", .user = geteuid() == 0 ? "4711" : NULL },
			&output),
		0);
	assert_string_equal(tree_read(tree, RECORD("1c.0_00.1")),
			    geteuid() == 0 ? "handfast persist 1\nid 8086:1521\nsubsystem 1af4:1100\n"
					     "serial dsn 11-22-33-44-55-66-77-88\npath pci0000:00/1c.0/00.1\n"
					     "address 0000:03:00.1\nuser 4711\ndriver vfio-pci\nend"
					   : "handfast persist 1\nid 8086:1521\nsubsystem 1af4:1100\n"
					     "serial dsn 11-22-33-44-55-66-77-88\npath pci0000:00/1c.0/00.1\n"
					     "address 0000:03:00.1\nuser \ndriver vfio-pci\nend");
}

/* Its own driver shows the serial number; vfio-pci does not, but what is known is not forgotten. */
static void test_serial_numbers_of_drivers(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_file(tree, "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial", "S4EVNX0R          \n");
	tree_file(tree, "sys/bus/pci/devices/" NIC "/net/eth0/addr_assign_type", "0\n");
	tree_file(tree, "sys/bus/pci/devices/" NIC "/net/eth0/address", "52:54:00:12:34:56\n");
	assert_int_equal(persist(tree, BIND, NVME, NIC, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, NVME ": recorded, to be bound at each boot (nvme S4EVNX0R)\n"));
	assert_non_null(
		strstr(output.out, NIC ": recorded, to be bound at each boot (mac 52:54:00:12:34:56)\n"));
	tree_remove(tree, "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial");
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to vfio-pci\n" NVME
					     ": recorded, to be bound at each boot (nvme S4EVNX0R)\n");
	/* One that somebody else made up is no identity. */
	tree_file(tree, "sys/bus/pci/devices/" NIC "/net/eth0/addr_assign_type", "3\n");
	assert_int_equal(persist(tree, UNBIND, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(persist(tree, BIND, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, NIC ": recorded, to be bound at each boot (pci0000:00/"));
}

/* Another disk of the model sits at the place; without its driver it does not say so. */
static void test_a_disk_that_may_be_another_is_skipped(void **state)
{
	static const char serial[] = "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial";
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_file(tree, serial, "DISK-A\n");
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	tree_remove(tree, serial);
	/* The service run once more: nothing is taken by it. */
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to vfio-pci\n1 of 1 recorded devices bound\n");
	reboot(tree, NVME, "");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0 of 1 recorded devices bound, 1 skipped\n");
	assert_string_equal(output.notes, "skipped: " NVME " may be the device that was " NVME
					  " (nvme DISK-A) or another of "
					  "that model: it shows no serial number without the host's driver\n"
					  "  try:     handfast bind " NVME "    (where it is the one)\n");
	assert_string_equal(tree_driver_of(tree, NVME), "");
	/* With its driver it does. */
	tree_bind(tree, NVME, "nvme");
	tree_file(tree, serial, "DISK-B\n");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.notes, "skipped: another device sits where " NVME " (1b36:0010) was\n");
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	/* And the right one is found, wherever it is. */
	tree_device(tree, "0000:03:00.0", 0x1b36, 0x0010, 0x010802, "nvme", 16);
	tree_file(tree, "sys/bus/pci/devices/0000:03:00.0/nvme/nvme1/serial", "DISK-A\n");
	tree_remove(tree, serial);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, "0000:03:00.0: nvme -> vfio-pci\n"));
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
}

/* The made-up kernel's modprobe, while the disk waits for it. */
static struct tree *shown;

static int load_and_show(const struct host *host, const char *name)
{
	(void)host;
	(void)name;
	tree_bind(shown, NVME, "nvme");
	tree_file(shown, "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial", "DISK-A\n");
	return 0;
}

static void test_the_driver_that_shows_the_serial_number_is_loaded(void **state)
{
	struct tree *tree = *state;
	struct host_ops ops = *tree->host.ops;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_file(tree, "sys/bus/pci/devices/" NVME "/modalias", "pci:v00001B36d00000010\n");
	tree_file(tree, "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial", "DISK-A\n");
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	tree_remove(tree, "sys/bus/pci/devices/" NVME "/nvme/nvme0/serial");
	reboot(tree, NVME, "");
	shown = tree;
	ops.load_module = load_and_show;
	tree->host.ops = &ops;
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n1 of 1 recorded devices bound\n");
	assert_string_equal(output.notes, "");
}

static void test_a_record_without_serial_number_is_noted(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.notes,
			    "note: " NVME " is recorded by its place alone: vfio-pci shows no serial number, "
			    "its own driver may\n"
			    "      try: handfast unbind " NVME " && handfast bind --persist " NVME "\n");
}

static void test_a_virtual_function_is_not_recorded(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_link(tree, "sys/bus/pci/devices/" NIC "/physfn", "../" NVME);
	assert_int_equal(persist(tree, BIND, NIC, NULL, AS_IS_BIND, &output), -EINVAL);
	assert_non_null(strstr(tree_error(tree),
			       "cannot bind and record " NIC "\n  because: " NIC " is a virtual function"));
	assert_non_null(strstr(tree_error(tree), "\n  try:     handfast bind " NIC));
	expect_native(tree);
}

static void test_a_device_whose_bus_was_numbered_anew(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_driver(tree, "vfio-pci");
	add_device(tree, "0000:00:1c.0", "0000:03:00.0", 0x10d3, "e1000e", 14);
	assert_int_equal(persist(tree, BIND, "0000:03:00.0", NULL, AS_IS_BIND, &output), 0);
	remove_device(tree, "0000:03:00.0");
	/* Another of its kind now has its address. */
	add_device(tree, "0000:00:1b.0", "0000:03:00.0", 0x10d3, "e1000e", 15);
	add_device(tree, "0000:00:1c.0", "0000:04:00.0", 0x10d3, "e1000e", 14);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0000:04:00.0: e1000e -> vfio-pci\n1 of 1 recorded devices bound\n");
	assert_string_equal(output.notes, "note: the device that was 0000:03:00.0 is 0000:04:00.0 now\n");
	assert_string_equal(tree_driver_of(tree, "0000:03:00.0"), "e1000e");
	assert_non_null(strstr(tree_read(tree, RECORD("1c.0_00.0")), "address 0000:04:00.0\n"));
}

static void test_a_device_in_another_slot(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_driver(tree, "vfio-pci");
	add_device(tree, "0000:00:1c.0", "0000:03:00.0", 0x1521, "igb", 14);
	add_device(tree, "0000:00:1c.0", "0000:03:00.1", 0x1521, "igb", 15);
	give_serial(tree, "0000:03:00.0", 7);
	give_serial(tree, "0000:03:00.1", 7); /* the functions of a card share it */
	assert_int_equal(persist(tree, BIND, "0000:03:00.1", NULL, AS_IS_BIND, &output), 0);
	remove_device(tree, "0000:03:00.0");
	remove_device(tree, "0000:03:00.1");
	/* The old slot holds another card of the kind. */
	add_device(tree, "0000:00:1c.0", "0000:03:00.1", 0x1521, "igb", 16);
	give_serial(tree, "0000:03:00.1", 8);
	add_device(tree, "0000:00:1d.0", "0000:05:00.0", 0x1521, "igb", 17);
	add_device(tree, "0000:00:1d.0", "0000:05:00.1", 0x1521, "igb", 18);
	give_serial(tree, "0000:05:00.0", 7);
	give_serial(tree, "0000:05:00.1", 7);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0000:05:00.1: igb -> vfio-pci\n1 of 1 recorded devices bound\n");
	assert_string_equal(tree_driver_of(tree, "0000:03:00.1"), "igb");
	assert_string_equal(tree_driver_of(tree, "0000:05:00.0"), "igb");
	/* The record has moved with it. */
	assert_true(tree_has(tree, RECORD("1d.0_00.1")));
	assert_false(tree_has(tree, RECORD("1c.0_00.1")));
	assert_int_equal(persist(tree, UNBIND, "0000:05:00.1", NULL, AS_IS_BIND, &output), 0);
	assert_false(tree_has(tree, RECORD("1d.0_00.1")));
}

static void test_what_does_not_match_is_skipped(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_driver(tree, "vfio-pci");
	add_device(tree, "0000:00:1a.0", "0000:02:00.0", 0x10d3, "e1000e", 13);
	add_device(tree, "0000:00:1c.0", "0000:03:00.0", 0x10d3, "e1000e", 14);
	add_device(tree, "0000:00:1d.0", "0000:04:00.0", 0x10d4, "e1000e", 15);
	add_device(tree, "0000:00:1e.0", "0000:05:00.0", 0x10d5, "e1000e", 16);
	give_serial(tree, "0000:05:00.0", 5);
	assert_int_equal(persist(tree, BIND, "0000:02:00.0", "0000:03:00.0", AS_IS_BIND, &output), 0);
	assert_int_equal(persist(tree, BIND, "0000:04:00.0", "0000:05:00.0", AS_IS_BIND, &output), 0);
	reboot(tree, "0000:02:00.0", "e1000e");
	/* Moved without a serial number; replaced; gone. */
	remove_device(tree, "0000:03:00.0");
	remove_device(tree, "0000:04:00.0");
	remove_device(tree, "0000:05:00.0");
	add_device(tree, "0000:00:1f.0", "0000:06:00.0", 0x10d3, "e1000e", 17);
	add_device(tree, "0000:00:1d.0", "0000:04:00.0", 0x1521, "igb", 15);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out,
			    "0000:02:00.0: e1000e -> vfio-pci\n1 of 4 recorded devices bound, 3 skipped\n");
	assert_string_equal(output.notes, "skipped: the device that was 0000:03:00.0 (8086:10d3) is not at "
					  "its place any more, and without "
					  "a serial number it is not looked for elsewhere\n"
					  "skipped: another device sits where 0000:04:00.0 (8086:10d4) was\n"
					  "skipped: the device that was 0000:05:00.0 (8086:10d5, dsn "
					  "00-00-00-00-00-00-00-05) is not on "
					  "this host\n");
	assert_string_equal(tree_driver_of(tree, "0000:04:00.0"), "igb");
	assert_string_equal(tree_driver_of(tree, "0000:06:00.0"), "e1000e");
	/* What is gone can still be forgotten. */
	assert_int_equal(persist(tree, UNBIND, "0000:05:00.0", NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0000:05:00.0: not bound at boot any more\n");
	assert_false(tree_has(tree, JOURNAL("0000:05:00.0")));
	assert_true(tree_has(tree, JOURNAL("0000:02:00.0")));
	assert_int_equal(persist(tree, UNBIND, "0000:07:00.0", NULL, AS_IS_BIND, &output), -ENODEV);
	assert_string_equal(tree_error(tree), "cannot give back 0000:07:00.0\n"
					      "  because: there is no PCI device 0000:07:00.0 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");
	assert_int_equal(persist(tree, BIND, "0000:07:00.0", NULL, AS_IS_BIND, &output), -ENODEV);
	assert_string_equal(tree_error(tree), "cannot bind and record 0000:07:00.0\n"
					      "  because: there is no PCI device 0000:07:00.0 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, "1 of 3 recorded devices bound, 2 skipped\n"));
}

static void test_two_that_could_be_it(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_driver(tree, "vfio-pci");
	add_device(tree, "0000:00:1c.0", "0000:03:00.0", 0x1521, "igb", 14);
	give_serial(tree, "0000:03:00.0", 7);
	assert_int_equal(persist(tree, BIND, "0000:03:00.0", NULL, AS_IS_BIND, &output), 0);
	remove_device(tree, "0000:03:00.0");
	add_device(tree, "0000:00:1d.0", "0000:04:00.0", 0x1521, "igb", 15);
	add_device(tree, "0000:00:1e.0", "0000:05:00.0", 0x1521, "igb", 16);
	give_serial(tree, "0000:04:00.0", 7);
	give_serial(tree, "0000:05:00.0", 7);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.notes, "skipped: 2 devices could be the one that was 0000:03:00.0\n");
	assert_string_equal(tree_driver_of(tree, "0000:04:00.0"), "igb");
}

static void test_one_in_use_is_skipped_and_a_failure_is_none(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];

	unit_devices_behind_ports(tree);
	tree_device(tree, "0000:03:00.0", 0x8086, 0x10d3, 0x020000, "e1000e", 16);
	assert_int_equal(persist(tree, BIND, NVME, "0000:03:00.0", AS_IS_BIND, &output), 0);
	reboot(tree, NVME, "nvme");
	reboot(tree, "0000:03:00.0", "e1000e");
	tree_block(tree, "sys/devices/pci0000:00/0000:00:1c.0/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, "1 of 2 recorded devices bound, 1 skipped\n"));
	assert_non_null(strstr(tree_plain(tree, output.notes),
			       "skipped: cannot bind 0000:01:00.0 to vfio-pci\n"
			       "  because: 0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv\n"));
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");

	/* No vfio-pci: that is wrong with the host, and the service has failed. */
	reboot(tree, "0000:03:00.0", "e1000e");
	snprintf(path, sizeof(path), "%s/bus/pci/drivers/vfio-pci", tree->sys);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), -EIO);
	assert_string_equal(
		tree_error(tree),
		"cannot bind what is recorded\n"
		"  because: 1 of the recorded devices could not be bound; the reasons stand above\n"
		"  try:     handfast check    (says what this host lacks)");
	assert_non_null(strstr(output.notes, "failed: cannot bind 0000:03:00.0 to vfio-pci\n"));
}

static void test_udev_looks_at_a_disk_for_a_moment(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];
	pid_t child;

	unit_devices_behind_ports(tree);
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	reboot(tree, NVME, "nvme");
	tree_block(tree, "sys/devices/pci0000:00/0000:00:1c.0/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_process(tree, 77, "(udev-worker)", "dev/nvme0n1");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.notes, "/dev/nvme0n1 is open in (udev-worker) (pid 77)"));
	assert_string_equal(output.out, "0 of 1 recorded devices bound, 1 skipped\n");

	tree->host.settle_ms = 2000;
	child = fork();
	if (child == 0) {
		usleep(50000);
		_exit(unlink(sysfs_path(path, "%s/77/fd/7", tree->host.proc)) ? 1 : 0);
	}
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n1 of 1 recorded devices bound\n");
	assert_string_equal(output.notes, "");
}

/* A driver that is busy, or another that was faster, is no use of the host's. */
static void test_a_write_that_ends_busy_is_a_failure(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	reboot(tree, NVME, "nvme");
	tree->writes = 0;
	tree->fail_at = 1;
	tree->fail_errno = EBUSY;
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), -EIO);
	assert_string_equal(output.out, "0 of 1 recorded devices bound\n");
	assert_non_null(strstr(output.notes, "failed: cannot bind " NVME " to vfio-pci\n"));
}

/* Early at boot the module of its own driver is still on its way. */
static void test_a_device_without_driver_yet_goes_back_to_its_own(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	tree_remove(tree, JOURNAL(NVME));
	reboot(tree, NVME, "");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> vfio-pci\n1 of 1 recorded devices bound\n");
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n");
	expect_native(tree);
}

static void test_the_user_gets_the_nodes_at_each_boot(void **state)
{
	struct tree *tree = *state;
	struct output output;
	struct stat status;
	char path[PATH_MAX];

	if (geteuid() != 0)
		skip();
	unit_devices_behind_ports(tree);
	assert_int_equal(persist(tree, BIND, NVME, NULL, (struct bind_options){ .user = "4711" }, &output),
			 0);
	reboot(tree, NVME, "nvme");
	snprintf(path, sizeof(path), "%s/vfio/14", tree->dev);
	assert_int_equal(stat(path, &status), -1);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 4711);
}

static void test_the_whole_group_is_recorded(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	assert_int_equal(persist(tree, BIND, NVME, NULL, (struct bind_options){ .group = true }, &output), 0);
	reboot(tree, NVME, "nvme");
	reboot(tree, "0000:01:00.1", "snd_hda_intel");
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, "2 of 2 recorded devices bound\n"));
	/* Nothing is said of the one that is yet to come. */
	assert_string_equal(output.notes, "");
	assert_int_equal(persist(tree, UNBIND, NVME, NULL, (struct bind_options){ .group = true }, &output),
			 0);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0 of 0 recorded devices bound\n");
	expect_native(tree);
}

/* Nothing is recorded of what could not be bound, nor forgotten of what could not be given back. */
static void test_records_follow_what_came_of_it(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree->refuses = "vfio-pci";
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), -EIO);
	tree->refuses = NULL;
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, "0 of 0 recorded devices bound\n");
	assert_int_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	tree_process(tree, 4711, "handfast", "dev/vfio/14");
	assert_int_equal(persist(tree, UNBIND, NVME, NULL, AS_IS_BIND, &output), -EBUSY);
	assert_int_equal(persist(tree, UNBIND, NULL, NULL, AS_IS_BIND, &output), -EBUSY);
	assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
	assert_non_null(strstr(output.out, "1 of 1 recorded devices bound\n"));
}

static void test_a_record_that_cannot_be_written_is_told(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_file(tree, "state/persist", "%s", "");
	assert_int_not_equal(persist(tree, BIND, NVME, NULL, AS_IS_BIND, &output), 0);
	tree_remove(tree, "state/persist");
	tree_folder(tree, "state/persist/pci0000:00_00.0.record");
	tree_device(tree, "0000:00:00.0", 0x8086, 0x10d3, 0x020000, "e1000e", 16);
	assert_int_equal(persist(tree, BIND, "0000:00:00.0", NULL, AS_IS_BIND, &output), -EISDIR);
	assert_non_null(strstr(tree_error(tree), "cannot record 0000:00:00.0\n"));
	assert_non_null(strstr(tree_error(tree), "it is bound now, and will not be after the next boot"));
}

static void test_a_damaged_record_is_passed_over(void **state)
{
	static const char whole[] =
		"handfast persist 1\nid 1b36:0010\nsubsystem 0000:0000\nserial \npath pci0000:00/1c.0/00.0\n"
		"address 0000:01:00.0\nuser \ndriver \nend\n";
	struct tree *tree = *state;
	struct output output;

	unit_devices_behind_ports(tree);
	tree_file(tree, "state/persist/pci0000:00_1c.0_00.0.record.new", "%s", whole);
	for (size_t length = 0; length < sizeof(whole) - 2; length++) {
		tree_file(tree, RECORD("1c.0_00.0"), "%.*s", (int)length, whole);
		assert_int_equal(persist(tree, BIND, NULL, NULL, AS_IS_BIND, &output), 0);
		assert_string_equal(output.out, "0 of 0 recorded devices bound\n");
		assert_string_equal(
			tree_plain(tree, output.notes),
			"note: /state/persist/pci0000:00_1c.0_00.0.record is not what handfast wrote, and is "
			"passed over\n");
	}
	expect_native(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_there_and_again_and_back),
		unit(test_what_is_recorded),
		unit(test_serial_numbers_of_drivers),
		unit(test_a_disk_that_may_be_another_is_skipped),
		unit(test_the_driver_that_shows_the_serial_number_is_loaded),
		unit(test_a_record_without_serial_number_is_noted),
		unit(test_a_virtual_function_is_not_recorded),
		unit(test_a_device_whose_bus_was_numbered_anew),
		unit(test_a_device_in_another_slot),
		unit(test_what_does_not_match_is_skipped),
		unit(test_two_that_could_be_it),
		unit(test_one_in_use_is_skipped_and_a_failure_is_none),
		unit(test_udev_looks_at_a_disk_for_a_moment),
		unit(test_a_write_that_ends_busy_is_a_failure),
		unit(test_a_device_without_driver_yet_goes_back_to_its_own),
		unit(test_the_user_gets_the_nodes_at_each_boot),
		unit(test_the_whole_group_is_recorded),
		unit(test_records_follow_what_came_of_it),
		unit(test_a_record_that_cannot_be_written_is_told),
		unit(test_a_damaged_record_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
