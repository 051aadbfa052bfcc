/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of managed=on, in the broker's process: bound for one VM, given back after it.
 *
 * A device that a VFIO driver has already belongs to whoever bound it and stays there, as with libvirt's
 * managed devices.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "host/bind-priv.h"
#include "host/broker-priv.h"
#include "host/device-priv.h"
#include "host/journal-priv.h"

void managed_set(struct managed *managed, const struct broker_request *request)
{
	*managed = (struct managed){ .count = request->managed_count };
	if (managed->count > BROKER_MANAGED_MAX)
		managed->count = BROKER_MANAGED_MAX;
	memcpy(managed->list, request->managed, managed->count * sizeof(managed->list[0]));
}

/* What bind and unbind print about each device. */
struct report {
	FILE *stream;
	char *text;
	size_t size;
};

static int report_open(struct report *report)
{
	*report = (struct report){ 0 };
	report->stream = open_memstream(&report->text, &report->size);
	return report->stream ? 0 : error_sys(errno, "what is told about the devices");
}

/* For those who want to know everything. */
static void report_log(struct report *report)
{
	char *rest, *line;

	if (fclose(report->stream) == 0) {
		rest = report->text;
		while ((line = strsep(&rest, "\n")) && *line)
			log_info("%s", line);
	}
	free(report->text);
}

void managed_names(const struct managed *managed, char *ret_names, size_t size)
{
	char text[BDF_TEXT_SIZE];
	size_t used = 0;

	ret_names[0] = '\0';
	for (size_t i = 0; i < managed->count && used + BDF_TEXT_SIZE < size; i++) {
		if (managed->moved[i])
			used += (size_t)snprintf(ret_names + used, size - used, "%s%s", used ? " " : "",
						 bdf_format(managed->list[i], text));
	}
}

int managed_bind(struct managed *managed, const struct host *host, char *ret_names, size_t size)
{
	const struct bind_options options = { .ret_moved = managed->moved };
	struct report report;
	int error = report_open(&report);

	if (error)
		return error;
	error = bind_devices(host, managed->list, managed->count, &options, report.stream, stderr);
	report_log(&report);
	if (error) {
		memset(managed->moved, 0, sizeof(managed->moved));
		return error;
	}
	managed->bound = true;
	managed_names(managed, ret_names, size);
	return 0;
}

static int place_for(struct managed *managed, struct bdf bdf, size_t *ret_index)
{
	size_t i = 0;

	while (i < managed->count && !bdf_equal(managed->list[i], bdf))
		i++;
	if (i == BROKER_MANAGED_MAX) {
		error_set(E2BIG, "managed=on is for %d devices at most", BROKER_MANAGED_MAX);
		return error_try("bind it by handfast bind");
	}
	*ret_index = i;
	return 0;
}

int managed_bind_one(struct managed *managed, const struct host *host, struct bdf bdf, bool *ret_moved)
{
	bool moved = false;
	const struct bind_options options = { .ret_moved = &moved };
	struct report report;
	size_t index = 0;
	int error = place_for(managed, bdf, &index);

	if (!error)
		error = report_open(&report);
	if (error)
		return error;
	error = bind_devices(host, &bdf, 1, &options, report.stream, stderr);
	report_log(&report);
	if (error)
		return error;
	managed->list[index] = bdf;
	/* It may have left before without being given back yet, for the sake of others of its group. */
	managed->moved[index] |= moved;
	managed->owed[index] = false;
	*ret_moved = moved;
	if (index == managed->count)
		managed->count++;
	managed->bound = true;
	return 0;
}

/* It has left the host while we had it. Who takes its place some day comes from no driver that we remember.
 */
static void forget(const struct host *host, struct bdf bdf)
{
	int lock;

	if (journal_lock(host, NULL, &lock))
		return;
	(void)journal_remove(host, bdf);
	close(lock);
}

bool managed_has_any(const struct managed *managed)
{
	for (size_t i = 0; i < managed->count; i++) {
		if (managed->moved[i])
			return true;
	}
	return false;
}

int managed_give_back(struct managed *managed, const struct host *host)
{
	const struct unbind_options options = { 0 };
	struct bdf list[BROKER_MANAGED_MAX];
	struct report report;
	size_t count = 0;
	int error = report_open(&report);

	if (error)
		return error;
	for (size_t i = 0; i < managed->count; i++) {
		if (managed->moved[i])
			list[count++] = managed->list[i];
	}
	memset(managed->moved, 0, sizeof(managed->moved));
	error = count ? unbind_devices(host, list, count, &options, report.stream, stderr) : 0;
	report_log(&report);
	return error;
}

int managed_give_back_one(struct managed *managed, const struct host *host, struct bdf bdf, char *ret_driver,
			  size_t size)
{
	const struct unbind_options options = { 0 };
	struct host_device device;
	struct report report;
	size_t i = 0;
	int error;

	while (i < managed->count && (!managed->moved[i] || !bdf_equal(managed->list[i], bdf)))
		i++;
	ret_driver[0] = '\0';
	if (i == managed->count)
		return 0;
	error = device_load(host, bdf, &device);
	if (!error)
		error = report_open(&report);
	if (!error) {
		error = unbind_devices(host, &bdf, 1, &options, report.stream, stderr);
		report_log(&report);
	}
	/* What is gone cannot be given back later either. */
	if (error == -ENODEV)
		forget(host, bdf);
	managed->owed[i] = error && error != -ENODEV;
	managed->moved[i] = managed->owed[i];
	return error ? error : device_driver(host, bdf, ret_driver, size);
}

/* What is still in the way was said when it was tried for the first time. */
static void pay(struct managed *managed, const struct host *host, size_t index)
{
	const struct unbind_options options = { 0 };
	char text[BDF_TEXT_SIZE];
	struct report report;

	if (report_open(&report) < 0)
		return;
	if (unbind_devices(host, &managed->list[index], 1, &options, report.stream, stderr) == 0) {
		log_notice("%s is given back, too, now that the others of its group have left",
			   bdf_format(managed->list[index], text));
		managed->owed[index] = managed->moved[index] = false;
	}
	report_log(&report);
}

void managed_pay(struct managed *managed, const struct host *host)
{
	for (size_t i = 0; i < managed->count; i++) {
		if (managed->owed[i])
			pay(managed, host, i);
	}
}
