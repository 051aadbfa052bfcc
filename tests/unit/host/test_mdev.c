/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices named by a path in sysfs, and what is asked of a mediated one before a VM gets it. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "host/broker-priv.h"
#include "host/check-priv.h"
#include "host/mdev-priv.h"

#define UUID   "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
#define PARENT "sys/devices/virtual/mtty/mtty"

/* What the kernel's sample makes: a device with its type, on a bus of its own, with a group of its own. */
static void tree_mdev(struct tree *tree, const char *uuid)
{
	static const char folder[] = PARENT "/%s";
	char base[PATH_MAX], path[PATH_MAX], target[PATH_MAX];

	sysfs_path(base, folder, uuid);
	tree_file(tree, PARENT "/mdev_supported_types/mtty-2/name", "Dual port serial\n");
	tree_file(tree, PARENT "/mdev_supported_types/mtty-2/device_api", "vfio-pci\n");
	tree_folder(tree, "sys/bus/mdev/drivers/mtty");
	tree_folder(tree, "sys/kernel/iommu_groups/20");
	tree_file(tree, sysfs_path(path, "%s/uevent", base), "%s", "");
	tree_link(tree, sysfs_path(path, "%s/subsystem", base), sysfs_path(target, "%s/bus/mdev", tree->sys));
	tree_link(tree, sysfs_path(path, "%s/mdev_type", base), "../mdev_supported_types/mtty-2");
	tree_link(tree, sysfs_path(path, "%s/driver", base),
		  sysfs_path(target, "%s/bus/mdev/drivers/mtty", tree->sys));
	tree_link(tree, sysfs_path(path, "%s/iommu_group", base),
		  sysfs_path(target, "%s/kernel/iommu_groups/20", tree->sys));
	sysfs_path(target, "%s/%s", tree->root, base);
	tree_link(tree, sysfs_path(path, "sys/bus/mdev/devices/%s", uuid), target);
	tree_link(tree, "sys/class/mdev_bus/mtty", "../../devices/virtual/mtty/mtty");
	tree_file(tree, "dev/vfio/vfio", "container");
	tree_file(tree, "dev/vfio/20", "group");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
}

static int find(struct tree *tree, const char *path, struct host_id *ret_id)
{
	char full[PATH_MAX];

	return broker_answer_find(&tree->host, sysfs_path(full, "%s/%s", tree->root, path), ret_id);
}

static void expect_found(struct tree *tree, const char *path, const char *name)
{
	char text[HOST_ID_TEXT_SIZE];
	struct host_id id;

	assert_int_equal(find(tree, path, &id), 0);
	assert_string_equal(host_id_format(&id, text), name);
	assert_int_equal(host_id_is_mediated(&id), uuid_valid(name));
}

static void test_every_path_to_a_device(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_mdev(tree, UUID);
	tree_link(tree, "tmp/link", "../sys/bus/mdev/devices/" UUID);
	expect_found(tree, "sys/bus/pci/devices/" NIC, NIC);
	expect_found(tree, "sys/bus/pci/devices/" NIC "/", NIC);
	expect_found(tree, "sys/devices/pci0000:00/" NIC, NIC);
	expect_found(tree, "sys/kernel/iommu_groups/15/devices/" NIC, NIC);
	expect_found(tree, "sys/bus/mdev/devices/" UUID, UUID);
	expect_found(tree, PARENT "/" UUID, UUID);
	expect_found(tree, "sys/class/mdev_bus/mtty/" UUID, UUID);
	expect_found(tree, "tmp/link", UUID);
}

/* golden: what stands behind "cannot assign sysfsdev=/path". */
static void expect_refused(struct tree *tree, const char *path, int error, const char *golden)
{
	struct host_id id = { .uuid = "untouched" };
	char text[ERROR_TEXT_SIZE];

	assert_int_equal(find(tree, path, &id), error);
	(void)snprintf(text, sizeof(text), "cannot assign sysfsdev=/%s%s", path, golden);
	assert_string_equal(tree_error(tree), text);
	assert_string_equal(id.uuid, "untouched");
}

