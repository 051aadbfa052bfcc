/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. There are two states: the guest's (Message Control and the table, as it wrote
 * them) and the host's (for each vector an eventfd that the device signals, a route in KVM for its
 * message, and an irqfd that ties the two, so that an interrupt never passes through handfast). The
 * guest's is changed first, whatever the guest does, and then reconcile() brings the host's to it. No
 * other function touches the host's state.
 *
 * A vector gets its eventfd when it is first unmasked while MSI-X is on, and keeps it until MSI-X is
 * switched off. Masking takes only the irqfd away: what the device signals meanwhile stays counted in
 * the eventfd, the pending bits are read from there, and KVM looks at the count when the irqfd
 * returns, so that nothing is lost. The message may change meanwhile.
 *
 * The kernel adds vectors one by one without disturbing the others, since 6.5. Before (NORESIZE) it
 * wants to know at once how many there will be: then all vectors of the table are set up when MSI-X is
 * switched on, without eventfds, and get those one by one. Where it cannot provide so many it is given
 * what it can, and the set is rebuilt larger if a vector beyond is wanted after all.
 */
#include "vfio/msix-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "pci/pci.h"

#define ENTRY_CONTROL 12 /* Vector Control; message address and data before it */

static uint32_t entry_get(const struct vfio_msix *msix, unsigned vector, unsigned offset)
{
	const uint8_t *at = msix->table + vector * VFIO_MSIX_ENTRY_SIZE + offset;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool entry_masked(const struct vfio_msix *msix, unsigned vector)
{
	return entry_get(msix, vector, ENTRY_CONTROL) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static struct kvm_msi entry_message(const struct vfio_msix *msix, unsigned vector)
{
	return (struct kvm_msi){
		.address = entry_get(msix, vector, 0) | (uint64_t)entry_get(msix, vector, 4) << 32,
		.data = entry_get(msix, vector, 8),
	};
}

/* What went wrong concerns one vector of one device, and the guest may repeat it at will. */
static void vector_failed(struct vfio_msix *msix, unsigned vector)
{
	log_guest(&msix->limit, "%s: MSI-X vector %u does not work: %s", msix->device->name, vector,
		  error_get()->because);
}

/* Gives vectors [0, count) to the device, with the eventfds they have. Returns as irq_set(). */
static int device_provide(struct vfio_msix *msix, unsigned count)
{
	int *fds = calloc(count, sizeof(*fds));
	int result;

	if (!fds)
		return error_set(ENOMEM, "no memory for %u vectors", count);
	for (unsigned i = 0; i < count; i++)
		fds[i] = msix->vector[i].event_fd;
	result = msix->device->ops->irq_set(msix->device, VFIO_PCI_MSIX_IRQ_INDEX, 0, count, fds);
	free(fds);
	if (result)
		return result;
	for (unsigned i = 0; i < count; i++)
		msix->vector[i].in_device = msix->vector[i].event_fd >= 0;
	msix->provided = count;
	return 0;
}

/* As many of `wanted` vectors as there are. */
static int device_provide_most(struct vfio_msix *msix, unsigned wanted)
{
	int result = device_provide(msix, wanted);

	if (result > 0 && (unsigned)result < wanted)
		result = device_provide(msix, (unsigned)result);
	if (result > 0)
		return error_set(ENOSPC, "the host has no %u interrupt vectors left", wanted);
	return result;
}

static void device_off(struct vfio_msix *msix)
{
	if (msix->device->ops->irq_disable(msix->device, VFIO_PCI_MSIX_IRQ_INDEX))
		log_failure(error_get());
	for (unsigned i = 0; i < msix->entries; i++)
		msix->vector[i].in_device = false;
	msix->provided = 0;
}

/* What the device sent while it had no vectors is lost: each one is told to look. */
static void device_catch_up(const struct vfio_msix *msix)
{
	for (unsigned i = 0; i < msix->entries; i++) {
		if (msix->vector[i].in_device)
			eventfd_write(msix->vector[i].event_fd, 1);
	}
}

/* A set that was given too small is made anew. For a moment the device has no vectors at all. */
static int device_rebuild(struct vfio_msix *msix, unsigned vector)
{
	unsigned before = msix->provided;
	int result;

	device_off(msix);
	result = device_provide_most(msix, vector + 1);
	if (result && before)
		result = device_provide_most(msix, before);
	device_catch_up(msix);
	if (result)
		return result;
	if (msix->provided > vector)
		return 0;
	return error_set(ENOSPC, "the host provides %u interrupt vectors, and no more", msix->provided);
}

static int device_add(struct vfio_msix *msix, unsigned vector)
{
	struct vfio_msix_vector *host = &msix->vector[vector];
	int result;

	if (msix->noresize && vector >= msix->provided)
		return device_rebuild(msix, vector);
	result =
		msix->device->ops->irq_set(msix->device, VFIO_PCI_MSIX_IRQ_INDEX, vector, 1, &host->event_fd);
	if (result > 0)
		return error_set(ENOSPC, "the host has no interrupt vector left");
	if (!result)
		host->in_device = true;
	return result;
}

static void irqfd_off(struct vfio_msix *msix, struct vfio_msix_vector *host)
{
	if (!host->irqfd)
		return;
	kvm_irqfd_deassign(msix->vm, host->gsi, host->event_fd);
	host->irqfd = false;
}

static void vector_free(struct vfio_msix *msix, struct vfio_msix_vector *host)
{
	irqfd_off(msix, host);
	if (host->gsi)
		kvm_msi_route_remove(msix->vm, host->gsi);
	if (host->event_fd >= 0)
		close(host->event_fd);
	*host = (struct vfio_msix_vector){ .event_fd = -1 };
}

/* The route sends the guest's message. */
static int vector_route(struct vfio_msix *msix, unsigned vector)
{
	struct vfio_msix_vector *host = &msix->vector[vector];
	struct kvm_msi message = entry_message(msix, vector);
	int error;

	if (host->gsi && host->routed.address == message.address && host->routed.data == message.data)
		return 0;
	if (host->gsi)
		error = kvm_msi_route_update(msix->vm, host->gsi, &message);
	else
		error = kvm_msi_route_add(msix->vm, &message, &host->gsi);
	if (!error)
		host->routed = message;
	return error;
}

static int vector_on(struct vfio_msix *msix, unsigned vector)
{
	struct vfio_msix_vector *host = &msix->vector[vector];
	int error;

	if (host->event_fd < 0) {
		host->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (host->event_fd < 0)
			return error_sys(errno, "no eventfd for vector %u (see ulimit -n)", vector);
	}
	error = vector_route(msix, vector);
	if (error)
		return error;
	/* KVM listens before the device speaks, so that the kernel can pair the two. */
	if (!host->irqfd) {
		error = kvm_irqfd_assign(msix->vm, host->gsi, host->event_fd);
		if (error)
			return error;
		host->irqfd = true;
	}
	return host->in_device ? 0 : device_add(msix, vector);
}

/* Into MSI-X mode, even if no vector is in use yet: from here on the device may not use INTx. */
static int mode_on(struct vfio_msix *msix)
{
	int error;

	if (msix->noresize)
		error = device_provide_most(msix, msix->entries);
	else
		error = device_provide_most(msix, 1);
	if (!error)
		msix->on = true;
	return error;
}

static void mode_off(struct vfio_msix *msix)
{
	for (unsigned i = 0; i < msix->entries; i++)
		irqfd_off(msix, &msix->vector[i]);
	device_off(msix);
	for (unsigned i = 0; i < msix->entries; i++)
		vector_free(msix, &msix->vector[i]);
	msix->on = false;
}

/* Brings the host's state of vectors [first, first + count), and of the whole, to what the guest's asks for.
 */
static void reconcile(struct vfio_msix *msix, unsigned first, unsigned count)
{
	if (!msix->enable) {
		if (msix->on)
			mode_off(msix);
		return;
	}
	if (!msix->on) {
		if (mode_on(msix)) {
			log_guest(&msix->limit, "%s: MSI-X cannot be switched on: %s", msix->device->name,
				  error_get()->because);
			return;
		}
		first = 0;
		count = msix->entries;
	}
	for (unsigned i = first; i < first + count && i < msix->entries; i++) {
		if (msix->mask_all || entry_masked(msix, i))
			irqfd_off(msix, &msix->vector[i]);
		else if (vector_on(msix, i))
			vector_failed(msix, i);
	}
}

void vfio_msix_control(struct vfio_msix *msix, uint32_t control)
{
	msix->enable = control & PCI_MSIX_FLAGS_ENABLE;
	msix->mask_all = control & PCI_MSIX_FLAGS_MASKALL;
	reconcile(msix, 0, msix->entries);
}

void vfio_msix_table_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size)
{
	memcpy(ret_data, msix->table + offset, size);
}

/* The bits of each byte of an entry that the guest may write. */
static uint8_t entry_writable(unsigned byte)
{
	if (byte == 0)
		return 0xfc; /* messages go to whole dwords */
	if (byte == ENTRY_CONTROL)
		return PCI_MSIX_ENTRY_CTRL_MASKBIT;
	return byte > ENTRY_CONTROL ? 0 : 0xff;
}

void vfio_msix_table_write(struct vfio_msix *msix, uint64_t offset, const uint8_t *data, unsigned size)
{
	unsigned first = (unsigned)(offset / VFIO_MSIX_ENTRY_SIZE);
	unsigned last = (unsigned)((offset + size - 1) / VFIO_MSIX_ENTRY_SIZE);

	for (unsigned i = 0; i < size; i++)
		msix->table[offset + i] = data[i] & entry_writable((offset + i) % VFIO_MSIX_ENTRY_SIZE);
	reconcile(msix, first, last - first + 1);
}

/* Signalled while KVM did not listen. */
static bool vector_pending(const struct vfio_msix *msix, unsigned vector)
{
	const struct vfio_msix_vector *host = &msix->vector[vector];
	struct pollfd poll_fd = { .fd = host->event_fd, .events = POLLIN };

	if (!host->in_device || host->irqfd)
		return false;
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLIN;
}

void vfio_msix_pba_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size)
{
	memset(ret_data, 0, size);
	for (unsigned i = 0; i < size * 8; i++) {
		uint64_t vector = offset * 8 + i;

		if (vector < msix->entries && vector_pending(msix, (unsigned)vector))
			ret_data[i / 8] |= (uint8_t)(1u << i % 8);
	}
}

