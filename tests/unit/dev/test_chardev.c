/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all backends have in common, and the simple ones: nowhere, a file, a pseudo-terminal, standard
 * input and output that are no terminal. */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

#include "backend.h"

#define BUFFER 65536

/* Standard input and output of the test program, put aside. */
struct fixture {
	struct backend backend;
	int saved[2];
	int to_guest[2]; /* a pipe to descriptor 0 */
	int from_guest[2];
	char directory[64];
};

static int start(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->saved[0] = fcntl(0, F_DUPFD_CLOEXEC, 10);
	fixture->saved[1] = fcntl(1, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(pipe2(fixture->to_guest, O_CLOEXEC), 0);
	assert_int_equal(pipe2(fixture->from_guest, O_CLOEXEC), 0);
	fcntl(fixture->from_guest[0], F_SETFL, O_NONBLOCK);
	strcpy(fixture->directory, "/tmp/test-chardev-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	if (fixture->saved[0] >= 0)
		dup2(fixture->saved[0], 0);
	dup2(fixture->saved[1], 1);
	for (int i = 0; i < 2; i++) {
		close(fixture->saved[i]);
		close(fixture->to_guest[i]);
		close(fixture->from_guest[i]);
	}
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void become_stdio(struct fixture *fixture, int in)
{
	assert_int_equal(dup2(in, 0), 0);
	assert_int_equal(dup2(fixture->from_guest[1], 1), 1);
}

static void nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	backend_start(backend, CHARDEV_NULL, NULL);
	backend_print(backend, "x");
	assert_true(chardev_writable(backend->chardev));
	assert_null(chardev_path(backend->chardev));
	backend_take(backend, 1);
	backend_run(backend, 5);
	assert_int_equal(backend->got, 0);
	backend_end(backend);
	chardev_destroy(NULL);
}

static void pipes(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(backend, CHARDEV_STDIO, NULL);
	backend_print(backend, "a");
	backend_expect_output(backend, fixture->from_guest[0], "a");
	backend_print(backend, "b");
	backend_print(backend, "c");
	backend_expect_output(backend, fixture->from_guest[0], "bc");

	assert_int_equal(write(fixture->to_guest[1], "typed text", 10), 10);
	backend_expect_input(backend, ""); /* no room yet */
	backend_take(backend, 3);
	backend_expect_input(backend, "typ");
	backend_take(backend, 100);
	backend_expect_input(backend, "ed text");
	assert_int_equal(write(fixture->to_guest[1], "!", 1), 1);
	backend_expect_input(backend, "!");

	close(fixture->to_guest[1]); /* the end of input is not the end */
	close(fixture->to_guest[0]);
	close(0);
	fixture->to_guest[0] = fixture->to_guest[1] = -1;
	backend_run(backend, 10);
	backend_print(backend, "still here");
	backend_expect_output(backend, fixture->from_guest[0], "still here");
	assert_int_equal(chardev_dropped(backend->chardev), 0);
	/* The descriptors that others share are as they were. */
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
	backend_end(backend);
}

static void input_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char rest[16] = "";

	assert_int_equal(write(fixture->to_guest[1], "guestshell", 10), 10);
	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(backend, CHARDEV_STDIO, NULL);
	backend_take(backend, 5);
	backend_expect_input(backend, "guest");
	backend_end(backend);
	assert_int_equal(read(0, rest, sizeof(rest)), 5); /* the next command of a script */
	assert_string_equal(rest, "shell");
}

static void stdio_once(void **state)
{
	struct fixture *fixture = *state;
	struct backend second;

	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(&fixture->backend, CHARDEV_STDIO, NULL);
	assert_int_equal(backend_try(&second, CHARDEV_STDIO, NULL, false), -EBUSY);
	backend_print(&fixture->backend, "first");
	backend_expect_output(&fixture->backend, fixture->from_guest[0], "first");
	backend_end(&fixture->backend);
	backend_start(&fixture->backend, CHARDEV_STDIO, NULL);
	backend_end(&fixture->backend);
}

static void input_from_file(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/input", fixture->directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	lseek(fd, 0, SEEK_SET);
	become_stdio(fixture, fd);
	backend_start(backend, CHARDEV_STDIO, NULL);
	backend_take(backend, 4);
	backend_expect_input(backend, "0123");
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 4); /* not read ahead */
	backend_take(backend, 4);
	backend_expect_input(backend, "4567");
	backend_take(backend, 4);
	backend_expect_input(backend, "89");
	backend_take(backend, 4);
	backend_print(backend, "on");
	backend_expect_output(backend, fixture->from_guest[0], "on");
	backend_end(backend);
	close(fd);
}

static void no_input(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	become_stdio(fixture, fd);
	close(fd);
	for (int i = 0; i < 2; i++) {
		backend_start(backend, CHARDEV_STDIO, NULL);
		backend_take(backend, 4);
		backend_print(backend, "on");
		backend_expect_output(backend, fixture->from_guest[0], "on");
		assert_int_equal(backend->got, 0);
		backend_end(backend);
		close(0); /* the second time it is not even open */
	}
}

