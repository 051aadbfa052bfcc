/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room against a kernel of this file's own: what is asked of it, and what a refusal leaves behind.
 * These three functions stand in for kvm/ioctl.c.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "kvm/vcpu-priv.h"
#include "kvm/vm-priv.h"
#include "kvm/x86_64/x86_64-priv.h"

static struct {
	unsigned long refuse; /* this ioctl fails */
	int with;	      /* with this errno */
	int lacks;	      /* the capability it does not have */
	unsigned routings;    /* KVM_SET_GSI_ROUTING so far */
	uint32_t routes;      /* entries in the last */
	struct kvm_irq_routing_entry last_route;
	struct kvm_irqfd irqfd;
	struct kvm_userspace_memory_region slot;
	struct kvm_device_attr attr;
	int32_t attr_fd;
	unsigned devices;
	uint64_t pmu_disabled;
	struct kvm_uapi_msi msi;
	uint32_t refuse_msr;
	struct kvm_msr_entry written[128];
	unsigned written_count;
} kernel;

static int refused(unsigned long request)
{
	if (request != kernel.refuse)
		return 0;
	errno = kernel.with;
	return -1;
}

static int routing_set(const struct kvm_irq_routing *table)
{
	kernel.routings++;
	kernel.routes = table->nr;
	kernel.last_route = table->entries[table->nr - 1];
	return 0;
}

static int cpuid_get(struct kvm_cpuid2 *cpuid)
{
	cpuid->nent = 1;
	cpuid->entries[0] = (struct kvm_cpuid_entry2){ .function = 0x80000008, .eax = 0x3027 };
	return 0;
}

/* Like the kernel: in order, up to the first that it does not know. */
static int msrs_do(struct kvm_msrs *msrs, bool write)
{
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		if (msrs->entries[i].index == kernel.refuse_msr)
			return (int)i;
		if (!write)
			msrs->entries[i].data = 0xd1d1;
		else if (kernel.written_count < 128)
			kernel.written[kernel.written_count++] = msrs->entries[i];
	}
	return (int)msrs->nmsrs;
}

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
	if (refused(request))
		return -1;
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CREATE_VM:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case KVM_GET_VCPU_MMAP_SIZE:
		return 4096;
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_get(argument);
	case KVM_SET_GSI_ROUTING:
		return routing_set(argument);
	case KVM_IRQFD:
		kernel.irqfd = *(struct kvm_irqfd *)argument;
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		kernel.slot = *(struct kvm_userspace_memory_region *)argument;
		return 0;
	case KVM_SIGNAL_MSI:
		kernel.msi = *(struct kvm_uapi_msi *)argument;
		return 1;
	case KVM_CREATE_DEVICE:
		kernel.devices++;
		((struct kvm_create_device *)argument)->fd = (uint32_t)open("/dev/null", O_RDWR | O_CLOEXEC);
		return 0;
	case KVM_SET_DEVICE_ATTR:
		kernel.attr = *(struct kvm_device_attr *)argument;
		memcpy(&kernel.attr_fd, (void *)(uintptr_t)kernel.attr.addr, sizeof(kernel.attr_fd));
		return 0;
	case KVM_ENABLE_CAP:
		kernel.pmu_disabled = ((struct kvm_enable_cap *)argument)->args[0];
		return 0;
	case KVM_GET_MSRS:
		return msrs_do(argument, false);
	case KVM_SET_MSRS:
		return msrs_do(argument, true);
	case KVM_GET_REGS:
		((struct kvm_regs *)argument)->rip = 0xfeed;
		return 0;
	default:
		return 0;
	}
}

int kvm_ioctl_run(int vcpu_fd)
{
	errno = EINTR;
	return -1;
}

int kvm_extension(int fd, unsigned long capability)
{
	if ((int)capability == kernel.lacks)
		return 0;
	if (capability == KVM_CAP_NR_MEMSLOTS)
		return 32;
	return capability == KVM_CAP_IRQ_ROUTING ? 4096 : 1;
}

