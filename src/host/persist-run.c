/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device is recorded after it was bound and forgotten after it was given back, so that
 * whatever stops us in between, the worst that is left is a device bound now and not at the next boot, or one
 * bound again at the next boot; either is said, and the same command does the rest. At boot every device
 * stands for itself: one that is missing or in use does not keep the others from being bound.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "host/journal-priv.h"
#include "host/persist-priv.h"
#include "host/task-priv.h"

#define LOOKS 5 /* at a device that is in use */

/* Everything that is known at one moment. */
struct view {
	struct host_device *devices;
	struct persist_record *records;
	const struct host_device **found; /* of each record; NULL: its device is not there */
	size_t device_count, count;
};

static void view_fini(struct view *view)
{
	free(view->devices);
	free(view->records);
	free(view->found);
}

static int view_load(const struct host *host, FILE *notes, struct view *ret_view)
{
	struct view view = { 0 };
	int error = device_load_all(host, &view.devices, &view.device_count);

	if (!error)
		error = persist_load_all(host, notes, &view.records, &view.count);
	if (!error) {
		view.found = calloc(view.count + 1, sizeof(*view.found));
		if (!view.found)
			error = error_sys(ENOMEM, "the recorded devices");
	}
	if (error) {
		view_fini(&view);
		return error;
	}
	for (size_t i = 0; i < view.count; i++)
		view.found[i] = persist_find(host, &view.records[i], view.devices, view.device_count);
	*ret_view = view;
	return 0;
}

/* Recording */

/* A device that VFIO has already tells less about itself than one that its own driver has. */
static void keep_serial(const struct view *view, struct persist_record *record)
{
	for (size_t i = 0; i < view->count && !record->serial[0]; i++) {
		if (view->found[i] && bdf_equal(view->found[i]->bdf, record->bdf))
			(void)text_copy(record->serial, sizeof(record->serial), view->records[i].serial);
	}
}

/* One record for each device: others that mean it go, once the new one is there. */
static int record_one(const struct host *host, const struct view *view, const struct persist_record *record)
{
	int error = persist_write(host, record);

	for (size_t i = 0; i < view->count && !error; i++) {
		if (view->found[i] && bdf_equal(view->found[i]->bdf, record->bdf) &&
		    strcmp(view->records[i].path, record->path) != 0)
			error = persist_drop(host, &view->records[i]);
	}
	return error;
}

static int record_all(const struct host *host, const struct view *view, struct persist_record *records,
		      size_t count, FILE *out, FILE *notes)
{
	char text[BDF_TEXT_SIZE];
	auto_fd int lock = -1;
	int error = journal_lock(host, notes, &lock);

	for (size_t i = 0; i < count && !error; i++) {
		error = record_one(host, view, &records[i]);
		if (!error)
			fprintf(out, "%s: recorded, to be bound at each boot (%s)\n",
				bdf_format(records[i].bdf, text),
				records[i].serial[0] ? records[i].serial : records[i].path);
	}
	if (error) {
		error_tried("record %s", bdf_format(records[0].bdf, text));
		return error_add("it is bound now, and will not be after the next boot");
	}
	return 0;
}

static int identify_one(const struct host *host, const struct view *view, const struct host_device *device,
			FILE *notes, struct persist_record *ret_record)
{
	int error = persist_identify(host, device, ret_record);

	if (error)
		return error;
	keep_serial(view, ret_record);
	if (!ret_record->serial[0] && driver_is_vfio(device->driver))
		fprintf(notes,
			"note: %s is recorded by its place alone: %s shows no serial number, its own driver "
			"may\n"
			"      try: handfast unbind %s && handfast bind --persist %s\n",
			device->text, device->driver, device->text, device->text);
	return 0;
}

/* All that bind_devices() is going to bind. */
static int identify(const struct host *host, const struct view *view, const struct bdf *list, size_t count,
		    const struct bind_options *options, FILE *notes, struct persist_record **ret_records,
		    size_t *ret_count)
{
	auto_free struct bdf *all = NULL;
	struct persist_record *records;
	size_t total;
	int error = bind_expand(host, list, count, options->group, &all, &total);

	if (error)
		return error;
	records = calloc(total + 1, sizeof(*records));
	if (!records)
		return error_sys(ENOMEM, "the devices to record");
	for (size_t i = 0; i < total && !error; i++) {
		struct host_device device;

		error = device_load(host, all[i], &device);
		if (!error)
			error = identify_one(host, view, &device, notes, &records[i]);
		if (error)
			continue;
		if (options->user)
			(void)text_copy(records[i].user, sizeof(records[i].user), options->user);
		if (options->driver)
			(void)text_copy(records[i].driver, sizeof(records[i].driver), options->driver);
	}
	if (error) {
		free(records);
		return error;
	}
	*ret_records = records;
	*ret_count = total;
	return 0;
}

