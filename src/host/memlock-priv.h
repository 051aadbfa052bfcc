/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_MEMLOCK_PRIV_H
#define HANDFAST_HOST_MEMLOCK_PRIV_H

/*
 * Memory that a device may reach has to stay where it is, and counts against its process's limit on
 * locked memory (type1: RLIMIT_MEMLOCK of the process that maps it, mm->locked_vm) unless that has
 * CAP_IPC_LOCK.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/findings-priv.h"
#include "host/host-priv.h"

/* broker_allow_memlock() for process pid. */
int memlock_allow(const struct host *host, pid_t pid, uint64_t bytes);

/* Records that pid's limit is too low and how to raise it. Returns -EPERM. */
int memlock_denied(uint64_t need, uint64_t have);

/* The limit that a VM started from here would have. */
void memlock_check(const struct host *host, struct findings *findings);

#endif
