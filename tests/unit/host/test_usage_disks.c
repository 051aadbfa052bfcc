/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a disk: every way from it to a mount, to swap, to an active volume. */
#include "uses.h"

#define VIRTUAL "sys/devices/virtual/block"
#define PART	DISK "/nvme0n1/nvme0n1p1"

/* A block device above another one. */
static void holder(struct tree *tree, const char *lower, const char *name, const char *number)
{
	char path[PATH_MAX];

	tree_block(tree, VIRTUAL, name, number);
	snprintf(path, sizeof(path), "%s/holders/%s", lower, name);
	tree_link(tree, path, "../x");
}

/* A device mapper one. */
static void mapping(struct tree *tree, const char *lower, const char *name, const char *number,
		    const char *mapped, const char *uuid)
{
	char path[PATH_MAX];

	holder(tree, lower, name, number);
	snprintf(path, sizeof(path), VIRTUAL "/%s/dm/name", name);
	tree_file(tree, path, "%s\n", mapped);
	snprintf(path, sizeof(path), VIRTUAL "/%s/dm/uuid", name);
	tree_file(tree, path, "%s\n", uuid);
}

static void test_an_idle_disk_has_none(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT "22 21 0:5 / /proc rw - proc proc rw\n");
	assert_string_equal(uses_of(tree, NVME), "");
	/* Nor is anything wrong where procfs shows nothing at all. */
	tree_remove(tree, "proc/self/mountinfo");
	assert_string_equal(uses_of(tree, NVME), "");
}

static void test_mounted_partition(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT "30 21 259:1 / /srv/my\\040data rw,noatime shared:7 - ext4 @/nvme0n1p1 rw\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /srv/my data|/srv/my data|"
						 "umount '/srv/my data'\n");
	assert_string_equal(uses_of(tree, NIC), "");
}

/* In a chroot, or with mounts of one's own, one sees only some of the host's. */
static void test_mounts_that_only_process_1_sees(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT);
	tree_file(tree, "proc/1/mountinfo",
		  "21 1 259:0 / / rw - ext4 %s/nvme0n1 rw\n30 21 259:1 / /srv rw - ext4 %s/nvme0n1p1 rw\n"
		  "31 21 8:0 / / rw - ext4 %s/sda rw\n",
		  tree->dev, tree->dev, tree->dev);
	assert_string_equal(uses_of(tree, NVME),
			    "!/dev/nvme0n1 is mounted on /, this host's root file system|/|another device: "
			    "this host runs from this one\n"
			    "/dev/nvme0n1p1 is mounted on /srv|/srv|nsenter -t 1 -m umount /srv\n");
	/* What both see is one. */
	mounts(tree, ROOT "30 21 259:1 / /srv rw - ext4 @/nvme0n1p1 rw\n");
	tree_file(tree, "proc/1/mountinfo", "30 21 259:1 / /srv rw - ext4 %s/nvme0n1p1 rw\n", tree->dev);
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /srv|/srv|umount /srv\n");
}

static void test_what_a_terminal_would_obey_is_not_shown(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT "30 21 259:1 / /a\\033[2Jb\\302\\233c'd rw - ext4 @/nvme0n1p1 rw\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /a?[2Jb??c'd|/a?[2Jb??c'd|"
						 "umount '/a?[2Jb??c'\\''d'\n");
}

static void test_mounts_come_as_they_can_be_unmounted(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT "30 21 259:0 / /srv rw - ext4 @/nvme0n1 rw\n"
			  "31 30 259:1 / /srv/sub rw - ext4 @/nvme0n1p1 rw\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /srv/sub|/srv/sub|umount "
						 "/srv/sub\n"
						 "/dev/nvme0n1 is mounted on /srv|/srv|umount /srv\n");
}

static void test_btrfs_has_a_number_of_its_own(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "30 21 0:44 /@home /home rw - btrfs @/nvme0n1p1 rw,subvol=/@home\n");
	assert_string_equal(uses_of(tree, NVME), "/dev/nvme0n1p1 is mounted on /home|/home|umount /home\n");
}

