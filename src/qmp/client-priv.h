/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_CLIENT_PRIV_H
#define HANDFAST_QMP_CLIENT_PRIV_H

/*
 * One connection.
 *
 * A client gets its answers in the order of its requests. What it does not read at once waits in a queue:
 * with more than QMP_QUEUE_HIGH bytes in it nothing more is read from the client, and one whose queue comes
 * to QMP_QUEUE_LIMIT, by events, is closed, since it would have to miss some.
 *
 * While it has to wait for an answer (QMP_LATER), nothing more is read from it either, unless it uses
 * exec-oob: then such requests are answered at once, and up to QMP_WAITING_MAX others wait for their turn, as
 * in QEMU.
 */
#include "base/loop.h"
#include "qmp/dispatch-priv.h"
#include "qmp/parser-priv.h"

#define QMP_INPUT	4096
#define QMP_QUEUE_HIGH	65536
#define QMP_QUEUE_LIMIT (1024 * 1024)
#define QMP_WAITING_MAX 8

/* A request that waits, or what is wrong with it. */
struct qmp_waiting {
	struct qmp_parsed parsed;
	int fd; /* for getfd, or -1: another may arrive before its turn comes */
};

struct qmp_client {
	struct qmp_client *next;
	struct qmp *qmp;
	struct qmp_session session;
	struct loop_source source;
	uint32_t watched; /* events it is in the loop for; 0: it is not in the loop */
	char name[160];	  /* for messages */

	struct qmp_parser parser;
	char in[QMP_INPUT];
	size_t in_at, in_size; /* read, but not looked at yet */
	bool in_ended;	       /* it sends nothing more */

	uint64_t ticket;	     /* of the answer that is to come later; 0: none is */
	struct json_object *request; /* the one it answers */
	struct qmp_waiting waiting[QMP_WAITING_MAX];
	unsigned waiting_count;

	char *out; /* what it has not taken yet: */
	size_t out_at, out_size, out_capacity;

	bool busy;   /* in client_ready() */
	bool closed; /* to be destroyed as soon as it is not busy */
};

/* Takes fd over, greets, and enters qmp's list. On failure fd is closed. */
int qmp_client_create(struct qmp *qmp, int fd, const char *place);
void qmp_client_destroy(struct qmp_client *client);

/* Sends, or queues, an object, which stays the caller's. May destroy the client. */
void qmp_client_send(struct qmp_client *client, struct json_object *object);
/* What is to be said to client->request. Those that waited for that have their turn from the loop, not now.
 * May destroy the client. */
void qmp_client_answer(struct qmp_client *client, struct json_object *value, const struct error *why);
/* Tries to write what is queued; returns whether nothing is left. Does not destroy it. */
bool qmp_client_flush(struct qmp_client *client);

#endif
