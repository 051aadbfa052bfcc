/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The port is a type 1 header and a PCI Express capability held in memory. Three things behind the bytes
 * are real: the bus numbers, which decide what configuration accesses go to the bus behind (none while
 * the link is down, held in reset or disabled by the guest); the reset of that bus; and presence and link
 * state, which are read from the slot at the moment that the guest asks.
 *
 * The windows and the COMMAND bits are kept as the guest writes them and have no effect: BARs behind the
 * port are decoded by their own registers alone. A guest that leaves a BAR outside its port's window sees
 * more than on hardware, never less, and nobody else's memory (mem/map.h); and interrupts and DMA of an
 * assigned device do not come through handfast in the first place.
 *
 * No hot-plug yet: Slot Capabilities say so. There is no message signalled interrupt either; the pin is
 * there because system software leaves a port without any interrupt alone.
 */
#include "pci/root_port.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "pci/bus-priv.h"
#include "pci/config.h"

/* Where the capabilities stand. */
#define AT_PM	  0x40
#define AT_EXP	  0x48
#define AT_SSVID  0x84
#define AT_SLOTID 0x8c

#define EXP_SIZE    0x3c /* of a version 2 capability */
#define SSVID_SIZE  8
#define SLOTID_SIZE 4

/* The fastest and widest link that every guest knows, so that no guest thinks a device held back by its
 * port. Codes and places are those of Link Capabilities and Link Status. */
#define LINK_SPEED     PCI_EXP_LNKCAP_SLS_32_0GB
#define LINK_SPEED_MIN PCI_EXP_LNKCAP_SLS_2_5GB
#define LINK_WIDTH     16
#define LINK_SPEEDS                                                                          \
	(PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB | PCI_EXP_LNKCAP2_SLS_8_0GB | \
	 PCI_EXP_LNKCAP2_SLS_16_0GB | PCI_EXP_LNKCAP2_SLS_32_0GB)

struct root_port {
	struct pci_function function;
	struct pci_root_port_options options; /* but for the id */

	pthread_mutex_t lock; /* guards config; taken before the machine lock */
	struct pci_config config;
};

/* A register's content after reset and the bits in it that the guest may write. */
struct initial {
	uint16_t offset;
	uint8_t size;
	uint32_t value;
	uint32_t writable;
	uint32_t clears; /* written 1 clears */
};

#define WINDOW_BITS 0xfff0u /* of a memory window's 16-bit registers */

static const struct initial header[] = {
	{ PCI_VENDOR_ID, 2, 0x1b36, 0, 0 },
	{ PCI_DEVICE_ID, 2, 0x000c, 0, 0 },
	{ PCI_COMMAND, 2, 0,
	  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		  PCI_COMMAND_INTX_DISABLE,
	  0 },
	{ PCI_CLASS_DEVICE, 2, 0x0604, 0, 0 }, /* PCI-to-PCI bridge */
	{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff, 0 },
	{ PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE, 0, 0 },
	{ PCI_PRIMARY_BUS, 1, 0, 0xff, 0 },
	{ PCI_SECONDARY_BUS, 1, 0, 0xff, 0 },
	{ PCI_SUBORDINATE_BUS, 1, 0, 0xff, 0 },
	{ PCI_IO_BASE, 1, PCI_IO_RANGE_TYPE_32, 0xf0, 0 },
	{ PCI_IO_LIMIT, 1, PCI_IO_RANGE_TYPE_32, 0xf0, 0 },
	{ PCI_MEMORY_BASE, 2, 0, WINDOW_BITS, 0 },
	{ PCI_MEMORY_LIMIT, 2, 0, WINDOW_BITS, 0 },
	{ PCI_PREF_MEMORY_BASE, 2, PCI_PREF_RANGE_TYPE_64, WINDOW_BITS, 0 },
	{ PCI_PREF_MEMORY_LIMIT, 2, PCI_PREF_RANGE_TYPE_64, WINDOW_BITS, 0 },
	{ PCI_PREF_BASE_UPPER32, 4, 0, UINT32_MAX, 0 },
	{ PCI_PREF_LIMIT_UPPER32, 4, 0, UINT32_MAX, 0 },
	{ PCI_IO_BASE_UPPER16, 2, 0, 0xffff, 0 },
	{ PCI_IO_LIMIT_UPPER16, 2, 0, 0xffff, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0xff, 0 },
	{ PCI_INTERRUPT_PIN, 1, 1, 0, 0 },
	/* No VGA bits: ports and frame buffers of old do not come through here. */
	{ PCI_BRIDGE_CONTROL, 2, 0,
	  PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_ISA | PCI_BRIDGE_CTL_BUS_RESET, 0 },
};