static int some_fd(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static struct kvm_vm *vm_new(void)
{
	struct kvm_vm *vm = NULL;

	memset(&kernel, 0, sizeof(kernel));
	kernel.lacks = -1;
	assert_int_equal(kvm_vm_create(some_fd(), &vm), 0);
	return vm;
}

static void creation_leaves_nothing_behind(void **state)
{
	static const struct {
		unsigned long request;
		const char *name;
	} steps[] = {
		{ KVM_GET_API_VERSION, "KVM_GET_API_VERSION" },
		{ KVM_CREATE_VM, "KVM_CREATE_VM" },
		{ KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE" },
		{ KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID" },
		{ KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR" },
		{ KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR" },
		{ KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP" },
		{ KVM_CREATE_PIT2, "KVM_CREATE_PIT2" },
		{ KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP" },
		{ KVM_GET_PIT2, "KVM_GET_PIT2" },
		{ KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING" },
	};
	int lowest = some_fd();

	close(lowest);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct kvm_vm *vm = NULL;
		int fd;

		memset(&kernel, 0, sizeof(kernel));
		kernel.lacks = -1;
		kernel.refuse = steps[i].request;
		kernel.with = EBUSY;
		assert_int_equal(kvm_vm_create(some_fd(), &vm), -EBUSY);
		assert_null(vm);
		assert_non_null(strstr(error_get()->because, steps[i].name));
		fd = some_fd();
		assert_int_equal(fd, lowest); /* every descriptor is closed */
		close(fd);
	}
}

static void lacking_capability_is_named(void **state)
{
	struct kvm_vm *vm = NULL;

	memset(&kernel, 0, sizeof(kernel));
	kernel.lacks = KVM_CAP_IRQFD;
	assert_int_equal(kvm_vm_create(some_fd(), &vm), -ENOTSUP);
	assert_non_null(strstr(error_get()->because, "KVM_CAP_IRQFD"));
	assert_true(error_get()->remedy[0] != '\0');
}

static void refused_routes_change_nothing(void **state)
{
	const struct kvm_msi a = { 0xfee00000, 0x41 }, b = { 0xfee01000, 0x42 };
	struct kvm_vm *vm = vm_new();
	uint32_t gsi = 0, other = 77, lines = kernel.routes;

	assert_int_equal(kernel.routings, 1);
	assert_int_equal(kvm_msi_route_add(vm, &a, &gsi), 0);
	assert_int_equal(kernel.routes, lines + 1);
	assert_int_equal(kernel.last_route.gsi, gsi);
	assert_int_equal(kernel.last_route.u.msi.data, 0x41);

	kernel.refuse = KVM_SET_GSI_ROUTING;
	kernel.with = ENOMEM;
	assert_int_equal(kvm_msi_route_add(vm, &b, &other), -ENOMEM);
	assert_int_equal(other, 77);
	assert_int_equal(kvm_msi_route_update(vm, gsi, &b), -ENOMEM);
	kernel.refuse = 0;

	assert_int_equal(kvm_msi_route_add(vm, &b, &other), 0);
	assert_int_equal(other, gsi + 1);
	assert_int_equal(kernel.routes, lines + 2);
	assert_int_equal(kvm_routes_message(vm->routes, gsi)->data, 0x41);

	kernel.routings = 0;
	assert_int_equal(kvm_msi_route_update(vm, gsi, &a), 0); /* as it is: the kernel hears nothing */
	assert_int_equal(kernel.routings, 0);
	kvm_msi_route_remove(vm, gsi);
	assert_int_equal(kernel.routings, 0);
	assert_int_equal(kvm_msi_route_update(vm, other, &a), 0);
	assert_int_equal(kernel.routes, lines + 1);
	assert_int_equal(kernel.last_route.gsi, other);
	kvm_vm_destroy(vm);
}

static void messages_and_eventfds_are_passed_on(void **state)
{
	const struct kvm_msi msi = { 0x100000fee00000, 0x41 };
	struct kvm_vm *vm = vm_new();

	kvm_msi_send(vm, &msi);
	assert_int_equal(kernel.msi.address_lo, 0xfee00000);
	assert_int_equal(kernel.msi.address_hi, 0x100000);
	assert_int_equal(kernel.msi.data, 0x41);
	assert_int_equal(kvm_irqfd_assign(vm, 30, 7), 0);
	assert_int_equal(kernel.irqfd.gsi, 30);
	assert_int_equal(kernel.irqfd.fd, 7);
	assert_int_equal(kernel.irqfd.flags, 0);
	kvm_irqfd_deassign(vm, 30, 7);
	assert_int_equal(kernel.irqfd.flags, KVM_IRQFD_FLAG_DEASSIGN);
	kernel.refuse = KVM_IRQFD;
	kernel.with = EBUSY;
	assert_int_equal(kvm_irqfd_assign(vm, 30, 7), -EBUSY);
	assert_non_null(strstr(error_get()->because, "GSI 30"));
	kvm_vm_destroy(vm);
}

static void slots_are_for_writing_or_not(void **state)
{
	static _Alignas(4096) uint8_t page[4096];
	struct kvm_vm *vm = vm_new();
	uint32_t slot, other;

	assert_int_equal(kvm_slot_add(vm, 0xc0000000, sizeof(page), page, true, &slot), 0);
	assert_int_equal(kernel.slot.flags, KVM_MEM_READONLY);
	assert_int_equal(kernel.slot.memory_size, sizeof(page));
	assert_int_equal(kvm_slot_add(vm, 0xd0000000, sizeof(page), page, false, &other), 0);
	assert_int_equal(kernel.slot.flags, 0);
	kvm_slot_remove(vm, slot);
	assert_int_equal(kernel.slot.slot, slot);
	assert_int_equal(kernel.slot.memory_size, 0);
	kvm_vm_destroy(vm);
}

static void one_vfio_device_for_all(void **state)
{
	struct kvm_vm *vm = vm_new();

	assert_int_equal(kvm_vfio_file_add(vm, 40), 0);
	assert_int_equal(kvm_vfio_file_add(vm, 41), 0);
	assert_int_equal(kernel.devices, 1);
	assert_int_equal(kernel.attr.group, 1);
	assert_int_equal(kernel.attr.attr, 1);
	assert_int_equal(kernel.attr_fd, 41);
	kvm_vfio_file_remove(vm, 40);
	assert_int_equal(kernel.attr.attr, 2);
	assert_int_equal(kernel.attr_fd, 40);
	kvm_vm_destroy(vm);
}

static void counters_are_taken_away(void **state)
{
	struct kvm_vm *vm = vm_new();

	kvm_arch_pmu_set(vm, true);
	assert_int_equal(kernel.pmu_disabled, 0);
	kvm_arch_pmu_set(vm, false);
	assert_int_equal(kernel.pmu_disabled, KVM_PMU_CAP_DISABLE);
	assert_int_equal(kvm_vm_phys_bits(vm), 0x27);
	kvm_vm_destroy(vm);
}

static void vcpu_init(struct kvm_vcpu *vcpu, struct kvm_vm *vm, struct kvm_run *run)
{
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->vm = vm;
	vcpu->index = 3;
	vcpu->fd = -1;
	vcpu->run = run;
	vcpu->stopped = true;
	pthread_mutex_init(&vcpu->mutex, NULL);
}

static bool was_written(uint32_t index)
{
	for (unsigned i = 0; i < kernel.written_count; i++)
		if (kernel.written[i].index == index)
			return true;
	return false;
}

static void reset_skips_registers_it_can_do_without(void **state)
{
	struct kvm_vm *vm = vm_new();
	struct kvm_x86_entry entry = { .mode = KVM_X86_MODE_LONG };
	struct kvm_vcpu vcpu;

	vcpu_init(&vcpu, vm, NULL);
	kernel.refuse_msr = 0x1a0; /* IA32_MISC_ENABLE */
	assert_int_equal(kvm_vcpu_reset(&vcpu, &entry), 0);
	assert_int_equal(kernel.written_count, kvm_reset_msrs_count - 1);
	assert_false(was_written(0x1a0));
	assert_true(was_written(0x10) && was_written(0x4b564d05));

	kernel.refuse_msr = 0xc0000082; /* LSTAR */
	assert_int_equal(kvm_vcpu_reset(&vcpu, &entry), -EIO);
	assert_non_null(strstr(error_get()->because, "0xc0000082"));
	assert_non_null(strstr(error_get()->tried, "reset vCPU 3"));
	kvm_vm_destroy(vm);
}

static void reset_names_what_failed(void **state)
{
	static const struct {
		unsigned long request;
		const char *name;
	} steps[] = {
		{ KVM_GET_MP_STATE, "KVM_GET_MP_STATE" },   { KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS" },
		{ KVM_GET_MSRS, "KVM_GET_MSRS" },	    { KVM_SET_MSRS, "KVM_SET_MSRS" },
		{ KVM_SET_SREGS, "KVM_SET_SREGS" },	    { KVM_SET_REGS, "KVM_SET_REGS" },
		{ KVM_SET_XSAVE, "KVM_SET_XSAVE" },	    { KVM_SET_XCRS, "KVM_SET_XCRS" },
		{ KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS" }, { KVM_GET_LAPIC, "KVM_GET_LAPIC" },
		{ KVM_SET_LAPIC, "KVM_SET_LAPIC" },	    { KVM_SET_MP_STATE, "KVM_SET_MP_STATE" },
	};
	struct kvm_vm *vm = vm_new();
	struct kvm_x86_entry entry = { .mode = KVM_X86_MODE_PROTECTED };
	struct kvm_vcpu vcpu;

	vcpu_init(&vcpu, vm, NULL);
	vcpu.ended = true;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		kernel.refuse = steps[i].request;
		kernel.with = EINVAL;
		assert_int_equal(kvm_vcpu_reset(&vcpu, &entry), -EINVAL);
		assert_non_null(strstr(error_get()->because, steps[i].name));
		assert_true(vcpu.ended);
	}
	kernel.refuse = 0;
	assert_int_equal(kvm_vcpu_reset(&vcpu, &entry), 0);
	assert_false(vcpu.ended);
	kvm_vm_destroy(vm);
}

static void failed_exits_say_why(void **state)
{
	struct kvm_vm *vm = vm_new();
	struct kvm_run *run = calloc(1, 4096);
	enum kvm_vcpu_end end = KVM_VCPU_END_TRIPLE_FAULT;
	struct kvm_vcpu vcpu;
	uint64_t fault[2] = { 0, 0x123456000 };

	vcpu_init(&vcpu, vm, run);
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = 3;
	memcpy(run->emulation_failure.insn_bytes, "\x0f\x01\xd0", 3);
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_int_equal(end, KVM_VCPU_END_FAILED);
	assert_string_equal(error_get()->tried, "run vCPU 3 at rip 0xfeed");
	assert_non_null(strstr(error_get()->because, "0f 01 d0"));

	run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	run->internal.ndata = 99; /* more than there is room for */
	run->internal.data[0] = 0xabc;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_non_null(strstr(error_get()->because, "data[0] = 0xabc"));
	assert_non_null(strstr(error_get()->because, "data[15]"));

	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_non_null(strstr(error_get()->because, "0x80000021"));

	run->exit_reason = 1234;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_int_equal(end, KVM_VCPU_END_FAILED);
	assert_non_null(strstr(error_get()->because, "1234"));

	run->exit_reason = KVM_EXIT_SHUTDOWN;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_int_equal(end, KVM_VCPU_END_TRIPLE_FAULT);

	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_int_equal(end, KVM_VCPU_END_FAILED);
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	assert_false(kvm_exit_handle(&vcpu, &end));
	assert_int_equal(end, KVM_VCPU_END_TRIPLE_FAULT);

	run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	memcpy(&run->hw, fault, sizeof(fault));
	assert_int_equal(kvm_exit_run_failed(&vcpu, EFAULT), -EFAULT);
	assert_non_null(strstr(error_get()->because, "0x123456000"));
	assert_string_equal(error_get()->tried, "run vCPU 3 at rip 0xfeed");
	free(run);
	kvm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creation_leaves_nothing_behind),
		cmocka_unit_test(lacking_capability_is_named),
		cmocka_unit_test(refused_routes_change_nothing),
		cmocka_unit_test(messages_and_eventfds_are_passed_on),
		cmocka_unit_test(slots_are_for_writing_or_not),
		cmocka_unit_test(one_vfio_device_for_all),
		cmocka_unit_test(counters_are_taken_away),
		cmocka_unit_test(reset_skips_registers_it_can_do_without),
		cmocka_unit_test(reset_names_what_failed),
		cmocka_unit_test(failed_exits_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
