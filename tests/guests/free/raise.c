/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: QEMU docs/specs/edu.rst; Intel 82574 datasheet, 10.2.4 (interrupts); Intel 82576 datasheet, 8.8
 * and 8.9. All registers are in BAR 0.
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

static void nothing(const struct device *d)
{
	(void)d;
}

static const struct raiser raisers[] = {
	{ 0x11e81234, 0, nothing, edu_raise, false, edu_quiet },
	{ 0x10d38086, 5, e1000e_setup, e1000e_raise, true, nothing },
	{ 0x10c98086, 10, igb_setup, igb_raise, false, nothing },
};

const struct raiser *raiser_of(const struct device *d)
{
	for (unsigned i = 0; i < sizeof(raisers) / sizeof(raisers[0]); i++) {
		if (raisers[i].id == d->id)
			return &raisers[i];
	}
	return NULL;
}