static const struct initial capabilities[] = {
	/* PCI Power Management 1.2, 3.2: D0 and D3hot, which loses nothing. */
	{ AT_PM + PCI_PM_PMC, 2, 3, 0, 0 },
	{ AT_PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK, 0 },

	{ AT_EXP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ROOT_PORT << 4 | PCI_EXP_FLAGS_SLOT, 0, 0 },
	{ AT_EXP + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_RBER, 0, 0 }, /* payloads of 128 bytes */
	{ AT_EXP + PCI_EXP_DEVCTL, 2, 0,
	  PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE, 0 },
	{ AT_EXP + PCI_EXP_DEVSTA, 2, 0, 0,
	  PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD },
	{ AT_EXP + PCI_EXP_LNKCAP, 4, LINK_SPEED | LINK_WIDTH << 4 | PCI_EXP_LNKCAP_DLLLARC | 1u << 22, 0,
	  0 },
	{ AT_EXP + PCI_EXP_LNKCTL, 2, 0, PCI_EXP_LNKCTL_LD | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES, 0 },
	{ AT_EXP + PCI_EXP_LNKSTA, 2, PCI_EXP_LNKSTA_SLC, 0, 0 },
	{ AT_EXP + PCI_EXP_SLTCTL, 2, 0, PCI_EXP_SLTCTL_DLLSCE, 0 },
	{ AT_EXP + PCI_EXP_RTCTL, 2, 0,
	  PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE | PCI_EXP_RTCTL_SEFEE | PCI_EXP_RTCTL_PMEIE, 0 },
	{ AT_EXP + PCI_EXP_RTSTA, 4, 0, 0, PCI_EXP_RTSTA_PME },
	{ AT_EXP + PCI_EXP_LNKCAP2, 4, LINK_SPEEDS, 0, 0 },
	{ AT_EXP + PCI_EXP_LNKCTL2, 2, LINK_SPEED, PCI_EXP_LNKCTL2_TLS, 0 },

	{ AT_SSVID + PCI_SSVID_VENDOR_ID, 2, 0x1af4, 0, 0 },
	{ AT_SSVID + PCI_SSVID_DEVICE_ID, 2, 0x1100, 0, 0 },
};

static void put_initial(struct pci_config *config, const struct initial *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pci_config_set(config, table[i].offset, table[i].size, table[i].value);
		pci_config_allow(config, table[i].offset, table[i].size, table[i].writable);
		for (unsigned byte = 0; byte < table[i].size; byte++)
			config->clears[table[i].offset + byte] = (uint8_t)(table[i].clears >> 8 * byte);
	}
}

/* The state after power-on. */
static void init_config(struct root_port *port)
{
	struct pci_config *config = &port->config;
	uint32_t link;

	memset(config, 0, sizeof(*config));
	put_initial(config, header, sizeof(header) / sizeof(header[0]));
	pci_config_add_capability(config, PCI_CAP_ID_PM, AT_PM, PCI_PM_SIZEOF);
	pci_config_add_capability(config, PCI_CAP_ID_EXP, AT_EXP, EXP_SIZE);
	pci_config_add_capability(config, PCI_CAP_ID_SSVID, AT_SSVID, SSVID_SIZE);
	put_initial(config, capabilities, sizeof(capabilities) / sizeof(capabilities[0]));

	link = pci_config_get(config, AT_EXP + PCI_EXP_LNKCAP, 4);
	pci_config_set(config, AT_EXP + PCI_EXP_LNKCAP, 4, link | (uint32_t)port->options.port << 24);
	pci_config_set(config, AT_EXP + PCI_EXP_SLTCAP, 4, (uint32_t)port->options.slot << 19);
	if (port->options.chassis) {
		/* PCI-to-PCI Bridge 1.2, 13.4: one slot, the first of its chassis. */
		pci_config_add_capability(config, PCI_CAP_ID_SLOTID, AT_SLOTID, SLOTID_SIZE);
		pci_config_set(config, AT_SLOTID + PCI_SID_ESR, 1, 1 | PCI_SID_ESR_FIC);
		pci_config_set(config, AT_SLOTID + PCI_SID_CHASSIS_NR, 1, port->options.chassis);
	}
}

