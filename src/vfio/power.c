/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The device stays in D0: asleep it would answer nobody, the host's kernel and the
 * mappings of its BARs included. The power state is the guest's view alone, and handfast sees to it that the
 * function behaves accordingly. Outside D0 it is only to be configured (PCI Power Management 1.2, 5.4): its
 * BARs are out of the guest and out of other devices' reach, it does not master the bus, and its vectors are
 * held back as if the guest had masked them. What it has to say comes when it is back.
 *
 * From D3hot it comes back as after a reset, unless it says that it does not (No_Soft_Reset; 5.4.1). Guests
 * count on that, as a means to reset it, so it is reset then by whatever works (reset.c).
 */
#include <linux/pci_regs.h>

#include "vfio/pci-priv.h"

#define D0    0u
#define D1    1u
#define D2    2u
#define D3HOT 3u

/* A state that the function does not have is discarded (3.2.4), and so is one that cannot be reached: the way
 * goes down, or all the way up (5.4). */
static unsigned state_after(const struct vfio_config *config, unsigned before, unsigned wanted)
{
	uint32_t has = vfio_config_read(config, config->pm + PCI_PM_PMC, 2);

	if ((wanted == D1 && !(has & PCI_PM_CAP_D1)) || (wanted == D2 && !(has & PCI_PM_CAP_D2)))
		return before;
	return wanted != D0 && wanted < before ? before : wanted;
}

static void state_set(struct vfio_config *config, unsigned state)
{
	unsigned at = config->pm + PCI_PM_CTRL;
	uint32_t control = pci_config_get(&config->shown, at, 1);

	pci_config_set(&config->shown, at, 1, (control & ~(uint32_t)PCI_PM_CTRL_STATE_MASK) | state);
}

void vfio_pci_power_follow(struct vfio_pci *pci)
{
	bool asleep = vfio_config_power_state(&pci->config) != D0;

	vfio_bars_power(&pci->bars, !asleep && vfio_config_awake(&pci->config));
}

bool vfio_pci_power_write(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
	struct vfio_config *config = &pci->config;
	unsigned before = vfio_config_power_state(config), state;

	vfio_config_write(config, offset, size, value);
	state = state_after(config, before, vfio_config_power_state(config));
	if (before == D3HOT && state == D0 &&
	    !(pci_config_get(&config->shown, config->pm + PCI_PM_CTRL, 1) & PCI_PM_CTRL_NO_SOFT_RESET)) {
		state_set(config, before);
		return true;
	}
	state_set(config, state);
	if ((before == D0) != (state == D0)) {
		vfio_config_command(config);
		vfio_interrupts_hold(&pci->interrupts, state != D0);
	}
	vfio_pci_power_follow(pci);
	return false;
}
