/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating a VM, and its memory slots. */
#include "kvm/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "kvm/uapi-priv.h"
#include "kvm/vm-priv.h"

#define SLOTS_PER_WORD 64U
#define PAGE_MASK      4095ULL

/* What handfast cannot do without. The youngest is KVM_CAP_IMMEDIATE_EXIT, Linux 4.12. (KVM_CAP_DEVICE_CTRL
 * is not asked for: 6.1 on x86 has the KVM-VFIO device and does not say so.) */
static const struct {
	unsigned long capability;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" }, { KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS" },
	{ KVM_CAP_SYNC_MMU, "KVM_CAP_SYNC_MMU" },	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" }, { KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" }, { KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

static int capabilities_check(int kvm_fd)
{
	int version = kvm_ioctl(kvm_fd, KVM_GET_API_VERSION, NULL);

	if (version < 0)
		return error_sys(errno, "KVM_GET_API_VERSION on /dev/kvm");
	if (version != KVM_API_VERSION)
		return error_set(ENOTSUP, "/dev/kvm speaks version %d of KVM's interface, and not %d",
				 version, KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (kvm_extension(kvm_fd, needed[i].capability))
			continue;
		error_set(ENOTSUP, "this kernel's KVM lacks %s", needed[i].name);
		return error_try("run a kernel of 5.10 or later");
	}
	return 0;
}

static int create_fd(struct kvm_vm *vm)
{
	int err;

	vm->fd = kvm_ioctl(vm->kvm_fd, KVM_CREATE_VM, NULL);
	if (vm->fd >= 0)
		return 0;
	err = errno;
	error_sys(err, "KVM_CREATE_VM");
	if (err == EBUSY)
		error_try("stop the other hypervisor that holds the processor's virtualisation");
	return error_tried("create a virtual machine");
}

static int limits_read(struct kvm_vm *vm)
{
	int max_vcpus = kvm_extension(vm->fd, KVM_CAP_MAX_VCPUS);
	int run_size = kvm_ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);

	if (run_size < 0)
		return error_sys(errno, "KVM_GET_VCPU_MMAP_SIZE");
	vm->run_size = (size_t)run_size;
	vm->max_vcpus = max_vcpus > 0 ? (unsigned)max_vcpus : 1;
	vm->slots_max = (unsigned)kvm_extension(vm->fd, KVM_CAP_NR_MEMSLOTS);
	vm->slots_used = calloc(vm->slots_max / SLOTS_PER_WORD + 1, sizeof(*vm->slots_used));
	if (!vm->slots_used)
		return error_sys(ENOMEM, "allocating %u memory slots", vm->slots_max);
	return 0;
}

int kvm_vm_create(int kvm_fd, struct kvm_vm **ret_vm)
{
	struct kvm_vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm) {
		close(kvm_fd);
		return error_sys(ENOMEM, "allocating a virtual machine");
	}
	vm->kvm_fd = kvm_fd;
	vm->fd = -1;
	vm->vfio_fd = -1;
	pthread_mutex_init(&vm->irq, NULL);
	pthread_mutex_init(&vm->vfio, NULL);

	ret = capabilities_check(kvm_fd);
	if (ret == 0)
		ret = create_fd(vm);
	if (ret == 0)
		ret = limits_read(vm);
	if (ret == 0)
		ret = kvm_irq_init(vm);
	if (ret == 0)
		ret = kvm_arch_vm_init(vm);
	if (ret == 0)
		ret = kvm_irq_start(vm);
	if (ret) {
		kvm_vm_destroy(vm);
		return ret;
	}
	*ret_vm = vm;
	return 0;
}

void kvm_vm_destroy(struct kvm_vm *vm)
{
	if (!vm)
		return;
	kvm_arch_vm_fini(vm);
	kvm_irq_fini(vm);
	free(vm->slots_used);
	if (vm->vfio_fd >= 0)
		close(vm->vfio_fd);
	if (vm->fd >= 0)
		close(vm->fd);
	close(vm->kvm_fd);
	pthread_mutex_destroy(&vm->vfio);
	pthread_mutex_destroy(&vm->irq);
	free(vm);
}

unsigned kvm_vm_max_vcpus(const struct kvm_vm *vm)
{
	return vm->max_vcpus;
}

static int slot_set(struct kvm_vm *vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host, bool readonly)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Returns slots_max where none is free. */
static uint32_t slot_find(const struct kvm_vm *vm)
{
	for (uint32_t slot = 0; slot < vm->slots_max; slot++) {
		if (!(vm->slots_used[slot / SLOTS_PER_WORD] >> slot % SLOTS_PER_WORD & 1))
			return slot;
	}
	return vm->slots_max;
}

int kvm_slot_add(struct kvm_vm *vm, uint64_t gpa, uint64_t size, void *host, bool readonly,
		 uint32_t *ret_slot)
{
	uint32_t slot = slot_find(vm);

	check(size > 0 && !((gpa | size | (uintptr_t)host) & PAGE_MASK));
	if (slot == vm->slots_max)
		return error_set(ENOSPC, "all %u of KVM's memory slots are in use", vm->slots_max);
	if (slot_set(vm, slot, gpa, size, host, readonly) < 0)
		return error_sys(errno,
				 "KVM_SET_USER_MEMORY_REGION for 0x%llx bytes at guest physical "
				 "address 0x%llx",
				 (unsigned long long)size, (unsigned long long)gpa);
	vm->slots_used[slot / SLOTS_PER_WORD] |= 1ULL << slot % SLOTS_PER_WORD;
	*ret_slot = slot;
	return 0;
}

void kvm_slot_remove(struct kvm_vm *vm, uint32_t slot)
{
	uint64_t bit = 1ULL << slot % SLOTS_PER_WORD;

	check(slot < vm->slots_max && (vm->slots_used[slot / SLOTS_PER_WORD] & bit));
	if (slot_set(vm, slot, 0, 0, NULL, false) < 0) {
		/* The number stays taken: its old memory may still be in the guest. */
		log_error("KVM_SET_USER_MEMORY_REGION does not give slot %u back: errno %d", slot, errno);
		return;
	}
	vm->slots_used[slot / SLOTS_PER_WORD] &= ~bit;
}
