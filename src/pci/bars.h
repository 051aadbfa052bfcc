/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_BARS_H
#define HANDFAST_PCI_BARS_H

/*
 * The BAR registers of a function, its expansion ROM's among them, and the bits that switch their decoding:
 * one routine for every way in which a BAR appears, moves or vanishes. Its owner's lock guards it.
 * Source: PCI Local Bus 3.0, 6.2.5.1 and 6.2.5.2.
 */
#include <stdint.h>

#include "pci/config.h"

struct pci_bars {
	struct pci_config *config;  /* holds COMMAND and the BAR registers; the owner's */
	const struct pci_bar *bars; /* PCI_BARS_AND_ROM of them */
	/* The BAR decodes at address now (mapped), or no longer does. Called for changes only: a move
	 * is an unmap and a map. */
	void (*map)(void *opaque, unsigned bar, uint64_t address);
	void (*unmap)(void *opaque, unsigned bar);
	void *opaque;

	/* pci/bars.c's own */
	bool mapped[PCI_BARS_AND_ROM];
	uint64_t address[PCI_BARS_AND_ROM];
};

/* Fills in the registers' type bits and write masks. table: PCI_BARS_AND_ROM entries, the caller's. */
void pci_bars_init(struct pci_bars *bars, struct pci_config *config, const struct pci_bar *table,
		   void (*map)(void *opaque, unsigned bar, uint64_t address),
		   void (*unmap)(void *opaque, unsigned bar), void *opaque);

/* To be called after config changed at COMMAND or a BAR register. */
void pci_bars_update(struct pci_bars *bars);

/* Unmaps all; registers and COMMAND's decode bits to their state after reset. */
void pci_bars_reset(struct pci_bars *bars);

/* The address a BAR register holds, decoded or not; 0 where it was never set. */
uint64_t pci_bars_address(const struct pci_bars *bars, unsigned bar);

#endif
