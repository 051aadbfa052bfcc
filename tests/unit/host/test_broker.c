/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The broker for real: a forked child, on a made-up host. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sysfs.h"
#include "host/broker-priv.h"
#include "host/journal-priv.h"

static struct broker *start(struct tree *tree)
{
	struct broker *broker;

	assert_int_equal(broker_start_on(&tree->host, &broker), 0);
	return broker;
}

static void test_a_device_is_checked_and_its_group_opened(void **state)
{
	struct tree *tree = *state;
	struct broker_device device = { 0 };
	struct broker *broker;
	char title[256];
	int fd = -1;

	unit_devices(tree);
	tree_bind(tree, NIC, "vfio-pci");
	tree_file(tree, "dev/vfio/vfio", "container");
	tree_file(tree, "dev/vfio/15", "group");
	tree_file(tree, "dev/kvm", "kvm");
	broker = start(tree);
	assert_int_equal(broker_device_check(broker, tree_id(NIC), false, &device), 0);
	assert_int_equal(device.group, 15);
	assert_int_equal(device.vendor, 0x8086);
	assert_int_equal(device.device, 0x10d3);
	assert_string_equal(device.reset_method, "flr"); /* of "flr bus" */
	assert_string_equal(broker_device_title(broker, tree_id(NIC), title, sizeof(title)),
			    NIC " (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)");
	assert_true(bdf_equal(device.id.bdf, tree_bdf(NIC)));

	for (int i = 0; i < 3; i++) {
		static const char *const contents[] = { "container", "group", "kvm" };
		char text[16] = "";

		assert_int_equal(i == 0	  ? broker_open_container(broker, &fd)
				 : i == 1 ? broker_open_group(broker, 15, &fd)
					  : broker_open_kvm(broker, &fd),
				 0);
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		assert_string_equal(text, contents[i]);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
		close(fd);
	}
	broker_stop(broker);
}

/* What glibc's open() is called in the objects that the linker sees. A group that somebody has: the broker,
 * which is forked with this, meets EBUSY so many times. */
static unsigned busy_opens;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	if (busy_opens && strstr(path, "/vfio/15")) {
		busy_opens--;
		errno = EBUSY;
		return -1;
	}
	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return __real_open64(path, flags, mode);
}

/* Whoever only tries whether a group opens has it for a moment, and is no reason to refuse a start. */
static void test_a_group_that_is_busy_for_a_moment(void **state)
{
	struct tree *tree = *state;
	struct broker *broker;
	int fd = -1;

	unit_devices(tree);
	tree_file(tree, "dev/vfio/15", "group");
	busy_opens = 3;
	broker = start(tree);
	busy_opens = 0;
	assert_int_equal(broker_open_group(broker, 15, &fd), 0);
	close(fd);
	broker_stop(broker);

	busy_opens = 1000;
	broker = start(tree);
	busy_opens = 0;
	assert_int_equal(broker_open_group(broker, 15, &fd), -EBUSY);
	assert_non_null(strstr(tree_error(tree), "it is in use by a process that cannot be seen from here"));
	broker_stop(broker);
}

