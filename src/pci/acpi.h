/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ACPI_H
#define HANDFAST_PCI_ACPI_H

/*
 * Hot-plug by ACPI: the registers through which the methods of the ACPI tables (boot/acpi/slots.c, dsdt.asl)
 * learn which slot the guest has to look at, and say what its system has done. ACPI 6.5, 5.6.6
 * (notifications), 6.3.3 (_EJ0), 6.3.5 (_OST); PCI Firmware 3.3, 4.5.1 (_OSC).
 *
 * A guest that evaluates _OSC is not given the slots' own registers and is told by ACPI from then on; one
 * that never does works with the slots themselves (slot.c). Registers, of 4 bytes each:
 *
 * - 0, read: an event, which is taken by that: the slot's number, in bits 8 to 15 what to notify it of; 0:
 *   none.
 * - 4, written: a slot's number: the guest has ejected what is in there.
 * - 8, written: _OST: the slot's number, in bits 8 to 23 the event, in bits 24 to 31 the status.
 * - 12, written: anything: _OSC has been evaluated.
 */
#include "mem/bus.h"
#include "pci/pci.h"

#define PCI_ACPI_REGISTERS 16 /* bytes */
#define PCI_ACPI_SLOTS	   256

struct pci_acpi;

/* gpe is called when there is an event that the guest has to be interrupted for: any thread, must not block,
 * and may not call back. */
int pci_acpi_create(struct mem_bus *pio, uint16_t port, void (*gpe)(void *opaque), void *opaque,
		    struct pci_acpi **ret_acpi);
/* The ports are destroyed already. NULL is fine. */
void pci_acpi_destroy(struct pci_acpi *acpi);
/* No event, nothing evaluated. vCPUs are stopped. NULL is fine. */
void pci_acpi_reset(struct pci_acpi *acpi);

/* The port whose slot has that number; NULL: there are no more. */
struct pci_function *pci_acpi_port(const struct pci_acpi *acpi, unsigned number);

#endif
