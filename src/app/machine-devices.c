/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "app/machine-priv.h"

/* What the host tells of the devices that this machine has. */

const char *machine_device_name(const struct pci_function *function, char ret_name[MACHINE_DEVICE_NAME_SIZE])
{
	const char *quote = function->id ? "'" : "";

	snprintf(ret_name, MACHINE_DEVICE_NAME_SIZE, "%s %s%s%s%s(%s)", function->driver, quote,
		 function->id ? function->id : "", quote, function->id ? " " : "",
		 vfio_pci_host_name(function));
	return ret_name;
}

struct device_plan *machine_device_plan(const struct machine *machine, const struct pci_function *function)
{
	struct device_plan *plan = machine->plans;

	while (plan && plan->function != function)
		plan = plan->next;
	return plan;
}

void machine_plan_add(struct machine *machine, struct device_plan *plan)
{
	struct device_plan **link = &machine->plans;

	while (*link)
		link = &(*link)->next;
	plan->next = NULL;
	*link = plan;
}

void machine_plan_drop(struct machine *machine, struct device_plan *plan)
{
	struct device_plan **link = &machine->plans;

	while (*link != plan)
		link = &(*link)->next;
	*link = plan->next;
	device_plan_free(plan);
	free(plan);
}

static void on_request(void *opaque, struct pci_function *function)
{
	machine_unplug_for_host(opaque, function);
}

struct vfio_events machine_device_events(struct machine *machine)
{
	return (struct vfio_events){ .error = machine_device_failed,
				     .request = on_request,
				     .opaque = machine };
}
