/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_VCPU_H
#define HANDFAST_KVM_VCPU_H

/*
 * vCPUs: one thread each. A vCPU is created stopped; run, stop and wait are asked for from the main
 * thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "kvm/vm.h"

struct kvm_vcpu;

enum kvm_vcpu_end {
	KVM_VCPU_END_TRIPLE_FAULT, /* KVM_EXIT_SHUTDOWN: the guest expects a reset */
	KVM_VCPU_END_FAILED,	   /* KVM cannot run it; a cause is recorded on the calling thread */
};

/* How exits reach the machine. Called on the vCPU's thread, several vCPUs at once. */
struct kvm_vcpu_ops {
	/* size 1 to 8; data little-endian. */
	void (*mmio_read)(void *opaque, uint64_t address, void *ret_data, unsigned size);
	void (*mmio_write)(void *opaque, uint64_t address, const void *data, unsigned size);
	/* size 1, 2 or 4; a string instruction comes as one call for each element. */
	void (*pio_read)(void *opaque, uint16_t port, void *ret_data, unsigned size);
	void (*pio_write)(void *opaque, uint16_t port, const void *data, unsigned size);
	/* The vCPU cannot go on; it has stopped as if by kvm_vcpu_stop(). */
	void (*ended)(void *opaque, struct kvm_vcpu *vcpu, enum kvm_vcpu_end end);
};

/* How the machine's processors are arranged; cpus = sockets * dies * cores * threads. */
struct kvm_topology {
	unsigned cpus;
	unsigned sockets;
	unsigned dies;
	unsigned cores;
	unsigned threads;
};

/*
 * Creates vCPU `index` (0: the bootstrap processor) with the host's CPUID arranged by topology, its
 * thread included (named "vcpu<index>"). APIC ids: kvm_vcpu_apic_id(). pmu: whether the guest sees
 * performance counters.
 */
int kvm_vcpu_create(struct kvm_vm *vm, unsigned index, const struct kvm_topology *topology, bool pmu,
		    const struct kvm_vcpu_ops *ops, void *opaque, struct kvm_vcpu **ret_vcpu);
/* Stops it if need be and joins its thread. */
void kvm_vcpu_destroy(struct kvm_vcpu *vcpu);

unsigned kvm_vcpu_index(const struct kvm_vcpu *vcpu);
/* Its thread, as the host's tools know it (top -H, taskset). Waits until it has begun. */
int kvm_vcpu_thread_id(struct kvm_vcpu *vcpu);
uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index);

/* Lets it run; after ended() only once it was reset. A guest that uses kvmclock is told that it stood still.
 */
void kvm_vcpu_run(struct kvm_vcpu *vcpu);
/* Asks it to stop, and returns at once; any thread, a handler of its own too. It stops between instructions:
 * an access that is at work is finished first. Sends SIGRTMIN to its thread, for which every signal else is
 * blocked. */
void kvm_vcpu_stop(struct kvm_vcpu *vcpu);
/* Not from one of its handlers. */
void kvm_vcpu_wait_stopped(struct kvm_vcpu *vcpu);

/* Exits to user space so far, by kind; for -D at debug level and tests. Any thread. */
struct kvm_vcpu_stats {
	uint64_t mmio;
	uint64_t pio;
	uint64_t other;
};
void kvm_vcpu_stats_get(const struct kvm_vcpu *vcpu, struct kvm_vcpu_stats *ret_stats);

/* How a processor enters the guest at direct boot. */
enum kvm_x86_mode {
	KVM_X86_MODE_PROTECTED, /* 32-bit flat, paging off (PVH) */
	KVM_X86_MODE_LONG,	/* 64-bit, paging by cr3 (Linux 64-bit boot protocol) */
};

struct kvm_x86_entry {
	enum kvm_x86_mode mode;
	uint64_t rip;
	uint64_t rsp;
	uint64_t rbx; /* PVH: hvm_start_info */
	uint64_t rsi; /* Linux: boot_params */
	uint64_t cr3; /* long mode only */
	uint64_t gdt; /* guest physical address of the table below */
	uint16_t gdt_limit;
	uint16_t cs; /* selectors into it */
	uint16_t ds;
};

/*
 * Puts a stopped vCPU into its state at power-on: registers, MSRs, local APIC, FPU, pending events;
 * vCPU 0 at *entry, the others waiting for INIT and SIPI. Errors name the ioctl.
 */
int kvm_vcpu_reset(struct kvm_vcpu *vcpu, const struct kvm_x86_entry *entry);

#endif
