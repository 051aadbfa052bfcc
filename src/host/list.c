/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/list-priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "host/journal-priv.h"
#include "host/names-priv.h"

/* "02", "0200" or "010802", with or without 0x: a class's code, to as many digits as are given. */
static bool parse_class_code(const char *text, uint32_t *ret_code, unsigned *ret_digits)
{
	size_t digits;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	digits = strlen(text);
	if ((digits != 2 && digits != 4 && digits != 6) ||
	    text[strspn(text, "0123456789abcdefABCDEF")] != '\0')
		return false;
	*ret_code = (uint32_t)strtoul(text, NULL, 16);
	*ret_digits = (unsigned)digits;
	return true;
}

int list_check_request(const struct list_request *request)
{
	uint64_t group;

	if (request->group && text_to_u64(request->group, UINT32_MAX, &group))
		return error_set(EINVAL, "'%s' is no number of an IOMMU group", request->group);
	return 0;
}

static bool has_class(const struct list_request *request, struct names *names,
		      const struct host_device *device)
{
	uint32_t code;
	unsigned digits;

	if (!request->class_part)
		return true;
	if (parse_class_code(request->class_part, &code, &digits))
		return device->class_code >> (24 - 4 * digits) == code;
	return names_class_has(names, device->class_code, request->class_part);
}

static bool has_driver(const struct list_request *request, const struct host_device *device)
{
	if (!request->driver)
		return true;
	return strcmp(request->driver, device->driver[0] ? device->driver : "none") == 0;
}

static bool has_group(const struct list_request *request, const struct host_device *device)
{
	uint64_t group;

	return !request->group ||
	       (device->has_group && text_to_u64(request->group, UINT32_MAX, &group) == 0 &&
		group == device->group);
}

static bool is_named(const struct list_request *request, const struct host_device *device)
{
	for (size_t i = 0; i < request->device_count; i++) {
		if (bdf_equal(request->devices[i], device->bdf))
			return true;
	}
	return request->device_count == 0;
}

/* The bridge above and the host bridge, from the folders that the device's lies in. */
static void find_place(struct list *list, struct list_entry *entry)
{
	char folders[sizeof(entry->device.real)];
	char *rest = folders, *name;

	entry->parent = SIZE_MAX;
	(void)text_copy(folders, sizeof(folders), entry->device.real);
	while ((name = strsep(&rest, "/"))) {
		if (strncmp(name, "pci", 3) == 0 && isxdigit((unsigned char)name[3]))
			(void)text_copy(entry->root, sizeof(entry->root), name);
		for (size_t i = 0; i < list->count; i++) {
			if (&list->entries[i] != entry && strcmp(list->entries[i].device.text, name) == 0)
				entry->parent = i;
		}
	}
}

/* All devices, since a tree shows the bridges above those asked for. */
static int load_entries(const struct host *host, struct list *ret_list)
{
	auto_free struct host_device *devices = NULL;
	struct list list = { 0 };

	if (device_load_all(host, &devices, &list.count))
		return -error_get()->errnum;
	list.entries = calloc(list.count + 1, sizeof(*list.entries));
	if (!list.entries)
		return error_sys(ENOMEM, "the list of PCI devices");
	for (size_t i = 0; i < list.count; i++)
		list.entries[i].device = devices[i];
	for (size_t i = 0; i < list.count; i++)
		find_place(&list, &list.entries[i]);
	*ret_list = list;
	return 0;
}

/* What is asked for by its address has to be there. */
static int check_named(const struct host *host, const struct list_request *request)
{
	for (size_t i = 0; i < request->device_count; i++) {
		struct host_device device;
		int error = device_load(host, request->devices[i], &device);

		if (error)
			return error;
	}
	return 0;
}

int list_load(const struct host *host, const struct list_request *request, struct list *ret_list)
{
	struct list list = { 0 };
	struct names *names;
	struct usage *usage = NULL;
	int error = check_named(host, request);

	if (!error)
		error = load_entries(host, &list);
	if (!error)
		error = usage_create(host, &usage);
	if (error) {
		list_fini(&list);
		return error;
	}
	names = names_open(host);
	for (size_t i = 0; i < list.count; i++) {
		struct list_entry *entry = &list.entries[i];
		const struct host_device *device = &entry->device;

		names_class(names, device->class_code, entry->class_name, sizeof(entry->class_name));
		names_device(names, device->vendor, device->device, entry->name, sizeof(entry->name));
		entry->shown = is_named(request, device) && has_driver(request, device) &&
			       has_group(request, device) && has_class(request, names, device);
		if (!entry->shown)
			continue;
		if (!journal_in_progress(host, device, entry->progress, sizeof(entry->progress)))
			entry->progress[0] = '\0';
		error = usage_all(usage, device, &entry->uses, &entry->use_count);
		if (error)
			break;
		for (size_t k = i; k != SIZE_MAX && !list.entries[k].visible; k = list.entries[k].parent)
			list.entries[k].visible = true;
	}
	names_close(names);
	usage_destroy(usage);
	if (error)
		list_fini(&list);
	*ret_list = list;
	return error;
}

void list_fini(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].uses);
	free(list->entries);
	*list = (struct list){ 0 };
}
