/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/devices.h"
#include "app/options-priv.h"
#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int read_kernel(struct options *options, const char *argument)
{
	options->kernel = argument;
	return 0;
}

static int read_initrd(struct options *options, const char *argument)
{
	options->initrd = argument;
	return 0;
}

static int read_append(struct options *options, const char *argument)
{
	options->append = argument;
	return 0;
}

static int read_log(struct options *options, const char *argument)
{
	options->log_path = argument;
	return 0;
}

static int read_name(struct options *options, const char *argument)
{
	options->name = argument;
	return 0;
}

static int read_serial(struct options *options, const char *argument)
{
	if (options->serial_text) {
		error_set(ENOTSUP, "the machine has one serial port");
		return error_tried("use -serial %s", argument);
	}
	options->serial_text = argument;
	return 0;
}

static int read_device(struct options *options, const char *argument)
{
	if (options->device_count == OPTIONS_DEVICES_MAX)
		return error_set(EINVAL, "there are more than %d -device", OPTIONS_DEVICES_MAX);
	options->devices[options->device_count++] = argument;
	return 0;
}

static int set_prealloc(struct options *options, const char *argument)
{
	options->prealloc = true;
	return 0;
}

static int set_no_reboot(struct options *options, const char *argument)
{
	options->no_reboot = true;
	return 0;
}

static int set_start_paused(struct options *options, const char *argument)
{
	options->start_paused = true;
	return 0;
}

static int set_nographic(struct options *options, const char *argument)
{
	options->nographic = true;
	return 0;
}

/* What is asked for is so anyway. */
static int always_so(struct options *options, const char *argument)
{
	return 0;
}

/* An option whose argument can only be "none". */
static int only_none(struct options *options, const char *argument)
{
	if (strcmp(argument, "none") == 0)
		return 0;
	error_set(ENOTSUP, "handfast has no display, monitor, network card or parallel port of its own");
	return error_try("none instead of '%s'", argument);
}

struct option {
	const char *name;
	const char *syntax; /* of its argument; NULL: it takes none */
	int (*read)(struct options *options, const char *argument);
	const char *summary; /* for -help; NULL: known, but refused with the words below */
	const char *refusal;
};

