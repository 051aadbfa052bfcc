/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_QMP_H
#define HANDFAST_QMP_QMP_H

/*
 * The protocol by which programs steer a running VM, in QEMU's words: JSON requests and answers over sockets,
 * and events. Source: QEMU's documentation, "QEMU Machine Protocol Specification"; docs/qmp.md says what of
 * it there is here.
 *
 * The commands themselves stand in a table that the owner hands over (app/monitor.c). Everything happens on
 * the loop's thread, and handlers are quick: while one is at work nobody else is answered. What takes longer
 * is begun by its handler and answered later (QMP_LATER).
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

struct qmp;

enum qmp_type {
	QMP_TYPE_STRING,
	QMP_TYPE_INT,
	QMP_TYPE_BOOL,
	QMP_TYPE_ARRAY,
};

struct qmp_argument {
	const char *name; /* NULL: any other, of any type */
	enum qmp_type type;
	bool optional;
};

/* The classes of errors that clients go by. */
enum qmp_error_class {
	QMP_GENERIC_ERROR,
	QMP_COMMAND_NOT_FOUND,
	QMP_DEVICE_NOT_FOUND,
	QMP_DEVICE_NOT_ACTIVE,
	QMP_KVM_MISSING_CAP,
};

/* What a handler answers. */
struct qmp_answer {
	struct json_object *value;	  /* handed over; NULL: {} */
	enum qmp_error_class error_class; /* for a failure that is not QMP_GENERIC_ERROR */
	uint64_t ticket;		  /* for the handler: what qmp_answer_later() wants; never 0 */
};

/* A handler's result: it has begun, and qmp_answer_later() will be called with the ticket, once. Until then
 * the client gets no other answer, but for those to exec-oob. */
#define QMP_LATER 1

struct qmp_command {
	const char *name;
	const char *summary; /* one line */
	const struct qmp_argument *arguments;
	size_t argument_count;
	bool oob; /* may be asked for by exec-oob */
	/* arguments: an object in which every argument of the table that is not optional stands, with the
	 * right type, and no other (but for one without a name). Returns 0, or a negative errno with its
	 * cause on record, whose text the client gets, or, where the command is not oob, QMP_LATER. */
	int (*run)(void *opaque, struct json_object *arguments, struct qmp_answer *answer);
};

struct qmp_event {
	const char *name;
	const char *summary;
};

/* What there is, apart from what concerns the protocol alone (qmp_builtin_commands). */
struct qmp_table {
	const struct qmp_command *commands;
	size_t command_count;
	const struct qmp_event *events;
	size_t event_count;
};

extern const struct qmp_command qmp_builtin_commands[];
extern const size_t qmp_builtin_command_count;

/* Nobody can connect yet. table and opaque outlive it. */
int qmp_create(struct loop *loop, const struct qmp_table *table, void *opaque, struct qmp **ret_qmp);
/* Removes socket files and closes all connections. NULL is fine. */
void qmp_destroy(struct qmp *qmp);

/* Where clients connect: any number of places, QMP_CLIENTS_MAX clients in all. The error names the place. */
#define QMP_CLIENTS_MAX 256
int qmp_listen_unix(struct qmp *qmp, const char *path);
int qmp_listen_tcp(struct qmp *qmp, const char *address, uint16_t port);

/* The answer to the request whose handler returned QMP_LATER: value, which is handed over (NULL: {}), or,
 * where why is not NULL, a GenericError with its text. A client that has left meanwhile gets nothing; that it
 * left cancels nothing. Not from within the handler. NULL for qmp is fine. The loop's thread. */
void qmp_answer_later(struct qmp *qmp, uint64_t ticket, struct json_object *value, const struct error *why);

/* Tells all clients. name is in the table; data, an object or NULL, is handed over. NULL for qmp is fine. The
 * loop's thread. */
void qmp_event(struct qmp *qmp, const char *name, struct json_object *data);

/* A descriptor that a client has handed over by getfd, with close-on-exec; the caller's from now on. The
 * loop's thread. Errors: ENOENT. NULL for qmp is fine. */
int qmp_fd_take(struct qmp *qmp, const char *name);

/* Writes out what clients are still due, as long as they take it, for at most that long. For the end. */
void qmp_flush(struct qmp *qmp, unsigned milliseconds);

/* A string of any bytes as JSON can have it: what is no UTF-8 becomes '?'. */
struct json_object *qmp_string(const char *text);

#endif