int persist_bind(const struct host *host, const struct bdf *list, size_t count,
		 const struct bind_options *options, FILE *out, FILE *notes)
{
	struct view view;
	auto_free struct persist_record *records = NULL;
	size_t record_count = 0;
	char names[512];
	int error = view_load(host, notes, &view);

	if (error)
		return error_tried("bind and record %s", task_names(list, count, names, sizeof(names)));
	/* Before it is bound: its own driver shows the serial number of some. */
	error = identify(host, &view, list, count, options, notes, &records, &record_count);
	if (error)
		error = error_tried("bind and record %s", task_names(list, count, names, sizeof(names)));
	if (!error)
		error = bind_devices(host, list, count, options, out, notes);
	if (!error)
		error = record_all(host, &view, records, record_count, out, notes);
	view_fini(&view);
	return error;
}

/* At boot */

static void print_error(FILE *notes, const char *what)
{
	char text[ERROR_TEXT_SIZE];

	error_format(error_get(), text, sizeof(text));
	fprintf(notes, "%s: %s\n", what, text);
}

/* Where it is now is where it is looked for first the next time. */
static int follow(const struct host *host, const struct view *view, size_t which, FILE *notes)
{
	struct persist_record now, record = view->records[which];
	char was[BDF_TEXT_SIZE], is[BDF_TEXT_SIZE];
	auto_fd int lock = -1;
	int error = persist_identify(host, view->found[which], &now);

	if (error)
		return error;
	if (strcmp(now.path, record.path) == 0 && bdf_equal(now.bdf, record.bdf))
		return 0;
	fprintf(notes, "note: the device that was %s is %s now\n", bdf_format(record.bdf, was),
		bdf_format(now.bdf, is));
	(void)text_copy(record.path, sizeof(record.path), now.path);
	record.bdf = now.bdf;
	error = journal_lock(host, notes, &lock);
	return error ? error : record_one(host, view, &record);
}

/* udev has each new disk open for a moment, to see what is on it, and at boot that is now. */
static int bind_patiently(const struct host *host, struct bdf bdf, const struct bind_options *options,
			  FILE *out, FILE *notes)
{
	const struct timespec pause = {
		.tv_sec = host->settle_ms / 1000,
		.tv_nsec = host->settle_ms % 1000 * 1000000L,
	};
	int error;

	for (unsigned look = 1;; look++) {
		*options->ret_in_use = false;
		error = bind_devices(host, &bdf, 1, options, out, notes);
		if (!error || !*options->ret_in_use || look == LOOKS)
			return error;
		(void)nanosleep(&pause, NULL);
	}
}

struct tally {
	size_t bound, skipped, failed;
};

static void bind_recorded(const struct host *host, const struct bind_options *options,
			  const struct view *view, size_t which, FILE *out, FILE *notes, struct tally *tally)
{
	const struct persist_record *record = &view->records[which];
	struct bind_options how = *options;
	bool in_use = false;

	how.ret_in_use = &in_use;
	how.user = options->user ? options->user : record->user[0] ? record->user : NULL;
	how.driver = options->driver ? options->driver : record->driver[0] ? record->driver : NULL;
	how.at_boot = true;
	if (bind_patiently(host, view->found[which]->bdf, &how, out, notes) == 0) {
		tally->bound++;
		if (follow(host, view, which, notes))
			print_error(notes, "note");
	} else if (in_use) {
		print_error(notes, "skipped");
		tally->skipped++;
	} else {
		print_error(notes, "failed");
		tally->failed++;
	}
}

/* Early at boot the drivers that show serial numbers are still on their way. */
static void find_again(const struct host *host, struct view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		if (view->found[i])
			continue;
		persist_show_serials(host, &view->records[i], view->devices, view->device_count);
		view->found[i] = persist_find(host, &view->records[i], view->devices, view->device_count);
	}
}

/* The devices that the records mean, each once, so that bind says nothing of those still to come. */
static size_t list_found(const struct view *view, struct bdf *ret_list)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++) {
		if (view->found[i])
			ret_list[count++] = view->found[i]->bdf;
	}
	return count;
}

