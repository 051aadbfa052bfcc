/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole room on a real /dev/kvm, with guests of a few instructions. Skipped where there is none; the lab
 * runs this same program with a processor that has virtualisation.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "guest.h"
#include "kvm/vcpu-priv.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "kvm/x86_64/x86_64-priv.h"

static void protected_mode_runs(void **state)
{
	struct kvm_vcpu_stats stats;
	struct guest guest;

	guest_create(&guest, 1);
	guest_reset(&guest, KVM_X86_MODE_PROTECTED, guest_protected);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, REPORTS_MAX));
	guest_stop(&guest);
	if (guest.ended)
		fail_msg("%s: %s", guest.cause.tried, guest.cause.because);
	assert_int_equal(guest.reported, 6);
	assert_int_equal(guest.reports[0], 0xb0b0b0b0);
	assert_int_equal(guest.reports[1], 0x51515151);
	assert_int_equal(guest.reports[2] & 0x80000001, 1);
	assert_int_equal(guest.reports[3], 0x1234);
	assert_int_equal(guest.reports[4], 0x37f);
	assert_int_equal(guest.reports[5], 'a' | 'b' << 8 | 'c' << 16 | 'd' << 24);
	assert_int_equal(guest.ram[GUEST_SCRATCH + 4], 'e');
	assert_string_equal(guest.text, "string");
	kvm_vcpu_stats_get(guest.vcpus[0], &stats);
	assert_true(stats.pio >= 9 && stats.mmio == 0);
	guest_destroy(&guest);
}

static void long_mode_runs(void **state)
{
	struct guest guest;

	guest_create(&guest, 3);
	guest_reset(&guest, KVM_X86_MODE_LONG, guest_long);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, REPORTS_MAX));
	guest_stop(&guest);
	if (guest.ended)
		fail_msg("%s: %s", guest.cause.tried, guest.cause.because);
	assert_int_equal(guest.reported, 5);
	assert_int_equal(guest.reports[0], 0x51515151);
	assert_int_equal(guest.reports[1], 0); /* its x2APIC id */
	assert_int_equal(guest.reports[2], 3); /* processors in the socket */
	assert_int_equal(guest.reports[3], 0x04030201);
	assert_int_equal(guest.reports[4], 0x08070605);
	assert_int_equal(guest.mmio_sizes[8], 8);
	assert_memory_equal(guest.mmio + 8, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_int_equal(guest.mmio_sizes[0x13], 2);
	assert_memory_equal(guest.mmio + 0x13, "\x78\x56", 2);
	assert_int_equal(guest.mmio_sizes[0x17], 1);
	assert_int_equal(guest.mmio[0x17], 0x42);
	guest_destroy(&guest);
}

/* What was trapped above is memory now, but for the writes. */
static void read_only_memory_traps_writes(void **state)
{
	unsigned char *page = aligned_alloc(4096, 4096);
	struct kvm_vcpu_stats stats;
	struct guest guest;
	uint32_t slot;

	assert_non_null(page);
	memset(page, 0xa5, 4096);
	guest_create(&guest, 1);
	assert_int_equal(kvm_slot_add(guest.vm, GUEST_MMIO, 4096, page, true, &slot), 0);
	guest_reset(&guest, KVM_X86_MODE_LONG, guest_long);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, REPORTS_MAX));
	guest_stop(&guest);
	if (guest.ended)
		fail_msg("%s: %s", guest.cause.tried, guest.cause.because);
	assert_int_equal(guest.reports[3], 0xa5a5a5a5);
	assert_int_equal(guest.reports[4], 0xa5a5a5a5);
	assert_int_equal(guest.mmio[0x17], 0x42);
	kvm_vcpu_stats_get(guest.vcpus[0], &stats);
	assert_int_equal(stats.mmio, 3);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(page[i], 0xa5);
	kvm_slot_remove(guest.vm, slot);
	guest_destroy(&guest);
	free(page);
}

static void every_processor_starts(void **state)
{
	struct guest guest;
	uint32_t seen = 0;

	guest_create(&guest, CPUS);
	guest_reset(&guest, KVM_X86_MODE_PROTECTED, guest_smp);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, CPUS));
	guest_stop(&guest);
	if (guest.ended)
		fail_msg("%s: %s", guest.cause.tried, guest.cause.because);
	assert_int_equal(guest.reported, CPUS);
	for (unsigned i = 0; i < CPUS; i++)
		seen |= 1U << guest.reports[i];
	assert_int_equal(seen, 0xf);
	assert_false(guest.wrong);
	guest_destroy(&guest);
}

