/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/machine-priv.h"
#include "base/check.h"

struct device_handles machine_device_handles(struct machine *machine)
{
	return (struct device_handles){
		.port = {
			.machine_lock = &machine->lock,
			.mmio = machine->mmio,
			.signals = signals_handle(&machine->signals),
			.acpi = machine->acpi,
			.slot_changed = machine_unplug_slot_changed,
			.opaque = machine,
		},
		.vfio = machine->vfio,
	};
}

int machine_attach(struct machine *machine, struct device_plan *plan)
{
	const struct device_handles handles = machine_device_handles(machine);
	struct pci_bus *bus = pci_bus_find(machine->root_bus, plan->bus);
	struct pci_function *function;
	int error;

	check(bus); /* device_plans_place() has seen to it */
	error = pci_bus_can_attach(bus, plan->devfn, plan->multifunction);
	if (error == 0)
		error = plan->kind->create(&handles, plan, &function);
	if (error < 0)
		return error;
	error = pci_bus_attach(bus, plan->devfn, function);
	if (error < 0)
		function->ops->destroy(function);
	else
		plan->function = function;
	return error;
}
