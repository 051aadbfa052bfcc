/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvm/x86_64/reset-state.c: what processors begin with. */
#include "unit.h"

#include <string.h>

#include "kvm/x86_64/x86_64-priv.h"

static const struct kvm_x86_entry entry = {
	.rip = 0x1000200,
	.rsp = 0x8ff0,
	.rbx = 0x6000,
	.rsi = 0x7000,
	.cr3 = 0x9000,
	.gdt = 0x500,
	.gdt_limit = 31,
	.cs = 0x10,
	.ds = 0x18,
};

static void assert_flat(const struct kvm_segment *segment, uint16_t selector, uint8_t type)
{
	assert_int_equal(segment->base, 0);
	assert_int_equal(segment->limit, 0xffffffff);
	assert_int_equal(segment->selector, selector);
	assert_int_equal(segment->type, type);
	assert_int_equal(segment->dpl, 0);
	assert_true(segment->present && segment->s && segment->g && !segment->unusable);
}

static void bootstrap_in_long_mode(void **state)
{
	struct kvm_x86_entry at = entry;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	at.mode = KVM_X86_MODE_LONG;
	kvm_reset_sregs(true, &at, &sregs);
	kvm_reset_regs(true, &at, &regs);
	assert_flat(&sregs.cs, 0x10, 11);
	assert_true(sregs.cs.l && !sregs.cs.db);
	assert_flat(&sregs.ss, 0x18, 3);
	assert_flat(&sregs.gs, 0x18, 3);
	assert_true(sregs.ds.db && !sregs.ds.l);
	assert_int_equal(sregs.cr0, 0x80000011);
	assert_int_equal(sregs.cr3, 0x9000);
	assert_int_equal(sregs.cr4, 0x20);
	assert_int_equal(sregs.efer, 0x500);
	assert_int_equal(sregs.gdt.base, 0x500);
	assert_int_equal(sregs.gdt.limit, 31);
	assert_int_equal(sregs.apic_base, 0xfee00900);
	assert_true(sregs.tr.present && sregs.tr.type == 11 && !sregs.tr.s);
	assert_int_equal(regs.rip, 0x1000200);
	assert_int_equal(regs.rsp, 0x8ff0);
	assert_int_equal(regs.rsi, 0x7000);
	assert_int_equal(regs.rflags, 2);
}

static void bootstrap_in_protected_mode(void **state)
{
	struct kvm_x86_entry at = entry;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	at.mode = KVM_X86_MODE_PROTECTED;
	kvm_reset_sregs(true, &at, &sregs);
	kvm_reset_regs(true, &at, &regs);
	assert_flat(&sregs.cs, 0x10, 11);
	assert_true(sregs.cs.db && !sregs.cs.l);
	assert_flat(&sregs.es, 0x18, 3);
	assert_int_equal(sregs.cr0, 0x11);
	assert_int_equal(sregs.cr3, 0);
	assert_int_equal(sregs.cr4, 0);
	assert_int_equal(sregs.efer, 0);
	assert_int_equal(regs.rbx, 0x6000);
}

static void others_are_as_hardware_leaves_them(void **state)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	memset(&sregs, 0xff, sizeof(sregs));
	memset(&regs, 0xff, sizeof(regs));
	kvm_reset_sregs(false, &entry, &sregs);
	kvm_reset_regs(false, &entry, &regs);
	assert_int_equal(sregs.cs.base, 0xffff0000);
	assert_int_equal(sregs.cs.selector, 0xf000);
	assert_int_equal(sregs.cs.limit, 0xffff);
	assert_int_equal(sregs.cr0, 0x60000010);
	assert_int_equal(sregs.efer, 0);
	assert_int_equal(sregs.cr8, 0);
	assert_int_equal(sregs.apic_base, 0xfee00800);
	for (size_t i = 0; i < sizeof(sregs.interrupt_bitmap) / 8; i++)
		assert_int_equal(sregs.interrupt_bitmap[i], 0);
	assert_int_equal(regs.rip, 0xfff0);
	assert_int_equal(regs.rsp, 0);
	assert_int_equal(regs.r15, 0);
}

static void local_apic(void **state)
{
	struct kvm_lapic_state lapic;

	for (unsigned bootstrap = 0; bootstrap < 2; bootstrap++) {
		memset(&lapic, 0x55, sizeof(lapic));
		memcpy(lapic.regs + KVM_APIC_LVR, "\x14\x00\x05\x00", 4);
		kvm_reset_lapic(bootstrap, 9, &lapic);
		assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_ID), 9U << 24);
		assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_LVR), 0x50014);
		assert_int_equal(kvm_lapic_get(&lapic, 0xe0), 0xffffffff);
		assert_int_equal(kvm_lapic_get(&lapic, 0xf0), 0xff);
		assert_int_equal(kvm_lapic_get(&lapic, 0x2f0), 0); /* this version has none */
		assert_int_equal(kvm_lapic_get(&lapic, 0x320), 0x10000);
		assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_LVT0), bootstrap ? 0x700 : 0x10000);
		assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_LVT1), bootstrap ? 0x400 : 0x10000);
		assert_int_equal(kvm_lapic_get(&lapic, 0x370), 0x10000);
		for (unsigned offset = 0x100; offset < 0x280; offset += 0x10) /* ISR, TMR, IRR */
			assert_int_equal(kvm_lapic_get(&lapic, offset), 0);
	}
	memcpy(lapic.regs + KVM_APIC_LVR, "\x14\x00\x06\x00", 4);
	kvm_reset_lapic(true, 0, &lapic);
	assert_int_equal(kvm_lapic_get(&lapic, 0x2f0), 0x10000);
}

static void no_register_is_named_twice(void **state)
{
	for (size_t i = 0; i < kvm_reset_msrs_count; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(kvm_reset_msrs[i].index, kvm_reset_msrs[j].index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bootstrap_in_long_mode),
		cmocka_unit_test(bootstrap_in_protected_mode),
		cmocka_unit_test(others_are_as_hardware_leaves_them),
		cmocka_unit_test(local_apic),
		cmocka_unit_test(no_register_is_named_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
