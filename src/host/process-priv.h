/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_PROCESS_PRIV_H
#define HANDFAST_HOST_PROCESS_PRIV_H

/* Who has a file open, as far as /proc lets us see: all of it as root, else the caller's own. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "host/host-priv.h"

struct process {
	pid_t pid;
	char name[32]; /* /proc/PID/comm, control characters as '?' */
};

struct process_open {
	const struct process *process;
	const char *path;	/* of what is open, or "socket:[4711]" and the like */
	const char *descriptor; /* "/proc/77/fd/3", which leads to the file itself */
};

/* Calls found() for each open file of each process whose path begins with prefix. */
void process_each_open(const struct host *host, const char *prefix,
		       void (*found)(void *opaque, const struct process_open *open), void *opaque);

/* The systemd unit of the system's own that the process belongs to, "nginx.service"; false: none. */
bool process_service(const struct host *host, pid_t pid, char *ret_unit, size_t size);

/* The processes but `except` that have exactly this path open, each once; returns how many stand in
 * ret_list, at most room. */
size_t process_holders(const struct host *host, const char *path, pid_t except, struct process *ret_list,
		       size_t room);

/* "qemu-system-x86 (pid 4711), handfast (pid 5000)"; returns ret_text. */
const char *process_names(const struct process *list, size_t count, char *ret_text, size_t size);

#endif
