/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "app/machine-priv.h"

/* The devices that this machine has, or is to have. */

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
	machine->managed |= plan->managed;
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
