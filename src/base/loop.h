/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_LOOP_H
#define HANDFAST_BASE_LOOP_H

/* The main thread's event loop over epoll(7). All calls from that thread, except where it says so. */
#include <stdint.h>

struct loop;

/* Embedded in its owner, who keeps it until loop_remove(). ready() may remove its own source. */
struct loop_source {
	int fd; /* stays the owner's */
	void (*ready)(struct loop_source *source, uint32_t events);
	void *opaque;
};

int loop_create(struct loop **ret_loop);
void loop_destroy(struct loop *loop); /* NULL is fine */

/* events: EPOLLIN, EPOLLOUT, ... (epoll_ctl(2)). A regular file cannot be waited for: -EPERM. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Runs work(opaque) on the loop's thread, in the order posted. Any thread. Never blocks for the work. */
int loop_post(struct loop *loop, void (*work)(void *opaque), void *opaque);

/* Dispatches until loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* any thread, and signal-safe */

#endif