/* -help and the check of the man page come from this table too. */
static const struct option option_table[] = {
	{ "machine", "[type=]q35[,accel=kvm][,dump-guest-core=on|off]", options_read_machine, "the machine",
	  NULL },
	{ "M", "...", options_read_machine, "the same as -machine", NULL },
	{ "accel", "kvm", options_read_accel, "the hypervisor", NULL },
	{ "enable-kvm", NULL, always_so, "the same as -accel kvm", NULL },
	{ "cpu", "host[,pmu=on|off]", options_read_cpu, "the processor that the guest sees", NULL },
	{ "smp", "[cpus=]N[,sockets=][,dies=][,cores=][,threads=]", options_read_smp, "vCPUs, 1 to 64",
	  NULL },
	{ "m", "[size=]N[M|G]", options_read_memory,
	  "guest memory, MiB unless a unit follows (default: 256M)", NULL },
	{ "mem-prealloc", NULL, set_prealloc, "fault all guest memory in before the guest starts", NULL },
	{ "kernel", "FILE", read_kernel, "Linux image: a bzImage, or an ELF file with a PVH entry", NULL },
	{ "initrd", "FILE", read_initrd, "its initial RAM disk", NULL },
	{ "append", "TEXT", read_append, "its command line", NULL },
	{ "device", "DRIVER[,KEY=VALUE...]", read_device,
	  "a device; -device help lists them, -device DRIVER,help their keys", NULL },
	{ "global", "DRIVER.PROPERTY=on|off", options_read_global,
	  "a property of all devices of a kind: pcie-root-port.fast-unplug", NULL },
	{ "chardev", "BACKEND,id=ID[,path=PATH][,server=on][,wait=off]", options_read_chardev,
	  "a character backend: stdio, pty, file, socket, null", NULL },
	{ "serial", "stdio|pty|file:PATH|unix:PATH,server,nowait|chardev:ID|none", read_serial,
	  "where the serial port leads (default: nowhere)", NULL },
	{ "nographic", NULL, set_nographic, "the serial port on standard input and output", NULL },
	{ "display", "none", only_none, "no display", NULL },
	{ "vga", "none", only_none, "no VGA", NULL },
	{ "monitor", "none", only_none, "no monitor", NULL },
	{ "parallel", "none", only_none, "no parallel port", NULL },
	{ "nic", "none", only_none, "no network card of its own", NULL },
	{ "net", "none", only_none, "the same", NULL },
	{ "nodefaults", NULL, always_so, "no devices but those asked for", NULL },
	{ "no-user-config", NULL, always_so, "no configuration files", NULL },
	{ "qmp", "unix:PATH,server,nowait|tcp:IP:PORT,server,nowait|chardev:ID", options_read_qmp,
	  "a socket where programs steer the VM in QEMU's protocol (handfast qmp)", NULL },
	{ "mon", "[chardev=]ID,mode=control", options_read_mon, "the same, on a -chardev socket", NULL },
	{ "S", NULL, set_start_paused, "do not start the guest until QMP's cont", NULL },
	{ "no-reboot", NULL, set_no_reboot, "end instead of resetting the machine", NULL },
	{ "name", "NAME", read_name, "a name for this VM, visible in ps and top", NULL },
	{ "D", "FILE", read_log, "where handfast's own messages go (default: standard error)", NULL },
	{ "help", NULL, NULL, "print this and end", NULL },
	{ "version", NULL, NULL, "print the version and end", NULL },

	{ "mem-path", "", NULL, NULL,
	  "memory on hugetlbfs is not there yet; transparent huge pages are used" },
	{ "object", "", NULL, NULL, "memory backends, iommufd and random number backends are not there yet" },
	{ "numa", "", NULL, NULL, "NUMA nodes are not there yet" },
	{ "drive", "", NULL, NULL,
	  "firmware and virtio disks are not there yet; pass a disk through by -device vfio-pci" },
	{ "blockdev", "", NULL, NULL,
	  "virtio disks are not there yet; pass a disk through by -device vfio-pci" },
	{ "pflash", "", NULL, NULL, "firmware is not there yet; boot a kernel by -kernel" },
	{ "bios", "", NULL, NULL, "firmware is not there yet; boot a kernel by -kernel" },
	{ "netdev", "", NULL, NULL,
	  "virtio network cards are not there yet; pass one through by -device vfio-pci" },
	{ "daemonize", NULL, NULL, NULL,
	  "running in the background is not there yet; systemd-run or & do it" },
	{ "pidfile", "", NULL, NULL, "it is not there yet" },
	{ "disable-seccomp", NULL, NULL, NULL, "there is no seccomp filter yet that it could switch off" },
	{ "sandbox", "", NULL, NULL, "there is no seccomp filter yet" },
	{ "incoming", "", NULL, NULL, "migration is not supported" },
	{ "rtc", "", NULL, NULL, "the clock always shows UTC yet" },
	{ "uuid", "", NULL, NULL, "SMBIOS tables are not there yet" },
	{ "smbios", "", NULL, NULL, "SMBIOS tables are not there yet" },
	{ "boot", "", NULL, NULL, "firmware is not there yet; boot a kernel by -kernel" },
	{ "usb", NULL, NULL, NULL,
	  "there is no emulated USB; pass a controller through by -device vfio-pci" },
};

static const struct option *find_option(const char *word)
{
	const char *name = word + 1;

	if (*name == '-')
		name++; /* QEMU takes --machine too */
	for (size_t i = 0; i < COUNT(option_table); i++) {
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	}
	return NULL;
}

void options_print_help(void)
{
	puts("usage: handfast [-OPTION [ARGUMENT]]...   run a VM\n"
	     "       handfast check|list|bind|unbind    look after the host's devices (each has --help)\n"
	     "       handfast qmp SOCKET COMMAND...    steer a running VM (--help)\n"
	     "\n"
	     "A real PCI device in a VM: handfast check 0000:1a:00.3; handfast bind 0000:1a:00.3; then\n"
	     "  handfast -machine q35 -m 2G -kernel bzImage -append console=ttyS0 -serial stdio \\\n"
	     "    -device vfio-pci,host=0000:1a:00.3,id=net,bus=pcie.0,addr=0x03.0x0\n"
	     "\n"
	     "options:");
	for (size_t i = 0; i < COUNT(option_table); i++) {
		const struct option *option = &option_table[i];

		if (option->summary)
			printf("  -%s%s%s\n        %s\n", option->name, option->syntax ? " " : "",
			       option->syntax ? option->syntax : "", option->summary);
	}
}