static bool bus_is_in_reset(const struct pci_config *config)
{
	return pci_config_get(config, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET ||
	       pci_config_get(config, AT_EXP + PCI_EXP_LNKCTL, 2) & PCI_EXP_LNKCTL_LD;
}

static uint32_t power_state(const struct pci_config *config)
{
	return pci_config_get(config, AT_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
}

/* Tells the bus behind which numbers are forwarded to it. */
static void update_numbers(struct root_port *port)
{
	if (bus_is_in_reset(&port->config) || power_state(&port->config) != 0)
		pci_bus_set_numbers(port->function.secondary, 0, 0);
	else
		pci_bus_set_numbers(port->function.secondary, port->config.data[PCI_SECONDARY_BUS],
				    port->config.data[PCI_SUBORDINATE_BUS]);
}

/* Who is in the slot, and whether the link to it is up. */
static void update_slot(struct root_port *port)
{
	bool present = pci_bus_occupied(port->function.secondary);
	bool up = present && !bus_is_in_reset(&port->config);
	uint32_t link = PCI_EXP_LNKSTA_SLC;

	link |= up ? LINK_SPEED | LINK_WIDTH << 4 | PCI_EXP_LNKSTA_DLLLA : LINK_SPEED_MIN;
	pci_config_set(&port->config, AT_EXP + PCI_EXP_LNKSTA, 2, link);
	pci_config_set(&port->config, AT_EXP + PCI_EXP_SLTSTA, 2, present ? PCI_EXP_SLTSTA_PDS : 0);
}

static uint32_t root_port_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
	struct root_port *port = (struct root_port *)function;
	uint32_t value;

	pthread_mutex_lock(&port->lock);
	if (offset + size > AT_EXP && offset < AT_EXP + EXP_SIZE)
		update_slot(port);
	value = pci_config_get(&port->config, offset, size);
	pthread_mutex_unlock(&port->lock);
	return value;
}

static void root_port_config_write(struct pci_function *function, unsigned offset, unsigned size,
				   uint32_t value)
{
	struct root_port *port = (struct root_port *)function;
	bool was_in_reset, goes_into_reset;
	uint32_t state;

	pthread_mutex_lock(&port->lock);
	was_in_reset = bus_is_in_reset(&port->config);
	state = power_state(&port->config);
	pci_config_guest_write(&port->config, offset, size, value);
	/* A state that the function does not have is not taken (PCI Power Management 1.2, 3.2.4). */
	if (power_state(&port->config) == 1 || power_state(&port->config) == 2)
		pci_config_set(&port->config, AT_PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET | state);
	goes_into_reset = !was_in_reset && bus_is_in_reset(&port->config);
	update_numbers(port);
	pthread_mutex_unlock(&port->lock);

	/* May take long: no lock is held, and the accesses of others end at the numbers above. */
	if (goes_into_reset)
		pci_bus_reset(port->function.secondary);
}

static void root_port_reset(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pthread_mutex_lock(&port->lock);
	init_config(port);
	update_numbers(port);
	pthread_mutex_unlock(&port->lock);
}

static void root_port_destroy(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pci_function_fini(&port->function);
	pthread_mutex_destroy(&port->lock);
	free(port);
}

static const struct pci_function_ops root_port_ops = {
	.config_read = root_port_config_read,
	.config_write = root_port_config_write,
	.reset = root_port_reset,
	.destroy = root_port_destroy,
};

int pci_root_port_create(struct lock *machine_lock, const struct pci_root_port_options *options,
			 struct pci_function **ret_function)
{
	struct root_port *port;
	struct pci_bus *bus;
	int ret;

	if (options->slot > PCI_EXP_SLTCAP_PSN >> 19) {
		error_set(EINVAL, "slot=%u: a physical slot number has 13 bits", options->slot);
		return error_try("a number from 0 to %u", PCI_EXP_SLTCAP_PSN >> 19);
	}
	port = calloc(1, sizeof(*port));
	if (!port)
		return error_sys(ENOMEM, "allocating pcie-root-port '%s'", options->id);
	pthread_mutex_init(&port->lock, NULL);
	port->options = *options;
	port->options.id = NULL;
	port->function.ops = &root_port_ops;
	port->function.driver = "pcie-root-port";
	port->function.multifunction = options->multifunction;
	port->function.id = strdup(options->id);
	ret = port->function.id
		      ? pci_bus_create_secondary(machine_lock, options->id, &port->function, 1, &bus)
		      : error_sys(ENOMEM, "allocating pcie-root-port '%s'", options->id);
	if (ret < 0) {
		root_port_destroy(&port->function);
		return ret;
	}
	pci_bus_set_reserve(bus, options->io_reserve, options->mem_reserve, options->pref64_reserve);
	init_config(port);
	*ret_function = &port->function;
	return 0;
}
