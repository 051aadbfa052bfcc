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

int command_misused(const struct command_spec *spec)
{
	error_tried("run handfast %s", spec->name);
	error_try("handfast %s --help", spec->name);
	(void)command_failed();
	return COMMAND_USAGE;
}

/* The option that the word names, or NULL; *ret_value: what follows its '=', or NULL. */
static const struct command_option *find_option(const struct command_spec *spec, const char *word,
						const char **ret_value)
{
	size_t length = strcspn(word, "=");

	*ret_value = word[length] ? word + length + 1 : NULL;
	for (size_t i = 0; i < spec->option_count; i++) {
		const char *name = spec->options[i].name;

		if (strlen(name) == length && strncmp(name, word, length) == 0)
			return &spec->options[i];
	}
	return NULL;
}

/* The option at argv[*at]; *at is left on the last word that it took. */
static int parse_option(const struct command_spec *spec, int argc, char **argv, int *at)
{
	const char *value;
	const struct command_option *option = find_option(spec, argv[*at], &value);

	if (!option)
		return error_set(EINVAL, "it has no option %s", argv[*at]);
	if (option->ret_flag) {
		if (value)
			return error_set(EINVAL, "%s takes no value", option->name);
		*option->ret_flag = true;
		return 0;
	}
	if (!value) {
		if (*at + 1 >= argc)
			return error_set(EINVAL, "%s needs a value", option->name);
		value = argv[++*at];
	}
	if (!value[0])
		return error_set(EINVAL, "%s has an empty value", option->name);
	*option->ret_value = value;
	return 0;
}

static int parse_device(const struct command_spec *spec, const char *word, struct command_words *words)
{
	if (!spec->takes_device)
		return error_set(EINVAL, "it takes no argument, and '%s' is one", word);
	if (bdf_parse(word, &words->devices[words->count]))
		return -error_get()->errnum;
	words->count++;
	return 0;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

bool command_parse(const struct command_spec *spec, int argc, char **argv, struct command_words *ret_words,
		   int *ret_status)
{
	struct command_words words = { 0 };
	bool words_only = false; /* behind "--" */

	if (wants_help(argc, argv)) {
		fputs(spec->help, stdout);
		*ret_status = COMMAND_OK;
		return false;
	}
	words.devices = calloc((size_t)argc + 1, sizeof(*words.devices));
	if (!words.devices) {
		error_sys(ENOMEM, "the command line");
		*ret_status = command_failed();
		return false;
	}
	for (int i = 1; i < argc; i++) {
		int error;

		if (!words_only && strcmp(argv[i], "--") == 0) {
			words_only = true;
			continue;
		}
		error = argv[i][0] == '-' && !words_only ? parse_option(spec, argc, argv, &i)
							 : parse_device(spec, argv[i], &words);
		if (error) {
			free(words.devices);
			*ret_status = command_misused(spec);
			return false;
		}
	}
	*ret_words = words;
	return true;
}
