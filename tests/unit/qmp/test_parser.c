/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The byte stream: wherever it is split, the same comes out of it. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp/parser-priv.h"

#define OUTCOMES_SIZE 4096

/* What came out, one a line: the object as text, or "!" and the complaint. */
static void feed(struct qmp_parser *parser, const char *data, size_t size, char *outcomes)
{
	while (size > 0) {
		struct qmp_parsed parsed;
		/* A copy of its own, so that reading beyond it is seen. */
		char *copy = memcpy(malloc(size), data, size);
		size_t taken = qmp_parser_feed(parser, copy, size, &parsed);

		free(copy);
		assert_in_range(taken, 0, size);
		assert_true(taken > 0 || parsed.wrong);
		if (parsed.value)
			strcat(outcomes,
			       json_object_to_json_string_ext(parsed.value, JSON_C_TO_STRING_PLAIN));
		else if (parsed.wrong)
			strcat(strcat(outcomes, "!"), parsed.wrong);
		if (parsed.value || parsed.wrong)
			strcat(outcomes, "\n");
		json_object_put(parsed.value);
		data += taken;
		size -= taken;
	}
}

static void expect(const char *data, size_t size, const char *wanted)
{
	for (size_t step = 1; step <= size; step++) {
		char outcomes[OUTCOMES_SIZE] = "";
		struct qmp_parser parser;

		assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
		for (size_t at = 0; at < size; at += step)
			feed(&parser, data + at, size - at < step ? size - at : step, outcomes);
		if (strcmp(outcomes, wanted) != 0)
			fail_msg("in steps of %zu: wanted\n%sgot\n%s", step, wanted, outcomes);
		qmp_parser_fini(&parser);
	}
	for (size_t cut = 0; cut <= size; cut++) {
		char outcomes[OUTCOMES_SIZE] = "";
		struct qmp_parser parser;

		assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
		feed(&parser, data, cut, outcomes);
		feed(&parser, data + cut, size - cut, outcomes);
		if (strcmp(outcomes, wanted) != 0)
			fail_msg("cut at %zu: wanted\n%sgot\n%s", cut, wanted, outcomes);
		qmp_parser_fini(&parser);
	}
}

#define OBJECT	  "JSON parse error, invalid member name"
#define SEPARATOR "JSON parse error, expected separator in object"
#define BEGINS	  "JSON parse error, a request begins with '{'"

