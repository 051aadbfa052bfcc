/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/devices.h"
#include "base/error.h"

/*
 * Where every -device sits, decided before anything is opened: so that a command line with a mistake at its
 * end has not touched the device at its beginning.
 */

/* The port that the bus is behind; NULL: none. */
static const struct device_plan *port_of(const struct device_plan *plans, const char *bus)
{
	for (const struct device_plan *plan = plans; plan; plan = plan->next) {
		if (!plan->kind->host_device && plan->id && strcmp(plan->id, bus) == 0)
			return plan;
	}
	return NULL;
}

/* The bus names there are: pcie.0 and the ids of the root ports. Returns the number of slots, 0: no such bus.
 */
static unsigned slots_of(const struct device_plan *plans, const char *bus)
{
	if (strcmp(bus, "pcie.0") == 0)
		return PCI_SLOTS;
	return port_of(plans, bus) ? 1 : 0;
}

static int no_such_bus(const struct device_plan *plans, const struct device_plan *plan)
{
	char name[96], known[512] = "pcie.0";

	for (const struct device_plan *port = plans; port; port = port->next) {
		if (port->kind->host_device)
			continue;
		strncat(known, ", ", sizeof(known) - strlen(known) - 1);
		strncat(known, port->id, sizeof(known) - strlen(known) - 1);
	}
	error_set(ENOENT, "Bus '%s' not found; the buses of this machine are: %s", plan->bus, known);
	error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
	return error_try("bus=pcie.0, or add -device pcie-root-port,id=%s", plan->bus);
}

/* Who sits at slot (and function, where function >= 0) of a bus, but for `self`; NULL: nobody. */
static const struct device_plan *occupant(const struct device_plan *plans, const struct device_plan *self,
					  const char *bus, unsigned slot, int function)
{
	for (const struct device_plan *plan = plans; plan; plan = plan->next) {
		if (plan != self && plan->placed && strcmp(plan->bus, bus) == 0 && plan->devfn >> 3 == slot &&
		    (function < 0 || (plan->devfn & 7) == function))
			return plan;
	}
	return NULL;
}

static bool is_host_bridge_slot(const char *bus, unsigned slot)
{
	return slot == 0 && strcmp(bus, "pcie.0") == 0;
}

static int find_slot(const struct device_plan *plans, struct device_plan *plan, unsigned slots)
{
	char name[96];

	for (unsigned slot = 0; slot < slots; slot++) {
		if (is_host_bridge_slot(plan->bus, slot) || occupant(plans, plan, plan->bus, slot, -1))
			continue;
		plan->devfn = PCI_DEVFN_OF(slot, 0);
		plan->placed = true;
		return 0;
	}
	error_set(ENOSPC, "bus '%s' has no free slot", plan->bus);
	error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
	return error_try("put it on another bus, or add -device pcie-root-port,id=NAME");
}

/* The ordinary case of a place that somebody named. */
static int check_place(const struct device_plan *plans, const struct device_plan *plan, unsigned slots)
{
	unsigned slot = plan->devfn >> 3, function = plan->devfn & 7;
	const struct device_plan *first, *other;
	char name[96], other_name[96];

	if (slot >= slots) {
		error_set(EINVAL, "bus '%s' is a PCI Express port's and has slot 0 only", plan->bus);
		error_tried("place %s at slot 0x%x", device_plan_name(plan, name, sizeof(name)), slot);
		return error_try("addr=0x0");
	}
	if (is_host_bridge_slot(plan->bus, slot)) {
		error_set(EEXIST, "slot 0 of bus 'pcie.0' is the host bridge's");
		error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
		return error_try("another slot: 0x1 to 0x1f");
	}
	other = occupant(plans, plan, plan->bus, slot, (int)function);
	if (other) {
		error_set(EEXIST, "slot 0x%x function 0x%x of bus '%s' is taken by %s", slot, function,
			  plan->bus, device_plan_name(other, other_name, sizeof(other_name)));
		error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
		return error_try("another addr=, or none: then it gets the first free slot");
	}
	if (function == 0)
		return 0;
	first = occupant(plans, plan, plan->bus, slot, 0);
	if (!first || !first->multifunction) {
		error_set(EINVAL,
			  first ? "function 0 of that slot, %s, does not say multifunction=on"
				: "that slot has no function 0%s",
			  first ? device_plan_name(first, other_name, sizeof(other_name)) : "");
		error_tried("place %s at slot 0x%x function 0x%x", device_plan_name(plan, name, sizeof(name)),
			    slot, function);
		if (first)
			return error_try("add multifunction=on to that device");
		return error_try("give the slot a function 0 with multifunction=on, or use addr=0x%x", slot);
	}
	return 0;
}

static int root_port_elsewhere(const struct device_plan *plan)
{
	char name[96];

	error_set(EINVAL, "a root port sits on the root bus (PCI Express 5.0, 1.3.1)");
	error_tried("place %s on bus '%s'", device_plan_name(plan, name, sizeof(name)), plan->bus);
	return error_try("bus=pcie.0");
}

