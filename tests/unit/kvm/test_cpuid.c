/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvm/x86_64/topology.c and cpuid.c: which processors a guest sees, on an Intel and on an AMD host. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "kvm/x86_64/cpuid-priv.h"

static struct kvm_topology topology(unsigned sockets, unsigned dies, unsigned cores, unsigned threads)
{
	return (struct kvm_topology){ sockets * dies * cores * threads, sockets, dies, cores, threads };
}

static void ids_are_packed_by_level(void **state)
{
	struct kvm_topology one = topology(1, 1, 1, 1), four = topology(1, 1, 4, 1);
	struct kvm_topology three = topology(2, 1, 3, 2), all = topology(2, 2, 8, 2);
	static const uint32_t threes[] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13 };

	assert_int_equal(kvm_vcpu_apic_id(&one, 0), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(kvm_vcpu_apic_id(&four, i), i);
	for (unsigned i = 0; i < 12; i++) /* three cores take the place of four */
		assert_int_equal(kvm_vcpu_apic_id(&three, i), threes[i]);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(kvm_vcpu_apic_id(&all, i), i);
}

/* Whatever the topology of up to 64 processors: ids differ, ascend, and fit 8 bits below broadcast. */
static void ids_are_unique_and_small(void **state)
{
	for (unsigned s = 1; s <= 64; s++)
		for (unsigned d = 1; s * d <= 64; d++)
			for (unsigned c = 1; s * d * c <= 64; c++)
				for (unsigned t = 1; s * d * c * t <= 64; t++) {
					struct kvm_topology any = topology(s, d, c, t);

					for (unsigned i = 1; i < any.cpus; i++)
						assert_true(kvm_vcpu_apic_id(&any, i) >
							    kvm_vcpu_apic_id(&any, i - 1));
					assert_true(kvm_vcpu_apic_id(&any, any.cpus - 1) < 255);
				}
}

struct entry {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
	bool indexed;
};

static struct kvm_cpuid2 *table(const struct entry *entries, size_t count)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + KVM_CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));

	assert_non_null(cpuid);
	for (size_t i = 0; i < count; i++) {
		cpuid->entries[i] = (struct kvm_cpuid_entry2){
			.function = entries[i].leaf,
			.index = entries[i].subleaf,
			.flags = entries[i].indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = entries[i].eax,
			.ebx = entries[i].ebx,
			.ecx = entries[i].ecx,
			.edx = entries[i].edx,
		};
	}
	cpuid->nent = (uint32_t)count;
	return cpuid;
}

#define ALL 0xffffffffU

#define LEAF(leaf, a, b, c, d)             \
	{                                  \
		leaf, 0, a, b, c, d, false \
	}
#define SUBLEAF(leaf, subleaf, a, b, c, d)      \
	{                                       \
		leaf, subleaf, a, b, c, d, true \
	}

/* As hosts with all features would answer; unlike real ones in leaving nothing out. */
/* clang-format off */
#define COMMON \
	LEAF(1, 0xa06f2, 0x63100800, ALL, ALL), \
	LEAF(5, 0x40, 0x40, 3, 0x20), \
	LEAF(6, 4, 0, 0, 0), \
	SUBLEAF(7, 0, 2, ALL, ALL, ALL), \
	LEAF(0xa, 0x7300404, 0, 0, 0x603), \
	SUBLEAF(0xb, 0, 1, 2, 0x100, 0x63), \
	SUBLEAF(0xb, 1, 7, 0x70, 0x201, 0x63), \
	SUBLEAF(0x12, 0, 1, 1, 1, 1), \
	SUBLEAF(0x1f, 0, 1, 2, 0x100, 0x63), \
	LEAF(0x40000000, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d), \
	LEAF(0x40000001, 0x0100fffb, 0, 0, 0), \
	LEAF(0x80000000, 0x80000022, 0, 0, 0), \
	LEAF(0x80000001, 0xa06f2, 0, ALL, ALL)

