/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_PEER_PRIV_H
#define HANDFAST_QMP_PEER_PRIV_H

/* A client's end of a connection: blocking, with a deadline for all of it. */
#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "qmp/parser-priv.h"

#define QMP_REPLY_SIZE (64U << 20)

struct qmp_peer {
	const char *name; /* as it was given, for messages */
	int fd;
	int64_t deadline_ms; /* of the monotonic clock; 0: none */
	struct qmp_parser parser;
	char in[16384];
	size_t in_at, in_size;
};

/* where: a unix socket's path, "unix:PATH", or "tcp:IP:PORT". timeout_ms: 0: none. Reads the greeting and
 * negotiates. On failure nothing stays open. */
int qmp_peer_connect(const char *where, int64_t timeout_ms, struct qmp_peer *ret_peer);
void qmp_peer_close(struct qmp_peer *peer);

int qmp_peer_send(struct qmp_peer *peer, struct json_object *object);

/* The next object that comes, the caller's; one that is there already without waiting for other_fd. With
 * other_fd (else -1) being readable before, 0 and *ret_object NULL. Errors: ETIMEDOUT; EPIPE at the other
 * side's end. */
int qmp_peer_receive(struct qmp_peer *peer, int other_fd, struct json_object **ret_object);

#endif
