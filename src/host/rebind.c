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

#define PROBES 5

int rebind_override(const struct host *host, const struct host_device *device, const char *driver)
{
	char path[PATH_MAX], line[80];

	(void)snprintf(line, sizeof(line), "%s\n", driver);
	return host->ops->write(host, device_path(host, device->bdf, "driver_override", path), line);
}

int rebind_release(const struct host *host, const struct host_device *device)
{
	char path[PATH_MAX], driver[64], now[64];
	int error = device_driver(host, device->bdf, driver, sizeof(driver));

	if (error || !driver[0])
		return error;
	error = host->ops->write(host, device_path(host, device->bdf, "driver/unbind", path), device->text);
	if (error == -ETIMEDOUT) {
		error_add("%s has not let go of %s yet; it may still do so", driver, device->text);
		return error_try("handfast check %s    (says who holds it)", device->text);
	}
	/* ENODEV: it was released by somebody else at the same time, which serves as well. */
	if (error && error != -ENODEV)
		return error_tried("take %s from %s", device->text, driver);
	error = device_driver(host, device->bdf, now, sizeof(now));
	if (!error && now[0])
		return error_set(EBUSY, "%s is still bound to %s", device->text, now);
	return error;
}

int rebind_probe(const struct host *host, const struct host_device *device)
{
	char path[PATH_MAX];

	return host->ops->write(host, sysfs_path(path, "%s/bus/pci/drivers_probe", host->sys), device->text);
}

bool rebind_has_driver(const struct host *host, const char *driver)
{
	char path[PATH_MAX];

	return sysfs_exists(sysfs_path(path, "%s/bus/pci/drivers/%s", host->sys, driver));
}

/* By the device's modalias, as udev would; by the driver's name, which is often the module's. */
static void load_driver(const struct host *host, const struct host_device *device, const char *driver)
{
	if (!rebind_has_driver(host, driver) && device->modalias[0])
		(void)host->ops->load_module(host, device->modalias);
	if (!rebind_has_driver(host, driver))
		(void)host->ops->load_module(host, driver);
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
static int probe_until_bound(const struct host *host, const struct host_device *device, const char *driver)
{
	int error = 0;

	for (unsigned attempt = 0; attempt < PROBES; attempt++) {
		const struct timespec pause = {
			.tv_sec = host->settle_ms / 1000,
			.tv_nsec = host->settle_ms % 1000 * 1000000L,
		};

		if (attempt)
			(void)nanosleep(&pause, NULL);
		error = rebind_probe(host, device);
		if (error == -ETIMEDOUT)
			return error;
		/* What became of it says more than how the write ended. */
		error = look(host, device, driver);
		if (error != -EIO)
			return error;
	}
	return error;
}

/* The way to a driver, from whatever the device is bound to. */
static int move_to(const struct host *host, const struct host_device *device, const char *driver)
{
	int error = rebind_override(host, device, driver);

	if (!error)
		error = rebind_release(host, device);
	if (error || !driver[0])
		return error;
	load_driver(host, device, driver);
	return probe_until_bound(host, device, driver);
}

int rebind_to(const struct host *host, const struct host_device *device, const char *driver,
	      const char *override_after)
{
	char now[64];
	int error = device_driver(host, device->bdf, now, sizeof(now));

	if (error)
		return error;
	if (strcmp(now, driver) != 0)
		error = move_to(host, device, driver);
	if (error && error != -ETIMEDOUT) {
		struct error why = *error_get();

		(void)rebind_override(host, device, override_after);
		return error_load(&why);
	}
	return error ? error : rebind_override(host, device, override_after);
}
