/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "app/machine-priv.h"
#include "base/check.h"
#include "base/error.h"
#include "qmp/qmp.h"

static void run_vcpus(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_run(machine->vcpus[i]);
}

static void stop_vcpus(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_stop(machine->vcpus[i]);
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_wait_stopped(machine->vcpus[i]);
}

void machine_pause(struct machine *machine, enum machine_state state)
{
	check(state == MACHINE_PAUSED || state == MACHINE_INTERNAL_ERROR);
	if (machine->state != MACHINE_RUNNING) {
		if (state == MACHINE_INTERNAL_ERROR && machine->state != MACHINE_SHUTDOWN)
			machine->state = state;
		return;
	}
	stop_vcpus(machine);
	machine->state = state;
	machine_claims_follow(machine);
	qmp_event(machine->qmp, "STOP", NULL);
}

int machine_resume(struct machine *machine)
{
	switch (machine->state) {
	case MACHINE_RUNNING:
	case MACHINE_SHUTDOWN:
		return 0;
	case MACHINE_INTERNAL_ERROR:
		return error_set(EBUSY, "Resetting the Virtual Machine is required");
	case MACHINE_PRELAUNCH:
	case MACHINE_PAUSED:
		break;
	}
	machine->state = MACHINE_RUNNING;
	run_vcpus(machine);
	machine_claims_follow(machine);
	qmp_event(machine->qmp, "RESUME", NULL);
	return 0;
}

int machine_reset(struct machine *machine)
{
	bool running = machine->state == MACHINE_RUNNING;
	int error;

	stop_vcpus(machine);
	pci_bus_reset(machine->root_bus);
	pci_acpi_reset(machine->acpi);
	machine_unplug_after_reset(machine);
	serial_reset(machine->serial);
	rtc_reset(machine->rtc);
	pm_reset(machine->pm);
	error = kvm_vm_reset(machine->vm);
	if (error == 0)
		error = machine_load(machine);
	if (error < 0)
		return error_tried("reset the machine");
	if (running)
		run_vcpus(machine);
	else
		machine->state = MACHINE_PRELAUNCH;
	return 0;
}

void machine_shut_down(struct machine *machine)
{
	stop_vcpus(machine);
	machine->state = MACHINE_SHUTDOWN;
	machine_claims_follow(machine);
}
