/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a processor at power-on, as data: no ioctls. The bootstrap processor begins where direct
 * boot says, with what firmware would have set up by then (memory cached, the legacy interrupt
 * controller wired through); the others are as hardware leaves them, waiting for INIT and SIPI.
 * Source: Intel SDM 3, "Processor State After Reset" and "Local APIC State After It Has Been Software
 * Reset"; Linux Documentation/arch/x86/boot.rst; Xen docs/misc/pvh.pandoc.
 */
#include <string.h>

#include "kvm/x86_64/x86_64-priv.h"

#define CR0_PE	   (1ULL << 0)
#define CR0_ET	   (1ULL << 4)
#define CR0_NW	   (1ULL << 29)
#define CR0_CD	   (1ULL << 30)
#define CR0_PG	   (1ULL << 31)
#define CR4_PAE	   (1ULL << 5)
#define EFER_LME   (1ULL << 8)
#define EFER_LMA   (1ULL << 10)
#define RFLAGS_ONE (1ULL << 1)

#define APIC_BASE_BSP	 (1ULL << 8)
#define APIC_BASE_ENABLE (1ULL << 11)
#define APIC_BASE_START	 0xfee00000ULL

/* Segment types, with the accessed bit that a loaded segment has. */
#define TYPE_DATA 3
#define TYPE_CODE 11
#define TYPE_LDT  2
#define TYPE_TSS  11 /* busy; the same number for 32 and 64 bits */

/* Memory types of the MTRRs. */
#define WRITE_BACK_8 0x0606060606060606ULL /* eight ranges in one register */

const struct kvm_reset_msr kvm_reset_msrs[] = {
	{ 0x6e0, 0, false },			/* IA32_TSC_DEADLINE, while the APIC still has that mode */
	{ 0x3b, 0, false },			/* IA32_TSC_ADJUST */
	{ 0x10, 0, true },			/* IA32_TSC: KVM takes 0 as "with the other vCPUs" */
	{ 0x1a0, 1, false },			/* IA32_MISC_ENABLE: fast strings */
	{ 0x174, 0, true },			/* IA32_SYSENTER_CS */
	{ 0x175, 0, true },			/* IA32_SYSENTER_ESP */
	{ 0x176, 0, true },			/* IA32_SYSENTER_EIP */
	{ 0x277, 0x0007040600070406ULL, true }, /* IA32_PAT */
	{ 0xc0000081, 0, true },		/* STAR */
	{ 0xc0000082, 0, true },		/* LSTAR */
	{ 0xc0000083, 0, true },		/* CSTAR */
	{ 0xc0000084, 0, true },		/* SFMASK */
	{ 0xc0000102, 0, true },		/* KERNEL_GS_BASE */
	{ 0xc0000103, 0, false },		/* TSC_AUX */
	{ 0x1d9, 0, false },			/* IA32_DEBUGCTL */
	{ 0x17a, 0, false },			/* IA32_MCG_STATUS */
	{ 0x48, 0, false },			/* IA32_SPEC_CTRL */
	{ 0xc001011f, 0, false },		/* VIRT_SPEC_CTRL */
	{ 0xda0, 0, false },			/* IA32_XSS */
	{ 0x1c4, 0, false },			/* IA32_XFD */
	{ 0x1c5, 0, false },			/* IA32_XFD_ERR */
	{ 0xe1, 0, false },			/* IA32_UMWAIT_CONTROL */
	{ 0x122, 0, false },			/* IA32_TSX_CTRL */
	{ 0x250, WRITE_BACK_8, false },		/* MTRRfix64K_00000 */
	{ 0x258, WRITE_BACK_8, false },		/* MTRRfix16K_80000 */
	{ 0x259, 0, false },			/* MTRRfix16K_A0000: the VGA hole, uncached */
	{ 0x268, WRITE_BACK_8, false },		/* MTRRfix4K_C0000 and so on */
	{ 0x269, WRITE_BACK_8, false },
	{ 0x26a, WRITE_BACK_8, false },
	{ 0x26b, WRITE_BACK_8, false },
	{ 0x26c, WRITE_BACK_8, false },
	{ 0x26d, WRITE_BACK_8, false },
	{ 0x26e, WRITE_BACK_8, false },
	{ 0x26f, WRITE_BACK_8, false },
	{ 0x200, 0, false }, /* eight variable ranges, base and mask */
	{ 0x201, 0, false },
	{ 0x202, 0, false },
	{ 0x203, 0, false },
	{ 0x204, 0, false },
	{ 0x205, 0, false },
	{ 0x206, 0, false },
	{ 0x207, 0, false },
	{ 0x208, 0, false },
	{ 0x209, 0, false },
	{ 0x20a, 0, false },
	{ 0x20b, 0, false },
	{ 0x20c, 0, false },
	{ 0x20d, 0, false },
	{ 0x20e, 0, false },
	{ 0x20f, 0, false },
	{ 0x2ff, 0xc06, false }, /* MTRRdefType: on, fixed ranges on, write-back */
	{ 0x38f, 0, false },	 /* IA32_PERF_GLOBAL_CTRL */
	{ 0x38d, 0, false },	 /* IA32_FIXED_CTR_CTRL */
	{ 0x186, 0, false },	 /* IA32_PERFEVTSEL0 to 7 */
	{ 0x187, 0, false },
	{ 0x188, 0, false },
	{ 0x189, 0, false },
	{ 0x18a, 0, false },
	{ 0x18b, 0, false },
	{ 0x18c, 0, false },
	{ 0x18d, 0, false },
	{ 0x3f1, 0, false },	  /* IA32_PEBS_ENABLE */
	{ 0x600, 0, false },	  /* IA32_DS_AREA */
	{ 0xc0000301, 0, false }, /* AMD PerfCntrGlobalCtl */
	{ 0xc0010200, 0, false }, /* AMD PERF_CTL0 to 5 */
	{ 0xc0010202, 0, false },
	{ 0xc0010204, 0, false },
	{ 0xc0010206, 0, false },
	{ 0xc0010208, 0, false },
	{ 0xc001020a, 0, false },
	{ 0x11, 0, false },	  /* KVM_WALL_CLOCK */
	{ 0x12, 0, false },	  /* KVM_SYSTEM_TIME */
	{ 0x4b564d00, 0, false }, /* KVM_WALL_CLOCK_NEW */
	{ 0x4b564d01, 0, false }, /* KVM_SYSTEM_TIME_NEW */
	{ 0x4b564d02, 0, false }, /* KVM_ASYNC_PF_EN */
	{ 0x4b564d06, 0, false }, /* KVM_ASYNC_PF_INT */
	{ 0x4b564d03, 0, false }, /* KVM_STEAL_TIME */
	{ 0x4b564d04, 0, false }, /* KVM_PV_EOI_EN */
	{ 0x4b564d05, 1, false }, /* KVM_POLL_CONTROL */
};
const size_t kvm_reset_msrs_count = sizeof(kvm_reset_msrs) / sizeof(kvm_reset_msrs[0]);

