/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an access finds its function. The machine lock is held to look the function up and to count the
 * access in, and again to count it out; never while the function works, which may take a tenth of a
 * second (a guest's function-level reset). See bus.c for how a function leaves.
 */
#include <linux/pci_regs.h>

#include "base/check.h"
#include "pci/bus-priv.h"

#define HEADER_MULTIFUNCTION 0x80

/* What an access knows about its function. */
struct target {
	struct pci_function *function;
	struct lock *lock;
	bool multifunction; /* of the slot: what its function 0 says */
};

/* The bus that answers to this number, or NULL. A bus can be found by its number only where every bridge
 * above it forwards that number; of two bridges that do, the first one gets it. Under the machine lock. */
static const struct pci_bus *bus_by_number(const struct pci_bus *root, uint8_t number)
{
	const struct pci_bus *bus = root;
	unsigned devfn = 0;

	if (number == 0)
		return root;
	while (devfn < bus->slots * PCI_FUNCTIONS) {
		const struct pci_function *bridge = bus->functions[devfn++];
		const struct pci_bus *behind = bridge ? bridge->secondary : NULL;

		if (!behind || behind->secondary == 0 || number < behind->secondary ||
		    number > behind->subordinate)
			continue;
		if (number == behind->secondary)
			return behind;
		bus = behind;
		devfn = 0;
	}
	return NULL;
}

/* Counts an access to the function in. bus: any of its machine's buses. */
static bool enter(const struct pci_bus *bus, uint8_t devfn, struct target *ret_target)
{
	const struct pci_function *first = bus->functions[devfn & ~7];
	struct pci_function *function = bus->functions[devfn];

	if (!function)
		return false;
	function->busy++;
	*ret_target = (struct target){
		.function = function,
		.lock = bus->lock,
		.multifunction = first && first->multifunction,
	};
	return true;
}

/* What has been done there meanwhile is counted by the way: the lock is held anyhow. */
static void leave(struct target *target, unsigned reads, unsigned writes)
{
	sem_t *drained = NULL;

	lock_take(target->lock);
	check(target->function->busy > 0);
	target->function->accesses.reads += reads;
	target->function->accesses.writes += writes;
	if (--target->function->busy == 0)
		drained = target->function->drained;
	lock_drop(target->lock);
	/* From here on the function may be gone, but for who waits for this. */
	if (drained)
		sem_post(drained);
}

static bool enter_by_number(const struct pci_bus *root, uint8_t bus_number, uint8_t devfn,
			    struct target *ret_target)
{
	const struct pci_bus *bus;
	bool found;

	lock_take(root->lock);
	bus = bus_by_number(root, bus_number);
	found = bus && enter(bus, devfn, ret_target);
	lock_drop(root->lock);
	return found;
}

static bool access_is_valid(unsigned offset, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && offset <= PCIE_CONFIG_SIZE - size;
}

static uint32_t ones(unsigned size)
{
	return size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX;
}

/* Every function of a slot tells what its function 0 says (PCI 3.0, 6.2.1). */
static uint32_t put_multifunction(uint32_t value, unsigned offset, unsigned size, bool multifunction)
{
	uint32_t bit;

	if (offset > PCI_HEADER_TYPE || offset + size <= PCI_HEADER_TYPE)
		return value;
	bit = (uint32_t)HEADER_MULTIFUNCTION << 8 * (PCI_HEADER_TYPE - offset);
	return multifunction ? value | bit : value & ~bit;
}

uint32_t pci_config_read(struct pci_bus *root, uint8_t bus_number, uint8_t devfn, unsigned offset,
			 unsigned size)
{
	struct target target;
	uint32_t value;

	if (!access_is_valid(offset, size) || !enter_by_number(root, bus_number, devfn, &target))
		return ones(size);
	value = target.function->ops->config_read(target.function, offset, size);
	leave(&target, 1, 0);
	return put_multifunction(value, offset, size, target.multifunction) & ones(size);
}

void pci_config_write(struct pci_bus *root, uint8_t bus_number, uint8_t devfn, unsigned offset, unsigned size,
		      uint32_t value)
{
	struct target target;

	if (!access_is_valid(offset, size) || !enter_by_number(root, bus_number, devfn, &target))
		return;
	target.function->ops->config_write(target.function, offset, size, value & ones(size));
	leave(&target, 0, 1);
}

struct pci_accesses pci_function_accesses(const struct pci_function *function)
{
	struct pci_accesses accesses;

	lock_take(function->bus->lock);
	accesses = function->accesses;
	lock_drop(function->bus->lock);
	return accesses;
}

void pci_function_accesses_forget(struct pci_function *function)
{
	lock_take(function->bus->lock);
	function->accesses = (struct pci_accesses){ 0 };
	lock_drop(function->bus->lock);
}

void pci_bus_reset(struct pci_bus *bus)
{
	for (unsigned devfn = 0; devfn < bus->slots * PCI_FUNCTIONS; devfn++) {
		struct target target;
		bool found;

		lock_take(bus->lock);
		found = enter(bus, (uint8_t)devfn, &target);
		lock_drop(bus->lock);
		if (!found)
			continue;
		if (target.function->secondary)
			pci_bus_reset(target.function->secondary);
		target.function->ops->reset(target.function);
		leave(&target, 0, 0);
	}
}

void pci_bus_set_numbers(struct pci_bus *bus, uint8_t secondary, uint8_t subordinate)
{
	lock_take(bus->lock);
	bus->secondary = secondary;
	bus->subordinate = subordinate;
	lock_drop(bus->lock);
}

bool pci_bus_occupied(const struct pci_bus *bus)
{
	bool occupied;

	lock_take(bus->lock);
	occupied = bus->functions[0] != NULL;
	lock_drop(bus->lock);
	return occupied;
}

uint32_t pci_bus_atomics(const struct pci_bus *bus)
{
	const struct pci_function *first;
	uint32_t atomics;

	lock_take(bus->lock);
	first = bus->functions[0];
	atomics = first && !first->multifunction ? first->atomics : 0;
	lock_drop(bus->lock);
	return atomics;
}
