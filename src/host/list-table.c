/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/error.h"
#include "host/list-priv.h"

enum {
	COLUMN_BDF,
	COLUMN_GROUP,
	COLUMN_CLASS,
	COLUMN_NAME,
	COLUMN_DRIVER,
	COLUMN_RESET,
	COLUMN_USE,
	COLUMNS
};

/* A dash for what there is none of, so that columns stay columns for awk too. */
static void set(struct grid_row *row, size_t column, enum grid_tone tone, const char *text)
{
	grid_set(row, column, tone, "%s", text[0] ? text : "-");
}

/* "flr,bus": one word. */
static void reset_text(const struct host_device *device, char *ret_text, size_t size)
{
	(void)snprintf(ret_text, size, "%s",
		       !device->can_reset	  ? ""
		       : device->reset_methods[0] ? device->reset_methods
						  : "yes");
	for (char *at = ret_text; *at; at++) {
		if (*at == ' ')
			*at = ',';
	}
}

static void fill(struct grid_row *row, const struct list_entry *entry)
{
	const struct host_device *device = &entry->device;
	enum grid_tone tone = device->is_bridge ? TONE_FAINT : TONE_PLAIN;
	char text[GRID_CELL_SIZE] = "";

	set(row, COLUMN_BDF, tone, device->text);
	if (device->has_group)
		(void)snprintf(text, sizeof(text), "%u", device->group);
	set(row, COLUMN_GROUP, tone, text);
	set(row, COLUMN_CLASS, tone, entry->class_name);
	set(row, COLUMN_NAME, tone, entry->name);
	set(row, COLUMN_DRIVER, device->is_bridge ? tone : list_driver_tone(entry), device->driver);
	reset_text(device, text, sizeof(text));
	set(row, COLUMN_RESET, tone, text);
	list_use_text(entry, text, sizeof(text));
	set(row, COLUMN_USE, list_use_tone(entry), text);
}

int list_print_table(const struct list *list, const struct grid_style *style, FILE *out)
{
	static const char *const headings[COLUMNS] = {
		[COLUMN_BDF] = "BDF",	  [COLUMN_GROUP] = "GROUP",   [COLUMN_CLASS] = "CLASS",
		[COLUMN_NAME] = "NAME",	  [COLUMN_DRIVER] = "DRIVER", [COLUMN_RESET] = "RESET",
		[COLUMN_USE] = "USED BY",
	};
	static const struct grid_step steps[] = {
		{ COLUMN_NAME, 40 }, { COLUMN_CLASS, 19 }, { COLUMN_NAME, 28 }, { COLUMN_CLASS, 10 },
		{ COLUMN_NAME, 14 }, { COLUMN_RESET, 5 },  { COLUMN_USE, 12 },
	};
	struct grid grid = {
		.headings = headings,
		.column_count = COLUMNS,
		.steps = steps,
		.step_count = sizeof(steps) / sizeof(steps[0]),
	};

	for (size_t i = 0; i < list->count; i++) {
		struct grid_row *row = list->entries[i].shown ? grid_add(&grid) : NULL;

		if (row) {
			fill(row, &list->entries[i]);
		} else if (list->entries[i].shown) {
			grid_fini(&grid);
			return -error_get()->errnum;
		}
	}
	grid_print(&grid, style, out);
	grid_fini(&grid);
	return 0;
}
