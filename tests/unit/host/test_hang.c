/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver that does not come back from letting go of a device, or from taking it. */
#include "binding.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/check-priv.h"
#include "host/journal-priv.h"
#include "host/progress-priv.h"

#define WRITER	  4242
#define WAITED_US 3500000 /* long enough for a line on a busy machine */

/* The write to a driver hangs, and a process sits in it. */
static void hang_at(struct tree *tree, unsigned write)
{
	tree_file(tree, "proc/sys/kernel/random/boot_id", "this-boot\n");
	tree_file(tree, "proc/4242/stat",
		  "4242 (hand) fast) D 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n");
	tree->writer = WRITER;
	tree->writes = 0;
	tree->fail_at = write;
	tree->fail_errno = ETIMEDOUT;
}

static void let_go(struct tree *tree)
{
	tree_remove(tree, "proc/4242/stat");
	tree->fail_at = 0;
}

static const char *progress_of(struct tree *tree, const char *bdf, char text[256])
{
	struct host_device device = tree_load(tree, bdf);

	text[0] = '\0';
	return journal_in_progress(&tree->host, &device, text, 256) ? text : "";
}

/* Some seconds may have gone by: a busy machine. */
static void assert_hangs(struct tree *tree, const char *bdf, const char *in)
{
	char text[256], wanted[256];
	unsigned long seconds;
	const char *number;

	progress_of(tree, bdf, text);
	number = strstr(text, " for ");
	assert_non_null(number);
	seconds = strtoul(number + strlen(" for "), NULL, 10);
	(void)snprintf(wanted, sizeof(wanted),
		       "bind or unbind in progress: %s has not come back for %lu s (process 4242 is in it)",
		       in, seconds);
	assert_string_equal(text, wanted);
}

static int assignable(struct tree *tree, const char *bdf)
{
	struct host_device device = tree_load(tree, bdf);
	struct findings findings = { 0 };
	int error;

	check_device(&tree->host, &device, NULL, &findings);
	error = findings_error(&findings);
	findings_fini(&findings);
	return error;
}

static void test_who_holds_it_is_said(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	hang_at(tree, 2);
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .force = true }, &output),
			 -ETIMEDOUT);
	assert_string_equal(
		tree_error(tree),
		"cannot bind 0000:01:00.0 to vfio-pci\n"
		"  because: write to /sys/bus/pci/devices/0000:01:00.0/driver/unbind: Connection timed out\n"
		"           nvme has not let go of 0000:01:00.0 yet; it may still do so\n"
		"           0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv\n"
		"           0000:01:00.0 is left as it is; `handfast unbind` finishes or undoes it once its "
		"driver has let go\n"
		"  try:     umount /srv\n"
		"           handfast check 0000:01:00.0    (says whether it is still in progress)");
}

static void test_while_it_lasts_nothing_is_written(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char text[256];

	unit_devices(tree);
	hang_at(tree, 2);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
	assert_hangs(tree, NVME, "nvme");
	assert_string_equal(progress_of(tree, NIC, text), "");
	tree->writes = 0;
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -EINPROGRESS);
	assert_non_null(
		strstr(tree_error(tree),
		       "because: an earlier bind or unbind of 0000:01:00.0 is still in progress: nvme has "
		       "not come back for "));
	assert_non_null(
		strstr(tree_error(tree), "try:     handfast bind --wait 0000:01:00.0    (waits until"));
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), -EINPROGRESS);
	assert_non_null(
		strstr(tree_error(tree), "try:     handfast unbind --wait 0000:01:00.0    (waits until"));
	assert_int_equal(assignable(tree, NVME), -EINPROGRESS);
	assert_non_null(
		strstr(tree_error(tree), "0000:01:00.0: bind or unbind in progress: nvme has not come back"));
	/* Another device is not concerned. */
	assert_int_equal(tree->writes, 0);
	tree->fail_at = 0;
	assert_int_equal(do_bind(tree, NIC, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(do_unbind(tree, NIC, NULL, AS_IS_UNBIND, &output), 0);
}

static void test_the_next_command_finishes(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char text[256];

	unit_devices(tree);
	/* It lets go; bind goes on where it was. */
	hang_at(tree, 2);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
	tree_bind(tree, NVME, "");
	let_go(tree);
	assert_string_equal(progress_of(tree, NVME, text),
			    "bind or unbind in progress: it was interrupted halfway");
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> vfio-pci\n");
	assert_string_equal(progress_of(tree, NVME, text), "");

	/* The same with unbind, whose last step hangs. */
	hang_at(tree, 3);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), -ETIMEDOUT);
	assert_non_null(strstr(tree_error(tree), "nvme has not taken 0000:01:00.0 yet; it may still do so"));
	assert_hangs(tree, NVME, "nvme");
	tree_bind(tree, NVME, "nvme");
	let_go(tree);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	expect_native(tree);
	assert_string_equal(progress_of(tree, NVME, text), "");
}

