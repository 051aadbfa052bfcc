/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_VCPU_PRIV_H
#define HANDFAST_KVM_VCPU_PRIV_H

/* What the files of this room share about a vCPU. */
#include <pthread.h>
#include <stdatomic.h>

#include "kvm/uapi-priv.h"
#include "kvm/vcpu.h"
#include "kvm/vm-priv.h"

struct kvm_vcpu {
	struct kvm_vm *vm;
	unsigned index;
	uint32_t apic_id;
	int fd;
	struct kvm_run *run; /* shared with the kernel */
	const struct kvm_vcpu_ops *ops;
	void *opaque;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;	/* guards the six below; nothing is taken under it */
	pthread_cond_t changed; /* any of them */
	int thread_id;		/* 0: it has not begun */
	bool wanted;		/* it is to run */
	bool stopped;		/* it is not in KVM_RUN, nor in a handler */
	bool ended;		/* it cannot run before it is reset */
	bool quit;		/* its thread is to end */
	bool resumes;		/* it has run before, since its last reset */

	atomic_ullong mmio;
	atomic_ullong pio;
	atomic_ullong other;
};

/* exit.c: does what an exit asks for. Returns false where the vCPU cannot go on, and then says how it
 * ended; for KVM_VCPU_END_FAILED with a cause. */
bool kvm_exit_handle(struct kvm_vcpu *vcpu, enum kvm_vcpu_end *ret_end);

/* exit.c: KVM_RUN itself failed with errnum. The cause; returns its negative errno. */
int kvm_exit_run_failed(struct kvm_vcpu *vcpu, int errnum);

/* The processor's own part: a vCPU as the guest will see it, before it first runs. vcpu->fd is open. */
int kvm_arch_vcpu_init(struct kvm_vcpu *vcpu, const struct kvm_topology *topology, bool pmu);

/* The instruction pointer, for messages; 0 where KVM does not tell. */
uint64_t kvm_arch_instruction_pointer(const struct kvm_vcpu *vcpu);

/* To be called before a VM's first vCPU is created: what of the machine depends on pmu. */
void kvm_arch_pmu_set(struct kvm_vm *vm, bool pmu);

#endif
