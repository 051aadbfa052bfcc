/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: depmod(8): modules.alias, lines "alias PATTERN MODULE"; modules.builtin.modinfo (Linux 5.2 on),
 * "MODULE.alias=PATTERN" with a NUL behind each. Linux scripts/mod/file2alias.c: the patterns of PCI drivers,
 * "pci:v0000....d0000....sv*sd*bc..sc..i*"; those of a driver that only an override may choose
 * (PCI_ID_F_VFIO_DRIVER_OVERRIDE) begin with "vfio_pci:" instead. A module's name has underscores only,
 * its driver may be called with dashes.
 */
#include "host/modules-priv.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"

#define OWN_PREFIX  "pci:"
#define VFIO_PREFIX "vfio_pci:"

/* Called for each alias; pattern and module are the caller's to keep only by copying. */
typedef void alias_found(void *opaque, const char *pattern, const char *module);

static void each_loadable(const struct host *host, alias_found *found, void *opaque)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *line, *rest;

	if (sysfs_read_file(sysfs_path(path, "%s/modules.alias", host->modules), &text, NULL))
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *word = strsep(&line, " "), *pattern = strsep(&line, " ");

		if (strcmp(word, "alias") == 0 && pattern && line)
			found(opaque, pattern, line);
	}
}

static void each_builtin(const struct host *host, alias_found *found, void *opaque)
{
	static const char key[] = ".alias=";
	char path[PATH_MAX];
	auto_free char *text = NULL;
	size_t size = 0;

	if (sysfs_read_file(sysfs_path(path, "%s/modules.builtin.modinfo", host->modules), &text, &size))
		return;
	for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
		char *module = text + at, *equals = strchr(module, '='), *dot = strchr(module, '.');

		if (!equals || !dot || strncmp(dot, key, sizeof(key) - 1) != 0)
			continue;
		*dot = '\0';
		found(opaque, equals + 1, module);
		*dot = '.';
	}
}

/* What the device would have to be called to match aliases with this prefix. */
static bool alias_name(const struct host_device *device, const char *prefix, char *ret_text, size_t size)
{
	if (strncmp(device->modalias, OWN_PREFIX, strlen(OWN_PREFIX)) != 0)
		return false;
	(void)snprintf(ret_text, size, "%s%s", prefix, device->modalias + strlen(OWN_PREFIX));
	return true;
}

struct variant_search {
	char name[160];
	unsigned best; /* wildcards in the best pattern so far */
	struct module_name module;
};

static unsigned count_wildcards(const char *pattern)
{
	unsigned count = 0;

	for (; *pattern; pattern++)
		count += *pattern == '*' || *pattern == '?' || *pattern == '[';
	return count;
}

static void variant_found(void *opaque, const char *pattern, const char *module)
{
	struct variant_search *search = opaque;
	unsigned wildcards = count_wildcards(pattern);

	if (strncmp(pattern, VFIO_PREFIX, strlen(VFIO_PREFIX)) != 0 || wildcards >= search->best ||
	    strcmp(module, "vfio_pci") == 0 || fnmatch(pattern, search->name, 0) != 0)
		return;
	search->best = wildcards;
	(void)text_copy(search->module.text, sizeof(search->module.text), module);
}

bool modules_variant(const struct host *host, const struct host_device *device,
		     struct module_name *ret_module)
{
	struct variant_search search = { .best = ~0U };

	if (!alias_name(device, VFIO_PREFIX, search.name, sizeof(search.name)))
		return false;
	each_loadable(host, variant_found, &search);
	each_builtin(host, variant_found, &search);
	if (search.best == ~0U)
		return false;
	*ret_module = search.module;
	return true;
}

struct native_search {
	char name[160];
	struct module_name *list;
	size_t count, room;
};

static void native_found(void *opaque, const char *pattern, const char *module)
{
	struct native_search *search = opaque;

	if (search->count == search->room || strncmp(pattern, OWN_PREFIX, strlen(OWN_PREFIX)) != 0 ||
	    driver_is_vfio(module) || fnmatch(pattern, search->name, 0) != 0)
		return;
	for (size_t i = 0; i < search->count; i++) {
		if (strcmp(search->list[i].text, module) == 0)
			return;
	}
	(void)text_copy(search->list[search->count].text, sizeof(search->list[0].text), module);
	search->count++;
}

size_t modules_native(const struct host *host, const struct host_device *device, struct module_name *ret_list,
		      size_t room)
{
	struct native_search search = { .list = ret_list, .room = room };

	if (!alias_name(device, OWN_PREFIX, search.name, sizeof(search.name)))
		return 0;
	each_loadable(host, native_found, &search);
	each_builtin(host, native_found, &search);
	return search.count;
}

static bool same_name(const char *module, const char *driver)
{
	for (; *module && *driver; module++, driver++) {
		if ((*module == '-' ? '_' : *module) != (*driver == '-' ? '_' : *driver))
			return false;
	}
	return *module == *driver;
}

bool modules_driver(const struct host *host, const char *module, char *ret_driver, size_t size)
{
	char path[PATH_MAX];
	auto_dir DIR *brought = opendir(sysfs_path(path, "%s/module/%s/drivers", host->sys, module));
	auto_dir DIR *drivers = NULL;
	struct dirent *entry;

	while (brought && (entry = readdir(brought))) {
		if (strncmp(entry->d_name, OWN_PREFIX, strlen(OWN_PREFIX)) == 0)
			return text_copy(ret_driver, size, entry->d_name + strlen(OWN_PREFIX));
	}
	drivers = opendir(sysfs_path(path, "%s/bus/pci/drivers", host->sys));
	while (drivers && (entry = readdir(drivers))) {
		if (same_name(module, entry->d_name))
			return text_copy(ret_driver, size, entry->d_name);
	}
	return false;
}
