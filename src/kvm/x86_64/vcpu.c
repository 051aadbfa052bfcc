/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU of this architecture: its features at creation, its state at power-on and at each reset. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "kvm/vcpu-priv.h"
#include "kvm/x86_64/cpuid-priv.h"
#include "kvm/x86_64/x86_64-priv.h"

#define DR6_RESET   0xffff0ff0ULL
#define DR7_RESET   0x400ULL
#define FCW_RESET   0x37fU
#define MXCSR_RESET 0x1f80U

/* Offsets in an XSAVE area (Intel SDM 1, 13.4). */
#define XSAVE_MXCSR	24
#define XSAVE_XSTATE_BV 512

/* An ioctl on the vCPU, with an error that names it. */
#define SET(vcpu, request, argument) vcpu_ioctl(vcpu, request, argument, #request)

static int vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned long request, void *argument, const char *name)
{
	if (kvm_ioctl(vcpu->fd, request, argument) < 0)
		return error_sys(errno, "%s of vCPU %u", name, vcpu->index);
	return 0;
}

int kvm_arch_vcpu_init(struct kvm_vcpu *vcpu, const struct kvm_topology *topology, bool pmu)
{
	const struct kvm_cpuid2 *supported = vcpu->vm->arch->supported;
	const struct kvm_cpuid_choices choices = {
		.pmu = pmu,
		.tsc_deadline = vcpu->vm->arch->tsc_deadline,
	};
	size_t size = sizeof(*supported) + KVM_CPUID_ENTRIES_MAX * sizeof(supported->entries[0]);
	auto_free struct kvm_cpuid2 *cpuid = malloc(size);

	if (!cpuid)
		return error_sys(ENOMEM, "allocating the features of vCPU %u", vcpu->index);
	memcpy(cpuid, supported, size);
	kvm_cpuid_arrange(cpuid, topology, vcpu->index, &choices);
	return SET(vcpu, KVM_SET_CPUID2, cpuid);
}

uint64_t kvm_arch_instruction_pointer(const struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	return kvm_ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 ? 0 : regs.rip;
}

static struct kvm_msrs *msrs_new(void)
{
	struct kvm_msrs *msrs;

	return calloc(1, sizeof(*msrs) + kvm_reset_msrs_count * sizeof(msrs->entries[0]));
}

/* This KVM does not know the register, or not this value. Returns 0 where that may be. */
static int msr_refused(const struct kvm_vcpu *vcpu, const char *operation, uint32_t index)
{
	for (size_t i = 0; i < kvm_reset_msrs_count; i++) {
		if (kvm_reset_msrs[i].index == index && kvm_reset_msrs[i].needed)
			return error_set(EIO, "%s of vCPU %u refuses MSR 0x%x", operation, vcpu->index,
					 index);
	}
	return 0;
}

/* Fills *changed with what has another value than at power-on. The kernel reads in order, and stops at a
 * register that it does not know. */
static int msrs_compare(struct kvm_vcpu *vcpu, struct kvm_msrs *msrs, struct kvm_msrs *changed)
{
	const struct kvm_reset_msr *next = kvm_reset_msrs, *end = next + kvm_reset_msrs_count;

	while (next < end) {
		int known, ret;

		msrs->nmsrs = (uint32_t)(end - next);
		for (uint32_t i = 0; i < msrs->nmsrs; i++)
			msrs->entries[i].index = next[i].index;
		known = kvm_ioctl(vcpu->fd, KVM_GET_MSRS, msrs);
		if (known < 0)
			return error_sys(errno, "KVM_GET_MSRS of vCPU %u", vcpu->index);
		for (int i = 0; i < known; i++, next++) {
			if (msrs->entries[i].data == next->value)
				continue;
			changed->entries[changed->nmsrs].index = next->index;
			changed->entries[changed->nmsrs++].data = next->value;
		}
		if (next == end)
			break;
		ret = msr_refused(vcpu, "KVM_GET_MSRS", next->index);
		if (ret)
			return ret;
		next++;
	}
	return 0;
}

/* Written is only what differs: kernels complain in the host's log of writes that they do not know. */
static int msrs_reset(struct kvm_vcpu *vcpu)
{
	auto_free struct kvm_msrs *msrs = msrs_new(), *changed = msrs_new();
	int ret;

	if (!msrs || !changed)
		return error_sys(ENOMEM, "allocating the registers of vCPU %u", vcpu->index);
	ret = msrs_compare(vcpu, msrs, changed);
	while (ret == 0 && changed->nmsrs > 0) {
		int done = kvm_ioctl(vcpu->fd, KVM_SET_MSRS, changed);

		if (done < 0)
			return error_sys(errno, "KVM_SET_MSRS of vCPU %u", vcpu->index);
		if ((uint32_t)done == changed->nmsrs)
			break;
		ret = msr_refused(vcpu, "KVM_SET_MSRS", changed->entries[done].index);
		changed->nmsrs -= (uint32_t)done + 1;
		memmove(changed->entries, changed->entries + done + 1,
			changed->nmsrs * sizeof(changed->entries[0]));
	}
	return ret;
}

