/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. When the device pulls its line, the kernel masks it there and signals event_fd. KVM
 * pulls the guest's line, and holds it until the guest has acknowledged (end of interrupt); then it lets go
 * and signals resample_fd, upon which the kernel unmasks the device. If that still pulls, the circle begins
 * anew. None of it passes through handfast, and lines may be shared: KVM keeps who pulls apart. Source: Linux
 * Documentation/virt/kvm/api.rst (KVM_IRQFD_FLAG_RESAMPLE), drivers/vfio/pci.
 *
 * A mediated device's driver may not know the last step, and then relay.c does it.
 */
#include "vfio/intx-priv.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

static void device_off(struct vfio_intx *intx)
{
	if (intx->device->ops->irq_disable(intx->device, VFIO_PCI_INTX_IRQ_INDEX))
		log_failure(error_get());
}

/* Whether KVM can unmask it. The kernel does not tell, so it is tried. */
static int relay_find(struct vfio_intx *intx)
{
	const struct vfio_device_ops *ops = intx->device->ops;
	struct vfio_relay *relay;
	int error = vfio_relay_create(intx->device, &relay);

	if (error)
		return error;
	error = ops->irq_set(intx->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &relay->device_fd);
	if (!error) {
		error = ops->irq_unmask_fd(intx->device, VFIO_PCI_INTX_IRQ_INDEX, relay->resample_fd);
		device_off(intx);
		if (error)
			intx->relay = relay;
	}
	if (!intx->relay)
		vfio_relay_destroy(relay);
	return 0;
}

int vfio_intx_init(struct vfio_intx *intx, struct vfio_device *device, struct kvm_vm *vm, unsigned pin)
{
	struct vfio_irq irq;
	int error = device->ops->irq_info(device, VFIO_PCI_INTX_IRQ_INDEX, &irq);

	*intx = (struct vfio_intx){ .device = device, .vm = vm, .event_fd = -1, .resample_fd = -1 };
	if (error)
		return error;
	if (irq.count && irq.eventfd && pin <= 4)
		intx->pin = pin;
	return intx->pin && device->mediated ? relay_find(intx) : 0;
}

static void fds_close(struct vfio_intx *intx)
{
	if (!intx->relay && intx->event_fd >= 0)
		close(intx->event_fd);
	if (!intx->relay && intx->resample_fd >= 0)
		close(intx->resample_fd);
	intx->event_fd = intx->resample_fd = -1;
}

static int fds_open(struct vfio_intx *intx)
{
	if (intx->relay) {
		intx->event_fd = intx->relay->line_fd;
		intx->resample_fd = intx->relay->resample_fd;
		return 0;
	}
	intx->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (intx->event_fd >= 0)
		intx->resample_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (intx->resample_fd < 0)
		return error_sys(errno, "no eventfd for its interrupt line (see ulimit -n)");
	return 0;
}

static int device_on(struct vfio_intx *intx)
{
	const struct vfio_device_ops *ops = intx->device->ops;
	int error = ops->irq_set(intx->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1,
				 intx->relay ? &intx->relay->device_fd : &intx->event_fd);

	if (error == -EBUSY)
		return error_add("the host shares that line with other devices, and this one cannot be told "
				 "to leave it alone (Interrupt Disable of PCI 2.3)");
	if (error)
		return error < 0 ? error : error_set(ENOSPC, "the host has no interrupt for it");
	if (intx->relay)
		return 0;
	error = ops->irq_unmask_fd(intx->device, VFIO_PCI_INTX_IRQ_INDEX, intx->resample_fd);
	if (error)
		device_off(intx);
	return error;
}

static void line_off(struct vfio_intx *intx)
{
	if (intx->relay)
		vfio_relay_off(intx->relay);
	kvm_irqfd_deassign(intx->vm, intx->gsi, intx->event_fd);
}

static int line_on(struct vfio_intx *intx)
{
	int error = fds_open(intx);

	if (error)
		return error;
	/* KVM listens before the device speaks. */
	error = kvm_irqfd_assign_line(intx->vm, intx->gsi, intx->event_fd, intx->resample_fd);
	if (error)
		return error;
	if (intx->relay)
		vfio_relay_on(intx->relay);
	error = device_on(intx);
	if (error)
		line_off(intx);
	return error;
}

bool vfio_intx_on(struct vfio_intx *intx)
{
	if (intx->on)
		return true;
	if (line_on(intx)) {
		log_guest(&intx->limit, "%s: INT%c does not reach the guest: %s", intx->device->name,
			  'A' + (int)intx->pin - 1, error_get()->because);
		fds_close(intx);
		return false;
	}
	intx->on = true;
	return true;
}

void vfio_intx_off(struct vfio_intx *intx)
{
	if (!intx->on)
		return;
	device_off(intx);
	line_off(intx);
	fds_close(intx);
	intx->on = false;
}

void vfio_intx_fini(struct vfio_intx *intx)
{
	vfio_intx_off(intx);
	vfio_relay_destroy(intx->relay);
	intx->relay = NULL;
}
