/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/task-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/bind-priv.h"
#include "host/check-priv.h"
#include "host/group-priv.h"
#include "host/handover-priv.h"
#include "host/node-priv.h"

#define LOOK_NS 100000000 /* between two looks at a write that hangs */

const char *task_driver_text(const char *driver)
{
	return driver[0] ? driver : "no driver";
}

const char *task_names(const struct bdf *list, size_t count, char *ret_text, size_t size)
{
	char text[BDF_TEXT_SIZE];
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "",
					 bdf_format(list[i], text));
	return ret_text;
}

void task_print_notes(const struct findings *findings, FILE *notes)
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

bool task_is_bridge(const struct host_device *device)
{
	struct findings findings = { 0 };
	bool is_device = check_kind(device, &findings);

	findings_fini(&findings);
	return !is_device;
}

bool task_is_unfinished(const struct task *task)
{
	const struct host_device *device = &task->device;

	if (!task->has_entry || task->entry.origin_unknown)
		return false;
	if (!device->driver[0])
		return true;
	/* Halfway it has the driver that it came from; any other one got it after us, by hand or at a boot.
	 */
	return strcmp(device->driver, task->entry.driver) == 0 &&
	       (driver_is_vfio(device->driver_override) ||
		strcmp(device->driver_override, task->entry.driver) == 0);
}

static bool is_listed(const struct tasks *tasks, struct bdf bdf)
{
	for (size_t i = 0; i < tasks->count; i++) {
		if (bdf_equal(tasks->list[i].device.bdf, bdf))
			return true;
	}
	return false;
}

/* A device named twice is one. */
static int add_device(const struct host *host, struct tasks *tasks, struct bdf bdf)
{
	struct task task = { 0 }, *more;
	int error;

	if (is_listed(tasks, bdf))
		return 0;
	error = device_load(host, bdf, &task.device);
	if (error)
		return error;
	task.has_entry = journal_find(host, &task.device, &task.before);
	task.entry = task.before;
	more = realloc(tasks->list, (tasks->count + 1) * sizeof(*more));
	if (!more)
		return error_sys(ENOMEM, "the list of devices");
	tasks->list = more;
	tasks->list[tasks->count++] = task;
	return 0;
}

static void note(FILE *notes, const struct group_member *member, uint32_t group, const char *what)
{
	if (notes)
		fprintf(notes, "note: %s of IOMMU group %u is %s and stays as it is\n", member->name, group,
			what);
}

/* The other members of the group of one that was named. A bridge takes no part in it; anything else that
 * cannot be bound is bind's to refuse. */
static int add_group(const struct host *host, struct tasks *tasks, uint32_t number, FILE *notes)
{
	struct iommu_group group = { 0 };
	int error = group_load(host, number, &group);

	for (size_t i = 0; !error && i < group.count; i++) {
		const struct group_member *member = &group.members[i];
		struct host_device device;
		struct bdf bdf;

		if (!member->is_pci || bdf_parse(member->name, &bdf)) {
			note(notes, member, number, "no PCI device");
			continue;
		}
		error = device_load(host, bdf, &device);
		if (error || is_listed(tasks, bdf))
			continue;
		if (task_is_bridge(&device))
			note(notes, member, number, "a bridge");
		else
			error = add_device(host, tasks, bdf);
	}
	group_fini(&group);
	return error;
}

/* notes: NULL where nothing is to be said yet, or any more. */
static int load_tasks(const struct host *host, const struct task_spec *spec, FILE *notes, struct tasks *tasks)
{
	size_t named;
	int error = 0;

	free(tasks->list);
	tasks->list = NULL;
	tasks->count = 0;
	for (size_t i = 0; i < spec->count && !error; i++)
		error = add_device(host, tasks, spec->list[i]);
	named = spec->group ? tasks->count : 0;
	for (size_t i = 0; i < named && !error; i++) {
		const struct host_device *device = &tasks->list[i].device;
		bool seen = !device->has_group;

		for (size_t j = 0; j < i; j++)
			seen = seen || (tasks->list[j].device.has_group &&
					tasks->list[j].device.group == device->group);
		if (!seen)
			error = add_group(host, tasks, device->group, notes);
	}
	return error;
}

