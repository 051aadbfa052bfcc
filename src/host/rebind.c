/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source: Linux Documentation/ABI/testing/sysfs-bus-pci (driver_override, unbind, drivers_probe). A write
 * of zero bytes does nothing: an override is cleared by writing a newline. A write to drivers_probe
 * succeeds whether or not a driver took the device.
 */
#include "host/rebind-priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/progress-priv.h"

#define PROBES	 5
#define USERS_MS 5000 /* for finding out who uses a device */

/* The kernel holds a device while a driver lets go of it or takes it, and this write waits for that. The
 * driver link is gone by then, so that only the waiting tells. */
int rebind_override(const struct host *host, const struct host_device *device, const char *driver,
		    struct rebind_hang *ret_hang)
{
	char path[PATH_MAX], line[80];
	pid_t writer = 0;
	int error;

	(void)snprintf(line, sizeof(line), "%s\n", driver);
	error = host->ops->write(host, device_path(host, device->bdf, "driver_override", path), line,
				 &writer);
	if (error != -ETIMEDOUT)
		return error;
	*ret_hang = (struct rebind_hang){ .writer = writer };
	(void)text_copy(ret_hang->driver, sizeof(ret_hang->driver),
			device->driver[0] ? device->driver : "the driver it had");
	error_add("a driver is still letting go of %s, or taking it", device->text);
	rebind_add_users(host, device);
	return error_try("handfast unbind --wait %s    (waits for it, and finishes)", device->text);
}

int rebind_remove_id(const struct host *host, const struct host_device *device, const char *driver)
{
	char path[PATH_MAX], id[16];
	pid_t writer;

	(void)snprintf(id, sizeof(id), "%04x %04x", device->vendor, device->device);
	return host->ops->write(host, sysfs_path(path, "%s/bus/pci/drivers/%s/remove_id", host->sys, driver),
				id, &writer);
}

struct users_work {
	const struct host *host;
	const struct host_device *device;
};

/* Leaves who uses the device as the error. */
static int work_users(const void *opaque)
{
	const struct users_work *work = opaque;
	struct findings findings = { 0 };
	struct usage *usage;
	int error = usage_create(work->host, &usage);

	if (error)
		return 0;
	check_uses(usage, work->device, false, &findings);
	usage_destroy(usage);
	if (driver_is_vfio(work->device->driver))
		check_holders(work->host, work->device, 0, &findings);
	return findings_error(&findings);
}

/* In a child with a deadline of its own: what a driver hangs in may hold locks that looking needs as well. */
void rebind_add_users(const struct host *host, const struct host_device *device)
{
	const struct users_work work = { host, device };
	struct error failure = *error_get(), users;
	pid_t child;
	int error = host_in_child(host, USERS_MS, work_users, &work, &child);

	users = *error_get();
	error_load(&failure);
	if (!error || error == -ETIMEDOUT)
		return;
	error_add("%s", users.because);
	if (users.remedy[0])
		error_try("%s", users.remedy);
}

int rebind_release(const struct host *host, const struct host_device *device, struct rebind_hang *ret_hang)
{
	char path[PATH_MAX], driver[64], now[64];
	pid_t writer = 0;
	int error = device_driver(host, device->bdf, driver, sizeof(driver));

	if (error || !driver[0])
		return error;
	progress_step(host->progress, "%s: %s is letting go of it", device->text, driver);
	error = host->ops->write(host, device_path(host, device->bdf, "driver/unbind", path), device->text,
				 &writer);
	if (error == -ETIMEDOUT) {
		*ret_hang = (struct rebind_hang){ .writer = writer };
		(void)text_copy(ret_hang->driver, sizeof(ret_hang->driver), driver);
		error_add("%s has not let go of %s yet; it may still do so", driver, device->text);
		rebind_add_users(host, device);
		return error_try("handfast check %s    (says whether it is still in progress)", device->text);
	}
	/* ENODEV: it was released by somebody else at the same time, which serves as well. */
	if (error && error != -ENODEV)
		return error_tried("take %s from %s", device->text, driver);
	error = device_driver(host, device->bdf, now, sizeof(now));
	if (!error && now[0])
		return error_set(EBUSY, "%s is still bound to %s", device->text, now);
	return error;
}

