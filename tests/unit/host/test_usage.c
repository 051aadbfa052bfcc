/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a device: processes, virtual machines, virtual functions, the boot console. (Disks and networks
 * have tests of their own.) */
#include "uses.h"

#define NVME_FOLDER "sys/devices/pci0000:00/" NVME
#define NIC_FOLDER  "sys/devices/pci0000:00/" NIC

/* One more descriptor of a process. */
static void also_open(struct tree *tree, unsigned pid, unsigned fd, const char *target)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%u/fd/%u", pid, fd);
	tree_link(tree, path, target);
}

static void test_open_disk_names_the_process(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_process(tree, 77, "dd", "dev/nvme0n1");
	tree_process(tree, 78, "cat", "dev/sda");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1 is open in dd (pid 77)|dd (pid 77)|kill 77    "
						 "(ends dd)\n");
}

static void test_any_node_of_the_device_counts(void **state)
{
	static const struct {
		const char *parent, *name, *number, *node;
	} nodes[] = {
		{ NVME_FOLDER "/nvme", "nvme0", "244:0", "nvme0" },
		{ NVME_FOLDER "/nvme/nvme0", "ng0n1", "243:0", "ng0n1" },
		{ NVME_FOLDER "/sound/card0", "pcmC0D0p", "116:2", "snd/pcmC0D0p" },
		{ NVME_FOLDER "/drm", "card0", "226:0", "dri/card0" },
		{ NVME_FOLDER "/tty", "ttyS4", "4:68", "ttyS4" },
		{ NVME_FOLDER "/usb1/1-1/input/input3", "event3", "13:67", "input/event3" },
	};
	struct tree *tree = *state;
	char wanted[256], path[128];

	unit_devices(tree);
	tree_node(tree, NIC_FOLDER "/ptp", "ptp0", "249:0", "ptp0");
	tree_process(tree, 9, "phc2sys", "dev/ptp0");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		tree_node(tree, nodes[i].parent, nodes[i].name, nodes[i].number, nodes[i].node);
		assert_string_equal(uses_of(tree, NVME), "");
		snprintf(path, sizeof(path), "dev/%s", nodes[i].node);
		tree_process(tree, 77, "some one", path);
		snprintf(
			wanted, sizeof(wanted),
			"/dev/%s is open in some one (pid 77)|some one (pid 77)|kill 77    (ends some one)\n",
			nodes[i].node);
		assert_string_equal(uses_of(tree, NVME), wanted);
		tree_remove(tree, "proc/77/fd/7");
	}
	assert_string_equal(uses_of(tree, NIC),
			    "/dev/ptp0 is open in phc2sys (pid 9)|phc2sys (pid 9)|kill 9    "
			    "(ends phc2sys)\n");
}

static void test_a_node_by_another_name_is_known_by_its_number(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_node(tree, NVME_FOLDER "/nvme", "nvme0", "1:3", "nvme0");
	tree_link(tree, "dev/by-another-name", "/dev/null");
	tree_process(tree, 77, "fio", "dev/by-another-name");
	assert_string_equal(uses_of(tree, NVME), "/dev/by-another-name is open in fio (pid 77)|fio (pid "
						 "77)|kill 77    (ends fio)\n");
	/* A name of its own does not make it something else of this device, nor a number of another kind. */
	tree_link(tree, "dev/nvme0", "/dev/zero");
	tree_block(tree, DISK, "nvme0n2", "1:5");
	tree_process(tree, 77, "fio", "dev/nvme0");
	assert_string_equal(uses_of(tree, NVME), "");
}

static void test_a_process_is_told_of_once(void **state)
{
	struct tree *tree = *state;
	char target[128];

	unit_devices(tree);
	tree_node(tree, NVME_FOLDER "/drm", "card0", "226:0", "dri/card0");
	tree_node(tree, NVME_FOLDER "/drm", "renderD128", "226:128", "dri/renderD128");
	tree_process(tree, 77, "Xorg", "dev/dri/card0");
	snprintf(target, sizeof(target), "%s/dri/card0", tree->dev);
	also_open(tree, 77, 8, target);
	also_open(tree, 77, 3, "socket:[12]");
	assert_string_equal(uses_of(tree, NVME),
			    "/dev/dri/card0 is open in Xorg (pid 77)|Xorg (pid 77)|kill 77    "
			    "(ends Xorg)\n");
	snprintf(target, sizeof(target), "%s/dri/renderD128", tree->dev);
	also_open(tree, 77, 9, target);
	assert_non_null(strstr(uses_of(tree, NVME), " and 1 more are open in Xorg (pid 77)|"));
}

