/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `check` and a start say, word for word, about everything that can be wrong. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/check-priv.h"
#include "host/group-priv.h"

static void test_ready_device(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	assert_string_equal(tree_device_story(tree, NVME), "o driver: bound to vfio-pci\n"
							   "o group: IOMMU group 14: the device alone\n"
							   "o node: /dev/vfio/14 can be opened\n"
							   "o reset: flr bus\n");
}

static void test_native_driver_is_named_with_the_cure(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	assert_string_equal(tree_device_story(tree, NVME),
			    "X driver: 0000:01:00.0 is bound to nvme, the host's own driver "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14: the device alone\n"
			    "o reset: flr bus\n");
	tree_bind(tree, NVME, "");
	assert_string_equal(tree_device_story(tree, NVME),
			    "X driver: 0000:01:00.0 is bound to no driver; it has to be vfio-pci "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14: the device alone\n"
			    "o reset: flr bus\n");
}

static void test_culprits_of_the_group_are_named(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	tree_device(tree, "0000:00:01.0", 0x1b36, 0x0c, 0x060400, "pcieport", 14);
	tree_device(tree, "0000:01:00.2", 0x1b36, 0x12, 0x020000, "mlx5_vfio_pci", 14);
	tree_device(tree, "0000:01:00.3", 0x1b36, 0x13, 0x020000, "", 14);
	tree_device(tree, "0000:01:00.4", 0x1b36, 0x14, 0x020000, "pci-stub", 14);
	tree_device(tree, "0000:01:00.5", 0x1b36, 0x0e, 0x060400, "", 14);
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X group: IOMMU group 14 is not viable: 0000:01:00.1 is bound to snd_hda_intel "
		       "[handfast bind 0000:01:00.1]\n"
		       "o group: IOMMU group 14, members that do not stand in the way:\n"
		       "0000:00:01.0 (pcieport): a bridge, whose driver moves no data of its own\n"));
	tree_bind(tree, "0000:01:00.1", "");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "o group: IOMMU group 14, members that do not stand in the way:\n"
			       "0000:00:01.0 (pcieport): a bridge, whose driver moves no data of its own\n"
			       "0000:01:00.1 (no driver): nobody works it\n"
			       "0000:01:00.2 (mlx5_vfio_pci): for guests\n"
			       "0000:01:00.3 (no driver): nobody works it\n"
			       "0000:01:00.4 (pci-stub): its driver leaves it alone\n"
			       "0000:01:00.5 (no driver): a bridge without driver\n"));
}

/* A start that binds devices by itself wants to know before it does what would be in the way after. */
static void test_devices_that_will_be_bound_count_as_bound(void **state)
{
	const struct bdf bound[] = { tree_bdf("0000:01:00.1"), tree_bdf(NVME) };
	const struct check_scope both = { .bound = bound, .bound_count = 2 };
	const struct check_scope first = { .bound = bound, .bound_count = 1 };
	struct tree *tree = *state;
	struct findings findings = { 0 };
	struct host_device device;

	unit_devices(tree);
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	device = tree_load(tree, NVME);
	check_assignable(&tree->host, &device, &both, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o driver: bound to vfio-pci before the start\n"
			    "o group: IOMMU group 14, members that do not stand in the way:\n"
			    "0000:01:00.1 (snd_hda_intel): bound to vfio-pci before the start\n"
			    "o reset: flr bus\n");
	check_assignable(&tree->host, &device, &first, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "X driver: 0000:01:00.0 is bound to nvme, the host's own driver "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14, members that do not stand in the way:\n"
			    "0000:01:00.1 (snd_hda_intel): bound to vfio-pci before the start\n"
			    "o reset: flr bus\n");
	device = tree_load(tree, "0000:01:00.1");
	check_assignable(&tree->host, &device, &first, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o driver: bound to vfio-pci before the start\n"
			    "X group: IOMMU group 14 is not viable: 0000:01:00.0 is bound to nvme "
			    "[handfast bind 0000:01:00.0]\n"
			    "o reset: flr bus\n");
}

static void test_viability_is_the_kernels(void **state)
{
	static const struct {
		const char *driver;
		bool viable;
	} cases[] = {
		{ "", true },	      { "vfio-pci", true },	{ "pcieport", true },
		{ "pci-stub", true }, { "qat_vfio_pci", true }, { "i801_smbus", false },
		{ "shpchp", false },
	};
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_device(tree, "0000:01:00.1", 1, 1, 0, "", 14);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iommu_group group;

		tree_bind(tree, "0000:01:00.1", cases[i].driver);
		assert_int_equal(group_load(&tree->host, 14, &group), 0);
		assert_int_equal(group.count, 2);
		assert_int_equal(group_is_viable(&group), cases[i].viable);
		group_fini(&group);
	}
}