static const struct entry intel_host[] = {
	LEAF(0, 0x20, 0x756e6547, 0x6c65746e, 0x49656e69),
	COMMON,
	SUBLEAF(4, 0, 0xfc004121, 0x02c0003f, 0x3f, 0),
	SUBLEAF(4, 1, 0xfc004122, 0x01c0003f, 0x3f, 0),
	SUBLEAF(4, 2, 0xfc01c143, 0x03c0003f, 0x7ff, 0),
	SUBLEAF(4, 3, 0xfc1fc163, 0x0240003f, 0x1bfff, 4),
	SUBLEAF(4, 4, 0, 0, 0, 0),
	LEAF(0x80000008, 0x302e, 0, 0, 0),
};

static const struct entry amd_host[] = {
	LEAF(0, 0x10, 0x68747541, 0x444d4163, 0x69746e65),
	COMMON,
	LEAF(0x80000008, 0x3030, 0x1234, 0x7f3f, 0x10007),
	LEAF(0x8000000a, 1, 0x8000, 0, 0x1bbf),
	SUBLEAF(0x8000001d, 0, 0x4121, 0x01c0003f, 0x3f, 0),
	SUBLEAF(0x8000001d, 1, 0x4122, 0x01c0003f, 0x3f, 0),
	SUBLEAF(0x8000001d, 2, 0x4143, 0x01c0003f, 0x3ff, 2),
	SUBLEAF(0x8000001d, 3, 0x3c163, 0x03c0003f, 0x7fff, 1),
	SUBLEAF(0x8000001d, 4, 0, 0, 0, 0),
	LEAF(0x8000001e, 99, 99, 99, 99),
	LEAF(0x8000001f, ALL, ALL, ALL, ALL),
	LEAF(0x80000022, 1, 6, 0, 0),
};
/* clang-format on */

#define TABLE(entries) table(entries, sizeof(entries) / sizeof((entries)[0]))

static const struct kvm_cpuid_choices plain = { .pmu = false, .tsc_deadline = true };

static const struct kvm_cpuid_entry2 *leaf(struct kvm_cpuid2 *cpuid, uint32_t number, uint32_t subleaf)
{
	const struct kvm_cpuid_entry2 *entry = kvm_cpuid_find(cpuid, number, subleaf);

	assert_non_null(entry);
	return entry;
}

#define assert_leaf(cpuid, number, subleaf, a, b, c, d)                              \
	do {                                                                         \
		const struct kvm_cpuid_entry2 *found = leaf(cpuid, number, subleaf); \
		assert_int_equal(found->eax, a);                                     \
		assert_int_equal(found->ebx, b);                                     \
		assert_int_equal(found->ecx, c);                                     \
		assert_int_equal(found->edx, d);                                     \
	} while (0)

static void common_features(struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *one = leaf(cpuid, 1, 0);

	assert_int_equal(one->eax, 0xa06f2);
	/* off: MONITOR, VMX, SMX, PDCM, OSXSAVE; on: all else, the hypervisor's bit among it */
	assert_int_equal(one->ecx, ALL & ~(1U << 3 | 1U << 5 | 1U << 6 | 1U << 15 | 1U << 27));
	assert_int_equal(leaf(cpuid, 7, 0)->ebx, ALL & ~(1U << 2));
	assert_int_equal(leaf(cpuid, 7, 0)->ecx, ALL & ~(1U << 4 | 1U << 30));
	assert_int_equal(leaf(cpuid, 7, 0)->edx, ALL);
	assert_int_equal(leaf(cpuid, 0x40000001, 0)->eax, 0x01007ffb);
	assert_int_equal(leaf(cpuid, 0x40000000, 0)->ebx, 0x4b4d564b);
	assert_null(kvm_cpuid_find(cpuid, 5, 0));
	assert_null(kvm_cpuid_find(cpuid, 0xa, 0));
	assert_null(kvm_cpuid_find(cpuid, 0x12, 0));
	assert_int_equal(leaf(cpuid, 6, 0)->eax, 4);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx & 1U << 2, 0); /* SVM */
}

