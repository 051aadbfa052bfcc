/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_PROGRESS_PRIV_H
#define HANDFAST_HOST_PROGRESS_PRIV_H

/*
 * What somebody who waits is told: what is being waited for and for how long by now. On a terminal one line
 * that changes every second and goes when the wait is over; else a line now and then.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *out; /* NULL: says nothing */
	bool terminal;
	bool line_open;
	unsigned said; /* the second that was said last */
	char what[160];
};

void progress_init(struct progress *progress, FILE *out);

/* All three: NULL is fine. What comes next, "0000:01:00.0: nvme is letting go of it". */
void progress_step(struct progress *progress, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* Has lasted so long; often called, seldom says something. */
void progress_tick(struct progress *progress, uint64_t elapsed_ms);
void progress_done(struct progress *progress);

/* What elapsed times are differences of. */
uint64_t progress_clock_ms(void);

#endif
