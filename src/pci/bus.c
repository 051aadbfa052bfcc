/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * A bus is a table of functions by slot and function number. Only the main thread changes a table, and it
 * does so under the machine lock; so the main thread may read it without, and everyone else reads it with
 * it (dispatch.c). Bridges are functions with a bus behind them: the tree is the machine's and does not
 * change with what the guest writes into the bridges' bus number registers, which only decide who answers.
 *
 * A function that leaves is first taken out of the table, so that no new access can find it, and then
 * waited for: the last access at work posts a semaphore that the leaver has hung into the function.
 */
#include "pci/pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "pci/bus-priv.h"

static int bus_create(struct lock *machine_lock, const char *name, unsigned slots, struct pci_bus **ret_bus)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));

	if (bus)
		bus->name = strdup(name);
	if (!bus || !bus->name) {
		free(bus);
		return error_sys(ENOMEM, "allocating PCI bus %s", name);
	}
	bus->lock = machine_lock;
	bus->slots = slots;
	for (unsigned space = 0; space < PCI_SPACES; space++)
		bus->reserve[space] = PCI_RESERVE_AUTO;
	*ret_bus = bus;
	return 0;
}

int pci_bus_create_root(struct lock *machine_lock, const char *name, struct pci_bus **ret_bus)
{
	return bus_create(machine_lock, name, PCI_SLOTS, ret_bus);
}

int pci_bus_create_secondary(struct lock *machine_lock, const char *name, struct pci_function *bridge,
			     unsigned slots, struct pci_bus **ret_bus)
{
	int ret;

	check(slots >= 1 && slots <= PCI_SLOTS && !bridge->secondary);
	ret = bus_create(machine_lock, name, slots, ret_bus);
	if (ret < 0)
		return ret;
	(*ret_bus)->bridge = bridge;
	bridge->secondary = *ret_bus;
	return 0;
}

void pci_bus_set_reserve(struct pci_bus *bus, uint64_t io, uint64_t mem, uint64_t pref64)
{
	bus->reserve[PCI_SPACE_IO] = io;
	bus->reserve[PCI_SPACE_MEM] = mem;
	bus->reserve[PCI_SPACE_PREF] = pref64;
}

void pci_bus_destroy(struct pci_bus *bus)
{
	if (!bus)
		return;
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		struct pci_function *function = bus->functions[devfn];

		if (!function)
			continue;
		pci_function_detach(function);
		function->ops->destroy(function);
	}
	if (bus->bridge)
		bus->bridge->secondary = NULL;
	free(bus->name);
	free(bus);
}

void pci_function_fini(struct pci_function *function)
{
	pci_bus_destroy(function->secondary);
	free(function->id);
	function->id = NULL;
}

const char *pci_bus_name(const struct pci_bus *bus)
{
	return bus->name;
}

struct pci_function *pci_bus_bridge(const struct pci_bus *bus)
{
	return bus->bridge;
}

unsigned pci_bus_slots(const struct pci_bus *bus)
{
	return bus->slots;
}

struct pci_function *pci_bus_function(const struct pci_bus *bus, uint8_t devfn)
{
	return bus->functions[devfn];
}

struct pci_bus *pci_bus_find(struct pci_bus *root, const char *name)
{
	if (strcmp(root->name, name) == 0)
		return root;
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		struct pci_function *function = root->functions[devfn];
		struct pci_bus *found = NULL;

		if (function && function->secondary)
			found = pci_bus_find(function->secondary, name);
		if (found)
			return found;
	}
	return NULL;
}

struct pci_function *pci_bus_find_function(struct pci_bus *root, const char *id)
{
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		struct pci_function *function = root->functions[devfn];

		if (!function)
			continue;
		if (function->id && strcmp(function->id, id) == 0)
			return function;
		if (function->secondary) {
			struct pci_function *found = pci_bus_find_function(function->secondary, id);

			if (found)
				return found;
		}
	}
	return NULL;
}

const char *pci_function_describe(const struct pci_function *function, char ret_text[PCI_FUNCTION_TEXT_SIZE])
{
	if (function->id)
		snprintf(ret_text, PCI_FUNCTION_TEXT_SIZE, "%s '%s'", function->driver, function->id);
	else
		snprintf(ret_text, PCI_FUNCTION_TEXT_SIZE, "%s", function->driver);
	return ret_text;
}

/* The lowest function of a slot but for function `except`, or NULL. */
static struct pci_function *slot_other(const struct pci_bus *bus, unsigned slot, unsigned except,
				       unsigned *ret_function)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		struct pci_function *function = bus->functions[PCI_DEVFN_OF(slot, i)];

		if (!function || i == except)
			continue;
		*ret_function = i;
		return function;
	}
	return NULL;
}

int pci_bus_free_slot(const struct pci_bus *bus, unsigned *ret_slot)
{
	char text[PCI_FUNCTION_TEXT_SIZE];
	unsigned number = 0;

	for (unsigned slot = 0; slot < bus->slots; slot++) {
		if (slot_other(bus, slot, PCI_FUNCTIONS, &number))
			continue;
		*ret_slot = slot;
		return 0;
	}
	if (bus->slots > 1)
		error_set(ENOSPC, "all %u slots of bus %s are taken", bus->slots, bus->name);
	else
		error_set(ENOSPC, "the only slot of bus %s is taken by %s", bus->name,
			  pci_function_describe(slot_other(bus, 0, PCI_FUNCTIONS, &number), text));
	return error_try(
		"name another bus with bus=, or add one with -device pcie-root-port,id=NAME,bus=pcie.0");
}

