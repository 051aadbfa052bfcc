/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: Linux Documentation/ABI/testing/sysfs-bus-pci; PCI Local Bus 3.0, 6.2.1 (header type). */
#include "host/device-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"

#define CONFIG_HEADER_TYPE    0x0e
#define CONFIG_BARS	      0x10
#define BAR_KIND_MASK	      0x0f
#define BAR_KIND_IO	      0x01
#define BAR_KIND_64BIT	      0x04
#define HEADER_TYPE_MASK      0x7f
#define HEADER_TYPE_NOBODY    0xff
#define CLASS_BRIDGE_TO_PCI   0x0604
#define CLASS_BRIDGE_CARDBUS  0x0607
#define CLASS_BRIDGE_SEMI_PCI 0x0609

const char *device_path(const struct host *host, struct bdf bdf, const char *attribute,
			char ret_path[PATH_MAX])
{
	char text[BDF_TEXT_SIZE];

	return sysfs_path(ret_path, "%s/bus/pci/devices/%s%s%s", host->sys, bdf_format(bdf, text),
			  attribute[0] ? "/" : "", attribute);
}

bool driver_is_vfio(const char *driver)
{
	static const char suffix[] = "vfio_pci";
	char name[64];
	size_t length;

	if (!text_copy(name, sizeof(name), driver))
		return false;
	for (char *at = name; *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	length = strlen(name);
	if (length < sizeof(suffix) - 1 || strcmp(name + length - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	return length == sizeof(suffix) - 1 || name[length - sizeof(suffix)] == '_';
}

/* An attribute that may be missing: "" then. */
static void read_optional(const struct host *host, struct bdf bdf, const char *attribute, char *ret_text,
			  size_t size)
{
	char path[PATH_MAX];

	ret_text[0] = '\0';
	(void)sysfs_read_text(device_path(host, bdf, attribute, path), ret_text, size);
}

static uint64_t read_number(const struct host *host, struct bdf bdf, const char *attribute)
{
	char path[PATH_MAX];
	uint64_t value = 0;

	(void)sysfs_read_u64(device_path(host, bdf, attribute, path), &value);
	return value;
}

/* From the configuration header, which any user may read; from the class where it cannot be read, or where
 * nobody answers (all ones, which no header type is). */
static void read_header(const struct host *host, struct host_device *device)
{
	char path[PATH_MAX];
	uint8_t type = 0;
	auto_fd int fd = open(device_path(host, device->bdf, "config", path), O_RDONLY | O_CLOEXEC);
	bool got = fd >= 0 && pread(fd, &type, 1, CONFIG_HEADER_TYPE) == 1;

	device->is_dead = got && type == HEADER_TYPE_NOBODY;
	if (got && !device->is_dead) {
		device->is_bridge = (type & HEADER_TYPE_MASK) != 0;
		return;
	}
	switch (device->class_code >> 8) {
	case CLASS_BRIDGE_TO_PCI:
	case CLASS_BRIDGE_CARDBUS:
	case CLASS_BRIDGE_SEMI_PCI:
		device->is_bridge = true;
		break;
	default:
		break;
	}
}

/* "resource" has a line of start, end and flags for each BAR, zeros where there is none. */
static void read_resources(const struct host *host, struct host_device *device)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *line, *rest;

	if (sysfs_read_file(device_path(host, device->bdf, "resource", path), &text, NULL))
		return;
	rest = text;
	for (unsigned i = 0; i < DEVICE_RESOURCES && (line = strsep(&rest, "\n")); i++) {
		uint64_t start, end, flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3 || !flags)
			continue;
		device->resource_sizes[i] = end - start + 1;
		device->resource_flags[i] = flags;
	}
}

/*
 * BARs that the registers tell of and the kernel does not: it found no place for them. What their low bits
 * say of kind and width tells a BAR from none; a virtual function's registers are all zero.
 */
static void read_lost_bars(const struct host *host, struct host_device *device)
{
	char path[PATH_MAX];
	uint8_t bars[DEVICE_BARS * 4];
	auto_fd int fd = open(device_path(host, device->bdf, "config", path), O_RDONLY | O_CLOEXEC);

	if (device->is_dead || device->is_bridge || fd < 0 ||
	    pread(fd, bars, sizeof(bars), CONFIG_BARS) != sizeof(bars))
		return;
	for (unsigned i = 0; i < DEVICE_BARS; i++) {
		uint8_t kind = bars[4 * i] & BAR_KIND_MASK;

		if (kind && !device->resource_flags[i])
			device->lost_bars |= 1u << i;
		if ((kind & BAR_KIND_IO) == 0 && (kind & BAR_KIND_64BIT))
			i++; /* its upper half */
	}
}

static void read_links(const struct host *host, struct host_device *device)
{
	char path[PATH_MAX], name[64];
	uint64_t group;

	(void)device_driver(host, device->bdf, device->driver, sizeof(device->driver));
	if (sysfs_read_link(device_path(host, device->bdf, "iommu_group", path), name, sizeof(name)) == 0 &&
	    text_to_u64(name, UINT32_MAX, &group) == 0) {
		device->has_group = true;
		device->group = (uint32_t)group;
	}
	device->is_virtual_function =
		sysfs_read_link(device_path(host, device->bdf, "physfn", path), device->physical_function,
				sizeof(device->physical_function)) == 0;
}

int device_driver(const struct host *host, struct bdf bdf, char *ret_name, size_t size)
{
	char path[PATH_MAX], text[BDF_TEXT_SIZE];

	ret_name[0] = '\0';
	if (sysfs_read_link(device_path(host, bdf, "driver", path), ret_name, size) == 0)
		return 0;
	if (sysfs_exists(device_path(host, bdf, "", path)))
		return 0;
	error_set(ENODEV, "%s is gone from this host", bdf_format(bdf, text));
	return error_try("handfast list    (shows the devices there are)");
}

int device_load(const struct host *host, struct bdf bdf, struct host_device *ret_device)
{
	struct host_device device = { .bdf = bdf };
	char path[PATH_MAX], real[PATH_MAX];

	bdf_format(bdf, device.text);
	if (!realpath(device_path(host, bdf, "", path), real)) {
		error_set(ENODEV, "there is no PCI device %s on this host", device.text);
		return error_try("handfast list    (shows the devices there are)");
	}
	(void)text_copy(device.real, sizeof(device.real), real);
	device.vendor = (uint16_t)read_number(host, bdf, "vendor");
	device.device = (uint16_t)read_number(host, bdf, "device");
	device.subsystem_vendor = (uint16_t)read_number(host, bdf, "subsystem_vendor");
	device.subsystem_device = (uint16_t)read_number(host, bdf, "subsystem_device");
	device.class_code = (uint32_t)read_number(host, bdf, "class");
	read_header(host, &device);
	read_optional(host, bdf, "reset_method", device.reset_methods, sizeof(device.reset_methods));
	/* Linux shows "reset" only where it knows a way. */
	device.can_reset = sysfs_exists(device_path(host, bdf, "reset", path));
	read_optional(host, bdf, "power_state", device.power_state, sizeof(device.power_state));
	device.d3cold_allowed = read_number(host, bdf, "d3cold_allowed") != 0;
	device.vf_count = (unsigned)read_number(host, bdf, "sriov_numvfs");
	device.vf_total = (unsigned)read_number(host, bdf, "sriov_totalvfs");
	read_optional(host, bdf, "modalias", device.modalias, sizeof(device.modalias));
	read_optional(host, bdf, "driver_override", device.driver_override, sizeof(device.driver_override));
	if (strcmp(device.driver_override, "(null)") == 0)
		device.driver_override[0] = '\0';
	read_links(host, &device);
	read_resources(host, &device);
	read_lost_bars(host, &device);
	*ret_device = device;
	return 0;
}

static uint64_t order(struct bdf bdf)
{
	return (uint64_t)bdf.domain << 16 | (uint64_t)bdf.bus << 8 | (uint64_t)bdf.device << 3 | bdf.function;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = order(((const struct host_device *)left)->bdf);
	uint64_t b = order(((const struct host_device *)right)->bdf);

	return a < b ? -1 : a > b;
}

int device_load_all(const struct host *host, struct host_device **ret_list, size_t *ret_count)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/bus/pci/devices", host->sys));
	auto_free struct host_device *list = NULL;
	size_t count = 0, room = 0;
	struct dirent *entry;

	if (!dir) {
		error_sys(errno, "%s", path);
		return error_try(
			"ls %s/bus    (without pci: this host has none; empty: mount -t sysfs sysfs %s)",
			host->sys, host->sys);
	}
	while ((entry = readdir(dir))) {
		struct bdf bdf;

		if (entry->d_name[0] == '.' || bdf_parse(entry->d_name, &bdf))
			continue;
		if (count == room) {
			struct host_device *more;

			room = room ? room * 2 : 32;
			more = realloc(list, room * sizeof(*list));
			if (!more)
				return error_sys(ENOMEM, "the list of PCI devices");
			list = more;
		}
		if (device_load(host, bdf, &list[count]) == 0)
			count++; /* else it left meanwhile */
	}
	if (count)
		qsort(list, count, sizeof(*list), compare);
	*ret_list = list;
	*ret_count = count;
	list = NULL;
	return 0;
}
