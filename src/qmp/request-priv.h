/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_REQUEST_PRIV_H
#define HANDFAST_QMP_REQUEST_PRIV_H

/* Requests as people write them: COMMAND KEY=VALUE... */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "qmp/peer-priv.h"
#include "qmp/qmp.h"

/* Values are strings where the table does not know the key as a number, boolean or list; those are read as
 * JSON. on and off are booleans. Errors: EINVAL. */
int request_from_words(const struct qmp_table *table, char *const *words, size_t count,
		       struct json_object **ret_request);

/* A line: a JSON object that is sent as it is, or words, which blanks separate and "..." hold together. NULL
 * for an empty one. */
int request_from_line(const struct qmp_table *table, char *line, struct json_object **ret_request);

/* Lines of standard input. */
struct request_lines {
	char *text; /* freed by the caller: what has been read of a line */
	size_t size;
	bool ended;
	bool failed; /* a line could not be made sense of, which has been said */
};

/* One read of it: sends the lines that are complete. Returns how many. Errors: nothing can be read or sent.
 */
int request_lines_read(struct request_lines *lines, const struct qmp_table *table, struct qmp_peer *peer);

#endif
