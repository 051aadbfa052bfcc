/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From request to answer: names, arguments, errors in QEMU's words. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "qmp/dispatch-priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int echo(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	assert_string_equal(opaque, "opaque");
	answer->value = json_object_get(arguments);
	return 0;
}

static int nothing(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	return 0;
}

static int fail_shortly(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->error_class = QMP_DEVICE_NOT_FOUND;
	return error_set(ENODEV, "Device 'nope' not found");
}

static int fail_at_length(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	/* What was made before it failed is not leaked. */
	answer->value = json_object_new_object();
	error_set(EBUSY, "0000:01:00.1 is bound to snd_hda_intel");
	error_tried("assign 0000:01:00.0");
	return error_try("handfast bind 0000:01:00.1");
}

static const struct qmp_argument arguments[] = {
	{ "text", QMP_TYPE_STRING, false },
	{ "number", QMP_TYPE_INT, true },
	{ "flag", QMP_TYPE_BOOL, true },
};

static const struct qmp_command commands[] = {
	{ "echo", "", arguments, COUNT(arguments), false, echo },
	{ "nothing", "", NULL, 0, true, nothing },
	{ "fail-shortly", "", NULL, 0, false, fail_shortly },
	{ "fail-at-length", "", NULL, 0, false, fail_at_length },
};
static const struct qmp_event events[] = { { "DONE", "" } };
static const struct qmp_table table = { commands, COUNT(commands), events, COUNT(events) };

static void expect(struct qmp_session *session, const char *request, const char *wanted)
{
	struct json_object *object = json_tokener_parse(request), *answer,
			   *right = json_tokener_parse(wanted);

	assert_non_null(object);
	assert_non_null(right);
	answer = qmp_dispatch(session, object);
	if (!json_object_equal(answer, right))
		fail_msg("%s: wanted %s, got %s", request, wanted, json_object_to_json_string(answer));
	json_object_put(object);
	json_object_put(answer);
	json_object_put(right);
}

#define FAILURE(class, text) "{\"error\":{\"class\":\"" class "\",\"desc\":\"" text "\"}}"
#define GENERIC(text)	     FAILURE("GenericError", text)

static void test_requests(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "{\"execute\":\"nothing\"}", "{\"return\":{}}" },
		{ "{\"execute\":\"nothing\",\"arguments\":{}}", "{\"return\":{}}" },
		{ "{\"exec-oob\":\"nothing\",\"id\":1}", "{\"return\":{},\"id\":1}" },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"t\",\"number\":-3,\"flag\":true}}",
		  "{\"return\":{\"text\":\"t\",\"number\":-3,\"flag\":true}}" },
		{ "{\"execute\":\"echo\"}", GENERIC("Parameter 'text' is missing") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":1}}",
		  GENERIC("Invalid parameter type for 'text', expected: string") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":null}}",
		  GENERIC("Invalid parameter type for 'text', expected: string") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"t\",\"number\":\"1\"}}",
		  GENERIC("Invalid parameter type for 'number', expected: integer") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"t\",\"flag\":1}}",
		  GENERIC("Invalid parameter type for 'flag', expected: boolean") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"t\",\"more\":1}}",
		  GENERIC("Parameter 'more' is unexpected") },
		{ "{\"execute\":\"echo\",\"arguments\":{\"text\":\"a\\u0000b\"}}",
		  GENERIC("Parameter 'text' has a NUL character in it") },
		{ "{\"execute\":\"nosuch\"}",
		  FAILURE("CommandNotFound", "The command nosuch has not been found") },
		{ "{\"execute\":\"nothing\\u0000\"}",
		  GENERIC("QMP input member 'execute' must be a string") },
		{ "{\"exec\":\"x\"}", GENERIC("QMP input member 'exec' is unexpected") },
		{ "{}", GENERIC("QMP input lacks member 'execute'") },
		{ "{\"id\":7}", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input lacks member "
				"'execute'\"},\"id\":7}" },
		{ "[1]", GENERIC("QMP input must be a JSON object") },
		{ "{\"execute\":1}", GENERIC("QMP input member 'execute' must be a string") },
		{ "{\"execute\":\"nothing\",\"arguments\":[]}",
		  GENERIC("QMP input member 'arguments' must be an object") },
		{ "{\"execute\":\"nothing\",\"exec-oob\":\"nothing\"}",
		  GENERIC("QMP input member 'exec-oob' clashes with 'execute'") },
		{ "{\"exec-oob\":\"echo\",\"arguments\":{\"text\":\"t\"}}",
		  GENERIC("The command echo does not support OOB") },
		{ "{\"execute\":\"fail-shortly\",\"id\":[{}]}",
		  "{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"Device 'nope' not "
		  "found\"},\"id\":[{}]}" },
		{ "{\"execute\":\"fail-at-length\"}",
		  GENERIC("cannot assign 0000:01:00.0\\n  because: 0000:01:00.1 is bound to snd_hda_intel\\n"
			  "  try:     handfast bind 0000:01:00.1") },
		{ "{\"execute\":\"query-events\"}", "{\"return\":[{\"name\":\"DONE\"}]}" },
	};
	struct qmp_session session = { .table = &table, .opaque = (void *)"opaque" };

	for (size_t i = 0; i < COUNT(cases); i++)
		expect(&session, cases[i].request, cases[i].answer);
}

