/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is refused of device_add and device_del, in the words and classes that clients know from QEMU. */
#include "unit.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "app/monitor.h"
#include "qmp/dispatch-priv.h"

static struct device_plan *add(struct machine *machine, const char *argument)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));

	assert_int_equal(device_plan_read(argument, plan), 0);
	machine_plan_add(machine, plan);
	return plan;
}

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	add(machine, "pcie-root-port,id=pcie.1");
	add(machine, "vfio-pci,host=1a:00.0,id=net0,bus=pcie.1,addr=0")->leaving = true;
	add(machine, "pcie-root-port,id=pcie.2");
	add(machine, "vfio-pci,host=1b:00.0,id=late,bus=pcie.2,addr=0");
	add(machine, "pcie-root-port,id=free");
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	free(machine);
	return 0;
}

/* The answer is an error of this class, and its text begins so, with a line's end or the text's behind it. */
static void refused(struct machine *machine, const char *request, const char *class, const char *wanted)
{
	struct qmp_session session = { .table = &monitor_table, .opaque = machine, .fd = -1 };
	struct json_object *object = json_tokener_parse(request), *reply, *error;
	const char *text;

	assert_non_null(object);
	reply = qmp_dispatch(&session, object, 1);
	assert_true(json_object_object_get_ex(reply, "error", &error));
	assert_string_equal(json_object_get_string(json_object_object_get(error, "class")), class);
	text = json_object_get_string(json_object_object_get(error, "desc"));
	if (strncmp(text, wanted, strlen(wanted)) != 0 ||
	    (text[strlen(wanted)] != '\0' && text[strlen(wanted)] != '\n'))
		fail_msg("%s: wanted '%s', got '%s'", request, wanted, text);
	json_object_put(object);
	json_object_put(reply);
}

#define ADD(arguments) "{\"execute\":\"device_add\",\"arguments\":{" arguments "}}"
#define DEL(id)	       "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"" id "\"}}"

static void device_add_is_refused(void **state)
{
	static const struct {
		const char *request, *text;
	} cases[] = {
		{ ADD(""), "Parameter 'driver' is missing" },
		{ ADD("\"driver\":1"), "Invalid parameter type for 'driver', expected: string" },
		{ ADD("\"driver\":\"x\""), "'x' is not a valid device model name" },
		{ ADD("\"driver\":\"virtio-net-pci\""), "'virtio-net-pci' is not a valid device model name: "
							"virtio devices are not there yet; pass a "
							"device through by vfio-pci" },
		{ ADD("\"driver\":\"vfio-pci\",\"host\":\"1c:00.0\",\"bus\":\"nobus\""),
		  "Bus 'nobus' not found" },
		{ ADD("\"driver\":\"vfio-pci\",\"host\":\"1c:00.0\",\"bus\":\"pcie.0\""),
		  "Bus 'pcie.0' does not support hotplugging" },
		{ ADD("\"driver\":\"vfio-pci\",\"host\":\"1c:00.0\",\"bus\":\"free\",\"id\":\"net0\""),
		  "Duplicate device ID 'net0'" },
		{ ADD("\"driver\":\"vfio-pci\",\"host\":\"1c:00.0\",\"bus\":\"free\",\"nosuch\":1"),
		  "Property 'vfio-pci.nosuch' not found" },
		{ ADD("\"driver\":\"pcie-root-port\",\"id\":\"more\""),
		  "Device 'pcie-root-port' does not support hotplugging" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(*state, cases[i].request, "GenericError", cases[i].text);
}

static void device_del_is_refused(void **state)
{
	refused(*state, "{\"execute\":\"device_del\"}", "GenericError", "Parameter 'id' is missing");
	refused(*state, DEL("nope"), "DeviceNotFound", "Device 'nope' not found");
	refused(*state, DEL("net0"), "GenericError", "Device net0 is already in the process of unplug");
	refused(*state, DEL("late"), "GenericError", "Device late is still being plugged in");
	refused(*state, DEL("pcie.1"), "GenericError",
		"Device 'pcie-root-port' does not support hotplugging");
}

static void unknown_commands_and_types(void **state)
{
	refused(*state, "{\"execute\":\"nosuch\"}", "CommandNotFound",
		"The command nosuch has not been found");
	refused(*state, "{\"execute\":\"device-list-properties\",\"arguments\":{\"typename\":\"nope\"}}",
		"DeviceNotFound", "Device 'nope' not found");
}

int main(void)
{
#define refusal_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		refusal_test(device_add_is_refused),
		refusal_test(device_del_is_refused),
		refusal_test(unknown_commands_and_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
