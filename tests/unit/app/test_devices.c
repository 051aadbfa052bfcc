/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/devices.h"
#include "base/error.h"

#define PLANS_MAX 40

struct plans {
	struct device_plan plans[PLANS_MAX];
	unsigned count;
};

/* Reads and places a NULL-terminated list of -device arguments. */
static int place(struct plans *plans, const char *const *arguments)
{
	int error = 0;

	*plans = (struct plans){ 0 };
	for (; error == 0 && arguments[plans->count];) {
		struct device_plan *plan = &plans->plans[plans->count];

		error = device_plan_read(arguments[plans->count], plan);
		if (error == 0 && plans->count++ > 0)
			plan[-1].next = plan;
	}
	return error == 0 ? device_plans_place(plans->plans) : error;
}

static void free_plans(struct plans *plans)
{
	for (unsigned i = 0; i < plans->count; i++)
		device_plan_free(&plans->plans[i]);
}

static void assert_refused(const char *const *arguments, int error, const char *because)
{
	struct plans plans;

	assert_int_equal(place(&plans, arguments), error);
	assert_string_equal(error_get()->because, because);
	free_plans(&plans);
}

static void test_addr_forms(void **state)
{
	static const struct {
		const char *text;
		uint8_t devfn;
	} good[] = {
		{ "0x3", 0x18 }, { "3", 0x18 },		{ "05", 0x28 },	      { "0x03.0x0", 0x18 },
		{ "8.2", 0x42 }, { "1f.3", 0xfb },	{ "0x1f.7", 0xff },   { "0x10.4", 0x84 },
		{ "0", 0 },	 { "0xA", 0x50 },	{ "00000003", 0x18 }, { "0000000000.0000000002", 2 },
		{ "00", 0 },	 { "0x0000003", 0x18 },
	};
	static const char *const bad[] = { "",	    ".",	   ".0x5", "3.",	   "0x111", "0x20",
					   "0x1.8", "0x1.0x2.0x3", "1g",   "0000:1a:00.3", "10",    "12.0",
					   "-1",    "0x",	   "3 ",   "99999999999" };
	uint8_t devfn;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(device_addr_parse(good[i].text, &devfn), 0);
		assert_int_equal(devfn, good[i].devfn);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(device_addr_parse(bad[i], &devfn), -EINVAL);
}

/* What is empty is not a name that was not found. */
static void test_empty_words(void **state)
{
	struct device_plan plan;

	assert_int_equal(device_plan_read("vfio-pci,host=01:00.0,id=", &plan), -EINVAL);
	assert_string_equal(error_get()->because, "its id is empty");
	assert_string_equal(error_get()->remedy, "id=NAME, or leave id= out");
	assert_int_equal(device_plan_read("vfio-pci,host=01:00.0,bus=", &plan), -EINVAL);
	assert_string_equal(error_get()->because, "its bus is empty");
	assert_string_equal(error_get()->remedy, "bus=pcie.0, the id of a pcie-root-port, or leave bus= out");
}

/* As libvirt writes them. */
static void test_json(void **state)
{
	static const struct {
		const char *text;
		const char *because;
	} bad[] = {
		{ "{", "JSON parse error at character 2: it ends too early" },
		{ "{\"driver\":\"vfio-pci\"", "JSON parse error at character 21: it ends too early" },
		{ "{driver:1}", "JSON parse error at character 2: quoted object property name expected" },
		{ "{\"driver\":\"vfio-pci\"} x", NULL },
		{ "{\"host\":\"01:00.0\"}", "Parameter 'driver' is missing" },
		{ "{\"driver\":7}", "Invalid parameter type for 'driver', expected: string" },
		{ "{\"driver\":\"vfio-pci\",\"hots\":\"01:00.0\"}", "Property 'vfio-pci.hots' not found" },
		{ "{\"driver\":\"vfio-pci\",\"host\":[]}",
		  "Invalid parameter type for 'host', expected: string" },
		{ "{\"driver\":\"vfio-pci\",\"host\":\"01:00.0\",\"id\":\"\"}", "its id is empty" },
	};
	struct device_plan plan;

	assert_int_equal(
		device_plan_read("{\"driver\": \"vfio-pci\", \"host\": \"0000:1a:00.3\", \"id\": \"net\", "
				 "\"bus\": \"pcie.1\", \"addr\": \"0x0\", \"multifunction\": true, "
				 "\"unplug-timeout\": 7}",
				 &plan),
		0);
	assert_string_equal(plan.kind->name, "vfio-pci");
	assert_string_equal(plan.id, "net");
	assert_string_equal(plan.bus, "pcie.1");
	assert_true(plan.placed && plan.devfn == 0 && plan.multifunction);
	assert_int_equal(plan.host.bdf.bus, 0x1a);
	assert_int_equal(plan.unplug_seconds, 7);
	device_plan_free(&plan);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(device_plan_read(bad[i].text, &plan), -EINVAL);
		if (bad[i].because)
			assert_string_equal(error_get()->because, bad[i].because);
	}
}

