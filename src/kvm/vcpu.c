/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: running and stopping
 *
 * A vCPU's thread is either asleep on `changed` with `stopped` set, or in its run loop. Whoever wants it
 * to stop clears `wanted`, sets immediate_exit in the page shared with the kernel, and sends the kick
 * signal. No order of events loses this:
 *
 *   - in the guest, the signal takes it out: KVM_RUN fails with EINTR;
 *   - on its way into KVM_RUN, or in a handler, it finds immediate_exit set when it gets there, and that
 *     fails with EINTR as well, but only after KVM has finished the instruction whose access was just
 *     handled. If that instruction makes another access, it is handled first.
 *
 * So the loop ends at an EINTR with `wanted` clear and at nothing else, and registers are consistent then.
 * immediate_exit is cleared under the mutex, by the thread itself, before it enters the loop.
 *
 * The kick signal's handler does nothing. vCPU threads block all other signals, and all other threads of
 * handfast are none of its receivers, for it is sent to threads and not to the process.
 */
#include "kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "kvm/uapi-priv.h"
#include "kvm/vcpu-priv.h"

#define KICK_SIGNAL SIGRTMIN

static void kick_received(int signal) {}

/* SA_RESTART: a kick must not cut short the system calls of a device's handler. KVM_RUN returns anyway. */
static void kick_prepare(void)
{
	struct sigaction action = { .sa_handler = kick_received, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	check(sigaction(KICK_SIGNAL, &action, NULL) == 0);
}

/* Under vcpu->mutex. */
static void kick(struct kvm_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (vcpu->has_thread && !vcpu->stopped)
		pthread_kill(vcpu->thread, KICK_SIGNAL);
}

static bool still_wanted(struct kvm_vcpu *vcpu)
{
	bool wanted;

	pthread_mutex_lock(&vcpu->mutex);
	wanted = vcpu->wanted;
	pthread_mutex_unlock(&vcpu->mutex);
	return wanted;
}

static void end(struct kvm_vcpu *vcpu, enum kvm_vcpu_end how)
{
	pthread_mutex_lock(&vcpu->mutex);
	vcpu->wanted = false;
	vcpu->ended = true;
	pthread_mutex_unlock(&vcpu->mutex);
	vcpu->ops->ended(vcpu->opaque, vcpu, how);
}

static void run_until_stopped(struct kvm_vcpu *vcpu)
{
	enum kvm_vcpu_end how;

	for (;;) {
		if (kvm_ioctl_run(vcpu->fd) == 0) {
			if (kvm_exit_handle(vcpu, &how))
				continue;
			end(vcpu, how);
			return;
		}
		/* EAGAIN: a processor that waited for its startup message was woken. */
		if (errno != EINTR && errno != EAGAIN) {
			kvm_exit_run_failed(vcpu, errno);
			end(vcpu, KVM_VCPU_END_FAILED);
			return;
		}
		if (!still_wanted(vcpu))
			return;
	}
}

/* Sleeps until the vCPU is to run. Returns false where its thread is to end. */
static bool wait_wanted(struct kvm_vcpu *vcpu, bool *ret_resumes)
{
	bool quit;

	pthread_mutex_lock(&vcpu->mutex);
	vcpu->thread_id = gettid();
	vcpu->stopped = true;
	pthread_cond_broadcast(&vcpu->changed);
	while (!vcpu->wanted && !vcpu->quit)
		pthread_cond_wait(&vcpu->changed, &vcpu->mutex);
	quit = vcpu->quit;
	if (!quit) {
		vcpu->stopped = false;
		*ret_resumes = vcpu->resumes;
		vcpu->resumes = true;
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&vcpu->mutex);
	return !quit;
}

static void *thread_main(void *opaque)
{
	struct kvm_vcpu *vcpu = opaque;
	sigset_t kick_only;
	bool resumes;

	sigemptyset(&kick_only);
	sigaddset(&kick_only, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick_only, NULL);
	while (wait_wanted(vcpu, &resumes)) {
		/* Tells the guest's watchdogs that it stood still; fails, and may, where it uses no kvmclock.
		 */
		if (resumes)
			(void)kvm_ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, NULL);
		run_until_stopped(vcpu);
	}
	return NULL;
}

