/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_DEV_FAKE_CLOCK_H
#define TESTS_UNIT_DEV_FAKE_CLOCK_H

/*
 * Clocks and timers that stand still until a test moves them. The test is linked with --wrap for
 * clock_gettime, timerfd_create and timerfd_settime, and runs the event loop itself.
 */
#include <stdint.h>

#include "base/loop.h"

#define FAKE_SECOND 1000000000ULL
#define FAKE_MS	    1000000ULL

/* Starts anew: both clocks at realtime_ns. Timers of before are forgotten. */
void fake_clock_start(uint64_t realtime_ns);
/* Moves both clocks on, by way of every timer that expires meanwhile, whose owners run in the loop. */
void fake_clock_advance(struct loop *loop, uint64_t ns);
/* Sets the real-time clock only, as an administrator does. Its timers are told. */
void fake_clock_set(struct loop *loop, uint64_t realtime_ns);
/* How often a timer has fired since the start: what a real one would have woken us. */
unsigned fake_clock_wakeups(void);
/* Timers that are armed now. */
unsigned fake_clock_armed(void);
/* Runs what is ready in the loop now. */
void fake_clock_run(struct loop *loop);

#endif