static uint64_t rip_of(const struct kvm_vcpu *vcpu)
{
	return kvm_arch_instruction_pointer(vcpu);
}

/* Every access is counted on both sides: one lost, or made twice, by a stop is seen by the guest. */
static void stop_and_run_lose_nothing(void **state)
{
	uint64_t rips[CPUS];
	struct guest guest;

	guest_create(&guest, CPUS);
	guest_reset(&guest, KVM_X86_MODE_PROTECTED, guest_smp);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, CPUS));
	for (unsigned round = 0; round < 500; round++) {
		uint32_t before[CPUS * 2];

		guest.slow_us = round % 10 == 0 ? 300 : 0;
		guest_stop(&guest);
		memcpy(before, guest.counts, sizeof(before));
		for (unsigned i = 0; i < CPUS; i++)
			rips[i] = rip_of(guest.vcpus[i]);
		if (round % 50 == 0)
			usleep(2000);
		for (unsigned i = 0; i < CPUS; i++) /* stopped is stopped */
			assert_int_equal(rip_of(guest.vcpus[i]), rips[i]);
		assert_memory_equal(before, guest.counts, sizeof(before));
		guest_run(&guest);
		if (round % 3 == 0)
			usleep(round);
	}
	guest.slow_us = 0;
	usleep(100000);
	guest_stop(&guest);
	if (guest.ended)
		fail_msg("%s: %s", guest.cause.tried, guest.cause.because);
	assert_false(guest.wrong);
	assert_false(guest.done);
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(guest.counts[i] > 10);
	guest_destroy(&guest);
}

static void triple_fault_ends_and_reset_cures(void **state)
{
	struct guest guest;

	guest_create(&guest, 2);
	for (unsigned round = 0; round < 3; round++) {
		guest_reset(&guest, KVM_X86_MODE_PROTECTED, guest_fault);
		guest_run(&guest);
		assert_true(guest_wait_for(&guest, 1));
		assert_true(guest.ended);
		assert_int_equal(guest.end, KVM_VCPU_END_TRIPLE_FAULT);
		kvm_vcpu_run(guest.vcpus[0]); /* has to do nothing */
		kvm_vcpu_wait_stopped(guest.vcpus[0]);
		guest_stop(&guest);

		guest_reset(&guest, KVM_X86_MODE_LONG, guest_long);
		guest_run(&guest);
		assert_true(guest_wait_for(&guest, REPORTS_MAX));
		assert_true(guest.done && !guest.ended);
		guest_stop(&guest);
	}
	guest_destroy(&guest);
}

static void failure_has_a_cause(void **state)
{
	struct guest guest;

	guest_create(&guest, 1);
	guest_reset(&guest, KVM_X86_MODE_PROTECTED, guest_astray);
	guest_run(&guest);
	assert_true(guest_wait_for(&guest, 1));
	kvm_vcpu_wait_stopped(guest.vcpus[0]);
	assert_true(guest.ended);
	assert_int_equal(guest.end, KVM_VCPU_END_FAILED);
	print_message("cannot %s\n  because: %s\n", guest.cause.tried, guest.cause.because);
	assert_non_null(strstr(guest.cause.tried, "run vCPU 0 at rip 0x"));
	assert_non_null(strstr(guest.cause.because, "KVM"));
	guest_destroy(&guest);
}

static void expect_vector(struct guest *guest, unsigned count, uint32_t vector)
{
	unsigned reported;
	uint32_t last;

	assert_true(guest_wait_for(guest, count));
	pthread_mutex_lock(&guest->mutex);
	reported = guest->reported;
	last = guest->reports[count - 1];
	pthread_mutex_unlock(&guest->mutex);
	assert_int_equal(reported, count);
	assert_int_equal(last, vector);
}