static void test_bridges_are_refused(void **state)
{
	struct tree *tree = *state;

	tree_device(tree, "0000:00:01.0", 0x1b36, 0x0c, 0x060400, "pcieport", 14);
	assert_string_equal(tree_device_story(tree, "0000:00:01.0"),
			    "X kind: 0000:00:01.0 is a bridge; only devices behind bridges can be assigned "
			    "[handfast list    (shows the devices there are)]\n");
}

/* The kernel would hand these out: their header is a device's. */
static void test_parts_of_the_chipset_are_refused(void **state)
{
	static const struct {
		unsigned class_code;
		const char *what;
	} cases[] = {
		{ 0x060000, "a host bridge" },	 { 0x060100, "an ISA bridge" },
		{ 0x060200, "an EISA bridge" },	 { 0x060300, "an MCA bridge" },
		{ 0x060500, "a PCMCIA bridge" },
	};
	struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[256];

		tree_device(tree, "0000:00:1f.0", 0x8086, 0x2918, cases[i].class_code, "lpc_ich", 14);
		(void)snprintf(expected, sizeof(expected),
			       "X kind: 0000:00:1f.0 is %s: a part of this machine, which may stop working "
			       "without it, and nothing that a guest could use [handfast list    (shows the "
			       "devices there are)]\n",
			       cases[i].what);
		assert_string_equal(tree_device_story(tree, "0000:00:1f.0"), expected);
	}
	/* "Other" may be an NVSwitch, which guests do get. */
	tree_device(tree, "0000:00:1f.0", 0x10de, 0x22a3, 0x068000, "", 14);
	assert_null(strstr(tree_device_story(tree, "0000:00:1f.0"), " kind:"));
}

static void test_device_outside_the_iommu(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_device(tree, "0000:00:02.0", 1, 1, 0, "", -1);
	assert_non_null(strstr(tree_device_story(tree, "0000:00:02.0"),
			       "X group: 0000:00:02.0 has no IOMMU group: it is not behind an IOMMU"));
	/* All the rest is told as well. */
	tree_device(tree, "0000:00:03.0", 1, 1, 0x020000, "e1000e", -1);
	tree_file(tree, "sys/devices/pci0000:00/0000:00:03.0/reset_method", "flr\n");
	tree_file(tree, "sys/devices/pci0000:00/0000:00:03.0/resource",
		  "0xfe800000 0xfe803fff 0x0000000000040200\n");
	tree_file(tree, "sys/devices/pci0000:00/0000:00:03.0/sriov_totalvfs", "8\n");
	tree_file(tree, "sys/devices/pci0000:00/0000:00:03.0/power_state", "D0\n");
	assert_string_equal(tree_device_story(tree, "0000:00:03.0"),
			    "o driver: bound to e1000e\n"
			    "X group: 0000:00:03.0 has no IOMMU group: it is not behind an IOMMU "
			    "[handfast check    (says whether this host has one)]\n"
			    "o sriov: a physical function, 0 of 8 virtual functions made\n"
			    "o bars: BAR 0 16 KiB: a guest has room for them\n"
			    "o reset: flr\n"
			    "o power: D0\n");
}

static void test_node_in_use_and_missing(void **state)
{
	struct tree *tree = *state;
	char full[PATH_MAX];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 4711, "qemu-system-x86", "dev/vfio/14");
	tree_process(tree, 4712, "bystander", "dev/vfio/140");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "X use: /dev/vfio/14 is in use by qemu-system-x86 (pid 4711) "
			       "[end that virtual machine first]\n"));
	snprintf(full, sizeof(full), "%s/vfio/14", tree->dev);
	assert_int_equal(unlink(full), 0);
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X node: /dev/vfio/14 does not exist, though 0000:01:00.0 is bound to vfio-pci: this "
		       "/dev does not show the host's device nodes [run on the host, or give the container "
		       "that node]\n"));
}

static void test_no_right_to_the_node(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	const char *story;

	if (geteuid() != 0)
		skip();
	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	assert_int_equal(chmod(tree->root, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/vfio/vfio", tree->dev);
	assert_int_equal(chmod(path, 0666), 0);
	(void)snprintf(path, sizeof(path), "%s/vfio/14", tree->dev);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	story = tree_device_story(tree, NVME);
	assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(story,
			       "X node: /dev/vfio/14 may not be opened by nobody (uid 65534): it belongs to "
			       "root:root with mode 0600 [chown nobody /dev/vfio/14    (as root)\nhandfast "
			       "bind --user nobody 0000:01:00.0    (as root; for all of its nodes)]\n"));
}

static void test_container_node(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_remove(tree, "dev/vfio/vfio");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "X node: /dev/vfio/vfio: the kernel's VFIO is not loaded "
			       "[modprobe vfio-pci    (as root)]\no node: /dev/vfio/14 can be opened\n"));
}