static void test_refusals_come_over_word_for_word(void **state)
{
	struct tree *tree = *state;
	struct broker_device device = { .group = 77 };
	struct broker *broker;
	int fd = -5;

	unit_devices(tree);
	tree_device(tree, "0000:02:00.1", 0x8086, 0x10d4, 0x040300, "snd_hda_intel", 15);
	broker = start(tree);
	assert_int_equal(broker_device_check(broker, tree_id(NIC), false, &device), -EBUSY);
	assert_string_equal(
		tree_error(tree),
		"cannot assign 0000:02:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network "
		"Connection)\n"
		"  because: 0000:02:00.0 is bound to e1000e, the host's own driver\n"
		"           IOMMU group 15 is not viable: 0000:02:00.1 is bound to snd_hda_intel\n"
		"  try:     handfast bind 0000:02:00.0\n"
		"           handfast bind 0000:02:00.1");
	assert_int_equal(device.group, 77);

	assert_int_equal(broker_device_check(broker, tree_id("0000:1a:00.3"), false, &device), -ENODEV);
	assert_string_equal(tree_error(tree), "cannot assign 0000:1a:00.3\n"
					      "  because: there is no PCI device 0000:1a:00.3 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");

	assert_int_equal(broker_open_container(broker, &fd), -ENOENT);
	assert_string_equal(tree_error(tree), "cannot open /dev/vfio/vfio\n"
					      "  because: /dev/vfio/vfio: the kernel's VFIO is not loaded\n"
					      "  try:     modprobe vfio-pci    (as root)");
	assert_int_equal(broker_open_group(broker, 15, &fd), -ENOENT);
	assert_string_equal(tree_error(tree),
			    "cannot open /dev/vfio/15\n"
			    "  because: no device of IOMMU group 15 is bound to vfio-pci\n  try:     "
			    "handfast list    (shows the groups and their drivers)");
	tree_file(tree, "proc/cpuinfo", "flags : svm\n");
	assert_int_equal(broker_open_kvm(broker, &fd), -ENOENT);
	assert_string_equal(
		tree_error(tree),
		"cannot use the kernel's KVM\n"
		"  because: the kernel's KVM is not loaded (/dev/kvm), though the processor has it (SVM)\n"
		"  try:     modprobe kvm_amd    (as root; if it fails, SVM is locked in the firmware "
		"setup)");
	assert_int_equal(fd, -5);
	broker_stop(broker);
}

#define MDEV "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static void test_a_device_is_found_by_its_path(void **state)
{
	static const char parent[] = "sys/devices/virtual/mtty/mtty";
	struct tree *tree = *state;
	struct broker_device device = { 0 };
	char path[PATH_MAX], target[PATH_MAX], title[256];
	struct broker *broker;
	struct host_id id;

	unit_devices(tree);
	sysfs_path(path, "%s/%s/subsystem", parent, MDEV);
	tree_link(tree, path, sysfs_path(target, "%s/bus/mdev", tree->sys));
	sysfs_path(target, "%s/%s/%s", tree->root, parent, MDEV);
	tree_link(tree, "sys/bus/mdev/devices/" MDEV, target);
	tree_link(tree, "sys/devices/virtual/mtty/mtty/" MDEV "/iommu_group", "../../20");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
	tree_file(tree, "dev/vfio/vfio", "container");
	tree_file(tree, "dev/vfio/20", "group");
	broker = start(tree);
	assert_int_equal(broker_device_find(broker, target, &id), 0);
	assert_string_equal(id.uuid, MDEV);
	assert_int_equal(broker_device_check(broker, &id, false, &device), 0);
	assert_int_equal(device.group, 20);
	assert_true(host_id_equal(&device.id, &id));
	broker_device_title(broker, &id, title, sizeof(title));
	assert_memory_equal(title, MDEV " (", sizeof(MDEV) + 1);
	assert_int_equal(
		broker_device_find(broker, sysfs_path(path, "%s/bus/pci/devices/" NIC, tree->sys), &id), 0);
	assert_true(host_id_equal(&id, tree_id(NIC)));
	/* No name leads out of its folder. */
	strcpy(id.uuid, "../../pci/devices/" NIC);
	assert_int_equal(broker_device_check(broker, &id, false, &device), -ENODEV);
	assert_int_equal(broker_device_find(broker, sysfs_path(path, "%s/bus", tree->sys), &id), -EINVAL);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(broker_device_find(broker, path, &id), -ENAMETOOLONG);
	broker_stop(broker);
}

static void expect_file(struct tree *tree, struct broker *broker, const char *file, int error,
			const char *golden)
{
	char path[PATH_MAX];
	int fd = -5;

	snprintf(path, sizeof(path), "%s/%s", tree->root, file);
	assert_int_equal(broker_open_file(broker, "kernel image", path, &fd), error);
	assert_string_equal(tree_error(tree), golden);
	assert_int_equal(fd, -5);
}

