/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that come later, and what a client gets, and does, until then. */
#include "unit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "qmp/client-priv.h"
#include "qmp/server-priv.h"
#include "talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BEGUN_MAX    8

/* What the commands were asked, and the answers that are to be given on the loop's thread. */
struct later {
	sem_t begun;
	uint64_t tickets[BEGUN_MAX];
	unsigned begun_count;
	atomic_uint runs; /* of "plain" */

	uint64_t ticket;
	struct json_object *value;
	const struct error *why;
	unsigned clients;
	unsigned waiting; /* of the first client */
};

static int work(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct later *later = ((struct fixture *)opaque)->opaque;

	assert_in_range(answer->ticket, 1, 1000);
	later->tickets[later->begun_count++] = answer->ticket;
	sem_post(&later->begun);
	return QMP_LATER;
}

static int plain(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct later *later = ((struct fixture *)opaque)->opaque;

	atomic_fetch_add(&later->runs, 1);
	return 0;
}

static int quick(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = json_object_new_string("quick");
	return 0;
}

/* Ends the first that was begun. Nobody else's turn comes within this one. */
static int cut_short(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct fixture *fixture = opaque;
	struct later *later = fixture->opaque;
	unsigned runs = atomic_load(&later->runs);

	error_set(ECANCELED, "cut short");
	qmp_answer_later(fixture->qmp, later->tickets[0], NULL, error_get());
	assert_int_equal(atomic_load(&later->runs), runs);
	return 0;
}

static const struct qmp_command commands[] = {
	{ "work", "", NULL, 0, false, work },
	{ "plain", "", NULL, 0, false, plain },
	{ "quick", "", NULL, 0, true, quick },
	{ "cut-short", "", NULL, 0, true, cut_short },
};
static const struct qmp_event events[] = { { "TOLD", "" } };
static const struct qmp_table table = { commands, COUNT(commands), events, COUNT(events) };

static int set_up(void **state)
{
	struct later *later = calloc(1, sizeof(*later));
	struct fixture *fixture;

	sem_init(&later->begun, 0, 0);
	talk_set_up(state, &table);
	fixture = *state;
	fixture->opaque = later;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct later *later = fixture->opaque;

	talk_tear_down(state);
	sem_destroy(&later->begun);
	free(later);
	return 0;
}

/* Waits until one more "work" has begun. */
static void await_begun(struct fixture *fixture)
{
	struct later *later = fixture->opaque;

	while (sem_wait(&later->begun) < 0)
		;
}

static void answer_now(struct fixture *fixture)
{
	struct later *later = fixture->opaque;

	qmp_answer_later(fixture->qmp, later->ticket, later->value, later->why);
}

/* Answers the one that was begun as that number. */
static void answer(struct fixture *fixture, unsigned number, struct json_object *value,
		   const struct error *why)
{
	struct later *later = fixture->opaque;

	later->ticket = later->tickets[number];
	later->value = value;
	later->why = why;
	talk_run(fixture, answer_now);
}

static void tell_now(struct fixture *fixture)
{
	qmp_event(fixture->qmp, "TOLD", NULL);
}

static void look_now(struct fixture *fixture)
{
	struct later *later = fixture->opaque;

	later->clients = fixture->qmp->client_count;
	later->waiting = fixture->qmp->clients ? fixture->qmp->clients->waiting_count : 0;
}

static unsigned clients(struct fixture *fixture)
{
	talk_run(fixture, look_now);
	return ((struct later *)fixture->opaque)->clients;
}

static unsigned waiting(struct fixture *fixture)
{
	talk_run(fixture, look_now);
	return ((struct later *)fixture->opaque)->waiting;
}

static unsigned runs(struct fixture *fixture)
{
	return atomic_load(&((struct later *)fixture->opaque)->runs);
}

/* A client that uses exec-oob. */
static int oob_client(struct fixture *fixture)
{
	int fd = client(fixture->path);

	say(fd, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}");
	expect(fd, "{\"return\":{}}");
	return fd;
}

