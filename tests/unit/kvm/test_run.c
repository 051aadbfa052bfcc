/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm/vcpu.c, the handshake between a vCPU's thread and those who run and stop it, on a kernel of this
 * file's own that behaves like KVM_RUN: it finishes the access that was handled before it looks at
 * immediate_exit, and a signal takes it out of the guest.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "kvm/vcpu-priv.h"
#include "kvm/vm-priv.h"

static struct {
	int fd;
	struct kvm_run *run;
	atomic_bool in_kernel;
	atomic_bool pending;	/* an access is handled, and its instruction not yet finished */
	atomic_uint finished;	/* accesses */
	atomic_uint clock_told; /* KVM_KVMCLOCK_CTRL */
	atomic_uint script;	/* what the guest does: one of below */
} kernel;

enum {
	SCRIPT_ACCESSES, /* one after another */
	SCRIPT_PAIRS,	 /* instructions of two accesses each */
	SCRIPT_HALTED,	 /* until something arrives */
	SCRIPT_SHUTDOWN,
	SCRIPT_REFUSED,
};

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CREATE_VM:
		return memfd_create("vm", MFD_CLOEXEC);
	case KVM_GET_VCPU_MMAP_SIZE:
		return 4096;
	case KVM_GET_SUPPORTED_CPUID:
		((struct kvm_cpuid2 *)argument)->nent = 0;
		return 0;
	case KVM_CREATE_VCPU:
		kernel.fd = memfd_create("vcpu", MFD_CLOEXEC);
		assert_int_equal(ftruncate(kernel.fd, 4096), 0);
		kernel.run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, kernel.fd, 0);
		assert_true(kernel.run != MAP_FAILED);
		return kernel.fd;
	case KVM_KVMCLOCK_CTRL:
		atomic_fetch_add(&kernel.clock_told, 1);
		return 0;
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return (int)((struct kvm_msrs *)argument)->nmsrs;
	case KVM_GET_REGS:
		((struct kvm_regs *)argument)->rip = 0x1000;
		return 0;
	default:
		return 0;
	}
}

int kvm_extension(int fd, unsigned long capability)
{
	return capability == KVM_CAP_IRQ_ROUTING ? 4096 : 1;
}

static int guest_access(void)
{
	kernel.run->exit_reason = KVM_EXIT_MMIO;
	kernel.run->mmio.len = 4;
	kernel.run->mmio.phys_addr = 0xd0000000;
	atomic_store(&kernel.pending, true);
	return 0;
}

static int in_guest(void)
{
	const struct timespec moment = { .tv_sec = 5 };

	/* EINTR, as a signal gives it; five seconds without one is a lost kick */
	if (nanosleep(&moment, NULL) == 0)
		errno = ETIMEDOUT;
	return -1;
}

static int run(void)
{
	if (atomic_exchange(&kernel.pending, false)) {
		unsigned finished = atomic_fetch_add(&kernel.finished, 1) + 1;

		if (kernel.script == SCRIPT_PAIRS && finished % 2)
			return guest_access();
	}
	if (__atomic_load_n(&kernel.run->immediate_exit, __ATOMIC_SEQ_CST)) {
		errno = EINTR;
		return -1;
	}
	switch (atomic_load(&kernel.script)) {
	case SCRIPT_HALTED:
		return in_guest();
	case SCRIPT_SHUTDOWN:
		kernel.run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	case SCRIPT_REFUSED:
		errno = EFAULT;
		return -1;
	default:
		return guest_access();
	}
}

int kvm_ioctl_run(int vcpu_fd)
{
	int ret, err;

	atomic_store(&kernel.in_kernel, true);
	ret = run();
	err = errno;
	atomic_store(&kernel.in_kernel, false);
	errno = err;
	return ret;
}

struct machine {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	atomic_uint reads;
	atomic_uint ends;
	enum kvm_vcpu_end end;
	struct error cause;
	bool stop_itself;
};

static void mmio_read(void *opaque, uint64_t address, void *ret_data, unsigned size)
{
	struct machine *machine = opaque;

	atomic_fetch_add(&machine->reads, 1);
	if (machine->stop_itself)
		kvm_vcpu_stop(machine->vcpu);
}

static void ended(void *opaque, struct kvm_vcpu *vcpu, enum kvm_vcpu_end end)
{
	struct machine *machine = opaque;

	machine->end = end;
	machine->cause = *error_get();
	atomic_fetch_add(&machine->ends, 1);
}

static const struct kvm_vcpu_ops ops = { .mmio_read = mmio_read, .ended = ended };

static void machine_init(struct machine *machine, unsigned script)
{
	static const struct kvm_topology one = { 1, 1, 1, 1, 1 };

	memset(machine, 0, sizeof(*machine));
	memset(&kernel, 0, sizeof(kernel));
	kernel.script = script;
	assert_int_equal(kvm_vm_create(memfd_create("kvm", MFD_CLOEXEC), &machine->vm), 0);
	assert_int_equal(kvm_vcpu_create(machine->vm, 0, &one, false, &ops, machine, &machine->vcpu), 0);
}

static void machine_fini(struct machine *machine)
{
	kvm_vcpu_destroy(machine->vcpu);
	kvm_vm_destroy(machine->vm);
	munmap(kernel.run, 4096);
}

