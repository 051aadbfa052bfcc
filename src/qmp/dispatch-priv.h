/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_DISPATCH_PRIV_H
#define HANDFAST_QMP_DISPATCH_PRIV_H

/* From a request to its answer, without any socket. */
#include <json-c/json.h>
#include <stdbool.h>

#include "qmp/qmp.h"

/* One client's side of it. What the builtin commands get as their opaque. */
struct qmp_session {
	const struct qmp_table *table;
	void *opaque;	 /* for the table's handlers */
	bool negotiated; /* qmp_capabilities was there */
};

/* The answer to a request; both are the caller's. Never NULL. */
struct json_object *qmp_dispatch(struct qmp_session *session, struct json_object *request);

/* {"error": {"class": ..., "desc": ...}} */
struct json_object *qmp_error(enum qmp_error_class error_class, const char *description);

/* What a client hears first. */
struct json_object *qmp_greeting(void);

/* The command of that name, builtin or the table's, or NULL. */
const struct qmp_command *qmp_command_find(const struct qmp_table *table, const char *name,
					   bool *ret_builtin);

#endif
