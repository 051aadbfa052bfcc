/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The slot has an attention button, a power controller and two indicators, as slots have in which cards are
 * exchanged by hand. handfast is the hand. To have a device back it presses the button. The guest's system
 * then lets the power indicator blink (five seconds in Linux, in which a second press calls it off), takes
 * its drivers off the device and switches the power off: that is its word, and the device is taken out. A
 * system that changes its mind lets the indicator shine again.
 *
 *     IDLE --- ask ---> WAITING --- interrupt enabled ---> ASKED --- blinks ---> LEAVING
 *                          \___________________________________\____ power off ___/--> RELEASED --> IDLE
 *                                                                                \-- shines --> REFUSED
 *
 * A press is made only once the guest has the interrupt for it enabled: a system clears what stands in
 * Slot Status when it takes the port over (Linux, pcie_init()), and what was pressed before would be lost. It
 * is not made while the indicator blinks either, for it would be taken as the second.
 *
 * Who was asked and let the deadline pass may still switch the power off, and is taken at its word then.
 * Where nobody has ever asked, power off is the guest's own business: the device loses its link and its
 * state, and gets the link back with the power, as on hardware.
 *
 * All this is the native way. A guest that leaves the slots to ACPI (acpi.c) is notified instead: of an eject
 * request, which it answers by _EJ0, or by _OST where it cannot; and of a device check when somebody has
 * come. There is no blinking and no waiting, and power stays on. An eject that nobody has asked for is the
 * guest's own business, as power is.
 *
 * Commands take effect within the write that gives them, so there is no completion to wait for: No Command
 * Completed Support is set, which saves Linux an interrupt for each.
 *
 * A device that comes is told by what the guest listens to: a change of presence, or else one of the link
 * (Linux does not listen to presence where there is a button, and powers the slot on for either), or else the
 * button, after which a guest waits for five seconds. Nothing is lost on one that does not listen yet: it
 * looks who is there when it takes the port over.
 *
 * `fast` presses no button but shows the slot empty and the link down, as if the device had been torn out.
 * The guest then removes it at once, without a last word to it from its driver; the device itself works until
 * the guest has switched the power off.
 */
#include "pci/slot-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>

#include "base/error.h"

#define CAPABILITIES                                                                         \
	(PCI_EXP_SLTCAP_ABP | PCI_EXP_SLTCAP_PCP | PCI_EXP_SLTCAP_AIP | PCI_EXP_SLTCAP_PIP | \
	 PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_NCCS)
#define CONTROLS                                                                                 \
	(PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PFDE | PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_HPIE | \
	 PCI_EXP_SLTCTL_AIC | PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_DLLSCE)
#define EVENTS (PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC)

static uint32_t control_get(const struct pci_slot *slot)
{
	return pci_config_get(slot->config, slot->at + PCI_EXP_SLTCTL, 2);
}

static void control_set(struct pci_slot *slot, uint32_t control)
{
	pci_config_set(slot->config, slot->at + PCI_EXP_SLTCTL, 2, control);
}

static uint32_t status_get(const struct pci_slot *slot)
{
	return pci_config_get(slot->config, slot->at + PCI_EXP_SLTSTA, 2);
}

static void status_set(struct pci_slot *slot, uint32_t status)
{
	pci_config_set(slot->config, slot->at + PCI_EXP_SLTSTA, 2, status);
}

/* Stands there until the guest clears it. */
static void latch(struct pci_slot *slot, uint32_t events)
{
	if (slot->hotplug)
		status_set(slot, status_get(slot) | events);
}

void pci_slot_init(struct pci_slot *slot, struct pci_config *config, unsigned at,
		   const struct pci_root_port_options *options, struct pci_acpi *acpi, unsigned acpi_number)
{
	uint32_t number = (uint32_t)options->slot << 19;
	unsigned status = at + PCI_EXP_SLTSTA;

	*slot = (struct pci_slot){
		.config = config,
		.at = at,
		.hotplug = options->hotplug,
		.fast = options->fast_unplug,
		.acpi = acpi,
		.number = acpi_number,
	};
	pci_config_set(config, at + PCI_EXP_SLTCAP, 4, number | (slot->hotplug ? CAPABILITIES : 0));
	pci_config_allow(config, at + PCI_EXP_SLTCTL, 2, slot->hotplug ? CONTROLS : PCI_EXP_SLTCTL_DLLSCE);
	if (!slot->hotplug)
		return;
	control_set(slot, PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_PWR_ON);
	config->clears[status] = EVENTS & 0xff;
	config->clears[status + 1] = EVENTS >> 8;
}

