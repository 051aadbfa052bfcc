/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets and connections: the server on a thread of its own, clients that behave and clients that do not. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "qmp/client-priv.h"
#include "qmp/peer-priv.h"
#include "qmp/server-priv.h"
#include "talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLIENTS	     100
#define LONG_TEXT    2000

static int nothing(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	return 0;
}

static int tell(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct fixture *fixture = opaque;

	qmp_event(fixture->qmp, "TOLD", NULL);
	return 0;
}

static int talk(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	char text[LONG_TEXT + 1];

	memset(text, 'x', LONG_TEXT);
	text[LONG_TEXT] = '\0';
	answer->value = json_object_new_string(text);
	return 0;
}

static const struct qmp_command commands[] = {
	{ "nothing", "", NULL, 0, false, nothing },
	{ "tell", "", NULL, 0, false, tell },
	{ "talk", "", NULL, 0, false, talk },
};
static const struct qmp_event events[] = { { "TOLD", "" }, { "LONG", "" } };
static const struct qmp_table table = { commands, COUNT(commands), events, COUNT(events) };

static int set_up(void **state)
{
	return talk_set_up(state, &table);
}

static void test_a_dialogue(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path);

	say(fd, "{\"execute\":\"qmp_capabilities\"}");
	expect(fd, "{\"return\":{}}");
	say(fd, "{\"execute\":\"nothing\",\"id\":1}\n{\"execute\":\"nosuch\",\"id\":\"2\"}garbage\n{\"exec");
	expect(fd, "{\"return\":{},\"id\":1}");
	expect(fd, "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command nosuch has not been "
		   "found\"},\"id\":\"2\"}");
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON parse error, ");
	say(fd, "ute\":\"nothing\",\"id\":3}");
	expect(fd, "{\"return\":{},\"id\":3}");
	close(fd);
}

static void test_events_go_to_all(void **state)
{
	struct fixture *fixture = *state;
	int one = client(fixture->path), two = client(fixture->other);

	say(one, "{\"execute\":\"tell\"}");
	expect(one, "{\"event\":\"TOLD\",\"timestamp\":{\"seconds\":");
	expect(one, "{\"return\":{}}");
	expect(two, "{\"event\":\"TOLD\",\"timestamp\":{\"seconds\":");
	close(one);
	close(two);
}

static void test_many_clients(void **state)
{
	struct fixture *fixture = *state;
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client(i % 2 ? fixture->path : fixture->other);
	for (int i = 0; i < CLIENTS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"execute\":\"nothing\",\"id\":%d}", i);
		say(fds[i], text);
	}
	for (int i = CLIENTS - 1; i >= 0; i--) {
		char text[64];

		snprintf(text, sizeof(text), "{\"return\":{},\"id\":%d}", i);
		expect(fds[i], text);
		close(fds[i]);
	}
}

static void test_one_too_many(void **state)
{
	struct fixture *fixture = *state;
	int fds[QMP_CLIENTS_MAX], late;

	for (int i = 0; i < QMP_CLIENTS_MAX; i++)
		fds[i] = client(fixture->path);
	late = connect_to(fixture->path);
	expect(late, "{ \"error\": { \"class\": \"GenericError\", \"desc\": \"There are too many clients\"");
	assert_true(at_end(late));
	close(late);
	close(fds[0]);
	say(fds[1], "{\"execute\":\"nothing\"}");
	expect(fds[1], "{\"return\":{}}"); /* by now it has seen that one left */
	late = client(fixture->path);
	close(late);
	for (int i = 1; i < QMP_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Requests without end, and nothing read: the server stops reading too, serves others, and forgets nothing.
 */
static void test_a_client_that_does_not_read(void **state)
{
	static const char request[] = "{\"execute\":\"talk\"}";
	struct fixture *fixture = *state;
	int fd = client(fixture->path), other = client(fixture->path);
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t sent = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (poll(&room, 1, 300) > 0) {
		ssize_t size = send(fd, request + sent % (sizeof(request) - 1),
				    sizeof(request) - 1 - sent % (sizeof(request) - 1), MSG_NOSIGNAL);

		sent += size > 0 ? (size_t)size : 0;
	}
	assert_true(sent > 0);
	say(other, "{\"execute\":\"nothing\"}");
	expect(other, "{\"return\":{}}");
	for (size_t i = 0; i < sent / (sizeof(request) - 1); i++)
		expect(fd, "{\"return\":\"xxxx");
	close(fd);
	close(other);
}

static void flood(struct fixture *fixture)
{
	char text[LONG_TEXT + 1];

	memset(text, 'y', LONG_TEXT);
	text[LONG_TEXT] = '\0';
	for (unsigned i = 0; i < 4 * QMP_QUEUE_LIMIT / LONG_TEXT; i++) {
		struct json_object *data = json_object_new_object();

		json_object_object_add(data, "text", json_object_new_string(text));
		qmp_event(fixture->qmp, "LONG", data);
		for (const struct qmp_client *one = fixture->qmp->clients; one; one = one->next)
			assert_in_range(one->out_capacity, 0, 2 * QMP_QUEUE_LIMIT);
	}
}

/* Events without end, and nothing read: that connection is closed, at a size that is known, and no other. */
static void test_a_client_that_misses_events(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), other;
	size_t got = 0;
	char text[4096];
	ssize_t size;

	log_setup(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_ERROR);
	talk_run(fixture, flood);
	other = client(fixture->path);
	say(other, "{\"execute\":\"nothing\"}");
	expect(other, "{\"return\":{}}");
	while ((size = recv(fd, text, sizeof(text), 0)) > 0)
		got += (size_t)size;
	assert_in_range(got, 1, 2 * QMP_QUEUE_LIMIT);
	close(fd);
	close(other);
}

static void test_leaving_midway(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), other = client(fixture->path);

	say(fd, "{\"execute\":\"noth");
	close(fd);
	fd = client(fixture->path);
	say(fd, "{\"execute\":\"talk\"}{\"execute\":\"talk\"}");
	close(fd); /* with answers unread */
	fd = connect_to(fixture->path);
	close(fd);
	say(other, "{\"execute\":\"tell\"}");
	expect(other, "{\"event\":\"TOLD\"");
	expect(other, "{\"return\":{}}");
	close(other);
}

