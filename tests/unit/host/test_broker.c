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

#include "host/broker-priv.h"

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
	assert_int_equal(broker_device_check(broker, tree_bdf(NIC), &device), 0);
	assert_int_equal(device.group, 15);
	assert_int_equal(device.vendor, 0x8086);
	assert_int_equal(device.device, 0x10d3);
	assert_string_equal(broker_device_title(broker, tree_bdf(NIC), title, sizeof(title)),
			    NIC " (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)");
	assert_true(bdf_equal(device.bdf, tree_bdf(NIC)));

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

static void test_refusals_come_over_word_for_word(void **state)
{
	struct tree *tree = *state;
	struct broker_device device = { .group = 77 };
	struct broker *broker;
	int fd = -5;

	unit_devices(tree);
	tree_device(tree, "0000:02:00.1", 0x8086, 0x10d4, 0x040300, "snd_hda_intel", 15);
	broker = start(tree);
	assert_int_equal(broker_device_check(broker, tree_bdf(NIC), &device), -EBUSY);
	assert_string_equal(
		tree_error(tree),
		"cannot assign 0000:02:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network "
		"Connection)\n"
		"  because: 0000:02:00.0 is bound to e1000e, the host's own driver\n"
		"           IOMMU group 15 is not viable: 0000:02:00.1 is bound to snd_hda_intel\n"
		"  try:     handfast bind 0000:02:00.0\n"
		"           handfast bind 0000:02:00.1");
	assert_int_equal(device.group, 77);

	assert_int_equal(broker_device_check(broker, tree_bdf("0000:1a:00.3"), &device), -ENODEV);
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

	/* It holds no descriptor of ours: standard ones on /dev/null, and its socket. */
	for (int fd = 3; fd < 64; fd++) {
		char link[64], target[256];

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)child, fd);
		assert_int_equal(readlink(link, target, sizeof(target)) >= 0, fd == 3);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_a_device_is_checked_and_its_group_opened),
		unit(test_refusals_come_over_word_for_word),
		unit(test_files),
		unit(test_relative_paths_count_from_the_start),
		unit(test_memory),
		unit(test_memory_lock_is_raised_for_who_asks),
		unit(test_threads_take_turns),
		unit(test_it_outlives_signals_but_not_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
