/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_BROKER_PRIV_H
#define HANDFAST_HOST_BROKER_PRIV_H

/* What goes over the broker's socket: one request, one answer of fixed size, a descriptor beside it. */
#include <limits.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/error.h"
#include "host/broker.h"
#include "host/host-priv.h"

enum broker_verb {
	BROKER_OPEN_KVM = 1,
	BROKER_OPEN_FILE,
	BROKER_DEVICE_CHECK,
	BROKER_DEVICE_TITLE,
	BROKER_OPEN_CONTAINER,
	BROKER_OPEN_GROUP,
	BROKER_ALLOW_MEMLOCK,
	BROKER_MEMORY,
};

struct broker_request {
	uint32_t verb; /* enum broker_verb */
	uint32_t group;
	struct bdf bdf;
	uint64_t bytes;
	char what[64];
	char path[PATH_MAX];
};

struct broker_answer {
	struct error error; /* errnum 0: it went well */
	struct broker_device device;
	char title[256];
	uint64_t total, available;
};

/* broker_start() on a host of the caller's making. */
int broker_start_on(const struct host *host, struct broker **ret_broker);

/* The child: answers until the socket closes. The socket has SO_PASSCRED. */
_Noreturn void broker_serve(const struct host *host, int socket);

#endif
