/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TEST_QMP_TALK_H
#define HANDFAST_TEST_QMP_TALK_H

/* A server on a thread of its own, at two sockets, and clients that talk to it. */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "qmp/qmp.h"

/* The commands' opaque. */
struct fixture {
	char directory[64], path[80], other[80];
	struct loop *loop;
	struct qmp *qmp;
	pthread_t thread;
	void (*work)(struct fixture *fixture);
	sem_t done;   /* work was */
	void *opaque; /* the test's own */
};

int talk_set_up(void **state, const struct qmp_table *table);
int talk_tear_down(void **state);

/* The loop's thread: it runs after talk_set_up(). */
void talk_start(struct fixture *fixture);
void talk_stop(struct fixture *fixture);

/* Runs work on the loop's thread and waits for it. */
void talk_run(struct fixture *fixture, void (*work)(struct fixture *fixture));

/* A connection; client() has heard the greeting. */
int connect_to(const char *path);
int client(const char *path);

void say(int fd, const char *text);
/* The next line, without its end. False at the end of the connection, or after ten seconds. */
bool hear(int fd, char *ret_line, size_t size);
/* The next line begins so. */
void expect(int fd, const char *begin);
/* Nothing is heard, for a while. */
void expect_silence(int fd);
/* The connection ends here, within ten seconds. */
bool at_end(int fd);

#endif
