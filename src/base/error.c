/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* Of the remedies' room: for the line that says how many were left out, and how to see them. */
#define REST_SIZE 256

/* The record of the thread that failed: the one piece of mutable file-scope state that STYLE grants. */
static _Thread_local struct error record;

static void append_line(char *text, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static void append_line(char *text, size_t size, const char *format, va_list arguments)
{
	size_t used = strlen(text);

	if (used > 0 && used + 1 < size) {
		text[used++] = '\n';
		text[used] = '\0';
	}
	vsnprintf(text + used, size - used, format, arguments);
}

int error_set(int errnum, const char *because, ...)
{
	va_list arguments;

	check(errnum > 0);
	record = (struct error){ .errnum = errnum };
	va_start(arguments, because);
	append_line(record.because, sizeof(record.because), because, arguments);
	va_end(arguments);
	return -errnum;
}

int error_sys(int errnum, const char *because, ...)
{
	va_list arguments;
	size_t used;

	check(errnum > 0);
	record = (struct error){ .errnum = errnum };
	va_start(arguments, because);
	append_line(record.because, sizeof(record.because), because, arguments);
	va_end(arguments);
	used = strlen(record.because);
	snprintf(record.because + used, sizeof(record.because) - used, ": %s", strerror(errnum));
	return -errnum;
}

static void put_cause(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces the cause; what does not fit is cut. */
static void put_cause(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(record.because, sizeof(record.because), format, arguments);
	va_end(arguments);
}

int error_tried(const char *what, ...)
{
	va_list arguments;

	if (record.tried[0] != '\0') {
		/* The callee's "cannot X" becomes part of the cause of ours. */
		char inner[sizeof(record.because)];

		memcpy(inner, record.because, sizeof(inner));
		put_cause("cannot %s: %s", record.tried, inner);
	}
	va_start(arguments, what);
	vsnprintf(record.tried, sizeof(record.tried), what, arguments);
	va_end(arguments);
	return -record.errnum;
}

/* Half a command may be another command. */
static void add_remedy(const char *line, size_t length, size_t room)
{
	size_t used = strlen(record.remedy);

	if (used + (used > 0) + length >= room) {
		record.left_out++;
		return;
	}
	if (used > 0)
		record.remedy[used++] = '\n';
	memcpy(record.remedy + used, line, length);
	record.remedy[used + length] = '\0';
}

static void add_remedies(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void add_remedies(const char *format, va_list arguments)
{
	char *text = NULL, *rest, *line;

	if (vasprintf(&text, format, arguments) < 0) {
		record.left_out++;
		return;
	}
	rest = text;
	while ((line = strsep(&rest, "\n")))
		add_remedy(line, strlen(line), sizeof(record.remedy) - REST_SIZE);
	free(text);
}

int error_try(const char *remedy, ...)
{
	va_list arguments;

	va_start(arguments, remedy);
	add_remedies(remedy, arguments);
	va_end(arguments);
	return -record.errnum;
}

int error_try_else(const char *remedy, ...)
{
	va_list arguments;

	if (record.remedy[0] == '\0') {
		va_start(arguments, remedy);
		add_remedies(remedy, arguments);
		va_end(arguments);
	}
	return -record.errnum;
}

int error_try_rest(const char *remedy, ...)
{
	char line[REST_SIZE];
	va_list arguments;
	int length;

	if (!record.left_out)
		return -record.errnum;
	length = snprintf(line, sizeof(line), "%u more: ", record.left_out);
	va_start(arguments, remedy);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, remedy, arguments);
	va_end(arguments);
	if ((size_t)length < sizeof(line)) {
		add_remedy(line, (size_t)length, sizeof(record.remedy));
		record.left_out = 0;
	}
	return -record.errnum;
}

/* A culprit is named whole or not at all. */
static void add_cause(const char *line, size_t length)
{
	static const char more[] = "...";
	size_t used = strlen(record.because);

	if (used + 1 + length + sizeof(more) >= sizeof(record.because)) {
		if (used < sizeof(more) || strcmp(record.because + used + 1 - sizeof(more), more) == 0)
			return;
		line = more;
		length = sizeof(more) - 1;
	}
	(void)snprintf(record.because + used, sizeof(record.because) - used, "\n%.*s", (int)length, line);
}

int error_add(const char *because, ...)
{
	va_list arguments;

	char *line = NULL;
	int length;

	va_start(arguments, because);
	length = vasprintf(&line, because, arguments);
	va_end(arguments);
	if (length >= 0)
		add_cause(line, (size_t)length);
	free(line);
	return -record.errnum;
}

const struct error *error_get(void)
{
	return &record;
}

int error_load(const struct error *from)
{
	if (from != &record)
		record = *from;
	return -record.errnum;
}

/* Writes text with every line after the first set under the first one's column. */
static void print_part(FILE *out, const char *label, const char *text)
{
	const char *line = text;

	fprintf(out, "\n  %-8s ", label);
	for (;;) {
		const char *end = strchr(line, '\n');

		if (!end) {
			fputs(line, out);
			return;
		}
		fwrite(line, 1, (size_t)(end - line), out);
		fprintf(out, "\n%11s", "");
		line = end + 1;
	}
}

void error_format(const struct error *error, char *ret_text, size_t size)
{
	FILE *out = fmemopen(ret_text, size, "w");

	if (!out) {
		snprintf(ret_text, size, "%s", error->because);
		return;
	}
	if (error->tried[0] != '\0') {
		fprintf(out, "cannot %s", error->tried);
		print_part(out, "because:", error->because);
	} else {
		fputs(error->because, out);
	}
	if (error->remedy[0] != '\0')
		print_part(out, "try:", error->remedy);
	if (error->remedy[0] != '\0' && error->left_out)
		fprintf(out, "\n%11sand %u more that there is no room for", "", error->left_out);
	fclose(out);
	ret_text[size - 1] = '\0';
}
