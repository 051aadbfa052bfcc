/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/config.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "base/check.h"

/* More capabilities than the first 256 bytes could hold. A chain that is longer runs in a circle. */
#define CAPABILITIES_MAX 48

uint32_t pci_config_get(const struct pci_config *config, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size && i < 4; i++) {
		uint32_t byte = offset + i < PCIE_CONFIG_SIZE ? config->data[offset + i] : 0xff;

		value |= byte << 8 * i;
	}
	return value;
}

void pci_config_set(struct pci_config *config, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && i < 4 && offset + i < PCIE_CONFIG_SIZE; i++)
		config->data[offset + i] = (uint8_t)(value >> 8 * i);
}

void pci_config_guest_write(struct pci_config *config, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && i < 4 && offset + i < PCIE_CONFIG_SIZE; i++) {
		uint8_t *data = &config->data[offset + i];
		uint8_t writable = config->writable[offset + i];
		uint8_t clears = config->clears[offset + i];
		uint8_t byte = (uint8_t)(value >> 8 * i);

		*data = (uint8_t)(((*data & ~writable) | (byte & writable)) & ~(byte & clears));
	}
}

void pci_config_allow(struct pci_config *config, unsigned offset, unsigned size, uint32_t bits)
{
	for (unsigned i = 0; i < size && i < 4 && offset + i < PCIE_CONFIG_SIZE; i++)
		config->writable[offset + i] |= (uint8_t)(bits >> 8 * i);
}

/* The place of the pointer that ends the list: the new capability's address goes there. */
static unsigned capability_list_end(const struct pci_config *config)
{
	unsigned pointer = PCI_CAPABILITY_LIST;

	for (unsigned i = 0; i < CAPABILITIES_MAX && config->data[pointer]; i++)
		pointer = (config->data[pointer] & ~3u) + PCI_CAP_LIST_NEXT;
	check(!config->data[pointer]);
	return pointer;
}

/* An extended list always begins at 0x100, and its last header has 0 for the next one's address. */
static unsigned extended_list_end(const struct pci_config *config)
{
	unsigned offset = PCI_CFG_SPACE_SIZE, next = 0;

	for (unsigned i = 0; i < PCIE_CONFIG_SIZE / 4; i++) {
		next = PCI_EXT_CAP_NEXT(pci_config_get(config, offset, 4));
		if (!next)
			break;
		offset = next;
	}
	check(!next);
	return offset;
}

static void add_extended(struct pci_config *config, uint8_t id, unsigned offset)
{
	unsigned last = extended_list_end(config);
	uint32_t header = pci_config_get(config, last, 4);

	if (offset == PCI_CFG_SPACE_SIZE)
		check(header == 0);
	else
		check(header != 0 && last != offset);
	if (header)
		pci_config_set(config, last, 4, header | (uint32_t)offset << 20);
	pci_config_set(config, offset, 4, 1u << 16 | id); /* version 1 */
}

unsigned pci_config_add_capability(struct pci_config *config, uint8_t id, unsigned offset, unsigned length)
{
	bool extended = offset >= PCI_CFG_SPACE_SIZE;
	unsigned end = extended ? PCIE_CONFIG_SIZE : PCI_CFG_SPACE_SIZE;

	check(offset >= PCI_STD_HEADER_SIZEOF && offset % 4 == 0);
	check(length >= (extended ? 4 : 2) && length <= end - offset);

	memset(config->data + offset, 0, length);
	memset(config->writable + offset, 0, length);
	memset(config->clears + offset, 0, length);
	if (extended) {
		add_extended(config, id, offset);
		return offset;
	}
	config->data[capability_list_end(config)] = (uint8_t)offset;
	config->data[offset + PCI_CAP_LIST_ID] = id;
	config->data[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return offset;
}