/* Somebody else's write hangs: the link is gone, and the kernel keeps ours waiting. */
static void test_a_hang_of_somebody_elses_is_noticed(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_bind(tree, NVME, "");
	hang_at(tree, 1);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
	assert_non_null(
		strstr(tree_error(tree), "a driver is still letting go of 0000:01:00.0, or taking it\n"));
	assert_hangs(tree, NVME, "the driver it had");
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), -EINPROGRESS);
	let_go(tree);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
}

/* It never had an entry, and gets one that knows nothing but this. */
static void test_an_unbind_of_somebody_elses_bind_is_journalled_too(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	hang_at(tree, 2);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), -ETIMEDOUT);
	assert_hangs(tree, NVME, "vfio-pci");
	tree_bind(tree, NVME, "");
	let_go(tree);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> nvme\n");
	expect_native(tree);
}

/* Numbers of processes are used again, and nothing hangs from one boot to the next. */
static void test_a_process_of_that_number_is_not_enough(void **state)
{
	struct tree *tree = *state;
	struct output output;

	for (unsigned round = 0; round < 3; round++) {
		unit_devices(tree);
		hang_at(tree, 2);
		assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
		tree->fail_at = 0;
		if (round == 0)
			tree_file(tree, "proc/4242/stat",
				  "4242 (bash) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987655 0 0\n");
		else if (round == 1)
			tree_file(tree, "proc/4242/stat",
				  "4242 (handfast) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n");
		else
			tree_file(tree, "proc/sys/kernel/random/boot_id", "next-boot\n");
		assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
		assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
		expect_native(tree);
	}
}

static void test_after_a_reboot_nothing_is_in_progress(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char text[256];

	unit_devices(tree);
	hang_at(tree, 2);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
	let_go(tree);
	assert_string_equal(progress_of(tree, NVME, text),
			    "bind or unbind in progress: it was interrupted halfway");
	tree_file(tree, "proc/sys/kernel/random/boot_id", "next-boot\n");
	tree_file(tree, OVERRIDE(NVME), "(null)\n");
	assert_string_equal(progress_of(tree, NVME, text), "");
}

static void test_wait_waits_for_an_earlier_command(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];
	pid_t child;

	unit_devices(tree);
	hang_at(tree, 2);
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), -ETIMEDOUT);
	tree->fail_at = 0;
	snprintf(path, sizeof(path), "%s/proc/4242/stat", tree->root);
	child = fork();
	if (child == 0) {
		usleep(WAITED_US);
		_exit(unlink(path) != 0);
	}
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .wait = true }, &output), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n");
	assert_non_null(strstr(output.notes, NVME ": nvme is still at the write of an earlier command, "));
}

/* The real write, on a pipe that nobody reads. */
static int write_to_pipe(struct tree *tree, pid_t *ret_writer)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/pipe", tree->root);
	(void)mkfifo(path, 0600);
	return host_write(&tree->host, path, "x", ret_writer);
}

static int drain(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY);

	return fd < 0 || read(fd, &byte, 1) != 1;
}

