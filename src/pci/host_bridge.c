/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * Both ways into configuration space end in pci_config_read() and pci_config_write(). ECAM says everything
 * in the address; the ports have a register that says it first. That register is the guest's to guard
 * (every operating system has a lock for it); here it is one atomic word.
 *
 * The register at 0xcf8 answers to accesses of 4 bytes only, and takes one byte of the I/O bus: an access
 * goes to the range that holds its first byte, so the reset register at 0xcf9 can have the next.
 */
#include "pci/host_bridge.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "pci/config.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc

/* The address register: enable, bus, device and function, register; the rest reads 0. */
#define ADDRESS_ENABLE	  0x80000000u
#define ADDRESS_BITS	  0x80fffffcu
#define ADDRESS_BUS(a)	  ((uint8_t)((a) >> 16))
#define ADDRESS_DEVFN(a)  ((uint8_t)((a) >> 8))
#define ADDRESS_OFFSET(a) ((a)&0xfc)

#define ECAM_BUS(o)    ((uint8_t)((o) >> 20))
#define ECAM_DEVFN(o)  ((uint8_t)((o) >> 12))
#define ECAM_OFFSET(o) ((unsigned)(o)&0xfff)

/* 00.0. Nothing in its configuration space can be written, so it needs no lock. */
struct host_function {
	struct pci_function function;
	struct pci_config config;
	_Atomic uint32_t address; /* the register at 0xcf8: reset with the machine */
};

struct pci_host_bridge {
	struct pci_bus *root;
	struct mem_bus *mmio;
	struct mem_bus *pio;
	struct host_function *function; /* the root bus's */
	struct mem_io ecam;
	struct mem_io address;
	struct mem_io data;
};

/* A stretch of configuration space that one access of the guest wants, at most 8 bytes, which ends where
 * its window does: what lies behind reads all-ones. */
struct span {
	struct pci_bus *root;
	uint8_t bus;
	uint8_t devfn;
	unsigned offset;
	unsigned end;
};

/* The width of the next access of 1, 2 or 4 bytes, 0 at the end of the window. */
static unsigned span_step(const struct span *span, unsigned left)
{
	unsigned room = span->end - span->offset;
	unsigned most = left < room ? left : room;

	return most >= 4 ? 4 : most == 3 ? 2 : most;
}

static uint64_t span_read(struct span span, unsigned size)
{
	uint64_t value = UINT64_MAX;
	unsigned step;

	for (unsigned done = 0; (step = span_step(&span, size - done)) != 0;
	     done += step, span.offset += step) {
		uint64_t ones = UINT64_MAX >> (64 - 8 * step);
		uint64_t part = pci_config_read(span.root, span.bus, span.devfn, span.offset, step);

		value = (value & ~(ones << 8 * done)) | part << 8 * done;
	}
	return value;
}

static void span_write(struct span span, unsigned size, uint64_t value)
{
	unsigned step;

	for (unsigned done = 0; (step = span_step(&span, size - done)) != 0;
	     done += step, span.offset += step)
		pci_config_write(span.root, span.bus, span.devfn, span.offset, step,
				 (uint32_t)(value >> 8 * done));
}

static struct span ecam_span(const struct pci_host_bridge *bridge, uint64_t offset)
{
	return (struct span){
		.root = bridge->root,
		.bus = ECAM_BUS(offset),
		.devfn = ECAM_DEVFN(offset),
		.offset = ECAM_OFFSET(offset),
		.end = PCIE_CONFIG_SIZE,
	};
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
	return span_read(ecam_span(opaque, offset), size);
}

static void ecam_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	span_write(ecam_span(opaque, offset), size, value);
}

static uint64_t address_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct pci_host_bridge *bridge = opaque;

	return size == 4 ? atomic_load(&bridge->function->address) : UINT64_MAX;
}

static void address_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_host_bridge *bridge = opaque;

	if (size == 4)
		atomic_store(&bridge->function->address, (uint32_t)value & ADDRESS_BITS);
}

