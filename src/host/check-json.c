/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/check-json-priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "host/check-priv.h"
#include "host/group-priv.h"
#include "host/names-priv.h"

#define SCHEMA_VERSION 1

static struct json_object *text_or_null(const char *text)
{
	return text && text[0] ? json_object_new_string(text) : NULL;
}

void check_json_add_hex(struct json_object *object, const char *key, unsigned value, int digits)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "0x%0*x", digits, value);
	json_object_object_add(object, key, json_object_new_string(text));
}

struct json_object *check_json_lines(const char *text)
{
	struct json_object *array;

	if (!text)
		return NULL;
	array = json_object_new_array();
	for (;;) {
		size_t length = strcspn(text, "\n");

		json_object_array_add(array, json_object_new_string_len(text, (int)length));
		if (!text[length])
			return array;
		text += length + 1;
	}
}

int check_json_print(struct json_object *object, FILE *out)
{
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	int error = 0;

	if (text)
		fprintf(out, "%s\n", text);
	else
		error = error_sys(ENOMEM, "what there is to say, as JSON");
	json_object_put(object);
	return error;
}

struct json_object *check_json_findings(const struct findings *findings)
{
	static const char *const levels[] = {
		[FINDING_OK] = "ok",
		[FINDING_WARNING] = "warning",
		[FINDING_OBSTACLE] = "obstacle",
	};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "level", json_object_new_string(levels[finding->level]));
		json_object_object_add(object, "topic", json_object_new_string(finding->topic));
		json_object_object_add(object, "what", json_object_new_string(finding->what));
		json_object_object_add(object, "cure", check_json_lines(finding->cure));
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *member_array(const struct iommu_group *group)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < group->count; i++) {
		const struct group_member *member = &group->members[i];
		struct json_object *entry = json_object_new_object();

		json_object_object_add(entry, "name", json_object_new_string(member->name));
		json_object_object_add(entry, "driver", text_or_null(member->driver));
		json_object_object_add(entry, "blocks", json_object_new_boolean(member->blocks));
		json_object_object_add(entry, "reason", json_object_new_string(check_member_reason(member)));
		json_object_array_add(array, entry);
	}
	return array;
}

static void add_group(struct json_object *object, const struct host *host, const struct host_device *device)
{
	struct iommu_group group = { 0 };
	bool has_group = device->has_group && group_load(host, device->group, &group) == 0;

	json_object_object_add(object, "group", has_group ? json_object_new_uint64(group.number) : NULL);
	json_object_object_add(object, "group_type", text_or_null(group.type));
	json_object_object_add(object, "group_viable",
			       has_group ? json_object_new_boolean(group_is_viable(&group)) : NULL);
	json_object_object_add(object, "group_members", member_array(&group));
	group_fini(&group);
}

struct json_object *check_json_bars(const struct host_device *device)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; i < DEVICE_BARS; i++) {
		const uint64_t flags = device->resource_flags[i];
		struct json_object *bar;

		if (!device->resource_sizes[i])
			continue;
		bar = json_object_new_object();
		json_object_object_add(bar, "bar", json_object_new_int((int)i));
		json_object_object_add(bar, "size", json_object_new_uint64(device->resource_sizes[i]));
		json_object_object_add(
			bar, "kind",
			json_object_new_string(flags & DEVICE_RESOURCE_MEMORY ? "memory" : "io"));
		json_object_object_add(bar, "64bit",
				       json_object_new_boolean((flags & DEVICE_RESOURCE_64BIT) != 0));
		json_object_object_add(bar, "prefetchable",
				       json_object_new_boolean((flags & DEVICE_RESOURCE_PREFETCH) != 0));
		json_object_array_add(array, bar);
	}
	return array;
}

struct json_object *check_json_reset_methods(const struct host_device *device)
{
	const char *at = device->reset_methods;
	struct json_object *array = json_object_new_array();

	while (*(at += strspn(at, " "))) {
		size_t length = strcspn(at, " ");

		json_object_array_add(array, json_object_new_string_len(at, (int)length));
		at += length;
	}
	return array;
}

static void add_identity(struct json_object *object, const struct host *host,
			 const struct host_device *device)
{
	struct names *names = names_open(host);
	char name[128];

	check_json_add_hex(object, "vendor", device->vendor, 4);
	check_json_add_hex(object, "device", device->device, 4);
	check_json_add_hex(object, "class", device->class_code, 6);
	names_device(names, device->vendor, device->device, name, sizeof(name));
	json_object_object_add(object, "name", json_object_new_string(name));
	names_close(names);
}

struct json_object *check_json_device(const struct host *host, const char *bdf,
				      const struct host_device *device, const struct findings *findings)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "bdf", json_object_new_string(bdf));
	json_object_object_add(object, "exists", json_object_new_boolean(device != NULL));
	json_object_object_add(object, "ready", json_object_new_boolean(!findings_obstructed(findings)));
	if (device) {
		add_identity(object, host, device);
		json_object_object_add(object, "driver", text_or_null(device->driver));
		add_group(object, host, device);
		json_object_object_add(object, "bars", check_json_bars(device));
		json_object_object_add(object, "can_reset", json_object_new_boolean(device->can_reset));
		json_object_object_add(object, "reset_methods", check_json_reset_methods(device));
		json_object_object_add(object, "power_state", text_or_null(device->power_state));
		json_object_object_add(object, "physical_function", text_or_null(device->physical_function));
		json_object_object_add(object, "virtual_functions", json_object_new_int64(device->vf_count));
		json_object_object_add(object, "virtual_functions_possible",
				       json_object_new_int64(device->vf_total));
	}
	json_object_object_add(object, "findings", check_json_findings(findings));
	return object;
}

struct json_object *check_json(bool ready, struct json_object *host_findings, struct json_object *devices)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_int(SCHEMA_VERSION));
	json_object_object_add(object, "ready", json_object_new_boolean(ready));
	json_object_object_add(object, "host", host_findings);
	json_object_object_add(object, "devices", devices);
	return object;
}