static int thread_start(struct kvm_vcpu *vcpu)
{
	sigset_t all, before;
	char name[16];
	int err;

	kick_prepare();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&vcpu->thread, NULL, thread_main, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return error_sys(err, "starting the thread of vCPU %u", vcpu->index);
	vcpu->has_thread = true;
	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	pthread_setname_np(vcpu->thread, name);
	return 0;
}

static int open_vcpu(struct kvm_vcpu *vcpu)
{
	void *run;

	vcpu->fd = kvm_ioctl(vcpu->vm->fd, KVM_CREATE_VCPU, kvm_ioctl_number(vcpu->apic_id));
	if (vcpu->fd < 0)
		return error_sys(errno, "KVM_CREATE_VCPU for vCPU %u with APIC id %u", vcpu->index,
				 vcpu->apic_id);
	run = mmap(NULL, vcpu->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return error_sys(errno, "mapping the run page of vCPU %u", vcpu->index);
	vcpu->run = run;
	return 0;
}

int kvm_vcpu_create(struct kvm_vm *vm, unsigned index, const struct kvm_topology *topology, bool pmu,
		    const struct kvm_vcpu_ops *ops, void *opaque, struct kvm_vcpu **ret_vcpu)
{
	struct kvm_vcpu *vcpu;
	int ret;

	check(index < topology->cpus &&
	      topology->cpus == topology->sockets * topology->dies * topology->cores * topology->threads);
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return error_sys(ENOMEM, "allocating vCPU %u", index);
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->apic_id = kvm_vcpu_apic_id(topology, index);
	vcpu->fd = -1;
	vcpu->ops = ops;
	vcpu->opaque = opaque;
	vcpu->stopped = true;
	pthread_mutex_init(&vcpu->mutex, NULL);
	pthread_cond_init(&vcpu->changed, NULL);

	if (index == 0)
		kvm_arch_pmu_set(vm, pmu);
	ret = open_vcpu(vcpu);
	if (ret == 0)
		ret = kvm_arch_vcpu_init(vcpu, topology, pmu);
	if (ret == 0)
		ret = thread_start(vcpu);
	if (ret) {
		kvm_vcpu_destroy(vcpu);
		return ret;
	}
	*ret_vcpu = vcpu;
	return 0;
}

void kvm_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (vcpu->has_thread) {
		pthread_mutex_lock(&vcpu->mutex);
		vcpu->wanted = false;
		vcpu->quit = true;
		kick(vcpu);
		pthread_cond_broadcast(&vcpu->changed);
		pthread_mutex_unlock(&vcpu->mutex);
		pthread_join(vcpu->thread, NULL);
	}
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	pthread_cond_destroy(&vcpu->changed);
	pthread_mutex_destroy(&vcpu->mutex);
	free(vcpu);
}

unsigned kvm_vcpu_index(const struct kvm_vcpu *vcpu)
{
	return vcpu->index;
}

int kvm_vcpu_thread_id(struct kvm_vcpu *vcpu)
{
	int id;

	pthread_mutex_lock(&vcpu->mutex);
	while (vcpu->thread_id == 0)
		pthread_cond_wait(&vcpu->changed, &vcpu->mutex);
	id = vcpu->thread_id;
	pthread_mutex_unlock(&vcpu->mutex);
	return id;
}

void kvm_vcpu_run(struct kvm_vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->mutex);
	if (!vcpu->ended) {
		vcpu->wanted = true;
		pthread_cond_broadcast(&vcpu->changed);
	}
	pthread_mutex_unlock(&vcpu->mutex);
}

void kvm_vcpu_stop(struct kvm_vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->mutex);
	vcpu->wanted = false;
	kick(vcpu);
	pthread_mutex_unlock(&vcpu->mutex);
}

void kvm_vcpu_wait_stopped(struct kvm_vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->mutex);
	while (!vcpu->stopped)
		pthread_cond_wait(&vcpu->changed, &vcpu->mutex);
	pthread_mutex_unlock(&vcpu->mutex);
}

void kvm_vcpu_stats_get(const struct kvm_vcpu *vcpu, struct kvm_vcpu_stats *ret_stats)
{
	ret_stats->mmio = atomic_load_explicit(&vcpu->mmio, memory_order_relaxed);
	ret_stats->pio = atomic_load_explicit(&vcpu->pio, memory_order_relaxed);
	ret_stats->other = atomic_load_explicit(&vcpu->other, memory_order_relaxed);
}
