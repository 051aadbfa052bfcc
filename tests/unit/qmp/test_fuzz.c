/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of sense and nonsense, in pieces of any size, against the real server. What has to come back is
 * known: the same stream goes in one piece through a parser and a session of the test's own, and connections
 * must get exactly those answers, in that order. That the parser finds its way again is not left to itself:
 * behind every byte 0xff stands a request with a number of its own, and all these numbers must come back.
 *
 * A round depends on its number and the seed alone. QMP_FUZZ_SEED=N and QMP_FUZZ_ROUND=M repeat one; with
 * FULL set there are more of them, from another seed each time.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
/* gcc does not have their headers. */
size_t __sanitizer_get_current_allocated_bytes(void);
void __sanitizer_set_death_callback(void (*callback)(void));
#else
#include <malloc.h>
#endif

#include "base/error.h"
#include "qmp/client-priv.h"
#include "qmp/server-priv.h"
#include "talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TO_STRING    (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#if defined(__SANITIZE_ADDRESS__) /* which takes ten times as long */
#define ROUNDS	    300
#define ROUNDS_FULL 2000
#define LEAK_MOST   (256u << 10)
#else
#define ROUNDS	    1000
#define ROUNDS_FULL 6000
#define LEAK_MOST   (2u << 20) /* with what malloc keeps for each thread */
#endif
#define ANCHOR	    "anchor-"
#define MEMORY_MOST (8u << 20) /* that a connection may take at any time */

/* Random numbers: xorshift64*. */

static uint64_t state;

static void seed(uint64_t base, uint64_t round)
{
	state = (base * 0x9e3779b97f4a7c15 + round + 1) * 0xbf58476d1ce4e5b9 | 1;
}

static uint32_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(state * 0x2545f4914f6cdd1d >> 32);
}

static size_t below(size_t limit)
{
	return any() % limit;
}

static bool one_in(size_t count)
{
	return below(count) == 0;
}

/* What to repeat. */
static uint64_t base_seed, round_number;

static void tell_round(void)
{
	char text[96];
	int size = snprintf(text, sizeof(text), "# QMP_FUZZ_SEED=%llu QMP_FUZZ_ROUND=%llu\n",
			    (unsigned long long)base_seed, (unsigned long long)round_number);
	ssize_t ignored = write(STDOUT_FILENO, text, (size_t)size);

	(void)ignored;
}

#define failed(...)                    \
	do {                           \
		tell_round();          \
		fail_msg(__VA_ARGS__); \
	} while (0)

/* The commands: without side effects, so that the test can run them too. */

static int nothing(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	return 0;
}

static int echo(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = json_object_get(arguments);
	return 0;
}

static int fails(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->error_class = QMP_DEVICE_NOT_FOUND;
	return error_set(ENODEV, "Device 'nope' not found");
}

static int tell(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct fixture *fixture = opaque;

	if (fixture)
		qmp_event(fixture->qmp, "TOLD", NULL);
	return 0;
}

struct promise {
	struct qmp *qmp;
	uint64_t ticket;
};

static void keep(void *opaque)
{
	struct promise *promise = opaque;

	qmp_answer_later(promise->qmp, promise->ticket, json_object_new_string("late"), NULL);
	free(promise);
}

static int later(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct fixture *fixture = opaque;
	struct promise *promise;

	if (!fixture)
		return QMP_LATER;
	promise = malloc(sizeof(*promise));
	*promise = (struct promise){ fixture->qmp, answer->ticket };
	assert_int_equal(loop_post(fixture->loop, keep, promise), 0);
	return QMP_LATER;
}

