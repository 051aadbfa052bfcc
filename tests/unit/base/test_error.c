/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void test_three_parts(void **state)
{
	char text[ERROR_TEXT_SIZE];

	assert_int_equal(error_set(EBUSY, "IOMMU group %d is not viable:", 14), -EBUSY);
	assert_int_equal(error_add("0000:01:00.1 is bound to snd_hda_intel"), -EBUSY);
	assert_int_equal(error_tried("assign %s", "0000:01:00.0"), -EBUSY);
	assert_int_equal(error_try("handfast bind 0000:01:00.1"), -EBUSY);
	error_format(error_get(), text, sizeof(text));
	assert_string_equal(text, "cannot assign 0000:01:00.0\n"
				  "  because: IOMMU group 14 is not viable:\n"
				  "           0000:01:00.1 is bound to snd_hda_intel\n"
				  "  try:     handfast bind 0000:01:00.1");
}

static void test_outer_attempt_keeps_the_inner_one(void **state)
{
	error_sys(ENOENT, "the kernel says");
	error_tried("open /dev/vfio/14");
	assert_int_equal(error_tried("assign 0000:01:00.0"), -ENOENT);
	assert_string_equal(error_get()->tried, "assign 0000:01:00.0");
	assert_string_equal(error_get()->because,
			    "cannot open /dev/vfio/14: the kernel says: No such file or directory");
}

static void test_a_new_record_forgets_the_old(void **state)
{
	error_set(EBUSY, "old");
	error_tried("do old things");
	error_try("old advice");
	error_set(EIO, "new");
	assert_string_equal(error_get()->because, "new");
	assert_string_equal(error_get()->tried, "");
	assert_string_equal(error_get()->remedy, "");
}

static void test_long_texts_are_cut_not_overrun(void **state)
{
	char text[ERROR_TEXT_SIZE];
	char many[4096];

	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	error_set(EIO, "%s", many);
	error_tried("%s", many);
	error_tried("%s", many);
	for (int i = 0; i < 3; i++) {
		error_try("%s", many);
		error_add("%s", many);
	}
	error_format(error_get(), text, sizeof(text));
	assert_true(strlen(text) < sizeof(text));
	error_format(error_get(), text, 32);
	assert_true(strlen(text) < 32);
}

/* "kill 12" is another command than "kill 1234". */
static void test_a_remedy_stands_there_whole_or_not_at_all(void **state)
{
	const char *remedy;
	char command[80];
	unsigned shown = 0;

	error_set(EIO, "x");
	for (unsigned i = 0; i < 100; i++)
		error_try("kill %u\numount /%050u", 100000 + i, i);
	for (remedy = error_get()->remedy; strncmp(remedy, "kill 1000", 9) == 0; remedy += strlen(command)) {
		snprintf(command, sizeof(command), "kill %u\numount /%050u\n", 100000 + shown, shown);
		if (strncmp(remedy, command, strlen(command) - 1) != 0)
			break;
		shown++;
	}
	assert_in_range(shown, 10, 99);
	assert_int_equal(error_try_rest("handfast check %s", "0000:01:00.0"), -EIO);
	assert_int_equal(error_get()->left_out, 0);
	remedy = strrchr(error_get()->remedy, '\n');
	assert_non_null(remedy);
	assert_non_null(strstr(remedy, " more: handfast check 0000:01:00.0"));
	/* Each line stands there or is counted. */
	shown = 0;
	for (const char *at = error_get()->remedy; (at = strchr(at, '\n')); at++)
		shown++;
	assert_int_equal(shown + (unsigned)atoi(remedy + 1), 200);

	error_set(EIO, "x");
	error_try("y");
	error_try_rest("handfast check");
	assert_string_equal(error_get()->remedy, "y");
}

static void test_a_cause_is_named_whole_or_not_at_all(void **state)
{
	size_t length;

	error_set(EBUSY, "first");
	for (unsigned i = 0; i < 200; i++)
		error_add("process %030u", i);
	length = strlen(error_get()->because);
	assert_int_equal((length - strlen("first\n...")) % strlen("\nprocess 000000000000000000000000000000"),
			 0);
	assert_string_equal(error_get()->because + length - 4, "\n...");
}

static void test_else_keeps_what_was_said(void **state)
{
	error_set(EIO, "x");
	assert_int_equal(error_try_else("first"), -EIO);
	assert_int_equal(error_try_else("second"), -EIO);
	assert_string_equal(error_get()->remedy, "first");
}

static void test_records_travel(void **state)
{
	struct error elsewhere;

	error_set(EPERM, "there");
	elsewhere = *error_get();
	error_set(EIO, "here");
	assert_int_equal(error_load(&elsewhere), -EPERM);
	assert_string_equal(error_get()->because, "there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_parts),
		cmocka_unit_test(test_outer_attempt_keeps_the_inner_one),
		cmocka_unit_test(test_a_new_record_forgets_the_old),
		cmocka_unit_test(test_long_texts_are_cut_not_overrun),
		cmocka_unit_test(test_a_remedy_stands_there_whole_or_not_at_all),
		cmocka_unit_test(test_a_cause_is_named_whole_or_not_at_all),
		cmocka_unit_test(test_else_keeps_what_was_said),
		cmocka_unit_test(test_records_travel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
