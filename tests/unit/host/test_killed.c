/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind and unbind killed before and after everything that they do to the host or to their journal, each time
 * followed by the next command, which has to find its way. The steps on files are caught by the linker
 * (--wrap), the ones on the host by the made-up kernel.
 */
#include "binding.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	struct tree *tree;
	unsigned done;
	unsigned kill_at; /* 0: never */
} steps;

/* The made-up kernel's own work is one step, however many files it is made of. */
static void step(void)
{
	if (steps.kill_at && ++steps.done == steps.kill_at)
		_exit(0);
}

static void file_step(void)
{
	if (steps.tree && !steps.tree->inside)
		step();
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	int result;

	file_step();
	result = __real_rename(from, to);
	file_step();
	return result;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	int result;

	file_step();
	result = __real_unlink(path);
	file_step();
	return result;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	file_step();
	return __real_fsync(fd);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	file_step();
	return __real_mkdir(path, mode);
}

/* Killed in the middle of it, too. */
int __real_io_write_full(int fd, const void *data, size_t size);
int __wrap_io_write_full(int fd, const void *data, size_t size);
int __wrap_io_write_full(int fd, const void *data, size_t size)
{
	int error;

	file_step();
	error = __real_io_write_full(fd, data, size / 2);
	if (error)
		return error;
	file_step();
	return __real_io_write_full(fd, (const char *)data + size / 2, size - size / 2);
}

enum act {
	ACT_BIND,
	ACT_BIND_USER,
	ACT_BIND_PERSIST,
	ACT_UNBIND,
	ACT_UNBIND_PERSIST,
};

static int act(struct tree *tree, enum act what)
{
	struct output output;
	const struct bind_options bind_how = { .user = what == ACT_BIND_USER ? "4711" : NULL };
	const struct unbind_options unbind_how = { 0 };
	struct bdf list[2];
	size_t count = binding_list(NVME, NIC, list);
	int error;

	switch (what) {
	case ACT_BIND:
	case ACT_BIND_USER:
		return do_bind(tree, NVME, NIC, bind_how, &output);
	case ACT_UNBIND:
		return do_unbind(tree, NVME, NIC, unbind_how, &output);
	case ACT_BIND_PERSIST:
	case ACT_UNBIND_PERSIST:
		break;
	}
	output_open(&output);
	error = what == ACT_BIND_PERSIST ? persist_bind(&tree->host, list, count, &bind_how, output.out_file,
							output.notes_file)
					 : persist_unbind(&tree->host, list, count, &unbind_how,
							  output.out_file, output.notes_file);
	return output_close(&output, error);
}

/* Kills `what` at its next step in turn; false once it came to its end. */
static bool killed(struct tree *tree, enum act what, unsigned at)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		steps.tree = tree;
		steps.kill_at = at;
		tree->step = step;
		_exit(act(tree, what) ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 1);
	return WEXITSTATUS(status) == 0;
}

static void kill_everywhere(struct tree *tree, enum act before, enum act what, enum act next, unsigned least)
{
	unsigned at;
	bool again = true;

	for (at = 1; again; at++) {
		assert_true(at < 1000);
		if (before != what)
			assert_int_equal(act(tree, before), 0);
		again = killed(tree, what, at);
		assert_int_equal(act(tree, next), 0);
		if (next == ACT_UNBIND || next == ACT_UNBIND_PERSIST) {
			expect_native(tree);
		} else {
			expect_bound(tree);
			assert_int_equal(act(tree, ACT_UNBIND), 0);
			expect_native(tree);
		}
		assert_false(tree_has(tree, "dev/vfio/14"));
		assert_false(tree_has(tree, "dev/vfio/15"));
	}
	assert_true(at > least);
}

static void test_bind_then_bind(void **state)
{
	unit_devices(*state);
	kill_everywhere(*state, ACT_BIND, ACT_BIND, ACT_BIND, 28);
}

static void test_bind_then_unbind(void **state)
{
	unit_devices(*state);
	kill_everywhere(*state, ACT_BIND, ACT_BIND, ACT_UNBIND, 28);
}

static void test_unbind_then_bind(void **state)
{
	unit_devices(*state);
	kill_everywhere(*state, ACT_BIND, ACT_UNBIND, ACT_BIND, 20);
}

static void test_unbind_then_unbind(void **state)
{
	unit_devices(*state);
	kill_everywhere(*state, ACT_BIND, ACT_UNBIND, ACT_UNBIND, 20);
}

static void test_bind_for_a_user(void **state)
{
	if (geteuid() != 0)
		skip();
	unit_devices(*state);
	kill_everywhere(*state, ACT_BIND_USER, ACT_BIND_USER, ACT_BIND_USER, 28);
	kill_everywhere(*state, ACT_BIND_USER, ACT_BIND_USER, ACT_UNBIND, 28);
	kill_everywhere(*state, ACT_BIND_USER, ACT_UNBIND, ACT_UNBIND, 20);
	kill_everywhere(*state, ACT_BIND, ACT_BIND_USER, ACT_UNBIND, 14);
}

static void test_bind_and_unbind_persist(void **state)
{
	struct tree *tree = *state;
	struct persist_record *records;
	size_t count;

	unit_devices_behind_ports(tree);
	kill_everywhere(tree, ACT_BIND_PERSIST, ACT_BIND_PERSIST, ACT_UNBIND_PERSIST, 40);
	kill_everywhere(tree, ACT_BIND_PERSIST, ACT_UNBIND_PERSIST, ACT_UNBIND_PERSIST, 20);
	/* And nothing of it is left. */
	assert_int_equal(persist_load_all(&tree->host, stderr, &records, &count), 0);
	assert_int_equal(count, 0);
	free(records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_bind_then_bind),   unit(test_bind_then_unbind),
		unit(test_unbind_then_bind), unit(test_unbind_then_unbind),
		unit(test_bind_for_a_user),  unit(test_bind_and_unbind_persist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
