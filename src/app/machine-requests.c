/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"

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

void machine_ending_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGHUP);
}

void machine_hold_signals(void)
{
	sigset_t signals;

	machine_ending_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread exists: they inherit it */
}

void machine_die_if_signalled(struct machine *machine)
{
	sigset_t ending, pending;

	machine_ending_signals(&ending);
	sigpending(&pending);
	sigandset(&pending, &pending, &ending);
	if (sigisemptyset(&pending))
		return;
	if (broker_stop(machine->broker) < 0)
		log_failure(error_get());
	machine->broker = NULL;
	pthread_sigmask(SIG_UNBLOCK, &ending, NULL); /* and its default action ends us */
}
