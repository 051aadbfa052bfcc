/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. All checks come first, under the journal's lock, and change nothing. Then for each
 * device: its entry goes into the journal, and only when that is on disk the device moves to its VFIO driver
 * (rebind.c). Whatever happens from there on, kill -9 and a reboot included, the entry says what the
 * device was, and `unbind`, or this command's own way back, brings it to that and then removes the entry.
 * An entry that is found for a device halfway (task_is_unfinished()) knows more than the device does, so it
 * is kept. After a write that timed out the device is left alone (the next write would hang as well); its
 * entry stays for the next command and says which process sits in that write.
 */
#include "host/bind-priv.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/handover-priv.h"
#include "host/modules-priv.h"
#include "host/task-priv.h"

#define VFIO_DRIVER "vfio-pci"
#define VFIO_MODULE "vfio_pci"

/* What can be known before */

static void check_bindable(const struct host *host, struct task *task, struct usage *usage, bool force,
			   struct findings *findings)
{
	const struct host_device *device = &task->device;

	if (driver_is_vfio(device->driver)) {
		task->skip = true;
		return;
	}
	(void)text_copy(findings->subject, sizeof(findings->subject), device->text);
	if (!check_kind(device, findings))
		return;
	if (!device->has_group) {
		check_assignable(host, device, NULL, findings);
		return;
	}
	check_uses(usage, device, force, findings);
}

static int check_all_bindable(struct tasks *tasks, bool force)
{
	struct findings findings = { 0 };
	struct usage *usage;
	int error = usage_create(&tasks->host, &usage);

	if (error)
		return error;
	for (size_t i = 0; i < tasks->count; i++)
		check_bindable(&tasks->host, &tasks->list[i], usage, force, &findings);
	usage_destroy(usage);
	error = findings_error(&findings);
	if (!error)
		task_print_notes(&findings, tasks->notes);
	findings_fini(&findings);
	return error;
}

/* The driver that this module brings. fallback: what can be said where it brings none. */
static int ensure_driver(const struct host *host, const char *module, const char *load_as,
			 const char *fallback, char *ret_driver, size_t size)
{
	struct error why = { 0 };

	if (modules_driver(host, module, ret_driver, size))
		return 0;
	if (host->ops->load_module(host, load_as))
		why = *error_get();
	else if (modules_driver(host, module, ret_driver, size))
		return 0;
	error_set(ENOENT, "the driver %s is not loaded and could not be%s%s", load_as, why.errnum ? ": " : "",
		  why.errnum ? why.because : "");
	error_try("modprobe %s    (says why)", load_as);
	return error_try("%s", fallback);
}

/* The driver made for the device, the general one only where there is none. */
static int choose_driver(const struct host *host, struct task *task, const char *wanted)
{
	struct module_name variant;
	char fallback[128];
	int error;

	if (wanted)
		return ensure_driver(host, wanted, wanted,
				     "handfast check    (says whether this kernel has it)", task->target,
				     sizeof(task->target));
	if (!modules_variant(host, &task->device, &variant))
		return ensure_driver(host, VFIO_MODULE, VFIO_DRIVER,
				     "handfast check    (says whether this kernel has it)", task->target,
				     sizeof(task->target));
	(void)snprintf(fallback, sizeof(fallback),
		       "handfast bind --driver " VFIO_DRIVER " %s    (does without it)", task->device.text);
	error = ensure_driver(host, variant.text, variant.text, fallback, task->target, sizeof(task->target));
	if (error)
		error_add("modules.alias names it as the VFIO driver made for %s", task->device.text);
	return error;
}

