/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_QMP_H
#define HANDFAST_QMP_QMP_H

/*
 * The protocol by which programs steer a running VM, in QEMU's words: JSON requests and answers over sockets,
 * and events. Source: QEMU's documentation, "QEMU Machine Protocol Specification"; docs/qmp.md says what of
 * it there is here.
 *
 * The commands themselves stand in a table that the owner hands over (app/monitor.c). Everything happens on
 * the loop's thread, and handlers are quick: while one is at work nobody else is answered.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct qmp;

enum qmp_type {
	QMP_TYPE_STRING,
	QMP_TYPE_INT,
	QMP_TYPE_BOOL,
	QMP_TYPE_ARRAY,
};

struct qmp_argument {
	const char *name;
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
};

struct qmp_command {
	const char *name;
	const char *summary; /* one line */
	const struct qmp_argument *arguments;
	size_t argument_count;
	bool oob; /* may be asked for by exec-oob */
	/* arguments: an object in which every argument of the table that is not optional stands, with the
	 * right type, and no other. Returns 0, or a negative errno with its cause on record, whose text the
	 * client gets. */
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

/* Tells all clients. name is in the table; data, an object or NULL, is handed over. NULL for qmp is fine. The
 * loop's thread. */
void qmp_event(struct qmp *qmp, const char *name, struct json_object *data);

/* Writes out what clients are still due, as long as they take it, for at most that long. For the end. */
void qmp_flush(struct qmp *qmp, unsigned milliseconds);

/* A string of any bytes as JSON can have it: what is no UTF-8 becomes '?'. */
struct json_object *qmp_string(const char *text);

#endif
