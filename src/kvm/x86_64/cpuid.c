/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The guest's processor is the host's as far as KVM supports it. Changed is only what describes the
 * machine and not the processor (topology, caches shared), what KVM leaves to its user (the hypervisor
 * bit, the TSC deadline timer), and what handfast does not offer: nested virtualisation, SGX (there is no
 * EPC behind it), MONITOR/MWAIT, and performance counters unless they are asked for. OSXSAVE and OSPKE
 * are off here, and KVM turns them on with CR4.
 *
 * Sources: Intel SDM 2A, CPUID; AMD APM 3, appendix E; Linux Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "kvm/x86_64/cpuid-priv.h"

#include <string.h>

#define BIT(n) (1U << (n))

/* Leaf 1, ECX and EDX. */
#define ECX1_MONITOR	  BIT(3)
#define ECX1_VMX	  BIT(5)
#define ECX1_SMX	  BIT(6)
#define ECX1_PDCM	  BIT(15)
#define ECX1_X2APIC	  BIT(21)
#define ECX1_TSC_DEADLINE BIT(24)
#define ECX1_OSXSAVE	  BIT(27)
#define ECX1_HYPERVISOR	  BIT(31)
#define EDX1_HTT	  BIT(28)

/* Leaf 7.0. */
#define EBX7_SGX    BIT(2)
#define ECX7_OSPKE  BIT(4)
#define ECX7_SGX_LC BIT(30)

/* Leaf 0x80000001, ECX. */
#define ECX81_CMP_LEGACY   BIT(1)
#define ECX81_SVM	   BIT(2)
#define ECX81_SKINIT	   BIT(12)
#define ECX81_PERFCTR_CORE BIT(23)
#define ECX81_PERFCTR_NB   BIT(24)
#define ECX81_PERFCTR_LLC  BIT(28)
#define KVM_FEATURES	   0x40000001U
#define EXT_DEST_ID	   BIT(15) /* needs an IOAPIC and routes that carry more than 8 bits */
#define LEAF_TOPOLOGY	   0xbU
#define LEAF_TOPOLOGY_V2   0x1fU
#define LEVEL_SMT	   1U
#define LEVEL_CORE	   2U
#define LEVEL_DIE	   5U

struct arrangement {
	struct kvm_cpuid2 *cpuid;
	const struct kvm_topology *topology;
	struct kvm_topology_shifts shifts;
	uint32_t apic_id;
	bool amd; /* or Hygon, which follows it */
};

struct kvm_cpuid_entry2 *kvm_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == leaf &&
		    (entry->index == subleaf || !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return entry;
	}
	return NULL;
}

/* Takes away every subleaf; the guest reads zeros then. */
static void leaf_drop(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function != leaf)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
}

/* A table that is full already goes without: the kernel allows no more. */
static void leaf_put(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid_entry2 *entry)
{
	if (cpuid->nent < KVM_CPUID_ENTRIES_MAX)
		cpuid->entries[cpuid->nent++] = *entry;
}

static bool vendor_is(const struct kvm_cpuid_entry2 *leaf0, const char *vendor)
{
	return memcmp(&leaf0->ebx, vendor, 4) == 0 && memcmp(&leaf0->edx, vendor + 4, 4) == 0 &&
	       memcmp(&leaf0->ecx, vendor + 8, 4) == 0;
}

static unsigned threads_per_socket(const struct kvm_topology *topology)
{
	return topology->dies * topology->cores * topology->threads;
}

