/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Theory of operation: each message is put together in a buffer on the caller's stack and leaves by one
 * write(2), so lines of several threads do not mix and no lock is held while a slow reader takes them.
 */
static int log_fd = STDERR_FILENO;
static enum log_level log_level = LOG_LEVEL_WARNING;

void log_setup(int fd, enum log_level level)
{
	log_fd = fd;
	log_level = level;
}

int log_descriptor(void)
{
	return log_fd;
}

void log_redirect(int fd)
{
	log_fd = fd;
}

bool log_enabled(enum log_level level)
{
	return level <= log_level;
}

static void put(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(log_fd, text, length);

		if (wrote <= 0)
			return; /* nobody left to tell */
		text += wrote;
		length -= (size_t)wrote;
	}
}

static void say(enum log_level level, const char *before, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static void say(enum log_level level, const char *before, const char *format, va_list arguments)
{
	char line[2048];
	int used;

	if (!log_enabled(level))
		return;
	used = snprintf(line, sizeof(line), "handfast: %s", before);
	vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
	used = (int)strlen(line);
	line[used++] = '\n';
	put(line, (size_t)used);
}

void log_notice(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(LOG_LEVEL_ERROR, "", format, arguments);
	va_end(arguments);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(LOG_LEVEL_ERROR, "", format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(LOG_LEVEL_WARNING, "warning: ", format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(LOG_LEVEL_INFO, "", format, arguments);
	va_end(arguments);
}

void log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(LOG_LEVEL_DEBUG, "debug: ", format, arguments);
	va_end(arguments);
}

void log_failure(const struct error *error)
{
	char text[ERROR_TEXT_SIZE];
	char line[ERROR_TEXT_SIZE + 16];
	int length;

	error_format(error, text, sizeof(text));
	length = snprintf(line, sizeof(line), "handfast: %s\n", text);
	put(line, (size_t)length);
}

void log_guest(struct log_limit *limit, const char *format, ...)
{
	struct timespec time;
	unsigned long long now;
	unsigned long long next = atomic_load(&limit->next_ns);
	unsigned long long swallowed;
	va_list arguments;
	char before[64];

	if (!log_enabled(LOG_LEVEL_WARNING))
		return;
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
	if (now < next || !atomic_compare_exchange_strong(&limit->next_ns, &next, now + 1000000000ull)) {
		atomic_fetch_add(&limit->swallowed, 1);
		return;
	}
	swallowed = atomic_exchange(&limit->swallowed, 0);
	if (swallowed > 0)
		snprintf(before, sizeof(before), "guest (and %llu like it): ", swallowed);
	else
		snprintf(before, sizeof(before), "guest: ");
	va_start(arguments, format);
	say(LOG_LEVEL_WARNING, before, format, arguments);
	va_end(arguments);
}