static void test_every_split(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "{\"execute\":\"a\"}", "{\"execute\":\"a\"}\n" },
		/* with line ends of all sorts, and none */
		{ "{\"a\":1}{\"b\":2}\r\n \t{\"c\":3}\n\n{\"d\":4}",
		  "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n" },
		/* as people write it */
		{ "{\n  \"execute\": \"x\",\n  \"arguments\":\n{\n\"n\": [ 1, -2.5e1, true, null ]\n}\n}\n",
		  "{\"execute\":\"x\",\"arguments\":{\"n\":[1,-2.5e1,true,null]}}\n" },
		{ "[1,{\"a\":[]}]", "[1,{\"a\":[]}]\n" },
		/* brackets and quotation marks in strings */
		{ "{\"a\":\"}{\\\"][\\\\\"}", "{\"a\":\"}{\\\"][\\\\\"}\n" },
		{ "{\"a\":\"\\u00e4\\ud83d\\ude00\xc3\xa4\"}",
		  "{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\xc3\xa4\"}\n" },
		/* garbage, and then sense */
		{ "nonsense\n{\"a\":1}", "!" BEGINS "\n{\"a\":1}\n" },
		{ "nonsense{\"a\":1}", "!" BEGINS "\n{\"a\":1}\n" },
		{ "{\"a\":1},{\"b\":2}", "{\"a\":1}\n!" BEGINS "\n{\"b\":2}\n" },
		{ "one\ntwo\n\n", "!" BEGINS "\n!" BEGINS "\n" },
		{ "}]\n{\"a\":1}", "!" BEGINS "\n{\"a\":1}\n" },
		/* an object in a string is none */
		{ "\"{\\\"a\\\":1} {\"\n{\"b\":2}", "!" BEGINS "\n{\"b\":2}\n" },
		{ "\"{\n{\"b\":2}", "!" BEGINS "\n{\"b\":2}\n" },
		/* a fault within an object: none of its own parts is taken for a request */
		{ "{\"a\":x,\"b\":{\"execute\":\"quit\"}}{\"c\":3}",
		  "!JSON parse error, expecting value\n{\"c\":3}\n" },
		{ "{'a':1}\n{\"b\":2}", "!JSON parse error, strings stand in double quotes\n{\"b\":2}\n" },
		{ "{\"a\":1]\n{\"b\":2}", "!" SEPARATOR "\n{\"b\":2}\n" },
		{ "{\"a\" 1}\n{\"b\":2}", "!JSON parse error, missing : in object pair\n{\"b\":2}\n" },
		{ "{\"a\":nul}\n{\"b\":2}", "!JSON parse error, invalid keyword\n{\"b\":2}\n" },
		{ "[0,-0.5,1.25E+3,1e-2,10]", "[0,-0.5,1.25E+3,1e-2,10]\n" },
		{ "[01]\n[1.]\n[.1]\n[1e]\n",
		  "!JSON parse error, invalid number\n!JSON parse error, invalid number\n"
		  "!JSON parse error, expecting value\n!JSON parse error, invalid number\n" },
		{ "{\"a\":1-2}\n{\"b\":2}", "!JSON parse error, invalid number\n{\"b\":2}\n" },
		/* a bracket too few: the next line is a request again */
		{ "{\"execute\":\"x\"\n{\"b\":2}\n{\"c\":3}\n", "!" SEPARATOR "\n{\"b\":2}\n{\"c\":3}\n" },
		{ "{\"a\":[1 2\n  {\"execute\":\"quit\"}\n{\"c\":3}\n",
		  "!JSON parse error, expected separator in list\n{\"c\":3}\n" },
		/* strings do not go over lines */
		{ "{\"a\":\"b\n{\"c\":3}\n", "!JSON parse error, a line ends within a string\n{\"c\":3}\n" },
		/* what QEMU's clients do who do not know where they stand */
		{ "{\"a\":\"b\xff{\"c\":3}", "!JSON parse error, stray control character\n{\"c\":3}\n" },
		{ "{\"a\":[\x01{\"c\":3}", "!JSON parse error, stray control character\n{\"c\":3}\n" },
		{ "\xff{\"c\":3}", "!JSON parse error, stray control character\n{\"c\":3}\n" },
		{ "{x\x02{\"c\":3}", "!" OBJECT "\n!JSON parse error, stray control character\n{\"c\":3}\n" },
		/* what is not UTF-8: a stray continuation, an overlong /, a surrogate, beyond the last, cut
		 */
		{ "{\"a\":\"\x80\"}{\"c\":3}", "!JSON parse error, invalid UTF-8 sequence\n{\"c\":3}\n" },
		{ "{\"a\":\"\xc0\xaf\"}{\"c\":3}", "!JSON parse error, invalid UTF-8 sequence\n{\"c\":3}\n" },
		{ "{\"a\":\"\xed\xa0\x80\"}{\"c\":3}",
		  "!JSON parse error, invalid UTF-8 sequence\n{\"c\":3}\n" },
		{ "{\"a\":\"\xf4\x90\x80\x80\"}{\"c\":3}",
		  "!JSON parse error, invalid UTF-8 sequence\n{\"c\":3}\n" },
		{ "{\"a\":\"\xe2\x82\"}{\"c\":3}", "!JSON parse error, invalid UTF-8 sequence\n{\"c\":3}\n" },
		/* not whole: nothing to tell yet */
		{ "{\"a\":\"", "" },
		{ "  \r\n", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].text, strlen(cases[i].text), cases[i].wanted);
}

static void test_a_zero_is_a_control_character(void **state)
{
	static const char text[] = "{\"a\":\"b\0c\"}\n{\"c\":3}";

	expect(text, sizeof(text) - 1,
	       "!JSON parse error, stray control character\n!" BEGINS "\n{\"c\":3}\n");
}

static void test_depth(void **state)
{
	char text[2 * QMP_REQUEST_DEPTH + 64] = "";
	char wanted[2 * QMP_REQUEST_DEPTH + 64] = "";

	for (unsigned more = 0; more < 2; more++) {
		memset(text, '[', QMP_REQUEST_DEPTH + more);
		memset(text + QMP_REQUEST_DEPTH + more, ']', QMP_REQUEST_DEPTH + more);
		strcpy(text + 2 * (QMP_REQUEST_DEPTH + more), "{\"a\":1}");
		if (more == 0)
			sprintf(wanted, "%.*s\n{\"a\":1}\n", 2 * QMP_REQUEST_DEPTH, text);
		else
			strcpy(wanted, "!JSON nesting depth limit exceeded\n{\"a\":1}\n");
		expect(text, strlen(text), wanted);
	}
}