static void basic_arrange(const struct arrangement *a, const struct kvm_cpuid_choices *choices)
{
	struct kvm_cpuid_entry2 *leaf0 = kvm_cpuid_find(a->cpuid, 0, 0);
	struct kvm_cpuid_entry2 *leaf1 = kvm_cpuid_find(a->cpuid, 1, 0);
	struct kvm_cpuid_entry2 *leaf7 = kvm_cpuid_find(a->cpuid, 7, 0);
	/* What a socket holds: Intel counts APIC ids, gaps included, AMD processors. */
	uint32_t ids = a->amd ? threads_per_socket(a->topology) : 1U << a->shifts.socket;

	if (leaf0 && leaf0->eax < LEAF_TOPOLOGY)
		leaf0->eax = LEAF_TOPOLOGY;
	if (leaf1) {
		leaf1->ebx = (leaf1->ebx & 0xff00) | (ids < 255 ? ids : 255) << 16 | a->apic_id << 24;
		leaf1->ecx &= ~(ECX1_MONITOR | ECX1_VMX | ECX1_SMX | ECX1_TSC_DEADLINE | ECX1_OSXSAVE);
		leaf1->ecx |= ECX1_HYPERVISOR | ECX1_X2APIC;
		if (choices->tsc_deadline)
			leaf1->ecx |= ECX1_TSC_DEADLINE;
		if (!choices->pmu)
			leaf1->ecx &= ~ECX1_PDCM;
		leaf1->edx &= ~EDX1_HTT;
		if (threads_per_socket(a->topology) > 1)
			leaf1->edx |= EDX1_HTT;
	}
	if (leaf7) {
		leaf7->ebx &= ~EBX7_SGX;
		leaf7->ecx &= ~(ECX7_OSPKE | ECX7_SGX_LC);
	}
	leaf_drop(a->cpuid, 0x12); /* SGX */
	leaf_drop(a->cpuid, 5);	   /* MONITOR/MWAIT */
	if (!choices->pmu)
		leaf_drop(a->cpuid, 0xa);
}

/*
 * Who shares which cache: leaf 4 of Intel, 0x8000001D of AMD, alike in what is changed here. The field
 * counts APIC ids and not processors, less one. First and second level belong to a core, higher ones to
 * a die.
 */
static void caches_arrange(const struct arrangement *a, uint32_t leaf)
{
	const uint32_t cores_field = 0x3fU << 26, sharing_field = 0xfffU << 14;
	uint32_t cores = 1U << (a->shifts.socket - a->shifts.core);

	for (uint32_t i = 0; i < a->cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &a->cpuid->entries[i];
		uint32_t level = entry->eax >> 5 & 7, sharing;

		if (entry->function != leaf || !(entry->eax & 0x1f))
			continue;
		sharing = 1U << (level <= 2 ? a->shifts.core : a->shifts.die);
		entry->eax &= ~sharing_field;
		entry->eax |= (sharing - 1) << 14;
		if (leaf == 4) {
			entry->eax &= ~cores_field;
			entry->eax |= ((cores < 64 ? cores : 64) - 1) << 26;
		}
	}
}

/* One level of leaves 0xB and 0x1F. width: of the id below the next level; count: processors in it. */
static void level_put(const struct arrangement *a, uint32_t leaf, uint32_t subleaf, uint32_t type,
		      uint32_t width, uint32_t count)
{
	const struct kvm_cpuid_entry2 entry = {
		.function = leaf,
		.index = subleaf,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = width,
		.ebx = count,
		.ecx = type << 8 | subleaf,
		.edx = a->apic_id,
	};

	leaf_put(a->cpuid, &entry);
}

static void levels_arrange(const struct arrangement *a)
{
	const struct kvm_topology *t = a->topology;
	struct kvm_cpuid_entry2 *leaf0 = kvm_cpuid_find(a->cpuid, 0, 0);

	leaf_drop(a->cpuid, LEAF_TOPOLOGY);
	level_put(a, LEAF_TOPOLOGY, 0, LEVEL_SMT, a->shifts.core, t->threads);
	level_put(a, LEAF_TOPOLOGY, 1, LEVEL_CORE, a->shifts.socket, threads_per_socket(t));
	level_put(a, LEAF_TOPOLOGY, 2, 0, 0, 0);

	/* Dies have a leaf that AMD does not know; there 0x8000001E tells. */
	leaf_drop(a->cpuid, LEAF_TOPOLOGY_V2);
	if (t->dies == 1 || a->amd)
		return;
	if (leaf0 && leaf0->eax < LEAF_TOPOLOGY_V2)
		leaf0->eax = LEAF_TOPOLOGY_V2;
	level_put(a, LEAF_TOPOLOGY_V2, 0, LEVEL_SMT, a->shifts.core, t->threads);
	level_put(a, LEAF_TOPOLOGY_V2, 1, LEVEL_CORE, a->shifts.die, t->cores * t->threads);
	level_put(a, LEAF_TOPOLOGY_V2, 2, LEVEL_DIE, a->shifts.socket, threads_per_socket(t));
	level_put(a, LEAF_TOPOLOGY_V2, 3, 0, 0, 0);
}

