/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/keyval.h"
#include "app/options-priv.h"
#include "base/error.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB	     (UINT64_C(1) << 20)

/*
 * Keys that other monitors know. A value that asks for what handfast does anyway is accepted; any other is
 * refused with the reason, never swallowed.
 */
struct fixed_key {
	const char *key;
	const char *value;   /* the one accepted */
	const char *refusal; /* why not another */
};

static int check_fixed(struct keyvals *keyvals, const char *what, const struct fixed_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = keyvals_take(keyvals, keys[i].key);

		if (!value || strcmp(value, keys[i].value) == 0)
			continue;
		error_set(ENOTSUP, "%s", keys[i].refusal);
		error_tried("use %s %s=%s", what, keys[i].key, value);
		return error_try("leave it out, or say %s=%s", keys[i].key, keys[i].value);
	}
	return 0;
}

static int check_accel(const char *accel)
{
	if (strcmp(accel, "kvm") == 0 || strcmp(accel, "kvm:tcg") == 0)
		return 0;
	error_set(ENOTSUP, "handfast runs guests by KVM only; '%s' is not an accelerator it has", accel);
	return error_try("accel=kvm, or nothing at all");
}

static const struct keyval_key machine_keys[] = {
	{ "type", "q35", "the machine", NULL },
	{ "accel", "kvm", "the hypervisor", NULL },
	{ "dump-guest-core", "on|off", "whether guest memory is part of a core dump of handfast", NULL },
	{ "usb", "off", "no USB controller of the machine's own", NULL },
	{ "mem-share", "off", "guest memory is private", NULL },
	{ "kernel-irqchip", "on", "interrupt controllers are KVM's", NULL },
	{ "vmport", "off", "no VMware port", NULL },
	{ "hpet", "off", "no HPET", NULL },
	{ "smm", "off", "no system management mode", NULL },
	{ "graphics", "off", "no display", NULL },
};

static const struct fixed_key machine_fixed[] = {
	{ "usb", "off", "there is no emulated USB controller; a real one can be passed through" },
	{ "mem-share", "off", "guest memory shared with other processes is not supported yet" },
	{ "kernel-irqchip", "on",
	  "interrupt controllers are always KVM's: assigned devices need that for speed" },
	{ "vmport", "off", "there is no VMware port" },
	{ "hpet", "off",
	  "there is no HPET; guests have kvmclock, the TSC deadline timer and the ACPI timer" },
	{ "smm", "off", "system management mode is not supported yet" },
	{ "graphics", "off", "there is no emulated display" },
};

static int check_type(const char *type)
{
	if (strcmp(type, "q35") == 0 || strcmp(type, "pc-q35") == 0)
		return 0;
	if (strcmp(type, "virt") == 0) {
		error_set(ENOTSUP,
			  "'virt' is the aarch64 machine, and handfast does not support aarch64 yet");
		return error_try("-machine q35, on an x86_64 host");
	}
	error_set(EINVAL, "there is no machine '%s'", type);
	return error_try("-machine q35");
}

int options_read_machine(struct options *options, const char *argument)
{
	struct keyvals keyvals;
	const char *value;
	int error = keyvals_parse(argument, "type", &keyvals);

	if (error < 0)
		return error_tried("use -machine %s", argument);
	/* QEMU takes kernel_irqchip for kernel-irqchip, and so on. */
	for (size_t i = 0; i < strlen(argument); i++) {
		if (keyvals.storage[i] == '_')
			keyvals.storage[i] = '-';
	}
	error = keyvals_check(&keyvals, "-machine", machine_keys, COUNT(machine_keys));
	if (error == 0 && (value = keyvals_take(&keyvals, "type")))
		error = check_type(value);
	if (error == 0 && (value = keyvals_take(&keyvals, "accel")))
		error = check_accel(value);
	if (error == 0)
		error = keyvals_take_bool(&keyvals, "dump-guest-core", &options->dump_guest_core);
	if (error == 0)
		error = check_fixed(&keyvals, "-machine", machine_fixed, COUNT(machine_fixed));
	keyvals_free(&keyvals);
	return error;
}

int options_read_accel(struct options *options, const char *argument)
{
	return check_accel(argument) < 0 ? error_tried("use -accel %s", argument) : 0;
}

static const struct keyval_key cpu_keys[] = {
	{ "model", "host", "the host's processor as KVM offers it", NULL },
	{ "pmu", "on|off", "whether the guest sees performance counters (default: off)", NULL },
	{ "migratable", "off", "all features are shown", NULL },
};

static const struct fixed_key cpu_fixed[] = {
	{ "migratable", "off", "migration is not supported yet, so no feature is held back for its sake" },
};

/* hv-relaxed, hv_time and so on are what a Windows guest asks for. */
static int refuse_windows(const struct keyvals *keyvals)
{
	for (size_t i = 0; i < keyvals->count; i++) {
		const char *key = keyvals->items[i].key;

		if (strncmp(key, "hv-", 3) == 0 || strncmp(key, "hv_", 3) == 0) {
			error_set(ENOTSUP,
				  "'%s' is for Windows guests, and handfast does not support those yet", key);
			return error_try("leave the hv keys out for a Linux guest");
		}
	}
	return 0;
}

