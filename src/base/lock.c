/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/lock.h"

#include <time.h>

#include "base/check.h"

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void lock_init(struct lock *lock)
{
	int failed = pthread_mutex_init(&lock->mutex, NULL);

	check(failed == 0);
	lock->taken_ns = 0;
	lock->longest_ns = 0;
}

void lock_fini(struct lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void lock_take(struct lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->taken_ns = now_ns();
}

void lock_drop(struct lock *lock)
{
	uint64_t held = now_ns() - lock->taken_ns;

	if (held > lock->longest_ns)
		lock->longest_ns = held;
	pthread_mutex_unlock(&lock->mutex);
}

uint64_t lock_longest_ns(struct lock *lock)
{
	uint64_t longest;

	pthread_mutex_lock(&lock->mutex);
	longest = lock->longest_ns;
	pthread_mutex_unlock(&lock->mutex);
	return longest;
}