static void test_files(void **state)
{
	struct tree *tree = *state;
	struct broker *broker = start(tree);
	char path[PATH_MAX + 10], text[8] = "";
	int fd;

	tree_file(tree, "image", "bytes");
	snprintf(path, sizeof(path), "%s/image", tree->root);
	assert_int_equal(broker_open_file(broker, "kernel image", path, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	close(fd);

	expect_file(tree, broker, "absent", -ENOENT,
		    "cannot open the kernel image /absent\n  because: /absent: No such file or directory\n  "
		    "try:     ls -l     (shows what there is)");
	expect_file(tree, broker, "no/such/image", -ENOENT,
		    "cannot open the kernel image /no/such/image\n  because: the folder /no/such does not "
		    "exist\n  try:     ls -l     (shows what there is)");
	expect_file(tree, broker, "dev", -EISDIR,
		    "cannot open the kernel image /dev\n  because: it is a folder, not a file or a block "
		    "device\n  try:     ls -l /dev    (shows what is in it)");
	snprintf(path, sizeof(path), "%s/pipe", tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_file(tree, broker, "pipe", -EINVAL,
		    "cannot open the kernel image /pipe\n  because: it is a pipe, not a file or a block "
		    "device\n  try:     cat /pipe > FILE, and give FILE");

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(broker_open_file(broker, "kernel image", path, &fd), -ENAMETOOLONG);
	assert_string_equal(tree_error(tree),
			    "cannot open the kernel image\n  because: its path is longer than 4095 bytes\n  "
			    "try:     give a path from the folder it is in");
	broker_stop(broker);
}

static void test_relative_paths_count_from_the_start(void **state)
{
	struct tree *tree = *state;
	char here[PATH_MAX];
	struct broker *broker;
	int fd;

	assert_non_null(getcwd(here, sizeof(here)));
	tree_file(tree, "image", "bytes");
	assert_int_equal(chdir(tree->root), 0);
	broker = start(tree);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(broker_open_file(broker, "kernel image", "image", &fd), 0);
	close(fd);
	assert_int_equal(broker_open_file(broker, "kernel image", "absent", &fd), -ENOENT);
	assert_string_equal(tree_error(tree),
			    "cannot open the kernel image absent\n"
			    "  because: absent: No such file or directory\n"
			    "           the path counts from \n  try:     ls -l .    (shows what there is)");
	broker_stop(broker);
}

static void test_memory(void **state)
{
	struct tree *tree = *state;
	struct broker *broker = start(tree);
	uint64_t total = 1, available = 2;

	assert_int_equal(broker_memory(broker, &total, &available), -ENOENT);
	assert_int_equal(total, 1);
	tree_file(tree, "proc/meminfo", "MemTotal:  3000 kB\nMemFree: 1 kB\nMemAvailable:  2000 kB\n");
	assert_int_equal(broker_memory(broker, &total, &available), 0);
	assert_int_equal(total, 3000 * 1024);
	assert_int_equal(available, 2000 * 1024);
	broker_stop(broker);
}

/* The kernel says who asks; the limit raised is that process's, not the broker's. */
static void test_memory_lock_is_raised_for_who_asks(void **state)
{
	struct tree *tree = *state;
	struct rlimit before, after;
	struct broker *broker;
	char path[PATH_MAX];

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	if (before.rlim_max < (1 << 20))
		skip();
	broker = start(tree);
	assert_int_equal(broker_allow_memlock(broker, 1 << 20), -ENOENT);
	snprintf(path, sizeof(path), "proc/%d/status", (int)getpid());
	tree_file(tree, path, "Name:\tx\nVmLck:\t 4 kB\nCapEff:\t0000000000000000\n");
	after = before;
	after.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &after), 0);
	assert_int_equal(broker_allow_memlock(broker, (1 << 20) - 4096), 0);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &after), 0);
	assert_int_equal(after.rlim_cur, 1 << 20);
	/* It is enough already: nothing to do. */
	assert_int_equal(broker_allow_memlock(broker, 4096), 0);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &after), 0);
	assert_int_equal(after.rlim_cur, 1 << 20);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	broker_stop(broker);
}

/* In a process of its own, since a limit that was given up may not come back. 0: well; 77: we may not. */
static int descriptors_story(struct tree *tree)
{
	struct rlimit limit = { .rlim_cur = 64, .rlim_max = 64 }, more = { .rlim_cur = 512, .rlim_max = 512 };
	struct broker *broker;
	bool may;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return 1;
	may = setrlimit(RLIMIT_NOFILE, &more) == 0;
	if (may && setrlimit(RLIMIT_NOFILE, &limit))
		return 2;
	broker = start(tree);
	if (broker_allow_descriptors(broker, 60) || getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max != 64)
		return 3;
	if (broker_allow_descriptors(broker, 300) != (may ? 0 : -EPERM))
		return 4;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur != (may ? 300u : 64u))
		return 5;
	if (!may && (!strstr(error_get()->because, "and the limit is 64 for ") ||
		     !strstr(error_get()->remedy, "LimitNOFILE=300")))
		return 6;
	return 0;
}