/* Small values take much more memory than bytes. */
static void test_values(void **state)
{
	const unsigned most = QMP_REQUEST_SIZE / 16 / 2; /* each with its comma */
	char *text = malloc(QMP_REQUEST_SIZE);

	for (unsigned more = 0; more < 2; more++) {
		char *at = text + sprintf(text, "{\"id\":[{}"), *outcomes = calloc(1, QMP_REQUEST_SIZE);
		struct qmp_parser parser;

		for (unsigned i = 1; i < most + more; i++)
			at += sprintf(at, ",{}");
		strcpy(at, "]}");
		assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
		feed(&parser, text, strlen(text), outcomes);
		if (more)
			assert_string_equal(outcomes, "!JSON token count limit exceeded\n");
		else
			assert_int_equal(strlen(outcomes), strlen(text) + 1);
		qmp_parser_fini(&parser);
		free(outcomes);
	}
	free(text);
}

static void test_numbers_that_are_none(void **state)
{
	expect("{\"a\":NaN}{\"b\":1}", strlen("{\"a\":NaN}{\"b\":1}"),
	       "!JSON parse error, invalid keyword\n{\"b\":1}\n");
	expect("{\"a\":-Infinity}{\"b\":1}", strlen("{\"a\":-Infinity}{\"b\":1}"),
	       "!JSON parse error, invalid keyword\n{\"b\":1}\n");
	expect("{\"a\":\"NaN\",\"b\":1E2}", strlen("{\"a\":\"NaN\",\"b\":1E2}"),
	       "{\"a\":\"NaN\",\"b\":1E2}\n");
}

static void test_size(void **state)
{
	char *text = malloc(QMP_REQUEST_SIZE + 64);

	for (size_t more = 0; more < 2; more++) {
		static const size_t steps[] = { 1, 7, 4096, QMP_REQUEST_SIZE + 64 };
		size_t size = QMP_REQUEST_SIZE + more;

		memset(text, 'x', size);
		memcpy(text, "{\"a\":\"", 6);
		memcpy(text + size - 2, "\"}", 2);
		strcpy(text + size, "{\"b\":2}");
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			char *outcomes = calloc(1, QMP_REQUEST_SIZE + 128);
			struct qmp_parser parser;

			assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
			for (size_t at = 0; at < size + 7; at += steps[i])
				feed(&parser, text + at, size + 7 - at < steps[i] ? size + 7 - at : steps[i],
				     outcomes);
			if (more)
				assert_string_equal(outcomes, "!JSON token size limit exceeded\n{\"b\":2}\n");
			else
				assert_int_equal(strlen(outcomes), size + 1 + 8);
			qmp_parser_fini(&parser);
			free(outcomes);
		}
	}
	free(text);
}

/* Any bytes at all: the same for every split, and an object behind 0xff and a line's end always gets through.
 */
static void test_random_bytes(void **state)
{
	static const char alphabet[] = "{}[]\":,\\\n\t ax01.-e\x01\x80\xc3\xa4\xff";
	static const char last[] = "\xff\n{\"z\":9}";
	unsigned seed = 1;

	for (unsigned round = 0; round < 3000; round++) {
		char text[48], whole[OUTCOMES_SIZE] = "";
		size_t size = 0;
		struct qmp_parser parser;

		while (size < sizeof(text) - sizeof(last)) {
			seed = seed * 1103515245 + 12345;
			text[size++] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		memcpy(text + size, last, sizeof(last) - 1);
		size += sizeof(last) - 1;
		assert_int_equal(qmp_parser_init(&parser, QMP_REQUEST_SIZE), 0);
		feed(&parser, text, size, whole);
		qmp_parser_fini(&parser);
		assert_non_null(strstr(whole, "\n{\"z\":9}\n"));
		expect(text, size, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),  cmocka_unit_test(test_a_zero_is_a_control_character),
		cmocka_unit_test(test_values),	     cmocka_unit_test(test_numbers_that_are_none),
		cmocka_unit_test(test_depth),	     cmocka_unit_test(test_size),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
