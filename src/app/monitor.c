/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/monitor.h"

#include <stdio.h>
#include <string.h>

#include "app/machine-priv.h"
#include "app/monitor-priv.h"
#include "base/error.h"
#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, qmp_string(text));
}

static void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

static void add_number(struct json_object *object, const char *key, unsigned value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

struct json_object *monitor_cause(bool guest, const char *reason)
{
	struct json_object *data = json_object_new_object();

	add_bool(data, "guest", guest);
	add_text(data, "reason", reason);
	return data;
}

static int query_status(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct machine *machine = opaque;

	answer->value = json_object_new_object();
	add_text(answer->value, "status", machine_state_name(machine->state));
	add_bool(answer->value, "running", machine->state == MACHINE_RUNNING);
	add_bool(answer->value, "singlestep", false);
	return 0;
}

static int query_name(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct machine *machine = opaque;

	answer->value = json_object_new_object();
	if (machine->options->name)
		add_text(answer->value, "name", machine->options->name);
	return 0;
}

/* There is no -uuid, and QEMU without one says the same. */
static int query_uuid(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = json_object_new_object();
	add_text(answer->value, "UUID", "00000000-0000-0000-0000-000000000000");
	return 0;
}

static int query_kvm(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = json_object_new_object();
	add_bool(answer->value, "enabled", true);
	add_bool(answer->value, "present", true);
	return 0;
}

static struct json_object *cpu_place(const struct kvm_topology *topology, unsigned index)
{
	struct json_object *props = json_object_new_object();

	add_number(props, "thread-id", index % topology->threads);
	index /= topology->threads;
	add_number(props, "core-id", index % topology->cores);
	index /= topology->cores;
	add_number(props, "die-id", index % topology->dies);
	add_number(props, "socket-id", index / topology->dies);
	return props;
}

static int query_cpus_fast(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct machine *machine = opaque;

	answer->value = json_object_new_array();
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		struct json_object *cpu = json_object_new_object();
		char path[48];

		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		add_number(cpu, "cpu-index", i);
		add_text(cpu, "qom-path", path);
		add_number(cpu, "thread-id", (unsigned)kvm_vcpu_thread_id(machine->vcpus[i]));
		add_text(cpu, "target", "x86_64");
		json_object_object_add(cpu, "props", cpu_place(&machine->options->topology, i));
		json_object_array_add(answer->value, cpu);
	}
	return 0;
}

static int query_pci(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct machine *machine = opaque;

	answer->value = monitor_pci(machine->root_bus);
	return 0;
}

static int query_vfio(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = monitor_vfio(opaque);
	return 0;
}

static int query_machines(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct json_object *q35 = json_object_new_object();

	add_text(q35, "name", "q35");
	add_bool(q35, "is-default", true);
	add_number(q35, "cpu-max", OPTIONS_CPUS_MAX);
	add_bool(q35, "hotpluggable-cpus", false);
	add_bool(q35, "numa-mem-supported", false);
	add_bool(q35, "deprecated", false);
	add_bool(q35, "acpi", true);
	answer->value = json_object_new_array();
	json_object_array_add(answer->value, q35);
	return 0;
}

static int stop(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	machine_pause(opaque, MACHINE_PAUSED);
	return 0;
}

static int cont(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	return machine_resume(opaque);
}

/* Done right after it has been answered. */
static int system_reset(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	machine_ask_reset(opaque, "host-qmp-system-reset");
	return 0;
}

static int system_powerdown(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct machine *machine = opaque;

	pm_power_button(machine->pm);
	qmp_event(machine->qmp, "POWERDOWN", NULL);
	return 0;
}

static int quit(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	log_info("ended by QMP's quit");
	machine_end(opaque, false, "host-qmp-quit");
	return 0;
}

static const struct qmp_argument device_add_arguments[] = {
	{ "driver", QMP_TYPE_STRING, false }, { NULL, QMP_TYPE_STRING, true }, /* the device's properties */
};

static const struct qmp_argument device_del_arguments[] = {
	{ "id", QMP_TYPE_STRING, false },
	{ "force", QMP_TYPE_BOOL, true },
};

