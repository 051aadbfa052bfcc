/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/acpi-priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define AT_EVENT 0
#define AT_EJECT 4
#define AT_OST	 8
#define AT_OSC	 12

/* _OST's source events and status codes: ACPI 6.5, 6.3.5, tables 6.14 and 6.15. */
#define OST_BUS_CHECK	0x000
#define OST_EJECT	0x003
#define OST_EJECT_BY_OS 0x103
#define OST_SUCCESS	0x00
#define OST_IN_PROGRESS 0x84

struct pci_acpi {
	struct mem_bus *pio;
	struct mem_io io;
	void (*gpe)(void *opaque);
	void *opaque;
	const struct pci_acpi_port_ops *port_ops;
	struct pci_function *ports[PCI_ACPI_SLOTS]; /* does not change once the guest runs */
	unsigned count;

	pthread_mutex_t lock; /* guards what follows */
	bool in_charge;
	bool check[PCI_ACPI_SLOTS]; /* to be told */
	bool eject[PCI_ACPI_SLOTS];
};

/* Under the lock. A slot is told to look before it is asked for what is in there. */
static uint32_t take_event(struct pci_acpi *acpi)
{
	for (unsigned i = 0; i < acpi->count; i++) {
		bool *event = acpi->check[i] ? &acpi->check[i] : &acpi->eject[i];

		if (!*event)
			continue;
		*event = false;
		return i | (event == &acpi->check[i] ? PCI_ACPI_CHECK : PCI_ACPI_EJECT) << 8;
	}
	return 0;
}

static uint64_t acpi_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pci_acpi *acpi = opaque;
	uint32_t event = 0;

	if (offset != AT_EVENT || size != 4)
		return 0;
	pthread_mutex_lock(&acpi->lock);
	if (acpi->in_charge)
		event = take_event(acpi);
	pthread_mutex_unlock(&acpi->lock);
	return event;
}

/* Under the lock. */
static bool has_event(const struct pci_acpi *acpi)
{
	for (unsigned i = 0; i < acpi->count; i++) {
		if (acpi->check[i] || acpi->eject[i])
			return true;
	}
	return false;
}

/* What has happened up to here is told now. */
static void begin(struct pci_acpi *acpi)
{
	bool was, tell;

	pthread_mutex_lock(&acpi->lock);
	was = acpi->in_charge;
	acpi->in_charge = true;
	tell = !was && has_event(acpi);
	pthread_mutex_unlock(&acpi->lock);
	if (tell)
		acpi->gpe(acpi->opaque);
	for (unsigned i = 0; i < acpi->count && !was; i++)
		acpi->port_ops->begins(acpi->ports[i]);
}

static void take_ost(struct pci_acpi *acpi, uint32_t value)
{
	unsigned number = value & 0xff, event = value >> 8 & 0xffff, status = value >> 24;

	if (number < acpi->count && event == OST_BUS_CHECK && status != OST_IN_PROGRESS)
		acpi->port_ops->checked(acpi->ports[number]);
	if (number < acpi->count && (event == OST_EJECT || event == OST_EJECT_BY_OS) &&
	    status != OST_SUCCESS && status != OST_IN_PROGRESS)
		acpi->port_ops->refused(acpi->ports[number]);
}

static void acpi_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_acpi *acpi = opaque;

	if (size != 4)
		return;
	if (offset == AT_EJECT && value < acpi->count)
		acpi->port_ops->ejected(acpi->ports[value]);
	else if (offset == AT_OST)
		take_ost(acpi, (uint32_t)value);
	else if (offset == AT_OSC)
		begin(acpi);
}

static const struct mem_io_ops acpi_ops = { .read = acpi_read, .write = acpi_write };

int pci_acpi_create(struct mem_bus *pio, uint16_t port, void (*gpe)(void *opaque), void *opaque,
		    struct pci_acpi **ret_acpi)
{
	struct pci_acpi *acpi = calloc(1, sizeof(*acpi));

	if (!acpi)
		return error_sys(ENOMEM, "hot-plug by ACPI");
	acpi->pio = pio;
	acpi->gpe = gpe;
	acpi->opaque = opaque;
	pthread_mutex_init(&acpi->lock, NULL);
	acpi->io = (struct mem_io){
		.start = port,
		.size = PCI_ACPI_REGISTERS,
		.ops = &acpi_ops,
		.opaque = acpi,
		.name = "acpi-pci-hotplug",
	};
	mem_bus_add(pio, &acpi->io);
	*ret_acpi = acpi;
	return 0;
}

void pci_acpi_destroy(struct pci_acpi *acpi)
{
	if (!acpi)
		return;
	mem_bus_remove(acpi->pio, &acpi->io);
	mem_bus_drain(acpi->pio, &acpi->io);
	pthread_mutex_destroy(&acpi->lock);
	free(acpi);
}

void pci_acpi_reset(struct pci_acpi *acpi)
{
	if (!acpi)
		return;
	pthread_mutex_lock(&acpi->lock);
	acpi->in_charge = false;
	memset(acpi->check, 0, sizeof(acpi->check));
	memset(acpi->eject, 0, sizeof(acpi->eject));
	pthread_mutex_unlock(&acpi->lock);
}

struct pci_function *pci_acpi_port(const struct pci_acpi *acpi, unsigned number)
{
	return number < acpi->count ? acpi->ports[number] : NULL;
}

int pci_acpi_add(struct pci_acpi *acpi, struct pci_function *port, const struct pci_acpi_port_ops *ops,
		 unsigned *ret_number)
{
	if (acpi->count == PCI_ACPI_SLOTS)
		return error_set(ENOSPC, "ACPI has names for %u ports that can be plugged", PCI_ACPI_SLOTS);
	acpi->port_ops = ops;
	*ret_number = acpi->count;
	acpi->ports[acpi->count++] = port;
	return 0;
}

void pci_acpi_notify(struct pci_acpi *acpi, unsigned number, enum pci_acpi_event event)
{
	bool tell;

	pthread_mutex_lock(&acpi->lock);
	*(event == PCI_ACPI_CHECK ? &acpi->check[number] : &acpi->eject[number]) = true;
	tell = acpi->in_charge;
	pthread_mutex_unlock(&acpi->lock);
	if (tell)
		acpi->gpe(acpi->opaque);
}

bool pci_acpi_take_back(struct pci_acpi *acpi, unsigned number)
{
	bool latched;

	pthread_mutex_lock(&acpi->lock);
	latched = acpi->eject[number];
	acpi->eject[number] = false;
	pthread_mutex_unlock(&acpi->lock);
	return latched;
}

bool pci_acpi_told(struct pci_acpi *acpi, unsigned number)
{
	bool told;

	pthread_mutex_lock(&acpi->lock);
	told = !acpi->check[number];
	pthread_mutex_unlock(&acpi->lock);
	return told;
}

bool pci_acpi_in_charge(struct pci_acpi *acpi)
{
	bool in_charge;

	pthread_mutex_lock(&acpi->lock);
	in_charge = acpi->in_charge;
	pthread_mutex_unlock(&acpi->lock);
	return in_charge;
}
