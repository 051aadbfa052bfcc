/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the table and the tree say of a device alike. */
#include <stdio.h>

#include "host/list-priv.h"

void list_use_text(const struct list_entry *entry, char *ret_text, size_t size)
{
	size_t used = (size_t)snprintf(ret_text, size, "%s", entry->progress);

	for (size_t i = 0; i < entry->use_count && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "",
					 entry->uses[i].brief);
}

enum grid_tone list_use_tone(const struct list_entry *entry)
{
	for (size_t i = 0; i < entry->use_count; i++) {
		if (entry->uses[i].vital)
			return TONE_ALARM;
	}
	return entry->use_count || entry->progress[0] ? TONE_NOTICE : TONE_PLAIN;
}

enum grid_tone list_driver_tone(const struct list_entry *entry)
{
	return driver_is_vfio(entry->device.driver) ? TONE_GOOD : TONE_PLAIN;
}
