/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard input and output on a terminal: its modes, the shell's job control, and giving it back. */
#include "../unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "backend.h"

struct fixture {
	struct backend backend;
	int saved[2];
	int person; /* the terminal's screen and keyboard */
	int terminal;
	struct termios before;
};

static int start(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char name[64];

	fixture->saved[0] = fcntl(0, F_DUPFD_CLOEXEC, 10);
	fixture->saved[1] = fcntl(1, F_DUPFD_CLOEXEC, 10);
	fixture->person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(fixture->person >= 0 && unlockpt(fixture->person) == 0);
	assert_int_equal(ptsname_r(fixture->person, name, sizeof(name)), 0);
	fixture->terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fixture->terminal >= 0);
	assert_int_equal(tcgetattr(fixture->terminal, &fixture->before), 0);
	fixture->before.c_iflag |= IXON | ICRNL;
	fixture->before.c_oflag |= OPOST | ONLCR;
	fixture->before.c_lflag |= ICANON | ECHO | ISIG | IEXTEN | TOSTOP;
	assert_int_equal(tcsetattr(fixture->terminal, TCSANOW, &fixture->before), 0);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 2; i++) {
		if (fixture->saved[i] >= 0)
			dup2(fixture->saved[i], i);
		close(fixture->saved[i]);
	}
	close(fixture->person);
	close(fixture->terminal);
	free(fixture);
	return 0;
}

static void become_stdio(struct fixture *fixture)
{
	dup2(fixture->terminal, 0);
	dup2(fixture->terminal, 1);
}

static bool is_raw(struct fixture *fixture)
{
	struct termios modes;

	assert_int_equal(tcgetattr(fixture->terminal, &modes), 0);
	assert_int_equal(modes.c_oflag, fixture->before.c_oflag); /* output processing stays */
	assert_true(modes.c_lflag & ISIG);			  /* and so do the signal keys */
	if (modes.c_lflag & (ICANON | ECHO | IEXTEN))
		return false;
	return !(modes.c_iflag & (IXON | ICRNL | ISTRIP));
}

static void assert_restored(struct fixture *fixture)
{
	struct termios modes;

	assert_int_equal(tcgetattr(fixture->terminal, &modes), 0);
	assert_int_equal(modes.c_iflag, fixture->before.c_iflag);
	assert_int_equal(modes.c_oflag, fixture->before.c_oflag);
	assert_int_equal(modes.c_cflag, fixture->before.c_cflag);
	assert_int_equal(modes.c_lflag, fixture->before.c_lflag);
	assert_memory_equal(modes.c_cc, fixture->before.c_cc, sizeof(modes.c_cc));
}

static void raw_and_restored(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	become_stdio(fixture);
	backend_start(backend, CHARDEV_STDIO, NULL);
	assert_true(is_raw(fixture));
	backend_take(backend, 100);
	assert_int_equal(write(fixture->person, "\r\x11\x13\x16\xff", 5), 5);
	backend_expect_input(backend, "\r\x11\x13\x16\xff");
	backend_print(backend, "line\r\n");
	backend_expect_output(backend, fixture->person, "line\r\r\n"); /* and nothing was echoed */
	assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	backend_end(backend);
	assert_restored(fixture);
}

static void restored_by_a_dying_process(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	chardev_restore_terminal(); /* there is none: nothing happens */
	become_stdio(fixture);
	backend_start(backend, CHARDEV_STDIO, NULL);
	assert_true(is_raw(fixture));
	chardev_restore_terminal();
	assert_restored(fixture);
	chardev_restore_terminal();
	assert_restored(fixture);
	/* It did not die, but was stopped and goes on: raw from the first input. */
	backend_take(backend, 100);
	assert_int_equal(write(fixture->person, "fg\n", 3), 3);
	backend_expect_input(backend, "fg\n");
	assert_true(is_raw(fixture));
	backend_end(backend);
	assert_restored(fixture);
}

