/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/msix.h"

#include <linux/pci_regs.h>
#include <string.h>

/* Where they are in the BAR. */
#define AT_TABLE   0x000
#define AT_PENDING 0x800

static uint32_t flags(const struct pci_msix *msix)
{
	return pci_config_get(msix->config, msix->at + PCI_MSIX_FLAGS, 2);
}

static bool masked(const struct pci_msix *msix)
{
	return flags(msix) & PCI_MSIX_FLAGS_MASKALL ||
	       msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static uint32_t entry_get(const struct pci_msix *msix, unsigned offset)
{
	const uint8_t *at = msix->entry + offset;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void pci_msix_init(struct pci_msix *msix, struct pci_config *config, unsigned at, unsigned bar,
		   const struct pci_signals *signals)
{
	*msix = (struct pci_msix){ .config = config, .at = at, .signals = signals };
	msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	pci_config_add_capability(config, PCI_CAP_ID_MSIX, at, PCI_MSIX_LENGTH);
	pci_config_allow(config, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_config_set(config, at + PCI_MSIX_TABLE, 4, AT_TABLE | bar);
	pci_config_set(config, at + PCI_MSIX_PBA, 4, AT_PENDING | bar);
}

bool pci_msix_enabled(const struct pci_msix *msix)
{
	return flags(msix) & PCI_MSIX_FLAGS_ENABLE;
}

void pci_msix_raise(struct pci_msix *msix)
{
	uint64_t address = (uint64_t)entry_get(msix, PCI_MSIX_ENTRY_UPPER_ADDR) << 32 |
			   entry_get(msix, PCI_MSIX_ENTRY_LOWER_ADDR);

	msix->pending = masked(msix);
	if (!msix->pending)
		msix->signals->message(msix->signals->opaque, address, entry_get(msix, PCI_MSIX_ENTRY_DATA));
}

void pci_msix_follow(struct pci_msix *msix)
{
	if (!pci_msix_enabled(msix))
		msix->pending = false;
	else if (msix->pending && !masked(msix))
		pci_msix_raise(msix);
}

uint64_t pci_msix_read(const struct pci_msix *msix, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		uint64_t at = offset + i;

		if (at < AT_TABLE + sizeof(msix->entry))
			value |= (uint64_t)msix->entry[at - AT_TABLE] << 8 * i;
		else if (at == AT_PENDING)
			value |= (uint64_t)msix->pending << 8 * i;
	}
	return value;
}

/* The bits of each byte of an entry that the guest may write. */
static uint8_t entry_writable(uint64_t byte)
{
	if (byte == PCI_MSIX_ENTRY_LOWER_ADDR)
		return 0xfc; /* messages go to whole dwords */
	if (byte == PCI_MSIX_ENTRY_VECTOR_CTRL)
		return PCI_MSIX_ENTRY_CTRL_MASKBIT;
	return byte > PCI_MSIX_ENTRY_VECTOR_CTRL ? 0 : 0xff;
}

void pci_msix_write(struct pci_msix *msix, uint64_t offset, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++) {
		uint64_t at = offset + i;

		if (at < AT_TABLE + sizeof(msix->entry))
			msix->entry[at - AT_TABLE] =
				(uint8_t)(value >> 8 * i) & entry_writable(at - AT_TABLE);
	}
	pci_msix_follow(msix);
}
