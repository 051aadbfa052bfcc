/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The port is a type 1 header and a PCI Express capability held in memory. Four things behind the bytes
 * are real: the bus numbers, which decide what configuration accesses go to the bus behind (none while
 * the link is down, held in reset, disabled or without power); the reset of that bus; presence and link
 * state, which are read from the slot at the moment that the guest asks; and the slot (slot.c), with its
 * interrupt.
 *
 * The windows and the COMMAND bits are kept as the guest writes them and have no effect: BARs behind the
 * port are decoded by their own registers alone. A guest that leaves a BAR outside its port's window sees
 * more than on hardware, never less, and nobody else's memory (mem/map.h); and interrupts and DMA of an
 * assigned device do not come through handfast in the first place.
 *
 * The slot interrupts by MSI-X each time that there begins to be something to say (PCI Express 5.0, 6.7.3.4),
 * or by its pin for as long as there is. The table has the port's only BAR for itself.
 */
#include "pci/root_port.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "pci/acpi-priv.h"
#include "pci/bars.h"
#include "pci/bus-priv.h"
#include "pci/config.h"
#include "pci/msix.h"
#include "pci/slot-priv.h"

/* Where the capabilities stand. */
#define AT_PM	  0x40
#define AT_EXP	  0x48
#define AT_SSVID  0x84
#define AT_SLOTID 0x8c
#define AT_MSIX	  0x90

#define EXP_SIZE    0x3c /* of a version 2 capability */
#define SSVID_SIZE  8
#define SLOTID_SIZE 4

/*
 * INTD. A device in the slot has INTA nearly always, which would be the port's own line if that had INTA as
 * well. And there Linux locks up when the device leaves: it takes the device's driver off within the thread
 * of the port's interrupt, and freeing the device's waits for all threads of that line (__free_irq(),
 * __synchronize_irq()).
 */
#define PIN 4

#define MSIX_BAR 0

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
	struct pci_root_port_handles handles;
	struct pci_root_port_options options; /* but for the id */
	unsigned acpi_number;		      /* of its slot, where handles.acpi has it */

	pthread_mutex_t lock; /* guards what follows; taken before the machine lock */
	struct pci_config config;
	struct pci_msix msix;
	struct pci_bars bars;
	struct mem_io table; /* where the guest has put the BAR */
	struct pci_slot slot;
	bool messaged;	 /* the guest was sent a message for what the slot has to say */
	uint32_t pulled; /* the line that is pulled for it; 0: none */
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
	{ PCI_INTERRUPT_PIN, 1, PIN, 0, 0 },
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

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
	struct root_port *port = opaque;
	uint64_t value;

	pthread_mutex_lock(&port->lock);
	value = pci_msix_read(&port->msix, offset, size);
	pthread_mutex_unlock(&port->lock);
	return value;
}

static void table_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct root_port *port = opaque;

	pthread_mutex_lock(&port->lock);
	pci_msix_write(&port->msix, offset, size, value);
	pthread_mutex_unlock(&port->lock);
}

static const struct mem_io_ops table_ops = { .read = table_read, .write = table_write };

/* Under the lock. */
static void map_table(void *opaque, unsigned bar, uint64_t address)
{
	struct root_port *port = opaque;

	check(bar == MSIX_BAR);
	port->table.start = address;
	mem_bus_add(port->handles.mmio, &port->table);
}

static void unmap_table(void *opaque, unsigned bar)
{
	struct root_port *port = opaque;

	check(bar == MSIX_BAR);
	mem_bus_remove(port->handles.mmio, &port->table);
}

/* The state after power-on; nothing is mapped. */
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
	pci_slot_init(&port->slot, config, AT_EXP, &port->options,
		      port->options.hotplug ? port->handles.acpi : NULL, port->acpi_number);
	if (port->options.chassis) {
		/* PCI-to-PCI Bridge 1.2, 13.4: one slot, the first of its chassis. */
		pci_config_add_capability(config, PCI_CAP_ID_SLOTID, AT_SLOTID, SLOTID_SIZE);
		pci_config_set(config, AT_SLOTID + PCI_SID_ESR, 1, 1 | PCI_SID_ESR_FIC);
		pci_config_set(config, AT_SLOTID + PCI_SID_CHASSIS_NR, 1, port->options.chassis);
	}
	pci_msix_init(&port->msix, config, AT_MSIX, MSIX_BAR, &port->handles.signals);
	pci_bars_init(&port->bars, config, port->function.bars, map_table, unmap_table, port);
}

