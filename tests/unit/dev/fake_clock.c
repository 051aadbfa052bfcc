/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_clock.h"

#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

#define TIMERS 8

static struct {
	uint64_t mono;
	uint64_t real;
	unsigned wakeups;
	unsigned timers;
	struct {
		int fd; /* an eventfd in the timer's place */
		clockid_t clock;
		uint64_t at; /* 0: not armed */
		bool cancel;
	} timer[TIMERS];
} fake;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old);

static uint64_t now_of(clockid_t clock)
{
	return clock == CLOCK_REALTIME ? fake.real : fake.mono;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	uint64_t ns = now_of(clock);

	*ret_now = (struct timespec){ (time_t)(ns / FAKE_SECOND), (long)(ns % FAKE_SECOND) };
	return 0;
}

int __wrap_timerfd_create(int clock, int flags)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	check(fake.timers < TIMERS);
	fake.timer[fake.timers].fd = fd;
	fake.timer[fake.timers].clock = clock;
	fake.timer[fake.timers++].at = 0;
	return fd;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old)
{
	uint64_t count;

	for (unsigned i = 0; i < fake.timers; i++) {
		if (fake.timer[i].fd != fd)
			continue;
		fake.timer[i].at =
			(uint64_t)when->it_value.tv_sec * FAKE_SECOND + (uint64_t)when->it_value.tv_nsec;
		fake.timer[i].cancel = flags & TFD_TIMER_CANCEL_ON_SET;
		check(!fake.timer[i].at || (flags & TFD_TIMER_ABSTIME));
		if (read(fd, &count, sizeof(count)) < 0)
			return 0; /* it had not expired: nothing to take back */
	}
	return 0;
}

static void fire(unsigned i)
{
	uint64_t one = 1;

	fake.timer[i].at = 0;
	fake.wakeups++;
	check(write(fake.timer[i].fd, &one, sizeof(one)) == sizeof(one));
}

void fake_clock_start(uint64_t realtime_ns)
{
	memset(&fake, 0, sizeof(fake));
	fake.mono = realtime_ns;
	fake.real = realtime_ns;
}

static void stop(void *opaque)
{
	loop_stop(opaque);
}

void fake_clock_run(struct loop *loop)
{
	check(loop_post(loop, stop, loop) == 0);
	check(loop_run(loop) == 0);
}

/* The armed timer that expires first within ns, or -1. */
static int first_timer(uint64_t ns, uint64_t *ret_wait)
{
	int first = -1;

	for (unsigned i = 0; i < fake.timers; i++) {
		uint64_t now = now_of(fake.timer[i].clock);
		uint64_t wait = fake.timer[i].at > now ? fake.timer[i].at - now : 0;

		if (!fake.timer[i].at || wait > ns || (first >= 0 && wait >= *ret_wait))
			continue;
		first = (int)i;
		*ret_wait = wait;
	}
	return first;
}

void fake_clock_advance(struct loop *loop, uint64_t ns)
{
	uint64_t wait = 0;
	int first;

	while ((first = first_timer(ns, &wait)) >= 0) {
		fake.mono += wait;
		fake.real += wait;
		ns -= wait;
		fire((unsigned)first);
		fake_clock_run(loop);
	}
	fake.mono += ns;
	fake.real += ns;
}

void fake_clock_set(struct loop *loop, uint64_t realtime_ns)
{
	fake.real = realtime_ns;
	for (unsigned i = 0; i < fake.timers; i++) {
		if (fake.timer[i].cancel && fake.timer[i].clock == CLOCK_REALTIME)
			fire(i);
	}
	fake_clock_run(loop);
}

unsigned fake_clock_wakeups(void)
{
	return fake.wakeups;
}

unsigned fake_clock_armed(void)
{
	unsigned armed = 0;

	for (unsigned i = 0; i < fake.timers; i++)
		armed += fake.timer[i].at != 0;
	return armed;
}
