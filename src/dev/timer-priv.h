/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_TIMER_PRIV_H
#define HANDFAST_DEV_TIMER_PRIV_H

/* A timer of a device: a timerfd on the main loop. While it is not armed nothing wakes up. */
#include <stdint.h>
#include <time.h>

#include "base/loop.h"

#define NS_PER_SECOND 1000000000ULL
#define NS_PER_MS     1000000ULL

/* Embedded in its owner. */
struct dev_timer {
	/* On the loop's thread, no lock held. It may come late, and once more after it was armed anew:
	 * look at the clock. With CLOCK_REALTIME it also comes whenever the host's clock is set. */
	void (*expired)(void *opaque);
	void *opaque;

	/* dev/timer.c's own */
	struct loop *loop;
	struct loop_source source;
};

/* Nanoseconds of this clock (CLOCK_MONOTONIC, CLOCK_REALTIME). */
uint64_t dev_clock_ns(clockid_t clock);

/* Errors: a descriptor is lacking. Main thread. */
int dev_timer_init(struct dev_timer *timer, struct loop *loop, clockid_t clock, void (*expired)(void *opaque),
		   void *opaque);
/* expired() is not called any more. Main thread; safe on a zeroed timer. */
void dev_timer_fini(struct dev_timer *timer);

/* Expires once when the clock shows at_ns (not 0). Takes the place of what was armed before. Any thread;
 * the owner's lock keeps calls in order. */
void dev_timer_arm(struct dev_timer *timer, uint64_t at_ns);
void dev_timer_disarm(struct dev_timer *timer);

#endif