/* What the loop's thread used up in a tenth of a second is far from all of it: it sleeps. */
static void expect_rest(struct fixture *fixture)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct timespec before, after;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(fixture->thread, &clock), 0);
	clock_gettime(clock, &before);
	nanosleep(&pause, NULL);
	clock_gettime(clock, &after);
	assert_in_range((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec, 0,
			10000000);
}

static void test_answers(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path);
	struct error why;

	say(fd, "{\"execute\":\"work\",\"id\":[1]}");
	await_begun(fixture);
	expect_silence(fd);
	answer(fixture, 0, json_object_new_string("done"), NULL);
	expect(fd, "{\"return\":\"done\",\"id\":[1]}");
	say(fd, "{\"execute\":\"work\"}");
	await_begun(fixture);
	answer(fixture, 1, NULL, NULL);
	expect(fd, "{\"return\":{}}");
	error_set(EBUSY, "it is busy");
	error_tried("plug it");
	why = *error_get();
	say(fd, "{\"execute\":\"work\",\"id\":2}");
	await_begun(fixture);
	answer(fixture, 2, NULL, &why);
	expect(fd,
	       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"cannot plug it\\n  because: it is busy\"},"
	       "\"id\":2}");
	say(fd, "{\"execute\":\"plain\"}");
	expect(fd, "{\"return\":{}}");
	close(fd);
}

/* Nothing behind it is run before, whether it came with the same bytes or later. */
static void test_the_next_ones_wait(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path);

	say(fd, "{\"execute\":\"work\",\"id\":1}{\"execute\":\"plain\",\"id\":2}nonsense\n{\"execute\":\"pl");
	await_begun(fixture);
	say(fd, "ain\",\"id\":3}{\"execute\":\"work\",\"id\":4}{\"execute\":\"plain\",\"id\":5}");
	expect_silence(fd);
	assert_int_equal(runs(fixture), 0);
	assert_int_equal(waiting(fixture), 0); /* not even read */
	expect_rest(fixture);
	answer(fixture, 0, NULL, NULL);
	expect(fd, "{\"return\":{},\"id\":1}");
	expect(fd, "{\"return\":{},\"id\":2}");
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON parse error");
	expect(fd, "{\"return\":{},\"id\":3}");
	await_begun(fixture);
	expect_silence(fd);
	assert_int_equal(runs(fixture), 2);
	answer(fixture, 1, NULL, NULL);
	expect(fd, "{\"return\":{},\"id\":4}");
	expect(fd, "{\"return\":{},\"id\":5}");
	close(fd);
}

static void test_clients_are_independent(void **state)
{
	struct fixture *fixture = *state;
	int one = client(fixture->path), two = client(fixture->path), three = client(fixture->other);

	say(one, "{\"execute\":\"work\",\"id\":1}");
	await_begun(fixture);
	say(two, "{\"execute\":\"work\",\"id\":2}");
	await_begun(fixture);
	say(three, "{\"execute\":\"plain\",\"id\":3}");
	expect(three, "{\"return\":{},\"id\":3}");
	talk_run(fixture, tell_now);
	expect(one, "{\"event\":\"TOLD\"");
	expect(two, "{\"event\":\"TOLD\"");
	expect(three, "{\"event\":\"TOLD\"");
	answer(fixture, 1, NULL, NULL);
	expect(two, "{\"return\":{},\"id\":2}");
	expect_silence(one);
	answer(fixture, 0, NULL, NULL);
	expect(one, "{\"return\":{},\"id\":1}");
	close(one);
	close(two);
	close(three);
}

