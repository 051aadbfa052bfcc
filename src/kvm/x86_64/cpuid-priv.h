/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_X86_64_CPUID_PRIV_H
#define HANDFAST_KVM_X86_64_CPUID_PRIV_H

/* What a guest reads by CPUID, computed from what KVM supports. No ioctls. */
#include "kvm/uapi-priv.h"
#include "kvm/vcpu.h"

#define KVM_CPUID_ENTRIES_MAX 256U /* the kernel's KVM_MAX_CPUID_ENTRIES */

/* Where each field of an APIC id begins. The thread's begins at bit 0. */
struct kvm_topology_shifts {
	unsigned core;
	unsigned die;
	unsigned socket;
};

struct kvm_topology_shifts kvm_topology_shifts(const struct kvm_topology *topology);

struct kvm_cpuid_choices {
	bool pmu;	   /* the guest sees performance counters */
	bool tsc_deadline; /* KVM_CAP_TSC_DEADLINE_TIMER */
};

/*
 * Turns KVM_GET_SUPPORTED_CPUID's answer into vCPU index's CPUID, in place. cpuid has room for
 * KVM_CPUID_ENTRIES_MAX entries.
 */
void kvm_cpuid_arrange(struct kvm_cpuid2 *cpuid, const struct kvm_topology *topology, unsigned index,
		       const struct kvm_cpuid_choices *choices);

/* NULL where there is none. */
struct kvm_cpuid_entry2 *kvm_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf);

#endif
