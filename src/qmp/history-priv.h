/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_HISTORY_PRIV_H
#define HANDFAST_QMP_HISTORY_PRIV_H

/*
 * The lines that were typed at `handfast qmp`, in a file of plain text, one a line, the latest last. It is a
 * convenience: whatever is the matter with it, there is less history, and nobody is told.
 */
#include <stddef.h>

#define HISTORY_LINES_MAX 500
#define HISTORY_LINE_SIZE 4096

struct history_lines {
	char **lines;
	size_t count;
};

/* The file: $XDG_STATE_HOME/handfast/qmp-history, or in ~/.local/state. NULL where there is no $HOME. The
 * caller's. */
char *history_path(void);

/* What it has; nothing where path is NULL, or no regular file. Lines with control characters in them, and
 * those that are too long, are left out: none of them was typed. */
void history_load(const char *path, struct history_lines *ret_lines);
void history_fini(struct history_lines *lines);

/* Adds a line behind what the file has by now, for another shell may have added some; made, with its folders,
 * for its owner alone where it is not there. A line with a secret in it is not kept. path: NULL is fine. */
void history_add(const char *path, const char *line);

#endif
