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

/* The bus names there are: pcie.0 and the ids of the root ports. Returns the number of slots, 0: no such bus.
 */
static unsigned slots_of(const struct device_plan *plans, unsigned count, const char *bus)
{
	if (strcmp(bus, "pcie.0") == 0)
		return PCI_SLOTS;
	for (unsigned i = 0; i < count; i++) {
		if (!plans[i].kind->host_device && plans[i].id && strcmp(plans[i].id, bus) == 0)
			return 1;
	}
	return 0;
}

static int no_such_bus(const struct device_plan *plans, unsigned count, const struct device_plan *plan)
{
	char name[96], known[512] = "pcie.0";

	for (unsigned i = 0; i < count; i++) {
		if (plans[i].kind->host_device)
			continue;
		strncat(known, ", ", sizeof(known) - strlen(known) - 1);
		strncat(known, plans[i].id, sizeof(known) - strlen(known) - 1);
	}
	error_set(ENOENT, "Bus '%s' not found; the buses of this machine are: %s", plan->bus, known);
	error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
	return error_try("bus=pcie.0, or add -device pcie-root-port,id=%s", plan->bus);
}

/* Who sits at slot (and function, where function >= 0) of a bus; NULL: nobody. */
static const struct device_plan *occupant(const struct device_plan *plans, unsigned count, const char *bus,
					  unsigned slot, int function)
{
	for (unsigned i = 0; i < count; i++) {
		if (plans[i].placed && strcmp(plans[i].bus, bus) == 0 && plans[i].devfn >> 3 == slot &&
		    (function < 0 || (plans[i].devfn & 7) == function))
			return &plans[i];
	}
	return NULL;
}

static bool is_host_bridge_slot(const char *bus, unsigned slot)
{
	return slot == 0 && strcmp(bus, "pcie.0") == 0;
}

static int find_slot(const struct device_plan *plans, unsigned count, struct device_plan *plan,
		     unsigned slots)
{
	char name[96];

	for (unsigned slot = 0; slot < slots; slot++) {
		if (is_host_bridge_slot(plan->bus, slot) || occupant(plans, count, plan->bus, slot, -1))
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
static int check_place(const struct device_plan *plans, unsigned count, const struct device_plan *plan,
		       unsigned slots)
{
	unsigned slot = plan->devfn >> 3, function = plan->devfn & 7;
	const struct device_plan *first = plan, *other;
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
	other = occupant(plans, (unsigned)(plan - plans), plan->bus, slot, (int)function);
	if (!other) /* one that was placed later in the list, by its addr= */
		other = occupant(plan + 1, count - (unsigned)(plan + 1 - plans), plan->bus, slot,
				 (int)function);
	if (other) {
		error_set(EEXIST, "slot 0x%x function 0x%x of bus '%s' is taken by %s", slot, function,
			  plan->bus, device_plan_name(other, other_name, sizeof(other_name)));
		error_tried("place %s", device_plan_name(plan, name, sizeof(name)));
		return error_try("another addr=, or none: then it gets the first free slot");
	}
	if (function == 0)
		return 0;
	first = occupant(plans, count, plan->bus, slot, 0);
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

static int check_ids(const struct device_plan *plans, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (plans[i].id && strcmp(plans[i].id, "pcie.0") == 0)
			return error_set(EEXIST, "the id 'pcie.0' is the root bus's name");
		for (unsigned k = 0; k < i; k++) {
			if (plans[i].id && plans[k].id && strcmp(plans[i].id, plans[k].id) == 0) {
				error_set(EEXIST, "Duplicate device ID '%s'", plans[i].id);
				error_tried("make the second of two devices of that id");
				return error_try("give each -device an id= of its own");
			}
		}
	}
	return 0;
}

int device_plans_place(struct device_plan *plans, unsigned count)
{
	int error = check_ids(plans, count);

	if (error == 0)
		error = device_plans_check_hosts(plans, count);
	for (unsigned i = 0; error == 0 && i < count; i++) {
		unsigned slots = slots_of(plans, count, plans[i].bus);

		if (slots == 0)
			error = no_such_bus(plans, count, &plans[i]);
		else if (!plans[i].kind->host_device && strcmp(plans[i].bus, "pcie.0") != 0)
			error = root_port_elsewhere(&plans[i]);
		else if (plans[i].placed)
			error = check_place(plans, count, &plans[i], slots);
	}
	for (unsigned i = 0; error == 0 && i < count; i++) {
		if (!plans[i].placed)
			error = find_slot(plans, count, &plans[i], slots_of(plans, count, plans[i].bus));
	}
	return error;
}