/* By what the guest has written. */
static bool bus_is_down(const struct root_port *port)
{
	const struct pci_config *config = &port->config;

	return pci_config_get(config, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET ||
	       pci_config_get(config, AT_EXP + PCI_EXP_LNKCTL, 2) & PCI_EXP_LNKCTL_LD ||
	       !pci_slot_powered(&port->slot);
}

static uint32_t power_state(const struct pci_config *config)
{
	return pci_config_get(config, AT_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
}

/* Tells the bus behind which numbers are forwarded to it. */
static void update_numbers(struct root_port *port)
{
	if (bus_is_down(port) || pci_slot_hides(&port->slot) || power_state(&port->config) != 0)
		pci_bus_set_numbers(port->function.secondary, 0, 0);
	else
		pci_bus_set_numbers(port->function.secondary, port->config.data[PCI_SECONDARY_BUS],
				    port->config.data[PCI_SUBORDINATE_BUS]);
}

/* Who is in the slot, and whether the link to it is up. */
static void update_slot(struct root_port *port)
{
	bool up =
		pci_slot_show(&port->slot, pci_bus_occupied(port->function.secondary)) && !bus_is_down(port);
	uint32_t link = PCI_EXP_LNKSTA_SLC;

	link |= up ? LINK_SPEED | LINK_WIDTH << 4 | PCI_EXP_LNKSTA_DLLLA : LINK_SPEED_MIN;
	pci_config_set(&port->config, AT_EXP + PCI_EXP_LNKSTA, 2, link);
	/* Read-only to software, not fixed: there is no other port of the host's on the way. */
	pci_config_set(&port->config, AT_EXP + PCI_EXP_DEVCAP2, 4,
		       up ? pci_bus_atomics(port->function.secondary) : 0);
}

/* The line is pulled for as long as there is a reason to. */
static void pull(struct root_port *port, bool wanted)
{
	const struct pci_signals *signals = &port->handles.signals;

	if (wanted == (port->pulled != 0))
		return;
	if (wanted)
		port->pulled = pci_function_gsi(&port->function, PIN);
	signals->line(signals->opaque, port->pulled, wanted);
	if (!wanted)
		port->pulled = 0;
}

/* Under the lock, after anything that may have changed what the slot has to say, or how it says it. */
static void update_interrupt(struct root_port *port)
{
	bool interrupts = pci_slot_interrupts(&port->slot), enabled = pci_msix_enabled(&port->msix);
	uint32_t command = pci_config_get(&port->config, PCI_COMMAND, 2);
	uint32_t status = pci_config_get(&port->config, PCI_STATUS, 2) & ~(uint32_t)PCI_STATUS_INTERRUPT;

	pci_msix_follow(&port->msix);
	if (interrupts && enabled && !port->messaged)
		pci_msix_raise(&port->msix);
	port->messaged = interrupts && enabled;
	interrupts = interrupts && !enabled;
	pci_config_set(&port->config, PCI_STATUS, 2, status | (interrupts ? PCI_STATUS_INTERRUPT : 0));
	pull(port, interrupts && !(command & PCI_COMMAND_INTX_DISABLE));
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

/* Under the lock. */
static void take_write(struct root_port *port, unsigned offset, unsigned size, uint32_t value)
{
	uint32_t control = pci_config_get(&port->config, AT_EXP + PCI_EXP_SLTCTL, 2);
	uint32_t state = power_state(&port->config);

	pci_config_guest_write(&port->config, offset, size, value);
	pci_bars_update(&port->bars);
	/* A state that the function does not have is not taken (PCI Power Management 1.2, 3.2.4). */
	if (power_state(&port->config) == 1 || power_state(&port->config) == 2)
		pci_config_set(&port->config, AT_PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET | state);
	pci_slot_follow(&port->slot, control, pci_bus_occupied(port->function.secondary));
	update_numbers(port);
	update_interrupt(port);
}

static void root_port_config_write(struct pci_function *function, unsigned offset, unsigned size,
				   uint32_t value)
{
	struct root_port *port = (struct root_port *)function;
	enum pci_slot_state before, now;
	bool was_down, goes_down;

	pthread_mutex_lock(&port->lock);
	was_down = bus_is_down(port);
	before = port->slot.state;
	take_write(port, offset, size, value);
	now = port->slot.state;
	/* What is about to be taken out is not reset before. */
	goes_down = !was_down && bus_is_down(port) && now != PCI_SLOT_RELEASED;
	pthread_mutex_unlock(&port->lock);

	/* May take long: no lock is held, and the accesses of others end at the numbers above. */
	if (goes_down)
		pci_bus_reset(port->function.secondary);
	if (now != before)
		port->handles.slot_changed(port->handles.opaque, function);
}

static void root_port_reset(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pthread_mutex_lock(&port->lock);
	pci_bars_reset(&port->bars);
	init_config(port);
	update_numbers(port);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
}

enum pci_slot_state pci_root_port_slot(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;
	enum pci_slot_state state;

	pthread_mutex_lock(&port->lock);
	state = port->slot.state;
	pthread_mutex_unlock(&port->lock);
	return state;
}

int pci_root_port_ask(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;
	int error;

	pthread_mutex_lock(&port->lock);
	error = pci_slot_ask(&port->slot);
	update_numbers(port);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
	if (!error)
		port->handles.slot_changed(port->handles.opaque, function);
	return error;
}

void pci_root_port_withdraw(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pthread_mutex_lock(&port->lock);
	pci_slot_withdraw(&port->slot);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
}

void pci_root_port_emptied(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pthread_mutex_lock(&port->lock);
	pci_slot_emptied(&port->slot);
	update_numbers(port);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
}

int pci_root_port_tear_out(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;
	int error;

	pthread_mutex_lock(&port->lock);
	error = pci_slot_tear_out(&port->slot);
	update_numbers(port);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
	return error;
}

void pci_root_port_filled(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pthread_mutex_lock(&port->lock);
	pci_slot_filled(&port->slot);
	update_numbers(port);
	update_interrupt(port);
	pthread_mutex_unlock(&port->lock);
}

bool pci_root_port_heard(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;
	bool heard;

	pthread_mutex_lock(&port->lock);
	heard = pci_slot_heard(&port->slot);
	pthread_mutex_unlock(&port->lock);
	return heard;
}

/* Something by ACPI that may change the state of the slot. */
static void by_acpi(struct pci_function *function, void (*change)(struct pci_slot *slot))
{
	struct root_port *port = (struct root_port *)function;
	enum pci_slot_state before, now;

	pthread_mutex_lock(&port->lock);
	before = port->slot.state;
	change(&port->slot);
	now = port->slot.state;
	update_numbers(port);
	pthread_mutex_unlock(&port->lock);
	if (now != before)
		port->handles.slot_changed(port->handles.opaque, function);
}

static void on_acpi_begins(struct pci_function *function)
{
	by_acpi(function, pci_slot_acpi_begins);
}

static void on_ejected(struct pci_function *function)
{
	by_acpi(function, pci_slot_ejected);
}

static void on_refused(struct pci_function *function)
{
	by_acpi(function, pci_slot_refused);
}

static void on_checked(struct pci_function *function)
{
	by_acpi(function, pci_slot_checked);
}

static const struct pci_acpi_port_ops acpi_ops = {
	.begins = on_acpi_begins, .ejected = on_ejected, .refused = on_refused, .checked = on_checked
};

static void root_port_destroy(struct pci_function *function)
{
	struct root_port *port = (struct root_port *)function;

	pull(port, false);
	mem_bus_remove(port->handles.mmio, &port->table);
	mem_bus_drain(port->handles.mmio, &port->table);
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

int pci_root_port_create(const struct pci_root_port_handles *handles,
			 const struct pci_root_port_options *options, struct pci_function **ret_function)
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
	port->handles = *handles;
	port->options = *options;
	port->options.id = NULL;
	port->function.ops = &root_port_ops;
	port->function.driver = "pcie-root-port";
	port->function.multifunction = options->multifunction;
	port->function.bars[MSIX_BAR] = (struct pci_bar){ .kind = PCI_BAR_MEM32, .size = PCI_MSIX_BAR_SIZE };
	port->table = (struct mem_io){
		.size = PCI_MSIX_BAR_SIZE, .ops = &table_ops, .opaque = port, .name = "pcie-root-port"
	};
	port->function.id = strdup(options->id);
	ret = port->function.id
		      ? pci_bus_create_secondary(handles->machine_lock, options->id, &port->function, 1, &bus)
		      : error_sys(ENOMEM, "allocating pcie-root-port '%s'", options->id);
	if (ret == 0 && handles->acpi && options->hotplug)
		ret = pci_acpi_add(handles->acpi, &port->function, &acpi_ops, &port->acpi_number);
	if (ret < 0) {
		root_port_destroy(&port->function);
		return ret;
	}
	pci_bus_set_reserve(bus, options->io_reserve, options->mem_reserve, options->pref64_reserve);
	init_config(port);
	*ret_function = &port->function;
	return 0;
}
