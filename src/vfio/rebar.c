/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resizable BARs have a fixed size for the guest: the one that the host gave them is all that the capability
 * offers, and its registers are not to be written. Source: PCI Express 5.0, 7.8.6.
 */
#include <linux/pci_regs.h>

#include "vfio/config-priv.h"

#define ENTRY_SIZE 8u /* a capability and a control register for each BAR */

/* A size is 2 to the power of 20 and this many bytes. The capability register has a bit for each up to 128
 * TiB from bit 4 on, the control register's upper half those from 256 TiB on. */
#define SIZE_MAX_LOW 27u
#define CAP_SHIFT    4u
#define CTRL_SHIFT   16u
#define CTRL_KEPT    0xffffu

void vfio_config_rebar(struct vfio_config *config, const uint8_t *image, unsigned at, unsigned length)
{
	unsigned bars = 0;

	if (length >= PCI_REBAR_CAP + ENTRY_SIZE)
		bars = (image[at + PCI_REBAR_CTRL] & PCI_REBAR_CTRL_NBAR_MASK) >> PCI_REBAR_CTRL_NBAR_SHIFT;
	for (unsigned i = 0; i < bars && PCI_REBAR_CAP + ENTRY_SIZE * (i + 1) <= length; i++) {
		unsigned entry = at + ENTRY_SIZE * i;
		uint32_t control = image[entry + PCI_REBAR_CTRL] | (uint32_t)image[entry + PCI_REBAR_CTRL + 1]
									   << 8;
		unsigned size = (control & PCI_REBAR_CTRL_BAR_SIZE) >> PCI_REBAR_CTRL_BAR_SHIFT;
		uint32_t low = size <= SIZE_MAX_LOW ? 1u << (size + CAP_SHIFT) : 0;
		uint32_t high = size > SIZE_MAX_LOW && size - SIZE_MAX_LOW - 1 < 16
					? 1u << (size - SIZE_MAX_LOW - 1 + CTRL_SHIFT)
					: 0;

		pci_config_set(&config->shown, entry + PCI_REBAR_CAP, 4, low);
		pci_config_set(&config->shown, entry + PCI_REBAR_CTRL, 4, (control & CTRL_KEPT) | high);
	}
}
