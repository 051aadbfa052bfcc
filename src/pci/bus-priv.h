/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_BUS_PRIV_H
#define HANDFAST_PCI_BUS_PRIV_H

/* What the files of this room know of a bus. */
#include "pci/pci.h"

#define PCI_DEVFNS (PCI_SLOTS * PCI_FUNCTIONS)

/* What addresses of a guest a BAR may want, and a window of a bridge leads to. */
enum pci_space {
	PCI_SPACE_IO,
	PCI_SPACE_MEM,	/* below 4 GiB */
	PCI_SPACE_PREF, /* above 4 GiB; through bridges by their prefetchable windows */
	PCI_SPACES,
};

struct pci_bus {
	struct lock *lock; /* the machine's: guards what follows the blank line, and functions' busy */
	char *name;
	struct pci_function *bridge; /* NULL: the root bus */
	unsigned slots;
	uint64_t reserve[PCI_SPACES]; /* of its bridge's windows; PCI_RESERVE_AUTO: not said */

	struct pci_function *functions[PCI_DEVFNS]; /* changed by the main thread only, under the lock */
	uint8_t secondary;			    /* the numbers that its bridge forwards; */
	uint8_t subordinate;			    /* secondary 0: none */
};

/*
 * A bridge tells which bus numbers it forwards to the bus behind it, each time that its registers change
 * (the guest may write any nonsense there). 0, 0: none, as after reset or with the link down. Any thread;
 * the caller may hold its own lock, as this takes the machine lock for a moment.
 */
void pci_bus_set_numbers(struct pci_bus *bus, uint8_t secondary, uint8_t subordinate);

/* Whether function 0 of slot 0 is there. Any thread, the caller's own lock held or not. */
bool pci_bus_occupied(const struct pci_bus *bus);
/* The AtomicOps of the one function there; 0 of several, which may differ. Likewise. */
uint32_t pci_bus_atomics(const struct pci_bus *bus);

/* "vfio-pci 'net'", or "vfio-pci" where the user gave no id. Returns ret_text. */
#define PCI_FUNCTION_TEXT_SIZE 128
const char *pci_function_describe(const struct pci_function *function, char ret_text[PCI_FUNCTION_TEXT_SIZE]);

#endif