static void test_descriptors_are_allowed_for_who_asks(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(descriptors_story(*state));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

struct asker {
	struct broker *broker;
	const char *path;
	int wrong;
};

static void *ask_often(void *opaque)
{
	struct asker *asker = opaque;

	for (int i = 0; i < 50; i++) {
		char text[8] = "";
		int fd;

		if (broker_open_file(asker->broker, "file", asker->path, &fd)) {
			asker->wrong++;
			continue;
		}
		if (read(fd, text, 1) != 1 || text[0] != asker->path[strlen(asker->path) - 1])
			asker->wrong++;
		close(fd);
	}
	return NULL;
}

static void test_threads_take_turns(void **state)
{
	struct tree *tree = *state;
	struct asker askers[4] = { 0 };
	pthread_t threads[4];
	char paths[4][PATH_MAX];
	struct broker *broker = start(tree);

	for (int i = 0; i < 4; i++) {
		char name[8] = { 'f', (char)('0' + i) };

		tree_file(tree, name, "%d", i);
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", tree->root, name);
		askers[i] = (struct asker){ .broker = broker, .path = paths[i] };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(askers[i].wrong, 0);
	}
	broker_stop(broker);
}

/* The one child there is. */
static pid_t child_of_ours(void)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return (pid_t)atoi(text);
}

static void test_it_outlives_signals_but_not_the_socket(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct tree *tree = *state;
	struct broker *broker = start(tree);
	uint64_t total, available;
	pid_t child = child_of_ours();

	if (!child)
		skip();
	tree_file(tree, "proc/meminfo", "MemTotal: 1 kB\nMemAvailable: 1 kB\n");
	/* An answer means that it has settled. */
	assert_int_equal(broker_memory(broker, &total, &available), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kill(child, signals[i]), 0);
	assert_int_equal(broker_memory(broker, &total, &available), 0);

	/* It holds no descriptor of ours but the log's: its socket, and one that tells it of our end. */
	for (int fd = 0; fd < 64; fd++) {
		char link[64], target[256] = "";

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)child, fd);
		assert_int_equal(readlink(link, target, sizeof(target) - 1) >= 0, fd <= 4);
		assert_true(fd >= 2 || strcmp(target, "/dev/null") == 0);
		assert_true(fd != 4 || strstr(target, "pidfd"));
	}

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(broker_memory(broker, &total, &available), -EPIPE);
	assert_string_equal(tree_error(tree), "the broker, handfast's process for host work, has ended\n  "
					      "try:     dmesg | tail    (says whether the kernel killed it)");
	assert_int_equal(broker_memory(broker, &total, &available), -EPIPE);
	broker_stop(broker);
	broker_stop(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static struct broker *start_managing(struct tree *tree, const struct bdf *list, size_t count)
{
	struct broker *broker = start(tree);

	assert_int_equal(broker_manage(broker, list, count), 0);
	return broker;
}

static void test_managed_devices_are_bound_and_given_back(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NVME), tree_bdf(NIC) };
	struct broker_device device;
	struct broker *broker;

	unit_devices(tree);
	broker = start_managing(tree, both, 2);
	/* Taken as bound, and nothing is changed yet. */
	assert_int_equal(broker_device_check(broker, &(struct host_id){ .bdf = both[0] }, false, &device), 0);
	assert_int_equal(device.group, 14);
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");

	assert_int_equal(broker_bind_managed(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
	assert_int_equal(broker_device_check(broker, &(struct host_id){ .bdf = both[0] }, false, &device), 0);
	/* From here on they are checked as they are. */
	tree_bind(tree, NVME, "nvme");
	assert_int_equal(broker_device_check(broker, &(struct host_id){ .bdf = both[0] }, false, &device),
			 -EBUSY);
	tree_bind(tree, NVME, "vfio-pci");

	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The VM goes on with the other one. */
static void test_one_managed_device_is_given_back(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NVME), tree_bdf(NIC) };
	struct broker *broker;
	char driver[64] = "?";

	unit_devices(tree);
	broker = start_managing(tree, both, 2);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(broker_give_back(broker, both[0], driver, sizeof(driver)), 0);
	assert_string_equal(driver, "nvme");
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
	/* Once: it is the host's now, and stays what the host makes of it. */
	tree_bind(tree, NVME, "vfio-pci");
	assert_int_equal(broker_give_back(broker, both[0], driver, sizeof(driver)), 0);
	assert_string_equal(driver, "");
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
}

