/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space both ways, the devices in it, and their BARs. */
#include "free.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc
#define TAKEN_MAX    64

struct device devices[DEVICES_MAX];
unsigned device_count;
uint64_t ecam;

/* Where something is, so that no BAR is put there by mistake. */
static struct {
	uint64_t start;
	uint64_t size;
} taken[TAKEN_MAX] = { { 0, 0x80000000 } /* memory */, { 0xfec00000, 0x1400000 } };
static unsigned taken_count = 2;
static uint32_t token_next = 0x12340;

uint64_t config_at(const struct device *d, unsigned offset)
{
	return ecam + ((uint64_t)d->bus << 20 | (uint64_t)d->devfn << 12) + offset;
}

uint32_t config_read(const struct device *d, unsigned offset, unsigned size)
{
	return (uint32_t)memory_in(reach(config_at(d, offset)), size);
}

void config_write(const struct device *d, unsigned offset, unsigned size, uint32_t value)
{
	memory_out(reach(config_at(d, offset)), size, value);
}

static uint16_t port_select(const struct device *d, unsigned offset)
{
	port_out(PORT_ADDRESS, 4,
		 1u << 31 | (uint32_t)d->bus << 16 | (uint32_t)d->devfn << 8 | (offset & 0xfc));
	return (uint16_t)(PORT_DATA + (offset & 3));
}

uint32_t config_port_read(const struct device *d, unsigned offset, unsigned size)
{
	return port_in(port_select(d, offset), size);
}

void config_port_write(const struct device *d, unsigned offset, unsigned size, uint32_t value)
{
	port_out(port_select(d, offset), size, value);
}