static void output_to_dev_null(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(fd, 0);
	dup2(fd, 1);
	close(fd);
	backend_start(backend, CHARDEV_STDIO, NULL);
	for (int i = 0; i < 10000; i++)
		backend_print(backend, "nobody will ever read this");
	backend_run(backend, 20);
	backend_end(backend);
}

static void reader_leaves(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;

	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(backend, CHARDEV_STDIO, NULL);
	close(fixture->from_guest[0]);
	fixture->from_guest[0] = -1;
	backend_print(backend, "into the void");
	backend_run(backend, 10); /* no SIGPIPE */
	assert_int_equal(chardev_dropped(backend->chardev), 13);
	backend_print(backend, "!");
	assert_int_equal(chardev_dropped(backend->chardev), 14);
	assert_true(chardev_writable(backend->chardev));
	backend_take(backend, 10);
	assert_int_equal(write(fixture->to_guest[1], "in", 2), 2);
	backend_expect_input(backend, "in");
	backend_end(backend);
}

/* A vCPU that heeds chardev_writable(), as a driver heeds THRE. */
struct printer {
	struct chardev *chardev;
	sem_t writable;
	size_t total;
	atomic_bool done;
};

static void *printer_run(void *opaque)
{
	struct printer *printer = opaque;

	for (uint32_t i = 0; i < printer->total / sizeof(i); i++) {
		chardev_write(printer->chardev, &i, sizeof(i));
		while (!chardev_writable(printer->chardev))
			sem_wait(&printer->writable);
	}
	atomic_store(&printer->done, true);
	return NULL;
}

static void printer_writable(void *opaque)
{
	struct printer *printer = opaque;

	sem_post(&printer->writable);
}

/* Reads steadily, but slower than a guest prints. */
struct reader {
	int fd;
	size_t total;
	uint32_t wrong;
	useconds_t pause;
};

static void *reader_run(void *opaque)
{
	struct reader *reader = opaque;
	uint32_t words[1024];
	uint32_t next = 0;
	size_t held = 0;
	ssize_t got;

	while ((got = read(reader->fd, (char *)words + held, sizeof(words) - held)) > 0) {
		reader->total += (size_t)got;
		held += (size_t)got;
		for (size_t i = 0; i < held / sizeof(words[0]); i++)
			reader->wrong += words[i] != next++;
		memmove(words, (char *)words + held / 4 * 4, held % 4);
		held %= 4;
		usleep(reader->pause);
	}
	return NULL;
}

static void slow_reader_loses_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	struct printer printer = { .total = 1 << 20 };
	struct reader reader = { .fd = fixture->from_guest[0], .pause = 500 };
	pthread_t printing, reading;

	fcntl(fixture->from_guest[0], F_SETFL, 0);
	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(backend, CHARDEV_STDIO, NULL);
	printer.chardev = backend->chardev;
	sem_init(&printer.writable, 0, 0);
	chardev_connect(backend->chardev, NULL, NULL, &printer);
	chardev_on_writable(backend->chardev, printer_writable);
	pthread_create(&printing, NULL, printer_run, &printer);
	pthread_create(&reading, NULL, reader_run, &reader);
	while (!atomic_load(&printer.done))
		backend_run(backend, 5);
	assert_int_equal(chardev_dropped(backend->chardev), 0);
	backend_end(backend); /* what is still in the buffer is written out */
	pthread_join(printing, NULL);
	dup2(fixture->to_guest[0], 1); /* the reader sees the end */
	close(fixture->from_guest[1]);
	fixture->from_guest[1] = -1;
	pthread_join(reading, NULL);
	assert_int_equal(reader.total, printer.total);
	assert_int_equal(reader.wrong, 0);
	sem_destroy(&printer.writable);
}

static void stalled_reader_is_left_behind(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	static uint32_t words[131072];
	uint64_t begin;
	size_t total = 0;
	ssize_t got;
	uint32_t next = 0;

	become_stdio(fixture, fixture->to_guest[0]);
	backend_start(backend, CHARDEV_STDIO, NULL);
	while (chardev_writable(backend->chardev) && next < 100000) {
		chardev_write(backend->chardev, &next, sizeof(next));
		if (next++ % 1024 == 0)
			backend_run(backend, 1);
	}
	assert_false(chardev_writable(backend->chardev));
	assert_int_equal(chardev_dropped(backend->chardev), 0);
	begin = now_ms();
	while (backend->writables == 0 && now_ms() < begin + 3000)
		backend_run(backend, 5);
	assert_in_range(now_ms() - begin, 500, 1500); /* a second after it took the last byte */
	assert_true(chardev_writable(backend->chardev));
	for (int i = 0; i < 50000; i++, next++) {
		chardev_write(backend->chardev, &next, sizeof(next));
		assert_true(chardev_writable(backend->chardev)); /* the guest goes on */
	}
	assert_true(chardev_dropped(backend->chardev) >= 50000 * sizeof(next) - BUFFER);
	/* It comes back: it gets what the pipe held, then the newest 64 KiB, and is counted on again. */
	for (uint64_t limit = now_ms() + 1000;
	     now_ms() < limit && total + chardev_dropped(backend->chardev) < next * sizeof(next);) {
		got = read(fixture->from_guest[0], (char *)words + total, sizeof(words) - total);
		if (got > 0)
			total += (size_t)got;
		else
			backend_run(backend, 1);
	}
	assert_int_equal(total + chardev_dropped(backend->chardev), next * sizeof(next));
	assert_int_equal(words[0], 0);
	for (uint32_t i = 0; i < BUFFER / sizeof(next); i++)
		assert_int_equal(words[total / sizeof(next) - 1 - i], next - 1 - i);
	while (chardev_writable(backend->chardev) && next < 400000) {
		chardev_write(backend->chardev, &next, sizeof(next));
		if (next++ % 1024 == 0)
			backend_run(backend, 1);
	}
	assert_false(chardev_writable(backend->chardev));
	begin = now_ms();
	backend_end(backend); /* nobody reads: it ends all the same */
	assert_in_range(now_ms() - begin, 0, 2500);
}

