/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: lines, messages with routes, and eventfds tied to them. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "kvm/uapi-priv.h"
#include "kvm/vm-priv.h"

int kvm_irq_init(struct kvm_vm *vm)
{
	int ret = kvm_routes_create((unsigned)kvm_extension(vm->fd, KVM_CAP_IRQ_ROUTING), &vm->routes);

	if (ret)
		return ret;
	/* All of it now, for routes are changed on vCPU threads, which do not allocate. What is never
	 * written costs no memory. */
	vm->table = calloc(1, kvm_routes_table_size(vm->routes));
	return vm->table ? 0 : error_sys(ENOMEM, "allocating the table of interrupt routes");
}

void kvm_irq_fini(struct kvm_vm *vm)
{
	free(vm->table);
	kvm_routes_destroy(vm->routes);
}

/* Under vm->irq. */
static int routes_commit(struct kvm_vm *vm)
{
	kvm_routes_fill(vm->routes, vm->table);
	if (kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, vm->table) < 0)
		return error_sys(errno, "KVM_SET_GSI_ROUTING with %u entries", vm->table->nr);
	return 0;
}

int kvm_irq_start(struct kvm_vm *vm)
{
	int ret;

	pthread_mutex_lock(&vm->irq);
	ret = routes_commit(vm);
	pthread_mutex_unlock(&vm->irq);
	return ret;
}

void kvm_irq_line(struct kvm_vm *vm, uint32_t gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	check(gsi < KVM_ROUTES_LINES);
	if (kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line) < 0)
		log_error("KVM_IRQ_LINE for GSI %u: errno %d", gsi, errno);
}

int kvm_msi_route_add(struct kvm_vm *vm, const struct kvm_msi *msi, uint32_t *ret_gsi)
{
	uint32_t gsi;
	int ret;

	pthread_mutex_lock(&vm->irq);
	ret = kvm_routes_add(vm->routes, msi, &gsi);
	if (ret == 0) {
		ret = routes_commit(vm);
		if (ret)
			kvm_routes_remove(vm->routes, gsi);
		else
			*ret_gsi = gsi;
	}
	pthread_mutex_unlock(&vm->irq);
	return ret;
}

int kvm_msi_route_update(struct kvm_vm *vm, uint32_t gsi, const struct kvm_msi *msi)
{
	struct kvm_msi *message, before;
	int ret = 0;

	pthread_mutex_lock(&vm->irq);
	message = kvm_routes_message(vm->routes, gsi);
	check(message);
	before = *message;
	/* Guests mask a vector and unmask it again with nothing changed: that is not worth a grace period. */
	if (before.address != msi->address || before.data != msi->data) {
		*message = *msi;
		ret = routes_commit(vm);
		if (ret)
			*message = before;
	}
	pthread_mutex_unlock(&vm->irq);
	return ret;
}

void kvm_msi_route_remove(struct kvm_vm *vm, uint32_t gsi)
{
	/* The kernel's table keeps the entry until the next change: without an irqfd nothing raises that
	 * GSI, and a device with 2048 vectors does not pay for 2048 tables when it goes. */
	pthread_mutex_lock(&vm->irq);
	kvm_routes_remove(vm->routes, gsi);
	pthread_mutex_unlock(&vm->irq);
}

void kvm_msi_send(struct kvm_vm *vm, const struct kvm_msi *msi)
{
	struct kvm_uapi_msi message = {
		.address_lo = (uint32_t)msi->address,
		.address_hi = (uint32_t)(msi->address >> 32),
		.data = msi->data,
	};

	/* Where the guest chose an address at which no processor listens, nothing hears it. */
	(void)kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &message);
}

int kvm_irqfd_assign(struct kvm_vm *vm, uint32_t gsi, int event_fd)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)event_fd, .gsi = gsi };

	if (kvm_ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0)
		return error_sys(errno, "KVM_IRQFD for GSI %u", gsi);
	return 0;
}

int kvm_irqfd_assign_line(struct kvm_vm *vm, uint32_t gsi, int event_fd, int resample_fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)event_fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = (uint32_t)resample_fd,
	};

	if (kvm_ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0)
		return error_sys(errno, "KVM_IRQFD for line %u", gsi);
	return 0;
}

void kvm_irqfd_deassign(struct kvm_vm *vm, uint32_t gsi, int event_fd)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)event_fd, .gsi = gsi, .flags = KVM_IRQFD_FLAG_DEASSIGN };

	if (kvm_ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0)
		log_error("KVM_IRQFD does not let go of GSI %u: errno %d", gsi, errno);
}
