/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_EDITOR_PRIV_H
#define HANDFAST_QMP_EDITOR_PRIV_H

/* A line that is typed at a terminal, while other things happen. */
#include "qmp/complete-priv.h"

struct editor;

struct editor_ops {
	/* Waits until a key can be read (0), or there is something to show (1). Errors: the line is given up.
	 */
	int (*wait)(void *opaque);
	/* Prints it; the cursor is at the beginning of an empty row, and so it must be afterwards. */
	void (*show)(void *opaque);
	int (*complete)(void *opaque, const char *line, size_t cursor, struct completion *ret_completion);
};

enum editor_result {
	EDITOR_LINE,
	EDITOR_DROPPED, /* Ctrl-C */
	EDITOR_LEFT,	/* Ctrl-D, Ctrl-C on an empty line, or the terminal is gone */
	EDITOR_FAILED,	/* wait() has failed, with its cause on record */
};

/* On standard input and output, which are terminals. ops and opaque outlive it. */
int editor_create(const struct editor_ops *ops, void *opaque, struct editor **ret_editor);
/* NULL is fine. */
void editor_destroy(struct editor *editor);

/* Reads one. The line is the editor's, without blanks at its end, until the next call. */
enum editor_result editor_read(struct editor *editor, char **ret_line);

/* What the Up key brings back: the latest line. */
void editor_remember(struct editor *editor, const char *line);

#endif