/* A segment of the entry's table: flat, of ring 0, as selector says where it came from. */
static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !long_mode,
		.s = 1,
		.l = long_mode,
		.g = 1,
	};
}

/* A segment of real mode. */
static struct kvm_segment real(uint64_t base, uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.base = base,
		.limit = 0xffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
	};
}

static void system_segments(struct kvm_sregs *sregs)
{
	sregs->ldt = real(0, 0, TYPE_LDT);
	sregs->ldt.s = 0;
	sregs->tr = real(0, 0, TYPE_TSS);
	sregs->tr.s = 0;
}

static void sregs_at_entry(const struct kvm_x86_entry *entry, struct kvm_sregs *sregs)
{
	bool long_mode = entry->mode == KVM_X86_MODE_LONG;

	sregs->cs = flat(entry->cs, TYPE_CODE, long_mode);
	sregs->ds = flat(entry->ds, TYPE_DATA, false);
	sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
	sregs->gdt.base = entry->gdt;
	sregs->gdt.limit = entry->gdt_limit;
	sregs->cr0 = CR0_PE | CR0_ET;
	if (long_mode) {
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = entry->cr3;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
	}
}

static void sregs_at_power_on(struct kvm_sregs *sregs)
{
	sregs->cs = real(0xffff0000, 0xf000, TYPE_CODE);
	sregs->ds = real(0, 0, TYPE_DATA);
	sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
	sregs->gdt.limit = 0xffff;
	sregs->idt.limit = 0xffff;
	sregs->cr0 = CR0_ET | CR0_NW | CR0_CD;
}

void kvm_reset_sregs(bool bootstrap, const struct kvm_x86_entry *entry, struct kvm_sregs *ret_sregs)
{
	memset(ret_sregs, 0, sizeof(*ret_sregs));
	system_segments(ret_sregs);
	ret_sregs->apic_base = APIC_BASE_START | APIC_BASE_ENABLE;
	if (bootstrap) {
		ret_sregs->apic_base |= APIC_BASE_BSP;
		sregs_at_entry(entry, ret_sregs);
	} else {
		sregs_at_power_on(ret_sregs);
	}
}

void kvm_reset_regs(bool bootstrap, const struct kvm_x86_entry *entry, struct kvm_regs *ret_regs)
{
	memset(ret_regs, 0, sizeof(*ret_regs));
	ret_regs->rflags = RFLAGS_ONE;
	if (bootstrap) {
		ret_regs->rip = entry->rip;
		ret_regs->rsp = entry->rsp;
		ret_regs->rbx = entry->rbx;
		ret_regs->rsi = entry->rsi;
	} else {
		ret_regs->rip = 0xfff0;
	}
}

static void lapic_set(struct kvm_lapic_state *lapic, unsigned offset, uint32_t value)
{
	memcpy(lapic->regs + offset, &value, sizeof(value));
}

uint32_t kvm_lapic_get(const struct kvm_lapic_state *lapic, unsigned offset)
{
	uint32_t value;

	memcpy(&value, lapic->regs + offset, sizeof(value));
	return value;
}

void kvm_reset_lapic(bool bootstrap, uint32_t apic_id, struct kvm_lapic_state *lapic)
{
	const uint32_t masked = 1U << 16, external = 7U << 8, nmi = 4U << 8;
	uint32_t version = kvm_lapic_get(lapic, KVM_APIC_LVR);

	memset(lapic, 0, sizeof(*lapic));
	lapic_set(lapic, KVM_APIC_ID, apic_id << 24);
	lapic_set(lapic, KVM_APIC_LVR, version);
	lapic_set(lapic, 0xe0, 0xffffffff); /* destination format: flat */
	lapic_set(lapic, 0xf0, 0xff);	    /* spurious vector, software-disabled */
	if ((version >> 16 & 0xff) >= 6)
		lapic_set(lapic, 0x2f0, masked); /* corrected machine checks */
	lapic_set(lapic, 0x320, masked);	 /* timer */
	lapic_set(lapic, 0x330, masked);	 /* thermal sensor */
	lapic_set(lapic, 0x340, masked);	 /* performance counters */
	/* As firmware leaves them: the PIC reaches the bootstrap processor through LINT0, NMI is LINT1. */
	lapic_set(lapic, KVM_APIC_LVT0, bootstrap ? external : masked);
	lapic_set(lapic, KVM_APIC_LVT1, bootstrap ? nmi : masked);
	lapic_set(lapic, 0x370, masked); /* error */
}
