/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Where the journal remembers a device's driver, the way back is bind's own
 * (task_restore()). Where it does not (somebody bound the device by the classical recipe), the kernel
 * chooses: the override is cleared, the modules that modules.alias names for the device are loaded as udev
 * would load them, and the probe shows who takes it. If that is a VFIO driver again though nothing tells it
 * to any more, somebody gave it the device's identity (new_id, or ids= of vfio-pci). sysfs shows no such
 * identities, so this probe is the only way to find out. An override with the host's own driver then goes
 * past it.
 */
#include "host/bind-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/handover-priv.h"
#include "host/modules-priv.h"
#include "host/task-priv.h"

#define MODULES_TRIED 8

/* Where a device goes that is not with VFIO: nowhere, unless the user names another driver. */
static bool stays(const struct task *task, const char *driver)
{
	return task->device.driver[0] && !driver_is_vfio(task->device.driver) &&
	       (!driver || strcmp(driver, task->device.driver) == 0);
}

static int check_all_free(const struct tasks *tasks, const struct unbind_options *options)
{
	struct findings findings = { 0 };
	struct usage *usage = NULL;
	int error = options->driver ? usage_create(&tasks->host, &usage) : 0;

	for (size_t i = 0; i < tasks->count && !error; i++) {
		const struct task *task = &tasks->list[i];

		/* Nor does a driver of the host get a device whose group somebody has. */
		if (driver_is_vfio(task->device.driver) ||
		    (!task->device.driver[0] && task->device.has_group))
			check_holders(&tasks->host, &task->device, 0, &findings);
		else if (!stays(task, options->driver) && usage)
			check_uses(usage, &task->device, false, &findings);
	}
	usage_destroy(usage);
	if (!error)
		error = findings_error(&findings);
	findings_fini(&findings);
	return error;
}

/* The driver that the user names has to be there before a device loses the one it has. */
static int check_driver(const struct host *host, const char *driver)
{
	if (driver_is_vfio(driver)) {
		error_set(EINVAL, "%s is a VFIO driver, and unbind gives devices back to the host", driver);
		return error_try("handfast bind --driver %s ...", driver);
	}
	if (!rebind_has_driver(host, driver))
		(void)host->ops->load_module(host, driver);
	if (rebind_has_driver(host, driver))
		return 0;
	error_set(ENOENT, "there is no driver %s: it is not loaded and could not be", driver);
	error_try("modprobe %s    (as root; says why)", driver);
	return error_try("ls %s/bus/pci/drivers    (lists the drivers there are)", host->sys);
}

/* The first driver of modules.alias that is loaded. */
static bool find_native(const struct host *host, const struct host_device *device, char *ret_driver,
			size_t size)
{
	struct module_name modules[MODULES_TRIED];
	size_t count = modules_native(host, device, modules, MODULES_TRIED);

	for (size_t i = 0; i < count; i++) {
		if (modules_driver(host, modules[i].text, ret_driver, size))
			return true;
	}
	return false;
}

/* Nothing took it, which is in order only where nothing is made for it. */
static int explain_nobody(const struct host *host, const struct host_device *device)
{
	struct module_name modules[MODULES_TRIED];
	char driver[64];
	size_t count = modules_native(host, device, modules, MODULES_TRIED);

	if (!count)
		return 0;
	if (find_native(host, device, driver, sizeof(driver))) {
		error_set(EIO, "%s is without driver: %s, which modules.alias names, did not take it",
			  device->text, driver);
		return error_try("dmesg | tail    (what the driver said about it)");
	}
	error_set(ENOENT,
		  "%s is without driver: modules.alias names %s, which is not loaded and could not be; "
		  "modprobe.d may forbid it",
		  device->text, modules[0].text);
	return error_try("handfast unbind --driver %s %s    (loads it all the same)", modules[0].text,
			 device->text);
}

static int free_and_probe(const struct host *host, const struct host_device *device, char *ret_driver,
			  size_t size, struct rebind_hang *ret_hang)
{
	int error = rebind_release(host, device, ret_hang);

	if (!error)
		error = rebind_probe(host, device, ret_hang);
	return error ? error : device_driver(host, device->bdf, ret_driver, size);
}

static void note_identity(const struct tasks *tasks, const struct host_device *device, const char *vfio)
{
	fprintf(tasks->notes,
		"note: %s had it by its identity %04x:%04x, which somebody gave that driver (new_id), and "
		"takes "
		"every such device that comes without driver\n"
		"      try: handfast unbind --remove-id %s\n"
		"           echo %04x %04x > %s/bus/pci/drivers/%s/remove_id\n",
		vfio, device->vendor, device->device, device->text, device->vendor, device->device,
		tasks->host.sys, vfio);
}

/* vfio has it again by an identity that somebody gave it. */
static int go_past_identity(const struct tasks *tasks, struct task *task, const char *vfio,
			    struct rebind_hang *ret_hang)
{
	const struct host *host = &tasks->host;
	const struct host_device *device = &task->device;
	char native[64];

	if (find_native(host, device, native, sizeof(native)))
		return rebind_to(host, device, native, "", ret_hang);
	error_set(EBUSY,
		  "%s took %s again, although nothing tells it to any more: somebody gave it the device's "
		  "identity through new_id",
		  vfio, device->text);
	error_try("handfast unbind --remove-id %s", device->text);
	return error_try("echo %04x %04x > %s/bus/pci/drivers/%s/remove_id", device->vendor, device->device,
			 host->sys, vfio);
}

