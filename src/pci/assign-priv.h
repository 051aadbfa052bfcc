/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ASSIGN_PRIV_H
#define HANDFAST_PCI_ASSIGN_PRIV_H

/* The plan of who goes where: made in full (plan.c) before a register is written (assign.c). */
#include "pci/assign.h"
#include "pci/bus-priv.h"

/* A bus, with the window of the bridge above it in each space; the root bus is the plan's first. */
struct pci_plan_bus {
	struct pci_bus *bus;
	unsigned parent; /* index of the bus that the bridge sits on; the root bus's own is 0 */
	uint8_t number;
	uint8_t subordinate;
	uint64_t base[PCI_SPACES];
	uint64_t size[PCI_SPACES]; /* 0: no window */
	uint64_t align[PCI_SPACES];
	uint64_t reserve[PCI_SPACES]; /* bytes at least, for devices that may come later */
	bool fixed[PCI_SPACES];	      /* the user wants that much */
};

struct pci_plan_bar {
	struct pci_function *function;
	unsigned bar;
	unsigned bus; /* index */
	enum pci_space space;
	bool moved; /* to the other memory space, for want of room: once is enough */
	uint64_t address;
};

/* What takes part in the packing of one bus in one space: a BAR, or the window of a bridge. */
struct pci_plan_item {
	struct pci_plan_bar *bar; /* NULL: a window */
	struct pci_plan_bus *behind;
	uint64_t size;
	uint64_t align;
	uint64_t address;
	bool placed;
};

struct pci_plan {
	const struct pci_windows *windows;
	struct pci_plan_bus *buses; /* a bus stands before the buses behind it */
	unsigned bus_count;
	struct pci_plan_bar *bars;
	unsigned bar_count;
	uint64_t taken[PCI_SPACES]; /* of the root bus's window, at the last try */

	/* scratch for one packing */
	struct pci_plan_item *items;
	struct pci_plan_item **order; /* those placed so far, by address */
	unsigned item_count;
};

/* Numbers the buses and finds a place for every BAR. Errors as pci_assign()'s. windows stays the caller's and
 * outlives the plan. */
int pci_plan_make(struct pci_bus *root, const struct pci_windows *windows, struct pci_plan *ret_plan);
void pci_plan_free(struct pci_plan *plan);

#endif