static void test_btrfs_on_several_devices_is_mounted_from_all(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "21 1 0:44 / / rw - btrfs @/sda rw\n");
	assert_string_equal(uses_of(tree, NVME), "");
	tree_folder(tree, "sys/fs/btrfs/features");
	tree_folder(tree, "sys/fs/btrfs/4711-0815/devices/sda");
	assert_string_equal(uses_of(tree, NVME), "");
	tree_folder(tree, "sys/fs/btrfs/4711-0815/devices/nvme0n1p1");
	assert_string_equal(uses_of(tree, NVME), "!/dev/nvme0n1p1 is mounted on /, this host's root file "
						 "system|/|another device: this host runs from this one\n");
}

static void test_root_through_device_mapper_is_vital(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	/* partition -> LVM volume -> encrypted volume -> /, and none of them can be stopped */
	mapping(tree, PART, "dm-0", "254:0", "vg-cr", "LVM-abcdef");
	mapping(tree, VIRTUAL "/dm-0", "dm-1", "254:1", "root", "CRYPT-LUKS2-1234-root");
	mounts(tree, "21 1 254:1 / / rw - ext4 @/mapper/root rw\n");
	assert_string_equal(
		uses_of(tree, NVME),
		"!/dev/mapper/root (encrypted volume on /dev/mapper/vg-cr on /dev/nvme0n1p1) is "
		"mounted on /, this host's root file system|/|another device: this host runs from "
		"this one\n");
}

static void test_root_on_an_array_is_vital(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	holder(tree, PART, "md0", "9:0");
	tree_file(tree, VIRTUAL "/md0/md/array_state", "clean\n");
	tree_block(tree, VIRTUAL "/md0", "md0p1", "259:9");
	mounts(tree, "21 1 259:9 / / rw - xfs @/md0p1 rw\n");
	assert_string_equal(uses_of(tree, NVME),
			    "!/dev/md0p1 (on /dev/md0 on /dev/nvme0n1p1) is mounted on /, this host's root "
			    "file system|/|another device: this host runs from this one\n");
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
	mounts(tree, ROOT "30 21 259:1 / /srv rw - ext4 @/nvme0n1p1 rw\n");
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n/srv/swapfile file 1 0 -2\n");
	assert_string_equal(uses_of(tree, NVME),
			    "!this host swaps to /srv/swapfile, a file on /dev/nvme0n1p1|swap|swapoff "
			    "/srv/swapfile\n"
			    "/dev/nvme0n1p1 is mounted on /srv|/srv|umount /srv\n");
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n/srv2/swapfile file 1 0 -2\n");
	assert_null(strstr(uses_of(tree, NVME), "swap"));
}

static void test_swap_on_a_volume(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mapping(tree, PART, "dm-0", "254:0", "vg-swap", "LVM-abcdef");
	tree_file(tree, "proc/swaps", "Filename Type Size Used Priority\n%s/dm-0 partition 1 0 -2\n",
		  tree->dev);
	assert_string_equal(uses_of(tree, NVME),
			    "!this host swaps to /dev/mapper/vg-swap (LVM volume on "
			    "/dev/nvme0n1p1)|swap|swapoff /dev/dm-0\n"
			    "LVM volume group vg is active on /dev/nvme0n1p1: /dev/mapper/vg-swap|LVM "
			    "vg|vgchange -an vg\n");
	/* By device mapper's own name, where its nodes are no links, or gone. */
	tree_file(tree, "proc/swaps",
		  "Filename Type Size Used Priority\n%s/mapper/vg-swap partition 1 0 -2\n", tree->dev);
	assert_non_null(strstr(uses_of(tree, NVME), "!this host swaps to /dev/mapper/vg-swap (LVM volume on "
						    "/dev/nvme0n1p1)|swap|swapoff /dev/mapper/vg-swap\n"));
	tree_file(tree, "proc/swaps",
		  "Filename Type Size Used Priority\n%s/dm-0\\040(deleted) partition 1 0 -2\n", tree->dev);
	assert_non_null(strstr(uses_of(tree, NVME), "!this host swaps to /dev/mapper/vg-swap"));
}

static void test_a_mounted_volume_goes_before_its_group(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mapping(tree, PART, "dm-0", "254:0", "vg-root", "LVM-abcdef");
	mounts(tree, ROOT "30 21 254:0 / /srv rw - ext4 @/mapper/vg-root rw\n");
	assert_string_equal(
		uses_of(tree, NVME),
		"/dev/mapper/vg-root (LVM volume on /dev/nvme0n1p1) is mounted on /srv|/srv|umount "
		"/srv\n"
		"LVM volume group vg is active on /dev/nvme0n1p1: /dev/mapper/vg-root|LVM "
		"vg|vgchange -an vg\n");
}

