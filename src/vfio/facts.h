/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_FACTS_H
#define HANDFAST_VFIO_FACTS_H

/* What there is to know of an assigned function at this moment, for those who watch a VM. */
#include "pci/pci.h"
#include "vfio/device.h"

struct vfio_bar_facts {
	uint64_t size; /* of the device's region, in bytes; 0: no such BAR */
	/* Bytes that the guest would reach without a trap, and does at this moment. */
	uint64_t mappable;
	uint64_t mapped;
	bool visible; /* it is where the guest has put it: */
	uint64_t address;
	/* The guest's accesses that were trapped, since the guest began. */
	struct pci_accesses trapped;
};

struct vfio_interrupt_facts {
	const char *mode; /* "none", "intx", "msi", "msix" */
	unsigned vectors; /* that the function has of this kind, as the guest sees it */
	unsigned in_use;  /* of those: they reach the guest */
	unsigned masked;  /* and these are kept until the guest unmasks them */
};

struct vfio_reset_facts {
	const char
		*available; /* what the kernel would do for this device alone: "flr", "pm"; NULL: nothing */
	const char *last;   /* what was done: one of these, or "hot" (its bus with all on it), "driver" (of
			       a mediated device), "kernel" (which does not say how); NULL: nothing yet */
	const char *by;	    /* "open" (before the guest had it), "machine", "guest" */
	unsigned count;
};

/* Texts live as long as the function. */
struct vfio_pci_facts {
	const char *host; /* "0000:1a:00.3" */
	uint16_t vendor;
	uint16_t device;
	uint32_t group;
	const char *backend; /* "type1" */
	bool mediated;
	bool busy; /* it is being reset or set up, and takes its time: nothing of what follows is known */
	unsigned power_state; /* that the guest has put it in: 0 (D0) to 3 (D3hot) */
	/*
	 * A driver has been at work on it since the guest began: decoding or bus mastering was switched on
	 * that was not before, messages were, or its BARs were reached into by what is trapped.
	 */
	bool claimed;
	struct vfio_bar_facts bar[PCI_BARS_AND_ROM];
	struct vfio_interrupt_facts interrupts;
	struct vfio_reset_facts reset;
};

/* A function that vfio_pci_create() made. Waits for it for some milliseconds at most. Any thread. */
void vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts);

/* The guest begins: what was done to the function up to here was not the guest's doing, and is not counted.
 * No vCPU runs. */
void vfio_pci_guest_begins(struct pci_function *function);

#endif
