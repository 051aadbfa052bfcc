/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/findings-priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void add(struct findings *findings, const char *topic, enum finding_level level, int errnum,
		const char *what, va_list args) __attribute__((format(printf, 5, 0)));

static void add(struct findings *findings, const char *topic, enum finding_level level, int errnum,
		const char *what, va_list args)
{
	struct finding *more = realloc(findings->list, (findings->count + 1) * sizeof(*more));
	struct finding finding = { .level = level, .errnum = errnum, .topic = topic };

	if (!more) {
		findings->short_of_memory = true;
		return;
	}
	findings->list = more;
	memcpy(finding.subject, findings->subject, sizeof(finding.subject));
	if (vasprintf(&finding.what, what, args) < 0) {
		findings->short_of_memory = true;
		return;
	}
	findings->list[findings->count++] = finding;
}

void findings_ok(struct findings *findings, const char *topic, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	add(findings, topic, FINDING_OK, 0, what, args);
	va_end(args);
}

void findings_warning(struct findings *findings, const char *topic, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	add(findings, topic, FINDING_WARNING, 0, what, args);
	va_end(args);
}

void findings_obstacle(struct findings *findings, const char *topic, int errnum, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	add(findings, topic, FINDING_OBSTACLE, errnum, what, args);
	va_end(args);
}

void findings_obstacle_error(struct findings *findings, const char *topic)
{
	const struct error *error = error_get();

	findings_obstacle(findings, topic, error->errnum, "%s", error->because);
	if (error->remedy[0])
		findings_cure(findings, "%s", error->remedy);
}

void findings_cure(struct findings *findings, const char *cure, ...)
{
	struct finding *last;
	char *line = NULL, *joined = NULL;
	va_list args;
	int length;

	if (!findings->count)
		return;
	last = &findings->list[findings->count - 1];
	va_start(args, cure);
	length = vasprintf(&line, cure, args);
	va_end(args);
	if (length >= 0 && last->cure)
		length = asprintf(&joined, "%s\n%s", last->cure, line);
	if (length < 0) {
		findings->short_of_memory = true;
		return;
	}
	if (joined) {
		free(line);
		free(last->cure);
		line = joined;
	}
	last->cure = line;
}

void findings_take_obstacles(struct findings *findings, struct findings *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct finding *finding = &from->list[i];

		if (finding->level != FINDING_OBSTACLE)
			continue;
		findings_obstacle(findings, finding->topic, finding->errnum, "%s", finding->what);
		if (finding->cure)
			findings_cure(findings, "%s", finding->cure);
	}
	findings->short_of_memory |= from->short_of_memory;
	findings_fini(from);
}

bool findings_obstructed(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->list[i].level == FINDING_OBSTACLE)
			return true;
	}
	return findings->short_of_memory;
}

/* The command that prints them all: with each device that has an obstacle. */
static int point_to_check(const struct findings *findings)
{
	char devices[160] = "";

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		size_t used = strlen(devices);

		if (finding->level == FINDING_OBSTACLE && finding->subject[0] &&
		    !strstr(devices, finding->subject) && used + 1 + BDF_TEXT_SIZE <= sizeof(devices))
			(void)snprintf(devices + used, sizeof(devices) - used, " %s", finding->subject);
	}
	return error_try_rest("handfast check%s    (shows them all)", devices);
}

int findings_error(const struct findings *findings)
{
	int error = 0;

	if (findings->short_of_memory)
		return error_sys(ENOMEM, "the check could not be completed");
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		if (finding->level != FINDING_OBSTACLE)
			continue;
		if (!error)
			error = error_set(finding->errnum, "%s", finding->what);
		else
			error_add("%s", finding->what);
	}
	for (size_t i = 0; error && i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		if (finding->level == FINDING_OBSTACLE && finding->cure)
			error_try("%s", finding->cure);
	}
	return error ? point_to_check(findings) : 0;
}

void findings_fini(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->list[i].what);
		free(findings->list[i].cure);
	}
	free(findings->list);
	*findings = (struct findings){ 0 };
}