static void test_a_service_is_stopped_by_its_name(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_process(tree, 77, "smartd", "dev/nvme0n1");
	tree_file(tree, "proc/77/cgroup", "0::/system.slice/smartmontools.service\n");
	assert_non_null(strstr(uses_of(tree, NVME), "|systemctl stop smartmontools.service\n"));
	tree_file(tree, "proc/77/cgroup", "1:name=systemd:/system.slice/smartmontools.service/worker\n");
	assert_non_null(strstr(uses_of(tree, NVME), "|systemctl stop smartmontools.service\n"));
	tree_file(tree, "proc/77/cgroup", "0::/user.slice/user-0.slice/session-3.scope\n");
	assert_non_null(strstr(uses_of(tree, NVME), "|kill 77    (ends smartd)\n"));
	tree_file(tree, "proc/77/cgroup", "0::/system.slice/.service\n");
	assert_non_null(strstr(uses_of(tree, NVME), "|kill 77    (ends smartd)\n"));
}

static void test_nobody_is_told_to_kill_init(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_node(tree, NIC_FOLDER "/watchdog", "watchdog0", "246:0", "watchdog0");
	tree_process(tree, 1, "systemd", "dev/watchdog0");
	assert_string_equal(uses_of(tree, NIC), "/dev/watchdog0 is open in systemd (pid 1)|systemd (pid "
						"1)|change what systemd is told to do with it\n");
}

static void test_processes_that_vanish_or_are_not_ours(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_folder(tree, "proc/80"); /* ended: no fd */
	tree_file(tree, "proc/81/fd/3", "a descriptor that is no link any more");
	tree_process(tree, 82, "x", "dev/nvme0n1");
	tree_remove(tree, "proc/82/comm");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1 is open in process (pid 82)|process (pid "
						 "82)|kill 82    (ends process)\n");
	tree_process(tree, 82, "a\033[31mred", "dev/nvme0n1");
	assert_non_null(strstr(uses_of(tree, NVME), "is open in a?[31mred (pid 82)|"));
	/* A folder of descriptors that cannot be opened: somebody else's process. */
	tree_remove(tree, "proc/82/fd/7");
	tree_remove(tree, "proc/82/fd");
	tree_file(tree, "proc/82/fd", "%s", "");
	assert_string_equal(uses_of(tree, NVME), "");
}

static void test_a_vm_names_the_process(void **state)
{
	static const char cure[] = "end that virtual machine first\n";
	struct tree *tree = *state;
	char wanted[256];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 79, "handfast", "dev/vfio/14");
	snprintf(wanted, sizeof(wanted), "/dev/vfio/14 is open in handfast (pid 79)|handfast (pid 79)|%s",
		 cure);
	assert_string_equal(uses_of(tree, NVME), wanted);
	assert_string_equal(uses_of(tree, NIC), "");
	/* Or by the device's own node. */
	tree_node(tree, NVME_FOLDER "/vfio-dev", "vfio0", "511:0", "vfio/devices/vfio0");
	tree_process(tree, 79, "handfast", "dev/vfio/devices/vfio0");
	snprintf(wanted, sizeof(wanted),
		 "/dev/vfio/devices/vfio0 is open in handfast (pid 79)|handfast (pid 79)|%s", cure);
	assert_string_equal(uses_of(tree, NVME), wanted);
}

static void test_virtual_functions(void **state)
{
	struct tree *tree = *state;
	const char *vf = "0000:02:10.0";

	unit_devices(tree);
	tree_file(tree, NIC_FOLDER "/sriov_numvfs", "0\n");
	assert_string_equal(uses_of(tree, NIC), "");
	tree_file(tree, NIC_FOLDER "/sriov_numvfs", "2\n");
	tree_device(tree, vf, 0x8086, 0x10ca, 0x020000, "vfio-pci", 30);
	tree_device(tree, "0000:02:10.2", 0x8086, 0x10ca, 0x020000, "", 31);
	tree_link(tree, NIC_FOLDER "/virtfn0", "../0000:02:10.2");
	tree_link(tree, NIC_FOLDER "/virtfn1", "../0000:02:10.0");
	assert_string_equal(uses_of(tree, NIC), "0000:02:00.0 has 2 virtual functions, which have to go "
						"before it can change its driver|2 VFs|"
						"echo 0 > /sys/bus/pci/devices/0000:02:00.0/sriov_numvfs\n");
	tree_process(tree, 79, "handfast", "dev/vfio/30");
	assert_non_null(strstr(uses_of(tree, NIC),
			       "change its driver; 0000:02:10.0 is in use: /dev/vfio/30 is open in "
			       "handfast (pid 79)|2 VFs|end that virtual machine first"));
	assert_non_null(
		strstr(uses_of(tree, NIC), "&echo 0 > /sys/bus/pci/devices/0000:02:00.0/sriov_numvfs\n"));
	/* What is vital on a function is vital on its parent. */
	tree_block(tree, "sys/devices/pci0000:00/0000:02:10.2", "vda", "252:0");
	mounts(tree, "21 1 252:0 / / rw - ext4 @/vda rw\n");
	assert_non_null(strstr(uses_of(tree, NIC), "!0000:02:00.0 has 2 virtual functions"));
	assert_non_null(strstr(uses_of(tree, NIC), "; and 1 more of them|"));
}