static void test_id_is_anything(void **state)
{
	static const char *const ids[] = { "1", "\"x\"", "null", "true", "[1,{}]", "{\"a\":-1.5}" };
	struct qmp_session session = { .table = &table };

	for (size_t i = 0; i < COUNT(ids); i++) {
		char request[128], answer[128];

		snprintf(request, sizeof(request), "{\"execute\":\"nothing\",\"id\":%s}", ids[i]);
		snprintf(answer, sizeof(answer), "{\"return\":{},\"id\":%s}", ids[i]);
		expect(&session, request, answer);
	}
}

static void test_negotiation(void **state)
{
	struct qmp_session session = { .table = &table };

	expect(&session, "{\"execute\":\"nothing\"}", "{\"return\":{}}"); /* it is not insisted on */
	expect(&session, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"fly\"]}}",
	       GENERIC("Parameter 'enable[0]' does not accept value 'fly'"));
	expect(&session, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\",1]}}",
	       GENERIC("Invalid parameter type for 'enable[1]', expected: string"));
	expect(&session, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}",
	       "{\"return\":{}}");
	expect(&session, "{\"execute\":\"qmp_capabilities\"}",
	       FAILURE("CommandNotFound", "Capabilities negotiation is already complete, command ignored"));
}

static void test_every_command_is_listed_and_found(void **state)
{
	struct qmp_session session = { .table = &table };
	struct json_object *request = json_tokener_parse("{\"execute\":\"query-commands\"}");
	struct json_object *answer = qmp_dispatch(&session, request), *list, *name;
	bool builtin;

	assert_true(json_object_object_get_ex(answer, "return", &list));
	assert_int_equal(json_object_array_length(list), qmp_builtin_command_count + COUNT(commands));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		assert_true(json_object_object_get_ex(json_object_array_get_idx(list, i), "name", &name));
		assert_non_null(qmp_command_find(&table, json_object_get_string(name), &builtin));
		assert_int_equal(builtin, i < qmp_builtin_command_count);
	}
	json_object_put(request);
	json_object_put(answer);
}

/* Whatever bytes a path has, what is sent is UTF-8. */
static void test_texts_are_utf8(void **state)
{
	static const struct {
		const char *text, *clean;
	} cases[] = {
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xff\xc3", "??" },
		{ "a\xe2\x82z\xf0\x9f\x98\x80", "a??z\xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *string = qmp_string(cases[i].text);

		assert_string_equal(json_object_get_string(string), cases[i].clean);
		json_object_put(string);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_id_is_anything),
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_every_command_is_listed_and_found),
		cmocka_unit_test(test_texts_are_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