bool pci_slot_powered(const struct pci_slot *slot)
{
	return !(control_get(slot) & PCI_EXP_SLTCTL_PCC);
}

bool pci_slot_hides(const struct pci_slot *slot)
{
	return slot->state == PCI_SLOT_RELEASED || slot->held;
}

static bool blinks(uint32_t control)
{
	return (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_BLINK;
}

bool pci_slot_show(struct pci_slot *slot, bool occupied)
{
	bool present = occupied && !slot->gone && !slot->held;
	uint32_t control = control_get(slot);

	status_set(slot,
		   (status_get(slot) & ~(uint32_t)PCI_EXP_SLTSTA_PDS) | (present ? PCI_EXP_SLTSTA_PDS : 0));
	/* Until somebody decides, the indicator says what is true. */
	if (slot->hotplug && !slot->written)
		control_set(slot, (control & ~(uint32_t)PCI_EXP_SLTCTL_PIC) |
					  (present ? PCI_EXP_SLTCTL_PWR_IND_ON : PCI_EXP_SLTCTL_PWR_IND_OFF));
	return present && pci_slot_powered(slot) && slot->state != PCI_SLOT_RELEASED;
}

bool pci_slot_interrupts(const struct pci_slot *slot)
{
	uint32_t control = control_get(slot), status = status_get(slot);
	/* The bits of events and of their enables are the same but for this one. */
	uint32_t enabled = control & (PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PDCE);

	if (control & PCI_EXP_SLTCTL_DLLSCE)
		enabled |= PCI_EXP_SLTSTA_DLLSC;
	return slot->hotplug && control & PCI_EXP_SLTCTL_HPIE && status & enabled;
}

/* Whether the guest would take what we have to say for what it is. */
static bool listens(const struct pci_slot *slot)
{
	uint32_t control = control_get(slot);
	uint32_t enables = slot->fast ? PCI_EXP_SLTCTL_DLLSCE | PCI_EXP_SLTCTL_PDCE : PCI_EXP_SLTCTL_ABPE;

	return control & PCI_EXP_SLTCTL_HPIE && control & enables && !blinks(control);
}

/* The same of ACPI. A guest that has taken the slot over itself, as Linux can be made to, has decided. */
static bool listens_to_acpi(const struct pci_slot *slot)
{
	return slot->acpi && pci_acpi_in_charge(slot->acpi);
}

static void notify(struct pci_slot *slot, enum pci_acpi_event event)
{
	if (slot->acpi)
		pci_acpi_notify(slot->acpi, slot->number, event);
}

/* A request that the guest has not heard is none. */
static void take_back(struct pci_slot *slot)
{
	if (slot->acpi && pci_acpi_take_back(slot->acpi, slot->number))
		slot->asked = false;
}

static void request_eject(struct pci_slot *slot)
{
	slot->state = PCI_SLOT_ASKED;
	slot->asked = true;
	notify(slot, PCI_ACPI_EJECT);
}

static void press(struct pci_slot *slot)
{
	slot->state = PCI_SLOT_ASKED;
	slot->asked = true;
	slot->gone = slot->fast;
	latch(slot, slot->fast ? PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC : PCI_EXP_SLTSTA_ABP);
}

/*
 * Tells of who has come, once the guest is done with who was there: Linux sleeps for a second after it has
 * switched the power off, and forgets what happened in that time. Then it lets the indicator go out.
 */
static void announce(struct pci_slot *slot)
{
	uint32_t control = control_get(slot), events = PCI_EXP_SLTSTA_PDC;
	bool powered = pci_slot_powered(slot);

	if (!slot->unannounced || (!powered && (control & PCI_EXP_SLTCTL_PIC) != PCI_EXP_SLTCTL_PWR_IND_OFF))
		return;
	slot->unannounced = false;
	if (powered || (control & (PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE)) == PCI_EXP_SLTCTL_DLLSCE)
		events |= PCI_EXP_SLTSTA_DLLSC;
	else if (!(control & PCI_EXP_SLTCTL_PDCE) && control & PCI_EXP_SLTCTL_ABPE)
		events |= PCI_EXP_SLTSTA_ABP;
	latch(slot, events);
}

static void power_follow(struct pci_slot *slot, bool occupied)
{
	if (pci_slot_powered(slot)) {
		slot->asked = false;
	} else if (slot->asked || slot->state == PCI_SLOT_WAITING) {
		slot->state = PCI_SLOT_RELEASED;
	}
	/* The link goes with the power. */
	if (occupied && !slot->gone)
		latch(slot, PCI_EXP_SLTSTA_DLLSC);
}

/* A guest that has taken the slot over clears what stands there, one that leaves it to ACPI never does. */
bool pci_slot_heard(struct pci_slot *slot)
{
	bool told = listens_to_acpi(slot) ? pci_acpi_told(slot->acpi, slot->number)
					  : !slot->unannounced && !(status_get(slot) & EVENTS);

	slot->coming = slot->coming && !told;
	return !slot->coming;
}

void pci_slot_follow(struct pci_slot *slot, uint32_t before, bool occupied)
{
	uint32_t now = control_get(slot);

	(void)pci_slot_heard(slot); /* now: later events are of other things */
	if (!slot->hotplug || now == before)
		return;
	slot->written = true;
	if ((before ^ now) & PCI_EXP_SLTCTL_PCC)
		power_follow(slot, occupied);
	if (slot->state == PCI_SLOT_ASKED && blinks(now)) {
		slot->state = PCI_SLOT_LEAVING;
	} else if (slot->state == PCI_SLOT_LEAVING && pci_slot_powered(slot) &&
		   (now & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_ON) {
		slot->state = PCI_SLOT_REFUSED;
		slot->asked = false;
	} else if (slot->state == PCI_SLOT_WAITING && listens(slot)) {
		press(slot);
	}
	announce(slot);
}

int pci_slot_ask(struct pci_slot *slot)
{
	if (!slot->hotplug)
		return error_set(ENOTSUP, "its slot cannot be plugged (hotplug=off)");
	if (slot->state != PCI_SLOT_IDLE && slot->state != PCI_SLOT_REFUSED)
		return error_set(EBUSY, "the guest has been asked already");
	if (!pci_slot_powered(slot))
		slot->state = PCI_SLOT_RELEASED;
	else if (slot->asked && blinks(control_get(slot)))
		slot->state = PCI_SLOT_LEAVING; /* still at what it was asked for before */
	else if (listens(slot))
		press(slot);
	else if (listens_to_acpi(slot))
		request_eject(slot);
	else
		slot->state = PCI_SLOT_WAITING;
	return 0;
}

void pci_slot_withdraw(struct pci_slot *slot)
{
	if (slot->state == PCI_SLOT_RELEASED)
		return;
	slot->state = PCI_SLOT_IDLE;
	take_back(slot);
	if (slot->gone)
		latch(slot, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	slot->gone = false;
}

void pci_slot_emptied(struct pci_slot *slot)
{
	take_back(slot);
	if (!slot->gone)
		latch(slot, PCI_EXP_SLTSTA_PDC);
	slot->gone = false;
	slot->asked = false;
	slot->unannounced = false;
	slot->coming = false;
	slot->held = false;
	slot->state = PCI_SLOT_IDLE;
}

int pci_slot_tear_out(struct pci_slot *slot)
{
	if (!slot->hotplug)
		return error_set(ENOTSUP, "its slot cannot be plugged (hotplug=off)");
	slot->gone = true;
	slot->state = PCI_SLOT_RELEASED;
	latch(slot, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	slot->unseen = listens_to_acpi(slot);
	notify(slot, PCI_ACPI_CHECK);
	return 0;
}

/*
 * By ACPI a guest that looks after one has gone and another has come cannot tell the two apart: Linux keeps
 * the one it knew, with its driver. So the other is held back until it has looked for the first time.
 */
void pci_slot_filled(struct pci_slot *slot)
{
	slot->held = slot->unseen;
	if (slot->held) {
		slot->coming = true;
		return;
	}
	slot->unannounced = true;
	slot->coming = true;
	announce(slot);
	notify(slot, PCI_ACPI_CHECK);
}

void pci_slot_acpi_begins(struct pci_slot *slot)
{
	if (slot->state == PCI_SLOT_WAITING && !listens(slot))
		request_eject(slot);
}

/* The guest has done what a check asked for. One that it has not heard yet will bring it here again. */
void pci_slot_checked(struct pci_slot *slot)
{
	if (!slot->unseen || !pci_acpi_told(slot->acpi, slot->number))
		return;
	slot->unseen = false;
	if (slot->held)
		pci_slot_filled(slot);
}

void pci_slot_ejected(struct pci_slot *slot)
{
	if (slot->asked)
		slot->state = PCI_SLOT_RELEASED;
}

void pci_slot_refused(struct pci_slot *slot)
{
	if (slot->state != PCI_SLOT_ASKED)
		return;
	slot->state = PCI_SLOT_REFUSED;
	slot->asked = false;
}