static void test_what_is_no_device(void **state)
{
	static const char folders[] =
		"name a folder like /sys/bus/pci/devices/0000:1a:00.3, or /sys/bus/mdev/devices/UUID for a "
		"mediated device";
	struct tree *tree = *state;
	char text[1024], path[PATH_MAX];

	unit_devices(tree);
	(void)snprintf(text, sizeof(text),
		       "\n  because: /sys/bus/pci is no device's folder in sysfs\n  try:     %s", folders);
	expect_refused(tree, "sys/bus/pci", -EINVAL, text);
	(void)snprintf(text, sizeof(text),
		       "\n  because: /sys/bus/pci/devices/" NIC
		       "/vendor is no device's folder in sysfs\n  try:     %s",
		       folders);
	expect_refused(tree, "sys/bus/pci/devices/" NIC "/vendor", -EINVAL, text);
	/* A copy is not the device. */
	tree_link(tree, "tmp/" NIC "/subsystem", sysfs_path(path, "%s/bus/pci", tree->sys));
	(void)snprintf(text, sizeof(text),
		       "\n  because: /tmp/" NIC " is no device's folder in sysfs\n  try:     %s", folders);
	expect_refused(tree, "tmp/" NIC, -EINVAL, text);

	tree_link(tree, "sys/devices/pci0000:00/" NIC "/net/eth0/subsystem",
		  sysfs_path(path, "%s/class/net", tree->sys));
	expect_refused(tree, "sys/bus/pci/devices/" NIC "/net/eth0", -ENOTSUP,
		       "\n  because: /sys/bus/pci/devices/" NIC
		       "/net/eth0 is a device of 'net': only those of 'pci' and 'mdev' can be assigned\n"
		       "  try:     name the PCI device's own folder, as /sys/bus/pci/devices/0000:1a:00.3");
	tree_link(tree, "sys/devices/platform/fe00.serial/subsystem",
		  sysfs_path(path, "%s/bus/platform", tree->sys));
	tree_link(tree, "sys/bus/platform/devices/fe00.serial", "../../../devices/platform/fe00.serial");
	expect_refused(
		tree, "sys/bus/platform/devices/fe00.serial", -ENOTSUP,
		"\n  because: /sys/bus/platform/devices/fe00.serial is a device of 'platform': only those "
		"of 'pci' and 'mdev' can be assigned\n"
		"  try:     name the PCI device's own folder, as /sys/bus/pci/devices/0000:1a:00.3");
}