/* The other end of the terminal goes away: the window is closed. */
static void hangup(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	become_stdio(fixture);
	backend_start(backend, CHARDEV_STDIO, NULL);
	backend_take(backend, 100);
	close(fixture->person);
	fixture->person = -1;
	backend_run(backend, 10);
	backend_print(backend, "nobody sees this");
	backend_run(backend, 10);
	assert_int_equal(chardev_dropped(backend->chardev), 16);
	backend_end(backend);
}

static void expect(bool condition, int line)
{
	if (!condition) {
		fprintf(stderr, "job: line %d\n", line);
		_exit(1);
	}
}
#define EXPECT(condition) expect(condition, __LINE__)

/* A VM that the shell has put into the background: handfast ... & */
static void background_job(struct fixture *fixture, int ready, int go)
{
	struct backend *backend = &fixture->backend;
	uint64_t limit = now_ms() + 3000;
	char byte = 'x';

	setpgid(0, 0);
	become_stdio(fixture);
	backend_start(backend, CHARDEV_STDIO, NULL);
	backend_take(backend, 100);
	EXPECT(!is_raw(fixture)); /* the shell's */
	backend_print(backend, "out\n");
	backend_run(backend, 50);
	EXPECT(chardev_dropped(backend->chardev) == 0);
	EXPECT(write(ready, &byte, 1) == 1);
	backend_run(backend, 100); /* now "shell command" waits in the terminal */
	EXPECT(backend->got == 0);
	EXPECT(write(ready, &byte, 1) == 1);
	EXPECT(read(go, &byte, 1) == 1); /* we are in the foreground */
	while (backend->got < 6 && now_ms() < limit)
		backend_run(backend, 5);
	EXPECT(backend->got == 6 && memcmp(backend->input, "typed\n", 6) == 0);
	EXPECT(is_raw(fixture));
	EXPECT(write(ready, &byte, 1) == 1);
	EXPECT(read(go, &byte, 1) == 1); /* in the background again, and the end comes */
	backend_end(backend);
	EXPECT(is_raw(fixture)); /* its modes are the shell's business now */
	_exit(0);
}

/* A shell of one job, on a terminal of its own. */
static void shell(struct fixture *fixture)
{
	int ready[2], go[2];
	char byte;
	char line[64];
	int status = -1;
	pid_t job;

	alarm(20);
	setsid();
	EXPECT(ioctl(fixture->terminal, TIOCSCTTY, 0) == 0);
	EXPECT(pipe(ready) == 0 && pipe(go) == 0);
	signal(SIGTTOU, SIG_IGN);
	job = fork();
	if (job == 0) {
		signal(SIGTTOU, SIG_DFL);
		background_job(fixture, ready[1], go[0]);
	}
	setpgid(job, job);
	EXPECT(read(ready[0], &byte, 1) == 1);
	EXPECT(write(fixture->person, "shell command\n", 14) == 14);
	EXPECT(read(ready[0], &byte, 1) == 1);
	EXPECT(read(fixture->terminal, line, sizeof(line)) == 14); /* the job has left it to us */
	EXPECT(waitpid(job, &status, WNOHANG | WUNTRACED) == 0);   /* and was not stopped */
	EXPECT(tcsetpgrp(fixture->terminal, job) == 0);		   /* fg */
	EXPECT(write(fixture->person, "typed\n", 6) == 6);
	EXPECT(write(go[1], &byte, 1) == 1);
	EXPECT(read(ready[0], &byte, 1) == 1);
	EXPECT(tcsetpgrp(fixture->terminal, getpgrp()) == 0);
	EXPECT(write(go[1], &byte, 1) == 1);
	EXPECT(waitpid(job, &status, WUNTRACED) == job);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	_exit(0);
}

static void job_control(void **state)
{
	struct fixture *fixture = *state;
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		shell(fixture);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(raw_and_restored, start, end),
		cmocka_unit_test_setup_teardown(restored_by_a_dying_process, start, end),
		cmocka_unit_test_setup_teardown(hangup, start, end),
		cmocka_unit_test_setup_teardown(job_control, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