static void messages_arrive(void **state)
{
	const struct kvm_msi a = { 0xfee00000, GUEST_VECTOR_A }, b = { 0xfee00000, GUEST_VECTOR_B };
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct guest guest;
	uint32_t gsi, other;

	guest_create(&guest, 1);
	guest_reset(&guest, KVM_X86_MODE_LONG, guest_wait);
	guest_run(&guest);
	expect_vector(&guest, 1, GUEST_READY);
	kvm_msi_send(guest.vm, &b);
	expect_vector(&guest, 2, GUEST_VECTOR_B);

	assert_int_equal(kvm_msi_route_add(guest.vm, &a, &gsi), 0);
	assert_int_equal(kvm_msi_route_add(guest.vm, &a, &other), 0);
	assert_int_equal(gsi, 24);
	assert_int_equal(other, 25);
	eventfd_write(event_fd, 1); /* stands there already */
	assert_int_equal(kvm_irqfd_assign(guest.vm, gsi, event_fd), 0);
	expect_vector(&guest, 3, GUEST_VECTOR_A);
	eventfd_write(event_fd, 1);
	expect_vector(&guest, 4, GUEST_VECTOR_A);
	assert_int_equal(kvm_msi_route_update(guest.vm, gsi, &b), 0);
	eventfd_write(event_fd, 1);
	expect_vector(&guest, 5, GUEST_VECTOR_B);

	kvm_irqfd_deassign(guest.vm, gsi, event_fd);
	eventfd_write(event_fd, 1);
	kvm_msi_route_remove(guest.vm, gsi);
	kvm_msi_route_remove(guest.vm, other);
	usleep(100000);
	assert_int_equal(kvm_irqfd_assign(guest.vm, 24, -1), -EBADF);
	guest_stop(&guest);
	assert_int_equal(guest.reported, 5);
	close(event_fd);
	guest_destroy(&guest);
}

static uint64_t msr_do(const struct kvm_vcpu *vcpu, unsigned long request, uint32_t index, uint64_t value)
{
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));

	assert_non_null(msrs);
	msrs->nmsrs = 1;
	msrs->entries[0].index = index;
	msrs->entries[0].data = value;
	assert_int_equal(kvm_ioctl(vcpu->fd, request, msrs), 1);
	value = msrs->entries[0].data;
	free(msrs);
	return value;
}

static uint64_t msr_of(const struct kvm_vcpu *vcpu, uint32_t index)
{
	return msr_do(vcpu, KVM_GET_MSRS, index, 0);
}

static void msr_set(const struct kvm_vcpu *vcpu, uint32_t index, uint64_t value)
{
	msr_do(vcpu, KVM_SET_MSRS, index, value);
}

/* Offsets in an XSAVE area; its size is enough for every processor so far. */
#define XSAVE_MXCSR	24
#define XSAVE_XMM0	160
#define XSAVE_XSTATE_BV 512
#define XSAVE_SIZE	16384

static void xsave_get(const struct kvm_vcpu *vcpu, unsigned char *ret_area)
{
	bool large = kvm_extension(vcpu->vm->fd, KVM_CAP_XSAVE2);

	if (vcpu->vm->arch->xsave_size == 0)
		skip();
	assert_true(vcpu->vm->arch->xsave_size <= XSAVE_SIZE);
	assert_int_equal(kvm_ioctl(vcpu->fd, large ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, ret_area), 0);
}

/* Leaves a vCPU as a running kernel might. */
static void soil(struct kvm_vcpu *vcpu)
{
	struct kvm_debugregs debug = { .db = { 1, 2, 3, 4 }, .dr6 = 0xffff0ff0, .dr7 = 0x401 };
	unsigned char area[XSAVE_SIZE];
	struct kvm_lapic_state lapic;

	msr_set(vcpu, 0xc0000082, 0xffffffff81000000);
	msr_set(vcpu, 0x277, 0x0407050600070106);
	msr_set(vcpu, 0x2ff, 0xc00);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug), 0);
	xsave_get(vcpu, area);
	memcpy(area, "\x7f\x02", 2);
	memcpy(area + XSAVE_MXCSR, "\xa0\x1f", 2);
	memcpy(area + XSAVE_XMM0, "dirt", 4);
	area[XSAVE_XSTATE_BV] |= 3;
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_XSAVE, area), 0);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic), 0);
	lapic.regs[KVM_APIC_LVT0 + 2] = 1;
	lapic.regs[0xf1] = 1;
	lapic.regs[0x212] = 0x10; /* a pending interrupt, vector 0x54 */
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic), 0);
}

static void reset_cleans_a_processor(struct kvm_vcpu *vcpu)
{
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	struct kvm_sregs sregs;
	unsigned char area[XSAVE_SIZE];
	bool first = vcpu->index == 0;

	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs), 0);
	assert_int_equal(sregs.apic_base, first ? 0xfee00900 : 0xfee00800);
	assert_int_equal(sregs.efer, first ? 0x500 : 0);
	assert_int_equal(sregs.cr3, first ? GUEST_TABLES : 0);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp_state), 0);
	assert_int_equal(mp_state.mp_state, first ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &debug), 0);
	assert_int_equal(debug.db[3], 0);
	assert_int_equal(debug.dr7, 0x400);
	xsave_get(vcpu, area);
	assert_memory_equal(area, "\x7f\x03", 2);
	assert_memory_equal(area + XSAVE_MXCSR, "\x80\x1f", 2);
	assert_memory_equal(area + XSAVE_XMM0, "\0\0\0\0", 4);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic), 0);
	assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_ID), vcpu->apic_id << 24);
	assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_LVT0), first ? 0x700 : 0x10000);
	assert_int_equal(kvm_lapic_get(&lapic, KVM_APIC_LVT1), first ? 0x400 : 0x10000);
	assert_int_equal(kvm_lapic_get(&lapic, 0xf0), 0xff);
	assert_int_equal(kvm_lapic_get(&lapic, 0x210), 0);
	assert_int_equal(msr_of(vcpu, 0xc0000082), 0);
	assert_int_equal(msr_of(vcpu, 0x277), 0x0007040600070406);
	assert_int_equal(msr_of(vcpu, 0x2ff), 0xc06);
}

