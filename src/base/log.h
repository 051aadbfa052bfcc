/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_LOG_H
#define HANDFAST_BASE_LOG_H

/* What handfast says about itself while it runs: to standard error, or to the file of -D. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Default: standard error and LOG_LEVEL_WARNING. Called before threads exist. fd stays the caller's. */
void log_setup(int fd, enum log_level level);
/* Where they go, and another place from here on, as loud as before: for a process of ours that gives up
 * descriptors. */
int log_descriptor(void);
void log_redirect(int fd);
bool log_enabled(enum log_level level);

/* What somebody asked to be told: at every level, nothing in front but the program's name. */
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An explained failure, all three parts, at error level. */
void log_failure(const struct error *error);

/* Counts what a guest got wrong and speaks at most once a second for each limit. Zero-initialise. */
struct log_limit {
	atomic_ullong next_ns;	 /* CLOCK_MONOTONIC time before which nothing is said */
	atomic_ullong swallowed; /* messages not said since the last one */
};

/* At warning level, "guest: " in front, rate-limited. Never blocks, never allocates. */
void log_guest(struct log_limit *limit, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