/* Nobody remembers where it came from. */
static int give_to_anyone(const struct tasks *tasks, struct task *task, bool remove_id,
			  struct rebind_hang *ret_hang)
{
	const struct host *host = &tasks->host;
	const struct host_device *device = &task->device;
	/* Which driver wins a probe depends on which came first, so the probe's end alone tells too little.
	 */
	bool by_identity = driver_is_vfio(device->driver) && !device->driver_override[0] && !remove_id;
	char now[64];
	int error = rebind_override(host, device, "", ret_hang);

	if (!error)
		error = rebind_release(host, device, ret_hang);
	if (error)
		return error;
	if (device->modalias[0])
		(void)host->ops->load_module(host, device->modalias);
	error = free_and_probe(host, device, now, sizeof(now), ret_hang);
	if (error)
		return error;
	if (driver_is_vfio(now))
		error = go_past_identity(tasks, task, now, ret_hang);
	else if (!now[0])
		error = explain_nobody(host, device);
	if (!error && by_identity)
		note_identity(tasks, device, device->driver);
	return error;
}

/* Bound to a driver of the host's already: what is left of an earlier bind goes. */
static int tidy(const struct tasks *tasks, const struct task *task)
{
	const struct host *host = &tasks->host;
	const struct host_device *device = &task->device;
	int error;

	if (driver_is_vfio(device->driver_override) ||
	    (task_is_unfinished(task) && device->driver_override[0])) {
		struct rebind_hang hang;

		error = rebind_override(host, device, task->has_entry ? task->entry.override : "", &hang);
		if (error)
			return error;
	}
	error = handover_take_back(host, device, &task->entry);
	return error ? error : journal_remove(host, device->bdf);
}

static int give_back(const struct tasks *tasks, struct task *task, const struct unbind_options *options)
{
	const struct host *host = &tasks->host;
	struct rebind_hang hang = { 0 };
	int error;

	if (!options->driver && task->has_entry && !task->entry.origin_unknown)
		return task_restore(host, task, task->entry.driver);
	if (options->driver)
		error = rebind_to(host, &task->device, options->driver, "", &hang);
	else
		error = give_to_anyone(tasks, task, options->remove_id, &hang);
	if (error == -ETIMEDOUT)
		task_note_hang(host, task, &hang);
	if (!error)
		error = handover_take_back(host, &task->device, &task->entry);
	return error ? error : journal_remove(host, task->device.bdf);
}

/* Fine where there is none. */
static int remove_identity(const struct host *host, const struct host_device *device)
{
	int error =
		rebind_remove_id(host, device, driver_is_vfio(device->driver) ? device->driver : "vfio-pci");

	return error == -ENODEV || error == -ENOENT ? 0 : error;
}

static int unbind_one(const struct tasks *tasks, struct task *task, const struct unbind_options *options,
		      FILE *out)
{
	const struct host_device *device = &task->device;
	char now[64] = "";
	int error = options->remove_id ? remove_identity(&tasks->host, device) : 0;

	if (error)
		return error;
	if (stays(task, options->driver)) {
		error = tidy(tasks, task);
		if (!error)
			fprintf(out, "%s: already bound to %s\n", device->text, device->driver);
		return error;
	}
	error = give_back(tasks, task, options);
	if (error)
		return error;
	(void)device_driver(&tasks->host, device->bdf, now, sizeof(now));
	fprintf(out, "%s: %s -> %s\n", device->text, task_driver_text(device->driver), task_driver_text(now));
	return 0;
}

/* Each that can be; the failures of the others become one. */
static int unbind_all(struct tasks *tasks, const struct unbind_options *options, FILE *out)
{
	struct error failures = { 0 };
	sigset_t before;

	host_hold_signals(&before);
	for (size_t i = 0; i < tasks->count; i++) {
		struct error next;

		if (unbind_one(tasks, &tasks->list[i], options, out) == 0)
			continue;
		if (!failures.errnum) {
			failures = *error_get();
			continue;
		}
		next = *error_get();
		error_load(&failures);
		error_add("%s", next.because);
		if (next.remedy[0])
			error_try("%s", next.remedy);
		failures = *error_get();
	}
	fflush(out);
	host_release_signals(&before);
	return failures.errnum ? error_load(&failures) : 0;
}

int unbind_devices(const struct host *host, const struct bdf *list, size_t count,
		   const struct unbind_options *options, FILE *out, FILE *notes)
{
	const struct task_spec spec = {
		.command = "unbind",
		.list = list,
		.count = count,
		.group = options->group,
		.wait = options->wait,
		.notes = notes,
	};
	struct tasks tasks;
	char names[512];
	int error = tasks_begin(host, &spec, &tasks);

	if (!error && options->driver)
		error = check_driver(host, options->driver);
	if (!error)
		error = check_all_free(&tasks, options);
	if (!error) {
		error = unbind_all(&tasks, options, out);
		if (error)
			error = error_try_else("dmesg | tail    (what the kernel said about it)");
	}
	if (error)
		error = error_tried("give back %s", task_names(list, count, names, sizeof(names)));
	tasks_end(&tasks);
	return error;
}
