/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_NOFILE_PRIV_H
#define HANDFAST_HOST_NOFILE_PRIV_H

/* Each interrupt vector of a device is a descriptor of its VM's process, and counts against that process's
 * limit on open files (RLIMIT_NOFILE). */
#include <stdint.h>
#include <sys/types.h>

/* broker_allow_descriptors() for process pid. */
int nofile_allow(pid_t pid, uint64_t count);

#endif