static void intel_sees_cores_and_threads(void **state)
{
	struct kvm_topology machine = topology(2, 1, 3, 2);
	struct kvm_cpuid2 *cpuid = TABLE(intel_host);

	kvm_cpuid_arrange(cpuid, &machine, 9, &plain); /* socket 1, core 1, thread 1 */
	common_features(cpuid);
	assert_int_equal(leaf(cpuid, 0, 0)->eax, 0x20);
	assert_int_equal(leaf(cpuid, 1, 0)->ebx, 11U << 24 | 8 << 16 | 0x0800);
	assert_true(leaf(cpuid, 1, 0)->edx & 1U << 28);
	assert_leaf(cpuid, 0xb, 0, 1, 2, 0x100, 11);
	assert_leaf(cpuid, 0xb, 1, 3, 6, 0x201, 11);
	assert_leaf(cpuid, 0xb, 2, 0, 0, 2, 11);
	assert_null(kvm_cpuid_find(cpuid, 0x1f, 0));
	assert_leaf(cpuid, 4, 0, 3U << 26 | 1 << 14 | 0x121, 0x02c0003f, 0x3f, 0);
	assert_leaf(cpuid, 4, 2, 3U << 26 | 1 << 14 | 0x143, 0x03c0003f, 0x7ff, 0);
	assert_leaf(cpuid, 4, 3, 3U << 26 | 7 << 14 | 0x163, 0x0240003f, 0x1bfff, 4);
	assert_leaf(cpuid, 4, 4, 0, 0, 0, 0);
	assert_int_equal(leaf(cpuid, 0x80000008, 0)->eax, 0x302e);
	assert_int_equal(leaf(cpuid, 0x80000008, 0)->ecx, 0);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx & 1U << 1, 0);
	free(cpuid);
}

static void intel_sees_dies(void **state)
{
	struct kvm_topology machine = topology(1, 2, 4, 1);
	struct kvm_cpuid2 *cpuid = TABLE(intel_host);

	cpuid->entries[0].eax = 0xd; /* below the leaf that tells */
	kvm_cpuid_arrange(cpuid, &machine, 6, &plain);
	assert_int_equal(leaf(cpuid, 0, 0)->eax, 0x1f);
	assert_leaf(cpuid, 0xb, 1, 3, 8, 0x201, 6);
	assert_leaf(cpuid, 0x1f, 0, 0, 1, 0x100, 6);
	assert_leaf(cpuid, 0x1f, 1, 2, 4, 0x201, 6);
	assert_leaf(cpuid, 0x1f, 2, 3, 8, 0x502, 6);
	assert_leaf(cpuid, 0x1f, 3, 0, 0, 3, 6);
	/* third level of the cache: by die */
	assert_leaf(cpuid, 4, 3, 7U << 26 | 3 << 14 | 0x163, 0x0240003f, 0x1bfff, 4);
	free(cpuid);
}

static void amd_sees_cores_and_threads(void **state)
{
	struct kvm_topology machine = topology(2, 1, 3, 2);
	struct kvm_cpuid2 *cpuid = TABLE(amd_host);

	kvm_cpuid_arrange(cpuid, &machine, 9, &plain);
	common_features(cpuid);
	assert_int_equal(leaf(cpuid, 0, 0)->eax, 0x10);
	assert_int_equal(leaf(cpuid, 1, 0)->ebx, 11U << 24 | 6 << 16 | 0x0800);
	assert_leaf(cpuid, 0xb, 0, 1, 2, 0x100, 11);
	assert_leaf(cpuid, 0xb, 1, 3, 6, 0x201, 11);
	/* off: SVM, SKINIT, counters; CmpLegacy on */
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx,
			 ALL & ~(1U << 2 | 1U << 12 | 1U << 23 | 1U << 24 | 1U << 28));
	assert_leaf(cpuid, 0x80000008, 0, 0x3030, 0x1234, 0x3f05, 0x10007);
	assert_null(kvm_cpuid_find(cpuid, 0x8000000a, 0));
	assert_null(kvm_cpuid_find(cpuid, 0x8000001f, 0));
	assert_null(kvm_cpuid_find(cpuid, 0x80000022, 0));
	assert_leaf(cpuid, 0x8000001d, 0, 1 << 14 | 0x121, 0x01c0003f, 0x3f, 0);
	assert_leaf(cpuid, 0x8000001d, 3, 7 << 14 | 0x163, 0x03c0003f, 0x7fff, 1);
	assert_leaf(cpuid, 0x8000001e, 0, 11, 0x101, 1, 0);
	free(cpuid);
}

