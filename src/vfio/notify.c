/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Besides its own interrupts a device of VFIO has two that are the kernel's: one tells
 * that the device has failed in a way that no driver can correct, once for each such error; the other that
 * the host wants the device back, every ten seconds until it has it. Each is an eventfd, set up when the
 * device is opened (any thread) and watched by the main thread for as long as the function sits on its bus:
 * so whoever is told finds a function that is there.
 * Source: <linux/vfio.h>, VFIO_PCI_ERR_IRQ_INDEX and VFIO_PCI_REQ_IRQ_INDEX;
 * drivers/vfio/pci/vfio_pci_core.c, vfio_pci_core_aer_err_detected() and vfio_pci_core_request().
 */
#include "vfio/notify-priv.h"

#include <errno.h>
#include <linux/vfio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

static const struct {
	unsigned index;
	const char *what; /* the host's ... */
} kinds[VFIO_NOTICE_KINDS] = {
	[VFIO_NOTICE_ERROR] = { VFIO_PCI_ERR_IRQ_INDEX, "notice of its errors" },
	[VFIO_NOTICE_REQUEST] = { VFIO_PCI_REQ_IRQ_INDEX, "wish to have it back" },
};

static void on_notice(struct loop_source *source, uint32_t events)
{
	const struct vfio_notice *notice = source->opaque;
	const struct vfio_notify *notify = notice->notify;
	const struct vfio_events *told = notify->events;
	eventfd_t count;

	if (eventfd_read(source->fd, &count))
		return;
	/* From here on the function may be gone: that may be what is made of it. */
	if (notice->kind == VFIO_NOTICE_ERROR)
		told->error(told->opaque, notify->function);
	else
		told->request(told->opaque, notify->function);
}

static int notice_open(struct vfio_notice *notice, struct vfio_device *device)
{
	unsigned index = kinds[notice->kind].index;
	struct vfio_irq irq;
	int error = device->ops->irq_info(device, index, &irq);

	if (error || !irq.count || !irq.eventfd)
		return error;
	notice->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (notice->source.fd < 0)
		return error_sys(errno, "no eventfd for it (see ulimit -n)");
	error = device->ops->irq_set(device, index, 0, 1, &notice->source.fd);
	if (error > 0)
		error = error_set(ENOSPC, "the host has no interrupt for it");
	if (error) {
		close(notice->source.fd);
		notice->source.fd = -1;
	}
	return error;
}

static void say_deaf(const struct vfio_notice *notice)
{
	log_warning("%s: the host's %s is not heard: %s", notice->notify->device->name,
		    kinds[notice->kind].what, error_get()->because);
}

void vfio_notify_init(struct vfio_notify *notify, struct vfio_device *device, struct pci_function *function,
		      struct loop *loop, const struct vfio_events *events)
{
	*notify = (struct vfio_notify){
		.device = device,
		.function = function,
		.loop = loop,
		.events = events,
	};
	for (unsigned i = 0; i < VFIO_NOTICE_KINDS; i++) {
		struct vfio_notice *notice = &notify->notice[i];

		notice->notify = notify;
		notice->kind = (enum vfio_notice_kind)i;
		notice->source = (struct loop_source){ .fd = -1, .ready = on_notice, .opaque = notice };
		if (loop && notice_open(notice, device))
			say_deaf(notice);
	}
}

void vfio_notify_watch(struct vfio_notify *notify)
{
	for (unsigned i = 0; i < VFIO_NOTICE_KINDS; i++) {
		struct vfio_notice *notice = &notify->notice[i];

		if (notice->source.fd < 0)
			continue;
		if (loop_add(notify->loop, &notice->source, EPOLLIN))
			say_deaf(notice);
		else
			notice->watched = true;
	}
}

void vfio_notify_unwatch(struct vfio_notify *notify)
{
	for (unsigned i = 0; i < VFIO_NOTICE_KINDS; i++) {
		struct vfio_notice *notice = &notify->notice[i];

		if (notice->watched)
			loop_remove(notify->loop, &notice->source);
		notice->watched = false;
	}
}

void vfio_notify_fini(struct vfio_notify *notify)
{
	struct vfio_device *device = notify->device;

	for (unsigned i = 0; device && i < VFIO_NOTICE_KINDS; i++) {
		struct vfio_notice *notice = &notify->notice[i];

		if (notice->source.fd < 0)
			continue;
		if (device->ops->irq_disable(device, kinds[i].index))
			log_failure(error_get());
		close(notice->source.fd);
	}
	notify->device = NULL;
}
