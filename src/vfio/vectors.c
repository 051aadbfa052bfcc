/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A vector gets its eventfd when it is first unmasked in its mode, and keeps it until
 * the mode is left. Until then the kernel has it masked in the device, whose own pending bit tells. Masking
 * later takes only the irqfd away: what the device signals meanwhile stays counted in the eventfd, the
 * pending bits are read from there, and KVM looks at the count when the irqfd returns, so that nothing is
 * lost. The message may change meanwhile.
 *
 * The kernel adds MSI-X vectors one by one without disturbing the others, since 6.5. Before, and always for
 * MSI (NORESIZE), it wants to know at once how many there will be: then as many as the guest may use are set
 * up when the mode is switched on, without eventfds, and get those one by one. Where it cannot provide so
 * many it is given what it can, and the set is rebuilt larger if a vector beyond is wanted after all.
 */
#include "vfio/vectors-priv.h"

#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

/* Gives vectors [0, count) to the device, with the eventfds they have. Returns as irq_set(). */
static int device_provide(struct vfio_vectors *vectors, unsigned count)
{
	int result;

	for (unsigned i = 0; i < count; i++)
		vectors->fds[i] = vectors->vector[i].event_fd;
	result = vectors->device->ops->irq_set(vectors->device, vectors->index, 0, count, vectors->fds);
	if (result)
		return result;
	for (unsigned i = 0; i < count; i++)
		vectors->vector[i].in_device = vectors->vector[i].event_fd >= 0;
	vectors->provided = count;
	return 0;
}

/* As many of `wanted` vectors as there are. */
static int device_provide_most(struct vfio_vectors *vectors, unsigned wanted)
{
	int result = device_provide(vectors, wanted);

	if (result > 0 && (unsigned)result < wanted)
		result = device_provide(vectors, (unsigned)result);
	if (result > 0)
		return error_set(ENOSPC, "the host has no %u interrupt vectors left", wanted);
	return result;
}

static void device_off(struct vfio_vectors *vectors)
{
	if (vectors->device->ops->irq_disable(vectors->device, vectors->index))
		log_failure(error_get());
	for (unsigned i = 0; i < vectors->count; i++)
		vectors->vector[i].in_device = false;
	vectors->provided = 0;
}

/* What the device sent while it had no vectors is lost: each one is told to look. */
static void device_catch_up(const struct vfio_vectors *vectors)
{
	for (unsigned i = 0; i < vectors->count; i++) {
		if (vectors->vector[i].in_device)
			eventfd_write(vectors->vector[i].event_fd, 1);
	}
}

/* A set that was given too small is made anew. For a moment the device has no vectors at all. */
static int device_rebuild(struct vfio_vectors *vectors, unsigned vector)
{
	unsigned before = vectors->provided;
	int result;

	device_off(vectors);
	result = device_provide_most(vectors, vector + 1);
	if (result && before)
		result = device_provide_most(vectors, before);
	device_catch_up(vectors);
	if (result)
		return result;
	if (vectors->provided > vector)
		return 0;
	return error_set(ENOSPC, "the host provides %u interrupt vectors, and no more", vectors->provided);
}

static int device_add(struct vfio_vectors *vectors, unsigned vector)
{
	struct vfio_vector *host = &vectors->vector[vector];
	int result;

	if (vectors->noresize && vector >= vectors->provided)
		return device_rebuild(vectors, vector);
	result = vectors->device->ops->irq_set(vectors->device, vectors->index, vector, 1, &host->event_fd);
	if (result > 0)
		return error_set(ENOSPC, "the host has no interrupt vector left");
	if (!result)
		host->in_device = true;
	return result;
}

static void irqfd_off(struct vfio_vectors *vectors, struct vfio_vector *host)
{
	if (!host->irqfd)
		return;
	kvm_irqfd_deassign(vectors->vm, host->gsi, host->event_fd);
	host->irqfd = false;
}

static void vector_free(struct vfio_vectors *vectors, struct vfio_vector *host)
{
	irqfd_off(vectors, host);
	if (host->gsi)
		kvm_msi_route_remove(vectors->vm, host->gsi);
	if (host->event_fd >= 0)
		close(host->event_fd);
	*host = (struct vfio_vector){ .event_fd = -1 };
}

/* The route sends the guest's message. */
static int vector_route(struct vfio_vectors *vectors, struct vfio_vector *host, const struct kvm_msi *message)
{
	int error;

	if (host->gsi && host->routed.address == message->address && host->routed.data == message->data)
		return 0;
	if (host->gsi)
		error = kvm_msi_route_update(vectors->vm, host->gsi, message);
	else
		error = kvm_msi_route_add(vectors->vm, message, &host->gsi);
	if (!error)
		host->routed = *message;
	return error;
}

