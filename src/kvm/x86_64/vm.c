/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VM has besides memory on a PC: interrupt controllers, the timer, and the processors' features. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "kvm/uapi-priv.h"
#include "kvm/vcpu-priv.h"
#include "kvm/vm-priv.h"
#include "kvm/x86_64/cpuid-priv.h"
#include "kvm/x86_64/x86_64-priv.h"

/* Where KVM may put what it needs of the guest's address space on Intel processors: a page table for
 * processors without "unrestricted guest", and behind it a task state segment of three pages. */
#define IDENTITY_MAP KVM_VM_PRIVATE_START
#define TSS	     (KVM_VM_PRIVATE_START + 0x1000)

/* arch_prctl(2), Linux 5.17: what guests may use of AMX' large registers. */
#define REQ_XCOMP_GUEST_PERM 0x1025
#define XFEATURE_XTILEDATA   18

/* As the PC has it: interrupt requests 0 to 15 reach PIC and IOAPIC, 16 to 23 the IOAPIC alone; request 2
 * is the second PIC itself, and the IOAPIC's pin 2, so free, is the timer's (the MADT has to say so). */
/* clang-format off */
#define PIC(irq)    { irq, (irq) < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, (irq) % 8 }
#define IOAPIC(irq) { irq, KVM_IRQCHIP_IOAPIC, irq }
const struct kvm_route_line kvm_arch_lines[] = {
	PIC(0), PIC(1), PIC(3), PIC(4), PIC(5), PIC(6), PIC(7),
	PIC(8), PIC(9), PIC(10), PIC(11), PIC(12), PIC(13), PIC(14), PIC(15),
	{ 0, KVM_IRQCHIP_IOAPIC, 2 },
	IOAPIC(1), IOAPIC(3), IOAPIC(4), IOAPIC(5), IOAPIC(6), IOAPIC(7),
	IOAPIC(8), IOAPIC(9), IOAPIC(10), IOAPIC(11), IOAPIC(12), IOAPIC(13), IOAPIC(14), IOAPIC(15),
	IOAPIC(16), IOAPIC(17), IOAPIC(18), IOAPIC(19), IOAPIC(20), IOAPIC(21), IOAPIC(22), IOAPIC(23),
};
/* clang-format on */
const size_t kvm_arch_lines_count = sizeof(kvm_arch_lines) / sizeof(kvm_arch_lines[0]);

static int supported_read(struct kvm_vm *vm)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + KVM_CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));
	const struct kvm_cpuid_entry2 *sizes;

	if (!cpuid)
		return error_sys(ENOMEM, "allocating the processor's features");
	vm->arch->supported = cpuid;
	/* Without it KVM leaves AMX out of what it supports, and no harm is done. */
	syscall(SYS_arch_prctl, REQ_XCOMP_GUEST_PERM, XFEATURE_XTILEDATA);
	cpuid->nent = KVM_CPUID_ENTRIES_MAX;
	if (kvm_ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		return error_sys(errno, "KVM_GET_SUPPORTED_CPUID");
	sizes = kvm_cpuid_find(cpuid, 0x80000008, 0);
	vm->arch->phys_bits = sizes ? sizes->eax & 0xff : 36;
	return 0;
}

static int chips_create(struct kvm_vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity_map = IDENTITY_MAP;

	if (kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return error_sys(errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, kvm_ioctl_number(TSS)) < 0)
		return error_sys(errno, "KVM_SET_TSS_ADDR");
	if (kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, NULL) < 0)
		return error_sys(errno, "KVM_CREATE_IRQCHIP");
	if (kvm_ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
		return error_sys(errno, "KVM_CREATE_PIT2");
	return 0;
}

/* New chips are in their state at power-on: kept, it is what a reset puts back. */
static int chips_save(struct kvm_vm *vm)
{
	for (uint32_t i = 0; i < KVM_IRQCHIPS; i++) {
		vm->arch->irqchip[i].chip_id = i;
		if (kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &vm->arch->irqchip[i]) < 0)
			return error_sys(errno, "KVM_GET_IRQCHIP %u", i);
	}
	if (kvm_ioctl(vm->fd, KVM_GET_PIT2, &vm->arch->pit) < 0)
		return error_sys(errno, "KVM_GET_PIT2");
	return 0;
}

int kvm_arch_vm_init(struct kvm_vm *vm)
{
	int xsave, ret;

	vm->arch = calloc(1, sizeof(*vm->arch));
	if (!vm->arch)
		return error_sys(ENOMEM, "allocating a virtual machine");
	ret = supported_read(vm);
	if (ret == 0)
		ret = chips_create(vm);
	if (ret == 0)
		ret = chips_save(vm);
	if (ret)
		return ret;
	vm->arch->tsc_deadline = kvm_extension(vm->fd, KVM_CAP_TSC_DEADLINE_TIMER);
	vm->arch->smm = kvm_extension(vm->fd, KVM_CAP_X86_SMM);
	xsave = kvm_extension(vm->fd, KVM_CAP_XSAVE2);
	if (xsave >= (int)sizeof(struct kvm_xsave))
		vm->arch->xsave_size = (size_t)xsave;
	else if (kvm_extension(vm->fd, KVM_CAP_XSAVE))
		vm->arch->xsave_size = sizeof(struct kvm_xsave);
	return 0;
}

void kvm_arch_vm_fini(struct kvm_vm *vm)
{
	if (!vm->arch)
		return;
	free(vm->arch->supported);
	free(vm->arch);
}

void kvm_arch_pmu_set(struct kvm_vm *vm, bool pmu)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_PMU_CAPABILITY, .args = { KVM_PMU_CAP_DISABLE } };

	/* AMD's first counters have no bit in CPUID, so leaving bits out does not take them away. A kernel
	 * that cannot (before 5.18) leaves them there, which is no harm. */
	if (!pmu && (kvm_extension(vm->fd, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE))
		(void)kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

unsigned kvm_vm_phys_bits(const struct kvm_vm *vm)
{
	return vm->arch->phys_bits;
}

int kvm_vm_reset(struct kvm_vm *vm)
{
	for (uint32_t i = 0; i < KVM_IRQCHIPS; i++) {
		if (kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &vm->arch->irqchip[i]) < 0)
			return error_sys(errno, "KVM_SET_IRQCHIP %u", i);
	}
	if (kvm_ioctl(vm->fd, KVM_SET_PIT2, &vm->arch->pit) < 0)
		return error_sys(errno, "KVM_SET_PIT2");
	return 0;
}
