/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"
#include "qmp/qmp.h"

#define TITLE_SIZE 256

static const char *const consequences[] = {
	[DEVICE_ERR_PAUSE] = "the guest is stopped",
	[DEVICE_ERR_LOG] = "the guest goes on",
	[DEVICE_ERR_RESET] = "the machine is reset, and the device with it",
	[DEVICE_ERR_QUIT] = "the VM ends",
};

static void tell(struct machine *machine, const struct pci_function *function, enum device_err_action action)
{
	struct json_object *data = json_object_new_object();

	if (function->id)
		json_object_object_add(data, "device", qmp_string(function->id));
	json_object_object_add(data, "host", qmp_string(vfio_pci_host_name(function)));
	json_object_object_add(data, "action", qmp_string(device_err_action_name(action)));
	qmp_event(machine->qmp, "VFIO_DEVICE_ERROR", data);
}

/* The failure in words. Reading the device's name takes its time: the guest stands still by then. */
static int explain(struct machine *machine, const struct pci_function *function,
		   const struct device_plan *plan, enum device_err_action action)
{
	const char *quote = function->id ? "'" : "", *id = function->id ? function->id : "";
	char title[TITLE_SIZE];

	if (plan)
		broker_device_title(machine->broker, &plan->host, title, sizeof(title));
	error_set(EIO,
		  "the host's kernel reports an error of it that no driver can correct (PCI Express AER): "
		  "what it was at work on is in doubt");
	error_add("%s, as x-err-action=%s says", consequences[action], device_err_action_name(action));
	error_tried("rely on %s%s%s%s%s", plan ? title : vfio_pci_host_name(function),
		    function->id ? ", the device " : "", quote, id, quote);
	error_try("dmesg | grep -i aer    (on the host: which error it was)");
	if (action == DEVICE_ERR_PAUSE)
		error_try("QMP's system_reset, then cont    (resets the device too); or end the VM");
	else if (action == DEVICE_ERR_LOG)
		error_try("a reset of the guest, if its driver does not recover the device");
	return -EIO;
}

static void on_error(void *opaque, struct pci_function *function)
{
	struct machine *machine = opaque;
	const struct device_plan *plan = machine_device_plan(machine, function);
	enum device_err_action action = plan ? plan->err_action : DEVICE_ERR_PAUSE;

	if (action == DEVICE_ERR_PAUSE)
		machine_pause(machine, MACHINE_INTERNAL_ERROR);
	tell(machine, function, action);
	explain(machine, function, plan, action);
	if (action == DEVICE_ERR_QUIT) {
		machine_fail(machine, error_get()); /* and is logged at the end */
		return;
	}
	log_failure(error_get());
	if (action == DEVICE_ERR_RESET)
		machine_ask_reset(machine, "host-error");
}

static void on_request(void *opaque, struct pci_function *function)
{
	machine_unplug_for_host(opaque, function);
}

struct vfio_events machine_device_events(struct machine *machine)
{
	return (struct vfio_events){ .error = on_error, .request = on_request, .opaque = machine };
}
