/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_SERVER_PRIV_H
#define HANDFAST_QMP_SERVER_PRIV_H

/* All of it: where clients connect, and who is connected. */
#include "base/listener.h"
#include "base/loop.h"
#include "qmp/fds-priv.h"
#include "qmp/qmp.h"

struct qmp_client;

/* One place to connect at. */
struct qmp_place {
	struct qmp_place *next;
	struct qmp *qmp;
	struct listener listener;
	struct loop_source source;
	struct loop_source retry; /* a timerfd, armed while no client can be accepted */
	bool listening;		  /* source is in the loop */
	char name[128];		  /* "unix:/run/vm.sock", for messages */
};

struct qmp {
	struct loop *loop;
	const struct qmp_table *table;
	void *opaque;
	struct qmp_place *places;
	struct qmp_client *clients;
	unsigned client_count;
	uint64_t last_ticket; /* of the request that was run last; each has another */
	bool running;	      /* its handler is at work */
	struct qmp_fds fds;
};

#endif
