/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/progress-priv.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#define FIRST_S 2  /* what is over sooner is not slow */
#define EVERY_S 10 /* where lines stay: a log */

uint64_t progress_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, FILE *out)
{
	*progress = (struct progress){ .out = out };
	progress->terminal = out && fileno(out) >= 0 && isatty(fileno(out));
}

void progress_step(struct progress *progress, const char *what, ...)
{
	va_list args;

	if (!progress)
		return;
	va_start(args, what);
	(void)vsnprintf(progress->what, sizeof(progress->what), what, args);
	va_end(args);
	progress->said = 0;
}

static bool is_time(const struct progress *progress, unsigned seconds)
{
	if (seconds <= progress->said || seconds < FIRST_S)
		return false;
	return progress->terminal || !progress->said || seconds >= progress->said + EVERY_S;
}

void progress_tick(struct progress *progress, uint64_t elapsed_ms)
{
	unsigned seconds = (unsigned)(elapsed_ms / 1000);

	if (!progress || !progress->out || !is_time(progress, seconds))
		return;
	progress->said = seconds;
	if (progress->terminal)
		fprintf(progress->out, "\r%s, %u s ", progress->what, seconds);
	else
		fprintf(progress->out, "%s, %u s\n", progress->what, seconds);
	progress->line_open = progress->terminal;
	fflush(progress->out);
}

void progress_done(struct progress *progress)
{
	if (!progress || !progress->line_open)
		return;
	fputs("\r\033[K", progress->out);
	fflush(progress->out);
	progress->line_open = false;
}
