/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/text.h"

/* Fail before touching anything (DESIGN's rule 7): nothing here changes the host but bind_managed(), which
 * comes when all the rest has been found good. */

static int with_remedy(int error)
{
	if (error < 0)
		error_try_else("handfast -device help, and -device DRIVER,help, say what there is");
	return error;
}

static int plan_device(struct machine *machine, const char *argument)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));
	int error = plan ? device_plan_read(argument, plan) : error_sys(ENOMEM, "devices");

	if (error < 0) {
		free(plan);
		return error;
	}
	plan->root_port.fast_unplug = machine->options->fast_unplug;
	machine_plan_add(machine, plan);
	return 0;
}

static int plan_devices(struct machine *machine)
{
	const struct options *options = machine->options;
	int error = 0;

	for (unsigned i = 0; error == 0 && i < options->device_count; i++)
		error = plan_device(machine, options->devices[i]);
	return with_remedy(error == 0 ? device_plans_place(machine->plans) : error);
}

/* From here on each device has one name, whatever the command line called it. */
static int find_devices(struct machine *machine)
{
	int error = 0;

	for (struct device_plan *plan = machine->plans; error == 0 && plan; plan = plan->next)
		error = device_plan_find(plan, machine->broker);
	return error == 0 ? device_plans_check_hosts(machine->plans) : error;
}

static unsigned count_host_devices(const struct machine *machine)
{
	unsigned count = 0;

	for (const struct device_plan *plan = machine->plans; plan; plan = plan->next)
		count += plan->kind->host_device;
	return count;
}

/* all: it has to be there at once. there: as much of it is. */
static int check_memory(struct machine *machine, bool all, uint64_t there)
{
	uint64_t need = machine->options->memory, total, available, limit;
	char text[32], have[32];
	int error = broker_memory(machine->broker, &total, &available);

	if (error < 0)
		return error;
	limit = all ? available + there : total;
	if (need <= limit)
		return 0;
	text_size(need, text, sizeof(text));
	error_set(ENOMEM,
		  all ? "this host has %s free, and a guest with an assigned device has all its memory pinned"
		      : "this host has %s in all",
		  text_size(limit / (1 << 20) * (1 << 20), have, sizeof(have)));
	error_tried("give the guest %s of memory", text);
	return error_try("give it less with -m, or free memory on the host");
}

int machine_check_pinned_memory(struct machine *machine)
{
	return check_memory(machine, true, mem_ram_resident(machine->ram));
}

/* Pinned memory cannot be swapped: with a device, all of it has to be there. */
static int check_memory_at_start(struct machine *machine)
{
	return check_memory(machine, machine->options->prealloc || count_host_devices(machine) > 0, 0);
}

static int check_kernel(struct machine *machine)
{
	const struct options *options = machine->options;
	struct boot_linux_options linux_options;
	int error;

	if (!options->kernel) {
		error_set(EINVAL, "there is nothing to boot");
		error_tried("start the VM");
		return error_try("add -kernel FILE with a Linux image, and -append TEXT");
	}
	if (options->kernel[0] == '\0' || (options->initrd && options->initrd[0] == '\0')) {
		error_set(EINVAL, "no file is named");
		error_tried("use -%s ''", options->kernel[0] == '\0' ? "kernel" : "initrd");
		return error_try("a file's name behind it");
	}
	error = broker_open_file(machine->broker, "kernel image", options->kernel, &machine->kernel_fd);
	if (error == 0 && options->initrd)
		error = broker_open_file(machine->broker, "initial RAM disk", options->initrd,
					 &machine->initrd_fd);
	if (error < 0)
		return error_try_else("name a file that is there and can be read");
	linux_options = (struct boot_linux_options){
		.kernel_fd = machine->kernel_fd,
		.initrd_fd = machine->initrd_fd,
		.cmdline = options->append,
		.kernel_path = options->kernel,
		.initrd_path = options->initrd,
	};
	return boot_linux_check(&linux_options, machine->layout.ram, machine->layout.ram_count);
}

/* An option ROM from a file: all of it, now, so that what was found good is what the guest sees. */
int machine_load_rom(struct machine *machine, struct device_plan *plan, const struct broker_device *device)
{
	int fd, error;

	if (!plan->romfile || plan->rom)
		return 0;
	error = broker_open_file(machine->broker, "option ROM", plan->romfile, &fd);
	if (error < 0)
		return error_try_else("name a file that is there and can be read");
	error = vfio_rom_load(fd, plan->romfile, device, &plan->rom);
	close(fd);
	return error;
}

/* managed_only: as they are once they are bound. */
static int check_devices(struct machine *machine, bool managed_only)
{
	for (struct device_plan *plan = machine->plans; plan; plan = plan->next) {
		struct broker_device device;
		int error;

		if (!plan->kind->host_device || (managed_only && !plan->managed))
			continue;
		error = broker_device_check(machine->broker, &plan->host, plan->vf_token != NULL, &device);
		if (error == 0)
			error = machine_load_rom(machine, plan, &device);
		if (error < 0)
			return error;
	}
	return 0;
}

static int name_managed(struct machine *machine)
{
	struct bdf *list = calloc(machine->options->device_count + 1, sizeof(list[0]));
	size_t count = 0;
	int error;

	if (!list)
		return error_sys(ENOMEM, "devices");
	for (const struct device_plan *plan = machine->plans; plan; plan = plan->next) {
		if (plan->managed)
			list[count++] = plan->host.bdf;
	}
	error = count ? broker_manage(machine->broker, list, count) : 0;
	free(list);
	return error;
}

/* The first thing that changes the host. A signal that comes meanwhile must not end us while a device is on
 * its way: whoever started us takes our end as a sign that it is back. */
static int bind_managed(struct machine *machine)
{
	int error;

	if (!machine->managed)
		return 0;
	machine_hold_signals();
	error = broker_bind_managed(machine->broker);
	machine_die_if_signalled(machine);
	return error == 0 ? check_devices(machine, true) : error;
}

int machine_check(struct machine *machine)
{
	int error = plan_devices(machine);

	if (error == 0)
		error = broker_start(&machine->broker);
	if (error == 0)
		error = broker_open_kvm(machine->broker, &machine->kvm_fd);
	if (error == 0)
		error = broker_reserved(machine->broker, machine->layout_host.reserved,
					&machine->layout_host.reserved_count);
	/* The address width is only known with the VM; 52 bits for now, looked at again then. */
	machine->layout_host.phys_bits = 52;
	if (error == 0)
		error = layout_make(machine->options->memory, &machine->layout_host, &machine->layout);
	if (error == 0)
		error = check_memory_at_start(machine);
	if (error == 0)
		error = check_kernel(machine);
	if (error == 0)
		error = find_devices(machine);
	if (error == 0)
		error = name_managed(machine);
	if (error == 0)
		error = check_devices(machine, false);
	if (error == 0 && count_host_devices(machine) > 0)
		error = broker_allow_memlock(machine->broker, machine->options->memory);
	return error == 0 ? bind_managed(machine) : error;
}
