/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device_add and device_del, and the events that tell what became of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "app/monitor-priv.h"
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

/* The arguments but for the driver, as keys: they point into the arguments. */
static int keys_of(const struct device_kind *kind, struct json_object *arguments, struct keyvals *ret_keyvals)
{
	struct keyvals keyvals = { 0 };

	json_object_object_foreach(arguments, key, value)
	{
		const char *word = word_of(value);

		if (strcmp(key, "driver") == 0)
			continue;
		if (!has_key(kind, key))
			return error_set(EINVAL, "Property '%s.%s' not found", kind->name, key);
		if (!word)
			return error_set(EINVAL, "Invalid parameter type for '%s', expected: string", key);
		if (keyvals.count == KEYVALS_MAX)
			return error_set(E2BIG, "device_add takes %d properties at most", KEYVALS_MAX);
		keyvals.items[keyvals.count++] = (struct keyval){ key, word, false };
	}
	*ret_keyvals = keyvals;
	return 0;
}

static int read_plan(struct json_object *arguments, struct device_plan *ret_plan)
{
	struct json_object *driver;
	const struct device_kind *kind;
	struct keyvals keyvals;
	int error;

	json_object_object_get_ex(arguments, "driver", &driver);
	kind = device_kind_find(json_object_get_string(driver));
	if (!kind)
		return -error_get()->errnum;
	error = keys_of(kind, arguments, &keyvals);
	return error < 0 ? error : device_plan_fill(kind, &keyvals, ret_plan);
}

int monitor_device_add(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct machine *machine = opaque;
	struct device_plan *plan = calloc(1, sizeof(*plan));
	int error;

	if (!plan)
		return error_sys(ENOMEM, "a device");
	error = read_plan(arguments, plan);
	if (error == 0)
		error = machine_plug(machine, plan, answer->ticket);
	if (error == 0)
		return QMP_LATER;
	device_plan_free(plan);
	free(plan);
	return error;
}

static const struct device_plan *plan_named(const struct machine *machine, const char *id)
{
	const struct device_plan *plan = machine->plans;

	while (plan && (!plan->id || strcmp(plan->id, id) != 0))
		plan = plan->next;
	return plan;
}

int monitor_device_del(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct machine *machine = opaque;
	struct json_object *value = json_object_object_get(arguments, "force");
	bool force = value && json_object_get_boolean(value);
	const char *id = json_object_get_string(json_object_object_get(arguments, "id"));
	const struct device_plan *plan = plan_named(machine, id);

	if (!plan) {
		answer->error_class = QMP_DEVICE_NOT_FOUND;
		return error_set(ENODEV, "Device '%s' not found", id);
	}
	if (!plan->kind->host_device)
		return error_set(ENOTSUP, "Device '%s' does not support hotplugging", plan->kind->name);
	if (plan->leaving)
		return error_set(EBUSY, "Device %s is already in the process of unplug", id);
	if (!plan->function) {
		error_set(EBUSY, "Device %s is still being plugged in", id);
		return error_try("once its device_add has been answered");
	}
	return machine_unplug(machine, plan->function, force);
}

static void plugged(void *opaque, uint64_t ticket, const struct error *why)
{
	const struct machine *machine = opaque;

	qmp_answer_later(machine->qmp, ticket, NULL, why);
}

/* A device without a name is known by its path alone, as in QEMU. */
static struct json_object *which_device(const char *id)
{
	struct json_object *data = json_object_new_object();

	if (id)
		json_object_object_add(data, "device", qmp_string(id));
	json_object_object_add(data, "path", qmp_string(id ? id : ""));
	return data;
}

static void progressed(void *opaque, const char *id, const char *phase, uint64_t done, uint64_t total)
{
	const struct machine *machine = opaque;
	struct json_object *data = json_object_new_object();

	if (id)
		json_object_object_add(data, "device", qmp_string(id));
	json_object_object_add(data, "phase", json_object_new_string(phase));
	json_object_object_add(data, "done", json_object_new_int64((int64_t)done));
	json_object_object_add(data, "total", json_object_new_int64((int64_t)total));
	qmp_event(machine->qmp, "VFIO_DMA_PROGRESS", data);
}

static void deleted(void *opaque, const char *id)
{
	const struct machine *machine = opaque;

	qmp_event(machine->qmp, "DEVICE_DELETED", which_device(id));
}

static void stays(void *opaque, const char *id, const struct error *why)
{
	const struct machine *machine = opaque;

	qmp_event(machine->qmp, "DEVICE_UNPLUG_GUEST_ERROR", which_device(id));
}

void monitor_devices_listen(struct machine *machine)
{
	const struct machine_plug_events plug = { plugged, progressed, machine };
	const struct machine_unplug_events unplug = { deleted, stays, machine };

	machine_plug_listen(machine, &plug);
	machine_unplug_listen(machine, &unplug);
}