/* Devices that come later: checked, bound, and given back with the others or before. */
static void test_one_more_managed_device(void **state)
{
	struct tree *tree = *state;
	const struct bdf first[] = { tree_bdf(NVME) };
	const struct host_id nvme = { .bdf = tree_bdf(NVME) }, nic = { .bdf = tree_bdf(NIC) };
	struct broker *broker;
	char driver[64] = "?";
	bool moved = false;

	unit_devices(tree);
	broker = start_managing(tree, first, 0);
	assert_int_equal(broker_bind_one(broker, &nvme, false, &moved), 0);
	assert_true(moved);
	/* Who asks for what it has already has bound nothing. */
	assert_int_equal(broker_bind_one(broker, &nvme, false, &moved), 0);
	assert_false(moved);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
	assert_int_equal(broker_give_back(broker, nvme.bdf, driver, sizeof(driver)), 0);
	assert_string_equal(driver, "nvme");
	/* The same once more, and another one. */
	assert_int_equal(broker_bind_one(broker, &nvme, false, &moved), 0);
	assert_int_equal(broker_bind_one(broker, &nic, false, &moved), 0);
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
	/* One that is on vfio-pci is left where it is. */
	assert_int_equal(broker_give_back(broker, nic.bdf, driver, sizeof(driver)), 0);
	tree_bind(tree, NIC, "vfio-pci");
	assert_int_equal(broker_bind_one(broker, &nic, false, &moved), 0);
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
}

static void test_one_more_that_cannot_be(void **state)
{
	struct tree *tree = *state;
	const struct bdf first[] = { tree_bdf(NVME) };
	const struct host_id nobody = { .bdf = { .bus = 0x77 } };
	struct broker *broker;
	bool moved;

	unit_devices(tree);
	broker = start_managing(tree, first, 1);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(broker_bind_one(broker, &nobody, false, &moved), -ENODEV);
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
}

static void test_what_was_not_bound_for_the_vm_is_not_given_back(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NVME), tree_bdf(NIC) };
	struct broker *broker;
	char driver[64] = "?";

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	broker = start_managing(tree, both, 2);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(broker_give_back(broker, both[0], driver, sizeof(driver)), 0);
	assert_string_equal(driver, "");
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_int_equal(broker_stop(broker), 0);
}

/* A failure is told, and tried once more at the end. */
static void test_one_that_cannot_be_given_back_now(void **state)
{
	struct tree *tree = *state;
	const struct bdf nvme = tree_bdf(NVME);
	struct broker *broker;
	char driver[64] = "?";

	unit_devices(tree);
	tree->refuses = "nvme";
	broker = start_managing(tree, &nvme, 1);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(broker_give_back(broker, nvme, driver, sizeof(driver)), -EIO);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:01:00.0\n"
			    "  because: 0000:01:00.0 is without driver: nvme did not take it\n"
			    "  try:     dmesg | tail    (what the driver said about it)");
	assert_string_equal(driver, "?");
	assert_int_equal(broker_stop(broker), -EIO);
}

/* The host has taken it out altogether: nothing to give back, then or later. */
static void test_one_that_is_gone(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NVME), tree_bdf(NIC) };
	struct journal_entry entry;
	struct broker *broker;
	char driver[64] = "?";

	unit_devices(tree);
	broker = start_managing(tree, both, 2);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(journal_read(&tree->host, both[0], &entry), 0);
	tree_remove(tree, "sys/bus/pci/devices/" NVME);
	assert_int_equal(broker_give_back(broker, both[0], driver, sizeof(driver)), -ENODEV);
	assert_int_equal(journal_read(&tree->host, both[0], &entry), -ENOENT);
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
}

