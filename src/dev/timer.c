/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/timer-priv.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

uint64_t dev_clock_ns(clockid_t clock)
{
	struct timespec now;

	check(clock_gettime(clock, &now) == 0);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct dev_timer *timer = source->opaque;
	uint64_t count;

	/* EAGAIN: it was armed anew or disarmed since. ECANCELED: the host's clock was set. */
	if (read(source->fd, &count, sizeof(count)) < 0 && errno != ECANCELED)
		return;
	timer->expired(timer->opaque);
}

int dev_timer_init(struct dev_timer *timer, struct loop *loop, clockid_t clock, void (*expired)(void *opaque),
		   void *opaque)
{
	int fd = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
	int error;

	if (fd < 0)
		return error_sys(errno, "timer");
	*timer = (struct dev_timer){
		.expired = expired,
		.opaque = opaque,
		.source = { .fd = fd, .ready = timer_ready, .opaque = timer },
	};
	error = loop_add(loop, &timer->source, EPOLLIN);
	if (error) {
		close(fd);
		return error;
	}
	timer->loop = loop;
	return 0;
}

void dev_timer_fini(struct dev_timer *timer)
{
	if (!timer->loop)
		return;
	loop_remove(timer->loop, &timer->source);
	close(timer->source.fd);
	timer->loop = NULL;
}

static void timer_set(struct dev_timer *timer, uint64_t at_ns)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(at_ns / NS_PER_SECOND),
			      .tv_nsec = (long)(at_ns % NS_PER_SECOND) },
	};

	/* A disarmed timer without that flag: it would report a clock that was set even then. */
	int flags = at_ns ? TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET : 0;

	/* ECANCELED: the clock was set since the last read; it is armed nevertheless. */
	check(timerfd_settime(timer->source.fd, flags, &when, NULL) == 0 || errno == ECANCELED);
}

void dev_timer_arm(struct dev_timer *timer, uint64_t at_ns)
{
	timer_set(timer, at_ns);
}

void dev_timer_disarm(struct dev_timer *timer)
{
	timer_set(timer, 0);
}
