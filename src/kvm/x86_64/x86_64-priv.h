/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_X86_64_X86_64_PRIV_H
#define HANDFAST_KVM_X86_64_X86_64_PRIV_H

/* What the files of this folder share about a VM, and what they compute without ioctls. */
#include <stddef.h>

#include "kvm/uapi-priv.h"
#include "kvm/vcpu.h"

#define KVM_IRQCHIPS 3 /* two PICs, an IOAPIC */

struct kvm_arch_vm {
	struct kvm_cpuid2 *supported; /* KVM_GET_SUPPORTED_CPUID */
	unsigned phys_bits;
	bool tsc_deadline;
	bool smm;
	size_t xsave_size;			  /* of KVM_SET_XSAVE's argument; 0: no KVM_CAP_XSAVE */
	struct kvm_irqchip irqchip[KVM_IRQCHIPS]; /* as they were when they were made: at power-on */
	struct kvm_pit_state2 pit;
};

/* An MSR with its value at power-on. Those that every KVM has are needed, the others come with features
 * of the host's processor or kernel. */
struct kvm_reset_msr {
	uint32_t index;
	uint64_t value;
	bool needed;
};

extern const struct kvm_reset_msr kvm_reset_msrs[];
extern const size_t kvm_reset_msrs_count;

/* A register of the local APIC with its value at power-on. */
#define KVM_APIC_ID   0x20U
#define KVM_APIC_LVR  0x30U
#define KVM_APIC_LVT0 0x350U
#define KVM_APIC_LVT1 0x360U

/* Segment registers, control registers and APIC base; *sregs is written whole. */
void kvm_reset_sregs(bool bootstrap, const struct kvm_x86_entry *entry, struct kvm_sregs *ret_sregs);
void kvm_reset_regs(bool bootstrap, const struct kvm_x86_entry *entry, struct kvm_regs *ret_regs);
/* The version register stands in *lapic and is kept. */
void kvm_reset_lapic(bool bootstrap, uint32_t apic_id, struct kvm_lapic_state *lapic);
/* Reads a register of the page, as tests do. */
uint32_t kvm_lapic_get(const struct kvm_lapic_state *lapic, unsigned offset);

#endif