static void test_a_wait_without_deadline_says_how_long(void **state)
{
	struct tree *tree = *state;
	struct output output;
	struct progress progress;
	char path[PATH_MAX];
	pid_t reader, writer = 0;

	output_open(&output);
	progress_init(&progress, output.notes_file);
	progress_step(&progress, "%s: %s is letting go of it", NVME, "nvme");
	tree->host.progress = &progress;
	tree->host.write_ms = 0;
	snprintf(path, sizeof(path), "%s/pipe", tree->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = fork();
	if (reader == 0) {
		usleep(WAITED_US);
		_exit(drain(path));
	}
	assert_int_equal(write_to_pipe(tree, &writer), 0);
	assert_int_equal(waitpid(reader, NULL, 0), reader);
	output_close(&output, 0);
	assert_non_null(strstr(output.notes, NVME ": nvme is letting go of it, "));
	assert_int_equal(writer, 0);
}

/* Ctrl-C ends the waiting, not us; before a second is over it only waits its turn. */
static void test_a_wait_ends_by_a_signal_that_is_held(void **state)
{
	struct tree *tree = *state;
	sigset_t before, pending;
	struct timespec started, ended;
	pid_t writer = 0;

	tree->host.write_ms = 0;
	host_hold_signals(&before);
	clock_gettime(CLOCK_MONOTONIC, &started);
	assert_int_equal(raise(SIGINT), 0);
	assert_int_equal(write_to_pipe(tree, &writer), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_string_equal(tree_error(tree),
			    "the write to /pipe was not waited for any longer: interrupted");
	assert_int_not_equal(writer, 0);
	assert_true(ended.tv_sec > started.tv_sec);
	assert_int_equal(sigpending(&pending), 0);
	assert_false(sigismember(&pending, SIGINT));
	host_release_signals(&before);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void test_a_signal_that_is_ignored_is_not_held(void **state)
{
	struct tree *tree = *state;
	sigset_t before, now;

	(void)tree;
	assert_true(signal(SIGINT, SIG_IGN) != SIG_ERR);
	host_hold_signals(&before);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	assert_false(sigismember(&now, SIGINT));
	assert_true(sigismember(&now, SIGTERM));
	host_release_signals(&before);
	assert_true(signal(SIGINT, SIG_DFL) != SIG_ERR);
}

static void test_progress_on_a_terminal_is_one_line(void **state)
{
	struct output output;
	struct progress progress;

	(void)state;
	output_open(&output);
	progress_init(&progress, output.notes_file);
	assert_false(progress.terminal);
	progress.terminal = true;
	progress_step(&progress, "x");
	for (unsigned ms = 0; ms <= 3000; ms += 100)
		progress_tick(&progress, ms);
	progress_done(&progress);
	progress_done(&progress);
	output_close(&output, 0);
	assert_string_equal(output.notes, "\rx, 2 s \rx, 3 s \r\033[K");
	progress_step(NULL, "x");
	progress_tick(NULL, 5000);
	progress_done(NULL);
}

static void test_waiting_for_another_command_is_said(void **state)
{
	struct tree *tree = *state;
	struct output output;
	int lock;
	pid_t child;

	unit_devices(tree);
	assert_int_equal(journal_lock(&tree->host, NULL, &lock), 0);
	child = fork();
	if (child == 0) {
		usleep(1500000);
		_exit(0);
	}
	close(lock); /* the child's copy keeps it */
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_string_equal(tree_plain(tree, output.notes),
			    "note: waiting for another bind or unbind (/state/lock is locked)\n");
}

/* Two at a time, many times over: whoever comes second finds the work done. */
static void test_two_at_the_same_time(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	for (unsigned round = 0; round < 20; round++) {
		pid_t children[4];

		for (unsigned i = 0; i < 4; i++) {
			children[i] = fork();
			if (children[i] == 0)
				_exit((round % 2 ? do_unbind(tree, NVME, NIC, AS_IS_UNBIND, &output)
						 : do_bind(tree, NIC, NVME, AS_IS_BIND, &output)) != 0);
		}
		for (unsigned i = 0; i < 4; i++) {
			int status;

			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
		if (round % 2)
			expect_native(tree);
		else
			expect_bound(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_who_holds_it_is_said),
		unit(test_while_it_lasts_nothing_is_written),
		unit(test_the_next_command_finishes),
		unit(test_a_hang_of_somebody_elses_is_noticed),
		unit(test_an_unbind_of_somebody_elses_bind_is_journalled_too),
		unit(test_a_process_of_that_number_is_not_enough),
		unit(test_after_a_reboot_nothing_is_in_progress),
		unit(test_wait_waits_for_an_earlier_command),
		unit(test_a_wait_without_deadline_says_how_long),
		unit(test_a_wait_ends_by_a_signal_that_is_held),
		unit(test_a_signal_that_is_ignored_is_not_held),
		unit(test_progress_on_a_terminal_is_one_line),
		unit(test_waiting_for_another_command_is_said),
		unit(test_two_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