/* Queries pass the others, and wrong input, which keep their order. */
static void test_oob(void **state)
{
	struct fixture *fixture = *state;
	int fd = oob_client(fixture);

	say(fd, "{\"execute\":\"work\",\"id\":1}{\"execute\":\"plain\",\"id\":2}{\"exec-oob\":\"quick\","
		"\"id\":3}");
	expect(fd, "{\"return\":\"quick\",\"id\":3}");
	await_begun(fixture);
	say(fd, "nonsense\n{\"execute\":\"quick\",\"id\":4}{\"execute\":\"work\",\"id\":5}");
	say(fd, "{\"exec-oob\":\"quick\",\"id\":6}{\"exec-oob\":\"plain\",\"id\":7}");
	expect(fd, "{\"return\":\"quick\",\"id\":6}");
	expect(fd,
	       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"The command plain does not support OOB\"},"
	       "\"id\":7}");
	say(fd, "{\"execute\":\"plain\",\"id\":8}");
	expect_silence(fd);
	assert_int_equal(runs(fixture), 0);
	expect_rest(fixture);
	answer(fixture, 0, NULL, NULL);
	expect(fd, "{\"return\":{},\"id\":1}");
	expect(fd, "{\"return\":{},\"id\":2}");
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON parse error");
	expect(fd, "{\"return\":\"quick\",\"id\":4}");
	await_begun(fixture);
	expect_silence(fd);
	assert_int_equal(runs(fixture), 1);
	say(fd, "{\"exec-oob\":\"quick\",\"id\":9}");
	expect(fd, "{\"return\":\"quick\",\"id\":9}");
	answer(fixture, 1, NULL, NULL);
	expect(fd, "{\"return\":{},\"id\":5}");
	expect(fd, "{\"return\":{},\"id\":8}");
	close(fd);
}

static void test_oob_waits_are_bounded(void **state)
{
	static const char query[] = "{\"exec-oob\":\"quick\"}", request[] = "{\"execute\":\"plain\"}";
	struct fixture *fixture = *state;
	int fd = oob_client(fixture);

	say(fd, "{\"execute\":\"work\"}");
	await_begun(fixture);
	for (unsigned i = 0; i < QMP_WAITING_MAX - 1; i++)
		say(fd, request);
	say(fd, query);
	expect(fd, "{\"return\":\"quick\"}");
	say(fd, request);
	say(fd, query);
	for (unsigned i = 0; i < 2 * QMP_WAITING_MAX; i++)
		say(fd, request);
	expect_silence(fd);
	assert_int_equal(waiting(fixture), QMP_WAITING_MAX);
	expect_rest(fixture);
	answer(fixture, 0, NULL, NULL);
	for (unsigned i = 0; i < 1 + QMP_WAITING_MAX; i++)
		expect(fd, "{\"return\":{}}");
	expect(fd, "{\"return\":\"quick\"}");
	for (unsigned i = 0; i < 2 * QMP_WAITING_MAX; i++)
		expect(fd, "{\"return\":{}}");
	assert_int_equal(runs(fixture), 3 * QMP_WAITING_MAX);
	close(fd);
}

/* An answer may be given by another's handler, or by one of the same client. */
static void test_answered_by_a_handler(void **state)
{
	struct fixture *fixture = *state;
	int fd = oob_client(fixture), other = client(fixture->other);

	say(fd, "{\"execute\":\"work\",\"id\":1}{\"execute\":\"plain\",\"id\":2}");
	await_begun(fixture);
	say(fd, "{\"exec-oob\":\"cut-short\",\"id\":3}{\"execute\":\"plain\",\"id\":4}");
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"cut short\"},\"id\":1}");
	expect(fd, "{\"return\":{},\"id\":3}");
	expect(fd, "{\"return\":{},\"id\":2}");
	expect(fd, "{\"return\":{},\"id\":4}");
	((struct later *)fixture->opaque)->begun_count = 0;
	say(fd, "{\"execute\":\"work\",\"id\":5}{\"execute\":\"plain\",\"id\":6}");
	await_begun(fixture);
	say(other, "{\"execute\":\"cut-short\",\"id\":7}");
	expect(other, "{\"return\":{},\"id\":7}");
	expect(fd, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"cut short\"},\"id\":5}");
	expect(fd, "{\"return\":{},\"id\":6}");
	close(fd);
	close(other);
}

