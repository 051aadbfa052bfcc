/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/persist-priv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/record-priv.h"

#define HEADING "handfast persist 1"
#define SUFFIX	".record"

static const char *folder_of(const struct host *host, char ret_path[PATH_MAX])
{
	return sysfs_path(ret_path, "%s/persist", host->state);
}

/* By the place: one record for each. */
static const char *file_name(const struct persist_record *record, char ret_name[PATH_MAX])
{
	sysfs_path(ret_name, "%s" SUFFIX, record->path);
	for (char *at = ret_name; *at; at++) {
		if (*at == '/')
			*at = '_';
	}
	return ret_name;
}

int persist_write(const struct host *host, const struct persist_record *record)
{
	char folder[PATH_MAX], name[PATH_MAX], bdf[BDF_TEXT_SIZE], text[1024];

	if (mkdir(folder_of(host, folder), 0755) && errno != EEXIST)
		return error_sys(errno, "create the folder %s", folder);
	(void)snprintf(
		text, sizeof(text),
		HEADING "\nid %04x:%04x\nsubsystem %04x:%04x\nserial %s\npath %s\naddress %s\nuser %s\n"
			"driver %s\nend\n",
		record->vendor, record->device, record->subsystem_vendor, record->subsystem_device,
		record->serial, record->path, bdf_format(record->bdf, bdf), record->user, record->driver);
	return record_put(folder, file_name(record, name), text);
}

int persist_drop(const struct host *host, const struct persist_record *record)
{
	char folder[PATH_MAX], name[PATH_MAX];

	return record_drop(folder_of(host, folder), file_name(record, name));
}

static bool read_ids(const char *value, uint16_t *ret_first, uint16_t *ret_second)
{
	unsigned first, second;

	if (sscanf(value, "%4x:%4x", &first, &second) != 2)
		return false;
	*ret_first = (uint16_t)first;
	*ret_second = (uint16_t)second;
	return true;
}

static bool read_field(void *opaque, const char *key, const char *value)
{
	struct persist_record *record = opaque;

	if (strcmp(key, "id") == 0)
		return read_ids(value, &record->vendor, &record->device);
	if (strcmp(key, "subsystem") == 0)
		return read_ids(value, &record->subsystem_vendor, &record->subsystem_device);
	if (strcmp(key, "serial") == 0)
		return text_copy(record->serial, sizeof(record->serial), value);
	if (strcmp(key, "path") == 0)
		return text_copy(record->path, sizeof(record->path), value);
	if (strcmp(key, "address") == 0)
		return bdf_parse(value, &record->bdf) == 0;
	if (strcmp(key, "user") == 0)
		return text_copy(record->user, sizeof(record->user), value);
	if (strcmp(key, "driver") == 0)
		return text_copy(record->driver, sizeof(record->driver), value);
	return false;
}

static bool load_one(const char *path, struct persist_record *ret_record)
{
	struct persist_record record = { 0 };

	if (record_load(path, HEADING, read_field, &record) || !record.path[0])
		return false;
	*ret_record = record;
	return true;
}

static int by_path(const void *left, const void *right)
{
	return strcmp(((const struct persist_record *)left)->path,
		      ((const struct persist_record *)right)->path);
}

int persist_load_all(const struct host *host, FILE *notes, struct persist_record **ret_list,
		     size_t *ret_count)
{
	char folder[PATH_MAX], path[PATH_MAX];
	auto_dir DIR *dir = opendir(folder_of(host, folder));
	auto_free struct persist_record *list = NULL;
	size_t count = 0;
	struct dirent *entry;

	if (!dir && errno != ENOENT)
		return error_sys(errno, "%s", folder);
	while (dir && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		struct persist_record record, *more;

		if (length <= strlen(SUFFIX) || strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		if (!load_one(sysfs_path(path, "%s/%s", folder, entry->d_name), &record)) {
			fprintf(notes, "note: %s is not what handfast wrote, and is passed over\n", path);
			continue;
		}
		more = realloc(list, (count + 1) * sizeof(*more));
		if (!more)
			return error_sys(ENOMEM, "the recorded devices");
		list = more;
		list[count++] = record;
	}
	if (count)
		qsort(list, count, sizeof(*list), by_path);
	*ret_list = list;
	*ret_count = count;
	list = NULL;
	return 0;
}