static void reset_cleans_all(void **state)
{
	struct kvm_pit_state2 pit;
	struct kvm_irqchip ioapic = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct guest guest;

	guest_create(&guest, 2);
	for (unsigned i = 0; i < 2; i++)
		soil(guest.vcpus[i]);
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_GET_IRQCHIP, &ioapic), 0);
	ioapic.chip.ioapic.redirtbl[4].bits = 0x34;
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_SET_IRQCHIP, &ioapic), 0);
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_GET_PIT2, &pit), 0);
	pit.channels[0].mode = 2;
	pit.channels[0].count = 11932;
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_SET_PIT2, &pit), 0);

	guest_reset(&guest, KVM_X86_MODE_LONG, guest_long);
	for (unsigned i = 0; i < 2; i++)
		reset_cleans_a_processor(guest.vcpus[i]);
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_GET_IRQCHIP, &ioapic), 0);
	assert_true(ioapic.chip.ioapic.redirtbl[4].bits & 0x10000);
	assert_int_equal(kvm_ioctl(guest.vm->fd, KVM_GET_PIT2, &pit), 0);
	assert_int_not_equal(pit.channels[0].mode, 2);
	guest_destroy(&guest);
}

static void many_processors(void **state)
{
	struct kvm_topology topology = { 64, 2, 2, 8, 2 };
	struct kvm_vcpu *vcpus[64];
	struct guest guest;

	guest_create(&guest, 0);
	assert_true(kvm_vm_max_vcpus(guest.vm) >= 64);
	assert_true(kvm_vm_phys_bits(guest.vm) >= 32);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(kvm_vcpu_create(guest.vm, i, &topology, true, &guest_ops, &guest, &vcpus[i]),
				 0);
	for (unsigned i = 0; i < 64; i++) {
		char name[16] = "";

		pthread_getname_np(vcpus[i]->thread, name, sizeof(name));
		assert_int_equal(strtoul(name + 4, NULL, 10), i);
		kvm_vcpu_destroy(vcpus[i]);
	}
	guest_destroy(&guest);
}

static void slots_are_numbered(void **state)
{
	struct guest guest;
	uint32_t slot = 99;

	guest_create(&guest, 0);
	assert_int_equal(guest.slot, 0);
	assert_int_equal(kvm_slot_add(guest.vm, GUEST_SIZE - 0x1000, 0x2000, guest.ram, false, &slot),
			 -EEXIST);
	assert_non_null(strstr(error_get()->because, "0x1ff000"));
	assert_int_equal(slot, 99);
	assert_int_equal(kvm_slot_add(guest.vm, 0x10000000, 0x1000, guest.ram, false, &slot), 0);
	assert_int_equal(slot, 1);
	kvm_slot_remove(guest.vm, 1);
	assert_int_equal(kvm_slot_add(guest.vm, 0x20000000, 0x1000, guest.ram, false, &slot), 0);
	assert_int_equal(slot, 1);
	guest_destroy(&guest);
}

static void vfio_device_refuses_other_files(void **state)
{
	struct guest guest;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	guest_create(&guest, 0);
	assert_true(kvm_vfio_file_add(guest.vm, fd) < 0);
	assert_non_null(strstr(error_get()->because, "KVM_"));
	close(fd);
	guest_destroy(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_numbered),
		cmocka_unit_test(vfio_device_refuses_other_files),
		cmocka_unit_test(protected_mode_runs),
		cmocka_unit_test(long_mode_runs),
		cmocka_unit_test(read_only_memory_traps_writes),
		cmocka_unit_test(every_processor_starts),
		cmocka_unit_test(stop_and_run_lose_nothing),
		cmocka_unit_test(triple_fault_ends_and_reset_cures),
		cmocka_unit_test(failure_has_a_cause),
		cmocka_unit_test(messages_arrive),
		cmocka_unit_test(reset_cleans_all),
		cmocka_unit_test(many_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
