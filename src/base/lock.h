/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_LOCK_H
#define HANDFAST_BASE_LOCK_H

/*
 * The machine lock: one per VM. It guards tables (who is at which address, who sits in which slot)
 * and is held for microseconds. No system call that can take long is made under it: nothing of VFIO,
 * iommufd, KVM's memory slots or routes, no file, no allocation of guest memory. Order: a device's
 * own lock first, then this one; nothing is taken under this one.
 */
#include <pthread.h>
#include <stdint.h>

struct lock {
	pthread_mutex_t mutex;
	uint64_t taken_ns;   /* CLOCK_MONOTONIC, valid while held */
	uint64_t longest_ns; /* the longest time it was ever held */
};

void lock_init(struct lock *lock);
void lock_fini(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);
uint64_t lock_longest_ns(struct lock *lock);

#endif