static void test_a_bridge_has_no_uses_of_its_own(void **state)
{
	struct tree *tree = *state;

	tree_device(tree, "0000:00:01.0", 0x1b36, 0x000c, 0x060400, "pcieport", 1);
	tree_block(tree, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0", "vda", "252:0");
	mounts(tree, "21 1 252:0 / / rw - ext4 @/vda rw\n");
	assert_string_equal(uses_of(tree, "0000:00:01.0"), "");
}

static void test_every_kind_has_a_name(void **state)
{
	for (unsigned kind = USE_MOUNT; kind <= USE_UNKNOWN; kind++) {
		assert_non_null(use_kind_name((enum use_kind)kind));
		for (unsigned other = USE_MOUNT; other < kind; other++)
			assert_string_not_equal(use_kind_name((enum use_kind)kind),
						use_kind_name((enum use_kind)other));
	}
}

/* A display whose BAR 2 is f0000000-f0ffffff. */
#define DISPLAY "0000:03:00.0"

static void display(struct tree *tree, const char *iomem)
{
	tree_device(tree, DISPLAY, 0x1234, 0x1111, 0x030000, "", 16);
	tree_file(tree, "sys/devices/pci0000:00/" DISPLAY "/resource",
		  "0x00000000fd000000 0x00000000fd000fff 0x0000000000040200\n"
		  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		  "0x00000000f0000000 0x00000000f0ffffff 0x0000000000042208\n");
	tree_file(tree, "proc/iomem", "%s", iomem);
}

#define DRAWS(name)                                            \
	"the boot console draws on it: its framebuffer (" name \
	" in /proc/iomem) lies in one of its BARs|boot "       \
	"console|"
#define BOOT_CURE "boot this host with initcall_blacklist=sysfb_init on the kernel's command line\n"

static void test_framebuffer_by_address(void **state)
{
	struct tree *tree = *state;

	/* Beside the device's own line, as where the region was there first. */
	display(tree, "f0000000-f03fffff : BOOTFB\n");
	assert_string_equal(uses_of(tree, DISPLAY), DRAWS("BOOTFB") BOOT_CURE);
	display(tree, "f1000000-f13fffff : BOOTFB\n");
	assert_string_equal(uses_of(tree, DISPLAY), "");
	display(tree, "f0000000-f03fffff : bochs-drm\n");
	assert_string_equal(uses_of(tree, DISPLAY), "");
}

static void test_framebuffer_without_the_right_to_see_addresses(void **state)
{
	struct tree *tree = *state;

	display(tree, "00000000-00000000 : PCI Bus 0000:00\n"
		      "  00000000-00000000 : 0000:00:02.0\n"
		      "    00000000-00000000 : other\n"
		      "  00000000-00000000 : " DISPLAY "\n"
		      "    00000000-00000000 : BOOTFB\n"
		      "      00000000-00000000 : efifb\n");
	assert_string_equal(uses_of(tree, DISPLAY), DRAWS("BOOTFB") BOOT_CURE);
	/* Behind the device's lines, in somebody else's. */
	display(tree, "00000000-00000000 : PCI Bus 0000:00\n"
		      "  00000000-00000000 : " DISPLAY "\n"
		      "  00000000-00000000 : 0000:00:02.0\n"
		      "    00000000-00000000 : BOOTFB\n");
	assert_string_equal(uses_of(tree, DISPLAY), "");
}

static void test_framebuffer_is_taken_from_its_driver(void **state)
{
	struct tree *tree = *state;
	struct host_device device;
	struct use use;

	display(tree, "f0000000-f0ffffff : " DISPLAY "\n  f0000000-f03fffff : simpledrm\n");
	tree_folder(tree, "sys/bus/platform/drivers/simple-framebuffer/simple-framebuffer.0");
	assert_string_equal(uses_of(tree, DISPLAY),
			    DRAWS("simpledrm") "echo simple-framebuffer.0 > "
					       "/sys/bus/platform/drivers/simple-framebuffer/unbind    "
					       "(as root; the console's picture stops)&" BOOT_CURE);
	/* Also where it is bound to vfio-pci already, and not without /proc/iomem. */
	tree_bind(tree, DISPLAY, "vfio-pci");
	device = tree_load(tree, DISPLAY);
	assert_true(usage_framebuffer(&tree->host, &device, &use));
	assert_int_equal(use.kind, USE_FRAMEBUFFER);
	assert_false(use.vital);
	tree_remove(tree, "proc/iomem");
	assert_false(usage_framebuffer(&tree->host, &device, &use));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_open_disk_names_the_process),
		unit(test_any_node_of_the_device_counts),
		unit(test_a_node_by_another_name_is_known_by_its_number),
		unit(test_a_process_is_told_of_once),
		unit(test_a_service_is_stopped_by_its_name),
		unit(test_nobody_is_told_to_kill_init),
		unit(test_processes_that_vanish_or_are_not_ours),
		unit(test_a_vm_names_the_process),
		unit(test_virtual_functions),
		unit(test_a_bridge_has_no_uses_of_its_own),
		unit(test_every_kind_has_a_name),
		unit(test_framebuffer_by_address),
		unit(test_framebuffer_without_the_right_to_see_addresses),
		unit(test_framebuffer_is_taken_from_its_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
