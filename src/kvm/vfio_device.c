/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM-VFIO device: through it KVM knows which VFIO files belong to this VM (it honours guest caching
 * where their DMA is not coherent, and shares its lifetime with them). A VM may have one only, whatever
 * the number of groups.
 * Source: Linux Documentation/virt/kvm/devices/vfio.rst.
 */
#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "kvm/uapi-priv.h"
#include "kvm/vm-priv.h"

/* Under vm->vfio. */
static int device_create(struct kvm_vm *vm)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };

	if (kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &create) < 0) {
		error_sys(errno, "KVM_CREATE_DEVICE of type VFIO");
		return error_try("run a kernel with CONFIG_KVM_VFIO");
	}
	vm->vfio_fd = (int)create.fd;
	return 0;
}

static int attribute_set(struct kvm_vm *vm, uint64_t attribute, int fd)
{
	int32_t value = fd;
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = attribute,
		.addr = (uintptr_t)&value,
	};

	return kvm_ioctl(vm->vfio_fd, KVM_SET_DEVICE_ATTR, &attr);
}

int kvm_vfio_file_add(struct kvm_vm *vm, int fd)
{
	int ret = 0;

	pthread_mutex_lock(&vm->vfio);
	if (vm->vfio_fd < 0)
		ret = device_create(vm);
	if (ret == 0 && attribute_set(vm, KVM_DEV_VFIO_FILE_ADD, fd) < 0)
		ret = error_sys(errno, "KVM_DEV_VFIO_FILE_ADD");
	pthread_mutex_unlock(&vm->vfio);
	return ret;
}

void kvm_vfio_file_remove(struct kvm_vm *vm, int fd)
{
	pthread_mutex_lock(&vm->vfio);
	if (vm->vfio_fd < 0 || attribute_set(vm, KVM_DEV_VFIO_FILE_DEL, fd) < 0)
		log_error("KVM_DEV_VFIO_FILE_DEL: errno %d", vm->vfio_fd < 0 ? ENODEV : errno);
	pthread_mutex_unlock(&vm->vfio);
}