/* vfio-pci cannot map a BAR that somebody draws on; the card's own driver takes the console over. */
static void test_boot_console_stops_a_start(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/resource",
		  "0x00000000e0000000 0x00000000efffffff 0x0000000000140204\n");
	tree_file(tree, "proc/iomem",
		  "e0000000-efffffff : PCI Bus 0000:01\n  e0000000-efffffff : 0000:01:00.0\n"
		  "    e0000000-e07e8fff : BOOTFB\n");
	assert_non_null(strstr(tree_device_story(tree, NVME), "X use: 0000:01:00.0 is in use: "));
	assert_non_null(strstr(tree_device_story(tree, NVME), "BOOTFB"));
	tree_file(tree, "proc/iomem", "e0000000-efffffff : PCI Bus 0000:01\n");
	assert_null(strstr(tree_device_story(tree, NVME), "X "));
}

static void test_the_asking_process_does_not_count(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };
	struct host_device device;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 4711, "handfast", "dev/vfio/14");
	device = tree_load(tree, NVME);
	check_holders(&tree->host, &device, 4711, &findings);
	assert_int_equal(findings.count, 0);
	check_holders(&tree->host, &device, 4712, &findings);
	assert_int_equal(findings.count, 1);
	findings_fini(&findings);
}

/* It would be in the way of a virtual machine that starts in that moment. */
static void test_a_check_does_not_open_the_group(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };
	struct host_device device;
	char path[PATH_MAX];
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct inotify_event event;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	device = tree_load(tree, NVME);
	(void)snprintf(path, sizeof(path), "%s/vfio/14", tree->dev);
	assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	check_device(&tree->host, &device, NULL, &findings);
	assert_false(findings_obstructed(&findings));
	findings_fini(&findings);
	assert_int_equal(read(watch, &event, sizeof(event)), -1);
	assert_int_equal(errno, EAGAIN);
	close(watch);
}

static void test_own_character_device_in_use(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_folder(tree, "sys/devices/pci0000:00/" NVME "/vfio-dev/vfio3");
	tree_process(tree, 4711, "qemu-system-x86", "dev/vfio/devices/vfio3");
	tree_busy(tree, "dev/vfio/14"); /* the kernel opens a group or its devices' own nodes, not both */
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "X use: /dev/vfio/devices/vfio3 is in use by qemu-system-x86 (pid 4711)"));
}

/* What the host lacks stops a start as well, in the words of `check`, and without what is well with it. */
static void test_a_start_knows_the_hosts_obstacles(void **state)
{
	struct tree *tree = *state;
	static const char *const obstacles[] = {
		"X interrupts: the IOMMU does not remap interrupts: a guest with a device could raise any ",
		"X vfio: this kernel has no vfio_iommu_type1: it is neither built in nor in /modules "
		"[a kernel with CONFIG_VFIO_IOMMU_TYPE1, and its modules installed]\n",
	};
	struct findings findings = { 0 };
	char host_story[8192];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, "proc/interrupts", "  0:  1  IO-APIC    2-edge  timer\n");
	tree_file(tree, "modules/modules.dep", "kernel/drivers/x.ko:\n");
	check_host(&tree->host, &findings);
	(void)snprintf(host_story, sizeof(host_story), "%s", tree_story(tree, &findings));
	for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
		assert_non_null(strstr(host_story, obstacles[i]));
		assert_non_null(strstr(tree_device_story(tree, NVME), obstacles[i]));
	}
	assert_null(strstr(tree_device_story(tree, NVME), "o iommu"));
}

static void test_obstacles_become_one_error(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	findings_ok(&findings, "a", "fine");
	assert_int_equal(findings_error(&findings), 0);
	assert_false(findings_obstructed(&findings));
	findings_obstacle(&findings, "b", EBUSY, "first");
	findings_cure(&findings, "do %d", 1);
	findings_cure(&findings, "or %d", 2);
	findings_warning(&findings, "c", "not this");
	findings_cure(&findings, "nor this");
	findings_obstacle(&findings, "d", ENODEV, "second");
	findings_cure(&findings, "do 3");
	assert_true(findings_obstructed(&findings));
	assert_int_equal(findings_error(&findings), -EBUSY);
	assert_string_equal(tree_error(tree),
			    "first\nsecond\n  try:     do 1\n           or 2\n           do 3");
	findings_fini(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_ready_device),
		unit(test_native_driver_is_named_with_the_cure),
		unit(test_culprits_of_the_group_are_named),
		unit(test_devices_that_will_be_bound_count_as_bound),
		unit(test_viability_is_the_kernels),
		unit(test_bridges_are_refused),
		unit(test_parts_of_the_chipset_are_refused),
		unit(test_device_outside_the_iommu),
		unit(test_node_in_use_and_missing),
		unit(test_no_right_to_the_node),
		unit(test_container_node),
		unit(test_boot_console_stops_a_start),
		unit(test_the_asking_process_does_not_count),
		unit(test_a_check_does_not_open_the_group),
		unit(test_own_character_device_in_use),
		unit(test_a_start_knows_the_hosts_obstacles),
		unit(test_obstacles_become_one_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
