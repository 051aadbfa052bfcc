/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ACPI_PRIV_H
#define HANDFAST_PCI_ACPI_PRIV_H

/* Between the registers and the ports. A port's lock is taken before that of the registers. */
#include "pci/acpi.h"

/* What the guest is told of a slot, as the register says it. */
enum pci_acpi_event {
	PCI_ACPI_CHECK = 1, /* somebody has come, or gone */
	PCI_ACPI_EJECT = 3, /* what is in there is to leave */
};

/* What the guest says by the registers, of a port's slot. A vCPU's thread, no lock held. */
struct pci_acpi_port_ops {
	void (*begins)(struct pci_function *port); /* the guest is told by ACPI from now on */
	void (*ejected)(struct pci_function *port);
	void (*refused)(struct pci_function *port);
	void (*checked)(struct pci_function *port); /* it has looked who is there */
};

/* The port's slot is one of them from now on, in the order of these calls. ops: the same for all. Errors:
 * ENOSPC. */
int pci_acpi_add(struct pci_acpi *acpi, struct pci_function *port, const struct pci_acpi_port_ops *ops,
		 unsigned *ret_number);

/* Kept until the guest can take it, or for good. Any thread. */
void pci_acpi_notify(struct pci_acpi *acpi, unsigned number, enum pci_acpi_event event);
/* Takes back that the guest is to be asked for what is in the slot. Returns whether it had not heard it yet.
 */
bool pci_acpi_take_back(struct pci_acpi *acpi, unsigned number);
/* Whether the guest is told by ACPI. Any thread. */
bool pci_acpi_in_charge(struct pci_acpi *acpi);

/* Whether it has been told that somebody has come, or gone, as often as that has happened. Any thread. */
bool pci_acpi_told(struct pci_acpi *acpi, unsigned number);

#endif