static const struct qmp_argument typename_argument[] = {
	{ "typename", QMP_TYPE_STRING, false },
};

static const struct qmp_argument list_types_arguments[] = {
	{ "implements", QMP_TYPE_STRING, true },
	{ "abstract", QMP_TYPE_BOOL, true },
};

static const struct qmp_command commands[] = {
	{ "query-status", "whether the guest runs", NULL, 0, true, query_status },
	{ "query-name", "the name that -name gave the VM", NULL, 0, true, query_name },
	{ "query-uuid", "the VM's UUID: all zeros, there is no -uuid", NULL, 0, true, query_uuid },
	{ "query-kvm", "whether KVM is used: it always is", NULL, 0, true, query_kvm },
	{ "query-cpus-fast", "vCPUs, their threads and their places", NULL, 0, true, query_cpus_fast },
	{ "query-pci", "buses and devices as the guest has set them up", NULL, 0, true, query_pci },
	{ "query-vfio", "assigned devices: BARs, interrupts, resets, DMA, and who uses them", NULL, 0, true,
	  query_vfio },
	{ "query-machines", "the machines that handfast can be", NULL, 0, true, query_machines },
	{ "device-list-properties", "the properties that a device can be given", typename_argument,
	  COUNT(typename_argument), false, monitor_device_list_properties },
	{ "qom-list-types", "the types of devices and other things that there are", list_types_arguments,
	  COUNT(list_types_arguments), false, monitor_qom_list_types },
	{ "device_add", "plugs a device in", device_add_arguments, COUNT(device_add_arguments), false,
	  monitor_device_add },
	{ "device_del", "has the guest let go of a device", device_del_arguments, COUNT(device_del_arguments),
	  false, monitor_device_del },
	{ "stop", "stops the guest", NULL, 0, false, stop },
	{ "cont", "lets it go on, or begin", NULL, 0, false, cont },
	{ "system_reset", "resets the machine", NULL, 0, false, system_reset },
	{ "system_powerdown", "presses the power button", NULL, 0, false, system_powerdown },
	{ "quit", "ends the VM at once", NULL, 0, false, quit },
};

static const struct qmp_event events[] = {
	{ "STOP", "the guest stands still" },
	{ "RESUME", "the guest runs" },
	{ "RESET", "the machine was reset" },
	{ "POWERDOWN", "the power button was pressed" },
	{ "SHUTDOWN", "the VM ends" },
	{ "DEVICE_DELETED", "a device has left, and could be opened by somebody else now" },
	{ "DEVICE_UNPLUG_GUEST_ERROR", "the guest does not let go of a device" },
	{ "VFIO_DMA_PROGRESS", "how far guest memory is with becoming a device's too" },
	{ "VFIO_DEVICE_ERROR", "an assigned device has failed" },
};

const struct qmp_table monitor_table = { commands, COUNT(commands), events, COUNT(events) };

/* There is no password: who reaches the address has the VM. */
static void warn_of_tcp(const struct options_chardev *socket)
{
	bool local = strncmp(socket->host, "127.", 4) == 0 || strcmp(socket->host, "::1") == 0 ||
		     strcmp(socket->host, "localhost") == 0;

	log_warning("QMP on %s, port %u: %s has this VM in its hands", socket->host, socket->port,
		    local ? "every user of this host" : "everybody who can reach that address");
}

int monitor_start(struct machine *machine)
{
	const struct options *options = machine->options;
	int error = qmp_create(machine->loop, &monitor_table, machine, &machine->qmp);

	monitor_devices_listen(machine);
	for (unsigned i = 0; error == 0 && i < options->monitor_count; i++) {
		const struct options_chardev *socket = options->monitors[i].socket;

		if (socket->host)
			warn_of_tcp(socket);
		error = socket->host ? qmp_listen_tcp(machine->qmp, socket->host, socket->port)
				     : qmp_listen_unix(machine->qmp, socket->path);
	}
	if (error < 0)
		error_try_else("name a place behind -qmp where a socket can be made");
	return error;
}
