/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors from clients: those that are asked for, and those that are not. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "qmp/client-priv.h"
#include "qmp/server-priv.h"
#include "talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is done on the loop's thread. */
struct hands {
	sem_t begun;
	uint64_t ticket;
	const char *name;
	int result;
	struct error why;
};

static int work(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct hands *hands = ((struct fixture *)opaque)->opaque;

	hands->ticket = answer->ticket;
	sem_post(&hands->begun);
	return QMP_LATER;
}

static int nothing(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	return 0;
}

static const struct qmp_command commands[] = {
	{ "work", "", NULL, 0, false, work },
	{ "nothing", "", NULL, 0, true, nothing },
};
static const struct qmp_table table = { commands, COUNT(commands), NULL, 0 };

static int set_up(void **state)
{
	struct hands *hands = calloc(1, sizeof(*hands));
	struct fixture *fixture;

	sem_init(&hands->begun, 0, 0);
	talk_set_up(state, &table);
	fixture = *state;
	fixture->opaque = hands;
	return 0;
}

static int tear_down(void **state)
{
	struct hands *hands = ((struct fixture *)*state)->opaque;

	talk_tear_down(state);
	sem_destroy(&hands->begun);
	free(hands);
	return 0;
}

/* Sends text with copies of descriptor fd. */
static void say_with(int socket, const char *text, int fd, unsigned copies)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(250 * sizeof(int))];
	} control = { 0 };
	struct iovec data = { (char *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	message.msg_control = &control;
	message.msg_controllen = CMSG_SPACE(copies * sizeof(int));
	control.header = (struct cmsghdr){ CMSG_LEN(copies * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	for (unsigned i = 0; i < copies; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), strlen(text));
}

/* Sends text with the writing end of a new pipe, which is in the server's hands alone then. Returns the
 * reading end. */
static int hand_over(int socket, const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	say_with(socket, text, ends[1], 1);
	close(ends[1]);
	return ends[0];
}

/* Nobody has the writing end any more. Closes this one. */
static void expect_closed(int fd)
{
	struct pollfd wait = { .fd = fd };

	assert_int_equal(poll(&wait, 1, 10000), 1);
	assert_int_equal(wait.revents, POLLHUP);
	close(fd);
}

static void expect_open(int fd)
{
	struct pollfd wait = { .fd = fd };

	assert_int_equal(poll(&wait, 1, 50), 0);
}

static void take_now(struct fixture *fixture)
{
	struct hands *hands = fixture->opaque;

	hands->result = qmp_fd_take(fixture->qmp, hands->name);
	hands->why = *error_get();
}

static int take(struct fixture *fixture, const char *name)
{
	struct hands *hands = fixture->opaque;

	hands->name = name;
	talk_run(fixture, take_now);
	return hands->result;
}

/* Takes the descriptor of that name and finds that it belongs to this reading end. Closes both. */
static void expect_taken(struct fixture *fixture, const char *name, int end)
{
	int fd = take(fixture, name);
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(read(end, &byte, 1), 1);
	expect_closed(end);
}

static void expect_none(struct fixture *fixture, const char *name)
{
	assert_int_equal(take(fixture, name), -ENOENT);
}

/* Descriptors of this process, in which the server is too. */
static unsigned open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

#define GETFD(name)   "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"" name "\"}}"
#define CLOSEFD(name) "{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"" name "\"}}"
#define DONE	      "{\"return\":{}}"
#define FAILURE(text) "{\"error\":{\"class\":\"GenericError\",\"desc\":\"" text "\"}}"

/* However it comes: with the request, before it, with a part of it, behind another. */
static void test_it_is_kept(void **state)
{
	struct fixture *fixture = *state;
	const struct hands *hands = fixture->opaque;
	int fd = client(fixture->path), end;

	end = hand_over(fd, GETFD("a"));
	expect(fd, DONE);
	expect_open(end);
	expect_taken(fixture, "a", end);
	expect_none(fixture, "a");
	assert_string_equal(hands->why.because, "File descriptor named 'a' not found");
	end = hand_over(fd, " ");
	say(fd, GETFD("b"));
	expect(fd, DONE);
	expect_taken(fixture, "b", end);
	end = hand_over(fd, "{\"execute\":\"getfd\",");
	say(fd, "\"arguments\":{\"fdname\":\"c\"}}");
	expect(fd, DONE);
	expect_taken(fixture, "c", end);
	say(fd, "{\"execute\":\"nothing\"}");
	end = hand_over(fd, GETFD("d") "{\"execute\":\"nothing\"}");
	for (unsigned i = 0; i < 3; i++)
		expect(fd, DONE);
	close(fd); /* whoever brought it may leave */
	expect_taken(fixture, "d", end);
	assert_int_equal(qmp_fd_take(NULL, "d"), -ENOENT);
}

static void test_refusals(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), end;

	say(fd, GETFD("a"));
	expect(fd, FAILURE("No file descriptor supplied via SCM_RIGHTS"));
	end = hand_over(fd, GETFD("1a"));
	expect(fd, FAILURE("Parameter 'fdname' expects a name not starting with a digit"));
	expect_closed(end);
	say(fd, GETFD("a")); /* that one is not left over */
	expect(fd, FAILURE("No file descriptor supplied via SCM_RIGHTS"));
	say(fd, CLOSEFD("a"));
	expect(fd, FAILURE("File descriptor named 'a' not found"));
	say(fd, "{\"execute\":\"getfd\"}");
	expect(fd, FAILURE("Parameter 'fdname' is missing"));
	close(fd);
}

static void test_closing(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), other = client(fixture->other), first, second;

	first = hand_over(fd, GETFD("a"));
	expect(fd, DONE);
	second = hand_over(fd, GETFD("a"));
	expect(fd, DONE);
	expect_closed(first);
	expect_open(second);
	say(other, CLOSEFD("a"));
	expect(other, DONE);
	expect_closed(second);
	expect_none(fixture, "a");
	close(fd);
	close(other);
}

