/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_DISPATCH_PRIV_H
#define HANDFAST_QMP_DISPATCH_PRIV_H

/* From a request to its answer, without any socket. */
#include <json-c/json.h>
#include <stdbool.h>

#include "qmp/fds-priv.h"
#include "qmp/qmp.h"

/* One client's side of it. What the builtin commands get as their opaque. */
struct qmp_session {
	const struct qmp_table *table;
	void *opaque;	 /* for the table's handlers */
	bool negotiated; /* qmp_capabilities was there */
	bool oob;	 /* and enabled exec-oob */
	struct qmp_fds *fds;
	int fd; /* arrived for getfd, or -1 */
};

/* The answer to a request; both are the caller's. NULL: it comes later, to this ticket. */
struct json_object *qmp_dispatch(struct qmp_session *session, struct json_object *request, uint64_t ticket);

/* The answer that came later; the caller's. value, handed over, where why is NULL. */
struct json_object *qmp_reply(struct json_object *request, struct json_object *value,
			      const struct error *why);

/* Whether it is to be answered before those that wait. */
bool qmp_is_oob(const struct qmp_session *session, struct json_object *request);

/* Whether it is for the descriptor that has arrived. */
bool qmp_is_getfd(struct json_object *request);

/* {"error": {"class": ..., "desc": ...}} */
struct json_object *qmp_error(enum qmp_error_class error_class, const char *description);

/* What a client hears first. */
struct json_object *qmp_greeting(void);

/* The command of that name, builtin or the table's, or NULL. */
const struct qmp_command *qmp_command_find(const struct qmp_table *table, const char *name,
					   bool *ret_builtin);

#endif