static void amd_arrange(const struct arrangement *a)
{
	const struct kvm_topology *t = a->topology;
	struct kvm_cpuid_entry2 *leaf1 = kvm_cpuid_find(a->cpuid, 0x80000001, 0);
	struct kvm_cpuid_entry2 *leaf8 = kvm_cpuid_find(a->cpuid, 0x80000008, 0);
	struct kvm_cpuid_entry2 *leaf1e = kvm_cpuid_find(a->cpuid, 0x8000001e, 0);

	if (leaf1 && threads_per_socket(t) > 1)
		leaf1->ecx |= ECX81_CMP_LEGACY;
	if (leaf8) {
		leaf8->ecx &= ~0xf0ffU;
		leaf8->ecx |= (threads_per_socket(t) - 1) | a->shifts.socket << 12;
	}
	caches_arrange(a, 0x8000001d);
	if (leaf1e) {
		uint32_t in_socket = a->apic_id & (BIT(a->shifts.socket) - 1);

		leaf1e->eax = a->apic_id;
		leaf1e->ebx = (t->threads - 1) << 8 | in_socket >> a->shifts.core;
		leaf1e->ecx = ((t->dies < 8 ? t->dies : 8) - 1) << 8 | a->apic_id >> a->shifts.die;
		leaf1e->edx = 0;
	}
}

static void extended_arrange(const struct arrangement *a, const struct kvm_cpuid_choices *choices)
{
	struct kvm_cpuid_entry2 *leaf1 = kvm_cpuid_find(a->cpuid, 0x80000001, 0);

	if (leaf1) {
		leaf1->ecx &= ~(ECX81_SVM | ECX81_SKINIT | ECX81_CMP_LEGACY);
		if (!choices->pmu)
			leaf1->ecx &= ~(ECX81_PERFCTR_CORE | ECX81_PERFCTR_NB | ECX81_PERFCTR_LLC);
	}
	leaf_drop(a->cpuid, 0x8000000a); /* SVM */
	leaf_drop(a->cpuid, 0x8000001f); /* SEV */
	if (!choices->pmu)
		leaf_drop(a->cpuid, 0x80000022);
}

void kvm_cpuid_arrange(struct kvm_cpuid2 *cpuid, const struct kvm_topology *topology, unsigned index,
		       const struct kvm_cpuid_choices *choices)
{
	const struct kvm_cpuid_entry2 *leaf0 = kvm_cpuid_find(cpuid, 0, 0);
	struct kvm_cpuid_entry2 *features = kvm_cpuid_find(cpuid, KVM_FEATURES, 0);
	struct arrangement a = {
		.cpuid = cpuid,
		.topology = topology,
		.shifts = kvm_topology_shifts(topology),
		.apic_id = kvm_vcpu_apic_id(topology, index),
		.amd = leaf0 && (vendor_is(leaf0, "AuthenticAMD") || vendor_is(leaf0, "HygonGenuine")),
	};

	if (features)
		features->eax &= ~EXT_DEST_ID;
	basic_arrange(&a, choices);
	extended_arrange(&a, choices);
	levels_arrange(&a);
	if (a.amd)
		amd_arrange(&a);
	else
		caches_arrange(&a, 4);
}
