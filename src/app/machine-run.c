/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "app/monitor.h"
#include "base/error.h"
#include "base/log.h"

#define FAREWELL_MS 1000 /* for clients to take what they are due at the end */

/* The main thread's loop, in which all that was asked for (machine-requests.c) is done. */

static void dev_reset(void *opaque)
{
	machine_request(opaque, MACHINE_REQUEST_RESET);
}

static void dev_power_off(void *opaque)
{
	machine_request(opaque, MACHINE_REQUEST_POWER_OFF);
}

const struct dev_machine_ops machine_dev_ops = { .reset = dev_reset, .power_off = dev_power_off };

static void mmio_read(void *opaque, uint64_t address, void *ret_data, unsigned size)
{
	struct machine *machine = opaque;

	mem_bus_read(machine->mmio, address, ret_data, size);
}

static void mmio_write(void *opaque, uint64_t address, const void *data, unsigned size)
{
	struct machine *machine = opaque;

	mem_bus_write(machine->mmio, address, data, size);
}

static void pio_read(void *opaque, uint16_t port, void *ret_data, unsigned size)
{
	struct machine *machine = opaque;

	mem_bus_read(machine->pio, port, ret_data, size);
}

static void pio_write(void *opaque, uint16_t port, const void *data, unsigned size)
{
	struct machine *machine = opaque;

	mem_bus_write(machine->pio, port, data, size);
}

static void vcpu_ended(void *opaque, struct kvm_vcpu *vcpu, enum kvm_vcpu_end end)
{
	struct machine *machine = opaque;

	if (end == KVM_VCPU_END_TRIPLE_FAULT) {
		log_info("vCPU %u: triple fault", kvm_vcpu_index(vcpu));
		machine_request(machine, MACHINE_REQUEST_RESET);
		return;
	}
	/* The first failure is the one that is told. */
	if (!atomic_flag_test_and_set(&machine->failed))
		machine->failure = *error_get();
	machine_request(machine, MACHINE_REQUEST_FAILED);
}

const struct kvm_vcpu_ops machine_vcpu_ops = {
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.pio_read = pio_read,
	.pio_write = pio_write,
	.ended = vcpu_ended,
};

static void reset(struct machine *machine, bool by_guest)
{
	const char *reason = by_guest ? "guest-reset" : machine->reset_reason;

	log_info(by_guest ? "the guest resets" : "the guest is reset");
	if (machine->options->no_reboot) {
		log_info("that is the end, as -no-reboot says");
		machine_end(machine, by_guest, reason);
	} else if (machine_reset(machine) < 0) {
		machine_fail(machine, error_get());
	} else {
		qmp_event(machine->qmp, "RESET", monitor_cause(by_guest, reason));
	}
}

static void on_request(struct loop_source *source, uint32_t events)
{
	struct machine *machine = source->opaque;
	uint64_t count;
	ssize_t ignored = read(source->fd, &count, sizeof(count));
	unsigned requests = atomic_exchange(&machine->requests, 0);

	(void)ignored;
	if (requests == 0)
		return;
	if (requests & MACHINE_REQUEST_FAILED) {
		machine_fail(machine, &machine->failure);
	} else if (requests & MACHINE_REQUEST_POWER_OFF) {
		log_info("the guest powered off");
		machine_end(machine, true, "guest-shutdown");
	} else {
		reset(machine, requests & MACHINE_REQUEST_RESET);
	}
}

static void on_signal(struct loop_source *source, uint32_t events)
{
	struct machine *machine = source->opaque;
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("ended by signal %u", info.ssi_signo);
	machine->ended_by_signal = (int)info.ssi_signo;
	machine_end(machine, false, "host-signal");
}

int machine_watch(struct machine *machine)
{
	sigset_t signals;
	int error;

	machine_ending_signals(&signals);
	machine_hold_signals();
	signal(SIGPIPE, SIG_IGN);
	machine->signal_source = (struct loop_source){
		.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = on_signal,
		.opaque = machine,
	};
	machine->request_source = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = on_request,
		.opaque = machine,
	};
	if (machine->signal_source.fd < 0 || machine->request_source.fd < 0)
		return error_sys(errno, "signals and events");
	error = loop_add(machine->loop, &machine->signal_source, EPOLLIN);
	return error == 0 ? loop_add(machine->loop, &machine->request_source, EPOLLIN) : error;
}

void machine_unwatch(struct machine *machine)
{
	if (machine->signal_source.fd >= 0)
		close(machine->signal_source.fd);
	if (machine->request_source.fd >= 0)
		close(machine->request_source.fd);
}

static void tell_statistics(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		struct kvm_vcpu_stats stats;

		kvm_vcpu_stats_get(machine->vcpus[i], &stats);
		log_debug("vCPU %u: exits to user space: %" PRIu64 " mmio, %" PRIu64 " pio, %" PRIu64
			  " other",
			  i, stats.mmio, stats.pio, stats.other);
	}
	log_debug("the machine lock was held for at most %" PRIu64 " us",
		  lock_longest_ns(&machine->lock) / 1000);
}

int machine_run(struct machine *machine, int *ret_signal)
{
	int error = 0;

	if (!machine->options->start_paused)
		error = machine_resume(machine);
	if (error == 0)
		error = loop_run(machine->loop);
	machine_shut_down(machine);
	qmp_event(machine->qmp, "SHUTDOWN",
		  monitor_cause(machine->end_by_guest,
				machine->end_reason ? machine->end_reason : "host-error"));
	machine_unplug_complete(machine);
	qmp_flush(machine->qmp, FAREWELL_MS);
	tell_statistics(machine);
	if (error < 0)
		return error;
	if (machine->ended_by_failure)
		return error_load(&machine->failure);
	*ret_signal = machine->ended_by_signal;
	return 0;
}
