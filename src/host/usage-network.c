/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: Linux Documentation/ABI/testing/sysfs-class-net. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

/* Whether the default route goes through the interface: destination 0 in /proc/net/route. */
static bool has_default_route(const struct host *host, const char *interface)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/net/route", host->proc), &text, NULL))
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char name[64];
		unsigned destination;

		if (sscanf(line, "%63s %x", name, &destination) == 2 && destination == 0 &&
		    strcmp(name, interface) == 0)
			return true;
	}
	return false;
}

/* The interface on top of this one (bridge, bond, VLAN), if any. */
static bool find_upper(const char *folder, char *ret_name, size_t size)
{
	static const char prefix[] = "upper_";
	auto_dir DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0) {
			(void)text_copy(ret_name, size, entry->d_name + sizeof(prefix) - 1);
			return true;
		}
	}
	return false;
}

static bool is_up(const char *folder)
{
	char path[PATH_MAX];
	uint64_t flags;

	return sysfs_read_u64(sysfs_path(path, "%s/flags", folder), &flags) == 0 && (flags & IFF_UP);
}

static bool interface_use(const struct host *host, const char *name, const char *folder, struct use *ret_use)
{
	struct use use = { .kind = USE_NETWORK };
	char addresses[128], upper[64];
	bool route;

	if (!is_up(folder))
		return false;
	host->ops->addresses(host, name, addresses, sizeof(addresses));
	route = has_default_route(host, name);
	if (find_upper(folder, upper, sizeof(upper)))
		usage_print(use.what, sizeof(use.what), "network interface %s is up and carries %s", name,
			    upper);
	else if (addresses[0])
		usage_print(use.what, sizeof(use.what), "network interface %s is up with %s%s", name,
			    addresses, route ? " and the default route" : "");
	else if (route)
		usage_print(use.what, sizeof(use.what), "network interface %s is up with the default route",
			    name);
	else
		return false;
	usage_print(use.brief, sizeof(use.brief), "%s up", name);
	usage_print(use.cure, sizeof(use.cure), "ip link set %s down", name);
	*ret_use = use;
	return true;
}

size_t usage_of_network(const struct usage *usage, const struct host_device *device, struct use *ret_list,
			size_t room)
{
	char path[PATH_MAX], real[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/net", usage->host->sys));
	size_t count = 0, length = strlen(device->real);
	struct dirent *entry;

	while (dir && count < room && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		sysfs_path(path, "%s/class/net/%s", usage->host->sys, entry->d_name);
		if (!realpath(path, real) || strncmp(real, device->real, length) != 0 || real[length] != '/')
			continue;
		if (interface_use(usage->host, entry->d_name, real, &ret_list[count]))
			count++;
	}
	return count;
}
