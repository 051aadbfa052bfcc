/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: QEMU docs/specs/edu.rst; Intel 82574 datasheet, 10.2.4 (interrupts); Intel 82576 datasheet, 8.8
 * and 8.9; xHCI 1.2, 5.5.2, whose interrupters have no register that raises them: in QEMU one does so when it
 * hears of an event that it has not written, also while the controller stands. All registers are in BAR 0.
 * QEMU's e1000e cannot be told not to throttle its interrupts, and when it has done so it sends one more.
 */
#include "raise.h"

#define EDU_RAISE 0x60
#define EDU_ACK	  0x64

#define E1000E_CTRL_EXT 0x18
#define E1000E_ICS	0xc8
#define E1000E_IMS	0xd0
#define E1000E_EIAC	0xdc
#define E1000E_IVAR	0xe4
#define E1000E_CAUSES	0x01f00000u /* queues 0 and 1 both ways, and other */
#define E1000E_KEEP	0x09000000u /* causes clear, and stay enabled */

#define IGB_GPIE  0x1514
#define IGB_EICS  0x1520
#define IGB_EIMS  0x1524
#define IGB_EIAC  0x152c
#define IGB_EIAM  0x1530
#define IGB_MULTI 0x40000010u /* one vector for each cause, clearing by itself */
/* These four by their older addresses. */
#define IGB_ICR	 0xc0
#define IGB_ICS	 0xc8
#define IGB_IMS	 0xd0
#define IGB_IAM	 0xe0
#define IGB_SENT 0x1 /* a cause that is none as long as nothing is sent */

#define XHCI_COMMAND		0x40
#define XHCI_COMMAND_RESET	0x2
#define XHCI_COMMAND_INTERRUPTS 0x4
#define XHCI_INTERRUPTERS	16
#define XHCI_INTERRUPTER(i)	(0x1020 + 0x20 * (i))
#define XHCI_PENDING		0x1
#define XHCI_ENABLED		0x2
#define XHCI_TABLE_SIZE		0x08
#define XHCI_TABLE		0x10
#define XHCI_DEQUEUE		0x18
#define XHCI_BUSY		0x8
#define XHCI_RING		16 /* events */
#define XHCI_EVENT		16 /* bytes */

static uint32_t xhci_event; /* the second one */

static uint32_t get(const struct device *d, unsigned at)
{
	return (uint32_t)memory_in(reach(d->bar[0].home + at), 4);
}

static void put(const struct device *d, unsigned at, uint32_t value)
{
	memory_out(reach(d->bar[0].home + at), 4, value);
}

static void edu_quiet(const struct device *d)
{
	put(d, EDU_ACK, UINT32_MAX);
}

static void edu_raise(const struct device *d, unsigned vector)
{
	put(d, EDU_RAISE, 1u << vector);
}

/* Cause 20 + n goes to vector n. */
static void e1000e_setup(const struct device *d)
{
	uint32_t ivar = 0;

	for (unsigned i = 0; i < 5; i++)
		ivar |= (8 | i) << 4 * i;
	put(d, E1000E_IVAR, ivar);
	put(d, E1000E_CTRL_EXT, get(d, E1000E_CTRL_EXT) | E1000E_KEEP);
	put(d, E1000E_EIAC, E1000E_CAUSES);
	put(d, E1000E_IMS, E1000E_CAUSES);
}

static void e1000e_raise(const struct device *d, unsigned vector)
{
	put(d, E1000E_ICS, 1u << (20 + vector));
}

static void igb_setup(const struct device *d)
{
	put(d, IGB_GPIE, IGB_MULTI);
	put(d, IGB_EIAC, 0x3ff);
	put(d, IGB_EIAM, 0);
	put(d, IGB_EIMS, 0x3ff);
}

static void igb_raise(const struct device *d, unsigned vector)
{
	put(d, IGB_EIMS, 1u << vector);
	put(d, IGB_EICS, 1u << vector);
}

/* Without MSI-X all causes are one, and the cause is there until it has been read. */
static void igb_one_setup(const struct device *d)
{
	put(d, IGB_GPIE, 0);
	put(d, IGB_IAM, 0);
	put(d, IGB_IMS, IGB_SENT);
}

static void igb_quiet(const struct device *d)
{
	get(d, IGB_ICR);
}

static void igb_one_raise(const struct device *d, unsigned message)
{
	(void)message;
	igb_quiet(d);
	put(d, IGB_ICS, IGB_SENT);
}

/* Interrupter n sends message n. All share a ring in which nothing is ever written. */
static void xhci_setup(const struct device *d)
{
	static uint8_t ring[XHCI_RING * XHCI_EVENT] __attribute__((aligned(64)));
	static uint64_t segment[2] __attribute__((aligned(64)));

	segment[0] = (uintptr_t)ring;
	segment[1] = XHCI_RING;
	put(d, XHCI_COMMAND, XHCI_COMMAND_RESET);
	put(d, XHCI_COMMAND, XHCI_COMMAND_INTERRUPTS);
	for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++) {
		put(d, XHCI_INTERRUPTER(i) + XHCI_TABLE_SIZE, 1);
		put(d, XHCI_INTERRUPTER(i) + XHCI_TABLE, (uint32_t)(uintptr_t)segment);
		put(d, XHCI_INTERRUPTER(i) + XHCI_TABLE + 4, 0);
		put(d, XHCI_INTERRUPTER(i) + XHCI_DEQUEUE + 4, 0);
		put(d, XHCI_INTERRUPTER(i), XHCI_ENABLED);
	}
	xhci_event = (uint32_t)(uintptr_t)ring + XHCI_EVENT;
}

/* All events up to the second one are done with, which has not come yet: there must be more. */
static void xhci_raise(const struct device *d, unsigned message)
{
	put(d, XHCI_INTERRUPTER(message) + XHCI_DEQUEUE, xhci_event | XHCI_BUSY);
}

static void xhci_quiet(const struct device *d)
{
	put(d, XHCI_INTERRUPTER(0), XHCI_ENABLED | XHCI_PENDING);
}

static void nothing(const struct device *d)
{
	(void)d;
}

static const struct raiser raisers[] = {
	{ 0x11e81234, 0, 1, nothing, edu_raise, false, edu_quiet },
	{ 0x10d38086, 5, 0, e1000e_setup, e1000e_raise, true, nothing },
	{ 0x10c98086, 10, 0, igb_setup, igb_raise, false, nothing },
	{ 0x10c98086, 0, 1, igb_one_setup, igb_one_raise, false, igb_quiet },
	{ 0x01941033, 0, XHCI_INTERRUPTERS, xhci_setup, xhci_raise, false, xhci_quiet },
};

const struct raiser *raiser_of(const struct device *d)
{
	for (unsigned i = 0; i < sizeof(raisers) / sizeof(raisers[0]); i++) {
		if (raisers[i].id == d->id)
			return &raisers[i];
	}
	return NULL;
}

const struct raiser *message_raiser_of(const struct device *d)
{
	for (unsigned i = 0; i < sizeof(raisers) / sizeof(raisers[0]); i++) {
		if (raisers[i].id == d->id && raisers[i].messages)
			return &raisers[i];
	}
	return NULL;
}
