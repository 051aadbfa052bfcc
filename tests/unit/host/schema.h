/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_HOST_SCHEMA_H
#define HANDFAST_TESTS_UNIT_HOST_SCHEMA_H

/* What --json prints against what docs/json.md says: the same keys, none more, none less. */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* Whether the table under this heading ("## check") has a row for the key. count: of its rows. */
static inline bool schema_has(const char *heading, const char *key, size_t *ret_count)
{
	FILE *file = fopen(SOURCE_ROOT "/docs/json.md", "r");
	char line[1024], row[128];
	bool inside = false, found = false;

	assert_non_null(file);
	(void)snprintf(row, sizeof(row), "| `%s` |", key);
	*ret_count = 0;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			inside = strcmp(line, heading) == 0;
		if (!inside || strncmp(line, "| `", 3) != 0)
			continue;
		(*ret_count)++;
		found |= strncmp(line, row, strlen(row)) == 0;
	}
	fclose(file);
	return found;
}

static inline void schema_match(const char *heading, struct json_object *object)
{
	size_t rows = 0;

	assert_true(json_object_is_type(object, json_type_object));
	json_object_object_foreach(object, key, value)
	{
		(void)value;
		if (!schema_has(heading, key, &rows))
			fail_msg("docs/json.md, %s, says nothing of \"%s\"", heading, key);
	}
	assert_int_equal(rows, json_object_object_length(object));
}

/* "devices" -> its first element, and so on. */
static inline struct json_object *schema_first(struct json_object *object, const char *key)
{
	struct json_object *array = json_object_object_get(object, key);

	assert_true(json_object_is_type(array, json_type_array));
	assert_true(json_object_array_length(array) > 0);
	return json_object_array_get_idx(array, 0);
}

#endif
