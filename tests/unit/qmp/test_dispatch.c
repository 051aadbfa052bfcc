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

static int take_time(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	assert_int_equal(answer->ticket, 77);
	answer->value = json_object_new_object(); /* of no use, but not leaked */
	return QMP_LATER;
}

static const struct qmp_argument arguments[] = {
	{ "text", QMP_TYPE_STRING, false },
	{ "number", QMP_TYPE_INT, true },
	{ "flag", QMP_TYPE_BOOL, true },
};

static const struct qmp_argument any_arguments[] = {
	{ "text", QMP_TYPE_STRING, false },
	{ NULL, QMP_TYPE_STRING, true },
};

static const struct qmp_command commands[] = {
	{ "echo-any", "", any_arguments, COUNT(any_arguments), false, echo },
	{ "echo", "", arguments, COUNT(arguments), false, echo },
	{ "nothing", "", NULL, 0, true, nothing },
	{ "fail-shortly", "", NULL, 0, false, fail_shortly },
	{ "fail-at-length", "", NULL, 0, false, fail_at_length },
	{ "take-time", "", NULL, 0, false, take_time },
};
static const struct qmp_event events[] = { { "DONE", "" } };
static const struct qmp_table table = { commands, COUNT(commands), events, COUNT(events) };

static void expect(struct qmp_session *session, const char *request, const char *wanted)
{
	struct json_object *object = json_tokener_parse(request), *answer,
			   *right = json_tokener_parse(wanted);

	assert_non_null(object);
	assert_non_null(right);
	answer = qmp_dispatch(session, object, 1);
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
		{ "{\"execute\":\"echo-any\",\"arguments\":{\"more\":[1],\"text\":\"t\"}}",
		  "{\"return\":{\"more\":[1],\"text\":\"t\"}}" },
		{ "{\"execute\":\"echo-any\",\"arguments\":{\"more\":1}}",
		  GENERIC("Parameter 'text' is missing") },
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
		{ "{\"exec-oob\":\"nothing\",\"execute\":\"nothing\"}",
		  GENERIC("QMP input member 'execute' clashes with 'exec-oob'") },
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
	struct qmp_session session = { .table = &table, .opaque = (void *)"opaque", .oob = true };

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

static void test_oob_is_enabled_by_session(void **state)
{
	struct qmp_session one = { .table = &table }, two = { .table = &table };
	struct json_object *request = json_tokener_parse("{\"exec-oob\":\"nothing\"}");

	expect(&one, "{\"exec-oob\":\"nothing\",\"id\":1}",
	       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'exec-oob' is "
	       "unexpected\"},\"id\":1}");
	expect(&one, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\",\"fly\"]}}",
	       GENERIC("Parameter 'enable[1]' does not accept value 'fly'"));
	assert_false(qmp_is_oob(&one, request));
	expect(&one, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}",
	       "{\"return\":{}}");
	expect(&two, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[]}}", "{\"return\":{}}");
	expect(&one, "{\"exec-oob\":\"nothing\"}", "{\"return\":{}}");
	expect(&two, "{\"exec-oob\":\"nothing\"}", GENERIC("QMP input member 'exec-oob' is unexpected"));
	assert_true(qmp_is_oob(&one, request));
	assert_false(qmp_is_oob(&two, request));
	json_object_put(request);
}

static void expect_reply(struct json_object *request, struct json_object *value, const struct error *why,
			 const char *wanted)
{
	struct json_object *reply = qmp_reply(request, value, why);

	assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN), wanted);
	json_object_put(reply);
}

/* What is answered later reads as if it had been answered at once. */
static void test_later(void **state)
{
	struct qmp_session session = { .table = &table };
	struct json_object *request = json_tokener_parse("{\"execute\":\"take-time\",\"id\":[null]}");
	struct error why;

	assert_null(qmp_dispatch(&session, request, 77));
	expect_reply(request, NULL, NULL, "{\"return\":{},\"id\":[null]}");
	expect_reply(request, json_object_new_int(5), NULL, "{\"return\":5,\"id\":[null]}");
	error_set(EBUSY, "it is bound to snd_hda_intel");
	error_tried("assign 0000:01:00.0");
	error_try("handfast bind 0000:01:00.1");
	why = *error_get();
	error_set(EIO, "something else");
	expect_reply(request, json_object_new_int(5), &why,
		     "{\"error\":{\"class\":\"GenericError\",\"desc\":\"cannot assign 0000:01:00.0\\n  "
		     "because: it is "
		     "bound to snd_hda_intel\\n  try:     handfast bind 0000:01:00.1\"},\"id\":[null]}");
	json_object_put(request);
}

static void test_every_command_is_listed_and_found(void **state)
{
	struct qmp_session session = { .table = &table };
	struct json_object *request = json_tokener_parse("{\"execute\":\"query-commands\"}");
	struct json_object *answer = qmp_dispatch(&session, request, 1), *list, *name;
	bool builtin;

	assert_true(json_object_object_get_ex(answer, "return", &list));
	assert_int_equal(json_object_array_length(list), qmp_builtin_command_count + COUNT(commands));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		assert_true(json_object_object_get_ex(json_object_array_get_idx(list, i), "name", &name));
		assert_non_null(qmp_command_find(&table, json_object_get_string(name), &builtin));
		assert_int_equal(builtin, i < qmp_builtin_command_count);
	}
	/* docs/qmp.md says so of them all. */
	for (size_t i = 0; i < qmp_builtin_command_count; i++)
		assert_int_equal(qmp_builtin_commands[i].oob,
				 strncmp(qmp_builtin_commands[i].name, "query-", 6) == 0);
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
		cmocka_unit_test(test_oob_is_enabled_by_session),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_every_command_is_listed_and_found),
		cmocka_unit_test(test_texts_are_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