static int refuse_slot_range(const struct pci_bus *bus, unsigned slot)
{
	if (bus->slots > 1)
		return error_set(EINVAL, "bus %s has slots 0 to %u, and no slot %u", bus->name,
				 bus->slots - 1, slot);
	error_set(EINVAL, "bus %s has slot 0 only (it is a PCI Express link), and no slot %u", bus->name,
		  slot);
	return error_try("addr=0x0");
}

int pci_bus_can_attach(const struct pci_bus *bus, uint8_t devfn, bool multifunction)
{
	unsigned slot = devfn >> 3, number = devfn & 7, other_number = 0;
	const struct pci_function *first = bus->functions[PCI_DEVFN_OF(slot, 0)];
	const struct pci_function *other;
	char text[PCI_FUNCTION_TEXT_SIZE];

	if (slot >= bus->slots)
		return refuse_slot_range(bus, slot);
	if (bus->functions[devfn]) {
		error_set(EEXIST, "slot %u function %u of bus %s is taken by %s", slot, number, bus->name,
			  pci_function_describe(bus->functions[devfn], text));
		return error_try("another slot with addr=, or no addr= for the lowest free one");
	}
	if (number != 0 && first && !first->multifunction) {
		error_set(EINVAL,
			  "the guest would never look for function %u of slot %u of bus %s: function 0 "
			  "there, %s, "
			  "does not say that there are others",
			  number, slot, bus->name, pci_function_describe(first, text));
		return error_try("multifunction=on for %s", pci_function_describe(first, text));
	}
	other = slot_other(bus, slot, number, &other_number);
	if (number == 0 && other && !multifunction) {
		error_set(EINVAL,
			  "slot %u of bus %s has %s as function %u, which the guest would never look for: "
			  "function 0 does not say that there are others",
			  slot, bus->name, pci_function_describe(other, text), other_number);
		return error_try("multifunction=on for function 0");
	}
	return 0;
}

int pci_bus_attach(struct pci_bus *bus, uint8_t devfn, struct pci_function *function)
{
	int ret = pci_bus_can_attach(bus, devfn, function->multifunction);

	if (ret < 0)
		return ret;
	check(!function->bus);
	lock_take(bus->lock);
	function->bus = bus;
	function->devfn = devfn;
	function->busy = 0;
	function->drained = NULL;
	bus->functions[devfn] = function;
	lock_drop(bus->lock);
	if (function->ops->attached)
		function->ops->attached(function);
	return 0;
}

void pci_function_detach(struct pci_function *function)
{
	struct pci_bus *bus = function->bus;
	bool wait;
	sem_t drained;

	check(bus && bus->functions[function->devfn] == function);
	sem_init(&drained, 0, 0);
	lock_take(bus->lock);
	bus->functions[function->devfn] = NULL;
	wait = function->busy > 0;
	if (wait)
		function->drained = &drained;
	lock_drop(bus->lock);
	if (wait) {
		while (sem_wait(&drained) < 0 && errno == EINTR)
			;
	}
	sem_destroy(&drained);
	function->drained = NULL;
	if (function->ops->detached)
		function->ops->detached(function);
	function->bus = NULL;
}

static int validate_slot(const struct pci_bus *bus, unsigned slot)
{
	const struct pci_function *first = bus->functions[PCI_DEVFN_OF(slot, 0)];
	const struct pci_function *other;
	char text[PCI_FUNCTION_TEXT_SIZE];
	unsigned number = 0;

	other = slot_other(bus, slot, 0, &number);
	if (!other || (first && first->multifunction))
		return 0;
	if (first)
		return pci_bus_can_attach(bus, PCI_DEVFN_OF(slot, number), other->multifunction);
	error_set(EINVAL,
		  "slot %u of bus %s has %s as function %u and no function 0: the guest would never look for "
		  "it",
		  slot, bus->name, pci_function_describe(other, text), number);
	return error_try("addr=0x%x.0x0 for one of the functions, with multifunction=on where there are more",
			 slot);
}

int pci_bus_validate(const struct pci_bus *bus)
{
	for (unsigned slot = 0; slot < bus->slots; slot++) {
		int ret = validate_slot(bus, slot);

		if (ret < 0)
			return ret;
	}
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		const struct pci_function *function = bus->functions[devfn];
		int ret;

		if (!function || !function->secondary)
			continue;
		ret = pci_bus_validate(function->secondary);
		if (ret < 0)
			return ret;
	}
	return 0;
}

uint32_t pci_function_gsi(const struct pci_function *function, unsigned pin)
{
	check(pin >= 1 && pin <= 4);
	while (function->bus->bridge) {
		pin = (pin - 1 + (function->devfn >> 3)) % 4 + 1;
		function = function->bus->bridge;
	}
	return 16 + (((function->devfn >> 3) + pin - 1) & 7);
}