static void test_an_active_volume_group_is_told_once(void **state)
{
	struct tree *tree = *state;
	const char *text;

	disk(tree);
	/* LVM writes a '-' of a name as two; a thin volume stands on another one of its group. */
	mapping(tree, PART, "dm-0", "254:0", "my--vg-pool_tdata", "LVM-abcdef-tdata");
	mapping(tree, VIRTUAL "/dm-0", "dm-1", "254:1", "my--vg-pool", "LVM-abcdef");
	mapping(tree, VIRTUAL "/dm-1", "dm-2", "254:2", "my--vg-a", "LVM-abcdef");
	mapping(tree, VIRTUAL "/dm-1", "dm-3", "254:3", "my--vg-b", "LVM-abcdef");
	text = uses_of(tree, NVME);
	assert_non_null(strstr(text, "LVM volume group my-vg is active on /dev/nvme0n1p1: "));
	assert_non_null(strstr(text, " and 1 more|LVM my-vg|vgchange -an my-vg\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_stacked_volumes_go_from_the_top(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	/* disk -> array -> encrypted volume -> volume group; beside it, another mapping and a stranger */
	holder(tree, DISK "/nvme0n1", "md127", "9:127");
	tree_file(tree, VIRTUAL "/md127/md/array_state", "clean\n");
	mapping(tree, VIRTUAL "/md127", "dm-5", "254:5", "luks data", "CRYPT-LUKS1-12-luks");
	mapping(tree, VIRTUAL "/dm-5", "dm-6", "254:6", "vg-x", "LVM-abcdef");
	assert_string_equal(uses_of(tree, NVME),
			    "LVM volume group vg is active on /dev/mapper/luks data: /dev/mapper/vg-x|LVM "
			    "vg|vgchange -an vg\n"
			    "the encrypted volume /dev/mapper/luks data is open on /dev/md127|crypt luks "
			    "data|cryptsetup close 'luks data'\n"
			    "the array /dev/md127 runs on /dev/nvme0n1|md127|mdadm --stop /dev/md127\n");
}

static void test_other_holders(void **state)
{
	struct tree *tree = *state;
	const char *text;

	disk(tree);
	mapping(tree, PART, "dm-0", "254:0", "snap", "");
	mapping(tree, PART, "dm-1", "254:1", "mpatha", "mpath-36001");
	holder(tree, PART, "bcache0", "252:0");
	text = uses_of(tree, NVME);
	assert_non_null(strstr(text, "the device mapper volume /dev/mapper/snap stands on /dev/nvme0n1p1|dm "
				     "snap|dmsetup remove snap\n"));
	assert_non_null(strstr(text, "the multipath device /dev/mapper/mpatha stands on "
				     "/dev/nvme0n1p1|multipath mpatha|multipath -f mpatha\n"));
	assert_non_null(strstr(text, "/dev/bcache0 stands on /dev/nvme0n1p1|bcache0|lsblk /dev/bcache0    "
				     "(shows what it is)\n"));
}

static void test_a_volume_over_two_stands_above_the_higher(void **state)
{
	struct tree *tree = *state;
	const char *text;

	disk(tree);
	/* One group on the partition and on an encrypted volume on the disk: it goes first. */
	mapping(tree, DISK "/nvme0n1", "dm-9", "254:9", "secret", "CRYPT-LUKS2-1-secret");
	mapping(tree, PART, "dm-0", "254:0", "vg-a", "LVM-abcdef");
	tree_link(tree, VIRTUAL "/dm-9/holders/dm-0", "../x");
	text = uses_of(tree, NVME);
	assert_non_null(strstr(text, "vgchange -an vg"));
	assert_non_null(strstr(text, "cryptsetup close secret"));
	assert_true(strstr(text, "vgchange") < strstr(text, "cryptsetup"));
}

static void test_holders_in_a_circle_come_to_an_end(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mapping(tree, PART, "dm-0", "254:0", "a", "");
	mapping(tree, VIRTUAL "/dm-0", "dm-1", "254:1", "b", "");
	tree_link(tree, VIRTUAL "/dm-1/holders/dm-0", "../x");
	tree_link(tree, VIRTUAL "/dm-1/holders/dm-1", "../x");
	tree_link(tree, VIRTUAL "/dm-1/holders/vanished", "../x");
	assert_non_null(strstr(uses_of(tree, NVME), "dmsetup remove a"));
	assert_non_null(strstr(uses_of(tree, NVME), "dmsetup remove b"));
}

static void test_long_names_are_cut_not_followed(void **state)
{
	struct tree *tree = *state;
	char name[128], line[1024], path[512];

	disk(tree);
	memset(name, 'v', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	mapping(tree, PART, "dm-0", "254:0", name, "CRYPT-LUKS2-1-x");
	path[0] = '\0';
	for (unsigned i = 0; i < 3; i++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", name);
	snprintf(line, sizeof(line), ROOT "30 21 254:0 / %s rw - ext4 @/mapper/x rw\n", path);
	mounts(tree, line);
	assert_non_null(strstr(uses_of(tree, NVME), " is mounted on /vvvv"));
	assert_non_null(strstr(uses_of(tree, NVME), "cryptsetup close vvvv"));
}

static void test_a_vital_use_is_never_left_out(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, "30 21 259:1 / /a rw - ext4 @/nvme0n1p1 rw\n31 21 259:1 / /b rw - ext4 @/nvme0n1p1 rw\n"
		     "32 21 259:1 / /c rw - ext4 @/nvme0n1p1 rw\n33 21 259:1 / /d rw - ext4 @/nvme0n1p1 rw\n"
		     "34 21 259:1 / /e rw - ext4 @/nvme0n1p1 rw\n35 1 259:1 / / rw - ext4 @/nvme0n1p1 rw\n");
	assert_string_equal(uses_of_room(tree, NVME, 1),
			    "!/dev/nvme0n1p1 is mounted on /, this host's root file system|/|another device: "
			    "this host runs from this one\n");
}

static void test_boot_and_usr_are_not_vital(void **state)
{
	struct tree *tree = *state;

	disk(tree);
	mounts(tree, ROOT "30 21 259:1 / /boot rw - ext4 @/nvme0n1p1 rw\n"
			  "31 21 259:0 / /usr rw - ext4 @/nvme0n1 rw\n");
	assert_null(strchr(uses_of(tree, NVME), '!'));
	assert_non_null(strstr(uses_of(tree, NVME), "umount /boot"));
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

/* Part of the path would be another place. */
static void test_a_path_too_long_for_a_cure(void **state)
{
	struct tree *tree = *state;
	char lines[1024], wanted[512];

	disk(tree);
	(void)snprintf(lines, sizeof(lines), ROOT "22 21 259:1 / /srv/%0300u rw - ext4 @/nvme0n1p1 rw\n", 1);
	mounts(tree, lines);
	(void)snprintf(wanted, sizeof(wanted), "|umount /srv/%0300u\n", 1);
	assert_non_null(strstr(uses_of(tree, NVME), wanted));
	(void)snprintf(lines, sizeof(lines), ROOT "22 21 259:1 / /srv/%0700u rw - ext4 @/nvme0n1p1 rw\n", 1);
	mounts(tree, lines);
	assert_null(strstr(uses_of(tree, NVME), "umount"));
	assert_non_null(strstr(uses_of(tree, NVME), " is mounted on /srv/0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_an_idle_disk_has_none),
		unit(test_mounted_partition),
		unit(test_mounts_that_only_process_1_sees),
		unit(test_what_a_terminal_would_obey_is_not_shown),
		unit(test_mounts_come_as_they_can_be_unmounted),
		unit(test_btrfs_has_a_number_of_its_own),
		unit(test_btrfs_on_several_devices_is_mounted_from_all),
		unit(test_root_through_device_mapper_is_vital),
		unit(test_root_on_an_array_is_vital),
		unit(test_swap_partition_and_swap_file),
		unit(test_swap_on_a_volume),
		unit(test_a_mounted_volume_goes_before_its_group),
		unit(test_an_active_volume_group_is_told_once),
		unit(test_stacked_volumes_go_from_the_top),
		unit(test_other_holders),
		unit(test_a_volume_over_two_stands_above_the_higher),
		unit(test_holders_in_a_circle_come_to_an_end),
		unit(test_long_names_are_cut_not_followed),
		unit(test_a_vital_use_is_never_left_out),
		unit(test_boot_and_usr_are_not_vital),
		unit(test_multipath_nvme_lives_elsewhere),
		unit(test_a_path_too_long_for_a_cure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