/* `echo ... | nc -N`: who has said all still hears the answers. */
static void test_half_closed(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path);

	for (int i = 0; i < 200; i++)
		say(fd, "{\"execute\":\"talk\"}");
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 200; i++)
		expect(fd, "{\"return\":\"xxxx");
	assert_true(at_end(fd));
	close(fd);
}

static void test_the_farewell_is_flushed(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path);
	char text[1000];
	size_t got = 0;
	ssize_t size;

	say(fd, "{\"execute\":\"nothing\"}");
	expect(fd, "{\"return\":{}}");
	loop_stop(fixture->loop);
	pthread_join(fixture->thread, NULL);
	for (int i = 0; i < 200; i++)
		tell(fixture, NULL, NULL);
	qmp_flush(fixture->qmp, 100);
	qmp_destroy(fixture->qmp);
	fixture->qmp = NULL;
	while ((size = recv(fd, text, sizeof(text), 0)) > 0)
		got += (size_t)size;
	assert_in_range(got, 200 * 60, 200 * 120);
	close(fd);
	talk_start(fixture);
}

static void test_the_socket_is_private(void **state)
{
	const struct fixture *fixture = *state;
	struct stat status;

	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(qmp_listen_unix(fixture->qmp, fixture->path), -EADDRINUSE);
	assert_string_equal(error_get()->because, "another process has this socket");
	assert_int_equal(qmp_listen_unix(fixture->qmp, fixture->directory), -EEXIST);
	assert_int_equal(qmp_listen_tcp(fixture->qmp, "nowhere", 4444), -EINVAL);
	assert_string_equal(error_get()->because, "'nowhere' is not an IP address");
}

/* A port that nobody has at this moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* Both ends of it: the client is that of `handfast qmp`. */
static void test_over_tcp(void **state)
{
	struct fixture *fixture = *state;
	struct json_object *request = json_tokener_parse("{\"execute\":\"talk\"}"), *answer;
	uint16_t port = free_port();
	struct qmp_peer peer;
	char where[64];

	assert_int_equal(qmp_listen_tcp(fixture->qmp, "localhost", port), 0);
	snprintf(where, sizeof(where), "tcp:127.0.0.1:%u", port);
	assert_int_equal(qmp_peer_connect(where, 10000, &peer), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(qmp_peer_send(&peer, request), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(qmp_peer_receive(&peer, -1, &answer), 0);
		assert_true(json_object_object_get_ex(answer, "return", NULL));
		json_object_put(answer);
	}
	qmp_peer_close(&peer);
	json_object_put(request);
}

static void test_the_client_gives_up_in_time(void **state)
{
	struct fixture *fixture = *state;
	struct json_object *object;
	struct qmp_peer peer;

	assert_int_equal(qmp_peer_connect(fixture->path, 200, &peer), 0);
	assert_int_equal(qmp_peer_receive(&peer, -1, &object), -ETIMEDOUT);
	qmp_peer_close(&peer);
	assert_int_equal(qmp_peer_connect(fixture->directory, 200, &peer), -ECONNREFUSED);
	assert_int_equal(qmp_peer_connect("/nosuch/socket", 200, &peer), -ENOENT);
	assert_int_equal(qmp_peer_connect("tcp:4444", 200, &peer), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, talk_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_dialogue),
		TEST(test_events_go_to_all),
		TEST(test_many_clients),
		TEST(test_one_too_many),
		TEST(test_a_client_that_does_not_read),
		TEST(test_a_client_that_misses_events),
		TEST(test_leaving_midway),
		TEST(test_half_closed),
		TEST(test_the_farewell_is_flushed),
		TEST(test_the_socket_is_private),
		TEST(test_over_tcp),
		TEST(test_the_client_gives_up_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
