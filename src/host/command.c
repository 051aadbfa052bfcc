/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/command-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int command_failed(void)
{
	char text[ERROR_TEXT_SIZE];

	fflush(stdout);
	error_format(error_get(), text, sizeof(text));
	fprintf(stderr, "handfast: %s\n", text);
	return COMMAND_FAILED;
}

static int usage_failed(const struct command_spec *spec)
{
	error_tried("run handfast %s", spec->name);
	error_try("handfast %s --help", spec->name);
	(void)command_failed();
	return COMMAND_USAGE;
}

static int parse_word(const struct command_spec *spec, const char *word, struct command_words *words)
{
	if (strcmp(word, "--force") == 0 && spec->takes_force) {
		words->force = true;
		return 0;
	}
	if (word[0] == '-')
		return error_set(EINVAL, "it has no option %s", word);
	if (!spec->takes_device)
		return error_set(EINVAL, "it takes no argument, and '%s' is one", word);
	if (bdf_parse(word, &words->devices[words->count]))
		return -error_get()->errnum;
	words->count++;
	return 0;
}

bool command_parse(const struct command_spec *spec, int argc, char **argv, struct command_words *ret_words,
		   int *ret_status)
{
	struct command_words words = { .devices = calloc((size_t)argc + 1, sizeof(*words.devices)) };

	if (!words.devices) {
		error_sys(ENOMEM, "the command line");
		*ret_status = command_failed();
		return false;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			free(words.devices);
			fputs(spec->help, stdout);
			*ret_status = COMMAND_OK;
			return false;
		}
		if (parse_word(spec, argv[i], &words)) {
			free(words.devices);
			*ret_status = usage_failed(spec);
			return false;
		}
	}
	if (spec->needs_device && !words.count) {
		free(words.devices);
		error_set(EINVAL, "it needs the address of at least one device");
		*ret_status = usage_failed(spec);
		return false;
	}
	*ret_words = words;
	return true;
}
