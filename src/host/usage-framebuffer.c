/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture that firmware left on a graphics device, on which the boot console still draws. Its memory is
 * a piece of one of the device's BARs that the kernel has given to somebody else: vfio-pci cannot map it.
 *
 * Sources: proc(5) for /proc/iomem, where a region inside another stands below it, further in, and where
 * only root reads the addresses; Linux drivers/firmware/sysfb_simplefb.c for BOOTFB, and the drivers of the
 * same names in drivers/video/fbdev and drivers/gpu/drm/tiny (and sysfb) for the others.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "host/usage-parts-priv.h"

struct range {
	uint64_t start, end;
};

/* As device.c reads their sizes. Returns how many have any. */
static size_t load_bars(const struct host *host, const struct host_device *device,
			struct range ret_bars[DEVICE_RESOURCES])
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;
	size_t count = 0;

	if (sysfs_read_file(device_path(host, device->bdf, "resource", path), &text, NULL))
		return 0;
	rest = text;
	for (unsigned i = 0; i < DEVICE_RESOURCES && (line = strsep(&rest, "\n")); i++) {
		struct range *bar = &ret_bars[count];
		uint64_t flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &bar->start, &bar->end, &flags) == 3 &&
		    flags && bar->end > bar->start)
			count++;
	}
	return count;
}

static bool is_framebuffer(const char *name)
{
	static const char *const names[] = {
		"BOOTFB", "efifb", "vesafb", "simplefb", "simpledrm", "efidrm", "vesadrm", "ofdrm",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool overlaps(const struct range *range, const struct range *bars, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (range->start <= bars[i].end && bars[i].start <= range->end)
			return true;
	}
	return false;
}

/* Finds the framebuffer's line of /proc/iomem and its name. By address where we may read those, and by the
 * device's own line above it in any case. */
static bool find_framebuffer(const struct host *host, const struct host_device *device, char *ret_name,
			     size_t size)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;
	struct range bars[DEVICE_RESOURCES];
	size_t count = load_bars(host, device, bars), outer = SIZE_MAX;

	if (sysfs_read_file(sysfs_path(path, "%s/iomem", host->proc), &text, NULL))
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		size_t depth = strspn(line, " ");
		struct range range;
		char name[64];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " : %63[^\n]", &range.start, &range.end, name) != 3)
			continue;
		if (depth <= outer)
			outer = strcmp(name, device->text) == 0 ? depth : SIZE_MAX;
		if (!is_framebuffer(name))
			continue;
		if ((outer != SIZE_MAX && depth > outer) || (range.end && overlaps(&range, bars, count))) {
			usage_print(ret_name, size, "%s", name);
			return true;
		}
	}
	return false;
}

/* The command that takes the framebuffer from its driver, where one of the firmware's has it. */
static bool find_cure(const struct host *host, char *ret_cure, size_t size)
{
	static const char *const drivers[] = {
		"efi-framebuffer",
		"vesa-framebuffer",
		"simple-framebuffer",
	};

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		char path[PATH_MAX];

		if (!sysfs_exists(sysfs_path(path, "%s/bus/platform/drivers/%s/%s.0", host->sys, drivers[i],
					     drivers[i])))
			continue;
		usage_print(ret_cure, size,
			    "echo %s.0 > %s/bus/platform/drivers/%s/unbind    (as root; the console's "
			    "picture stops)\n",
			    drivers[i], host->sys, drivers[i]);
		return true;
	}
	return false;
}

bool usage_framebuffer(const struct host *host, const struct host_device *device, struct use *ret_use)
{
	struct use use = { .kind = USE_FRAMEBUFFER };
	char name[64], command[192] = "";

	if (!find_framebuffer(host, device, name, sizeof(name)))
		return false;
	(void)find_cure(host, command, sizeof(command));
	usage_print(use.what, sizeof(use.what),
		    "the boot console draws on it: its framebuffer (%s in %s/iomem) lies in one of its BARs",
		    name, host->proc);
	usage_print(use.brief, sizeof(use.brief), "boot console");
	usage_print(use.cure, sizeof(use.cure),
		    "%sboot this host with initcall_blacklist=sysfb_init on the kernel's command line",
		    command);
	*ret_use = use;
	return true;
}
