/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/journal-priv.h"

static struct journal_entry an_entry(void)
{
	return (struct journal_entry){
		.bdf = tree_bdf(NVME),
		.vendor = 0x1b36,
		.device = 0x0010,
		.driver = "nvme",
		.override = "some driver",
	};
}

static void lock_once(struct tree *tree)
{
	int lock;

	assert_int_equal(journal_lock(&tree->host, NULL, &lock), 0);
	close(lock);
}

static void test_what_is_written_is_read(void **state)
{
	struct tree *tree = *state;
	struct journal_entry entry = an_entry(), found;

	lock_once(tree);
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), -ENOENT);
	assert_int_equal(journal_write(&tree->host, &entry), 0);
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), 0);
	assert_string_equal(found.driver, "nvme");
	assert_string_equal(found.override, "some driver");
	assert_int_equal(found.vendor, 0x1b36);
	assert_int_equal(found.device, 0x0010);
	assert_false(tree_has(tree, "state/" NVME ".device.new"));

	entry.driver[0] = '\0';
	entry.override[0] = '\0';
	assert_int_equal(journal_write(&tree->host, &entry), 0);
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), 0);
	assert_string_equal(found.driver, "");
	assert_string_equal(found.override, "");

	assert_int_equal(journal_remove(&tree->host, entry.bdf), 0);
	assert_int_equal(journal_remove(&tree->host, entry.bdf), 0);
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), -ENOENT);
}

static void test_a_damaged_entry_is_no_entry(void **state)
{
	static const char whole[] = "handfast device 1\nid 1b36:0010\ndriver nvme\noverride \nend\n";
	struct tree *tree = *state;
	struct journal_entry found;

	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		int error;

		tree_file(tree, "state/" NVME ".device", "%.*s", (int)length, whole);
		error = journal_read(&tree->host, tree_bdf(NVME), &found);
		/* Only the newline behind "end" may be missing. */
		assert_int_equal(error, length == sizeof(whole) - 2 ? 0 : -EBADMSG);
	}
	tree_file(tree, "state/" NVME ".device", "%s", "handfast device 2\nid 1b36:0010\n");
	assert_int_equal(journal_read(&tree->host, tree_bdf(NVME), &found), -EBADMSG);
}

static void test_what_is_told_of_users_and_hangs_is_read(void **state)
{
	static const char whole[] = "handfast device 1\nid 1b36:0010\ndriver \noverride \norigin unknown\n"
				    "user 4711 42\nhang 99 123456789012 1700000000 some-boot a driver\nend\n";
	struct tree *tree = *state;
	struct journal_entry entry = an_entry(), found;

	lock_once(tree);
	entry.driver[0] = entry.override[0] = '\0';
	entry.origin_unknown = true;
	entry.has_user = true;
	entry.user = 4711;
	entry.owner_before = 42;
	entry.hangs = true;
	entry.hang = (struct journal_hang){ .writer = 99,
					    .started = 123456789012,
					    .boot = "some-boot",
					    .driver = "a driver",
					    .since = 1700000000 };
	assert_int_equal(journal_write(&tree->host, &entry), 0);
	assert_string_equal(tree_read(tree, "state/" NVME ".device"),
			    "handfast device 1\nid 1b36:0010\ndriver \noverride \norigin unknown\n"
			    "user 4711 42\nhang 99 123456789012 1700000000 some-boot a driver\nend");
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), 0);
	assert_true(found.origin_unknown && found.has_user && found.hangs);
	assert_int_equal(found.user, 4711);
	assert_int_equal(found.owner_before, 42);
	assert_int_equal(found.hang.writer, 99);
	assert_int_equal(found.hang.started, 123456789012);
	assert_int_equal(found.hang.since, 1700000000);
	assert_string_equal(found.hang.boot, "some-boot");
	assert_string_equal(found.hang.driver, "a driver");
	for (size_t length = 0; length < sizeof(whole) - 2; length++) {
		tree_file(tree, "state/" NVME ".device", "%.*s", (int)length, whole);
		assert_int_equal(journal_read(&tree->host, entry.bdf, &found), -EBADMSG);
	}
	tree_file(tree, "state/" NVME ".device", "handfast device 1\nid 1b36:0010\nnovel thing\nend\n");
	assert_int_equal(journal_read(&tree->host, entry.bdf, &found), -EBADMSG);
}

static void test_the_lock_keeps_others_out(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	int lock, other;

	assert_int_equal(journal_lock(&tree->host, NULL, &lock), 0);
	snprintf(path, sizeof(path), "%s/lock", tree->state);
	other = open(path, O_RDWR);
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(lock);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}

/* Who could open it could keep everybody out; one of an earlier time is tightened. */
static void test_the_lock_is_nobody_elses_to_take(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/lock", tree->state);
	lock_once(tree);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0644), 0);
	lock_once(tree);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_a_lock_that_stays_is_given_up(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	int lock, second;

	assert_int_equal(journal_lock(&tree->host, NULL, &lock), 0);
	tree->host.write_ms = 50;
	assert_int_equal(journal_lock(&tree->host, NULL, &second), -EAGAIN);
	assert_non_null(strstr(tree_error(tree), "/lock stayed locked for 0 s"));
	assert_non_null(strstr(tree_error(tree), "--wait"));
	/* Whoever has it is named. */
	snprintf(path, sizeof(path), "%s/lock", tree->state);
	tree_file(tree, "proc/4711/comm", "sleeper\n");
	tree_folder(tree, "proc/4711/fd");
	tree_link(tree, "proc/4711/fd/3", path);
	assert_int_equal(journal_lock(&tree->host, NULL, &second), -EAGAIN);
	assert_non_null(strstr(tree_error(tree), " by sleeper (pid 4711)\n"));
	close(lock);
}

static void test_a_full_file_system_is_told(void **state)
{
	struct tree *tree = *state;
	struct journal_entry entry = an_entry();
	char path[PATH_MAX];

	lock_once(tree);
	snprintf(path, sizeof(path), "%s/" NVME ".device.new", tree->state);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(journal_write(&tree->host, &entry), -ENOSPC);
	assert_non_null(strstr(tree_error(tree), "cannot write /state/" NVME ".device.new\n  because: "));
	assert_non_null(strstr(tree_error(tree), "\n  try:     df /state    (it is full: make room there)"));
}

static void test_a_folder_that_cannot_be_is_named(void **state)
{
	struct tree *tree = *state;
	char state_folder[PATH_MAX];
	int lock;

	snprintf(state_folder, sizeof(state_folder), "%s/pci.ids/x", tree->root);
	tree->host.state = state_folder;
	assert_int_equal(journal_lock(&tree->host, NULL, &lock), -ENOTDIR);
	assert_string_equal(tree_error(tree),
			    "create the folder /pci.ids/x, where handfast remembers each device's "
			    "driver: Not a directory\n  try:     mkdir -p /pci.ids/x    (as root, on a file "
			    "system that outlives a reboot)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_what_is_written_is_read),
		unit(test_a_damaged_entry_is_no_entry),
		unit(test_what_is_told_of_users_and_hangs_is_read),
		unit(test_the_lock_keeps_others_out),
		unit(test_the_lock_is_nobody_elses_to_take),
		unit(test_a_lock_that_stays_is_given_up),
		unit(test_a_full_file_system_is_told),
		unit(test_a_folder_that_cannot_be_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
