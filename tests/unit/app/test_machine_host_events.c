/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of the machine when a device fails. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"

static struct {
	unsigned pauses, fails;
	const char *reset_reason;
	struct error failure;
} seen;

void __wrap_machine_pause(struct machine *machine, enum machine_state state);
void __wrap_machine_ask_reset(struct machine *machine, const char *reason);
void __wrap_machine_fail(struct machine *machine, const struct error *failure);
const struct device_plan *__wrap_machine_device_plan(const struct machine *machine,
						     const struct pci_function *function);
const char *__wrap_vfio_pci_host_name(const struct pci_function *function);
const char *__wrap_broker_device_title(struct broker *broker, const struct host_id *id, char *ret_text,
				       size_t size);

void __wrap_machine_pause(struct machine *machine, enum machine_state state)
{
	assert_int_equal(state, MACHINE_INTERNAL_ERROR);
	seen.pauses++;
}

void __wrap_machine_ask_reset(struct machine *machine, const char *reason)
{
	seen.reset_reason = reason;
}

void __wrap_machine_fail(struct machine *machine, const struct error *failure)
{
	seen.fails++;
	seen.failure = *failure;
}

const struct device_plan *__wrap_machine_device_plan(const struct machine *machine,
						     const struct pci_function *function)
{
	return machine->plans;
}

const char *__wrap_vfio_pci_host_name(const struct pci_function *function)
{
	return "0000:01:00.0";
}

const char *__wrap_broker_device_title(struct broker *broker, const struct host_id *id, char *ret_text,
				       size_t size)
{
	snprintf(ret_text, size, "0000:01:00.0 (8086:10d3 a card)");
	return ret_text;
}

/* Fails a device with that id and plan; returns what was said, the caller's. */
static char *fail_device(const char *id, struct device_plan *plan)
{
	struct pci_function function = { .id = (char *)id };
	struct machine *machine = calloc(1, sizeof(*machine));
	FILE *log = tmpfile();
	char *text = calloc(1, 4096);
	struct vfio_events events = machine_device_events(machine);

	memset(&seen, 0, sizeof(seen));
	machine->plans = plan;
	log_setup(fileno(log), LOG_LEVEL_WARNING);
	events.error(events.opaque, &function);
	rewind(log);
	(void)!fread(text, 1, 4095, log);
	fclose(log);
	free(machine);
	return text;
}

static void test_actions(void **state)
{
	static const char *const said[] = { "is stopped, as x-err-action=pause",
					    "goes on, as x-err-action=log",
					    "is reset, and the device with it, as x-err-action=reset", "" };

	for (unsigned action = DEVICE_ERR_PAUSE; action <= DEVICE_ERR_QUIT; action++) {
		struct device_plan plan = { .err_action = (enum device_err_action)action };
		char *text = fail_device("net", &plan);

		assert_int_equal(seen.pauses, action == DEVICE_ERR_PAUSE);
		assert_int_equal(seen.fails, action == DEVICE_ERR_QUIT);
		assert_int_equal(seen.reset_reason != NULL, action == DEVICE_ERR_RESET);
		assert_non_null(strstr(text, said[action]));
		free(text);
	}
	/* The last one is told when the machine has ended. */
	assert_string_equal(seen.failure.tried, "rely on 0000:01:00.0 (8086:10d3 a card), the device 'net'");
	assert_non_null(strstr(seen.failure.because, "the VM ends, as x-err-action=quit says"));
}

static void test_a_device_without_a_name(void **state)
{
	struct device_plan plan = { .err_action = DEVICE_ERR_LOG };
	char *text = fail_device(NULL, &plan);

	assert_non_null(strstr(text, "cannot rely on 0000:01:00.0 (8086:10d3 a card)\n"));
	free(text);
	text = fail_device(NULL, NULL); /* plugged in later */
	assert_int_equal(seen.pauses, 1);
	assert_non_null(strstr(text, "cannot rely on 0000:01:00.0\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_a_device_without_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
