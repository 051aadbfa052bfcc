/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-vfio, of devices that are made up. */
#include "unit.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine-priv.h"
#include "app/monitor-priv.h"
#include "vfio/facts.h"

static struct {
	struct vfio_usage usage;
	struct vfio_pci_facts facts;
	bool coming, leaving, heard;
	struct machine_plug_progress plug;
	struct machine_unplug_progress unplug;
	const char *interrupts; /* /proc/interrupts; NULL: it cannot be read */
} fake;

void __wrap_vfio_usage_get(struct vfio *vfio, struct vfio_usage *ret_usage);
void __wrap_vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts);
bool __wrap_machine_plug_progress(const struct machine *machine, const struct device_plan *plan,
				  struct machine_plug_progress *ret_progress);
bool __wrap_machine_unplug_progress(const struct machine *machine, const struct pci_function *function,
				    struct machine_unplug_progress *ret_progress);
bool __wrap_pci_root_port_heard(struct pci_function *port);
int __wrap_sysfs_read_file(const char *path, char **ret_text, size_t *ret_size);

void __wrap_vfio_usage_get(struct vfio *vfio, struct vfio_usage *ret_usage)
{
	*ret_usage = fake.usage;
}

void __wrap_vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts)
{
	*ret_facts = fake.facts;
}

bool __wrap_machine_plug_progress(const struct machine *machine, const struct device_plan *plan,
				  struct machine_plug_progress *ret_progress)
{
	*ret_progress = fake.plug;
	return fake.coming;
}

bool __wrap_machine_unplug_progress(const struct machine *machine, const struct pci_function *function,
				    struct machine_unplug_progress *ret_progress)
{
	*ret_progress = fake.unplug;
	return fake.leaving;
}

bool __wrap_pci_root_port_heard(struct pci_function *port)
{
	return fake.heard;
}

int __wrap_sysfs_read_file(const char *path, char **ret_text, size_t *ret_size)
{
	assert_string_equal(path, "/proc/interrupts");
	if (!fake.interrupts)
		return -EACCES;
	*ret_text = strdup(fake.interrupts);
	return 0;
}

static uint32_t fake_read(struct pci_function *function, unsigned offset, unsigned size)
{
	return 0;
}

static void fake_destroy(struct pci_function *function)
{
	pci_function_fini(function);
	free(function);
}

static const struct pci_function_ops fake_ops = { .config_read = fake_read, .destroy = fake_destroy };

static struct device_plan *plan_add(struct machine *machine, const char *argument)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));

	assert_int_equal(device_plan_read(argument, plan), 0);
	machine_plan_add(machine, plan);
	return plan;
}

/* A port, and behind it a device with BARs of three kinds and a ROM. */
static int set_up(void **state)
{
	const struct pci_root_port_options options = { .id = "pcie.1", .hotplug = true };
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pci_function *port, *function = calloc(1, sizeof(*function));
	struct pci_root_port_handles handles;
	struct device_plan *plan;

	lock_init(&machine->lock);
	signals_init(&machine->signals, NULL);
	handles = (struct pci_root_port_handles){ .machine_lock = &machine->lock,
						  .signals = signals_handle(&machine->signals) };
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root_bus), 0);
	handles.mmio = machine->mmio;
	assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
	assert_int_equal(pci_bus_attach(machine->root_bus, PCI_DEVFN_OF(2, 0), port), 0);
	plan_add(machine, "pcie-root-port,id=pcie.1")->function = port;
	function->ops = &fake_ops;
	function->driver = "vfio-pci";
	function->bars[0] = (struct pci_bar){ PCI_BAR_MEM64, true, 0x4000 };
	function->bars[2] = (struct pci_bar){ PCI_BAR_IO, false, 0x20 };
	function->bars[PCI_ROM_BAR] = (struct pci_bar){ PCI_BAR_ROM, false, 0x10000 };
	plan = plan_add(machine, "vfio-pci,host=1a:00.3,id=disk,bus=pcie.1");
	plan->function = function;
	assert_int_equal(pci_bus_attach(port->secondary, 0, function), 0);
	memset(&fake, 0, sizeof(fake));
	fake.heard = true;
	fake.facts = (struct vfio_pci_facts){
		.host = "0000:1a:00.3",
		.vendor = 0x144d,
		.device = 0xa808,
		.group = 14,
		.backend = "type1",
		.interrupts = { "msix", 65, 3, 1 },
		.claimed = true,
	};
	fake.facts.bar[0] = (struct vfio_bar_facts){ .size = 0x4000,
						     .mappable = 0x2000,
						     .mapped = 0x1000,
						     .visible = true,
						     .address = 0xfe000000,
						     .trapped = { 7, 8 } };
	fake.facts.reset = (struct vfio_reset_facts){ "flr", "pm", "machine", 2 };
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root_bus);
	mem_bus_destroy(machine->mmio);
	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

