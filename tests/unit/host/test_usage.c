/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a device: every way from a disk to a mount, and the network's. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/usage-priv.h"

#define DISK "sys/devices/pci0000:00/" NVME "/nvme/nvme0"

static void disk(struct tree *tree)
{
	unit_devices(tree);
	tree_block(tree, DISK, "nvme0n1", "259:0");
	tree_block(tree, DISK "/nvme0n1", "nvme0n1p1", "259:1");
	tree_block(tree, "sys/devices/virtual/block", "sda", "8:0");
}

/* The uses of a device as "[!]what|brief|cure", one a line. */
static const char *uses_of(struct tree *tree, const char *bdf)
{
	struct host_device device = tree_load(tree, bdf);
	struct use list[4];
	struct usage *usage;
	char text[4096] = "";
	size_t count, used = 0;

	assert_int_equal(usage_create(&tree->host, &usage), 0);
	count = usage_of(usage, &device, list, 4);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s|%s|%s\n",
					 list[i].vital ? "!" : "", list[i].what, list[i].brief, list[i].cure);
	usage_destroy(usage);
	return tree_plain(tree, text);
}

static void mounts(struct tree *tree, const char *lines)
{
	char text[1024] = "", *to = text;

	/* '@' stands for the tree's /dev. */
	for (; *lines; lines++) {
		if (*lines == '@')
			to += sprintf(to, "%s", tree->dev);
		else
			*to++ = *lines;
	}
	*to = '\0';
	tree_file(tree, "proc/self/mountinfo", "%s", text);
}

static void test_an_idle_disk_has_none(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "21 1 8:0 / / rw - ext4 @/sda rw\n22 21 0:5 / /proc rw - proc proc rw\n");
	assert_string_equal(uses_of(tree, NVME), "");
}

static void test_mounted_partition(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "21 1 8:0 / / rw - ext4 @/sda rw\n"
		     "30 21 259:1 / /srv/my\\040data rw,noatime shared:7 - ext4 @/nvme0n1p1 rw\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /srv/my data|/srv/my data|"
						 "umount /srv/my data\n");
	assert_string_equal(uses_of(tree, NIC), "");
}

static void test_btrfs_has_a_number_of_its_own(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "30 21 0:44 /@home /home rw - btrfs @/nvme0n1p1 rw,subvol=/@home\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /home|/home|umount /home\n");
}

static void test_root_through_device_mapper_is_vital(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	/* partition -> LVM volume -> encrypted volume -> / */
	tree_block(tree, "sys/devices/virtual/block", "dm-0", "254:0");
	tree_block(tree, "sys/devices/virtual/block", "dm-1", "254:1");
	tree_link(tree, DISK "/nvme0n1/nvme0n1p1/holders/dm-0", "../x");
	tree_link(tree, "sys/devices/virtual/block/dm-0/holders/dm-1", "../x");
	mounts(tree, "21 1 254:1 / / rw - ext4 @/mapper/root rw\n");
	assert_string_equal(uses_of(tree, NVME), "!/dev/dm-1 is mounted on /, this host's root file "
						 "system|/|another device: this host runs from this one\n");
}

static void test_swap_partition_and_swap_file(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n%s/nvme0n1p1 partition 1 0 -2\n",
		  tree->dev);
	assert_string_equal(uses_of(tree, NVME), "!this host swaps to /dev/nvme0n1p1|swap|swapoff "
						 "/dev/nvme0n1p1\n");
	/* A file lies on the file system with the longest mount point in front of it. */
	mounts(tree, "21 1 8:0 / / rw - ext4 @/sda rw\n30 21 259:1 / /srv rw - ext4 @/nvme0n1p1 rw\n");
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n/srv/swapfile file 1 0 -2\n");
	assert_non_null(
		strstr(uses_of(tree, NVME), "!this host swaps to /srv/swapfile|swap|swapoff /srv/swapfile"));
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n/srv2/swapfile file 1 0 -2\n");
	assert_null(strstr(uses_of(tree, NVME), "swap"));
}

