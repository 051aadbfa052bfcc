/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "talk.h"

#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":"

static void *run_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

void talk_start(struct fixture *fixture)
{
	pthread_create(&fixture->thread, NULL, run_loop, fixture->loop);
}

void talk_stop(struct fixture *fixture)
{
	loop_stop(fixture->loop);
	pthread_join(fixture->thread, NULL);
}

int talk_set_up(void **state, const struct qmp_table *table)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/qmp-test.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->directory);
	snprintf(fixture->other, sizeof(fixture->other), "%s/other", fixture->directory);
	sem_init(&fixture->done, 0, 0);
	assert_int_equal(loop_create(&fixture->loop), 0);
	assert_int_equal(qmp_create(fixture->loop, table, fixture, &fixture->qmp), 0);
	assert_int_equal(qmp_listen_unix(fixture->qmp, fixture->path), 0);
	assert_int_equal(qmp_listen_unix(fixture->qmp, fixture->other), 0);
	talk_start(fixture);
	*state = fixture;
	return 0;
}

int talk_tear_down(void **state)
{
	struct fixture *fixture = *state;

	talk_stop(fixture);
	qmp_destroy(fixture->qmp);
	loop_destroy(fixture->loop);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(access(fixture->other, F_OK), -1);
	assert_int_equal(rmdir(fixture->directory), 0);
	sem_destroy(&fixture->done);
	free(fixture);
	return 0;
}

static void run_work(void *opaque)
{
	struct fixture *fixture = opaque;

	fixture->work(fixture);
	sem_post(&fixture->done);
}

void talk_run(struct fixture *fixture, void (*work)(struct fixture *fixture))
{
	fixture->work = work;
	assert_int_equal(loop_post(fixture->loop, run_work, fixture), 0);
	while (sem_wait(&fixture->done) < 0)
		;
}

int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

bool hear(int fd, char *ret_line, size_t size)
{
	size_t at = 0;

	while (at + 1 < size) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (poll(&wait, 1, 10000) <= 0 || recv(fd, ret_line + at, 1, 0) <= 0)
			return false;
		if (ret_line[at] == '\n') {
			assert_true(at > 0 && ret_line[at - 1] == '\r');
			ret_line[at - 1] = '\0';
			return true;
		}
		at++;
	}
	return false;
}

void expect(int fd, const char *begin)
{
	char line[4096] = "";

	if (!hear(fd, line, sizeof(line)) || strncmp(line, begin, strlen(begin)) != 0)
		fail_msg("wanted %s, heard %s", begin, line);
}

void expect_silence(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&wait, 1, 100), 0);
}

int client(const char *path)
{
	int fd = connect_to(path);

	expect(fd, GREETING);
	return fd;
}

bool at_end(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&wait, 1, 10000) > 0 && recv(fd, &byte, 1, 0) <= 0;
}