/* Against those before it in the list. */
static int check_id(const struct device_plan *plans, const struct device_plan *plan)
{
	if (plan->id && strcmp(plan->id, "pcie.0") == 0)
		return error_set(EEXIST, "the id 'pcie.0' is the root bus's name");
	for (const struct device_plan *other = plans; other && other != plan; other = other->next) {
		if (!plan->id || !other->id || strcmp(plan->id, other->id) != 0)
			continue;
		error_set(EEXIST, "Duplicate device ID '%s'", plan->id);
		return error_try("give each device an id= of its own");
	}
	return 0;
}

int device_plans_place(struct device_plan *plans)
{
	int error = 0;

	for (struct device_plan *plan = plans; error == 0 && plan; plan = plan->next) {
		error = check_id(plans, plan);
		if (error)
			error_tried("make the second of two devices of that id");
	}
	if (error == 0)
		error = device_plans_check_hosts(plans);
	for (struct device_plan *plan = plans; error == 0 && plan; plan = plan->next) {
		unsigned slots = slots_of(plans, plan->bus);

		if (slots == 0)
			error = no_such_bus(plans, plan);
		else if (!plan->kind->host_device && strcmp(plan->bus, "pcie.0") != 0)
			error = root_port_elsewhere(plan);
		else if (plan->placed)
			error = check_place(plans, plan, slots);
	}
	for (struct device_plan *plan = plans; error == 0 && plan; plan = plan->next) {
		if (!plan->placed)
			error = find_slot(plans, plan, slots_of(plans, plan->bus));
	}
	return error;
}

/* What else there would be, for a device that cannot be plugged where it was to go. */
static int try_free_ports(const struct device_plan *plans)
{
	char free_ports[512] = "";

	for (const struct device_plan *port = plans; port; port = port->next) {
		size_t used = strlen(free_ports);

		if (port->kind->host_device || !port->root_port.hotplug ||
		    occupant(plans, NULL, port->id, 0, -1))
			continue;
		if (used + strlen(port->id) + 3 > sizeof(free_ports))
			break;
		snprintf(free_ports + used, sizeof(free_ports) - used, "%s%s", used ? ", " : "", port->id);
	}
	if (free_ports[0])
		return error_try("one of the ports that are free: bus=%s", free_ports);
	return error_try("unplug something first, or start the VM with more ports: -device "
			 "pcie-root-port,id=NAME (no port is free)");
}

/* The functions of a slot come together: the guest looks when function 0 is there. */
static int check_function(const struct device_plan *plans, const struct device_plan *plan)
{
	const struct device_plan *other = NULL;
	char name[96];

	if ((plan->devfn & 7) != 0) {
		other = occupant(plans, plan, plan->bus, 0, 0);
		if (!other)
			return 0;
		error_set(EBUSY, "function 0 of bus '%s' is there already, %s: the guest looks for no more",
			  plan->bus, device_plan_name(other, name, sizeof(name)));
		error_try("unplug what is there, and plug function 0 last");
		return try_free_ports(plans);
	}
	for (int function = 1; function < PCI_FUNCTIONS && !other; function++) {
		other = occupant(plans, plan, plan->bus, 0, function);
		if (other && !other->function) {
			error_set(EBUSY, "%s, of the same slot, is not ready yet, and function 0 comes last",
				  device_plan_name(other, name, sizeof(name)));
			return error_try("once its device_add has been answered");
		}
	}
	if (!other || plan->multifunction)
		return 0;
	error_set(EINVAL,
		  "%s is a function of the same slot, and this one does not say that there are others",
		  device_plan_name(other, name, sizeof(name)));
	return error_try("multifunction=on");
}

static int check_pluggable(const struct device_plan *plans, const struct device_plan *plan)
{
	const struct device_plan *port = port_of(plans, plan->bus);

	if (!plan->kind->host_device) {
		error_set(EINVAL, "Device '%s' does not support hotplugging", plan->kind->name);
		return error_try("give it to handfast at its start, by -device");
	}
	if (slots_of(plans, plan->bus) == 0) {
		error_set(ENOENT, "Bus '%s' not found", plan->bus);
		return try_free_ports(plans);
	}
	if (!port || !port->root_port.hotplug) {
		error_set(ENOTSUP, "Bus '%s' does not support hotplugging", plan->bus);
		return try_free_ports(plans);
	}
	return 0;
}

int device_plan_place_plugged(const struct device_plan *plans, struct device_plan *plan)
{
	const struct device_plan *other;
	char name[96];
	int error = check_id(plans, plan);

	if (error == 0)
		error = check_pluggable(plans, plan);
	if (error == 0)
		error = device_plan_check_host(plans, plan);
	if (error < 0)
		return error;
	if (!plan->placed)
		plan->devfn = 0;
	plan->placed = true;
	if (plan->devfn >> 3 != 0) {
		error_set(EINVAL, "bus '%s' is a PCI Express port's and has slot 0 only", plan->bus);
		return error_try("addr=0x0");
	}
	other = occupant(plans, plan, plan->bus, 0, plan->devfn & 7);
	if (other) {
		error_set(EEXIST, "slot 0 function %u of bus '%s' is taken by %s%s", plan->devfn & 7,
			  plan->bus, device_plan_name(other, name, sizeof(name)),
			  other->leaving ? ", which is on its way out" : "");
		return try_free_ports(plans);
	}
	return check_function(plans, plan);
}
