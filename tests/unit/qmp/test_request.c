/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests as people write them for `handfast qmp`. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "qmp/request-priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct qmp_argument arguments[] = {
	{ "text", QMP_TYPE_STRING, false },
	{ "number", QMP_TYPE_INT, true },
	{ "flag", QMP_TYPE_BOOL, true },
	{ "list", QMP_TYPE_ARRAY, true },
};
static const struct qmp_command commands[] = { { "do", "", arguments, COUNT(arguments), false, NULL } };
static const struct qmp_table table = { commands, COUNT(commands), NULL, 0 };

static void test_lines(void **state)
{
	static const struct {
		const char *line, *request;
	} cases[] = {
		{ "do", "{\"execute\":\"do\"}" },
		{ "  do\ttext=a  number=-7 flag=on \r",
		  "{\"execute\":\"do\",\"arguments\":{\"text\":\"a\",\"number\":-7,\"flag\":true}}" },
		{ "do flag=off list=[1,true]",
		  "{\"execute\":\"do\",\"arguments\":{\"flag\":false,\"list\":[1,true]}}" },
		{ "do \"text=two words\" text2=\"\"",
		  "{\"execute\":\"do\",\"arguments\":{\"text\":\"two words\",\"text2\":\"\"}}" },
		/* what a string looks like is no matter, nor what an unknown command takes */
		{ "do text=1", "{\"execute\":\"do\",\"arguments\":{\"text\":\"1\"}}" },
		{ "do text=a=b", "{\"execute\":\"do\",\"arguments\":{\"text\":\"a=b\"}}" },
		{ "other number=1", "{\"execute\":\"other\",\"arguments\":{\"number\":\"1\"}}" },
		{ " {\"execute\":\"x\",\"id\":1}", "{\"execute\":\"x\",\"id\":1}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *line = strdup(cases[i].line);
		struct json_object *request;
		const char *text;

		assert_int_equal(request_from_line(&table, line, &request), 0);
		text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
		assert_string_equal(text, cases[i].request);
		json_object_put(request);
		free(line);
	}
}

static void test_lines_that_say_nothing(void **state)
{
	char empty[] = "", blank[] = " \t \r";
	struct json_object *request;

	assert_int_equal(request_from_line(&table, empty, &request), 0);
	assert_null(request);
	assert_int_equal(request_from_line(&table, blank, &request), 0);
	assert_null(request);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *line, *because;
	} cases[] = {
		{ "do now", "'now' is no KEY=VALUE" },
		{ "do =x", "'=x' is no KEY=VALUE" },
		{ "do flag=maybe", "the value of 'flag' is not of its type" },
		{ "do number=", "the value of 'number' is not of its type" },
		{ "{\"execute\"", "'{\"execute\"' is not JSON" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *line = strdup(cases[i].line);
		struct json_object *request;

		assert_int_equal(request_from_line(&table, line, &request), -EINVAL);
		assert_string_equal(error_get()->because, cases[i].because);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_that_say_nothing),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