static const struct qmp_argument echo_arguments[] = { { NULL, QMP_TYPE_STRING, true } };
static const struct qmp_argument typed_arguments[] = {
	{ "n", QMP_TYPE_INT, false },
	{ "s", QMP_TYPE_STRING, true },
};
static const struct qmp_command commands[] = {
	{ "nothing", "", NULL, 0, true, nothing },
	{ "echo", "", echo_arguments, 1, false, echo },
	{ "typed", "", typed_arguments, 2, false, nothing },
	{ "fails", "", NULL, 0, false, fails },
	{ "tell", "", NULL, 0, false, tell },
	{ "later", "", NULL, 0, false, later },
};
static const struct qmp_event events[] = { { "TOLD", "" } };
static const struct qmp_table table = { commands, COUNT(commands), events, COUNT(events) };

/* Streams. */

struct text {
	char *data;
	size_t size, capacity;
};

static void add(struct text *text, const void *data, size_t size)
{
	if (text->size + size + 1 > text->capacity) {
		text->capacity = 2 * (text->size + size + 1);
		text->data = realloc(text->data, text->capacity);
		assert_non_null(text->data);
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

static void add_string(struct text *text, const char *string)
{
	add(text, string, strlen(string));
}

static void add_many(struct text *text, const char *string, size_t count)
{
	while (count-- > 0)
		add_string(text, string);
}

static const char *const requests[] = {
	"{\"execute\":\"nothing\"}",
	"{ \"execute\" : \"nothing\" , \"arguments\" : { } , \"id\" : [1, {\"a\": null}] }\r\n",
	"{\"execute\":\"echo\",\"arguments\":{\"a\":[1,-2.5e1,true,null],\"b\":{\"c\":\"\\u00e4\\n\"}},"
	"\"id\":7}",
	"{\n\"execute\": \"echo\",\n\"arguments\":\n{\n\"text\": \"gr\xc3\xbc\xc3\x9f "
	"\xf0\x9f\x98\x80\"\n}\n}\n",
	"{\"execute\":\"typed\",\"arguments\":{\"n\":9223372036854775807,\"s\":\"x\"}}",
	"{\"execute\":\"typed\",\"arguments\":{\"n\":\"1\"}}",
	"{\"execute\":\"fails\",\"id\":null}",
	"{\"execute\":\"tell\"}",
	"{\"execute\":\"later\",\"id\":\"l\"}",
	"{\"exec-oob\":\"nothing\",\"id\":\"o\"}",
	"{\"execute\":\"nosuch\",\"id\":1e3}",
	"{\"execute\":\"query-commands\"}",
	"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"x\"}}",
	"{\"execute\":\"nothing\",\"extra\":1}",
	"{\"arguments\":{}}",
};

static const char *const tokens[] = {
	"{",
	"}",
	"[",
	"]",
	"\"",
	":",
	",",
	"\\",
	"\n",
	"\r",
	"\t",
	" ",
	"'",
	"0",
	"01",
	"-",
	"-0",
	"1e999",
	"1e",
	".5",
	"0x10",
	"99999999999999999999",
	"nul",
	"null",
	"true",
	"False",
	"NaN",
	"Infinity",
	"\"\\u0000\"",
	"\"\\ud800\"",
	"\"\\udc00\\ud800\"",
	"\"\\x\"",
	"\"\\u12\"",
	"/* */",
	"//",
	"execute",
	"\"execute\":",
	"\"id\":",
	"\x01",
	"\x7f",
	"\x80",
	"\xc0\x80",
	"\xc3",
	"\xe2\x82",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"\xf0\x9f\x98",
	"\xf8",
	"\xfe",
	"\xff",
	"\n{",
	"\n}",
	"{}",
	"[]",
	"{\"a\":",
	"[[[[",
};

static const char *request(void)
{
	return requests[below(COUNT(requests))];
}

static void add_mutated(struct text *text)
{
	struct text one = { 0 };

	add_string(&one, request());
	for (size_t edits = 1 + below(4); edits > 0 && one.size > 1; edits--) {
		size_t at = below(one.size), length = 1 + below(one.size - at);
		const char *token = tokens[below(COUNT(tokens))];
		struct text next = { 0 };

		switch (below(6)) {
		case 0: /* a bit */
			one.data[at] = (char)(one.data[at] ^ 1 << below(8));
			continue;
		case 1: /* a byte */
			one.data[at] = (char)any();
			continue;
		case 2: /* the end */
			one.size = at;
			continue;
		case 3: /* a stretch is gone, */
			add(&next, one.data, at);
			break;
		case 4: /* or there twice, */
			add(&next, one.data, at + length);
			length = 0;
			break;
		default: /* or something in its place */
			add(&next, one.data, at);
			add_string(&next, token);
			length = below(2);
		}
		add(&next, one.data + at + length, one.size - at - length);
		free(one.data);
		one = next;
	}
	add(text, one.data, one.size);
	free(one.data);
}

static void add_spliced(struct text *text)
{
	const char *head = request(), *tail = request();

	add(text, head, below(strlen(head) + 1));
	add_string(text, tail + below(strlen(tail) + 1));
}

static void add_garbage(struct text *text)
{
	bool bytes = one_in(2);

	for (size_t count = below(60); count > 0; count--) {
		char byte = (char)any();

		if (bytes)
			add(text, &byte, 1);
		else
			add_string(text, tokens[below(COUNT(tokens))]);
	}
}

static void add_deep(struct text *text)
{
	size_t depth = one_in(4) ? below(5000) : QMP_REQUEST_DEPTH - 3 + below(6);
	bool lists = one_in(2);

	add_string(text, "{\"execute\":\"echo\",\"arguments\":{\"d\":");
	add_many(text, lists ? "[" : "{\"a\":", depth);
	add_string(text, "1");
	add_many(text, lists ? "]" : "}", one_in(4) ? below(depth + 1) : depth);
	add_string(text, "}}");
}

static void add_long(struct text *text)
{
	size_t size = one_in(4) ? below(4 * QMP_REQUEST_SIZE) : QMP_REQUEST_SIZE - 60 + below(40);
	bool members = one_in(3);

	add_string(text, "{\"execute\":\"echo\",\"arguments\":{\"l\":\"");
	add_many(text, members ? "\",\"l\":\"" : "x", members ? size / 7 : size);
	add_string(text, one_in(4) ? "" : "\"}}");
}

/* More answers than a connection may have to wait for. */
static void add_flood(struct text *text)
{
	add_many(text, "{\"execute\":\"query-commands\"}", below(6000));
}

/* One part of a stream. */
static void add_part(struct text *text)
{
	switch (below(10)) {
	case 0:
	case 1:
	case 2:
		add_mutated(text);
		break;
	case 3:
		add_spliced(text);
		break;
	case 4:
		add_garbage(text);
		break;
	case 5:
		if (one_in(2))
			add_deep(text);
		break;
	case 6:
		if (one_in(8))
			add_long(text);
		break;
	case 7:
		if (one_in(40))
			add_flood(text);
		add_string(text, tokens[below(COUNT(tokens))]);
		break;
	default:
		add_string(text, request());
	}
}

/* Several, and what must be heard whatever was before. Returns how many of these there are. oob: of a client
 * that uses exec-oob. */
static unsigned make_stream(struct text *text, bool oob)
{
	unsigned anchors = 0;

	if (oob)
		add_string(text, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}");
	for (size_t parts = 1 + below(40); parts > 0; parts--) {
		char anchor[96];

		add_part(text);
		if (!one_in(4))
			continue;
		snprintf(anchor, sizeof(anchor), "%s{\"execute\":\"nothing\",\"id\":\"" ANCHOR "%u\"}",
			 one_in(2) ? "\xff" : "\x01", anchors++);
		add_string(text, anchor);
	}
	return anchors;
}

/* What has to come back of it, a line each. */
static void foretell(const struct text *stream, struct text *ret_answers)
{
	struct qmp_fds fds = { 0 };
	struct qmp_session session = { .table = &table, .fds = &fds, .fd = -1 };
	struct qmp_parser parser;
	size_t at = 0;

	assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
	while (at < stream->size) {
		struct json_object *reply = NULL;
		struct qmp_parsed parsed;

		at += qmp_parser_feed(&parser, stream->data + at, stream->size - at, &parsed);
		if (parsed.value) {
			reply = qmp_dispatch(&session, parsed.value, 1);
			if (!reply)
				reply = qmp_reply(parsed.value, json_object_new_string("late"), NULL);
		} else if (parsed.wrong) {
			reply = qmp_error(QMP_GENERIC_ERROR, parsed.wrong);
		}
		json_object_put(parsed.value);
		if (!reply)
			continue;
		add_string(ret_answers, json_object_to_json_string_ext(reply, TO_STRING));
		add_string(ret_answers, "\r\n");
		json_object_put(reply);
	}
	qmp_parser_fini(&parser);
	qmp_fds_fini(&fds);
}

/* Connections. */

static size_t allocated(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return __sanitizer_get_current_allocated_bytes();
#else
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

static struct {
	int fd;
	unsigned clients;
} work;

static void connect_one(struct fixture *fixture)
{
	assert_int_equal(qmp_client_create(fixture->qmp, work.fd, "fuzz"), 0);
}

static void count_clients(struct fixture *fixture)
{
	work.clients = fixture->qmp->client_count;
}

static int connect_pair(struct fixture *fixture)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	/* Little room: who does not read is noticed. */
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
	work.fd = pair[1];
	talk_run(fixture, connect_one);
	return pair[0];
}

static size_t piece(size_t left)
{
	static const size_t sizes[] = { 1, 3, 40, 700, QMP_INPUT + 1, 100000 };
	size_t size = 1 + below(sizes[below(COUNT(sizes))]);

	return size < left ? size : left;
}

/* Sends it in pieces, and hears all answers, up to the end of the connection. early: leaves after so many
 * bytes. lazy: hears nothing as long as it is let talk. */
static void converse(int fd, const struct text *stream, struct text *ret_heard, size_t early, bool lazy)
{
	static char buffer[65536];
	size_t sent = 0, before = allocated();

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = sent < stream->size ? POLLIN | POLLOUT : POLLIN };
		ssize_t size;

		if (lazy && sent < stream->size && poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 2) == 1)
			wait.events = POLLOUT;
		if (poll(&wait, 1, 20000) <= 0)
			failed("nothing happens");
		if (wait.revents & POLLOUT) {
			size = send(fd, stream->data + sent, piece(stream->size - sent), MSG_NOSIGNAL);
			sent += size > 0 ? (size_t)size : 0;
			if (sent == stream->size)
				shutdown(fd, SHUT_WR);
			if (lazy && sent == stream->size && sent > QMP_QUEUE_HIGH)
				usleep(50000); /* time to answer more than is read */
		}
		if (sent >= early)
			return;
		if (allocated() > before + MEMORY_MOST + 2 * ret_heard->capacity)
			failed("%zu bytes were allocated meanwhile", allocated() - before);
		if (!(wait.revents & (POLLIN | POLLHUP)))
			continue;
		size = recv(fd, buffer, sizeof(buffer), 0);
		if (size == 0)
			return;
		if (size > 0)
			add(ret_heard, buffer, (size_t)size);
	}
}