/* As with libvirt: whoever bound it wants it there. */
static void test_a_managed_device_that_was_bound_before_stays(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NVME), tree_bdf(NIC) };
	struct broker *broker;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	broker = start_managing(tree, both, 2);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
}

static void test_managed_devices_are_refused_as_by_bind(void **state)
{
	struct tree *tree = *state;
	const struct bdf both[] = { tree_bdf(NIC), tree_bdf(NVME) };
	struct broker_device device;
	struct broker *broker;

	unit_devices(tree);
	tree_device(tree, "0000:02:00.1", 0x8086, 0x10d4, 0x040300, "snd_hda_intel", 15);
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "29 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	broker = start_managing(tree, both, 2);

	/* What binding does not cure is found before it. */
	assert_int_equal(broker_device_check(broker, &(struct host_id){ .bdf = both[0] }, false, &device),
			 -EBUSY);
	assert_string_equal(
		tree_error(tree),
		"cannot assign 0000:02:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network "
		"Connection)\n"
		"  because: IOMMU group 15 is not viable: 0000:02:00.1 is bound to snd_hda_intel\n"
		"  try:     handfast bind 0000:02:00.1");

	assert_int_equal(broker_bind_managed(broker), -EBUSY);
	assert_string_equal(tree_error(tree),
			    "cannot bind 0000:02:00.0, 0000:01:00.0 to vfio-pci\n"
			    "  because: 0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv\n"
			    "  try:     umount /srv");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
	assert_int_equal(broker_stop(broker), 0);
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
}

static void test_a_device_that_cannot_be_given_back_is_an_error(void **state)
{
	struct tree *tree = *state;
	const struct bdf nvme = tree_bdf(NVME);
	struct broker *broker;

	unit_devices(tree);
	tree->refuses = "nvme";
	broker = start_managing(tree, &nvme, 1);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(broker_stop(broker), -EIO);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:01:00.0\n"
			    "  because: 0000:01:00.0 is without driver: nvme did not take it\n"
			    "  try:     dmesg | tail    (what the driver said about it)");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Waits until the log that all processes of a test share ends with this text. */
static bool log_comes_to(int fd, const char *wanted)
{
	char text[ERROR_TEXT_SIZE] = "";

	for (int i = 0; i < 500; i++) {
		ssize_t size = pread(fd, text, sizeof(text) - 1, 0);

		assert_true(size >= 0);
		text[size] = '\0';
		if (strcmp(text, wanted) == 0)
			return true;
		usleep(10000);
	}
	print_message("the log says:\n%s", text);
	return false;
}

static int log_to_file(void)
{
	char path[] = "/tmp/handfast-test-log-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	log_setup(fd, LOG_LEVEL_WARNING);
	return fd;
}

static void test_giving_back_that_takes_too_long_goes_on_alone(void **state)
{
	struct tree *tree = *state;
	const struct bdf nvme = tree_bdf(NVME);
	int log = log_to_file(), lock;
	struct broker *broker;
	char wanted[256];
	pid_t child;

	unit_devices(tree);
	tree->host.write_ms = 100;
	broker = start_managing(tree, &nvme, 1);
	child = child_of_ours();
	assert_int_equal(broker_bind_managed(broker), 0);
	/* Another command is at work. */
	assert_int_equal(journal_lock(&tree->host, NULL, &lock), 0);
	assert_int_equal(broker_stop(broker), -ETIMEDOUT);
	snprintf(wanted, sizeof(wanted),
		 "cannot give back 0000:01:00.0\n"
		 "  because: it is not done after 0 seconds; process %d goes on with it\n"
		 "  try:     handfast unbind 0000:01:00.0",
		 (int)child);
	assert_string_equal(tree_error(tree), wanted);
	assert_true(log_comes_to(log,
				 "handfast: giving 0000:01:00.0 back to the host; it takes its time, and "
				 "is waited for 0 seconds at most\n"));
	close(lock);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(log);
}

/* A VM process that will be killed. */
_Noreturn static void die_with_device(struct tree *tree, int ready)
{
	const struct bdf nvme = tree_bdf(NVME);
	struct broker *broker = NULL;

	if (broker_start_on(&tree->host, &broker) == 0 && broker_manage(broker, &nvme, 1) == 0 &&
	    broker_bind_managed(broker) == 0)
		(void)!write(ready, "x", 1);
	pause();
	_exit(1);
}

