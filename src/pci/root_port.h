/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ROOT_PORT_H
#define HANDFAST_PCI_ROOT_PORT_H

/* pcie-root-port: a PCI Express root port (1b36:000c, as QEMU's) with one slot behind it.
 * Source: PCI Express 5.0, 7.5.1.3 (type 1 header), 7.5.3 (capability). */
#include "pci/pci.h"

struct pci_root_port_options {
	const char *id;	 /* also the name of the bus behind it */
	uint8_t port;	 /* Link Capabilities, Port Number */
	uint8_t chassis; /* 0: none */
	uint16_t slot;	 /* Slot Capabilities, Physical Slot Number */
	bool multifunction;
	/* Bytes; PCI_RESERVE_AUTO: as much as pci_assign() thinks fit. */
	uint64_t io_reserve;
	uint64_t mem_reserve;
	uint64_t pref64_reserve;
};

/* Not attached yet; its secondary bus exists. */
int pci_root_port_create(struct lock *machine_lock, const struct pci_root_port_options *options,
			 struct pci_function **ret_function);

#endif
