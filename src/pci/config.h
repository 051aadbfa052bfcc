/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_CONFIG_H
#define HANDFAST_PCI_CONFIG_H

/*
 * A configuration space held in memory, for functions that handfast emulates and for the virtualised
 * registers of assigned ones: bytes, which bits the guest may write, which bits a written 1 clears.
 * Its owner's lock guards it.
 */
#include <stdint.h>

#include "pci/pci.h"

struct pci_config {
	uint8_t data[PCIE_CONFIG_SIZE];
	uint8_t writable[PCIE_CONFIG_SIZE]; /* 1 bits: the guest's writes stay */
	uint8_t clears[PCIE_CONFIG_SIZE];   /* 1 bits: written 1 clears (RW1C) */
};

uint32_t pci_config_get(const struct pci_config *config, unsigned offset, unsigned size);
void pci_config_set(struct pci_config *config, unsigned offset, unsigned size, uint32_t value);
/* A guest's write, by the masks. */
void pci_config_guest_write(struct pci_config *config, unsigned offset, unsigned size, uint32_t value);
/* Lets the guest write these bits. */
void pci_config_allow(struct pci_config *config, unsigned offset, unsigned size, uint32_t bits);

/*
 * Adds a capability (8-bit offsets, chained from PCI_CAPABILITY_LIST) or an extended one (chained from
 * 0x100) and returns its offset. length includes the header. There must be room: we choose the layouts.
 */
unsigned pci_config_add_capability(struct pci_config *config, uint8_t id, unsigned offset, unsigned length);

#endif