/* It is noticed at once, and nobody misses it; the answer falls into the void. */
static void test_leaving(void **state)
{
	struct fixture *fixture = *state;
	int fd = client(fixture->path), oob = oob_client(fixture), other = client(fixture->other);
	unsigned tries = 100;

	say(fd, "{\"execute\":\"work\"}{\"execute\":\"plain\"}");
	await_begun(fixture);
	say(fd, "{\"execute\":\"plain\"}");
	close(fd);
	say(oob, "{\"execute\":\"work\"}{\"execute\":\"plain\"}nonsense\n{\"execute\":\"plain\"}{\"exec");
	await_begun(fixture);
	close(oob);
	while (clients(fixture) > 1 && tries-- > 0)
		expect_rest(fixture);
	assert_int_equal(clients(fixture), 1);
	answer(fixture, 0, json_object_new_string("void"), NULL);
	error_set(EIO, "void");
	answer(fixture, 1, json_object_new_string("void"), error_get());
	assert_int_equal(runs(fixture), 0);
	say(other, "{\"execute\":\"plain\"}");
	expect(other, "{\"return\":{}}");
	close(other);
}

/* Who has said all still hears the answers, and then the end. */
static void test_half_closed(void **state)
{
	struct fixture *fixture = *state;
	int fds[] = { client(fixture->path), oob_client(fixture) };

	for (unsigned i = 0; i < COUNT(fds); i++) {
		say(fds[i], "{\"execute\":\"work\"}{\"execute\":\"quick\"}");
		shutdown(fds[i], SHUT_WR);
		await_begun(fixture);
		expect_rest(fixture);
		answer(fixture, 2 * i, NULL, NULL);
		expect(fds[i], "{\"return\":{}}");
		expect(fds[i], "{\"return\":\"quick\"}");
		assert_true(at_end(fds[i]));
		close(fds[i]);
		/* With nothing behind it, so that the answer is the last. */
		fds[i] = i ? oob_client(fixture) : client(fixture->path);
		say(fds[i], "{\"execute\":\"work\"}");
		shutdown(fds[i], SHUT_WR);
		await_begun(fixture);
		expect_rest(fixture);
		answer(fixture, 2 * i + 1, NULL, NULL);
		expect(fds[i], "{\"return\":{}}");
		assert_true(at_end(fds[i]));
		close(fds[i]);
	}
}

/* The server goes while answers are due: nothing is left of them. */
static void test_the_end(void **state)
{
	struct fixture *fixture = *state;
	int fd = oob_client(fixture), other = client(fixture->other);

	say(fd, "{\"execute\":\"work\",\"id\":{}}{\"execute\":\"plain\",\"id\":[]}nonsense\n");
	say(fd, "{\"exec-oob\":\"quick\"}{\"exec");
	expect(fd, "{\"return\":\"quick\"}"); /* so the others wait */
	await_begun(fixture);
	say(other, "{\"execute\":\"work\",\"id\":{}}{\"execute\":\"plain\"}");
	await_begun(fixture);
	say(other, "{\"exec");
	talk_stop(fixture);
	qmp_destroy(fixture->qmp);
	fixture->qmp = NULL;
	qmp_answer_later(NULL, ((struct later *)fixture->opaque)->tickets[0], json_object_new_int(1), NULL);
	assert_true(at_end(fd));
	assert_true(at_end(other));
	close(fd);
	close(other);
	talk_start(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers), TEST(test_the_next_ones_wait),    TEST(test_clients_are_independent),
		TEST(test_oob),	    TEST(test_oob_waits_are_bounded), TEST(test_answered_by_a_handler),
		TEST(test_leaving), TEST(test_half_closed),	      TEST(test_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
