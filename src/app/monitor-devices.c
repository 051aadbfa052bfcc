/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device_add and device_del, and the events that tell what became of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "app/monitor-priv.h"
#include "base/error.h"

int monitor_device_add(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct machine *machine = opaque;
	struct device_plan *plan = calloc(1, sizeof(*plan));
	int error;

	if (!plan)
		return error_sys(ENOMEM, "a device");
	error = device_plan_read_json(arguments, plan);
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

	struct json_object *data = which_device(id);

	json_object_object_add(data, "reason", qmp_string(why->because));
	qmp_event(machine->qmp, "DEVICE_UNPLUG_GUEST_ERROR", data);
}

void monitor_devices_listen(struct machine *machine)
{
	const struct machine_plug_events plug = { plugged, progressed, machine };
	const struct machine_unplug_events unplug = { deleted, stays, machine };

	machine_plug_listen(machine, &plug);
	machine_unplug_listen(machine, &unplug);
}