/* What nobody asks for does not heap up. */
static void test_strays(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), end, last = -1;
	unsigned before = open_fds();

	for (unsigned i = 0; i < 50; i++) {
		say_with(fd, "{\"execute\":\"nothing\"}", fd, 250);
		expect(fd, DONE);
		assert_in_range(open_fds(), before, before + 1);
	}
	end = hand_over(fd, "{\"execute\":\"nothing\"}");
	expect(fd, DONE);
	last = hand_over(fd, GETFD("a"));
	expect(fd, DONE);
	expect_closed(end);
	expect_taken(fixture, "a", last);
	end = hand_over(fd, "{\"execute\":\"nothing\"}");
	close(fd);
	expect_closed(end);
	assert_int_equal(open_fds(), before - 2); /* the connection's two ends */
}

static void test_names_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), end;
	unsigned before = open_fds();
	char text[128];

	for (unsigned i = 0; i < QMP_FDS_MAX; i++) {
		snprintf(text, sizeof(text), GETFD("n%u"), i);
		say_with(fd, text, fd, 1);
		expect(fd, DONE);
	}
	assert_int_equal(open_fds(), before + QMP_FDS_MAX);
	end = hand_over(fd, GETFD("more"));
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"64 file descriptors wait to be used "
		   "already");
	expect_closed(end);
	end = hand_over(fd, GETFD("n0")); /* there is room for this one */
	expect(fd, DONE);
	expect_taken(fixture, "n0", end);
	end = hand_over(fd, GETFD("more"));
	expect(fd, DONE);
	expect_taken(fixture, "more", end);
	for (unsigned i = 1; i < QMP_FDS_MAX; i++) {
		snprintf(text, sizeof(text), CLOSEFD("n%u"), i);
		say(fd, text);
		expect(fd, DONE);
	}
	assert_int_equal(open_fds(), before);
	close(fd);
}

static void answer_now(struct fixture *fixture)
{
	qmp_answer_later(fixture->qmp, ((struct hands *)fixture->opaque)->ticket, NULL, NULL);
}

/* Requests that wait for their turn keep what came with them. */
static void test_with_requests_that_wait(void **state)
{
	struct fixture *fixture = *state;
	struct hands *hands = fixture->opaque;
	int fd = client(fixture->path), first, second, stray;

	say(fd,
	    "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}{\"execute\":\"work\"}");
	expect(fd, DONE);
	while (sem_wait(&hands->begun) < 0)
		;
	first = hand_over(fd, GETFD("a"));
	second = hand_over(fd, GETFD("b"));
	stray = hand_over(fd, "{\"exec-oob\":\"nothing\"}");
	expect(fd, DONE);
	talk_run(fixture, answer_now);
	for (unsigned i = 0; i < 3; i++)
		expect(fd, DONE);
	expect_taken(fixture, "a", first);
	expect_taken(fixture, "b", second);
	say(fd, "{\"execute\":\"work\"}");
	while (sem_wait(&hands->begun) < 0)
		;
	first = hand_over(fd, GETFD("a"));
	expect_closed(stray);
	stray = hand_over(fd, "{\"exec-oob\":\"nothing\"}");
	expect(fd, DONE);
	expect_open(first);
	close(fd);
	expect_closed(first);
	expect_closed(stray);
}

static void test_the_end(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), named, stray;

	named = hand_over(fd, GETFD("a"));
	stray = hand_over(fd, "{\"execute\":\"nothing\"}");
	expect(fd, DONE);
	expect(fd, DONE);
	talk_stop(fixture);
	qmp_destroy(fixture->qmp);
	fixture->qmp = NULL;
	expect_closed(named);
	expect_closed(stray);
	close(fd);
	talk_start(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_kept), TEST(test_refusals),	     TEST(test_closing),
		TEST(test_strays),     TEST(test_names_are_bounded), TEST(test_with_requests_that_wait),
		TEST(test_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
