/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. All checks come first, under the journal's lock, and change nothing. Then for each
 * device: its entry goes into the journal, and only when that is on disk the device moves to vfio-pci
 * (rebind.c). Whatever happens from there on, kill -9 and a reboot included, the entry says what the
 * device was, and `unbind`, or this command's own way back, brings it to that and then removes the entry.
 * An entry that is found for a device halfway (is_unfinished()) knows more than the device does, so it is
 * kept. After a write that timed out the device is left alone (the next write would hang
 * as well) and its entry stays for the next command.
 */
#include "host/bind-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/journal-priv.h"
#include "host/node-priv.h"
#include "host/rebind-priv.h"

#define VFIO_DRIVER "vfio-pci"

/* One device of the command line. */
struct task {
	struct host_device device;  /* as it was found */
	struct journal_entry entry; /* what it has to become again */
	bool has_entry;		    /* the journal had one before we began */
	bool skip;		    /* there is nothing to do */
};

struct tasks {
	struct task *list;
	size_t count;
};

static const char *driver_text(const char *driver)
{
	return driver[0] ? driver : "no driver";
}

/* "0000:01:00.0, 0000:01:00.1" */
static const char *device_names(const struct bdf *list, size_t count, char *ret_text, size_t size)
{
	char text[BDF_TEXT_SIZE];
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "",
					 bdf_format(list[i], text));
	return ret_text;
}

static bool is_named_before(const struct bdf *list, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (bdf_equal(list[i], list[at]))
			return true;
	}
	return false;
}

/* The journal's entry for the device, unless it is about another one that once sat at this address. */
static bool find_entry(const struct host *host, const struct host_device *device,
		       struct journal_entry *ret_entry)
{
	return journal_read(host, device->bdf, ret_entry) == 0 && ret_entry->vendor == device->vendor &&
	       ret_entry->device == device->device;
}

static int load_tasks(const struct host *host, const struct bdf *list, size_t count, struct tasks *ret_tasks)
{
	struct tasks tasks = { .list = calloc(count + 1, sizeof(*tasks.list)) };

	if (!tasks.list)
		return error_sys(ENOMEM, "the list of devices");
	for (size_t i = 0; i < count; i++) {
		struct task *task = &tasks.list[tasks.count];
		int error;

		if (is_named_before(list, i))
			continue;
		error = device_load(host, list[i], &task->device);
		if (error) {
			free(tasks.list);
			return error;
		}
		task->has_entry = find_entry(host, &task->device, &task->entry);
		tasks.count++;
	}
	*ret_tasks = tasks;
	return 0;
}

static int check_rights(const struct host *host, const char *command)
{
	char path[PATH_MAX], user[128];
	int errnum;

	if (faccessat(AT_FDCWD, sysfs_path(path, "%s/bus/pci/drivers_probe", host->sys), W_OK, AT_EACCESS) ==
	    0)
		return 0;
	errnum = errno;
	if (errnum == EROFS) {
		error_set(EROFS, "%s is read-only here", host->sys);
		return error_try("run on the host, not in a container");
	}
	error_set(errnum, "it changes the host's drivers, and %s may not", node_user(user, sizeof(user)));
	return error_try("sudo handfast %s ...", command);
}

/* Devices that exist, the right to move them, the lock, and then the devices as they are under it. */
static int begin(const struct host *host, const char *command, const struct bdf *list, size_t count,
		 struct tasks *ret_tasks, int *ret_lock)
{
	struct tasks tasks;
	int error = load_tasks(host, list, count, &tasks);

	if (error)
		return error;
	free(tasks.list);
	error = check_rights(host, command);
	if (!error)
		error = journal_lock(host, ret_lock);
	return error ? error : load_tasks(host, list, count, ret_tasks);
}

/* Ctrl-C between two writes would leave a device between two drivers: it waits until all is done. Each
 * write has its deadline, so that is not long. */
static void hold_signals(sigset_t *ret_before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, ret_before);
}

static void release_signals(const sigset_t *before)
{
	(void)sigprocmask(SIG_SETMASK, before, NULL);
}

/* Prints the warnings, and of the obstacles what is left of them once they do not stop us. */
static void print_notes(const struct findings *findings, FILE *notes)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		if (finding->level == FINDING_OK)
			continue;
		fprintf(notes, "note: %s\n", finding->what);
		if (finding->cure)
			fprintf(notes, "      try: %s\n", finding->cure);
	}
}

/* bind: what can be known before */

static void check_bindable(const struct host *host, struct task *task, struct usage *usage, bool force,
			   struct findings *findings)
{
	const struct host_device *device = &task->device;

	if (driver_is_vfio(device->driver)) {
		task->skip = true;
		return;
	}
	if (device->is_bridge || !device->has_group) {
		check_assignable(host, device, NULL, findings);
		return;
	}
	check_uses(usage, device, force, findings);
}

