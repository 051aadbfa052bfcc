/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Tab finds at the prompt of `handfast qmp`. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "qmp/complete-priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct qmp_argument add_arguments[] = {
	{ "driver", QMP_TYPE_STRING, false },
	{ NULL, QMP_TYPE_STRING, true },
};
static const struct qmp_argument del_arguments[] = {
	{ "id", QMP_TYPE_STRING, false },
	{ "force", QMP_TYPE_BOOL, true },
};
static const struct qmp_command commands[] = {
	{ "device_add", "", add_arguments, COUNT(add_arguments), false, NULL },
	{ "device_del", "", del_arguments, COUNT(del_arguments), false, NULL },
	{ "stop", "", NULL, 0, false, NULL },
};
static const struct qmp_table table = { commands, COUNT(commands), NULL, 0 };

struct wanted {
	const char *line; /* up to the cursor, which is '|' */
	const char *words;
	const char *common; /* of them */
	const char *end;
};

static void expect_words(const struct complete_names *names, const struct wanted *wanted)
{
	size_t cursor = strcspn(wanted->line, "|");
	struct completion completion;
	char line[128], words[512] = "";

	snprintf(line, sizeof(line), "%.*s%s", (int)cursor, wanted->line, wanted->line + cursor + 1);
	assert_int_equal(complete_line(&table, names, line, cursor, &completion), 0);
	for (size_t i = 0; i < completion.count; i++) {
		strcat(words, i ? " " : "");
		strcat(words, completion.words[i]);
	}
	assert_string_equal(words, wanted->words);
	assert_int_equal(completion.common, strlen(wanted->common));
	if (completion.count > 0) {
		assert_memory_equal(completion.words[0], wanted->common, completion.common);
		assert_memory_equal(completion.words[0], line + cursor - completion.typed, completion.typed);
	}
	if (completion.count == 1)
		assert_string_equal(completion.end, wanted->end);
	complete_fini(&completion);
}

static void test_without_a_vm(void **state)
{
	static const struct wanted cases[] = {
		{ "query-v|", "query-version", "query-version", " " },
		{ "  query-c|xyz stop", "query-commands", "query-commands", " " },
		{ "device|", "device_add device_del", "device_", "" },
		{ "device_d|", "device_del", "device_del", " " },
		{ "device_del|", "device_del", "device_del", " " },
		{ "he|", "help", "help", " " },
		{ "nosuch|", "", "", "" },
		{ "help st|", "stop", "stop", " " },
		{ "help stop s|", "", "", "" },
		{ "stop |", "", "", "" },
		{ "nosuch |", "", "", "" },
		/* keys, each once */
		{ "device_del |", "force= id=", "", "" },
		{ "device_del\t i|", "id=", "id=", "" },
		{ "device_del id=x |", "force=", "force=", "" },
		{ "device_del noid=x i|", "id=", "id=", "" },
		{ "device_add |", "driver=", "driver=", "" },
		/* values */
		{ "device_del force=|", "force=off force=on", "force=o", "" },
		{ "device_del force=of|", "force=off", "force=off", " " },
		{ "device_del id=|", "", "", "" },
		/* what is not to be touched */
		{ "{\"execute\":\"st|", "", "", "" },
		{ "device_del \"i|", "", "", "" },
		{ "device_del \"id=a b|", "", "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_words(NULL, &cases[i]);
}

static void test_everything(void **state)
{
	const struct wanted everything = {
		"|",
		"closefd device_add device_del getfd help qmp_capabilities query-commands query-events "
		"query-version stop",
		"", ""
	};
	const struct wanted blanks = { "  | ", everything.words, "", "" };

	expect_words(NULL, &everything);
	expect_words(NULL, &blanks);
}

/* What the running VM has told goes before what this program knows. */
static void test_with_a_vm(void **state)
{
	static const struct wanted cases[] = {
		{ "|", "device_add help newer", "", "" },
		{ "n|", "newer", "newer", " " },
		{ "st|", "", "", "" },
		{ "device_add |", "driver= host= hotter= id=", "", "" },
		{ "device_add ho|", "host= hotter=", "ho", "" },
		{ "device_add host=0000:01:00.0 ho|", "hotter=", "hotter=", "" },
		{ "device_add id=|", "", "", "" },
		{ "device_del |", "force= id=", "", "" },
		{ "device_del id=|", "id=disk id=nic", "id=", "" },
		{ "device_del id=n|", "id=nic", "id=nic", " " },
	};
	struct complete_names names = {
		.commands = json_tokener_parse("[\"newer\",\"device_add\",\"newer\"]"),
		.properties = json_tokener_parse("[\"id\",\"host\",\"driver\",\"hotter\"]"),
		.ids = json_tokener_parse("[\"nic\",\"disk\"]"),
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_words(&names, &cases[i]);
	json_object_put(names.commands);
	json_object_put(names.properties);
	json_object_put(names.ids);
}

/* A cursor behind the end is at the end. */
static void test_cursor_too_far(void **state)
{
	struct completion completion;

	assert_int_equal(complete_line(&table, NULL, "sto", 100, &completion), 0);
	assert_int_equal(completion.count, 1);
	assert_int_equal(completion.typed, 3);
	complete_fini(&completion);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_vm),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_with_a_vm),
		cmocka_unit_test(test_cursor_too_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
