/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether somebody talks through a device's network interfaces: over them as they are, or over what stands
 * on them, a bridge, a bond or a VLAN, which has the addresses then.
 *
 * Sources: Linux Documentation/ABI/testing/sysfs-class-net (flags; master and upper_NAME are links),
 * net/ipv4/fib_trie.c for /proc/net/route, net/ipv6/route.c for /proc/net/ipv6_route.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

#define STACK_ROOM 8 /* interfaces on top of one another that are looked at */
#define NAME_SIZE  64

struct interface {
	char name[NAME_SIZE];
	char below[NAME_SIZE];
};

/* What is told of one, gathered over all that stands on it. */
struct talk {
	struct interface stack[STACK_ROOM];
	size_t count;
	char text[256];
	bool used; /* has an address or the default route, or is a member of something */
	enum usage_ssh ssh;
};

/* Destination 0 under mask 0 in /proc/net/route; ::/0 in /proc/net/ipv6_route. */
static bool is_default4(const char *line, const char *interface)
{
	char name[NAME_SIZE];
	unsigned destination, mask = 0;

	return sscanf(line, "%63s %x %*s %*s %*s %*s %*s %x", name, &destination, &mask) >= 2 &&
	       destination == 0 && mask == 0 && strcmp(name, interface) == 0;
}

static bool is_default6(const char *line, const char *interface)
{
	char destination[40], name[NAME_SIZE];
	unsigned length;

	return sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %*s %63s", destination, &length, name) == 3 &&
	       length == 0 && destination[strspn(destination, "0")] == '\0' && strcmp(name, interface) == 0;
}

static bool finds_route(const struct host *host, const char *file, const char *interface,
			bool (*is_default)(const char *line, const char *interface))
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/net/%s", host->proc, file), &text, NULL))
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (is_default(line, interface))
			return true;
	}
	return false;
}

static bool has_default_route(const struct host *host, const char *interface)
{
	return finds_route(host, "route", interface, is_default4) ||
	       finds_route(host, "ipv6_route", interface, is_default6);
}

static void push(struct talk *talk, const char *name, const char *below)
{
	for (size_t i = 0; i < talk->count; i++) {
		if (strcmp(talk->stack[i].name, name) == 0)
			return;
	}
	if (talk->count == STACK_ROOM)
		return;
	(void)text_copy(talk->stack[talk->count].name, NAME_SIZE, name);
	(void)text_copy(talk->stack[talk->count].below, NAME_SIZE, below);
	talk->count++;
}

/* The interfaces right on top of this one. */
static void push_uppers(const struct host *host, struct talk *talk, const char *name)
{
	static const char prefix[] = "upper_";
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/net/%s", host->sys, name));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0)
			push(talk, entry->d_name + sizeof(prefix) - 1, name);
	}
}

static bool is_up(const struct host *host, const char *name)
{
	char path[PATH_MAX];
	uint64_t flags;

	return sysfs_read_u64(sysfs_path(path, "%s/class/net/%s/flags", host->sys, name), &flags) == 0 &&
	       (flags & IFF_UP);
}

/* The bridge, bond or team that the interface is a member of, "" for none. */
static void read_master(const struct host *host, const char *name, char *ret_master, size_t size)
{
	char path[PATH_MAX];

	if (sysfs_read_link(sysfs_path(path, "%s/class/net/%s/master", host->sys, name), ret_master, size))
		ret_master[0] = '\0';
}

static void tell(const struct usage *usage, const struct interface *interface, struct talk *talk)
{
	char addresses[128], master[NAME_SIZE] = "";
	bool route = has_default_route(usage->host, interface->name);
	enum usage_ssh ssh;

	usage->host->ops->addresses(usage->host, interface->name, addresses, sizeof(addresses));
	if (interface->below[0]) {
		read_master(usage->host, interface->below, master, sizeof(master));
		usage_append(talk->text, sizeof(talk->text), ", %s %s",
			     strcmp(master, interface->name) == 0 ? "a member of" : "under", interface->name);
		talk->used = true;
	}
	if (addresses[0])
		usage_append(talk->text, sizeof(talk->text), " with %s", addresses);
	if (route)
		usage_append(talk->text, sizeof(talk->text), " %s the default route",
			     addresses[0] ? "and" : "with");
	talk->used |= addresses[0] || route;
	ssh = usage_ssh_over(usage, interface->name, addresses);
	if (ssh > talk->ssh)
		talk->ssh = ssh;
	talk->used |= ssh != SSH_NONE;
}

/* A member of a bridge is of use to nobody any more once it has left that. */
static void add_cure(const char *name, const struct talk *talk, const char *master, struct use *use)
{
	usage_cure(use, "ip link set %s %s%s", name, master[0] ? "nomaster" : "down",
		   talk->ssh != SSH_NONE ? "    (from a console, not over this connection)" : "");
}

static void add_interface(const struct usage *usage, const char *name, struct usage_collection *uses)
{
	static const char *const ssh_texts[] = {
		[SSH_NONE] = "",
		[SSH_SOMEBODY] = "; an SSH connection goes over it: you are probably connected through it",
		[SSH_CALLER] = "; you are connected through it (SSH)",
	};
	struct talk talk = { 0 };
	char master[NAME_SIZE];
	bool up = is_up(usage->host, name);
	struct use *use;

	push(&talk, name, "");
	for (size_t i = 0; i < talk.count; i++) {
		push_uppers(usage->host, &talk, talk.stack[i].name);
		tell(usage, &talk.stack[i], &talk);
	}
	read_master(usage->host, name, master, sizeof(master));
	use = (up && talk.used) || master[0] ? usage_add(uses, USE_NETWORK, false) : NULL;
	if (!use)
		return;
	usage_print(use->what, sizeof(use->what), "network interface %s is %s%s%s", name, up ? "up" : "down",
		    talk.text, ssh_texts[talk.ssh]);
	usage_print(use->brief, sizeof(use->brief), "%s %s%s%s%s", name, up ? "up" : "down",
		    master[0] ? " in " : "", master, talk.ssh != SSH_NONE ? " (SSH)" : "");
	add_cure(name, &talk, master, use);
}

void usage_of_network(const struct usage *usage, const struct host_device *device,
		      struct usage_collection *uses)
{
	char path[PATH_MAX], real[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/net", usage->host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		sysfs_path(path, "%s/class/net/%s", usage->host->sys, entry->d_name);
		if (realpath(path, real) && usage_is_below(real, device->real))
			add_interface(usage, entry->d_name, uses);
	}
}
