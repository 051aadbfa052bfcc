/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_PCI_FAKE_H
#define HANDFAST_TESTS_PCI_FAKE_H

/* Functions to put on a bus: an endpoint with BARs, and a plain bridge with a bus of many slots behind. */
#include <pthread.h>

#include "pci/bars.h"
#include "pci/pci.h"

struct fake {
	struct pci_function function;
	pthread_mutex_t lock;
	struct pci_config config;
	struct pci_bars bars;
	uint64_t mapped_at[PCI_BARS_AND_ROM]; /* 0: not mapped */
	unsigned maps;
	unsigned unmaps;
	unsigned resets;
	unsigned *destroyed;	       /* counted up at the end, where not NULL */
	void (*linger)(struct fake *); /* called in each config access, where not NULL */
	void *opaque;
};

/* bars: PCI_BARS_AND_ROM of them, or NULL: none. Its interrupt pin is INTA. */
struct fake *fake_create(const char *id, const struct pci_bar *bars);
/* A bridge whose registers are believed, with `slots` slots on the bus behind. */
struct fake *fake_bridge_create(struct lock *lock, const char *id, unsigned slots);

/* Attaches, and fails the test where that is refused. */
void fake_attach(struct pci_bus *bus, unsigned slot, unsigned number, struct pci_function *function);

#endif
