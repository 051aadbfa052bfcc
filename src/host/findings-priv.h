/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_FINDINGS_PRIV_H
#define HANDFAST_HOST_FINDINGS_PRIV_H

/*
 * What a check found out: a list of findings, each with what was found, and for warnings and obstacles
 * the command that cures it. The same list is printed by `handfast check` and becomes the refusal of a
 * start or a bind, so that the two never disagree.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/host_id.h"

enum finding_level {
	FINDING_OK,
	FINDING_WARNING,
	FINDING_OBSTACLE,
};

struct finding {
	enum finding_level level;
	int errnum;			 /* of an obstacle */
	const char *topic;		 /* a word that stays: "iommu", "driver", "group"; static text */
	char subject[HOST_ID_TEXT_SIZE]; /* the device, "" for the host */
	char *what;			 /* one or more lines */
	char *cure;			 /* lines, or NULL */
};

/* Start with a zeroed one. */
struct findings {
	struct finding *list;
	size_t count;
	bool short_of_memory;		 /* some are missing: counts as an obstacle */
	char subject[HOST_ID_TEXT_SIZE]; /* what the next ones are about */
};

void findings_ok(struct findings *findings, const char *topic, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
void findings_warning(struct findings *findings, const char *topic, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
void findings_obstacle(struct findings *findings, const char *topic, int errnum, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

/* An obstacle from this thread's error record: its cause and its remedies. */
void findings_obstacle_error(struct findings *findings, const char *topic);

/* Adds a line to the cure of the finding added last. */
void findings_cure(struct findings *findings, const char *cure, ...) __attribute__((format(printf, 2, 3)));

/* Moves the obstacles of `from` behind those of findings, under its subject, and empties `from`. */
void findings_take_obstacles(struct findings *findings, struct findings *from);

bool findings_obstructed(const struct findings *findings);

/* 0 without an obstacle; else all obstacles as one error: their causes and cures, one below the other,
 * under the errno of the first. */
int findings_error(const struct findings *findings);

void findings_fini(struct findings *findings);

#endif
