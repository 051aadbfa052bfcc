/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/bars.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "base/check.h"

/*
 * Theory of operation
 *
 * What the registers say is the guest's business and may be nonsense at any moment: a driver that sizes
 * a BAR with decoding on writes all-ones, one that moves a 64-bit BAR writes two registers. After each
 * write pci_bars_update() compares what the registers mean now with what is mapped and passes on the
 * difference, so that every way in which a BAR can appear, move or vanish is the same way.
 *
 * A BAR is mapped when its kind's bit in COMMAND is set, an expansion ROM's own one in its register too, and
 * its address is one that a processor can reach: not 0 (never assigned), inside the kind's space, and for
 * memory not ending at the very top of the first 4 GiB, where only a register that holds all-ones (being
 * sized) puts it and where a PC has its reset vector. Any other address is mapped as the guest says; what
 * stands there already is protected by the map and the bus it is mapped into.
 */

/* No x86 or Arm processor has more than 52 bits of physical address. */
#define MEMORY_END (1ull << 52)
#define IO_END	   0x10000ull

static unsigned bar_register(unsigned bar)
{
	return bar == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}

static uint32_t bar_type_bits(const struct pci_bar *bar)
{
	uint32_t prefetchable = bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;

	switch (bar->kind) {
	case PCI_BAR_IO:
		return PCI_BASE_ADDRESS_SPACE_IO;
	case PCI_BAR_MEM32:
		return PCI_BASE_ADDRESS_MEM_TYPE_32 | prefetchable;
	case PCI_BAR_MEM64:
		return PCI_BASE_ADDRESS_MEM_TYPE_64 | prefetchable;
	case PCI_BAR_ROM:
	case PCI_BAR_NONE:
		break;
	}
	return 0;
}

static void write_type_bits(struct pci_bars *bars)
{
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (bars->bars[i].kind == PCI_BAR_NONE)
			continue;
		pci_config_set(bars->config, bar_register(i), 4, bar_type_bits(&bars->bars[i]));
		if (bars->bars[i].kind == PCI_BAR_MEM64)
			pci_config_set(bars->config, bar_register(i + 1), 4, 0);
	}
}

/* Tables are ours: what cannot be is a bug. */
static void check_bar(const struct pci_bar *table, unsigned bar)
{
	static const struct {
		uint64_t least, most;
	} sizes[] = {
		[PCI_BAR_IO] = { 4, 1ull << 31 },
		[PCI_BAR_MEM32] = { 16, 1ull << 31 },
		[PCI_BAR_MEM64] = { 16, 1ull << 63 },
		[PCI_BAR_ROM] = { 2ull << 10, 16ull << 20 },
	};
	const struct pci_bar *what = &table[bar];

	check(what->size >= sizes[what->kind].least && what->size <= sizes[what->kind].most);
	check((what->size & (what->size - 1)) == 0);
	check((what->kind == PCI_BAR_ROM) == (bar == PCI_ROM_BAR));
	check(what->kind != PCI_BAR_MEM64 || (bar + 1 < PCI_BARS && table[bar + 1].kind == PCI_BAR_NONE));
}

void pci_bars_init(struct pci_bars *bars, struct pci_config *config, const struct pci_bar *table,
		   void (*map)(void *opaque, unsigned bar, uint64_t address),
		   void (*unmap)(void *opaque, unsigned bar), void *opaque)
{
	*bars = (struct pci_bars){
		.config = config, .bars = table, .map = map, .unmap = unmap, .opaque = opaque
	};
	write_type_bits(bars);
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		uint64_t mask = ~(table[i].size - 1);

		if (table[i].kind == PCI_BAR_NONE)
			continue;
		check_bar(table, i);
		if (i == PCI_ROM_BAR)
			mask |= PCI_ROM_ADDRESS_ENABLE;
		pci_config_allow(config, bar_register(i), 4, (uint32_t)mask);
		pci_config_allow(config, PCI_COMMAND, 2,
				 table[i].kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
		if (table[i].kind == PCI_BAR_MEM64)
			pci_config_allow(config, bar_register(i + 1), 4, (uint32_t)(mask >> 32));
	}
}

uint64_t pci_bars_address(const struct pci_bars *bars, unsigned bar)
{
	uint64_t address;

	if (bar >= PCI_BARS_AND_ROM || bars->bars[bar].kind == PCI_BAR_NONE)
		return 0;
	address = pci_config_get(bars->config, bar_register(bar), 4);
	if (bars->bars[bar].kind == PCI_BAR_MEM64)
		address |= (uint64_t)pci_config_get(bars->config, bar_register(bar + 1), 4) << 32;
	return address & ~(bars->bars[bar].size - 1);
}

/* Whether the register's content can stand for a place; see above. */
static bool address_is_usable(const struct pci_bar *bar, uint64_t address)
{
	uint64_t last = address + bar->size - 1;

	if (address == 0 || last < address)
		return false;
	if (bar->kind == PCI_BAR_IO)
		return last < IO_END;
	return last < MEMORY_END && last != UINT32_MAX;
}

static bool bar_decodes(const struct pci_bars *bars, unsigned bar, uint32_t command)
{
	const struct pci_bar *what = &bars->bars[bar];

	switch (what->kind) {
	case PCI_BAR_NONE:
		return false;
	case PCI_BAR_IO:
		if (!(command & PCI_COMMAND_IO))
			return false;
		break;
	case PCI_BAR_ROM:
		if (!(pci_config_get(bars->config, PCI_ROM_ADDRESS, 4) & PCI_ROM_ADDRESS_ENABLE))
			return false;
		/* fall through */
	case PCI_BAR_MEM32:
	case PCI_BAR_MEM64:
		if (!(command & PCI_COMMAND_MEMORY))
			return false;
		break;
	}
	return address_is_usable(what, pci_bars_address(bars, bar));
}

static void unmap_bar(struct pci_bars *bars, unsigned bar)
{
	bars->mapped[bar] = false;
	bars->unmap(bars->opaque, bar);
}

void pci_bars_update(struct pci_bars *bars)
{
	uint32_t command = pci_config_get(bars->config, PCI_COMMAND, 2);
	bool decodes[PCI_BARS_AND_ROM];

	/* What leaves makes room before anything comes. */
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		decodes[i] = bar_decodes(bars, i, command);
		if (bars->mapped[i] && (!decodes[i] || bars->address[i] != pci_bars_address(bars, i)))
			unmap_bar(bars, i);
	}
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (!decodes[i] || bars->mapped[i])
			continue;
		bars->mapped[i] = true;
		bars->address[i] = pci_bars_address(bars, i);
		bars->map(bars->opaque, i, bars->address[i]);
	}
}

void pci_bars_reset(struct pci_bars *bars)
{
	uint32_t command = pci_config_get(bars->config, PCI_COMMAND, 2);

	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (bars->mapped[i])
			unmap_bar(bars, i);
	}
	write_type_bits(bars);
	command &= ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	pci_config_set(bars->config, PCI_COMMAND, 2, command);
}
