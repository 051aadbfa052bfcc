/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What those who watch a VM may know of a function. Nothing is kept for them that costs anything: a counter
 * that goes up where an access has been trapped, and the last reset's name.
 *
 * Whether a driver is at work on a function can only be concluded. Firmware switches decoding on
 * (pci/assign.c where there is none), and who looks at the size of a BAR switches it off and on again; so it
 * counts only where it was not on before the guest began. Bus mastering and messages are a driver's doing
 * alone. Who gets along without, as a serial port does, is seen by accesses to its BARs as far as they are
 * trapped.
 */
#include "vfio/facts.h"

#include <linux/pci_regs.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "vfio/pci-priv.h"

#define DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

#define SECOND_NS   1000000000L
#define PATIENCE_NS 5000000L

void vfio_pci_claim_follow(struct vfio_pci *pci, uint32_t command)
{
	if (command & (PCI_COMMAND_MASTER | (DECODE & ~pci->given)) ||
	    pci->interrupts.mode == VFIO_INTERRUPTS_MSI || pci->interrupts.mode == VFIO_INTERRUPTS_MSIX)
		pci->claimed = true;
}

static const char *method_of(const struct vfio_device *device)
{
	if (device->mediated)
		return "driver";
	return device->reset_method[0] ? device->reset_method : "kernel";
}

void vfio_pci_reset_note(struct vfio_pci *pci, const char *method, const char *by)
{
	pci->resets++;
	pci->reset_method = method ? method : method_of(pci->device);
	pci->reset_by = by;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct vfio_bar_facts bar_facts(const struct vfio_bars *bars, unsigned index)
{
	const struct vfio_bar *bar = &bars->bar[index];
	struct vfio_bar_facts facts = {
		.size = bar->size,
		.visible = bar->visible,
		.address = bar->address,
		.trapped = { atomic_load(&bar->reads), atomic_load(&bar->writes) },
	};

	for (unsigned i = 0; i < bar->pieces; i++) {
		const struct mem_region *region = &bar->piece[i].region;
		/* A page may be more than the BAR in it. */
		uint64_t size = least(region->size, bar->size - bar->piece[i].offset);

		facts.mappable += size;
		if (mem_map_shows(bars->place.map, region))
			facts.mapped += size;
	}
	return facts;
}

static void count_vectors(const struct vfio_vectors *vectors, struct vfio_interrupt_facts *facts)
{
	for (unsigned i = 0; i < vectors->count; i++) {
		const struct vfio_vector *vector = &vectors->vector[i];

		facts->in_use += vector->in_device && vector->irqfd;
		facts->masked += vector->in_device && !vector->irqfd;
	}
}

static struct vfio_interrupt_facts interrupt_facts(const struct vfio_interrupts *interrupts)
{
	struct vfio_interrupt_facts facts = { .mode = "none" };

	switch (interrupts->mode) {
	case VFIO_INTERRUPTS_NONE:
		break;
	case VFIO_INTERRUPTS_INTX:
		facts.mode = "intx";
		facts.vectors = 1;
		facts.in_use = interrupts->intx.on;
		break;
	case VFIO_INTERRUPTS_MSI:
		facts.mode = "msi";
		facts.vectors = interrupts->msi.messages;
		count_vectors(&interrupts->msi.vectors, &facts);
		break;
	case VFIO_INTERRUPTS_MSIX:
		facts.mode = "msix";
		facts.vectors = interrupts->msix.entries;
		count_vectors(&interrupts->msix.vectors, &facts);
		break;
	}
	return facts;
}

/* The ROM is not a driver's: firmware and Linux's own table of quirks read it. */
static bool was_reached_into(const struct vfio_pci_facts *facts)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (facts->bar[i].trapped.reads || facts->bar[i].trapped.writes)
			return true;
	}
	return false;
}

/* A device may take a tenth of a second and more for what is done to it under its lock. Who asks is the
 * thread that everybody else's questions wait for as well. */
static bool lock_soon(pthread_mutex_t *lock)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= SECOND_NS) {
		until.tv_sec++;
		until.tv_nsec -= SECOND_NS;
	}
	return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until) == 0;
}

void vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts)
{
	struct vfio_pci *pci = (struct vfio_pci *)function;
	const struct vfio_device *device = pci->device;

	*ret_facts = (struct vfio_pci_facts){
		.host = device->name,
		.vendor = (uint16_t)pci->ids,
		.device = (uint16_t)(pci->ids >> 16),
		.group = device->group,
		.backend = device->backend,
		.mediated = device->mediated,
		.busy = !lock_soon(&pci->lock),
	};
	if (ret_facts->busy)
		return;
	ret_facts->power_state = vfio_config_power_state(&pci->config);
	ret_facts->interrupts = interrupt_facts(&pci->interrupts);
	ret_facts->reset = (struct vfio_reset_facts){
		.available = device->can_reset ? method_of(device) : NULL,
		.last = pci->reset_method,
		.by = pci->reset_by,
		.count = pci->resets,
	};
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++)
		ret_facts->bar[i] = bar_facts(&pci->bars, i);
	ret_facts->claimed = pci->claimed || was_reached_into(ret_facts);
	pthread_mutex_unlock(&pci->lock);
}

void vfio_pci_guest_begins(struct pci_function *function)
{
	struct vfio_pci *pci = (struct vfio_pci *)function;

	pthread_mutex_lock(&pci->lock);
	pci->claimed = false;
	pci->given = pci_config_get(&pci->config.shown, PCI_COMMAND, 2) & DECODE;
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		atomic_store(&pci->bars.bar[i].reads, 0);
		atomic_store(&pci->bars.bar[i].writes, 0);
	}
	pthread_mutex_unlock(&pci->lock);
}