int rebind_probe(const struct host *host, const struct host_device *device, struct rebind_hang *ret_hang)
{
	char path[PATH_MAX];
	pid_t writer = 0;
	int error = host->ops->write(host, sysfs_path(path, "%s/bus/pci/drivers_probe", host->sys),
				     device->text, &writer);

	if (error == -ETIMEDOUT)
		*ret_hang = (struct rebind_hang){ .writer = writer, .driver = "the kernel's driver" };
	return error;
}

bool rebind_has_driver(const struct host *host, const char *driver)
{
	char path[PATH_MAX];

	return sysfs_exists(sysfs_path(path, "%s/bus/pci/drivers/%s", host->sys, driver));
}

/* By the device's modalias, as udev would; by the driver's name, which is often the module's. */
static int load_driver(const struct host *host, const struct host_device *device, const char *driver)
{
	int error = 0;

	progress_step(host->progress, "%s: loading %s", device->text, driver);
	if (!rebind_has_driver(host, driver) && device->modalias[0])
		error = host->ops->load_module(host, device->modalias);
	if (error != -ETIMEDOUT && !rebind_has_driver(host, driver))
		error = host->ops->load_module(host, driver);
	return error == -ETIMEDOUT ? error : 0;
}

/* After a probe that was to end with this driver. -EIO: the device is without. */
static int look(const struct host *host, const struct host_device *device, const char *driver)
{
	char now[64];
	int error = device_driver(host, device->bdf, now, sizeof(now));

	if (error || strcmp(now, driver) == 0)
		return error;
	if (now[0]) {
		error_set(EBUSY, "%s was to go to %s, but %s has it", device->text, driver, now);
	} else if (!rebind_has_driver(host, driver)) {
		error_set(ENOENT, "%s is without driver: %s is not loaded and could not be", device->text,
			  driver);
		return error_try("modprobe %s    (as root; says why)", driver);
	} else {
		error_set(EIO, "%s is without driver: %s did not take it", device->text, driver);
	}
	return error_try("dmesg | tail    (what the driver said about it)");
}

/*
 * Probes until the driver has the device. One probe may do nothing: the kernel passes over a device whose
 * last driver is still on its way out (its link is gone by then, it itself is not), as after a command
 * that was killed while its last write went on.
 */
static int probe_until_bound(const struct host *host, const struct host_device *device, const char *driver,
			     struct rebind_hang *ret_hang)
{
	int error = 0;

	progress_step(host->progress, "%s: %s is taking it", device->text, driver);
	for (unsigned attempt = 0; attempt < PROBES; attempt++) {
		const struct timespec pause = {
			.tv_sec = host->settle_ms / 1000,
			.tv_nsec = host->settle_ms % 1000 * 1000000L,
		};

		if (attempt)
			(void)nanosleep(&pause, NULL);
		error = rebind_probe(host, device, ret_hang);
		if (error == -ETIMEDOUT) {
			(void)text_copy(ret_hang->driver, sizeof(ret_hang->driver), driver);
			return error_add("%s has not taken %s yet; it may still do so", driver, device->text);
		}
		/* What became of it says more than how the write ended. */
		error = look(host, device, driver);
		if (error != -EIO)
			return error;
	}
	return error;
}

/* The way to a driver, from whatever the device is bound to. */
static int move_to(const struct host *host, const struct host_device *device, const char *driver,
		   struct rebind_hang *ret_hang)
{
	int error = rebind_override(host, device, driver, ret_hang);

	if (!error)
		error = rebind_release(host, device, ret_hang);
	if (error || !driver[0])
		return error;
	error = load_driver(host, device, driver);
	if (error) {
		(void)text_copy(ret_hang->driver, sizeof(ret_hang->driver), driver);
		return error;
	}
	return probe_until_bound(host, device, driver, ret_hang);
}

int rebind_to(const struct host *host, const struct host_device *device, const char *driver,
	      const char *override_after, struct rebind_hang *ret_hang)
{
	char now[64];
	int error = device_driver(host, device->bdf, now, sizeof(now));

	if (error)
		return error;
	if (strcmp(now, driver) != 0)
		error = move_to(host, device, driver, ret_hang);
	if (error && error != -ETIMEDOUT) {
		struct error why = *error_get();

		(void)rebind_override(host, device, override_after, ret_hang);
		return error_load(&why);
	}
	return error ? error : rebind_override(host, device, override_after, ret_hang);
}