/* Takes out the greeting, and events. */
static void only_answers(struct text *text)
{
	struct text kept = { 0 };
	const char *line = text->data, *end;

	while (line && (end = strstr(line, "\r\n"))) {
		if (strncmp(line, "{\"QMP\":", 7) != 0 && strncmp(line, "{\"event\":", 9) != 0)
			add(&kept, line, (size_t)(end + 2 - line));
		line = end + 2;
	}
	free(text->data);
	*text = kept;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Who uses exec-oob gets such answers whenever they are there: they are compared without their order. */
static void sort_lines(struct text *text)
{
	size_t count = 0, at = 0;
	struct text sorted = { 0 };
	char **lines, *rest = text->data, *line;

	for (size_t i = 0; i < text->size; i++)
		count += text->data[i] == '\n';
	lines = calloc(count + 1, sizeof(*lines));
	assert_non_null(lines);
	while (at < count && (line = strsep(&rest, "\n")))
		lines[at++] = line;
	qsort(lines, at, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < at; i++) {
		add_string(&sorted, lines[i]);
		add_string(&sorted, "\n");
	}
	free(lines);
	free(text->data);
	*text = sorted;
}

/* Whatever the parser thinks of it: nothing that is too deep is carried out. */
static void check_depth(const struct text *heard)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < heard->size; i++) {
		char byte = heard->data[i];

		if (in_string && byte == '\\')
			i++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '{' || byte == '['))
			depth++;
		else if (!in_string && (byte == '}' || byte == ']'))
			depth--;
		if (depth > QMP_REQUEST_DEPTH)
			failed("an answer has more than %u brackets within one another", depth);
	}
}

