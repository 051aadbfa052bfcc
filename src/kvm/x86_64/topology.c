/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * APIC ids. Each level of the topology has a field of its own, wide enough for the level's count and no
 * wider, so that a processor finds its neighbours by shifting its id: thread in the lowest bits, then
 * core, die and socket. Ids have gaps where a count is no power of two.
 * Source: Intel SDM 3, "Hierarchical Mapping of CPUID Extended Topology Leaf"; AMD APM 3, appendix E.
 */
#include "kvm/x86_64/cpuid-priv.h"

static unsigned bits_for(unsigned count)
{
	unsigned bits = 0;

	while (1U << bits < count)
		bits++;
	return bits;
}

struct kvm_topology_shifts kvm_topology_shifts(const struct kvm_topology *topology)
{
	struct kvm_topology_shifts shifts;

	shifts.core = bits_for(topology->threads);
	shifts.die = shifts.core + bits_for(topology->cores);
	shifts.socket = shifts.die + bits_for(topology->dies);
	return shifts;
}

uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index)
{
	struct kvm_topology_shifts shifts = kvm_topology_shifts(topology);
	uint32_t thread = index % topology->threads;
	uint32_t core = index / topology->threads % topology->cores;
	uint32_t die = index / (topology->threads * topology->cores) % topology->dies;
	uint32_t socket = index / (topology->threads * topology->cores * topology->dies);

	return socket << shifts.socket | die << shifts.die | core << shifts.core | thread;
}
