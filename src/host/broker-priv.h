/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_BROKER_PRIV_H
#define HANDFAST_HOST_BROKER_PRIV_H

/* What goes over the broker's socket: one request, one answer of fixed size, a descriptor beside it. */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/error.h"
#include "base/host_id.h"
#include "host/broker.h"
#include "host/host-priv.h"

enum broker_verb {
	BROKER_OPEN_KVM = 1,
	BROKER_OPEN_FILE,
	BROKER_DEVICE_FIND,
	BROKER_DEVICE_CHECK,
	BROKER_DEVICE_TITLE,
	BROKER_MANAGE,
	BROKER_BIND_MANAGED,
	BROKER_BIND_ONE,
	BROKER_GIVE_BACK,
	BROKER_GIVE_BACK_ONE,
	BROKER_OPEN_CONTAINER,
	BROKER_OPEN_GROUP,
	BROKER_ALLOW_MEMLOCK,
	BROKER_ALLOW_DESCRIPTORS,
	BROKER_MEMORY,
	BROKER_RESERVED,
	BROKER_GROUP_RESERVED,
};

struct broker_request {
	uint32_t verb; /* enum broker_verb */
	uint32_t group;
	struct host_id id;
	bool has_token; /* BROKER_DEVICE_CHECK, BROKER_BIND_ONE */
	uint64_t bytes;
	uint64_t count; /* BROKER_ALLOW_DESCRIPTORS */
	char what[64];
	char path[PATH_MAX];
	struct bdf managed[BROKER_MANAGED_MAX];
	size_t managed_count;
};

struct broker_answer {
	struct error error; /* errnum 0: it went well */
	struct host_id id;  /* BROKER_DEVICE_FIND */
	struct broker_device device;
	char text[1024]; /* BROKER_DEVICE_TITLE: that; BROKER_BIND_MANAGED, BROKER_BIND_ONE and
			  * BROKER_GIVE_BACK_ONE: who is to be given back, "" nobody */
	bool moved;	 /* BROKER_BIND_ONE: it had another driver */
	char driver[64]; /* BROKER_GIVE_BACK_ONE: who has it now */
	uint64_t total, available;
	struct broker_range ranges[BROKER_RANGES_MAX];
	size_t range_count;
};

struct check_scope;

/* The child's answers about devices (broker-device.c). */
int broker_answer_find(const struct host *host, const char *path, struct host_id *ret_id);
int broker_answer_title(const struct host *host, const struct host_id *id, char *ret_text, size_t size);
int broker_answer_check(const struct host *host, const struct host_id *id, const struct check_scope *scope,
			struct broker_device *ret_device);

/* The child's side of managed=on (broker-managed.c). Start with a zeroed one. */
struct managed {
	struct bdf list[BROKER_MANAGED_MAX];
	bool moved[BROKER_MANAGED_MAX]; /* bound by us */
	bool owed[BROKER_MANAGED_MAX];	/* and closed, but something was in the way of giving it back */
	size_t count;
	bool bound; /* managed_bind() has done its work */
};

void managed_set(struct managed *managed, const struct broker_request *request);
int managed_bind(struct managed *managed, const struct host *host, char *ret_names, size_t size);
/* One more, or one of them once more. */
int managed_bind_one(struct managed *managed, const struct host *host, struct bdf bdf, bool *ret_moved);
/* "" where it was not bound by us. */
int managed_give_back_one(struct managed *managed, const struct host *host, struct bdf bdf, char *ret_driver,
			  size_t size);
/* Tries once more to give back what is owed: another of its group may have left. */
void managed_pay(struct managed *managed, const struct host *host);
/* The devices that we bound, as words of a command line; whole ones only. */
void managed_names(const struct managed *managed, char *ret_names, size_t size);
/* A second call has nothing to do, whatever became of the first. */
int managed_give_back(struct managed *managed, const struct host *host);
bool managed_has_any(const struct managed *managed);

/* broker_start() on a host of the caller's making. */
int broker_start_on(const struct host *host, struct broker **ret_broker);

/* The child: answers until the socket closes. The socket has SO_PASSCRED. */
_Noreturn void broker_serve(const struct host *host, int socket);

#endif