/* A device that is with VFIO stays with the driver it has, though another one may be made for it. */
static void note_variant(const struct host *host, const struct task *task, FILE *notes)
{
	struct module_name variant;
	char driver[64];

	if (strcmp(task->device.driver, VFIO_DRIVER) != 0 || !modules_variant(host, &task->device, &variant))
		return;
	if (!modules_driver(host, variant.text, driver, sizeof(driver)))
		(void)text_copy(driver, sizeof(driver), variant.text);
	fprintf(notes,
		"note: %s stays with " VFIO_DRIVER "; %s is the VFIO driver made for it\n"
		"      try: handfast unbind %s && handfast bind %s\n",
		task->device.text, driver, task->device.text, task->device.text);
}

static int choose_drivers(struct tasks *tasks, const char *wanted)
{
	int error = 0;

	if (wanted && !driver_is_vfio(wanted)) {
		error_set(EINVAL, "%s is no VFIO driver", wanted);
		return error_try("handfast unbind --driver %s ...    (gives devices to a driver of the host)",
				 wanted);
	}
	for (size_t i = 0; i < tasks->count && !error; i++) {
		if (!tasks->list[i].skip)
			error = choose_driver(&tasks->host, &tasks->list[i], wanted);
		else if (!wanted)
			note_variant(&tasks->host, &tasks->list[i], tasks->notes);
	}
	return error;
}

/* The doing */

/* What the device is, where the journal does not know better. */
static void plan_entry(const struct host *host, const struct bind_options *options, struct task *task)
{
	const struct host_device *device = &task->device;

	if (task_is_unfinished(task) || (task->skip && task->has_entry)) {
		task->entry.hangs = false;
		journal_set_boot(host, &task->entry);
		return;
	}
	task->entry = (struct journal_entry){
		.bdf = device->bdf,
		.vendor = device->vendor,
		.device = device->device,
		.origin_unknown = task->skip || (options->at_boot && !device->driver[0]),
	};
	journal_set_boot(host, &task->entry);
	if (task->entry.origin_unknown)
		return;
	(void)text_copy(task->entry.driver, sizeof(task->entry.driver), device->driver);
	(void)text_copy(task->entry.override, sizeof(task->entry.override), device->driver_override);
}

static int bind_one(const struct host *host, const struct bind_options *options,
		    const struct handover_user *user, struct task *task)
{
	struct rebind_hang hang = { 0 };
	int error;

	plan_entry(host, options, task);
	if (user)
		handover_plan(host, &task->device, user, &task->entry);
	error = journal_write(host, &task->entry);
	if (!error && !task->skip)
		error = rebind_to(host, &task->device, task->target, task->target, &hang);
	if (error == -ETIMEDOUT)
		task_note_hang(host, task, &hang);
	if (error || !user)
		return error;
	task->handed = true;
	return handover_give(host, &task->device, &task->entry);
}

/* One whose driver stays: its nodes go back to whom they belonged, and the journal says what it said. */
static int restore_nodes(const struct host *host, const struct task *task)
{
	int error = task->handed ? handover_take_back(host, &task->device, &task->entry) : 0;

	if (!error && task->handed && task->before.has_user)
		error = handover_give(host, &task->device, &task->before);
	if (error)
		return error;
	return task->has_entry ? journal_write(host, &task->before) : journal_remove(host, task->device.bdf);
}

/*
 * Undoes list[0] to list[last], the last one being where it failed with the error on record. Returns that
 * error with what became of the devices added.
 */