static void test_ambiguous_addr_says_how_to_write_it(void **state)
{
	uint8_t devfn;

	assert_int_equal(device_addr_parse("10", &devfn), -EINVAL);
	assert_string_equal(error_get()->because, "'10' is 16 to QEMU and 10 to StratoVirt");
	assert_string_equal(error_get()->remedy, "write 0x10 or 0xa");
}

static void test_the_mission_s_own_command_line(void **state)
{
	static const char *const arguments[] = {
		"pcie-root-port,id=pcie.1,port=0x1,bus=pcie.0,addr=0x1",
		"vfio-pci,host=0000:1a:00.3,id=net,bus=pcie.0,addr=0x03.0x0,multifunction=on",
		"vfio-pci,host=0000:1b:00.0,id=disk,bus=pcie.1,addr=0x0",
		NULL,
	};
	struct plans plans;

	assert_int_equal(place(&plans, arguments), 0);
	assert_int_equal(plans.plans[1].devfn, 0x18);
	assert_true(plans.plans[1].multifunction);
	assert_int_equal(plans.plans[1].host.bdf.bus, 0x1a);
	assert_int_equal(plans.plans[1].host.bdf.function, 3);
	assert_string_equal(plans.plans[2].bus, "pcie.1");
	free_plans(&plans);
}

static void test_places_what_has_no_addr(void **state)
{
	static const char *const arguments[] = {
		"vfio-pci,host=01:00.0",
		"vfio-pci,host=02:00.0,addr=0x1",
		"pcie-root-port,id=rp",
		NULL,
	};
	struct plans plans;

	assert_int_equal(place(&plans, arguments), 0);
	assert_int_equal(plans.plans[0].devfn,
			 2 << 3); /* slot 0 is the host bridge's, 1 is taken further on */
	assert_int_equal(plans.plans[1].devfn, 1 << 3);
	assert_int_equal(plans.plans[2].devfn, 3 << 3);
	free_plans(&plans);
}

static void test_who_may_leave(void **state)
{
	static const char *const no_time[] = { "vfio-pci,host=01:00.0,unplug-timeout=0", NULL };
	static const char *const arguments[] = {
		"pcie-root-port,id=rp1",
		"pcie-root-port,id=rp2,hotplug=off",
		"pcie-root-port,id=rp3,hotplug=on",
		"vfio-pci,host=01:00.0,bus=rp1",
		"vfio-pci,host=02:00.0,bus=rp2,unplug-timeout=7",
		NULL,
	};
	struct plans plans;

	assert_int_equal(place(&plans, arguments), 0);
	assert_true(plans.plans[0].root_port.hotplug);
	assert_false(plans.plans[1].root_port.hotplug);
	assert_true(plans.plans[2].root_port.hotplug);
	assert_int_equal(plans.plans[3].unplug_seconds, 30);
	assert_int_equal(plans.plans[4].unplug_seconds, 7);
	free_plans(&plans);
	assert_int_equal(place(&plans, no_time), -EINVAL);
	assert_string_equal(error_get()->because, "unplug-timeout=0 leaves the guest no time");
	assert_string_equal(error_get()->remedy,
			    "unplug-timeout=30, or leave it out: that is what it is then");
	free_plans(&plans);
}

static void test_managed_devices(void **state)
{
	static const char *const arguments[] = {
		"vfio-pci,host=01:00.0",
		"vfio-pci,host=02:00.0,managed=on",
		"vfio-pci,host=03:00.0,managed=off",
		NULL,
	};
	struct plans plans;

	assert_int_equal(place(&plans, arguments), 0);
	assert_false(plans.plans[0].managed);
	assert_true(plans.plans[1].managed);
	assert_false(plans.plans[2].managed);
	free_plans(&plans);
}