/* x87, SSE and all that XSAVE covers, into their initial state. */
static int fpu_reset(struct kvm_vcpu *vcpu)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = 1 } } };
	struct kvm_fpu fpu = { .fcw = FCW_RESET, .mxcsr = MXCSR_RESET };
	size_t size = vcpu->vm->arch->xsave_size;
	auto_free unsigned char *area = NULL;
	const uint64_t x87_and_sse = 3;
	const uint32_t mxcsr = MXCSR_RESET;
	const uint16_t fcw = FCW_RESET;
	int ret;

	if (size == 0)
		return SET(vcpu, KVM_SET_FPU, &fpu);
	area = calloc(1, size);
	if (!area)
		return error_sys(ENOMEM, "allocating the registers of vCPU %u", vcpu->index);
	/* XSTATE_BV names what stands in the area; every other component gets its initial state. */
	memcpy(area, &fcw, sizeof(fcw));
	memcpy(area + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(area + XSAVE_XSTATE_BV, &x87_and_sse, sizeof(x87_and_sse));
	ret = SET(vcpu, KVM_SET_XSAVE, area);
	if (ret == 0 && kvm_extension(vcpu->vm->fd, KVM_CAP_XCRS))
		ret = SET(vcpu, KVM_SET_XCRS, &xcrs);
	return ret;
}

static int lapic_reset(struct kvm_vcpu *vcpu, bool bootstrap)
{
	struct kvm_lapic_state lapic;
	int ret = SET(vcpu, KVM_GET_LAPIC, &lapic);

	if (ret)
		return ret;
	kvm_reset_lapic(bootstrap, vcpu->apic_id, &lapic);
	return SET(vcpu, KVM_SET_LAPIC, &lapic);
}

static int events_reset(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			 KVM_VCPUEVENT_VALID_SHADOW,
	};

	if (vcpu->vm->arch->smm)
		events.flags |= KVM_VCPUEVENT_VALID_SMM;
	return SET(vcpu, KVM_SET_VCPU_EVENTS, &events);
}

static int state_reset(struct kvm_vcpu *vcpu, const struct kvm_x86_entry *entry)
{
	struct kvm_debugregs debug = { .dr6 = DR6_RESET, .dr7 = DR7_RESET };
	bool bootstrap = vcpu->index == 0;
	struct kvm_mp_state mp_state;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int ret;

	kvm_reset_sregs(bootstrap, entry, &sregs);
	kvm_reset_regs(bootstrap, entry, &regs);

	/* Asking makes KVM act on an INIT or SIPI that is still on its way: it must not come after this. */
	ret = SET(vcpu, KVM_GET_MP_STATE, &mp_state);
	if (ret == 0)
		ret = events_reset(vcpu); /* first: it leaves system management mode */
	if (ret == 0)
		ret = msrs_reset(vcpu); /* before the APIC forgets its timer's mode */
	if (ret == 0)
		ret = SET(vcpu, KVM_SET_SREGS, &sregs);
	if (ret == 0)
		ret = SET(vcpu, KVM_SET_REGS, &regs);
	if (ret == 0)
		ret = fpu_reset(vcpu);
	if (ret == 0)
		ret = SET(vcpu, KVM_SET_DEBUGREGS, &debug);
	if (ret == 0)
		ret = lapic_reset(vcpu, bootstrap); /* after the base, which decides how ids are read */
	if (ret)
		return ret;
	mp_state.mp_state = bootstrap ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED;
	return SET(vcpu, KVM_SET_MP_STATE, &mp_state);
}

int kvm_vcpu_reset(struct kvm_vcpu *vcpu, const struct kvm_x86_entry *entry)
{
	int ret;

	pthread_mutex_lock(&vcpu->mutex);
	check(vcpu->stopped && !vcpu->wanted);
	pthread_mutex_unlock(&vcpu->mutex);

	ret = state_reset(vcpu, entry);
	if (ret)
		return error_tried("reset vCPU %u", vcpu->index);

	pthread_mutex_lock(&vcpu->mutex);
	vcpu->ended = false;
	vcpu->resumes = false;
	pthread_mutex_unlock(&vcpu->mutex);
	return 0;
}
