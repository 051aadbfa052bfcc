/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/options.h"
#include "base/error.h"

#define ARGUMENTS_MAX 16

static int parse(struct options *options, const char *const *words)
{
	char *argv[ARGUMENTS_MAX];
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	return options_parse(argc, argv, options);
}

static void test_the_whole_line(void **state)
{
	static const char *const words[] = { "-machine", "q35,accel=kvm,usb=off",
					     "-cpu",	 "host,pmu=on",
					     "-smp",	 "4,sockets=2",
					     "-m",	 "2G",
					     "--serial", "stdio",
					     NULL };
	struct options options;

	assert_int_equal(parse(&options, words), 0);
	assert_int_equal(options.memory, UINT64_C(2) << 30);
	assert_int_equal(options.topology.cpus, 4);
	assert_int_equal(options.topology.sockets, 2);
	assert_int_equal(options.topology.cores, 2);
	assert_true(options.pmu);
	assert_int_equal(options.serial.options.kind, CHARDEV_STDIO);
	options_free(&options);
}

static void test_global_properties(void **state)
{
	static const struct {
		const char *const words[5];
		bool fast, native;
	} cases[] = {
		{ { NULL }, false, false },
		{ { "-global", "pcie-root-port.fast-unplug=1" }, true, false },
		{ { "-global", "pcie-root-port.fast-unplug=on" }, true, false },
		{ { "-global", "pcie-root-port.fast-unplug=0" }, false, false },
		{ { "-global", "pcie-root-port.fast-unplug=1", "-global", "pcie-root-port.fast-unplug=off" },
		  false,
		  false },
		{ { "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off" }, false, true },
		{ { "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=on" }, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options;

		assert_int_equal(parse(&options, cases[i].words), 0);
		assert_int_equal(options.fast_unplug, cases[i].fast);
		assert_int_equal(options.native_hotplug, cases[i].native);
		options_free(&options);
	}
}

static void test_serial_spellings(void **state)
{
	static const struct {
		const char *text;
		enum chardev_kind kind;
		const char *path;
		bool wait;
	} cases[] = {
		{ "stdio", CHARDEV_STDIO, NULL, false },
		{ "pty", CHARDEV_PTY, NULL, false },
		{ "none", CHARDEV_NULL, NULL, false },
		{ "file:/tmp/x", CHARDEV_FILE, "/tmp/x", false },
		{ "file,path=/tmp/x", CHARDEV_FILE, "/tmp/x", false },
		{ "unix:/tmp/s,server,nowait", CHARDEV_SOCKET, "/tmp/s", false },
		{ "unix:/tmp/s,server=on", CHARDEV_SOCKET, "/tmp/s", true },
		{ "socket,path=/tmp/s,server,wait=off", CHARDEV_SOCKET, "/tmp/s", false },
		{ "chardev:c", CHARDEV_FILE, "/tmp/c", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool named = strncmp(cases[i].text, "chardev:", 8) == 0;
		const char *const words[] = { "-serial", cases[i].text, named ? "-chardev" : NULL,
					      "file,id=c,path=/tmp/c", NULL };
		struct options options;

		assert_int_equal(parse(&options, words), 0);
		assert_int_equal(options.serial.options.kind, cases[i].kind);
		assert_int_equal(options.serial.options.wait, cases[i].wait);
		if (cases[i].path)
			assert_string_equal(options.serial.options.path, cases[i].path);
		options_free(&options);
	}
}

static void test_monitors(void **state)
{
	static const char *const words[] = { "-qmp",	 "unix:/tmp/q,server,nowait",
					     "-qmp",	 "tcp:[::1]:4444,server=on,wait=off",
					     "-mon",	 "m,mode=control",
					     "-chardev", "socket,id=m,path=/tmp/m,server=on,wait=off",
					     "-qmp",	 "chardev:n",
					     "-chardev", "socket,id=n,host=127.0.0.1,port=1,server,nowait",
					     "-S",	 NULL };
	struct options options;

	assert_int_equal(parse(&options, words), 0);
	assert_int_equal(options.monitor_count, 4);
	assert_string_equal(options.monitors[0].socket->path, "/tmp/q");
	assert_null(options.monitors[0].socket->host);
	assert_string_equal(options.monitors[1].socket->host, "::1");
	assert_int_equal(options.monitors[1].socket->port, 4444);
	assert_string_equal(options.monitors[2].socket->path, "/tmp/m");
	assert_string_equal(options.monitors[3].socket->host, "127.0.0.1");
	assert_true(options.start_paused);
	options_free(&options);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *words[5];
		int error;
		const char *because;
	} cases[] = {
		{ { "-nosuch" }, -EINVAL, "there is no option '-nosuch'" },
		{ { "stray" }, -EINVAL, "'stray' is not an option: options begin with '-'" },
		{ { "-m" }, -EINVAL, "-m needs an argument: [size=]N[M|G]" },
		{ { "-m", "0" }, -EINVAL, "a guest cannot run without memory" },
		{ { "-m", "size=" }, -EINVAL, "cannot use size=: '' is not a number" },
		{ { "-m", "-1" }, -EINVAL, "cannot use size=: '-1' is not a number" },
		{ { "-m", "512,maxmem=1G" },
		  -ENOTSUP,
		  "memory cannot be plugged in later yet: maxmem must equal the size" },
		{ { "-m", "512,slots=2" }, -EINVAL, "-m has no key 'slots'" },
		{ { "-smp", "0" }, -EINVAL, "cpus is 0" },
		{ { "-smp", "65" }, -EINVAL, "65 vCPUs were asked for; handfast runs 1 to 64" },
		{ { "-smp", "4,cores=3" },
		  -EINVAL,
		  "sockets 1 x dies 1 x cores 3 x threads 1 is not cpus 4" },
		{ { "-smp", "2,maxcpus=4" },
		  -ENOTSUP,
		  "vCPUs cannot be plugged in later yet: maxcpus must equal cpus" },
		{ { "-machine", "virt" },
		  -ENOTSUP,
		  "'virt' is the aarch64 machine, and handfast does not support aarch64 yet" },
		{ { "-machine", "pc" }, -EINVAL, "there is no machine 'pc'" },
		{ { "-machine", "q35,accel=tcg" },
		  -ENOTSUP,
		  "handfast runs guests by KVM only; 'tcg' is not an accelerator it has" },
		{ { "-machine", "q35,mem-share=on" },
		  -ENOTSUP,
		  "guest memory shared with other processes is not supported yet" },
		{ { "-cpu", "Skylake-Client" },
		  -ENOTSUP,
		  "handfast shows the guest the host's own processor; it has no model 'Skylake-Client'" },
		{ { "-cpu", "host,hv-relaxed=on" },
		  -ENOTSUP,
		  "'hv-relaxed' is for Windows guests, and handfast does not support those yet" },
		{ { "-global", "pcie-root-port.fast-unplug=maybe" },
		  -EINVAL,
		  "'maybe' is neither on (1) nor off (0)" },
		{ { "-global", "kvm-pit.lost_tick_policy=delay" },
		  -EINVAL,
		  "there is no such property; there are: pcie-root-port.fast-unplug, "
		  "ICH9-LPC.acpi-pci-hotplug-with-bridge-support" },
		{ { "-incoming", "tcp:0:1" }, -ENOTSUP, "migration is not supported" },
		{ { "-serial", "chardev:none" }, -ENOENT, "there is no chardev 'none'" },
		{ { "-serial", "file:" }, -EINVAL, "the backend 'file' needs a path" },
		{ { "-serial", "unix:/tmp/s" },
		  -ENOTSUP,
		  "handfast listens on sockets, it does not connect to them" },
		{ { "-chardev", "stdio,id=a" }, -EINVAL, "nothing uses it" },
		{ { "-chardev", "socket,id=a,path=/tmp/s,port=1,server" },
		  -EINVAL,
		  "a socket has a path, or an address and a port" },
		{ { "-mon", "mode=control" }, -EINVAL, "it does not say which chardev it is spoken on" },
		{ { "-display", "gtk" },
		  -ENOTSUP,
		  "handfast has no display, monitor, network card or parallel port of its own" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options;

		if (parse(&options, cases[i].words) != cases[i].error ||
		    strcmp(error_get()->because, cases[i].because) != 0)
			fail_msg("case %zu: '%s'", i, error_get()->because);
		options_free(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_whole_line),	 cmocka_unit_test(test_global_properties),
		cmocka_unit_test(test_serial_spellings), cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
