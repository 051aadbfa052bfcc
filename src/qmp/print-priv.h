/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_PRINT_PRIV_H
#define HANDFAST_QMP_PRINT_PRIV_H

/* What `handfast qmp` prints. */
#include <json-c/json.h>
#include <stdbool.h>

#include "qmp/qmp.h"

#define PRINT_AS_LINES (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)
#define PRINT_AS_LINE  (JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

/* form: one of the above. */
void print_object(struct json_object *object, int form);

/* An answer: what it returns on standard output, or its error to the log. Returns the exit status that it
 * means, 0 or 1. */
int print_answer(struct json_object *answer, int form);

/* A command and its arguments; all of them, and the events. */
void print_command(const struct qmp_command *command);
void print_commands(const struct qmp_table *table);

/* Whether it is this event; with name NULL, an event at all. */
bool print_is_event(struct json_object *object, const char *name);

#endif
