/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host bridges, the bridges below them, the devices below those; beside each its IOMMU group, and a bracket
 * around what follows one another in one group. With a filter: what it lets through and the bridges above.
 */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/list-priv.h"

enum { COLUMN_TREE, COLUMN_GROUP, COLUMN_DRIVER, COLUMN_NAME, COLUMN_USE, COLUMNS };

struct strokes {
	const char *branch, *last, *trunk, *gap; /* of the tree */
	const char *first, *middle, *end;	 /* of a group's bracket */
};

struct drawing {
	const struct list *list;
	const struct strokes *strokes;
	struct grid grid;
	bool failed;
};

static struct grid_row *add_row(struct drawing *drawing)
{
	struct grid_row *row = grid_add(&drawing->grid);

	if (!row)
		drawing->failed = true;
	return row;
}

static void fill(struct grid_row *row, const struct list_entry *entry)
{
	const struct host_device *device = &entry->device;
	enum grid_tone tone = device->is_bridge || !entry->shown ? TONE_FAINT : TONE_PLAIN;
	char text[GRID_CELL_SIZE];

	if (device->has_group)
		grid_set(row, COLUMN_GROUP, tone, "%u", device->group);
	else
		grid_set(row, COLUMN_GROUP, tone, "-");
	grid_set(row, COLUMN_DRIVER, device->is_bridge ? tone : list_driver_tone(entry), "%s",
		 device->driver[0] ? device->driver : "-");
	grid_set(row, COLUMN_NAME, tone, "%s: %s%s%s", entry->class_name, entry->name,
		 device->is_virtual_function ? ", virtual function of " : "", device->physical_function);
	list_use_text(entry, text, sizeof(text));
	grid_set(row, COLUMN_USE, list_use_tone(entry), "%s", text);
}

/* The next visible one after `index` with the same parent, below the same host bridge. */
static size_t next_sibling(const struct list *list, size_t index)
{
	const struct list_entry *entry = &list->entries[index];

	for (size_t i = index + 1; i < list->count; i++) {
		const struct list_entry *other = &list->entries[i];

		if (other->parent == entry->parent &&
		    (entry->parent != SIZE_MAX || strcmp(other->root, entry->root) == 0) &&
		    list->entries[i].visible)
			return i;
	}
	return SIZE_MAX;
}

static void draw(struct drawing *drawing, size_t index, const char *indent)
{
	const struct list *list = drawing->list;
	const struct list_entry *entry = &list->entries[index];
	bool last = next_sibling(list, index) == SIZE_MAX;
	struct grid_row *row = add_row(drawing);
	char deeper[GRID_CELL_SIZE];

	if (!row)
		return;
	grid_set(row, COLUMN_TREE, entry->device.is_bridge || !entry->shown ? TONE_FAINT : TONE_PLAIN,
		 "%s%s%s", indent, last ? drawing->strokes->last : drawing->strokes->branch,
		 entry->device.text);
	fill(row, entry);
	(void)snprintf(deeper, sizeof(deeper), "%s%s", indent,
		       last ? drawing->strokes->gap : drawing->strokes->trunk);
	for (size_t i = 0; i < list->count; i++) {
		if (list->entries[i].parent == index && list->entries[i].visible)
			draw(drawing, i, deeper);
	}
}

static void draw_roots(struct drawing *drawing)
{
	const struct list *list = drawing->list;
	const char *root = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const struct list_entry *entry = &list->entries[i];
		struct grid_row *row;

		if (entry->parent != SIZE_MAX || !list->entries[i].visible)
			continue;
		if (!root || strcmp(root, entry->root) != 0) {
			row = add_row(drawing);
			if (!row)
				return;
			root = entry->root;
			grid_set(row, COLUMN_TREE, TONE_STRONG, "%s", root);
		}
		draw(drawing, i, "");
	}
}

static const char *group_of(const struct grid *grid, size_t row)
{
	return row < grid->row_count ? grid->rows[row].cells[COLUMN_GROUP].text : "";
}

/* Behind the numbers, from the last row to the first: each row is compared while its neighbours' texts are
 * bare (above) or known (below). */
static void draw_brackets(struct drawing *drawing)
{
	struct grid *grid = &drawing->grid;
	bool below = false;

	for (size_t i = grid->row_count; i-- > 0;) {
		struct grid_cell *cell = &grid->rows[i].cells[COLUMN_GROUP];
		bool above = i > 0 && cell->text[0] && strcmp(cell->text, "-") != 0 &&
			     strcmp(cell->text, group_of(grid, i - 1)) == 0;
		const char *stroke = above && below ? drawing->strokes->middle
				     : above	    ? drawing->strokes->end
				     : below	    ? drawing->strokes->first
						    : NULL;
		size_t used = strlen(cell->text);

		if (stroke)
			(void)snprintf(cell->text + used, sizeof(cell->text) - used, " %s", stroke);
		below = above;
	}
}

int list_print_tree(const struct list *list, const struct grid_style *style, FILE *out)
{
	static const char *const headings[COLUMNS] = {
		[COLUMN_TREE] = "BDF",	[COLUMN_GROUP] = "GROUP", [COLUMN_DRIVER] = "DRIVER",
		[COLUMN_NAME] = "NAME", [COLUMN_USE] = "USED BY",
	};
	static const struct grid_step steps[] = {
		{ COLUMN_NAME, 30 },
		{ COLUMN_USE, 20 },
		{ COLUMN_NAME, 16 },
		{ COLUMN_USE, 12 },
	};
	static const struct strokes utf8 = {
		.branch = "├─ ",
		.last = "└─ ",
		.trunk = "│  ",
		.gap = "   ",
		.first = "┐",
		.middle = "│",
		.end = "┘",
	};
	static const struct strokes ascii = {
		.branch = "|- ",
		.last = "`- ",
		.trunk = "|  ",
		.gap = "   ",
		.first = "\\",
		.middle = "|",
		.end = "/",
	};
	struct drawing drawing = {
		.list = list,
		.strokes = style->utf8 ? &utf8 : &ascii,
		.grid = { .headings = headings,
			  .column_count = COLUMNS,
			  .steps = steps,
			  .step_count = sizeof(steps) / sizeof(steps[0]) },
	};

	draw_roots(&drawing);
	draw_brackets(&drawing);
	if (!drawing.failed)
		grid_print(&drawing.grid, style, out);
	grid_fini(&drawing.grid);
	return drawing.failed ? -error_get()->errnum : 0;
}
