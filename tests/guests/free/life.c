/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Power states (PCI Power Management 1.2) and function-level reset (PCI Express 5.0, 6.6.2). */
#include "free.h"

#define DECODE (PCI_COMMAND_MEMORY | PCI_COMMAND_IO)

static void power_set(const struct device *d, unsigned pm, unsigned state, unsigned size)
{
	config_write(d, pm + PCI_PM_CTRL, size,
		     (config_read(d, pm + PCI_PM_CTRL, size) & ~(uint32_t)PCI_PM_CTRL_STATE_MASK) | state);
	wait_us(10000);
}

/* Back in D0 with COMMAND as it was, or as after a reset. */
static void return_check(const struct device *d, unsigned pm, uint32_t command)
{
	bool lost = !(config_read(d, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
	uint32_t now = config_read(d, PCI_COMMAND, 2);

	if (now != (lost ? 0 : command))
		bad(d->name, "COMMAND is 0x%x after D3hot, and was 0x%x", now, command);
	for (unsigned i = 0; i < BARS; i++) {
		if (d->bar[i].size && bar_get(d, i) != (lost ? 0 : d->bar[i].home))
			bad(d->name, "BAR %u is 0x%lx after D3hot", i, bar_get(d, i));
	}
}

static void silent_check(struct device *d, const char *when)
{
	for (unsigned i = 0; i < BARS; i++) {
		if (d->bar[i].size && bar_has_probe(d, i) && bar_shines_through(d, i, d->bar[i].home))
			bad(d->name, "BAR %u answers %s", i, when);
	}
}

static void power(struct device *d, unsigned pm)
{
	for (unsigned n = 0; n < 6; n++) {
		unsigned size = 1u << n % 3;
		uint32_t command;

		power_set(d, pm, 3, size);
		if ((config_read(d, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) != 3)
			bad(d->name, "it does not go to D3hot");
		if (config_read(d, 0, 4) != d->id)
			bad(d->name, "it cannot be configured in D3hot");
		silent_check(d, "in D3hot");
		/* BARs may move meanwhile, and decoding go off and on. */
		command_set(d, n & 1 ? 0 : DECODE);
		command = config_read(d, PCI_COMMAND, 2);
		power_set(d, pm, 0, size);
		if ((config_read(d, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) != 0)
			bad(d->name, "it does not come back to D0");
		return_check(d, pm, command);
		if (n & 1)
			silent_check(d, "in D0 with decoding off");
		/* It may have been reset on the way (No_Soft_Reset clear). */
		if (!device_home(d))
			bad(d->name, "it does not answer after D3hot");
	}
	verdict(d->name, "to D3hot and back");
}

static void reset(struct device *d, unsigned at, uint32_t bit)
{
	unsigned msix = capability_find(d, PCI_CAP_ID_MSIX);

	for (unsigned n = 0; n < 3; n++) {
		config_write(d, PCI_INTERRUPT_LINE, 1, 0x77);
		if (msix)
			config_write(d, msix + PCI_MSIX_FLAGS, 2,
				     PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
		command_set(d, DECODE | PCI_COMMAND_INTX_DISABLE);
		/* By its byte alone, by two, and by four from below. */
		if (n == 0 && bit > 0xff)
			config_write(d, at + 1, 1, bit >> 8);
		else if (n == 2 && !(at & 3))
			config_write(d, at, 4, config_read(d, at, 2) | bit);
		else
			config_write(d, at, bit > 0xff ? 2 : 1, config_read(d, at, bit > 0xff ? 2 : 1) | bit);
		wait_us(100000);
		if (config_read(d, 0, 4) != d->id)
			bad(d->name, "it is gone after a function-level reset");
		if (config_read(d, PCI_COMMAND, 2))
			bad(d->name, "COMMAND is 0x%x after a function-level reset",
			    config_read(d, PCI_COMMAND, 2));
		if (msix && config_read(d, msix + PCI_MSIX_FLAGS, 2) & 0xc000)
			bad(d->name, "MSI-X control is 0x%x after a function-level reset",
			    config_read(d, msix + PCI_MSIX_FLAGS, 2));
		silent_check(d, "after a function-level reset");
		for (unsigned i = 0; i < BARS; i++) {
			if (d->bar[i].size && bar_get(d, i))
				bad(d->name, "BAR %u is 0x%lx after a function-level reset", i,
				    bar_get(d, i));
		}
		if (!device_home(d))
			bad(d->name, "it does not answer after a function-level reset");
	}
	verdict(d->name, "function-level reset");
}

void test_life(struct device *d)
{
	unsigned pm = capability_find(d, PCI_CAP_ID_PM);
	uint32_t bit = 0;
	unsigned at = flr_find(d, &bit);

	if (pm)
		power(d, pm);
	if (at)
		reset(d, at, bit);
}