static void assert_stands_still(struct machine *machine)
{
	unsigned reads = atomic_load(&machine->reads);

	assert_false(atomic_load(&kernel.in_kernel));
	assert_false(atomic_load(&kernel.pending));
	assert_int_equal(atomic_load(&kernel.finished), reads);
}

static void is_created_stopped(void **state)
{
	struct machine machine;

	machine_init(&machine, SCRIPT_ACCESSES);
	kvm_vcpu_wait_stopped(machine.vcpu);
	kvm_vcpu_stop(machine.vcpu); /* once more does no harm */
	kvm_vcpu_wait_stopped(machine.vcpu);
	usleep(1000);
	assert_int_equal(machine.reads, 0);
	assert_int_equal(kvm_vcpu_index(machine.vcpu), 0);
	machine_fini(&machine);
}

static void stops_between_instructions(void **state)
{
	for (unsigned script = SCRIPT_ACCESSES; script <= SCRIPT_PAIRS; script++) {
		struct machine machine;
		unsigned moved = 0;

		machine_init(&machine, script);
		for (unsigned round = 0; round < 3000; round++) {
			unsigned before = atomic_load(&machine.reads);

			kvm_vcpu_run(machine.vcpu);
			for (unsigned i = 0;
			     round % 16 == 0 && i < 50000 && atomic_load(&machine.reads) == before; i++)
				usleep(100);
			kvm_vcpu_stop(machine.vcpu);
			kvm_vcpu_wait_stopped(machine.vcpu);
			assert_stands_still(&machine);
			if (script == SCRIPT_PAIRS)
				assert_int_equal(atomic_load(&machine.reads) % 2, 0);
			moved += atomic_load(&machine.reads) != before;
		}
		assert_true(moved > 100);
		assert_true(atomic_load(&kernel.clock_told) >= moved - 1);
		machine_fini(&machine);
	}
}

static void kick_reaches_a_halted_guest(void **state)
{
	struct machine machine;

	machine_init(&machine, SCRIPT_HALTED);
	for (unsigned round = 0; round < 2000; round++) {
		kvm_vcpu_run(machine.vcpu);
		if (round % 50 == 0)
			usleep(500); /* long enough to be in the guest */
		kvm_vcpu_stop(machine.vcpu);
		kvm_vcpu_wait_stopped(machine.vcpu);
		assert_stands_still(&machine);
	}
	assert_int_equal(atomic_load(&machine.ends), 0);
	kvm_vcpu_run(machine.vcpu);
	usleep(500);
	machine_fini(&machine); /* in the guest: has to stop by itself */
}

static void handler_may_stop_its_own(void **state)
{
	struct machine machine;

	machine_init(&machine, SCRIPT_ACCESSES);
	machine.stop_itself = true;
	for (unsigned round = 1; round <= 100; round++) {
		kvm_vcpu_run(machine.vcpu);
		while (atomic_load(&machine.reads) < round)
			usleep(10);
		kvm_vcpu_wait_stopped(machine.vcpu);
		assert_stands_still(&machine);
		assert_int_equal(atomic_load(&machine.reads), round);
	}
	machine_fini(&machine);
}

static void wait_ended(struct machine *machine, unsigned ends)
{
	for (unsigned i = 0; i < 50000 && atomic_load(&machine->ends) < ends; i++)
		usleep(100);
	assert_int_equal(atomic_load(&machine->ends), ends);
	kvm_vcpu_wait_stopped(machine->vcpu);
}

static void end_lasts_until_reset(void **state)
{
	const struct kvm_x86_entry entry = { .mode = KVM_X86_MODE_PROTECTED };
	struct machine machine;

	machine_init(&machine, SCRIPT_SHUTDOWN);
	kvm_vcpu_run(machine.vcpu);
	wait_ended(&machine, 1);
	assert_int_equal(machine.end, KVM_VCPU_END_TRIPLE_FAULT);
	kvm_vcpu_run(machine.vcpu);
	usleep(2000);
	assert_int_equal(atomic_load(&machine.ends), 1);

	kvm_vcpu_stop(machine.vcpu);
	kvm_vcpu_wait_stopped(machine.vcpu);
	assert_int_equal(kvm_vcpu_reset(machine.vcpu, &entry), 0);
	kernel.script = SCRIPT_REFUSED;
	kvm_vcpu_run(machine.vcpu);
	wait_ended(&machine, 2);
	assert_int_equal(machine.end, KVM_VCPU_END_FAILED);
	assert_non_null(strstr(machine.cause.because, "KVM_RUN"));
	assert_string_equal(machine.cause.tried, "run vCPU 0 at rip 0x1000");
	machine_fini(&machine);
}

static void signals_for_others_pass_by(void **state)
{
	struct machine machine;
	sigset_t term, before;
	int got;

	machine_init(&machine, SCRIPT_HALTED);
	kvm_vcpu_run(machine.vcpu);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, &before);
	kill(getpid(), SIGTERM); /* would end us if a vCPU's thread took it */
	assert_int_equal(sigwait(&term, &got), 0);
	assert_int_equal(got, SIGTERM);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	machine_fini(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_created_stopped),	       cmocka_unit_test(stops_between_instructions),
		cmocka_unit_test(kick_reaches_a_halted_guest), cmocka_unit_test(handler_may_stop_its_own),
		cmocka_unit_test(end_lasts_until_reset),       cmocka_unit_test(signals_for_others_pass_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