static void test_what_is_not_there(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	expect_refused(tree, "sys/bus/mdev/devices/" UUID, -ENODEV,
		       "\n  because: there is no mediated device " UUID " on this host\n"
		       "           no driver on this host makes mediated devices now (nothing in "
		       "/sys/class/mdev_bus)\n"
		       "  try:     modprobe DRIVER    (as root; the one that does, then make the device)");
	tree_mdev(tree, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002");
	expect_refused(tree, "sys/bus/mdev/devices/" UUID, -ENODEV,
		       "\n  because: there is no mediated device " UUID " on this host\n"
		       "  try:     echo " UUID
		       " > /sys/class/mdev_bus/mtty/mdev_supported_types/TYPE/create    "
		       "(as root, with a TYPE that is there; makes it)");
	expect_refused(tree, "sys/bus/pci/devices/0000:09:00.0", -ENODEV,
		       "\n  because: there is no PCI device 0000:09:00.0 on this host\n"
		       "  try:     handfast list    (shows the devices there are)");
	/* There, but not under that path. */
	expect_refused(tree, "sys/bus/pci/" NIC, -ENOENT,
		       "\n  because: there is no /sys/bus/pci/" NIC "\n  try:     host=" NIC);
	expect_refused(tree, "sys/83b8f4f2-509f-382f-3c1e-e6bfe0fa1002", -ENOENT,
		       "\n  because: there is no /sys/83b8f4f2-509f-382f-3c1e-e6bfe0fa1002\n"
		       "  try:     sysfsdev=/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1002");
	expect_refused(tree, "sys/bus/nosuch", -ENOENT,
		       "\n  because: there is no /sys/bus/nosuch\n"
		       "  try:     ls /sys/bus/pci/devices /sys/bus/mdev/devices    (shows the devices there "
		       "are)");
	expect_refused(tree, "pci.ids/x", -ENOTDIR, "\n  because: /pci.ids/x: Not a directory");
}

static const char *check(struct tree *tree, pid_t vm)
{
	struct findings findings = { 0 };
	struct mdev mdev;

	assert_int_equal(mdev_load(&tree->host, UUID, &mdev), 0);
	check_mdev(&tree->host, &mdev, vm, &findings);
	return tree_story(tree, &findings);
}

static void test_a_mediated_device(void **state)
{
	struct tree *tree = *state;
	struct mdev mdev;
	char text[1024];

	tree_mdev(tree, UUID);
	assert_int_equal(mdev_load(&tree->host, UUID, &mdev), 0);
	assert_string_equal(mdev.type, "mtty-2");
	assert_string_equal(mdev.api, "vfio-pci");
	assert_string_equal(mdev.driver, "mtty");
	assert_true(mdev.has_group);
	assert_int_equal(mdev.group, 20);
	assert_string_equal(tree_plain(tree, mdev_title(&mdev, text, sizeof(text))),
			    UUID " (mtty-2, Dual port serial, on /sys/devices/virtual/mtty/mtty)");
	assert_string_equal(check(tree, 0), "");
	/* No name leads out of the bus's folder. */
	assert_int_equal(mdev_load(&tree->host, "../../pci/devices", &mdev), -ENODEV);
}

static void test_obstacles(void **state)
{
	struct tree *tree = *state;

	tree_mdev(tree, UUID);
	tree_process(tree, 4711, "qemu-system-x86", "dev/vfio/20");
	assert_string_equal(check(tree, 0),
			    "X use: /dev/vfio/20 is in use by qemu-system-x86 (pid 4711) [end "
			    "that virtual machine first]\n");
	tree_remove(tree, "dev/vfio/20");
	assert_string_equal(
		check(tree, 0),
		"X node: /dev/vfio/20 does not exist, though " UUID
		" has IOMMU group 20: this /dev does not show the host's device nodes [run on the "
		"host, or give the container that node]\n"
		"X use: /dev/vfio/20 is in use by qemu-system-x86 (pid 4711) [end that virtual "
		"machine first]\n");

	tree_remove(tree, PARENT "/" UUID "/driver");
	tree_remove(tree, PARENT "/" UUID "/iommu_group");
	assert_string_equal(
		check(tree, 0),
		"X driver: " UUID " has no IOMMU group: it is bound to no driver, and only a VFIO "
		"driver gives it one [echo 1 > /sys/bus/mdev/devices/" UUID "/remove; echo " UUID
		" > /sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-2/create    (as root; "
		"makes it anew)]\n");
	tree_folder(tree, "sys/bus/mdev/drivers/vfio_mdev");
	assert_string_equal(check(tree, 0), "X driver: " UUID
					    " has no IOMMU group: it is bound to no driver, and only a VFIO "
					    "driver gives it one [echo " UUID
					    " > /sys/bus/mdev/drivers/vfio_mdev/bind    (as "
					    "root)]\n");
	tree_remove(tree, "sys/bus/mdev/drivers/vfio_mdev");
	tree_remove(tree, "sys/bus/mdev/drivers/mtty");
	assert_string_equal(check(tree, 0),
			    "X driver: " UUID " has no IOMMU group: it is bound to no driver, "
			    "and only a VFIO driver gives it one [modprobe vfio_mdev    (as "
			    "root)]\n");

	tree_file(tree, PARENT "/mdev_supported_types/mtty-2/device_api", "vfio-ap\n");
	assert_string_equal(check(tree, 0),
			    "X kind: " UUID
			    " is no PCI device to its user but 'vfio-ap', as its type mtty-2 says "
			    "[a mediated device of a type whose device_api is vfio-pci]\n");
}

/* It needs no vfio-pci and no IOMMU, but what is behind the container. */
static void test_a_kernel_without_type1(void **state)
{
	struct tree *tree = *state;

	tree_mdev(tree, UUID);
	tree_remove(tree, "sys/module/vfio_iommu_type1");
	tree_file(tree, "modules/modules.builtin", "%s", "");
	tree_file(tree, "modules/modules.dep", "%s", "");
	assert_string_equal(
		check(tree, 0),
		"X vfio: this kernel has no vfio_iommu_type1: it is neither built in nor in /modules "
		"[a kernel with CONFIG_VFIO_IOMMU_TYPE1, and its modules installed]\n");
}

/* The kernel's name for its group is that of devices that nothing keeps from the host's memory. */
static void test_its_group_is_no_sign_of_danger(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_mdev(tree, UUID);
	tree_file(tree, "sys/kernel/iommu_groups/20/name", "vfio-noiommu\n");
	tree_folder(tree, "sys/kernel/iommu_groups/20/devices/" UUID);
	check_iommu(&tree->host, &findings);
	assert_null(strstr(tree_story(tree, &findings), "vfio runs without IOMMU"));
	assert_false(check_has_iommu(&tree->host));
	tree_file(tree, "sys/kernel/iommu_groups/21/name", "vfio-noiommu\n");
	tree_folder(tree, "sys/kernel/iommu_groups/21/devices/" NIC);
	check_iommu(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings), "vfio runs without IOMMU"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_every_path_to_a_device),
		unit(test_what_is_no_device),
		unit(test_what_is_not_there),
		unit(test_a_mediated_device),
		unit(test_obstacles),
		unit(test_a_kernel_without_type1),
		unit(test_its_group_is_no_sign_of_danger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
