/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_HOST_BRIDGE_H
#define HANDFAST_PCI_HOST_BRIDGE_H

/* The way from the processor to the root bus: ECAM (PCI Express 5.0, 7.2.2) and the ports 0xcf8 and
 * 0xcfc (PCI 3.0, 3.2.2.3.2), and the bridge's own function at 00.0 (8086:29c0, as q35 has). */
#include "mem/bus.h"
#include "pci/pci.h"

struct pci_host_bridge;

/* Attaches itself at 00.0 of root and to both I/O buses. ecam_size: 1 MiB for each bus number. */
int pci_host_bridge_create(struct pci_bus *root, struct mem_bus *mmio, struct mem_bus *pio,
			   uint64_t ecam_start, uint64_t ecam_size, struct pci_host_bridge **ret_bridge);
/* Leaves the I/O buses. Its function belongs to the root bus. */
void pci_host_bridge_destroy(struct pci_host_bridge *bridge);

#endif