static int roll_back(struct tasks *tasks, bool with_nodes, size_t last)
{
	struct error failure = *error_get(), second;
	bool all = true;
	int error;

	for (size_t i = last + 1; i-- > 0;) {
		struct task *task = &tasks->list[i];

		if (task->skip && !with_nodes)
			continue;
		if (i == last && failure.errnum == ETIMEDOUT) {
			all = false;
			error_load(&failure);
			error_add("%s is left as it is; `handfast unbind` finishes or undoes it once its "
				  "driver has let go",
				  task->device.text);
			failure = *error_get();
			continue;
		}
		error = task->skip ? restore_nodes(&tasks->host, task)
				   : task_restore(&tasks->host, task, task->entry.driver);
		if (!error)
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

/* An unbind was killed between its first two writes: the device is still ours, the override is not. */
static int mend_override(const struct host *host, const struct task *task)
{
	const struct host_device *device = &task->device;
	struct rebind_hang hang;

	if (!task->skip || !task->has_entry || task->entry.origin_unknown ||
	    strcmp(device->driver_override, device->driver) == 0)
		return 0;
	return rebind_override(host, device, device->driver, &hang);
}

static int bind_all(struct tasks *tasks, const struct bind_options *options, const struct handover_user *user)
{
	sigset_t before;
	int error = 0;

	host_hold_signals(&before);
	for (size_t i = 0; i < tasks->count && !error; i++) {
		error = mend_override(&tasks->host, &tasks->list[i]);
		if (!error && (!tasks->list[i].skip || user))
			error = bind_one(&tasks->host, options, user, &tasks->list[i]);
		if (error)
			error = roll_back(tasks, user != NULL, i);
	}
	host_release_signals(&before);
	return error;
}

static bool was_moved(const struct tasks *tasks, struct bdf bdf)
{
	for (size_t i = 0; i < tasks->count; i++) {
		if (bdf_equal(tasks->list[i].device.bdf, bdf))
			return !tasks->list[i].skip;
	}
	return false;
}

static void report(const struct tasks *tasks, const struct handover_user *user, FILE *out)
{
	for (size_t i = 0; i < tasks->count; i++) {
		const struct task *task = &tasks->list[i];
		char to[96] = "";

		if (user)
			(void)snprintf(to, sizeof(to), ", for %s", user->name);
		if (task->skip)
			fprintf(out, "%s: already bound to %s%s\n", task->device.text, task->device.driver,
				to);
		else
			fprintf(out, "%s: %s -> %s%s\n", task->device.text,
				task_driver_text(task->device.driver), task->target, to);
	}
}

/* What else the group needs before a VM can have it. */
static void note_groups(const struct tasks *tasks, const struct bind_options *options)
{
	const struct check_scope scope = { .bound = options->next, .bound_count = options->next_count };
	struct findings findings = { 0 };

	for (size_t i = 0; i < tasks->count; i++)
		check_group(&tasks->host, &tasks->list[i].device, &scope, &findings);
	task_print_notes(&findings, tasks->notes);
	findings_fini(&findings);
}

static int bind_under_lock(struct tasks *tasks, const struct bind_options *options,
			   const struct handover_user *user, FILE *out)
{
	int error = check_all_bindable(tasks, options->force);

	if (options->ret_in_use)
		*options->ret_in_use = error == -EBUSY;
	if (!error)
		error = choose_drivers(tasks, options->driver);
	if (!error)
		error = bind_all(tasks, options, user);
	if (error)
		return error_try_else("dmesg | tail    (what the kernel said about it)");
	report(tasks, user, out);
	note_groups(tasks, options);
	if (user)
		handover_note_limit(&tasks->host, user, tasks->notes);
	return 0;
}

int bind_devices(const struct host *host, const struct bdf *list, size_t count,
		 const struct bind_options *options, FILE *out, FILE *notes)
{
	const struct task_spec spec = {
		.command = "bind",
		.list = list,
		.count = count,
		.group = options->group,
		.wait = options->wait,
		.notes = notes,
	};
	struct handover_user user = { 0 };
	struct tasks tasks = { .lock = -1 };
	char names[512];
	int error = options->user ? handover_find_user(options->user, &user) : 0;

	if (!error)
		error = tasks_begin(host, &spec, &tasks);
	if (!error)
		error = bind_under_lock(&tasks, options, options->user ? &user : NULL, out);
	if (error)
		error = error_tried("bind %s to %s", task_names(list, count, names, sizeof(names)),
				    options->driver ? options->driver : VFIO_DRIVER);
	for (size_t i = 0; !error && options->ret_moved && i < count; i++)
		options->ret_moved[i] = was_moved(&tasks, list[i]);
	tasks_end(&tasks);
	return error;
}
