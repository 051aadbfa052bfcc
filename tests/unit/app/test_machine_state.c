/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's states, with vCPUs and devices that only count. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "base/error.h"

#define VCPUS 2

static struct {
	unsigned runs, stops, waits, loads;
	int load_result;
} seen;

void __wrap_kvm_vcpu_run(struct kvm_vcpu *vcpu);
void __wrap_kvm_vcpu_stop(struct kvm_vcpu *vcpu);
void __wrap_kvm_vcpu_wait_stopped(struct kvm_vcpu *vcpu);
void __wrap_pci_bus_reset(struct pci_bus *bus);
void __wrap_serial_reset(struct serial *serial);
void __wrap_rtc_reset(struct rtc *rtc);
void __wrap_pm_reset(struct pm *pm);
int __wrap_kvm_vm_reset(struct kvm_vm *vm);
int __wrap_machine_load(struct machine *machine);
void __wrap_machine_unplug_after_reset(struct machine *machine);

void __wrap_kvm_vcpu_run(struct kvm_vcpu *vcpu)
{
	seen.runs++;
}

void __wrap_kvm_vcpu_stop(struct kvm_vcpu *vcpu)
{
	seen.stops++;
}

void __wrap_kvm_vcpu_wait_stopped(struct kvm_vcpu *vcpu)
{
	assert_true(seen.stops >= VCPUS); /* all are asked before one is waited for */
	seen.waits++;
}

void __wrap_pci_bus_reset(struct pci_bus *bus) {}
void __wrap_machine_unplug_after_reset(struct machine *machine) {}
void __wrap_serial_reset(struct serial *serial) {}
void __wrap_rtc_reset(struct rtc *rtc) {}
void __wrap_pm_reset(struct pm *pm) {}

int __wrap_kvm_vm_reset(struct kvm_vm *vm)
{
	return 0;
}

int __wrap_machine_load(struct machine *machine)
{
	seen.loads++;
	return seen.load_result ? error_set(seen.load_result, "no") : 0;
}

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	machine->vcpu_count = VCPUS;
	memset(&seen, 0, sizeof(seen));
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void test_pause_and_resume(void **state)
{
	struct machine *machine = *state;

	assert_string_equal(machine_state_name(machine->state), "prelaunch");
	assert_int_equal(machine_resume(machine), 0);
	assert_string_equal(machine_state_name(machine->state), "running");
	assert_int_equal(machine_resume(machine), 0);
	assert_int_equal(seen.runs, VCPUS);
	machine_pause(machine, MACHINE_PAUSED);
	assert_string_equal(machine_state_name(machine->state), "paused");
	assert_int_equal(seen.waits, VCPUS);
	assert_int_equal(machine_resume(machine), 0);
	assert_int_equal(seen.runs, 2 * VCPUS);
}

static void test_who_stands_still_keeps_its_state(void **state)
{
	struct machine *machine = *state;

	machine_pause(machine, MACHINE_PAUSED);
	assert_int_equal(machine->state, MACHINE_PRELAUNCH);
	assert_int_equal(seen.stops, 0);
	machine_resume(machine);
	machine_pause(machine, MACHINE_PAUSED);
	machine_pause(machine, MACHINE_PAUSED);
	assert_int_equal(machine->state, MACHINE_PAUSED);
	assert_int_equal(seen.stops, VCPUS);
	/* An error is no less one for that, and is not talked away by a second stop. */
	machine_pause(machine, MACHINE_INTERNAL_ERROR);
	machine_pause(machine, MACHINE_PAUSED);
	assert_int_equal(machine->state, MACHINE_INTERNAL_ERROR);
}

static void test_after_an_error_only_a_reset_helps(void **state)
{
	struct machine *machine = *state;

	machine_resume(machine);
	machine_pause(machine, MACHINE_INTERNAL_ERROR);
	assert_string_equal(machine_state_name(machine->state), "internal-error");
	assert_int_equal(machine_resume(machine), -EBUSY);
	assert_string_equal(error_get()->because, "Resetting the Virtual Machine is required");
	assert_int_equal(seen.runs, VCPUS);
	assert_int_equal(machine_reset(machine), 0);
	assert_int_equal(machine->state, MACHINE_PRELAUNCH);
	assert_int_equal(seen.runs, VCPUS);
	assert_int_equal(machine_resume(machine), 0);
	assert_int_equal(seen.runs, 2 * VCPUS);
}

static void test_reset(void **state)
{
	struct machine *machine = *state;

	machine_resume(machine);
	assert_int_equal(machine_reset(machine), 0);
	assert_int_equal(machine->state, MACHINE_RUNNING);
	assert_int_equal(seen.waits, VCPUS);
	assert_int_equal(seen.loads, 1);
	assert_int_equal(seen.runs, 2 * VCPUS);
	machine_pause(machine, MACHINE_PAUSED);
	assert_int_equal(machine_reset(machine), 0);
	assert_int_equal(machine->state, MACHINE_PRELAUNCH);
	assert_int_equal(seen.runs, 2 * VCPUS);
	seen.load_result = EIO;
	assert_int_equal(machine_reset(machine), -EIO);
	assert_string_equal(error_get()->tried, "reset the machine");
}

static void test_nothing_runs_after_the_end(void **state)
{
	struct machine *machine = *state;

	machine_resume(machine);
	machine_shut_down(machine);
	assert_string_equal(machine_state_name(machine->state), "shutdown");
	assert_int_equal(machine_resume(machine), 0);
	assert_int_equal(seen.runs, VCPUS);
	machine_pause(machine, MACHINE_PAUSED);
	assert_int_equal(machine->state, MACHINE_SHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pause_and_resume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_stands_still_keeps_its_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_after_an_error_only_a_reset_helps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_runs_after_the_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