static void test_keys_of_devices(void **state)
{
	static const char *const arguments[] = {
		"vfio-pci,host=01:00.0,vf-token=00112233-4455-6677-8899-aABBccddeeff",
		"vfio-pci,host=02:00.0,x-no-p2p=on,x-err-action=log",
		"vfio-pci,host=03:00.0,romfile=card.rom,rombar=1",
		"vfio-pci,host=04:00.0,romfile=",
		"vfio-pci,host=05:00.0,rombar=0",
		"vfio-pci,host=06:00.0,rombar=off,romfile=",
		"vfio-pci,host=07:00.0,rombar=on",
		"pcie-root-port,id=rp1,io-reserve=8k,mem-reserve=10M,pref64-reserve=64G",
		"pcie-root-port,id=rp2,pref64-reserve=0",
		NULL,
	};
	struct plans plans;

	assert_int_equal(place(&plans, arguments), 0);
	assert_string_equal(plans.plans[0].vf_token, "00112233-4455-6677-8899-aABBccddeeff");
	assert_false(plans.plans[0].no_p2p);
	assert_null(plans.plans[1].vf_token);
	assert_true(plans.plans[1].no_p2p);
	assert_int_equal(plans.plans[0].err_action, DEVICE_ERR_PAUSE);
	assert_int_equal(plans.plans[1].err_action, DEVICE_ERR_LOG);
	assert_null(plans.plans[1].romfile);
	assert_false(plans.plans[1].no_rom);
	assert_string_equal(plans.plans[2].romfile, "card.rom");
	assert_false(plans.plans[2].no_rom);
	for (unsigned i = 3; i < 6; i++) {
		assert_null(plans.plans[i].romfile);
		assert_true(plans.plans[i].no_rom);
	}
	assert_false(plans.plans[6].no_rom);
	assert_int_equal(plans.plans[7].root_port.io_reserve, 8192);
	assert_int_equal(plans.plans[7].root_port.mem_reserve, 10 << 20);
	assert_int_equal(plans.plans[7].root_port.pref64_reserve, 64ull << 30);
	assert_int_equal(plans.plans[8].root_port.io_reserve, PCI_RESERVE_AUTO);
	assert_int_equal(plans.plans[8].root_port.pref64_reserve, 0);
	free_plans(&plans);
}

/* The broker's part: the paths that there are. */
int __wrap_broker_device_find(struct broker *broker, const char *path, struct host_id *ret_id);