static int check_all_bindable(const struct host *host, struct tasks *tasks, bool force, FILE *notes)
{
	struct findings findings = { 0 };
	struct usage *usage;
	int error = usage_create(host, &usage);

	if (error)
		return error;
	for (size_t i = 0; i < tasks->count; i++)
		check_bindable(host, &tasks->list[i], usage, force, &findings);
	usage_destroy(usage);
	error = findings_error(&findings);
	if (!error)
		print_notes(&findings, notes);
	findings_fini(&findings);
	return error;
}

static int ensure_driver(const struct host *host)
{
	struct error why;

	if (rebind_has_driver(host, VFIO_DRIVER))
		return 0;
	if (host->ops->load_module(host, VFIO_DRIVER) == 0 && rebind_has_driver(host, VFIO_DRIVER))
		return 0;
	why = *error_get();
	error_set(ENOENT, "the driver " VFIO_DRIVER " is not loaded and could not be%s%s",
		  why.errnum ? ": " : "", why.errnum ? why.because : "");
	error_try("modprobe " VFIO_DRIVER "    (says why)");
	return error_try("handfast check    (says whether this kernel has it)");
}

/*
 * Whether a bind or unbind ended halfway, so that the journal's entry tells what the device was and the
 * device itself does not: it is without driver, or its override is one of ours.
 */
static bool is_unfinished(const struct task *task)
{
	const struct host_device *device = &task->device;

	return task->has_entry && (!device->driver[0] || driver_is_vfio(device->driver_override) ||
				   strcmp(device->driver_override, task->entry.driver) == 0);
}

/* bind: the doing */

static int bind_one(const struct host *host, struct task *task)
{
	const struct host_device *device = &task->device;
	int error;

	if (!is_unfinished(task)) {
		struct journal_entry entry = {
			.bdf = device->bdf,
			.vendor = device->vendor,
			.device = device->device,
		};

		(void)text_copy(entry.driver, sizeof(entry.driver), device->driver);
		(void)text_copy(entry.override, sizeof(entry.override), device->driver_override);
		task->entry = entry;
		error = journal_write(host, &entry);
		if (error)
			return error;
	}
	return rebind_to(host, device, VFIO_DRIVER, VFIO_DRIVER);
}

/* Brings the device to what it was. */
static int restore(const struct host *host, const struct task *task, const char *driver)
{
	int error = rebind_to(host, &task->device, driver, task->entry.override);

	return error ? error : journal_remove(host, task->device.bdf);
}

/*
 * Undoes list[0] to list[last], the last one being where it failed with the error on record. Returns that
 * error with what became of the devices added.
 */
static int roll_back(const struct host *host, struct tasks *tasks, size_t last)
{
	struct error failure = *error_get(), second;
	bool all = true;
	int error = error_load(&failure);

	for (size_t i = last + 1; i-- > 0;) {
		struct task *task = &tasks->list[i];

		if (task->skip)
			continue;
		if (i == last && failure.errnum == ETIMEDOUT) {
			all = false;
			error_add("%s is left as it is; `handfast unbind` finishes or undoes it once its "
				  "driver "
				  "has let go",
				  task->device.text);
			failure = *error_get();
			continue;
		}
		if (restore(host, task, task->entry.driver) == 0)
			continue;
		all = false;
		second = *error_get();
		error_load(&failure);
		error_add("%s could not be put back: %s", task->device.text, second.because);
		failure = *error_get();
	}
	error = error_load(&failure);
	if (all)
		error = error_add("everything was put back as it was");
	return error;
}

static int bind_all(const struct host *host, struct tasks *tasks)
{
	sigset_t before;
	int error = 0;

	hold_signals(&before);
	for (size_t i = 0; i < tasks->count && !error; i++) {
		if (!tasks->list[i].skip && bind_one(host, &tasks->list[i]))
			error = roll_back(host, tasks, i);
	}
	release_signals(&before);
	return error;
}

/* What else the group needs before a VM can have it. */
static void note_groups(const struct host *host, const struct tasks *tasks, FILE *notes)
{
	struct findings findings = { 0 };

	for (size_t i = 0; i < tasks->count; i++)
		check_group(host, &tasks->list[i].device, NULL, &findings);
	print_notes(&findings, notes);
	findings_fini(&findings);
}

/* What the kernel's own refusals leave to say. */
static int ask_the_kernel(void)
{
	return error_try_else("dmesg | tail    (what the kernel said about it)");
}

static bool was_moved(const struct tasks *tasks, struct bdf bdf)
{
	for (size_t i = 0; i < tasks->count; i++) {
		if (bdf_equal(tasks->list[i].device.bdf, bdf))
			return !tasks->list[i].skip;
	}
	return false;
}