static void amd_sees_dies_as_nodes(void **state)
{
	struct kvm_topology machine = topology(2, 2, 4, 1);
	struct kvm_cpuid2 *cpuid = TABLE(amd_host);

	kvm_cpuid_arrange(cpuid, &machine, 13, &plain); /* socket 1, die 1, core 1 */
	assert_leaf(cpuid, 0x8000001e, 0, 13, 5, 0x103, 0);
	assert_leaf(cpuid, 0x8000001d, 3, 3 << 14 | 0x163, 0x03c0003f, 0x7fff, 1);
	assert_null(kvm_cpuid_find(cpuid, 0x1f, 0));
	free(cpuid);
}

static void one_processor_is_no_crowd(void **state)
{
	struct kvm_topology machine = topology(1, 1, 1, 1);
	struct kvm_cpuid2 *cpuid = TABLE(amd_host);

	kvm_cpuid_arrange(cpuid, &machine, 0, &plain);
	assert_int_equal(leaf(cpuid, 1, 0)->edx & 1U << 28, 0);
	assert_int_equal(leaf(cpuid, 1, 0)->ebx, 1 << 16 | 0x0800);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx & 1U << 1, 0);
	assert_leaf(cpuid, 0x80000008, 0, 0x3030, 0x1234, 0x0f00, 0x10007);
	assert_leaf(cpuid, 0xb, 0, 0, 1, 0x100, 0);
	assert_leaf(cpuid, 0xb, 1, 0, 1, 0x201, 0);
	free(cpuid);
}

static void choices_are_followed(void **state)
{
	const struct kvm_cpuid_choices counters = { .pmu = true, .tsc_deadline = false };
	struct kvm_topology machine = topology(1, 1, 2, 1);
	struct kvm_cpuid2 *cpuid = TABLE(amd_host);

	kvm_cpuid_arrange(cpuid, &machine, 0, &counters);
	assert_int_equal(leaf(cpuid, 1, 0)->ecx & (1U << 15 | 1U << 24), 1U << 15);
	assert_int_equal(leaf(cpuid, 0xa, 0)->eax, 0x7300404);
	assert_true(leaf(cpuid, 0x80000001, 0)->ecx & 1U << 23);
	assert_int_equal(leaf(cpuid, 0x80000022, 0)->eax, 1);
	free(cpuid);
}

static void full_table_stays_in_bounds(void **state)
{
	struct kvm_topology machine = topology(2, 2, 2, 1);
	struct kvm_cpuid2 *cpuid = TABLE(intel_host);

	while (cpuid->nent < KVM_CPUID_ENTRIES_MAX)
		cpuid->entries[cpuid->nent++] =
			(struct kvm_cpuid_entry2){ .function = 0xd, .index = cpuid->nent };
	kvm_cpuid_arrange(cpuid, &machine, 1, &plain);
	assert_true(cpuid->nent <= KVM_CPUID_ENTRIES_MAX);
	free(cpuid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_packed_by_level),	cmocka_unit_test(ids_are_unique_and_small),
		cmocka_unit_test(intel_sees_cores_and_threads), cmocka_unit_test(intel_sees_dies),
		cmocka_unit_test(amd_sees_cores_and_threads),	cmocka_unit_test(amd_sees_dies_as_nodes),
		cmocka_unit_test(one_processor_is_no_crowd),	cmocka_unit_test(choices_are_followed),
		cmocka_unit_test(full_table_stays_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
