/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_MSI_H
#define HANDFAST_PCI_MSI_H

/* MSI of a function that handfast emulates: one message, 64-bit addresses, per-vector masking
 * (PCI 3.0, 6.8.1). All calls under the lock that guards its configuration space. */
#include "pci/config.h"
#include "pci/signals.h"

#define PCI_MSI_LENGTH 0x18

struct pci_msi {
	struct pci_config *config;
	unsigned at;
	const struct pci_signals *signals;
};

/* Adds the capability at offset `at`, as after reset. signals and config are kept. */
void pci_msi_init(struct pci_msi *msi, struct pci_config *config, unsigned at,
		  const struct pci_signals *signals);
bool pci_msi_enabled(const struct pci_msi *msi);
/* The function interrupts. While the guest masks the message it is pending. Enabled. */
void pci_msi_raise(struct pci_msi *msi);
/* The guest may have written its registers: what was pending and is masked no more is sent. */
void pci_msi_follow(struct pci_msi *msi);

#endif