static void check_anchors(const struct text *heard, unsigned anchors)
{
	const char *at = heard->data;

	for (unsigned i = 0; i < anchors; i++) {
		char wanted[64];

		snprintf(wanted, sizeof(wanted), "{\"return\":{},\"id\":\"" ANCHOR "%u\"}\r\n", i);
		at = at ? strstr(at, wanted) : NULL;
		if (!at)
			failed("request %u of %u behind a stray byte was not answered, or not in its turn", i,
			       anchors);
	}
}

static void one_round(struct fixture *fixture, uint64_t base, uint64_t number)
{
	struct text stream = { 0 }, wanted = { 0 }, heard = { 0 };
	bool leaves, oob, lazy;
	unsigned anchors;
	int fd;

	seed(base, number);
	oob = one_in(3);
	anchors = make_stream(&stream, oob);
	add_string(&stream, "\n"); /* never empty */
	leaves = one_in(8);
	lazy = one_in(4);
	fd = connect_pair(fixture);
	converse(fd, &stream, &heard, leaves ? below(stream.size + 1) : SIZE_MAX, lazy);
	close(fd);
	if (!leaves) {
		foretell(&stream, &wanted);
		only_answers(&heard);
		add(&wanted, "", 0);
		add(&heard, "", 0);
		check_depth(&heard);
		check_anchors(&heard, anchors);
		if (oob) {
			sort_lines(&wanted);
			sort_lines(&heard);
		}
		if (strcmp(wanted.data, heard.data) != 0)
			failed("wanted\n%.4000s\nheard\n%.4000s", wanted.data, heard.data);
	}
	free(stream.data);
	free(wanted.data);
	free(heard.data);
}