/* Empty while the address register is not enabled. */
static struct span data_span(const struct pci_host_bridge *bridge, uint64_t offset)
{
	uint32_t address = atomic_load(&bridge->function->address);
	struct span span = {
		.root = bridge->root,
		.bus = ADDRESS_BUS(address),
		.devfn = ADDRESS_DEVFN(address),
		.offset = ADDRESS_OFFSET(address) + (unsigned)offset,
		.end = ADDRESS_OFFSET(address) + 4,
	};

	if (!(address & ADDRESS_ENABLE))
		span.end = span.offset;
	return span;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
	return span_read(data_span(opaque, offset), size);
}

static void data_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	span_write(data_span(opaque, offset), size, value);
}

static const struct mem_io_ops ecam_ops = { .read = ecam_read, .write = ecam_write };
static const struct mem_io_ops address_ops = { .read = address_read, .write = address_write };
static const struct mem_io_ops data_ops = { .read = data_read, .write = data_write };

static uint32_t host_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
	const struct host_function *host = (const struct host_function *)function;

	return pci_config_get(&host->config, offset, size);
}

static void host_config_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
}

static void host_reset(struct pci_function *function)
{
	struct host_function *host = (struct host_function *)function;

	atomic_store(&host->address, 0);
}

static void host_destroy(struct pci_function *function)
{
	pci_function_fini(function);
	free(function);
}

static const struct pci_function_ops host_ops = {
	.config_read = host_config_read,
	.config_write = host_config_write,
	.reset = host_reset,
	.destroy = host_destroy,
};

static void host_config_init(struct pci_config *config)
{
	pci_config_set(config, PCI_VENDOR_ID, 2, 0x8086);
	pci_config_set(config, PCI_DEVICE_ID, 2, 0x29c0);
	pci_config_set(config, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_config_set(config, PCI_CLASS_DEVICE, 2, 0x0600); /* host bridge */
	pci_config_set(config, PCI_SUBSYSTEM_VENDOR_ID, 2, 0x1af4);
	pci_config_set(config, PCI_SUBSYSTEM_ID, 2, 0x1100);
}

int pci_host_bridge_create(struct pci_bus *root, struct mem_bus *mmio, struct mem_bus *pio,
			   uint64_t ecam_start, uint64_t ecam_size, struct pci_host_bridge **ret_bridge)
{
	struct pci_host_bridge *bridge = calloc(1, sizeof(*bridge));
	struct host_function *host = calloc(1, sizeof(*host));
	int ret;

	if (!bridge || !host) {
		ret = error_sys(ENOMEM, "allocating the PCI host bridge");
		goto fail;
	}
	host->function.ops = &host_ops;
	host->function.driver = "host bridge";
	host_config_init(&host->config);
	ret = pci_bus_attach(root, PCI_DEVFN_OF(0, 0), &host->function);
	if (ret < 0)
		goto fail;

	*bridge = (struct pci_host_bridge){ .root = root, .mmio = mmio, .pio = pio, .function = host };
	bridge->ecam = (struct mem_io){
		.start = ecam_start, .size = ecam_size, .ops = &ecam_ops, .opaque = bridge, .name = "ECAM"
	};
	bridge->address = (struct mem_io){
		.start = PORT_ADDRESS, .size = 1, .ops = &address_ops, .opaque = bridge, .name = "PCI address"
	};
	bridge->data = (struct mem_io){
		.start = PORT_DATA, .size = 4, .ops = &data_ops, .opaque = bridge, .name = "PCI data"
	};
	mem_bus_add(mmio, &bridge->ecam);
	mem_bus_add(pio, &bridge->address);
	mem_bus_add(pio, &bridge->data);
	*ret_bridge = bridge;
	return 0;

fail:
	free(host);
	free(bridge);
	return ret;
}

static void leave_bus(struct mem_bus *bus, struct mem_io *io)
{
	mem_bus_remove(bus, io);
	mem_bus_drain(bus, io);
}

void pci_host_bridge_destroy(struct pci_host_bridge *bridge)
{
	if (!bridge)
		return;
	leave_bus(bridge->mmio, &bridge->ecam);
	leave_bus(bridge->pio, &bridge->address);
	leave_bus(bridge->pio, &bridge->data);
	free(bridge);
}
