/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_MSIX_H
#define HANDFAST_PCI_MSIX_H

/* MSI-X of a function that handfast emulates: one vector, whose table entry and pending bit have a memory BAR
 * for themselves (PCI Local Bus 3.0, 6.8.2). All calls under the lock that guards its configuration space. */
#include "pci/config.h"
#include "pci/signals.h"

#define PCI_MSIX_LENGTH	  0x0c
#define PCI_MSIX_BAR_SIZE 0x1000

struct pci_msix {
	struct pci_config *config;
	unsigned at;
	const struct pci_signals *signals;
	uint8_t entry[16]; /* as in the table */
	bool pending;
};

/* Adds the capability at offset `at`, as after reset; the table is in that BAR. signals and config are kept.
 */
void pci_msix_init(struct pci_msix *msix, struct pci_config *config, unsigned at, unsigned bar,
		   const struct pci_signals *signals);
bool pci_msix_enabled(const struct pci_msix *msix);
/* The function interrupts. While the guest masks the vector it is pending. Enabled. */
void pci_msix_raise(struct pci_msix *msix);
/* The guest may have written Message Control: what was pending and is masked no more is sent. */
void pci_msix_follow(struct pci_msix *msix);

/* The guest's accesses to the BAR: 1 to 8 bytes, any alignment; they may reach past its end. */
uint64_t pci_msix_read(const struct pci_msix *msix, uint64_t offset, unsigned size);
void pci_msix_write(struct pci_msix *msix, uint64_t offset, unsigned size, uint64_t value);

#endif