static void expect_given_back_after_death(struct tree *tree, const char *driver, const char *wanted)
{
	int log = log_to_file(), ready[2];
	char byte;
	pid_t vm;

	assert_int_equal(pipe(ready), 0);
	vm = fork();
	assert_true(vm >= 0);
	if (vm == 0)
		die_with_device(tree, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_int_equal(kill(vm, SIGKILL), 0);
	/* Its end is seen by the broker, whether or not anybody has reaped it. */
	assert_true(log_comes_to(log, wanted));
	for (int i = 0; i < 500 && strcmp(tree_driver_of(tree, NVME), driver) != 0; i++)
		usleep(10000);
	assert_string_equal(tree_driver_of(tree, NVME), driver);
	assert_int_equal(waitpid(vm, NULL, 0), vm);
	close(ready[0]);
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(log);
}

static void test_the_broker_gives_back_after_a_kill(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	expect_given_back_after_death(tree, "nvme", "");
}

static void test_what_goes_wrong_after_a_kill_is_logged(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree->refuses = "nvme";
	expect_given_back_after_death(tree, "",
				      "handfast: cannot give back 0000:01:00.0\n"
				      "  because: 0000:01:00.0 is without driver: nvme did not take it\n"
				      "  try:     dmesg | tail    (what the driver said about it)\n");
}

static void test_a_broker_that_died_gives_nothing_back(void **state)
{
	struct tree *tree = *state;
	const struct bdf nvme = tree_bdf(NVME);
	struct broker *broker;

	unit_devices(tree);
	broker = start_managing(tree, &nvme, 1);
	assert_int_equal(broker_bind_managed(broker), 0);
	assert_int_equal(kill(child_of_ours(), SIGKILL), 0);
	assert_int_equal(broker_stop(broker), -EPIPE);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:01:00.0\n"
			    "  because: the broker, handfast's process for host work, has ended\n"
			    "  try:     dmesg | tail    (says whether the kernel killed it)\n"
			    "           handfast unbind 0000:01:00.0");
	(void)waitpid(-1, NULL, 0); /* unless it was reaped already */
}

static void test_too_many_managed_devices(void **state)
{
	struct tree *tree = *state;
	struct bdf list[BROKER_MANAGED_MAX + 1] = { 0 };
	struct broker *broker = start_managing(tree, list, BROKER_MANAGED_MAX);

	assert_int_equal(broker_manage(broker, list, BROKER_MANAGED_MAX + 1), -E2BIG);
	assert_string_equal(tree_error(tree), "managed=on is for 256 devices at most\n"
					      "  try:     bind some of them by handfast bind");
	assert_int_equal(broker_stop(broker), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_a_device_is_checked_and_its_group_opened),
		unit(test_a_group_that_is_busy_for_a_moment),
		unit(test_a_device_is_found_by_its_path),
		unit(test_refusals_come_over_word_for_word),
		unit(test_files),
		unit(test_relative_paths_count_from_the_start),
		unit(test_memory),
		unit(test_memory_lock_is_raised_for_who_asks),
		unit(test_descriptors_are_allowed_for_who_asks),
		unit(test_threads_take_turns),
		unit(test_it_outlives_signals_but_not_the_socket),
		unit(test_managed_devices_are_bound_and_given_back),
		unit(test_one_managed_device_is_given_back),
		unit(test_one_more_managed_device),
		unit(test_one_more_that_cannot_be),
		unit(test_what_was_not_bound_for_the_vm_is_not_given_back),
		unit(test_one_that_cannot_be_given_back_now),
		unit(test_one_that_is_gone),
		unit(test_a_managed_device_that_was_bound_before_stays),
		unit(test_managed_devices_are_refused_as_by_bind),
		unit(test_a_device_that_cannot_be_given_back_is_an_error),
		unit(test_giving_back_that_takes_too_long_goes_on_alone),
		unit(test_the_broker_gives_back_after_a_kill),
		unit(test_what_goes_wrong_after_a_kill_is_logged),
		unit(test_a_broker_that_died_gives_nothing_back),
		unit(test_too_many_managed_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
