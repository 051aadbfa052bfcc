/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real write in a child with a deadline, and who may open what. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/memlock-priv.h"
#include "host/node-priv.h"
#include "host/process-priv.h"

static void test_a_write_arrives(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	pid_t writer = 0;

	tree_file(tree, "attribute", "%s", "");
	snprintf(path, sizeof(path), "%s/attribute", tree->root);
	assert_int_equal(host_write(&tree->host, path, NVME, &writer), 0);
	assert_string_equal(tree_read(tree, "attribute"), NVME);
}

static void test_a_failure_comes_back_whole(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	pid_t writer = 0;

	snprintf(path, sizeof(path), "%s/no/attribute", tree->root);
	assert_int_equal(host_write(&tree->host, path, "x", &writer), -ENOENT);
	assert_string_equal(tree_error(tree), "/no/attribute: No such file or directory");
}

/* Opening a pipe that nobody reads hangs, as a driver's unbind may. */
static void test_a_hang_is_given_up(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];
	pid_t writer = 0;

	snprintf(path, sizeof(path), "%s/pipe", tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	tree->host.write_ms = 50;
	assert_int_equal(host_write(&tree->host, path, "x", &writer), -ETIMEDOUT);
	assert_string_equal(tree_error(tree), "the write to /pipe did not come back within 1 seconds");
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* What the child that may hang forever holds must not be ours. */
static void test_the_writer_holds_nothing_of_ours(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX], byte;
	pid_t writer = 0;
	int ours[2];

	assert_int_equal(pipe(ours), 0);
	snprintf(path, sizeof(path), "%s/pipe", tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	tree->host.write_ms = 50;
	assert_int_equal(host_write(&tree->host, path, "x", &writer), -ETIMEDOUT);
	close(ours[1]);
	assert_int_equal(read(ours[0], &byte, 1), 0);
	close(ours[0]);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* In a child as "nobody", when the tests run as root; else as ourselves with a mode that denies. */
static void expect_denied(struct tree *tree, const char *file, mode_t mode, gid_t group, const char *golden)
{
	char path[PATH_MAX];
	int status;
	pid_t child;

	snprintf(path, sizeof(path), "%s/%s", tree->root, file);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, 0, group), 0);
	assert_int_equal(chmod(tree->root, 0755), 0);
	child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534) || node_check(path) != -EACCES)
			_exit(2);
		if (strcmp(tree_error(tree), golden) == 0)
			_exit(0);
		fprintf(stderr, "got: %s\n", tree_error(tree));
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_denied_nodes_say_what_would_help(void **state)
{
	struct tree *tree = *state;

	if (geteuid() != 0)
		skip();
	tree_file(tree, "node", "%s", "");
	expect_denied(
		tree, "node", 0600, 0,
		"/node may not be opened by nobody (uid 65534): it belongs to root:root with mode 0600\n"
		"  try:     chown nobody /node    (as root)");
	expect_denied(tree, "node", 0660, 5,
		      "/node may not be opened by nobody (uid 65534): it belongs to root:tty with mode 0660\n"
		      "  try:     usermod -aG tty nobody    (as root; it counts from the next login on)");
}

static void test_own_file_without_rights(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];

	tree_file(tree, "node", "%s", "");
	snprintf(path, sizeof(path), "%s/node", tree->root);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(node_denied(path, EACCES), -EACCES);
	assert_non_null(strstr(tree_error(tree), "with mode 0400\n  try:     chmod u+rw /node"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(node_denied(path, EPERM), -EPERM);
	assert_non_null(strstr(tree_error(tree),
			       "the mode would allow it: a container's device rules or a security "
			       "module forbid it"));
}

static void test_holders_are_found_once(void **state)
{
	struct tree *tree = *state;
	struct process list[4];
	char path[PATH_MAX], link[PATH_MAX], text[128];

	tree_process(tree, 10, "one", "dev/vfio/14");
	snprintf(link, sizeof(link), "%s/vfio/14", tree->dev);
	tree_link(tree, "proc/10/fd/8", link);
	tree_process(tree, 20, "two", "dev/vfio/14");
	tree_process(tree, 30, "three", "dev/vfio/141");
	tree_folder(tree, "proc/irq/1");
	snprintf(path, sizeof(path), "%s/vfio/14", tree->dev);
	assert_int_equal(process_holders(&tree->host, path, 0, list, 4), 2);
	assert_int_equal(process_holders(&tree->host, path, 0, list, 1), 1);
	assert_int_equal(process_holders(&tree->host, path, 20, list, 4), 1);
	assert_string_equal(process_names(list, 1, text, sizeof(text)), "one (pid 10)");
	list[1] = (struct process){ .pid = 20, .name = "two" };
	assert_string_equal(process_names(list, 2, text, sizeof(text)), "one (pid 10), two (pid 20)");
}

static void test_memory_lock_texts(void **state)
{
	struct tree *tree = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(memlock_denied(UINT64_C(5) << 30, 8 << 20), -EPERM);
	assert_string_equal(tree_error(tree),
			    "a device can reach all of the guest's memory, so all of it is locked: that "
			    "needs 5 GiB, and the limit "
			    "on locked memory is 8 MiB for root (uid 0)\n"
			    "  try:     prlimit --memlock=5368709120:5368709120 --pid PID    (as root; PID: "
			    "the shell it starts "
			    "from)\n"
			    "           LimitMEMLOCK=infinity    (in the service's systemd unit)\n"
			    "           root - memlock unlimited    (in /etc/security/limits.conf; from the "
			    "next login on)");
}

static void test_memory_lock_is_moot_with_the_capability(void **state)
{
	struct tree *tree = *state;

	/* Process 1 of this tree could lock anything; its real limits are not looked at. */
	tree_file(tree, "proc/999999/status", "Name:\tx\nVmLck:\t   0 kB\nCapEff:\t0000000000004000\n");
	assert_int_equal(memlock_allow(&tree->host, 999999, UINT64_MAX), 0);
	tree_file(tree, "proc/999999/status", "Name:\tx\nVmLck:\t   0 kB\nCapEff:\t0000000000003fff\n");
	assert_int_equal(memlock_allow(&tree->host, 999999, UINT64_MAX), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_a_write_arrives),
		unit(test_a_failure_comes_back_whole),
		unit(test_a_hang_is_given_up),
		unit(test_the_writer_holds_nothing_of_ours),
		unit(test_denied_nodes_say_what_would_help),
		unit(test_own_file_without_rights),
		unit(test_holders_are_found_once),
		unit(test_memory_lock_texts),
		unit(test_memory_lock_is_moot_with_the_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