static int unknown_option(const char *word)
{
	if (word[0] != '-')
		error_set(EINVAL, "'%s' is not an option: options begin with '-'", word);
	else
		error_set(EINVAL, "there is no option '%s'", word);
	error_tried("use '%s'", word);
	return error_try("handfast -help lists the options");
}

/* What `-machine help` and the like print. */
static const struct {
	const char *option;
	const char *help;
} choices[] = {
	{ "machine", "q35    a PC with PCI Express (default)" },
	{ "M", "q35    a PC with PCI Express (default)" },
	{ "cpu", "host   the host's processor as KVM offers it (default)" },
	{ "accel", "kvm    Linux's hypervisor (default)" },
	{ "chardev", "stdio\npty\nfile\nsocket\nnull" },
	{ "qmp", "unix:PATH,server,nowait\ntcp:IP:PORT,server,nowait\nchardev:ID" },
	{ "serial", "stdio\npty\nfile:PATH\nunix:PATH,server,nowait\nchardev:ID\nnone (default)" },
};

/* Returns 1 where the option asked for something to be printed. */
static int print_and_end(const struct option *option, const char *argument)
{
	if (strcmp(option->name, "help") == 0) {
		options_print_help();
		return 1;
	}
	if (strcmp(option->name, "version") == 0) {
		puts("handfast version " HANDFAST_VERSION);
		return 1;
	}
	if (strcmp(option->name, "device") == 0)
		return device_print_help(argument);
	for (size_t i = 0; argument && strcmp(argument, "help") == 0 && i < COUNT(choices); i++) {
		if (strcmp(option->name, choices[i].option) == 0) {
			puts(choices[i].help);
			return 1;
		}
	}
	return 0;
}

static int read_option(int argc, char **argv, int *index, struct options *options)
{
	const char *word = argv[*index];
	const struct option *option = word[0] == '-' ? find_option(word) : NULL;
	const char *argument = NULL;
	int printed;

	if (strcmp(word, "-h") == 0)
		option = find_option("-help");
	if (!option)
		return unknown_option(word);
	if (!option->summary) {
		error_set(ENOTSUP, "%s", option->refusal);
		error_tried("use -%s", option->name);
		return error_try("leave -%s out", option->name);
	}
	if (option->syntax) {
		if (*index + 1 >= argc) {
			error_set(EINVAL, "-%s needs an argument: %s", option->name, option->syntax);
			return error_try("handfast -help");
		}
		argument = argv[++*index];
	}
	printed = print_and_end(option, argument);
	if (printed != 0)
		return printed;
	return option->read(options, argument);
}

/* Where nothing better is known, the place where it is written how options are written. */
static int with_remedy(int error)
{
	if (error < 0)
		error_try_else("handfast -help, or man handfast, says how it is written");
	return error;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	int error = 0;

	*ret_options = (struct options){
		.memory = UINT64_C(256) << 20,
		.topology = { 1, 1, 1, 1, 1 },
		.append = "",
	};
	for (int i = 0; i < argc; i++) {
		error = read_option(argc, argv, &i, ret_options);
		if (error != 0)
			return with_remedy(error);
	}
	error = options_resolve_serial(ret_options);
	if (error == 0)
		error = options_resolve_monitors(ret_options);
	return with_remedy(error == 0 ? options_check_chardevs(ret_options) : error);
}

void options_free(struct options *options)
{
	for (unsigned i = 0; i < options->chardev_count; i++)
		options_chardev_free(&options->chardevs[i]);
	for (unsigned i = 0; i < options->monitor_count; i++)
		options_chardev_free(&options->monitors[i].own);
	options_chardev_free(&options->serial);
}