int __wrap_broker_device_find(struct broker *broker, const char *path, struct host_id *ret_id)
{
	if (strcmp(path, "/sys/pci") == 0)
		*ret_id = host_id_of((struct bdf){ .bus = 1 });
	else if (strncmp(path, "/sys/mdev", 9) == 0)
		*ret_id = (struct host_id){ .uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001" };
	else
		return error_set(ENODEV, "there is no %s", path);
	return 0;
}

static int find(struct plans *plans, const char *const *arguments)
{
	int error = place(plans, arguments);

	for (unsigned i = 0; error == 0 && i < plans->count; i++)
		error = device_plan_find(&plans->plans[i], NULL);
	return error == 0 ? device_plans_check_hosts(plans->plans) : error;
}

static void test_named_by_a_path(void **state)
{
	static const char *const arguments[] = {
		"vfio-pci,sysfsdev=/sys/mdev",
		"vfio-pci,sysfsdev=/sys/pci,managed=on",
		"vfio-pci,host=02:00.0",
		"pcie-root-port,id=rp",
		NULL,
	};
	struct plans plans;
	char name[96];

	assert_int_equal(place(&plans, arguments), 0);
	assert_string_equal(device_plan_name(&plans.plans[0], name, sizeof(name)), "vfio-pci /sys/mdev");
	free_plans(&plans);
	assert_int_equal(find(&plans, arguments), 0);
	assert_string_equal(device_plan_name(&plans.plans[0], name, sizeof(name)),
			    "vfio-pci 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
	assert_int_equal(plans.plans[1].host.bdf.bus, 1);
	assert_int_equal(plans.plans[2].host.bdf.bus, 2);
	free_plans(&plans);
}

static void test_refusals_once_they_are_found(void **state)
{
	static const struct {
		const char *arguments[4];
		int error;
		const char *tried, *because;
	} cases[] = {
		{ { "vfio-pci,sysfsdev=/sys/no" }, -ENODEV, "", "there is no /sys/no" },
		{ { "vfio-pci,host=01:00.0", "vfio-pci,sysfsdev=/sys/pci" },
		  -EEXIST,
		  "assign 0000:01:00.0 twice",
		  "vfio-pci 0000:01:00.0 has it already" },
		{ { "vfio-pci,sysfsdev=/sys/mdev", "vfio-pci,sysfsdev=/sys/mdev2" },
		  -EEXIST,
		  "assign 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 twice",
		  "vfio-pci 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 has it already" },
		{ { "vfio-pci,sysfsdev=/sys/mdev,managed=on" },
		  -EINVAL,
		  "assign 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
		  "it is a mediated device, whose driver has made it for guests: there is no other one to "
		  "take "
		  "it from or to give it back to, as managed=on asks" },
		{ { "vfio-pci,sysfsdev=/sys/mdev,vf-token=00112233-4455-6677-8899-aabbccddeeff" },
		  -EINVAL,
		  "assign 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
		  "it is a mediated device: only virtual functions (SR-IOV) have a VF token" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plans plans;

		assert_int_equal(find(&plans, cases[i].arguments), cases[i].error);
		assert_string_equal(error_get()->tried, cases[i].tried);
		assert_string_equal(error_get()->because, cases[i].because);
		free_plans(&plans);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *arguments[4];
		int error;
		const char *because;
	} cases[] = {
		{ { "nosuch,id=x" }, -EINVAL, "'nosuch' is not a valid device model name" },
		{ { "virtio-iommu-pci" }, -ENOTSUP, "" },
		{ { "vfio-pci,id=x" }, -EINVAL, "it does not say which device of the host" },
		{ { "vfio-pci,host=01:00.0,sysfsdev=/sys/x" },
		  -EINVAL,
		  "host= and sysfsdev= both say which device of the host" },
		{ { "vfio-pci,sysfsdev=" }, -EINVAL, "its sysfsdev= is empty" },
		{ { "vfio-pci,host=xyz" }, -EINVAL, "'xyz' is not a PCI address" },
		{ { "vfio-pci,host=01:00.0,nosuch=1" }, -EINVAL, "-device vfio-pci has no key 'nosuch'" },
		{ { "vfio-pci,host=01:00.0,managed=maybe" },
		  -EINVAL,
		  "cannot use managed=: 'maybe' is neither on nor off" },
		{ { "vfio-pci,host=01:00.0,vf-token=00112233-4455-6677-8899-aabbccddeeff0" },
		  -EINVAL,
		  "vf-token=00112233-4455-6677-8899-aabbccddeeff0 is no UUID" },
		{ { "vfio-pci,host=01:00.0,x-err-action=panic" },
		  -EINVAL,
		  "there is no x-err-action 'panic'" },
		{ { "vfio-pci,host=01:00.0,vf-token=00112233-4455" },
		  -EINVAL,
		  "vf-token=00112233-4455 is no UUID" },
		{ { "vfio-pci,host=01:00.0,rombar=2" },
		  -EINVAL,
		  "cannot use rombar=: '2' is neither on nor off" },
		{ { "vfio-pci,host=01:00.0,rombar=0,romfile=card.rom" },
		  -ENOTSUP,
		  "rombar= hides the ROM that romfile= names; QEMU would hand it to its firmware by another "
		  "way, "
		  "which handfast does not have" },
		{ { "pcie-root-port,id=a,pref64-reserve=much" }, -EINVAL, "" },
		{ { "vfio-pci,host=01:00.0,x-vga=on" },
		  -ENOTSUP,
		  "-device vfio-pci: handfast does not support 'x-vga' yet: legacy VGA ranges are not passed "
		  "through" },
		{ { "vfio-pci,host=01:00.0,bus=nobus" },
		  -ENOENT,
		  "Bus 'nobus' not found; the buses of this machine are: pcie.0" },
		{ { "vfio-pci,host=01:00.0,id=a,addr=0x3", "vfio-pci,host=02:00.0,id=b,addr=3.0" },
		  -EEXIST,
		  "slot 0x3 function 0x0 of bus 'pcie.0' is taken by vfio-pci 'b'" },
		{ { "vfio-pci,host=01:00.0,id=a", "vfio-pci,host=02:00.0,id=a" },
		  -EEXIST,
		  "Duplicate device ID 'a'" },
		{ { "vfio-pci,host=01:00.0,id=a", "vfio-pci,host=0000:01:00.0,id=b" },
		  -EEXIST,
		  "vfio-pci 'a' has it already" },
		{ { "vfio-pci,host=01:00.0,addr=0" },
		  -EEXIST,
		  "slot 0 of bus 'pcie.0' is the host bridge's" },
		{ { "pcie-root-port,id=rp", "vfio-pci,host=01:00.0,bus=rp,addr=0x1" },
		  -EINVAL,
		  "bus 'rp' is a PCI Express port's and has slot 0 only" },
		{ { "pcie-root-port,id=a", "pcie-root-port,id=b,bus=a" },
		  -EINVAL,
		  "a root port sits on the root bus (PCI Express 5.0, 1.3.1)" },
		{ { "pcie-root-port,bus=pcie.0" },
		  -EINVAL,
		  "it has no id, and the id is the name of the bus behind the port" },
		{ { "vfio-pci,host=01:00.0,addr=0x3.1" }, -EINVAL, "that slot has no function 0" },
		{ { "vfio-pci,host=01:00.0,id=a,addr=0x3", "vfio-pci,host=01:00.1,addr=0x3.1" },
		  -EINVAL,
		  "function 0 of that slot, vfio-pci 'a', does not say multifunction=on" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plans plans;

		assert_int_equal(place(&plans, cases[i].arguments), cases[i].error);
		if (cases[i].because[0] != '\0' && strcmp(cases[i].because, error_get()->because) != 0)
			fail_msg("case %zu: '%s'", i, error_get()->because);
		free_plans(&plans);
	}
}

static void test_a_full_root_bus(void **state)
{
	const char *arguments[PLANS_MAX] = { NULL };
	char text[32][32];

	for (int i = 0; i < 32; i++) {
		snprintf(text[i], sizeof(text[i]), "vfio-pci,host=%02x:00.0", i + 1);
		arguments[i] = text[i];
	}
	assert_refused(arguments, -ENOSPC, "bus 'pcie.0' has no free slot");
}

/* Plugs a device into a machine of three ports: pcie.1 is free, in pcie.2 is a pair of functions, pcie.3
 * cannot be plugged. */
static int plug(const char *argument, char ret_place[64])
{
	static const char *const arguments[] = {
		"pcie-root-port,id=pcie.1",
		"pcie-root-port,id=pcie.2",
		"pcie-root-port,id=pcie.3,hotplug=off",
		"vfio-pci,host=01:00.0,id=disk,bus=pcie.2,multifunction=on,addr=0x0",
		"vfio-pci,host=01:00.1,id=net,bus=pcie.2,addr=0x0.0x1",
		NULL,
	};
	struct pci_function attached;
	struct device_plan plan;
	struct plans plans;
	int error;

	assert_int_equal(place(&plans, arguments), 0);
	for (unsigned i = 0; i < plans.count; i++)
		plans.plans[i].function = &attached;
	/* Two more, one of them on its way in, the other on its way out. */
	assert_int_equal(device_plan_read("vfio-pci,host=01:00.2,id=in,bus=pcie.1,addr=0.1", &plans.plans[5]),
			 0);
	if (strstr(argument, "beside")) {
		plans.plans[4].next = &plans.plans[5];
		plans.plans[5].function = strstr(argument, "ready") ? &attached : NULL;
		plans.plans[5].leaving = strstr(argument, "leaving");
	}
	plans.count++;
	assert_int_equal(device_plan_read(argument, &plan), 0);
	error = device_plan_place_plugged(plans.plans, &plan);
	if (error == 0)
		snprintf(ret_place, 64, "%s %u.%u", plan.bus, plan.devfn >> 3, plan.devfn & 7);
	device_plan_free(&plan);
	free_plans(&plans);
	return error;
}

static void test_plugging(void **state)
{
	static const struct {
		const char *argument;
		int error;
		const char *because; /* or where it is */
		const char *remedy;
	} cases[] = {
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.1", 0, "pcie.1 0.0", NULL },
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.1,addr=0x0", 0, "pcie.1 0.0", NULL },
		{ "vfio-pci,host=02:00.0,bus=pcie.1,addr=0.3", 0, "pcie.1 0.3", NULL },
		{ "vfio-pci,host=02:00.0,id=beside-ready,bus=pcie.1,multifunction=on", 0, "pcie.1 0.0",
		  NULL },
		{ "vfio-pci,host=02:00.0,id=beside,bus=pcie.1,addr=0.2", 0, "pcie.1 0.2", NULL },
		{ "vfio-pci,host=02:00.0,id=beside-ready,bus=pcie.1", -EINVAL,
		  "vfio-pci 'in' is a function of the same slot, and this one does not say that there are "
		  "others",
		  "multifunction=on" },
		{ "vfio-pci,host=02:00.0,id=beside,bus=pcie.1,multifunction=on", -EBUSY,
		  "vfio-pci 'in', of the same slot, is not ready yet, and function 0 comes last",
		  "once its device_add has been answered" },
		{ "vfio-pci,host=02:00.0,id=beside-leaving,bus=pcie.1,addr=0.1", -EEXIST,
		  "slot 0 function 1 of bus 'pcie.1' is taken by vfio-pci 'in', which is on its way out",
		  "unplug something first, or start the VM with more ports: -device pcie-root-port,id=NAME "
		  "(no port "
		  "is free)" },
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.1,addr=0x1", -EINVAL,
		  "bus 'pcie.1' is a PCI Express port's and has slot 0 only", "addr=0x0" },
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.2", -EEXIST,
		  "slot 0 function 0 of bus 'pcie.2' is taken by vfio-pci 'disk'",
		  "one of the ports that are free: bus=pcie.1" },
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.2,addr=0.2", -EBUSY,
		  "function 0 of bus 'pcie.2' is there already, vfio-pci 'disk': the guest looks for no more",
		  "unplug what is there, and plug function 0 last\none of the ports that are free: "
		  "bus=pcie.1" },
		{ "vfio-pci,host=02:00.0,id=a", -ENOTSUP, "Bus 'pcie.0' does not support hotplugging",
		  "one of the ports that are free: bus=pcie.1" },
		{ "vfio-pci,host=02:00.0,id=a,bus=pcie.3", -ENOTSUP,
		  "Bus 'pcie.3' does not support hotplugging", "one of the ports that are free: bus=pcie.1" },
		{ "vfio-pci,host=02:00.0,id=a,bus=nobus", -ENOENT, "Bus 'nobus' not found",
		  "one of the ports that are free: bus=pcie.1" },
		{ "vfio-pci,host=02:00.0,id=disk,bus=pcie.1", -EEXIST, "Duplicate device ID 'disk'",
		  "give each device an id= of its own" },
		{ "vfio-pci,host=02:00.0,id=pcie.2,bus=pcie.1", -EEXIST, "Duplicate device ID 'pcie.2'",
		  "give each device an id= of its own" },
		{ "vfio-pci,host=01:00.0,id=a,bus=pcie.1", -EEXIST, "vfio-pci 'disk' has it already",
		  "name each device of the host once" },
		{ "pcie-root-port,id=more", -EINVAL, "Device 'pcie-root-port' does not support hotplugging",
		  "give it to handfast at its start, by -device" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char place_of[64] = "";

		assert_int_equal(plug(cases[i].argument, place_of), cases[i].error);
		assert_string_equal(cases[i].error ? error_get()->because : place_of, cases[i].because);
		if (cases[i].remedy)
			assert_string_equal(error_get()->remedy, cases[i].remedy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_forms),
		cmocka_unit_test(test_empty_words),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_ambiguous_addr_says_how_to_write_it),
		cmocka_unit_test(test_the_mission_s_own_command_line),
		cmocka_unit_test(test_places_what_has_no_addr),
		cmocka_unit_test(test_who_may_leave),
		cmocka_unit_test(test_managed_devices),
		cmocka_unit_test(test_keys_of_devices),
		cmocka_unit_test(test_named_by_a_path),
		cmocka_unit_test(test_refusals_once_they_are_found),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_a_full_root_bus),
		cmocka_unit_test(test_plugging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