static int vector_on(struct vfio_vectors *vectors, unsigned vector, const struct kvm_msi *message)
{
	struct vfio_vector *host = &vectors->vector[vector];
	int error;

	if (host->event_fd < 0) {
		host->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (host->event_fd < 0)
			return error_sys(errno, "no eventfd for vector %u (see ulimit -n)", vector);
	}
	error = vector_route(vectors, host, message);
	if (error)
		return error;
	/* KVM listens before the device speaks, so that the kernel can pair the two. */
	if (!host->irqfd) {
		error = kvm_irqfd_assign(vectors->vm, host->gsi, host->event_fd);
		if (error)
			return error;
		host->irqfd = true;
	}
	return host->in_device ? 0 : device_add(vectors, vector);
}

void vfio_vectors_on(struct vfio_vectors *vectors, unsigned wanted)
{
	if (vectors->on)
		return;
	if (device_provide_most(vectors, vectors->noresize ? wanted : 1)) {
		log_guest(&vectors->limit, "%s: %s cannot be switched on: %s", vectors->device->name,
			  vectors->kind, error_get()->because);
		return;
	}
	vectors->on = true;
	vectors->wanted = wanted;
}

void vfio_vectors_off(struct vfio_vectors *vectors)
{
	if (!vectors->on)
		return;
	for (unsigned i = 0; i < vectors->count; i++)
		irqfd_off(vectors, &vectors->vector[i]);
	device_off(vectors);
	for (unsigned i = 0; i < vectors->count; i++)
		vector_free(vectors, &vectors->vector[i]);
	vectors->on = false;
}

void vfio_vectors_unmask(struct vfio_vectors *vectors, unsigned vector, const struct kvm_msi *message)
{
	check(vector < vectors->count);
	/* What goes wrong concerns one vector of one device, and the guest may repeat it at will. */
	if (vectors->on && vector_on(vectors, vector, message))
		log_guest(&vectors->limit, "%s: %s vector %u does not work: %s", vectors->device->name,
			  vectors->kind, vector, error_get()->because);
}

void vfio_vectors_mask(struct vfio_vectors *vectors, unsigned vector)
{
	check(vector < vectors->count);
	irqfd_off(vectors, &vectors->vector[vector]);
}

/* Held back by the device, or signalled while KVM did not listen. */
bool vfio_vectors_pending(const struct vfio_vectors *vectors, unsigned vector, bool own)
{
	const struct vfio_vector *host = &vectors->vector[vector];
	struct pollfd poll_fd = { .fd = host->event_fd, .events = POLLIN };

	if (!host->in_device)
		return own;
	if (host->irqfd)
		return false;
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLIN;
}

unsigned vfio_vectors_available(struct vfio_vectors *vectors, unsigned count)
{
	unsigned available = 1;

	if (count > vectors->count)
		count = vectors->count;
	if (count <= 1)
		return available;
	if (device_provide_most(vectors, count) == 0)
		available = vectors->provided;
	device_off(vectors);
	return available;
}

int vfio_vectors_init(struct vfio_vectors *vectors, struct vfio_device *device, struct kvm_vm *vm,
		      unsigned index, const char *kind, unsigned count)
{
	struct vfio_irq irq;
	int error = device->ops->irq_info(device, index, &irq);

	memset(vectors, 0, sizeof(*vectors));
	if (error)
		return error;
	if (irq.count < count || !irq.eventfd)
		return error_set(ENOTSUP, "%s: the kernel signals %u of %u %s vectors", device->name,
				 irq.count, count, kind);
	vectors->device = device;
	vectors->vm = vm;
	vectors->index = index;
	vectors->kind = kind;
	vectors->noresize = irq.noresize || index == VFIO_PCI_MSI_IRQ_INDEX;
	vectors->vector = calloc(count, sizeof(*vectors->vector));
	vectors->fds = calloc(count, sizeof(*vectors->fds));
	if (!vectors->vector || !vectors->fds) {
		vfio_vectors_fini(vectors);
		return error_set(ENOMEM, "%s: no memory for %u %s vectors", device->name, count, kind);
	}
	for (unsigned i = 0; i < count; i++)
		vectors->vector[i].event_fd = -1;
	vectors->count = count;
	return 0;
}

void vfio_vectors_fini(struct vfio_vectors *vectors)
{
	vfio_vectors_off(vectors);
	free(vectors->vector);
	free(vectors->fds);
	*vectors = (struct vfio_vectors){ 0 };
}
