/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_COMMAND_PRIV_H
#define HANDFAST_HOST_COMMAND_PRIV_H

/* What the four commands share: their words, their help, how they fail. */
#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"

enum {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 2,
};

/* One option of a command: a flag, or one with a value ("--user NAME", "--user=NAME"). Exactly one of the two
 * pointers is set. An option given twice keeps the last value, as everywhere. */
struct command_option {
	const char *name; /* "--user" */
	bool *ret_flag;
	const char **ret_value; /* points into argv */
};

struct command_words {
	struct bdf *devices; /* freed by the caller */
	size_t count;
};

struct command_spec {
	const char *name;
	const char *help;
	const struct command_option *options;
	size_t option_count;
	bool takes_device;
};

/*
 * Reads the command line. Returns true when there is something to do; else *ret_status is what to exit
 * with: help was asked for and given, or the usage is wrong and has been explained.
 */
bool command_parse(const struct command_spec *spec, int argc, char **argv, struct command_words *ret_words,
		   int *ret_status);

/* Explains wrong usage that this thread's error record says; returns COMMAND_USAGE. */
int command_misused(const struct command_spec *spec);

/* Prints this thread's error record to standard error; returns COMMAND_FAILED. */
int command_failed(void);

#endif
