/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docs/json.md is what this keeps to. */
#include <json-c/json.h>
#include <stdint.h>

#include "host/check-json-priv.h"
#include "host/list-priv.h"

#define SCHEMA_VERSION 1

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, text[0] ? json_object_new_string(text) : NULL);
}

static void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

static struct json_object *use_array(const struct list_entry *entry)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < entry->use_count; i++) {
		const struct use *use = &entry->uses[i];
		struct json_object *object = json_object_new_object();

		add_text(object, "kind", use_kind_name(use->kind));
		add_bool(object, "vital", use->vital);
		add_text(object, "what", use->what);
		add_text(object, "brief", use->brief);
		json_object_object_add(object, "cure", check_json_lines(use->cure[0] ? use->cure : NULL));
		json_object_array_add(array, object);
	}
	return array;
}

static void add_identity(struct json_object *object, const struct list_entry *entry)
{
	const struct host_device *device = &entry->device;

	add_text(object, "bdf", device->text);
	check_json_add_hex(object, "vendor", device->vendor, 4);
	check_json_add_hex(object, "device", device->device, 4);
	check_json_add_hex(object, "subsystem_vendor", device->subsystem_vendor, 4);
	check_json_add_hex(object, "subsystem_device", device->subsystem_device, 4);
	check_json_add_hex(object, "class", device->class_code, 6);
	add_text(object, "class_name", entry->class_name);
	add_text(object, "name", entry->name);
}

static void add_place(struct json_object *object, const struct list *list, const struct list_entry *entry)
{
	const struct host_device *device = &entry->device;

	json_object_object_add(object, "group",
			       device->has_group ? json_object_new_int64(device->group) : NULL);
	add_bool(object, "is_bridge", device->is_bridge);
	add_text(object, "parent", entry->parent == SIZE_MAX ? "" : list->entries[entry->parent].device.text);
	add_text(object, "host_bridge", entry->root);
	add_text(object, "physical_function", device->physical_function);
	json_object_object_add(object, "virtual_functions", json_object_new_int64(device->vf_count));
	json_object_object_add(object, "virtual_functions_possible", json_object_new_int64(device->vf_total));
}

static struct json_object *device_object(const struct list *list, const struct list_entry *entry)
{
	const struct host_device *device = &entry->device;
	const uint64_t rom = device->resource_sizes[DEVICE_BARS];
	struct json_object *object = json_object_new_object();

	add_identity(object, entry);
	add_text(object, "driver", device->driver);
	add_text(object, "driver_override", device->driver_override);
	add_place(object, list, entry);
	add_bool(object, "can_reset", device->can_reset);
	json_object_object_add(object, "reset_methods", check_json_reset_methods(device));
	add_text(object, "power_state", device->power_state);
	json_object_object_add(object, "bars", check_json_bars(device));
	json_object_object_add(object, "rom_size", rom ? json_object_new_uint64(rom) : NULL);
	add_text(object, "in_progress", entry->progress);
	json_object_object_add(object, "uses", use_array(entry));
	return object;
}

int list_print_json(const struct list *list, FILE *out)
{
	struct json_object *root = json_object_new_object(), *devices = json_object_new_array();

	json_object_object_add(root, "version", json_object_new_int(SCHEMA_VERSION));
	json_object_object_add(root, "devices", devices);
	for (size_t i = 0; i < list->count; i++) {
		if (list->entries[i].shown)
			json_object_array_add(devices, device_object(list, &list->entries[i]));
	}
	return check_json_print(root, out);
}