static void table_clear(struct vfio_msix *msix)
{
	memset(msix->table, 0, msix->entries * VFIO_MSIX_ENTRY_SIZE);
	for (unsigned i = 0; i < msix->entries; i++)
		msix->table[i * VFIO_MSIX_ENTRY_SIZE + ENTRY_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void vfio_msix_reset(struct vfio_msix *msix)
{
	if (!msix->entries)
		return;
	vfio_msix_control(msix, 0);
	table_clear(msix);
}

static int place_check(const struct vfio_msix *msix, const uint64_t *bar_size, const char *what, unsigned bar,
		       uint64_t offset, uint64_t size)
{
	if (bar < PCI_BARS && offset <= bar_size[bar] && size <= bar_size[bar] - offset)
		return 0;
	return error_set(ENOTSUP,
			 "%s: the MSI-X %s stands at 0x%llx of BAR %u, where there is no room for it",
			 msix->device->name, what, (unsigned long long)offset, bar);
}

int vfio_msix_init(struct vfio_msix *msix, struct vfio_device *device, struct kvm_vm *vm, uint32_t control,
		   uint32_t table, uint32_t pba, const uint64_t *bar_size)
{
	struct vfio_irq irq;
	int error;

	memset(msix, 0, sizeof(*msix));
	msix->device = device;
	msix->vm = vm;
	error = device->ops->irq_info(device, VFIO_PCI_MSIX_IRQ_INDEX, &irq);
	if (error)
		return error;
	msix->entries = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
	msix->noresize = irq.noresize;
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	error = place_check(msix, bar_size, "table", msix->table_bar, msix->table_offset,
			    vfio_msix_table_size(msix));
	if (!error)
		error = place_check(msix, bar_size, "pending bit array", msix->pba_bar, msix->pba_offset,
				    vfio_msix_pba_size(msix));
	if (!error && (irq.count < msix->entries || !irq.eventfd))
		error = error_set(ENOTSUP, "%s: the kernel signals %u of %u MSI-X vectors", device->name,
				  irq.count, msix->entries);
	if (error)
		goto fail;
	msix->table = calloc(msix->entries, VFIO_MSIX_ENTRY_SIZE);
	msix->vector = calloc(msix->entries, sizeof(*msix->vector));
	if (!msix->table || !msix->vector) {
		error = error_set(ENOMEM, "%s: no memory for %u MSI-X vectors", device->name, msix->entries);
		goto fail;
	}
	for (unsigned i = 0; i < msix->entries; i++)
		msix->vector[i].event_fd = -1;
	table_clear(msix);
	return 0;

fail:
	free(msix->table);
	free(msix->vector);
	msix->table = NULL;
	msix->vector = NULL;
	msix->entries = 0;
	return error;
}

void vfio_msix_fini(struct vfio_msix *msix)
{
	if (!msix->entries)
		return;
	vfio_msix_reset(msix);
	free(msix->table);
	free(msix->vector);
	msix->entries = 0;
}
