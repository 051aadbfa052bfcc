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
#include "pci/assign.h"

#define FAREWELL_MS 1000 /* for clients to take what they are due at the end */

/*
 * Theory of operation: vCPUs and devices never change the machine's state themselves. They set a bit in
 * `requests`, ask all vCPUs to stop and wake the main thread by an eventfd; nothing there blocks or
 * allocates. The main thread waits until every vCPU has stopped and then does what was asked.
 */

void machine_request(struct machine *machine, unsigned bits)
{
	uint64_t one = 1;
	ssize_t ignored;

	atomic_fetch_or(&machine->requests, bits);
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_stop(machine->vcpus[i]);
	ignored = write(machine->request_source.fd, &one, sizeof(one));
	(void)ignored; /* full: the main thread is awake already */
}

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

/* The slots that ACPI has names for, in its order. */
static unsigned list_slots(const struct machine *machine, struct boot_slot ret_slots[PCI_ACPI_SLOTS])
{
	unsigned count = 0;

	while (machine->acpi && pci_acpi_port(machine->acpi, count)) {
		const struct pci_function *port = pci_acpi_port(machine->acpi, count);

		ret_slots[count++] = (struct boot_slot){
			.port = port->devfn,
			.number = machine_device_plan(machine, port)->root_port.slot,
		};
	}
	return count;
}

int machine_load(struct machine *machine)
{
	const struct options *options = machine->options;
	struct boot_slot slots[PCI_ACPI_SLOTS];
	const struct boot_linux_options linux_options = {
		.kernel_fd = machine->kernel_fd,
		.initrd_fd = machine->initrd_fd,
		.cmdline = options->append,
		.kernel_path = options->kernel,
		.initrd_path = options->initrd,
	};
	struct boot_machine boot = {
		.topology = options->topology,
		.ecam_start = LAYOUT_ECAM_START,
		.ecam_size = machine->ecam_size,
		.serial = true,
		.acpi_hotplug = machine->acpi != NULL,
		.slots = slots,
		.slot_count = list_slots(machine, slots),
		.acpi = {
			.pm_event = PM_PORT_EVENT,
			.pm_control = PM_PORT_CONTROL,
			.pm_timer = PM_PORT_TIMER,
			.gpe0 = PM_PORT_GPE0,
			.reset_port = PM_PORT_RESET,
			.reset_value = PM_RESET_VALUE,
			.sci = PM_GSI_SCI,
			.s5 = PM_SLP_TYP_S5,
		},
	};
	struct kvm_x86_entry entry;
	struct pci_windows windows = { 0 };
	int error = layout_assign(&machine->layout, machine->root_bus, &windows);

	machine_claims_restart(machine);
	boot.mmio32 = windows.mmio32;
	boot.mmio64 = windows.mmio64;
	boot.io_start = windows.io_start;
	boot.io_end = windows.io_end;
	if (error == 0)
		error = boot_linux_load(&linux_options, &boot, machine->ram, &entry);
	for (unsigned i = 0; error == 0 && i < machine->vcpu_count; i++)
		error = kvm_vcpu_reset(machine->vcpus[i], &entry);
	return error;
}

void machine_ask_reset(struct machine *machine, const char *reason)
{
	machine->reset_reason = reason;
	machine_request(machine, MACHINE_REQUEST_HOST_RESET);
}

void machine_end(struct machine *machine, bool by_guest, const char *reason)
{
	if (!machine->end_reason) {
		machine->end_reason = reason;
		machine->end_by_guest = by_guest;
	}
	loop_stop(machine->loop);
}

void machine_fail(struct machine *machine, const struct error *failure)
{
	if (!atomic_flag_test_and_set(&machine->failed))
		machine->failure = *failure;
	machine->ended_by_failure = true;
	machine_end(machine, false, "host-error");
}

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

static void ending_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGHUP);
}

void machine_hold_signals(void)
{
	sigset_t signals;

	ending_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread exists: they inherit it */
}

int machine_watch(struct machine *machine)
{
	sigset_t signals;
	int error;

	ending_signals(&signals);
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

void machine_die_if_signalled(struct machine *machine)
{
	sigset_t ending, pending;

	ending_signals(&ending);
	sigpending(&pending);
	sigandset(&pending, &pending, &ending);
	if (sigisemptyset(&pending))
		return;
	if (broker_stop(machine->broker) < 0)
		log_failure(error_get());
	machine->broker = NULL;
	pthread_sigmask(SIG_UNBLOCK, &ending, NULL); /* and its default action ends us */
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
