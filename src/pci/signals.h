/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_SIGNALS_H
#define HANDFAST_PCI_SIGNALS_H

/*
 * How functions that handfast itself emulates interrupt the guest: handed over when they are made. Any
 * thread, with the function's own lock held, never with the machine lock.
 */
#include <stdbool.h>
#include <stdint.h>

struct pci_signals {
	void (*message)(void *opaque, uint64_t address, uint32_t data);
	/* One of those who share a line (GSI 16 to 23) pulls it, or lets it go again; in turns. */
	void (*line)(void *opaque, uint32_t gsi, bool pulled);
	void *opaque;
};

#endif
