/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel left the guest for, and what is done about it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "kvm/vcpu-priv.h"

typedef unsigned long long ull;

static void count(atomic_ullong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void mmio(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned size = run->mmio.len;

	count(&vcpu->mmio);
	if (size == 0 || size > sizeof(run->mmio.data))
		return; /* the kernel makes none such */
	if (run->mmio.is_write)
		vcpu->ops->mmio_write(vcpu->opaque, run->mmio.phys_addr, run->mmio.data, size);
	else
		vcpu->ops->mmio_read(vcpu->opaque, run->mmio.phys_addr, run->mmio.data, size);
}

static void pio(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned char *data = (unsigned char *)run + run->io.data_offset;
	unsigned size = run->io.size;

	count(&vcpu->pio);
	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			vcpu->ops->pio_write(vcpu->opaque, run->io.port, data, size);
		else
			vcpu->ops->pio_read(vcpu->opaque, run->io.port, data, size);
	}
}

static void failed(const struct kvm_vcpu *vcpu)
{
	error_tried("run vCPU %u at rip 0x%llx", vcpu->index, (ull)kvm_arch_instruction_pointer(vcpu));
}

/* The instruction's bytes, where KVM hands them over. */
static void emulation_error(const struct kvm_run *run)
{
	char text[3 * sizeof(run->emulation_failure.insn_bytes) + 1] = "";
	unsigned bytes = 0;

	if (run->emulation_failure.ndata >= 3 &&
	    (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		bytes = run->emulation_failure.insn_size;
	if (bytes > sizeof(run->emulation_failure.insn_bytes))
		bytes = sizeof(run->emulation_failure.insn_bytes);
	for (unsigned i = 0; i < bytes; i++)
		snprintf(text + 3 * (size_t)i, sizeof(text) - 3 * (size_t)i, " %02x",
			 run->emulation_failure.insn_bytes[i]);
	error_set(EIO, "KVM cannot emulate the guest's instruction%s%s", bytes ? ":" : "", text);
}

static void internal_error(struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	unsigned words = run->internal.ndata < 16 ? run->internal.ndata : 16;

	switch (run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		emulation_error(run);
		break;
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		error_set(EIO, "KVM met an exception while it delivered another");
		break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		error_set(EIO, "KVM left the guest unexpectedly while it delivered an event");
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		error_set(EIO, "KVM left the guest for a reason that it does not know itself");
		break;
	default:
		error_set(EIO, "KVM reports internal error %u", run->internal.suberror);
	}
	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
		for (unsigned i = 0; i < words; i++)
			error_add("data[%u] = 0x%llx", i, (ull)run->internal.data[i]);
	}
	failed(vcpu);
}

static enum kvm_vcpu_end system_event(struct kvm_vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_RESET)
		return KVM_VCPU_END_TRIPLE_FAULT; /* wants a reset as well */
	error_set(EIO, "KVM reports system event %u", type);
	failed(vcpu);
	return KVM_VCPU_END_FAILED;
}

bool kvm_exit_handle(struct kvm_vcpu *vcpu, enum kvm_vcpu_end *ret_end)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio(vcpu);
		return true;
	case KVM_EXIT_IO:
		pio(vcpu);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		count(&vcpu->other);
		return true;
	default:
		break;
	}

	count(&vcpu->other);
	*ret_end = KVM_VCPU_END_FAILED;
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		*ret_end = KVM_VCPU_END_TRIPLE_FAULT;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		*ret_end = system_event(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		error_set(EIO, "the processor refuses to enter the guest, hardware reason 0x%llx",
			  (ull)run->fail_entry.hardware_entry_failure_reason);
		failed(vcpu);
		break;
	case KVM_EXIT_UNKNOWN:
		error_set(EIO, "KVM does not know the processor's exit reason 0x%llx",
			  (ull)run->hw.hardware_exit_reason);
		failed(vcpu);
		break;
	default:
		error_set(EIO, "KVM left the guest for reason %u, which handfast never asked for",
			  run->exit_reason);
		failed(vcpu);
	}
	return false;
}

int kvm_exit_run_failed(struct kvm_vcpu *vcpu, int errnum)
{
	/* As <linux/kvm.h> lays it out from Linux 6.8 on: flags, then the guest physical address. */
	struct {
		uint64_t flags;
		uint64_t gpa;
	} fault;

	error_sys(errnum, "KVM_RUN");
	if (errnum == EFAULT && vcpu->run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		memcpy(&fault, &vcpu->run->hw, sizeof(fault));
		error_add("the memory behind guest physical address 0x%llx cannot be reached",
			  (ull)fault.gpa);
	}
	failed(vcpu);
	return -errnum;
}
