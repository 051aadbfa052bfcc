/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_VM_H
#define HANDFAST_KVM_VM_H

/* A virtual machine of KVM: memory slots, interrupts, and the KVM-VFIO device.
 * Source: Linux Documentation/virt/kvm/api.rst, include/uapi/linux/kvm.h. */
#include <stdbool.h>
#include <stdint.h>

struct kvm_vm;

/* Guest physical addresses that KVM may use for itself (Intel processors: a page table and a task state
 * segment), besides the local APICs' page and the IOAPIC's. Nothing may be mapped there, nor be RAM. */
#define KVM_VM_PRIVATE_START 0xfeffc000ULL
#define KVM_VM_PRIVATE_SIZE  0x4000ULL

/* kvm_fd: /dev/kvm, taken over, also on an error. Creates the VM, its in-kernel interrupt controllers (PIC,
 * IOAPIC with 24 pins, local APICs) and PIT. Errors name the capability that this kernel lacks. */
int kvm_vm_create(int kvm_fd, struct kvm_vm **ret_vm);
void kvm_vm_destroy(struct kvm_vm *vm); /* vCPUs are gone already */

/* Puts PIC, IOAPIC and PIT into their state at power-on, for a guest reset. All vCPUs are stopped; their own
 * state is kvm_vcpu_reset()'s. Routes and irqfds stay. Errors name the ioctl. */
int kvm_vm_reset(struct kvm_vm *vm);

/* The most vCPUs KVM_CAP_MAX_VCPUS allows here. */
unsigned kvm_vm_max_vcpus(const struct kvm_vm *vm);
/* Guest physical address bits that the host's processor and KVM offer (CPUID 0x80000008 EAX[7:0] as
 * supported). */
unsigned kvm_vm_phys_bits(const struct kvm_vm *vm);

/*
 * Memory slots. gpa, size and host are multiples of 4 KiB. readonly: the guest's writes are trapped (x86 has
 * had that since Linux 3.7, KVM_CAP_READONLY_MEM). The call may take long (KVM waits for a grace period, and
 * zaps): never under the machine lock. Callers serialise.
 */
int kvm_slot_add(struct kvm_vm *vm, uint64_t gpa, uint64_t size, void *host, bool readonly,
		 uint32_t *ret_slot);
void kvm_slot_remove(struct kvm_vm *vm, uint32_t slot);

/* Level of an interrupt line, GSI 0 to 23 (PIC pins 0 to 15 and IOAPIC pins; GSI 0, the timer's, is the
 * IOAPIC's pin 2, and GSI 2 nothing). Any thread. */
void kvm_irq_line(struct kvm_vm *vm, uint32_t gsi, bool level);

/* Message signalled interrupts (PCI 3.0, 6.8). */
struct kvm_msi {
	uint64_t address;
	uint32_t data;
};

/*
 * A route gives a message a GSI (24 and up) of its own, which an irqfd can then raise. Calls are
 * serialised inside; they replace the kernel's whole table, which may wait for a grace period. Any
 * thread, never under the machine lock. Errors: ENOSPC when the kernel's table is full.
 */
int kvm_msi_route_add(struct kvm_vm *vm, const struct kvm_msi *msi, uint32_t *ret_gsi);
int kvm_msi_route_update(struct kvm_vm *vm, uint32_t gsi, const struct kvm_msi *msi);
void kvm_msi_route_remove(struct kvm_vm *vm, uint32_t gsi);

/* Delivers one message at once, for devices that handfast itself emulates. */
void kvm_msi_send(struct kvm_vm *vm, const struct kvm_msi *msi);

/* Ties an eventfd to a GSI. A count that stands in the eventfd at this moment is delivered. */
int kvm_irqfd_assign(struct kvm_vm *vm, uint32_t gsi, int event_fd);
/*
 * Ties an eventfd to a line, GSI 0 to 23, that is then pulled until the guest acknowledges it (end of
 * interrupt); then the line is let go and resample_fd is signalled. Others that pull the same line are not
 * disturbed. Source: KVM_IRQFD_FLAG_RESAMPLE.
 */
int kvm_irqfd_assign_line(struct kvm_vm *vm, uint32_t gsi, int event_fd, int resample_fd);
/* Of both kinds. After it returns nothing that the eventfd counts reaches the guest, and it pulls no line. */
void kvm_irqfd_deassign(struct kvm_vm *vm, uint32_t gsi, int event_fd);

/* The VM's one KVM-VFIO device, created at the first call. fd: a VFIO group or device. Before
 * VFIO_GROUP_GET_DEVICE_FD; removed before the group is closed. */
int kvm_vfio_file_add(struct kvm_vm *vm, int fd);
void kvm_vfio_file_remove(struct kvm_vm *vm, int fd);

#endif
