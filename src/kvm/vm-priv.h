/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_VM_PRIV_H
#define HANDFAST_KVM_VM_PRIV_H

/* What the files of this room share about a VM. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "kvm/routes-priv.h"
#include "kvm/vm.h"

struct kvm_arch_vm;

struct kvm_vm {
	int kvm_fd;
	int fd;
	unsigned max_vcpus;
	size_t run_size; /* of a vCPU's mapping */

	unsigned slots_max;
	uint64_t *slots_used; /* one bit each; callers serialise */

	pthread_mutex_t irq; /* guards the two below and the kernel's table */
	struct kvm_routes *routes;
	struct kvm_irq_routing *table; /* as the kernel wants it; large enough for all routes */

	pthread_mutex_t vfio; /* guards vfio_fd */
	int vfio_fd;	      /* the KVM-VFIO device; -1: not needed so far */

	struct kvm_arch_vm *arch; /* the processor's own part */
};

/* irq.c: the table of routes, and, once there are interrupt controllers, its lines in the kernel. */
int kvm_irq_init(struct kvm_vm *vm);
int kvm_irq_start(struct kvm_vm *vm);
void kvm_irq_fini(struct kvm_vm *vm);

/* The processor's own part: creates what must be there before the first vCPU (interrupt controllers,
 * timer). vm->fd is open. */
int kvm_arch_vm_init(struct kvm_vm *vm);
void kvm_arch_vm_fini(struct kvm_vm *vm); /* half-built is fine */

#endif
