/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: no-color.org for NO_COLOR; ECMA-48, 8.3.117 (select graphic rendition). */
#include "host/grid-priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

#define GAP	      2 /* blanks between columns */
#define WIDTH_UNKNOWN 80

/* The locale's character set by the variables that decide it: setlocale() would need the locale to be
 * installed, which the one that ssh brings along often is not. */
static bool locale_is_utf8(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = getenv(variables[i]);

		if (value && value[0])
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

void grid_style_detect(FILE *out, struct grid_style *ret_style)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct grid_style style = { .utf8 = locale_is_utf8() };
	struct winsize size;

	if (isatty(fileno(out))) {
		style.colour = !(no_colour && no_colour[0]) && term && term[0] && strcmp(term, "dumb") != 0;
		style.width = WIDTH_UNKNOWN;
		if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
			style.width = size.ws_col;
	}
	*ret_style = style;
}

struct grid_row *grid_add(struct grid *grid)
{
	struct grid_row *more = realloc(grid->rows, (grid->row_count + 1) * sizeof(*more));

	if (!more) {
		error_sys(ENOMEM, "the table");
		return NULL;
	}
	grid->rows = more;
	more += grid->row_count++;
	memset(more, 0, sizeof(*more));
	return more;
}

void grid_set(struct grid_row *row, size_t column, enum grid_tone tone, const char *format, ...)
{
	char text[GRID_CELL_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	row->cells[column].tone = tone;
	text_copy_printable(row->cells[column].text, sizeof(row->cells[column].text), text);
}

/* Characters, not bytes. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void measure(const struct grid *grid, unsigned widths[GRID_COLUMNS])
{
	for (size_t i = 0; i < grid->column_count; i++) {
		widths[i] = width_of(grid->headings[i]);
		for (size_t k = 0; k < grid->row_count; k++) {
			unsigned width = width_of(grid->rows[k].cells[i].text);

			if (width > widths[i])
				widths[i] = width;
		}
	}
}

static void fit(const struct grid *grid, unsigned width, unsigned widths[GRID_COLUMNS])
{
	unsigned total = (unsigned)(grid->column_count - 1) * GAP;

	for (size_t i = 0; i < grid->column_count; i++)
		total += widths[i];
	for (size_t i = 0; i < grid->step_count && total > width; i++) {
		unsigned *column = &widths[grid->steps[i].column];
		unsigned excess = total - width;
		unsigned room = *column > grid->steps[i].width ? *column - grid->steps[i].width : 0;

		if (excess > room)
			excess = room;
		*column -= excess;
		total -= excess;
	}
}

/* Writes the text in at most width characters; returns how many. */
static unsigned print_cut(const char *text, unsigned width, bool utf8, FILE *out)
{
	bool whole = width_of(text) <= width;
	unsigned used = 0;

	for (; *text; text++) {
		bool begins = (*text & 0xc0) != 0x80;

		if (begins && !whole && used + 1 == width) {
			fputs(utf8 ? "\u2026" : "~", out);
			return width;
		}
		used += begins;
		fputc(*text, out);
	}
	return used;
}

static void print_cell(const struct grid_cell *cell, unsigned width, bool last,
		       const struct grid_style *style, FILE *out)
{
	static const char *const codes[] = {
		[TONE_PLAIN] = "",  [TONE_STRONG] = "1",  [TONE_FAINT] = "2",
		[TONE_GOOD] = "32", [TONE_NOTICE] = "33", [TONE_ALARM] = "1;31",
	};
	bool coloured = style->colour && cell->tone != TONE_PLAIN && cell->text[0];
	unsigned used;

	if (coloured)
		fprintf(out, "\033[%sm", codes[cell->tone]);
	used = print_cut(cell->text, width, style->utf8, out);
	if (coloured)
		fputs("\033[0m", out);
	if (!last)
		fprintf(out, "%*s", (int)(width - used + GAP), "");
}

/* Blanks at the end of a line are nobody's friends: the last cell that holds anything ends it. */
static void print_row(const struct grid *grid, const struct grid_row *row,
		      const unsigned widths[GRID_COLUMNS], const struct grid_style *style, FILE *out)
{
	size_t count = grid->column_count;

	while (count > 1 && !row->cells[count - 1].text[0])
		count--;
	for (size_t i = 0; i < count; i++)
		print_cell(&row->cells[i], widths[i], i + 1 == count, style, out);
	fputc('\n', out);
}

void grid_print(const struct grid *grid, const struct grid_style *style, FILE *out)
{
	unsigned widths[GRID_COLUMNS];
	struct grid_row headings = { 0 };

	measure(grid, widths);
	if (style->width)
		fit(grid, style->width, widths);
	for (size_t i = 0; i < grid->column_count; i++)
		grid_set(&headings, i, TONE_STRONG, "%s", grid->headings[i]);
	print_row(grid, &headings, widths, style, out);
	for (size_t i = 0; i < grid->row_count; i++)
		print_row(grid, &grid->rows[i], widths, style, out);
}

void grid_fini(struct grid *grid)
{
	free(grid->rows);
	grid->rows = NULL;
	grid->row_count = 0;
}