int options_read_cpu(struct options *options, const char *argument)
{
	struct keyvals keyvals;
	const char *model;
	int error = keyvals_parse(argument, "model", &keyvals);

	if (error < 0)
		return error_tried("use -cpu %s", argument);
	error = refuse_windows(&keyvals);
	if (error == 0)
		error = keyvals_check(&keyvals, "-cpu", cpu_keys, COUNT(cpu_keys));
	model = keyvals_take(&keyvals, "model");
	if (error == 0 && model && strcmp(model, "host") != 0 && strcmp(model, "max") != 0) {
		error_set(ENOTSUP, "handfast shows the guest the host's own processor; it has no model '%s'",
			  model);
		error = error_try("-cpu host");
	}
	if (error == 0)
		error = keyvals_take_bool(&keyvals, "pmu", &options->pmu);
	if (error == 0)
		error = check_fixed(&keyvals, "-cpu", cpu_fixed, COUNT(cpu_fixed));
	keyvals_free(&keyvals);
	return error;
}

static const struct keyval_key smp_keys[] = {
	{ "cpus", "N", "vCPUs, 1 to 64 (default: 1)", NULL },
	{ "maxcpus", "N", "must equal cpus", NULL },
	{ "sockets", "N", "sockets", NULL },
	{ "dies", "N", "dies in a socket", NULL },
	{ "clusters", "N", "must be 1", NULL },
	{ "cores", "N", "cores in a die", NULL },
	{ "threads", "N", "threads in a core", NULL },
};

/* What is left out is made up so that the product is right: sockets take the rest when all else is given,
 * cores otherwise. */
static int fill_topology(struct kvm_topology *topology, uint64_t cpus, uint64_t sockets, uint64_t dies,
			 uint64_t cores, uint64_t threads)
{
	uint64_t known =
		(sockets ? sockets : 1) * (dies ? dies : 1) * (cores ? cores : 1) * (threads ? threads : 1);

	if (!cpus)
		cpus = known;
	if (cpus < 1 || cpus > OPTIONS_CPUS_MAX)
		return error_set(EINVAL, "%u vCPUs were asked for; handfast runs 1 to %d", (unsigned)cpus,
				 OPTIONS_CPUS_MAX);
	if (!cores)
		cores = cpus / known ? cpus / known : 1;
	else if (!sockets)
		sockets = cpus / known ? cpus / known : 1;
	*topology = (struct kvm_topology){
		.cpus = (unsigned)cpus,
		.sockets = (unsigned)(sockets ? sockets : 1),
		.dies = (unsigned)(dies ? dies : 1),
		.cores = (unsigned)cores,
		.threads = (unsigned)(threads ? threads : 1),
	};
	if (topology->sockets * topology->dies * topology->cores * topology->threads != topology->cpus)
		return error_set(EINVAL, "sockets %u x dies %u x cores %u x threads %u is not cpus %u",
				 topology->sockets, topology->dies, topology->cores, topology->threads,
				 topology->cpus);
	return 0;
}

int options_read_smp(struct options *options, const char *argument)
{
	uint64_t cpus = 0, maxcpus = 0, sockets = 0, dies = 0, clusters = 1, cores = 0, threads = 0;
	struct {
		const char *key;
		uint64_t *value;
	} numbers[] = {
		{ "cpus", &cpus },	 { "maxcpus", &maxcpus },   { "sockets", &sockets },
		{ "dies", &dies },	 { "clusters", &clusters }, { "cores", &cores },
		{ "threads", &threads },
	};
	struct keyvals keyvals;
	int error = keyvals_parse(argument, "cpus", &keyvals);

	if (error < 0)
		return error_tried("use -smp %s", argument);
	error = keyvals_check(&keyvals, "-smp", smp_keys, COUNT(smp_keys));
	for (size_t i = 0; error == 0 && i < COUNT(numbers); i++) {
		error = keyvals_take_u64(&keyvals, numbers[i].key, 255, numbers[i].value);
		if (error == 0 && keyvals_has(&keyvals, numbers[i].key) && *numbers[i].value == 0)
			error = error_set(EINVAL, "%s is 0", numbers[i].key);
	}
	keyvals_free(&keyvals);
	if (error == 0)
		error = fill_topology(&options->topology, cpus, sockets, dies, cores, threads);
	if (error == 0 && maxcpus && maxcpus != options->topology.cpus)
		error = error_set(ENOTSUP, "vCPUs cannot be plugged in later yet: maxcpus must equal cpus");
	if (error == 0 && clusters != 1)
		error = error_set(ENOTSUP, "a q35 machine has no clusters");
	return error < 0 ? error_tried("use -smp %s", argument) : 0;
}

static const struct keyval_key memory_keys[] = {
	{ "size", "N[M|G]", "guest memory, in MiB unless a unit follows (default: 256M)", NULL },
	{ "maxmem", "N[M|G]", "must equal size", NULL },
};

int options_read_memory(struct options *options, const char *argument)
{
	struct keyvals keyvals;
	uint64_t size = options->memory, maxmem = 0;
	int error = keyvals_parse(argument, "size", &keyvals);

	if (error < 0)
		return error_tried("use -m %s", argument);
	error = keyvals_check(&keyvals, "-m", memory_keys, COUNT(memory_keys));
	if (error == 0)
		error = keyvals_take_size(&keyvals, "size", MIB, &size);
	if (error == 0)
		error = keyvals_take_size(&keyvals, "maxmem", MIB, &maxmem);
	if (error == 0 && size == 0)
		error = error_set(EINVAL, "a guest cannot run without memory");
	if (error == 0 && size % MIB != 0)
		error = error_set(EINVAL, "the size is not a whole number of MiB");
	if (error == 0 && keyvals_has(&keyvals, "maxmem") && maxmem != size)
		error = error_set(ENOTSUP,
				  "memory cannot be plugged in later yet: maxmem must equal the size");
	keyvals_free(&keyvals);
	if (error < 0) {
		error_tried("use -m %s", argument);
		return error_try_else("-m 512M, or -m 2G");
	}
	options->memory = size;
	return 0;
}
