/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: PCI Express Base 4.0, 7.6.3 (extended capabilities), 7.9.3 (Device Serial Number); Linux
 * Documentation/ABI: nvme serial, net address and addr_assign_type (0: the device's own).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/persist-priv.h"

#define CONFIG_SIZE	 4096
#define EXTENDED_START	 0x100
#define CAPABILITIES_MAX 64 /* a list that is longer is a circle */
#define DSN_ID		 0x0003
#define DSN_SIZE	 12
#define LOOKS		 5 /* at a driver that was loaded a moment ago */

static uint32_t dword_at(const uint8_t *config, unsigned at)
{
	return (uint32_t)config[at] | (uint32_t)config[at + 1] << 8 | (uint32_t)config[at + 2] << 16 |
	       (uint32_t)config[at + 3] << 24;
}

static bool read_dsn(const struct host *host, const struct host_device *device, char *ret_text, size_t size)
{
	char path[PATH_MAX];
	uint8_t config[CONFIG_SIZE];
	auto_fd int fd = open(device_path(host, device->bdf, "config", path), O_RDONLY | O_CLOEXEC);
	unsigned at = EXTENDED_START;

	if (fd < 0 || pread(fd, config, sizeof(config), 0) != (ssize_t)sizeof(config))
		return false;
	for (unsigned i = 0; i < CAPABILITIES_MAX && at >= EXTENDED_START && at <= CONFIG_SIZE - DSN_SIZE;
	     i++) {
		uint32_t header = dword_at(config, at), low, high;

		if ((header & 0xffff) != DSN_ID) {
			at = header >> 20 & ~3U;
			continue;
		}
		low = dword_at(config, at + 4);
		high = dword_at(config, at + 8);
		/* Never programmed. */
		if ((!low && !high) || (low == ~0U && high == ~0U))
			return false;
		(void)snprintf(ret_text, size, "dsn %02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x", high >> 24,
			       high >> 16 & 0xff, high >> 8 & 0xff, high & 0xff, low >> 24, low >> 16 & 0xff,
			       low >> 8 & 0xff, low & 0xff);
		return true;
	}
	return false;
}

/* An attribute of the first folder below `parent` of the device: "nvme", "net". */
static bool read_below(const struct host *host, const struct host_device *device, const char *parent,
		       const char *attribute, char *ret_text, size_t size)
{
	char folder[PATH_MAX], path[PATH_MAX];
	auto_dir DIR *dir = opendir(device_path(host, device->bdf, parent, folder));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			return sysfs_read_text(sysfs_path(path, "%s/%s/%s", folder, entry->d_name, attribute),
					       ret_text, size) == 0 &&
			       ret_text[0];
	}
	return false;
}

/* Each kind by itself, because which of them can be read depends on the driver: only the first always can. */
static bool read_serial(const struct host *host, const struct host_device *device, const char *kind,
			char *ret_text, size_t size)
{
	char value[80], assigned[8];

	if (strcmp(kind, "dsn") == 0)
		return read_dsn(host, device, ret_text, size);
	if (strcmp(kind, "nvme") == 0) {
		if (!read_below(host, device, "nvme", "serial", value, sizeof(value)))
			return false;
	} else if (!read_below(host, device, "net", "addr_assign_type", assigned, sizeof(assigned)) ||
		   strcmp(assigned, "0") != 0 ||
		   !read_below(host, device, "net", "address", value, sizeof(value))) {
		return false;
	}
	(void)snprintf(ret_text, size, "%s %s", kind, value);
	return true;
}

/* The way from the root bus: device and function of each hop, whatever numbers the buses have today. */
static void make_path(const struct host_device *device, char *ret_path, size_t size)
{
	char real[sizeof(device->real)], *rest, *hop;
	size_t used = 0;

	ret_path[0] = '\0';
	(void)text_copy(real, sizeof(real), device->real);
	rest = strstr(real, "/pci");
	rest = rest ? rest + 1 : real;
	while ((hop = strsep(&rest, "/")) && used < size) {
		struct bdf bdf;

		if (bdf_parse(hop, &bdf) == 0)
			used += (size_t)snprintf(ret_path + used, size - used, "%s%02x.%x", used ? "/" : "",
						 bdf.device, bdf.function);
		else
			used += (size_t)snprintf(ret_path + used, size - used, "%s%s", used ? "/" : "", hop);
	}
}

int persist_identify(const struct host *host, const struct host_device *device,
		     struct persist_record *ret_record)
{
	static const char *const kinds[] = { "dsn", "nvme", "mac" };
	struct persist_record record = {
		.vendor = device->vendor,
		.device = device->device,
		.subsystem_vendor = device->subsystem_vendor,
		.subsystem_device = device->subsystem_device,
		.bdf = device->bdf,
	};

	if (device->is_virtual_function) {
		error_set(EINVAL,
			  "%s is a virtual function, which after a boot is there only once somebody has made "
			  "it anew: later than what is recorded is bound",
			  device->text);
		return error_try("handfast bind %s    (now, and after whatever makes it at boot)",
				 device->text);
	}
	make_path(device, record.path, sizeof(record.path));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (read_serial(host, device, kinds[i], record.serial, sizeof(record.serial)))
			break;
	}
	*ret_record = record;
	return 0;
}