static void on_death(int number)
{
	tell_round();
	signal(number, SIG_DFL);
	raise(number);
}

static void watch_for_death(void)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_set_death_callback(tell_round);
#else
	signal(SIGSEGV, on_death);
#endif
	signal(SIGABRT, on_death);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_streams(void **fixture_state)
{
	struct fixture *fixture = *fixture_state;
	bool full = getenv("FULL") && *getenv("FULL");
	uint64_t first = number_of("QMP_FUZZ_ROUND", 0), rounds = full ? ROUNDS_FULL : ROUNDS;
	size_t before = 0;

	if (getenv("QMP_FUZZ_ROUND"))
		rounds = first + 1;
	base_seed = number_of("QMP_FUZZ_SEED", full ? (uint64_t)time(NULL) : 1);
	round_number = first;
	tell_round();
	watch_for_death();
	for (; round_number < rounds; round_number++) {
		one_round(fixture, base_seed, round_number);
		if (round_number == first + 20)
			before = allocated();
	}
	do
		talk_run(fixture, count_clients);
	while (work.clients > 0);
	if (before && allocated() > before + LEAK_MOST)
		failed("%zu bytes more are allocated than at the beginning", allocated() - before);
}

static int set_up(void **fixture_state)
{
	return talk_set_up(fixture_state, &table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_streams, set_up, talk_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