/* What is found at a path through objects and lists ("devices/0/bars/1") has this text. */
static void expect_at(const struct machine *machine, const char *path, const char *wanted)
{
	struct json_object *all = monitor_vfio(machine), *at = all;
	char words[64], *word, *rest = words;

	strcpy(words, path);
	while ((word = strsep(&rest, "/")))
		at = json_object_is_type(at, json_type_array)
			     ? json_object_array_get_idx(at, (size_t)atoi(word))
			     : json_object_object_get(at, word);
	assert_string_equal(
		json_object_to_json_string_ext(at, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		wanted);
	json_object_put(all);
}

static void a_device_tells_all(void **state)
{
	struct machine *machine = *state;

	pci_config_write(machine->root_bus, 0, PCI_DEVFN_OF(2, 0), 0x18, 4, 0x00010100);
	(void)pci_config_read(machine->root_bus, 1, 0, 0, 4);
	(void)pci_config_read(machine->root_bus, 1, 0, 0, 4);
	expect_at(machine, "devices/1", "null");
	expect_at(machine, "devices/0/id", "\"disk\"");
	expect_at(machine, "devices/0/host", "\"0000:1a:00.3\"");
	expect_at(machine, "devices/0/bus", "\"pcie.1\"");
	expect_at(machine, "devices/0/state", "\"present\"");
	expect_at(machine, "devices/0/progress", "null");
	expect_at(machine, "devices/0/backend", "\"type1\"");
	expect_at(machine, "devices/0/group", "14");
	expect_at(machine, "devices/0/vendor", "5197");
	expect_at(machine, "devices/0/device", "43016");
	expect_at(machine, "devices/0/claimed", "true");
	expect_at(machine, "devices/0/power-state", "\"D0\"");
	expect_at(machine, "devices/0/bars",
		  "[{\"bar\":0,\"type\":\"memory\",\"size\":16384,\"address\":4261412864,\"prefetch\":true,"
		  "\"mem_type_64\":true,\"mappable\":8192,\"mapped\":4096},"
		  "{\"bar\":2,\"type\":\"io\",\"size\":32,\"address\":-1,\"mappable\":0,\"mapped\":0},"
		  "{\"bar\":6,\"type\":\"rom\",\"size\":65536,\"address\":-1,\"mappable\":0,\"mapped\":0}]");
	expect_at(machine, "devices/0/interrupts",
		  "{\"mode\":\"msix\",\"vectors\":65,\"in-use\":3,\"masked\":1}");
	expect_at(machine, "devices/0/trapped",
		  "[{\"region\":\"config\",\"reads\":2,\"writes\":0},{\"region\":\"bar0\",\"reads\":7,"
		  "\"writes\":8},"
		  "{\"region\":\"bar2\",\"reads\":0,\"writes\":0},{\"region\":\"rom\",\"reads\":0,\"writes\":"
		  "0}]");
	expect_at(machine, "devices/0/reset",
		  "{\"available\":\"flr\",\"count\":2,\"last\":\"pm\",\"by\":\"machine\"}");
	fake.facts.reset = (struct vfio_reset_facts){ 0 };
	expect_at(machine, "devices/0/reset", "{\"count\":0}");
}

/* As far as the kernel counts them. */
static void its_interrupts_are_counted(void **state)
{
	fake.interrupts = " 33:  7  5  PCI-MSIX-0000:1a:00.3  0-edge  vfio-msix[0](0000:1a:00.3)\n";
	expect_at(*state, "devices/0/interrupts/count", "12");
	fake.interrupts = " 33:  7  5  PCI-MSIX-0000:1b:00.3  0-edge  vfio-msix[0](0000:1b:00.3)\n";
	expect_at(*state, "devices/0/interrupts/count", "null");
}

static void one_that_takes_its_time(void **state)
{
	struct machine *machine = *state;

	expect_at(machine, "devices/0/busy", "false");
	fake.facts.busy = true;
	expect_at(machine, "devices/0",
		  "{\"id\":\"disk\",\"host\":\"0000:1a:00.3\",\"bus\":\"pcie.1\",\"state\":\"present\","
		  "\"backend\":\"type1\",\"group\":14,\"vendor\":5197,\"device\":43016,\"announced\":true,"
		  "\"busy\":true}");
}

static void it_is_announced_when_the_guest_knows(void **state)
{
	struct machine *machine = *state;

	expect_at(machine, "devices/0/announced", "true");
	fake.heard = false;
	expect_at(machine, "devices/0/announced", "false");
}

static void those_that_come_and_go(void **state)
{
	struct machine *machine = *state;
	struct device_plan *other = plan_add(machine, "vfio-pci,sysfsdev=/sys/bus/mdev/devices/x,bus=pcie.2");

	fake.leaving = true;
	fake.unplug = (struct machine_unplug_progress){ "asked", 12 };
	expect_at(machine, "devices/0/state", "\"leaving\"");
	expect_at(machine, "devices/0/progress", "{\"phase\":\"asked\",\"seconds-left\":12}");
	expect_at(machine, "devices/0/group", "14");
	fake.coming = true;
	fake.plug = (struct machine_plug_progress){ "checks", 0, 0 };
	expect_at(machine, "devices/1",
		  "{\"sysfsdev\":\"/sys/bus/mdev/devices/x\",\"bus\":\"pcie.2\",\"state\":\"coming\","
		  "\"progress\":{\"phase\":\"checks\"}}");
	fake.plug = (struct machine_plug_progress){ "map", 1, 4 };
	expect_at(machine, "devices/1/progress", "{\"phase\":\"map\",\"done\":1,\"total\":4}");
	other->leaving = true;
	expect_at(machine, "devices/1/state", "\"closing\"");
}

static void the_address_space(void **state)
{
	struct machine *machine = *state;

	expect_at(machine, "dma", "{\"state\":\"none\"}");
	fake.usage = (struct vfio_usage){ "type1", 1, 65535, 1024, 4096 };
	expect_at(
		machine, "dma",
		"{\"state\":\"partial\",\"backend\":\"type1\",\"mapped\":1024,\"total\":4096,\"mappings\":1,"
		"\"limit\":65535}");
	fake.usage.mapped = 4096;
	fake.usage.limit = 0;
	expect_at(
		machine, "dma",
		"{\"state\":\"mapped\",\"backend\":\"type1\",\"mapped\":4096,\"total\":4096,\"mappings\":1}");
}

int main(void)
{
#define vfio_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		vfio_test(a_device_tells_all),	    vfio_test(its_interrupts_are_counted),
		vfio_test(one_that_takes_its_time), vfio_test(it_is_announced_when_the_guest_knows),
		vfio_test(those_that_come_and_go),  vfio_test(the_address_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