static void flood(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	static uint8_t data[3 * BUFFER + 5];
	char path[128];
	uint8_t *back = malloc(BUFFER);
	int fd;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	snprintf(path, sizeof(path), "%s/flood", fixture->directory);
	backend_start(backend, CHARDEV_FILE, path);
	chardev_write(backend->chardev, data, sizeof(data)); /* more than fits, at once */
	assert_int_equal(chardev_dropped(backend->chardev), sizeof(data) - BUFFER);
	backend_end(backend);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, back, BUFFER), BUFFER);
	assert_memory_equal(back, data + sizeof(data) - BUFFER, BUFFER);
	close(fd);
	free(back);
}

static void file(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/output", fixture->directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "what was there before", 21), 21);
	lseek(fd, 0, SEEK_SET);
	backend_start(backend, CHARDEV_FILE, path);
	backend_print(backend, "new");
	backend_expect_output(backend, fd, "new");
	backend_print(backend, " end");
	backend_end(backend);
	backend_start(backend, CHARDEV_NULL, NULL);
	backend_expect_output(backend, fd, " end"); /* flushed by its end */
	backend_end(backend);
	close(fd);
}

static void file_errors(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	char path[128];

	backend_start(backend, CHARDEV_FILE, "/dev/full"); /* the guest does not mind */
	backend_print(backend, "lost");
	backend_run(backend, 10);
	assert_int_equal(chardev_dropped(backend->chardev), 4);
	backend_print(backend, "more");
	backend_run(backend, 10);
	assert_int_equal(chardev_dropped(backend->chardev), 8);
	assert_true(chardev_writable(backend->chardev));
	backend_end(backend);

	snprintf(path, sizeof(path), "%s/no/such/folder", fixture->directory);
	assert_int_equal(backend_try(backend, CHARDEV_FILE, path, false), -ENOENT);
	assert_non_null(strstr(error_get()->tried, path));
	assert_string_equal(error_get()->because, "No such file or directory");

	snprintf(path, sizeof(path), "%s/fifo", fixture->directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(backend_try(backend, CHARDEV_FILE, path, false), -ENXIO);
	assert_non_null(strstr(error_get()->because, "FIFO"));
}

static void pseudo_terminal(void **state)
{
	struct fixture *fixture = *state;
	struct backend *backend = &fixture->backend;
	struct termios modes;
	int fd;

	backend_start(backend, CHARDEV_PTY, NULL);
	backend_print(backend, "before anybody came\r\n");
	backend_run(backend, 10);
	for (int i = 0; i < 2; i++) { /* one after the other */
		fd = open(chardev_path(backend->chardev), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		assert_true(fd >= 0);
		backend_expect_output(backend, fd, i ? "in between" : "before anybody came\r\n");
		assert_int_equal(tcgetattr(fd, &modes), 0);
		assert_int_equal(modes.c_lflag & (ECHO | ICANON), 0);
		backend_take(backend, 100);
		assert_int_equal(write(fd, "login\r", 6), 6);
		backend_expect_input(backend, "login\r");
		close(fd);
		backend_print(backend, "in between");
		backend_run(backend, 10);
		assert_int_equal(backend->got, 0); /* no echo */
	}
	backend_end(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nowhere, start, end),
		cmocka_unit_test_setup_teardown(pipes, start, end),
		cmocka_unit_test_setup_teardown(input_left_alone, start, end),
		cmocka_unit_test_setup_teardown(stdio_once, start, end),
		cmocka_unit_test_setup_teardown(input_from_file, start, end),
		cmocka_unit_test_setup_teardown(no_input, start, end),
		cmocka_unit_test_setup_teardown(output_to_dev_null, start, end),
		cmocka_unit_test_setup_teardown(reader_leaves, start, end),
		cmocka_unit_test_setup_teardown(slow_reader_loses_nothing, start, end),
		cmocka_unit_test_setup_teardown(stalled_reader_is_left_behind, start, end),
		cmocka_unit_test_setup_teardown(flood, start, end),
		cmocka_unit_test_setup_teardown(file, start, end),
		cmocka_unit_test_setup_teardown(file_errors, start, end),
		cmocka_unit_test_setup_teardown(pseudo_terminal, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
