/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_COMPLETE_PRIV_H
#define HANDFAST_QMP_COMPLETE_PRIV_H

/* What a word of a command line can become, without any terminal. */
#include <json-c/json.h>
#include <stddef.h>

#include "qmp/qmp.h"

/* Names as the running VM tells them: arrays of strings. NULL where it does not. */
struct complete_names {
	struct json_object *commands;	/* else those of the table */
	struct json_object *properties; /* keys of commands that take others than the table says */
	struct json_object *ids;	/* devices, for device_del */
};

struct completion {
	char **words; /* sorted, each once */
	size_t count;
	size_t typed;	 /* bytes of them that stand on the line already */
	size_t common;	 /* bytes that they have in common, typed ones included */
	const char *end; /* what follows a word that is the only one: " " or "" */
};

/* cursor: a place in line, in bytes; what stands behind it does not matter. NULL in names is fine. Errors:
 * ENOMEM. */
int complete_line(const struct qmp_table *table, const struct complete_names *names, const char *line,
		  size_t cursor, struct completion *ret_completion);
void complete_fini(struct completion *completion);

#endif
