/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_SLOT_PRIV_H
#define HANDFAST_PCI_SLOT_PRIV_H

/*
 * The hot-plug controller of a port: Slot Capabilities, Control and Status (PCI Express 5.0, 7.5.3.9 to
 * 7.5.3.11, 6.7), and the conversation with the guest about who is to leave. It keeps registers and says what
 * follows from them; interrupts and the bus behind are the port's. The port's lock guards it.
 */
#include "pci/acpi-priv.h"
#include "pci/config.h"
#include "pci/root_port.h"

struct pci_slot {
	struct pci_config *config;
	unsigned at; /* of the port's PCI Express capability */
	bool hotplug;
	bool fast;
	struct pci_acpi *acpi; /* by which the guest may have to be told; NULL: never */
	unsigned number;       /* its number there */
	enum pci_slot_state state;
	bool asked;	  /* the guest was asked for what is in there, at some time */
	bool unannounced; /* who has come: the guest is at work on who was there before */
	bool gone;	  /* shown as empty though it is not: `fast` */
	bool coming;	  /* somebody has come, and the guest has not been seen to take note of it */
	bool unseen;	  /* the guest has not looked since somebody was torn out (ACPI) */
	bool held;	  /* who has come since is not shown before it has */
	bool written;	  /* the guest has written Slot Control: the indicator is its own */
};

/* As after power-on. The capability is in config already. acpi, number: the slot's, or NULL. */
void pci_slot_init(struct pci_slot *slot, struct pci_config *config, unsigned at,
		   const struct pci_root_port_options *options, struct pci_acpi *acpi, unsigned number);

/* Puts into Slot Status, before the guest looks, whether function 0 is there. Returns whether the slot has a
 * link, as far as it depends on the slot. */
bool pci_slot_show(struct pci_slot *slot, bool occupied);
/* The guest has written somewhere; Slot Control was `before`. */
void pci_slot_follow(struct pci_slot *slot, uint32_t before, bool occupied);
bool pci_slot_powered(const struct pci_slot *slot);
/* Whether what is in there is kept from the guest. */
bool pci_slot_hides(const struct pci_slot *slot);
/* Whether it has something to say that the guest has asked to be interrupted for. */
bool pci_slot_interrupts(const struct pci_slot *slot);

/* See pci/root_port.h. */
int pci_slot_ask(struct pci_slot *slot);
void pci_slot_withdraw(struct pci_slot *slot);
void pci_slot_emptied(struct pci_slot *slot);
int pci_slot_tear_out(struct pci_slot *slot);
bool pci_slot_heard(struct pci_slot *slot);
/* See pci/acpi-priv.h. */
void pci_slot_acpi_begins(struct pci_slot *slot);
void pci_slot_ejected(struct pci_slot *slot);
void pci_slot_refused(struct pci_slot *slot);
void pci_slot_checked(struct pci_slot *slot);
void pci_slot_filled(struct pci_slot *slot);

#endif
