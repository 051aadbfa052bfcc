/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a plan (plan.c) into the registers, through configuration space and by bus number, in the order
 * in which firmware would: numbers, decoding off, BARs and windows, interrupt lines, decoding on.
 */
#include "pci/assign.h"

#include <linux/pci_regs.h>

#include "pci/assign-priv.h"
#include "pci/bus-priv.h"

/* A function, by the way that leads to it. */
struct place {
	struct pci_bus *root;
	struct pci_function *function;
	uint8_t bus;
};

static uint32_t get(const struct place *place, unsigned offset, unsigned size)
{
	return pci_config_read(place->root, place->bus, place->function->devfn, offset, size);
}

static void put(const struct place *place, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(place->root, place->bus, place->function->devfn, offset, size, value);
}

/* Of a bus's bridge. Not for the root bus. */
static struct place bridge_of(const struct pci_plan *plan, const struct pci_plan_bus *bus)
{
	return (struct place){
		.root = plan->buses[0].bus,
		.function = pci_bus_bridge(bus->bus),
		.bus = plan->buses[bus->parent].number,
	};
}

static void for_each_function(const struct pci_plan *plan,
			      void (*visit)(const struct pci_plan *plan, const struct place *place))
{
	for (unsigned i = 0; i < plan->bus_count; i++) {
		for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
			struct place place = {
				.root = plan->buses[0].bus,
				.function = pci_bus_function(plan->buses[i].bus, (uint8_t)devfn),
				.bus = plan->buses[i].number,
			};

			if (place.function)
				visit(plan, &place);
		}
	}
}

static void write_numbers(const struct pci_plan *plan)
{
	/* A bus comes after the bus that its bridge sits on, so each bridge can be reached in its turn. */
	for (unsigned i = 1; i < plan->bus_count; i++) {
		const struct pci_plan_bus *bus = &plan->buses[i];
		struct place bridge = bridge_of(plan, bus);

		put(&bridge, PCI_PRIMARY_BUS, 1, bridge.bus);
		put(&bridge, PCI_SECONDARY_BUS, 1, bus->number);
		put(&bridge, PCI_SUBORDINATE_BUS, 1, bus->subordinate);
	}
}

static void decode_off(const struct pci_plan *plan, const struct place *place)
{
	uint32_t command = get(place, PCI_COMMAND, 2);

	put(place, PCI_COMMAND, 2,
	    command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
}

static void write_bars(const struct pci_plan *plan)
{
	for (unsigned i = 0; i < plan->bar_count; i++) {
		const struct pci_plan_bar *bar = &plan->bars[i];
		struct place place = {
			.root = plan->buses[0].bus,
			.function = bar->function,
			.bus = plan->buses[bar->bus].number,
		};

		/* A ROM gets its address and stays off: who wants to read it switches it on. */
		put(&place, bar->bar == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar->bar, 4,
		    (uint32_t)bar->address);
		if (bar->function->bars[bar->bar].kind == PCI_BAR_MEM64)
			put(&place, PCI_BASE_ADDRESS_0 + 4 * bar->bar + 4, 4, (uint32_t)(bar->address >> 32));
	}
}

/* The registers of a bridge's window. An empty one is closed by a base above its limit. */
static void write_windows(const struct place *bridge, const struct pci_plan_bus *bus)
{
	uint64_t base[PCI_SPACES], limit[PCI_SPACES];

	for (unsigned i = 0; i < PCI_SPACES; i++) {
		base[i] = bus->size[i] ? bus->base[i] : i == PCI_SPACE_IO ? 0xf000 : 0xfff00000;
		limit[i] = bus->size[i] ? bus->base[i] + bus->size[i] - 1 : 0;
	}
	put(bridge, PCI_IO_BASE, 1, (uint32_t)base[PCI_SPACE_IO] >> 8);
	put(bridge, PCI_IO_LIMIT, 1, (uint32_t)limit[PCI_SPACE_IO] >> 8);
	put(bridge, PCI_IO_BASE_UPPER16, 2, 0);
	put(bridge, PCI_IO_LIMIT_UPPER16, 2, 0);
	put(bridge, PCI_MEMORY_BASE, 2, (uint32_t)base[PCI_SPACE_MEM] >> 16);
	put(bridge, PCI_MEMORY_LIMIT, 2, (uint32_t)limit[PCI_SPACE_MEM] >> 16);
	put(bridge, PCI_PREF_MEMORY_BASE, 2, (uint32_t)base[PCI_SPACE_PREF] >> 16);
	put(bridge, PCI_PREF_MEMORY_LIMIT, 2, (uint32_t)limit[PCI_SPACE_PREF] >> 16);
	put(bridge, PCI_PREF_BASE_UPPER32, 4, (uint32_t)(base[PCI_SPACE_PREF] >> 32));
	put(bridge, PCI_PREF_LIMIT_UPPER32, 4, (uint32_t)(limit[PCI_SPACE_PREF] >> 32));
}

static void write_interrupt_line(const struct pci_plan *plan, const struct place *place)
{
	uint32_t pin = get(place, PCI_INTERRUPT_PIN, 1);

	if (pin >= 1 && pin <= 4)
		put(place, PCI_INTERRUPT_LINE, 1, pci_function_gsi(place->function, pin));
}

/* What was placed is decoded. A bridge also lets through what devices behind it send. */
static void decode_on(const struct pci_plan *plan, const struct place *place)
{
	const struct pci_function *function = place->function;
	uint32_t command = get(place, PCI_COMMAND, 2);

	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (function->bars[i].kind == PCI_BAR_IO)
			command |= PCI_COMMAND_IO;
		else if (function->bars[i].kind != PCI_BAR_NONE)
			command |= PCI_COMMAND_MEMORY;
	}
	for (unsigned i = 1; i < plan->bus_count; i++) {
		const struct pci_plan_bus *bus = &plan->buses[i];

		if (bus->bus != function->secondary)
			continue;
		command |= PCI_COMMAND_MASTER;
		if (bus->size[PCI_SPACE_IO])
			command |= PCI_COMMAND_IO;
		if (bus->size[PCI_SPACE_MEM] || bus->size[PCI_SPACE_PREF])
			command |= PCI_COMMAND_MEMORY;
	}
	put(place, PCI_COMMAND, 2, command);
}

int pci_assign(struct pci_bus *root, const struct pci_windows *windows)
{
	struct pci_plan plan;
	int ret = pci_plan_make(root, windows, &plan);

	if (ret < 0)
		return ret;
	write_numbers(&plan);
	for_each_function(&plan, decode_off);
	write_bars(&plan);
	for (unsigned i = 1; i < plan.bus_count; i++) {
		struct place bridge = bridge_of(&plan, &plan.buses[i]);

		write_windows(&bridge, &plan.buses[i]);
	}
	for_each_function(&plan, write_interrupt_line);
	for_each_function(&plan, decode_on);
	pci_plan_free(&plan);
	return 0;
}