int persist_bind_recorded(const struct host *host, const struct bind_options *options, FILE *out, FILE *notes)
{
	struct bind_options how = *options;
	struct tally tally = { 0 };
	struct view view;
	auto_free struct bdf *all = NULL;
	int error = view_load(host, notes, &view);

	if (error)
		return error_tried("bind what is recorded");
	all = calloc(view.count + 1, sizeof(*all));
	if (!all) {
		view_fini(&view);
		return error_sys(ENOMEM, "the recorded devices");
	}
	find_again(host, &view);
	how.next = all;
	how.next_count = list_found(&view, all);
	for (size_t i = 0; i < view.count; i++) {
		if (view.found[i]) {
			bind_recorded(host, &how, &view, i, out, notes, &tally);
			continue;
		}
		(void)persist_find(host, &view.records[i], view.devices, view.device_count);
		print_error(notes, "skipped");
		tally.skipped++;
	}
	fprintf(out, "%zu of %zu recorded devices bound", tally.bound, view.count);
	if (tally.skipped)
		fprintf(out, ", %zu skipped", tally.skipped);
	fputs("\n", out);
	view_fini(&view);
	if (!tally.failed)
		return 0;
	error_set(EIO, "%zu of the recorded devices could not be bound; the reasons stand above",
		  tally.failed);
	error_tried("bind what is recorded");
	return error_try("handfast check    (says what this host lacks)");
}

/* Forgetting */

static bool is_about(const struct view *view, size_t which, struct bdf bdf)
{
	return bdf_equal(view->found[which] ? view->found[which]->bdf : view->records[which].bdf, bdf);
}

static int forget(const struct host *host, const struct view *view, struct bdf bdf, bool gone, FILE *out,
		  FILE *notes)
{
	char text[BDF_TEXT_SIZE];
	auto_fd int lock = -1;
	int error = journal_lock(host, notes, &lock);
	bool any = false;

	for (size_t i = 0; i < view->count && !error; i++) {
		if (!is_about(view, i, bdf))
			continue;
		error = persist_drop(host, &view->records[i]);
		any = true;
	}
	/* What it came from goes with it: no unbind will ask for that any more. */
	if (!error && gone)
		error = journal_remove(host, bdf);
	if (error)
		return error_tried("forget %s", bdf_format(bdf, text));
	fprintf(out, "%s: %s\n", bdf_format(bdf, text),
		any ? "not bound at boot any more" : "was not recorded to be bound at boot");
	return 0;
}

static bool is_gone_but_recorded(const struct view *view, struct bdf bdf)
{
	for (size_t i = 0; i < view->device_count; i++) {
		if (bdf_equal(view->devices[i].bdf, bdf))
			return false;
	}
	for (size_t i = 0; i < view->count; i++) {
		if (is_about(view, i, bdf))
			return true;
	}
	return false;
}

static int unbind_in_view(const struct host *host, const struct view *view, const struct bdf *list,
			  size_t count, const struct unbind_options *options, FILE *out, FILE *notes)
{
	auto_free struct bdf *all = NULL;
	auto_free struct bdf *there = calloc(count + 1, sizeof(*there));
	size_t there_count = 0, total = 0;
	char names[512];
	int error = 0;

	if (!there)
		return error_sys(ENOMEM, "the devices");
	for (size_t i = 0; i < count; i++) {
		if (!is_gone_but_recorded(view, list[i]))
			there[there_count++] = list[i];
	}
	if (there_count)
		error = bind_expand(host, there, there_count, options->group, &all, &total);
	if (error)
		return error_tried("give back %s", task_names(list, count, names, sizeof(names)));
	if (there_count)
		error = unbind_devices(host, there, there_count, options, out, notes);
	for (size_t i = 0; i < total && !error; i++)
		error = forget(host, view, all[i], false, out, notes);
	for (size_t i = 0; i < count && !error; i++) {
		if (is_gone_but_recorded(view, list[i]))
			error = forget(host, view, list[i], true, out, notes);
	}
	return error;
}

int persist_unbind(const struct host *host, const struct bdf *list, size_t count,
		   const struct unbind_options *options, FILE *out, FILE *notes)
{
	struct view view;
	char names[512];
	int error = view_load(host, notes, &view);

	if (error)
		return error_tried("give back %s", task_names(list, count, names, sizeof(names)));
	error = unbind_in_view(host, &view, list, count, options, out, notes);
	view_fini(&view);
	return error;
}

int persist_unbind_recorded(const struct host *host, const struct unbind_options *options, FILE *out,
			    FILE *notes)
{
	struct view view;
	auto_free struct bdf *list = NULL;
	int error = view_load(host, notes, &view);

	if (error)
		return error_tried("give back what is recorded");
	list = calloc(view.count + 1, sizeof(*list));
	if (!list)
		error = error_sys(ENOMEM, "the recorded devices");
	for (size_t i = 0; i < view.count && !error; i++)
		list[i] = view.found[i] ? view.found[i]->bdf : view.records[i].bdf;
	if (!error && !view.count)
		fputs("nothing is recorded to be bound at boot\n", out);
	else if (!error)
		error = unbind_in_view(host, &view, list, view.count, options, out, notes);
	view_fini(&view);
	return error;
}
