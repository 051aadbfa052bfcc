/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_GRID_PRIV_H
#define HANDFAST_HOST_GRID_PRIV_H

/*
 * Columns of text. On a terminal they are made to fit it, and may be coloured; anywhere else every cell is
 * written in full.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GRID_COLUMNS   8
#define GRID_CELL_SIZE 384

enum grid_tone {
	TONE_PLAIN,
	TONE_STRONG,
	TONE_FAINT,
	TONE_GOOD,
	TONE_NOTICE,
	TONE_ALARM,
};

struct grid_style {
	bool colour;
	bool utf8;
	unsigned width; /* of the terminal; 0: nothing is cut */
};

/* By what the stream is and what the user says: colour only on a terminal, none with NO_COLOR or on a dumb
 * one; characters beyond ASCII where the locale has them. */
void grid_style_detect(FILE *out, struct grid_style *ret_style);

/* How columns give way where a terminal is too narrow: one step after the other, until it fits or there are
 * no more. A column without a step never does. */
struct grid_step {
	size_t column;
	unsigned width; /* as narrow as this */
};

struct grid_cell {
	char text[GRID_CELL_SIZE];
	enum grid_tone tone;
};

struct grid_row {
	struct grid_cell cells[GRID_COLUMNS];
};

struct grid {
	const char *const *headings;
	size_t column_count;
	const struct grid_step *steps;
	size_t step_count;
	struct grid_row *rows;
	size_t row_count;
};

/* One more row of empty cells, or NULL with -ENOMEM recorded. Rows move: it is valid until the next. */
struct grid_row *grid_add(struct grid *grid);

/* Writes a cell: what does not fit is cut, control characters become '?'. */
void grid_set(struct grid_row *row, size_t column, enum grid_tone tone, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void grid_print(const struct grid *grid, const struct grid_style *style, FILE *out);
void grid_fini(struct grid *grid);

#endif
