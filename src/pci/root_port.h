/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ROOT_PORT_H
#define HANDFAST_PCI_ROOT_PORT_H

/* pcie-root-port: a PCI Express root port (1b36:000c, as QEMU's) with one slot behind it.
 * Source: PCI Express 5.0, 7.5.1.3 (type 1 header), 7.5.3 (capability). */
#include "mem/bus.h"
#include "pci/acpi.h"
#include "pci/pci.h"
#include "pci/signals.h"

/* All outlive the port. */
struct pci_root_port_handles {
	struct lock *machine_lock;
	struct mem_bus *mmio;
	struct pci_signals signals;
	struct pci_acpi *acpi; /* the guest may be told by it what happens in the slot; NULL: never */
	/* pci_root_port_slot() has another answer than before. Any thread, no lock held; must not block. */
	void (*slot_changed)(void *opaque, struct pci_function *port);
	void *opaque;
};

struct pci_root_port_options {
	const char *id;	 /* also the name of the bus behind it */
	uint8_t port;	 /* Link Capabilities, Port Number */
	uint8_t chassis; /* 0: none */
	uint16_t slot;	 /* Slot Capabilities, Physical Slot Number */
	bool multifunction;
	bool hotplug;	  /* what is in the slot may leave while the guest runs */
	bool fast_unplug; /* the guest is told that it has left, rather than asked to let go of it */
	/* Bytes; PCI_RESERVE_AUTO: as much as pci_assign() thinks fit. */
	uint64_t io_reserve;
	uint64_t mem_reserve;
	uint64_t pref64_reserve;
};

/* Not attached yet; its secondary bus exists. */
int pci_root_port_create(const struct pci_root_port_handles *handles,
			 const struct pci_root_port_options *options, struct pci_function **ret_function);

/* How far the guest is with letting go of what is in a slot. */
enum pci_slot_state {
	PCI_SLOT_IDLE,	   /* nobody wants it back */
	PCI_SLOT_WAITING,  /* the guest cannot hear it yet: it is asked once it can */
	PCI_SLOT_ASKED,	   /* the attention button was pressed */
	PCI_SLOT_LEAVING,  /* it has begun: the power indicator blinks */
	PCI_SLOT_REFUSED,  /* it has called that off */
	PCI_SLOT_RELEASED, /* the slot is off: all functions may be taken out, and pci_root_port_emptied() be
			    * called. They are off the bus for the guest already. */
};

/* Any thread, no lock held. port: what pci_root_port_create() made. */
enum pci_slot_state pci_root_port_slot(struct pci_function *port);

/*
 * Asks the guest for what is in the slot; slot_changed() tells how that goes. A reset of the port forgets it.
 * Errors: ENOTSUP without hot-plug, EBUSY while an earlier request is pending. Main thread.
 */
int pci_root_port_ask(struct pci_function *port);
/* Waits for it no longer: the state is IDLE, unless it is RELEASED by now. A guest that was asked and
 * switches the slot off later is taken at its word then. Main thread. */
void pci_root_port_withdraw(struct pci_function *port);
/* All functions are detached. Main thread. */
void pci_root_port_emptied(struct pci_function *port);
/* Takes the link from what is in the slot, and tells the guest that it has gone: the state is RELEASED,
 * whatever the guest thinks of it. Main thread. Errors: ENOTSUP without hot-plug. */
int pci_root_port_tear_out(struct pci_function *port);
/* Function 0 has been attached, and others before it: tells the guest. One that does not listen yet finds it
 * when it looks. Main thread. */
void pci_root_port_filled(struct pci_function *port);
/* Whether the guest has taken note of the last one that came: that is, has taken what the slot told it, or
 * has begun after that. Any thread, no lock held. */
bool pci_root_port_heard(struct pci_function *port);

#endif