int bind_expand(const struct host *host, const struct bdf *list, size_t count, bool group,
		struct bdf **ret_list, size_t *ret_count)
{
	const struct task_spec spec = { .list = list, .count = count, .group = group };
	struct tasks tasks = { .lock = -1 };
	struct bdf *all;
	int error = load_tasks(host, &spec, NULL, &tasks);

	all = error ? NULL : calloc(tasks.count + 1, sizeof(*all));
	if (!error && !all)
		error = error_sys(ENOMEM, "the list of devices");
	for (size_t i = 0; i < tasks.count && !error; i++)
		all[i] = tasks.list[i].device.bdf;
	if (!error) {
		*ret_list = all;
		*ret_count = tasks.count;
	}
	tasks_end(&tasks);
	return error;
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

static void wait_for_hang(const struct host *host, const struct task *task)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	const uint64_t started = progress_clock_ms();

	progress_step(host->progress, "%s: %s is still at the write of an earlier command", task->device.text,
		      task->entry.hang.driver);
	while (journal_hang_lasts(host, &task->entry)) {
		(void)nanosleep(&pause, NULL);
		progress_tick(host->progress, progress_clock_ms() - started);
	}
	progress_done(host->progress);
}

/* Any write to a device whose driver hangs would hang as well. */
static int check_settled(const struct host *host, const struct task *task, const struct task_spec *spec)
{
	const struct journal_hang *hang = &task->entry.hang;

	error_set(EINPROGRESS,
		  "an earlier bind or unbind of %s is still in progress: %s has not come back for %" PRId64
		  " s, and process %d is in it",
		  task->device.text, hang->driver, time(NULL) - hang->since, (int)hang->writer);
	rebind_add_users(host, &task->device);
	error_try("handfast %s --wait %s    (waits until it is over)", spec->command, task->device.text);
	return error_try("reboot    (where it never is: the device is given back then)");
}

static int settle(const struct task_spec *spec, struct tasks *tasks)
{
	bool waited = false;

	for (size_t i = 0; i < tasks->count; i++) {
		const struct task *task = &tasks->list[i];

		if (!task->has_entry || !journal_hang_lasts(&tasks->host, &task->entry))
			continue;
		if (!spec->wait)
			return check_settled(&tasks->host, task, spec);
		wait_for_hang(&tasks->host, task);
		waited = true;
	}
	return waited ? load_tasks(&tasks->host, spec, NULL, tasks) : 0;
}

int tasks_begin(const struct host *host, const struct task_spec *spec, struct tasks *ret_tasks)
{
	int error;

	*ret_tasks = (struct tasks){ .host = *host, .lock = -1, .notes = spec->notes };
	if (spec->wait) {
		progress_init(&ret_tasks->progress, spec->notes);
		ret_tasks->host.progress = &ret_tasks->progress;
		ret_tasks->host.write_ms = 0;
	}
	error = load_tasks(host, spec, NULL, ret_tasks);
	if (!error)
		error = check_rights(host, spec->command);
	if (!error)
		error = journal_lock(host, spec->notes, &ret_tasks->lock);
	if (!error)
		error = load_tasks(host, spec, spec->notes, ret_tasks);
	return error ? error : settle(spec, ret_tasks);
}

void tasks_end(struct tasks *tasks)
{
	free(tasks->list);
	if (tasks->lock >= 0)
		close(tasks->lock);
	*tasks = (struct tasks){ .lock = -1 };
}

void task_note_hang(const struct host *host, struct task *task, const struct rebind_hang *hang)
{
	const struct error failure = *error_get();

	if (!task->has_entry && !task->entry.vendor) {
		/* An unbind of what somebody else had bound. */
		task->entry = (struct journal_entry){
			.bdf = task->device.bdf,
			.vendor = task->device.vendor,
			.device = task->device.device,
			.origin_unknown = true,
		};
		journal_set_boot(host, &task->entry);
	}
	journal_set_hang(host, &task->entry, hang->driver, hang->writer);
	(void)journal_write(host, &task->entry); /* without it the next command tries the write itself */
	error_load(&failure);
}

int task_restore(const struct host *host, struct task *task, const char *driver)
{
	struct rebind_hang hang = { 0 };
	int error = rebind_to(host, &task->device, driver, task->entry.override, &hang);

	if (error == -ETIMEDOUT)
		task_note_hang(host, task, &hang);
	if (!error)
		error = handover_take_back(host, &task->device, &task->entry);
	return error ? error : journal_remove(host, task->device.bdf);
}
