/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/msi.h"

#include <linux/pci_regs.h>

static uint32_t get(const struct pci_msi *msi, unsigned offset, unsigned size)
{
	return pci_config_get(msi->config, msi->at + offset, size);
}

void pci_msi_init(struct pci_msi *msi, struct pci_config *config, unsigned at,
		  const struct pci_signals *signals)
{
	*msi = (struct pci_msi){ .config = config, .at = at, .signals = signals };
	pci_config_add_capability(config, PCI_CAP_ID_MSI, at, PCI_MSI_LENGTH);
	pci_config_set(config, at + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	/* How many messages (Multiple Message Enable) the guest may write, but there is one. */
	pci_config_allow(config, at + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	pci_config_allow(config, at + PCI_MSI_ADDRESS_LO, 4, 0xfffffffc);
	pci_config_allow(config, at + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX);
	pci_config_allow(config, at + PCI_MSI_DATA_64, 2, 0xffff);
	pci_config_allow(config, at + PCI_MSI_MASK_64, 4, 1);
}

bool pci_msi_enabled(const struct pci_msi *msi)
{
	return get(msi, PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE;
}

void pci_msi_raise(struct pci_msi *msi)
{
	uint64_t address = (uint64_t)get(msi, PCI_MSI_ADDRESS_HI, 4) << 32 | get(msi, PCI_MSI_ADDRESS_LO, 4);
	bool masked = get(msi, PCI_MSI_MASK_64, 4);

	pci_config_set(msi->config, msi->at + PCI_MSI_PENDING_64, 4, masked);
	if (!masked)
		msi->signals->message(msi->signals->opaque, address, get(msi, PCI_MSI_DATA_64, 2));
}

void pci_msi_follow(struct pci_msi *msi)
{
	if (!pci_msi_enabled(msi))
		pci_config_set(msi->config, msi->at + PCI_MSI_PENDING_64, 4, 0);
	else if (get(msi, PCI_MSI_PENDING_64, 4) && !get(msi, PCI_MSI_MASK_64, 4))
		pci_msi_raise(msi);
}
