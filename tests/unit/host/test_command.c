/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command line. */
#include "unit.h"

#include <stdlib.h>

#include "host/command-priv.h"

static int parse(char **argv, int argc, bool *ret_flag, struct command_words *ret_words)
{
	const struct command_option options[] = { { .name = "--force", .ret_flag = ret_flag } };
	const struct command_spec spec = {
		.name = "bind",
		.help = "help\n",
		.options = options,
		.option_count = 1,
		.takes_device = true,
	};
	int status = -1;

	*ret_flag = false;
	return command_parse(&spec, argc, argv, ret_words, &status) ? -1 : status;
}

static void test_two_dashes_end_the_options(void **state)
{
	char *argv[] = { "bind", "--force", "--", NVME, NULL };
	char *dashes[] = { "bind", "--", "--force", NULL };
	char *help[] = { "bind", "--", "--help", NULL };
	struct command_words words;
	bool force;

	(void)state;
	assert_int_equal(parse(argv, 4, &force, &words), -1);
	assert_true(force);
	assert_int_equal(words.count, 1);
	assert_true(bdf_equal(words.devices[0], tree_bdf(NVME)));
	free(words.devices);
	/* What follows them is an address, and none. */
	assert_int_equal(parse(dashes, 3, &force, &words), COMMAND_USAGE);
	assert_false(force);
	assert_int_equal(parse(help, 3, &force, &words), COMMAND_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_two_dashes_end_the_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