unsigned capability_find(const struct device *d, uint8_t id)
{
	unsigned at = config_read(d, PCI_CAPABILITY_LIST, 1);

	if (!(config_read(d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	for (unsigned i = 0; i < 48 && at; i++) {
		if (config_read(d, at, 1) == id)
			return at;
		at = config_read(d, at + 1, 1);
	}
	return 0;
}

unsigned flr_find(const struct device *d, uint32_t *ret_bit)
{
	unsigned cap = capability_find(d, PCI_CAP_ID_EXP);

	if (cap && config_read(d, cap + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR) {
		*ret_bit = PCI_EXP_DEVCTL_BCR_FLR;
		return cap + PCI_EXP_DEVCTL;
	}
	cap = capability_find(d, PCI_CAP_ID_AF);
	if (cap && config_read(d, cap + PCI_AF_CAP, 1) & PCI_AF_CAP_FLR) {
		*ret_bit = PCI_AF_CTRL_FLR;
		return cap + PCI_AF_CTRL;
	}
	return 0;
}

bool bus_reset(const struct device *d)
{
	for (unsigned devfn = 0; d->bus && devfn < 256; devfn++) {
		struct device port = { .devfn = (uint8_t)devfn };
		uint32_t control;

		if (config_read(&port, 0, 4) == UINT32_MAX ||
		    (config_read(&port, PCI_HEADER_TYPE, 1) & 0x7f) != PCI_HEADER_TYPE_BRIDGE ||
		    config_read(&port, PCI_SECONDARY_BUS, 1) != d->bus)
			continue;
		control = config_read(&port, PCI_BRIDGE_CONTROL, 2);
		config_write(&port, PCI_BRIDGE_CONTROL, 2, control | PCI_BRIDGE_CTL_BUS_RESET);
		wait_us(10000);
		config_write(&port, PCI_BRIDGE_CONTROL, 2, control);
		wait_us(200000);
		return true;
	}
	return false;
}

void command_set(const struct device *d, uint32_t bits)
{
	config_write(d, PCI_COMMAND, 2, bits);
}

void bar_set(const struct device *d, unsigned bar, uint64_t address)
{
	config_write(d, PCI_BASE_ADDRESS_0 + 4 * bar, 4, (uint32_t)address);
	if (d->bar[bar].wide)
		config_write(d, PCI_BASE_ADDRESS_0 + 4 * bar + 4, 4, (uint32_t)(address >> 32));
}

uint64_t bar_get(const struct device *d, unsigned bar)
{
	uint64_t address = config_read(d, PCI_BASE_ADDRESS_0 + 4 * bar, 4);

	if (d->bar[bar].wide)
		address |= (uint64_t)config_read(d, PCI_BASE_ADDRESS_0 + 4 * bar + 4, 4) << 32;
	return address & (d->bar[bar].io ? ~3ul : ~15ul);
}

uint32_t bar_read(const struct device *d, unsigned bar, uint64_t address, unsigned offset)
{
	if (d->bar[bar].io)
		return port_in((uint16_t)(address + offset), 4);
	return (uint32_t)memory_in(reach(address + offset), 4);
}

void bar_write(const struct device *d, unsigned bar, uint64_t address, unsigned offset, uint32_t value)
{
	if (d->bar[bar].io)
		port_out((uint16_t)(address + offset), 4, value);
	else
		memory_out(reach(address + offset), 4, value);
}

bool bar_has_probe(const struct device *d, unsigned bar)
{
	for (unsigned i = 0; i < d->known->probes; i++) {
		if (d->known->probe[i].bar == bar)
			return true;
	}
	return false;
}

bool bar_answers(struct device *d, unsigned bar, uint64_t address)
{
	bool all = true;

	for (unsigned i = 0; i < d->known->probes; i++) {
		const struct probe *probe = &d->known->probe[i];

		if (probe->bar != bar)
			continue;
		if (probe->kind == PROBE_STORE) {
			/* What fits into every register, e1000e's IOADDR included. */
			token_next = (token_next * 5 + 4) & 0x1fff0;
			d->token[i] = token_next;
			bar_write(d, bar, address, probe->offset, token_next);
		}
		all = all && bar_read(d, bar, address, probe->offset) == d->token[i];
	}
	return all;
}

bool bar_shines_through(const struct device *d, unsigned bar, uint64_t address)
{
	for (unsigned i = 0; i < d->known->probes; i++) {
		if (d->known->probe[i].bar == bar &&
		    bar_read(d, bar, address, d->known->probe[i].offset) == d->token[i])
			return true;
	}
	return false;
}

bool device_home(struct device *d)
{
	bool all = true;

	command_set(d, 0);
	for (unsigned i = 0; i < BARS; i++) {
		if (d->bar[i].size)
			bar_set(d, i, d->bar[i].home);
	}
	command_set(d, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	for (unsigned i = 0; i < BARS; i++)
		all = all && (!d->bar[i].size || bar_answers(d, i, d->bar[i].home));
	return all;
}

static void take(uint64_t start, uint64_t size)
{
	if (taken_count < TAKEN_MAX) {
		taken[taken_count].start = start;
		taken[taken_count++].size = size;
	}
}

uint64_t place_free(uint64_t from, uint64_t size)
{
	uint64_t at = (from + size - 1) & ~(size - 1);

	for (unsigned i = 0; i < taken_count; i++) {
		if (at < taken[i].start + taken[i].size && taken[i].start < at + size) {
			at = (taken[i].start + taken[i].size + size - 1) & ~(size - 1);
			i = -1u;
		}
	}
	return at;
}

static void bar_size(struct device *d, unsigned bar)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t low = config_read(d, at, 4), high = 0;
	struct bar *b = &d->bar[bar];
	uint64_t mask;

	b->io = low & PCI_BASE_ADDRESS_SPACE_IO;
	b->type = b->io ? low & 3 : low & 15;
	b->wide = !b->io && (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	config_write(d, at, 4, UINT32_MAX);
	mask = config_read(d, at, 4) & (b->io ? ~3u : ~15u);
	config_write(d, at, 4, low);
	if (b->wide) {
		high = config_read(d, at + 4, 4);
		config_write(d, at + 4, 4, UINT32_MAX);
		mask |= (uint64_t)config_read(d, at + 4, 4) << 32;
		config_write(d, at + 4, 4, high);
	} else if (mask) {
		mask |= b->io ? 0xffffffffffff0000ul : 0xffffffff00000000ul;
	}
	b->size = mask & -mask;
	b->home = ((uint64_t)high << 32 | low) & ~(b->size - 1);
	if (b->size && !b->io)
		take(b->home, b->size);
}

/* Type 0 headers only; bridges stay as they are. */
static void function_look(uint8_t bus, uint8_t devfn)
{
	struct device d = { .bus = bus, .devfn = devfn };
	uint32_t command;

	d.id = config_read(&d, 0, 4);
	if (config_read(&d, PCI_HEADER_TYPE, 1) & 0x7f)
		return;
	command = config_read(&d, PCI_COMMAND, 2);
	command_set(&d, 0);
	for (unsigned i = 0; i < BARS; i += d.bar[i].wide ? 2 : 1)
		bar_size(&d, i);
	command_set(&d, command);
	for (unsigned i = 0; i < known_device_count && device_count < DEVICES_MAX; i++) {
		const struct known *known = &known_devices[i];

		if (d.id != (known->vendor | (uint32_t)known->device << 16))
			continue;
		d.known = known;
		d.name = known->name;
		devices[device_count++] = d;
	}
}

/* What the fixed ones read. */
static void tokens_learn(struct device *d)
{
	command_set(d, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	if (d->id == 0x00051b36) /* testdev: choose the first test */
		memory_out(reach(d->bar[0].home), 1, 0);
	for (unsigned i = 0; i < d->known->probes; i++) {
		const struct probe *probe = &d->known->probe[i];

		if (probe->kind != PROBE_FIXED)
			continue;
		d->token[i] = bar_read(d, probe->bar, d->bar[probe->bar].home, probe->offset);
		if (d->token[i] == 0 || d->token[i] == UINT32_MAX)
			bad(d->name, "BAR %u reads 0x%x at 0x%x", probe->bar, d->token[i], probe->offset);
	}
	if (!device_home(d))
		bad(d->name, "it does not answer where it was put");
}

void pci_find(void)
{
	take(ecam, 256ul << 20);
	for (unsigned bus = 0; bus < 8; bus++) {
		for (unsigned devfn = 0; devfn < 256; devfn++) {
			struct device d = { .bus = (uint8_t)bus, .devfn = (uint8_t)devfn };

			if ((devfn & 7) == 0 && config_read(&d, 0, 4) == UINT32_MAX) {
				devfn += 7;
				continue;
			}
			if (config_read(&d, 0, 4) != UINT32_MAX)
				function_look((uint8_t)bus, (uint8_t)devfn);
		}
	}
	for (unsigned i = 0; i < device_count; i++)
		tokens_learn(&devices[i]);
}