int bind_devices(const struct host *host, const struct bdf *list, size_t count,
		 const struct bind_options *options, FILE *out, FILE *notes)
{
	struct tasks tasks = { 0 };
	auto_fd int lock = -1;
	char names[512];
	int error = begin(host, "bind", list, count, &tasks, &lock);

	if (error)
		return error_tried("bind %s to " VFIO_DRIVER,
				   device_names(list, count, names, sizeof(names)));
	error = check_all_bindable(host, &tasks, options->force, notes);
	if (!error)
		error = ensure_driver(host);
	if (!error)
		error = bind_all(host, &tasks);
	if (error) {
		error = ask_the_kernel();
		error = error_tried("bind %s to " VFIO_DRIVER,
				    device_names(list, count, names, sizeof(names)));
		free(tasks.list);
		return error;
	}
	for (size_t i = 0; options->ret_moved && i < count; i++)
		options->ret_moved[i] = was_moved(&tasks, list[i]);
	for (size_t i = 0; i < tasks.count; i++) {
		const struct task *task = &tasks.list[i];

		if (task->skip)
			fprintf(out, "%s: already bound to %s\n", task->device.text, task->device.driver);
		else
			fprintf(out, "%s: %s -> " VFIO_DRIVER "\n", task->device.text,
				driver_text(task->device.driver));
	}
	note_groups(host, &tasks, notes);
	free(tasks.list);
	return 0;
}

/* unbind */

static int check_all_free(const struct host *host, struct tasks *tasks)
{
	struct findings findings = { 0 };
	int error;

	for (size_t i = 0; i < tasks->count; i++) {
		if (driver_is_vfio(tasks->list[i].device.driver))
			check_holders(host, &tasks->list[i].device, 0, &findings);
	}
	error = findings_error(&findings);
	findings_fini(&findings);
	return error;
}

/* Nobody remembers where it came from: whichever driver of this kernel wants it. */
static int give_to_anyone(const struct host *host, const struct host_device *device)
{
	char now[64];
	int error = rebind_override(host, device, "");

	if (!error)
		error = rebind_release(host, device);
	if (error)
		return error;
	if (device->modalias[0])
		(void)host->ops->load_module(host, device->modalias);
	error = rebind_probe(host, device);
	if (error == -ETIMEDOUT)
		return error;
	error = device_driver(host, device->bdf, now, sizeof(now));
	if (error || !driver_is_vfio(now))
		return error;
	error_set(EBUSY,
		  "%s took %s again, although nothing tells it to any more: somebody gave it the device's "
		  "identity through new_id",
		  now, device->text);
	return error_try("echo %04x %04x > %s/bus/pci/drivers/%s/remove_id", device->vendor, device->device,
			 host->sys, now);
}

/* Bound to a driver of its own already: what is left of an earlier bind goes. */
static int tidy(const struct host *host, const struct task *task)
{
	const struct host_device *device = &task->device;

	if (driver_is_vfio(device->driver_override) || (is_unfinished(task) && device->driver_override[0])) {
		int error = rebind_override(host, device, task->has_entry ? task->entry.override : "");

		if (error)
			return error;
	}
	return journal_remove(host, device->bdf);
}

static int unbind_one(const struct host *host, const struct task *task, FILE *out)
{
	const struct host_device *device = &task->device;
	char now[64] = "";
	int error;

	if (device->driver[0] && !driver_is_vfio(device->driver)) {
		error = tidy(host, task);
		if (!error)
			fprintf(out, "%s: already bound to %s\n", device->text, device->driver);
		return error;
	}
	if (task->has_entry)
		error = restore(host, task, task->entry.driver);
	else
		error = give_to_anyone(host, device);
	if (!error)
		error = journal_remove(host, device->bdf);
	if (error)
		return error;
	(void)device_driver(host, device->bdf, now, sizeof(now));
	fprintf(out, "%s: %s -> %s\n", device->text, driver_text(device->driver), driver_text(now));
	return 0;
}

/* Each that can be; the failures of the others become one. */
static int unbind_all(const struct host *host, const struct tasks *tasks, FILE *out)
{
	struct error failures = { 0 };
	sigset_t before;

	hold_signals(&before);
	for (size_t i = 0; i < tasks->count; i++) {
		struct error next;

		if (unbind_one(host, &tasks->list[i], out) == 0)
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
	release_signals(&before);
	return failures.errnum ? error_load(&failures) : 0;
}

int unbind_devices(const struct host *host, const struct bdf *list, size_t count,
		   const struct unbind_options *options, FILE *out, FILE *notes)
{
	struct tasks tasks = { 0 };
	auto_fd int lock = -1;
	char names[512];
	int error = begin(host, "unbind", list, count, &tasks, &lock);

	if (error)
		return error_tried("give back %s", device_names(list, count, names, sizeof(names)));
	error = check_all_free(host, &tasks);
	if (!error)
		error = unbind_all(host, &tasks, out);
	if (error) {
		error = ask_the_kernel();
		error = error_tried("give back %s", device_names(list, count, names, sizeof(names)));
	}
	free(tasks.list);
	return error;
}