static void test_a_vital_use_is_never_left_out(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "30 21 259:1 / /a rw - ext4 @/nvme0n1p1 rw\n31 21 259:1 / /b rw - ext4 @/nvme0n1p1 rw\n"
		     "32 21 259:1 / /c rw - ext4 @/nvme0n1p1 rw\n33 21 259:1 / /d rw - ext4 @/nvme0n1p1 rw\n"
		     "34 21 259:1 / /e rw - ext4 @/nvme0n1p1 rw\n35 1 259:1 / / rw - ext4 @/nvme0n1p1 rw\n");
	assert_non_null(strstr(uses_of(tree, NVME), "!/dev/nvme0n1p1 is mounted on /, this host's root"));
}

static void test_multipath_nvme_lives_elsewhere(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_block(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys1", "nvme1n1", "259:5");
	tree_folder(tree, "sys/class/nvme-subsystem/nvme-subsys1");
	mounts(tree, "30 21 259:5 / /data rw - ext4 @/nvme1n1 rw\n");
	assert_string_equal(uses_of(tree, NVME), "");
	tree_link(tree, "sys/class/nvme-subsystem/nvme-subsys1/nvme0", "../../../devices");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme1n1 is mounted on /data|/data|umount /data\n");
}

static void test_open_disk_names_the_process(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	tree_process(tree, 77, "dd", "dev/nvme0n1");
	tree_process(tree, 78, "cat", "dev/sda");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1 is open in dd (pid 77)|dd (pid 77)|end dd\n");
}

static void test_a_vm_names_the_process(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 79, "handfast", "dev/vfio/14");
	assert_string_equal(uses_of(tree, NVME),
			    "/dev/vfio/14 is open in handfast (pid 79)|handfast (pid 79)|"
			    "end that virtual machine first, or unplug the device from it\n");
}

static void test_network_interface(void **state)
{
	struct tree *tree = *state;
	const char *folder = "sys/devices/pci0000:00/" NIC "/net/eth0";
	char path[PATH_MAX], target[PATH_MAX];

	unit_devices(tree);
	tree_folder(tree, folder);
	snprintf(target, sizeof(target), "%s/%s", tree->root, folder);
	tree_link(tree, "sys/class/net/eth0", target);
	snprintf(path, sizeof(path), "%s/flags", folder);

	/* Down, or up and talking to nobody: free. */
	tree->addresses = "10.0.2.15";
	tree_file(tree, path, "0x1002\n");
	assert_string_equal(uses_of(tree, NIC), "");
	tree->addresses = "";
	tree_file(tree, path, "0x1003\n");
	assert_string_equal(uses_of(tree, NIC), "");

	tree->addresses = "10.0.2.15";
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up with 10.0.2.15|eth0 up|"
						"ip link set eth0 down\n");
	tree_file(tree, "proc/net/route", "Iface Destination Gateway\neth0\t00000000\t0202000A\t0003\n");
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up with 10.0.2.15 and the default "
						"route|eth0 up|ip link set eth0 down\n");
	tree->addresses = "";
	snprintf(path, sizeof(path), "%s/upper_br0", folder);
	tree_link(tree, path, "../br0");
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up and carries br0|eth0 up|"
						"ip link set eth0 down\n");
	assert_string_equal(uses_of(tree, NVME), "");
}

static void test_virtual_functions(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_file(tree, "sys/devices/pci0000:00/" NIC "/sriov_numvfs", "0\n");
	assert_string_equal(uses_of(tree, NIC), "");
	tree_file(tree, "sys/devices/pci0000:00/" NIC "/sriov_numvfs", "4\n");
	assert_string_equal(
		uses_of(tree, NIC),
		"0000:02:00.0 has 4 virtual functions, which vanish when its driver lets it go|4 VFs|"
		"echo 0 > /sys/bus/pci/devices/0000:02:00.0/sriov_numvfs\n");
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
					       "(as root; the console's picture stops)\n" BOOT_CURE);
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
		unit(test_an_idle_disk_has_none),
		unit(test_mounted_partition),
		unit(test_btrfs_has_a_number_of_its_own),
		unit(test_root_through_device_mapper_is_vital),
		unit(test_swap_partition_and_swap_file),
		unit(test_a_vital_use_is_never_left_out),
		unit(test_multipath_nvme_lives_elsewhere),
		unit(test_open_disk_names_the_process),
		unit(test_a_vm_names_the_process),
		unit(test_network_interface),
		unit(test_virtual_functions),
		unit(test_framebuffer_by_address),
		unit(test_framebuffer_without_the_right_to_see_addresses),
		unit(test_framebuffer_is_taken_from_its_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