enum likeness {
	LIKENESS_NONE,	   /* another model, or another serial number */
	LIKENESS_MODEL,	   /* whose serial number is not known */
	LIKENESS_IDENTITY, /* the same serial number */
};

static enum likeness compare(const struct host *host, const struct persist_record *record,
			     const struct host_device *device)
{
	char kind[8] = "", serial[sizeof(record->serial)];

	if (device->vendor != record->vendor || device->device != record->device ||
	    device->subsystem_vendor != record->subsystem_vendor ||
	    device->subsystem_device != record->subsystem_device)
		return LIKENESS_NONE;
	if (sscanf(record->serial, "%7s", kind) != 1 ||
	    !read_serial(host, device, kind, serial, sizeof(serial)))
		return LIKENESS_MODEL;
	return strcmp(serial, record->serial) == 0 ? LIKENESS_IDENTITY : LIKENESS_NONE;
}

/* The functions of one card share its serial number. */
static bool same_function(const struct persist_record *record, const char *path)
{
	const char *a = strrchr(record->path, '.'), *b = strrchr(path, '.');

	return a && b && strcmp(a, b) == 0;
}

/* Why it is not found: what is known of the devices there are. */
struct search {
	size_t alike;			    /* by their serial number */
	bool taken;			    /* another one is at its place */
	const struct host_device *unproven; /* at its place, but shows no serial number */
};

static const struct host_device *not_found(const struct persist_record *record, const struct search *search)
{
	char text[BDF_TEXT_SIZE];

	bdf_format(record->bdf, text);
	if (search->unproven) {
		error_set(
			ENODEV,
			"%s may be the device that was %s (%s) or another of that model: it shows no serial "
			"number without the host's driver",
			search->unproven->text, text, record->serial);
		error_try("handfast bind %s    (where it is the one)", search->unproven->text);
	} else if (search->alike > 1)
		error_set(EEXIST, "%zu devices could be the one that was %s", search->alike, text);
	else if (search->taken)
		error_set(ENODEV, "another device sits where %s (%04x:%04x) was", text, record->vendor,
			  record->device);
	else if (record->serial[0])
		error_set(ENODEV, "the device that was %s (%04x:%04x, %s) is not on this host", text,
			  record->vendor, record->device, record->serial);
	else
		error_set(ENODEV,
			  "the device that was %s (%04x:%04x) is not at its place any more, and without a "
			  "serial number it is not looked for elsewhere",
			  text, record->vendor, record->device);
	return NULL;
}

const struct host_device *persist_find(const struct host *host, const struct persist_record *record,
				       const struct host_device *list, size_t count)
{
	const struct host_device *found = NULL;
	struct search search = { 0 };

	for (size_t i = 0; i < count; i++) {
		enum likeness likeness = compare(host, record, &list[i]);
		char path[sizeof(record->path)];
		bool same_place;

		make_path(&list[i], path, sizeof(path));
		same_place = strcmp(path, record->path) == 0;
		if (same_place &&
		    (likeness == LIKENESS_IDENTITY || (likeness == LIKENESS_MODEL && !record->serial[0])))
			return &list[i];
		if (same_place && likeness == LIKENESS_MODEL)
			search.unproven = &list[i];
		search.taken = search.taken || same_place;
		if (likeness != LIKENESS_IDENTITY || !same_function(record, path))
			continue;
		found = &list[i];
		search.alike++;
	}
	if (search.alike == 1)
		return found;
	/* The host loses nothing by a device that VFIO has already, and vfio-pci shows no serial number. */
	if (!search.alike && search.unproven && driver_is_vfio(search.unproven->driver))
		return search.unproven;
	return not_found(record, &search);
}

/* Whether some of the record's model still hide their serial numbers. */
static bool any_hidden(const struct host *host, const struct persist_record *record,
		       const struct host_device *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!driver_is_vfio(list[i].driver) && compare(host, record, &list[i]) == LIKENESS_MODEL)
			return true;
	}
	return false;
}

void persist_show_serials(const struct host *host, const struct persist_record *record,
			  struct host_device *list, size_t count)
{
	const struct timespec pause = {
		.tv_sec = host->settle_ms / 1000,
		.tv_nsec = host->settle_ms % 1000 * 1000000L,
	};

	if (!record->serial[0] || strncmp(record->serial, "dsn ", 4) == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!list[i].driver[0] && list[i].modalias[0] &&
		    compare(host, record, &list[i]) == LIKENESS_MODEL)
			(void)host->ops->load_module(host, list[i].modalias);
	}
	for (unsigned look = 0; look < LOOKS && any_hidden(host, record, list, count); look++) {
		(void)nanosleep(&pause, NULL);
		for (size_t i = 0; i < count; i++)
			(void)device_driver(host, list[i].bdf, list[i].driver, sizeof(list[i].driver));
	}
}
