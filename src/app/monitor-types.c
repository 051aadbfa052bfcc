/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qom-list-types and device-list-properties, by which libvirt and others find out what a monitor has before
 * they ask for it. Devices and their properties come from the table by which -device and device_add are read;
 * the rest of the tree is what clients expect around them.
 */
#include <errno.h>
#include <string.h>

#include "app/devices.h"
#include "app/monitor-priv.h"
#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct type {
	const char *name;
	const char *parent; /* NULL: it is the root */
	bool abstract;	    /* nothing is made of it as such */
};

/* Parents first. */
static const struct type types[] = {
	{ "object", NULL, true },
	{ "machine", "object", true },
	{ "q35-machine", "machine", false },
	{ "accel", "object", true },
	{ "kvm-accel", "accel", false },
	{ "device", "object", true },
	{ "cpu", "device", true },
	{ "x86_64-cpu", "cpu", true },
	{ "host-x86_64-cpu", "x86_64-cpu", false },
	{ "pci-device", "device", true },
};

/* What every kind of device is. */
static const char device_parent[] = "pci-device";

/* Those of the list above, then the devices. */
static bool type_at(size_t index, struct type *ret_type)
{
	const struct device_kind *kind = index < COUNT(types) ? NULL : device_kind_at(index - COUNT(types));

	if (index >= COUNT(types) && !kind)
		return false;
	*ret_type = kind ? (struct type){ kind->name, device_parent, false } : types[index];
	return true;
}

static bool type_find(const char *name, struct type *ret_type)
{
	struct type type;

	for (size_t i = 0; type_at(i, &type); i++) {
		if (strcmp(type.name, name) == 0) {
			*ret_type = type;
			return true;
		}
	}
	return false;
}

/* A type is one of itself. */
static bool type_is(struct type type, const char *wanted)
{
	while (strcmp(type.name, wanted) != 0) {
		if (!type.parent || !type_find(type.parent, &type))
			return false;
	}
	return true;
}

static struct json_object *type_info(const struct type *type)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(type->name));
	if (type->abstract)
		json_object_object_add(object, "abstract", json_object_new_boolean(true));
	if (type->parent)
		json_object_object_add(object, "parent", json_object_new_string(type->parent));
	return object;
}

int monitor_qom_list_types(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct json_object *value = json_object_object_get(arguments, "implements");
	const char *implements = value ? json_object_get_string(value) : "object";
	bool abstract = json_object_get_boolean(json_object_object_get(arguments, "abstract"));
	struct type type;

	answer->value = json_object_new_array();
	for (size_t i = 0; type_at(i, &type); i++) {
		if (type_is(type, implements) && (abstract || !type.abstract))
			json_object_array_add(answer->value, type_info(&type));
	}
	return 0;
}

/* As QEMU calls types of properties, by how the value is written. */
static const char *property_type(const struct keyval_key *key)
{
	static const struct {
		const char *syntax, *type;
	} list[] = {
		{ "on|off", "bool" },
		{ "N", "uint32" },
		{ "SECONDS", "uint32" },
		{ "SIZE", "size" },
	};

	for (size_t i = 0; i < COUNT(list); i++) {
		if (strcmp(key->syntax, list[i].syntax) == 0)
			return list[i].type;
	}
	return "str";
}

/* Keys that are known only to be refused are no properties. */
static struct json_object *properties(const struct device_kind *kind)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < kind->key_count; i++) {
		const struct keyval_key *key = &kind->keys[i];
		struct json_object *object;

		if (key->refusal)
			continue;
		object = json_object_new_object();
		json_object_object_add(object, "name", json_object_new_string(key->name));
		json_object_object_add(object, "type", json_object_new_string(property_type(key)));
		json_object_object_add(object, "description", json_object_new_string(key->summary));
		json_object_array_add(list, object);
	}
	return list;
}

int monitor_device_list_properties(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const char *name = json_object_get_string(json_object_object_get(arguments, "typename"));
	struct type type;

	if (!type_find(name, &type)) {
		answer->error_class = QMP_DEVICE_NOT_FOUND;
		return error_set(ENODEV, "Device '%s' not found", name);
	}
	if (!type_is(type, "device"))
		return error_set(EINVAL, "Parameter 'typename' expects device");
	if (type.abstract)
		return error_set(EINVAL, "Parameter 'typename' expects a non-abstract device type");
	for (size_t i = 0; device_kind_at(i); i++) {
		if (strcmp(device_kind_at(i)->name, name) == 0)
			answer->value = properties(device_kind_at(i));
	}
	/* A processor has none that could be given to a single one. */
	if (!answer->value)
		answer->value = json_object_new_array();
	return 0;
}
