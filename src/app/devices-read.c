/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The forms in which a device is asked for: words behind -device, an object of JSON there (libvirt writes it
 * so), and the arguments of device_add, which are such an object already.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "app/devices.h"
#include "base/error.h"

/* A value as behind -device. Booleans and numbers are what libvirt and people send; strings do as well. */
static const char *word_of(struct json_object *value)
{
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? "on" : "off";
	if (json_object_is_type(value, json_type_int))
		return json_object_to_json_string(value); /* its own, and kept as long as it */
	if (!json_object_is_type(value, json_type_string) ||
	    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return NULL;
	return json_object_get_string(value);
}

static bool has_key(const struct device_kind *kind, const char *key)
{
	for (size_t i = 0; i < kind->key_count; i++) {
		if (strcmp(kind->keys[i].name, key) == 0)
			return true;
	}
	return false;
}

/* The members but for the driver, as keys: they point into the object. */
static int keys_of(const struct device_kind *kind, struct json_object *object, struct keyvals *ret_keyvals)
{
	struct keyvals keyvals = { 0 };

	json_object_object_foreach(object, key, value)
	{
		const char *word = word_of(value);

		if (strcmp(key, "driver") == 0)
			continue;
		if (!has_key(kind, key))
			return error_set(EINVAL, "Property '%s.%s' not found", kind->name, key);
		if (!word)
			return error_set(EINVAL, "Invalid parameter type for '%s', expected: string", key);
		if (keyvals.count == KEYVALS_MAX)
			return error_set(E2BIG, "a device takes %d properties at most", KEYVALS_MAX);
		keyvals.items[keyvals.count++] = (struct keyval){ key, word, false };
	}
	*ret_keyvals = keyvals;
	return 0;
}

int device_plan_read_json(struct json_object *object, struct device_plan *ret_plan)
{
	struct json_object *driver;
	const struct device_kind *kind;
	struct keyvals keyvals;
	int error;

	if (!json_object_object_get_ex(object, "driver", &driver))
		return error_set(EINVAL, "Parameter 'driver' is missing");
	if (!json_object_is_type(driver, json_type_string))
		return error_set(EINVAL, "Invalid parameter type for 'driver', expected: string");
	kind = device_kind_find(json_object_get_string(driver));
	if (!kind)
		return -error_get()->errnum;
	error = keys_of(kind, object, &keyvals);
	return error < 0 ? error : device_plan_fill(kind, &keyvals, ret_plan);
}

/* A fault of the text: where, and what. */
static int refuse(const char *what, size_t at)
{
	error_set(EINVAL, "JSON parse error at character %zu: %s", at + 1, what);
	return error_try("-device '{\"driver\":\"vfio-pci\",\"host\":\"0000:1a:00.3\"}', or "
			 "-device DRIVER,KEY=VALUE,...");
}

static int read_text(const char *text, struct device_plan *ret_plan)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	int error;

	if (!tokener)
		return error_set(ENOMEM, "no memory for options");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	if (object)
		error = device_plan_read_json(object, ret_plan);
	else if (json_tokener_get_error(tokener) == json_tokener_continue)
		error = refuse("it ends too early", strlen(text));
	else
		error = refuse(json_tokener_error_desc(json_tokener_get_error(tokener)),
			       json_tokener_get_parse_end(tokener));
	json_object_put(object);
	json_tokener_free(tokener);
	return error;
}

/* "driver" was the first word; what is left are the device's own keys. */
static int read_keyvals(struct keyvals keyvals, struct device_plan *ret_plan)
{
	const char *driver = keyvals_take(&keyvals, "driver");
	const struct device_kind *kind;

	if (!driver)
		return error_set(EINVAL, "it names no driver");
	kind = device_kind_find(driver);
	if (!kind)
		return -error_get()->errnum;
	memmove(&keyvals.items[0], &keyvals.items[1], (--keyvals.count) * sizeof(keyvals.items[0]));
	return device_plan_fill(kind, &keyvals, ret_plan);
}

int device_plan_read(const char *argument, struct device_plan *ret_plan)
{
	struct keyvals keyvals;
	int error;

	if (argument[0] == '{') {
		error = read_text(argument, ret_plan);
	} else {
		error = keyvals_parse(argument, "driver", &keyvals);
		if (error == 0) {
			error = read_keyvals(keyvals, ret_plan);
			keyvals_free(&keyvals);
		}
	}
	return error < 0 ? error_tried("use -device %s", argument) : 0;
}
