/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes have something of a device open, whatever kind of device it is: a disk, an NVMe
 * controller's node, a sound card's, a display's, a terminal, an input device behind a USB controller, a
 * VFIO group. /sys/dev/char names the device behind each character device's number; disks are known by
 * their numbers from usage-blocks.c. A descriptor is a device's by its number, and by its name where the
 * number cannot be had.
 *
 * Source: Linux Documentation/ABI/testing/sysfs-dev (/sys/dev/char).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

/* The node's name as devtmpfs has it: DEVNAME among the lines of uevent. */
static void read_node_name(struct usage_node *node)
{
	static const char key[] = "DEVNAME=";
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/uevent", node->real), &text, NULL))
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			(void)text_copy(node->name, sizeof(node->name), line + sizeof(key) - 1);
	}
}

static void load_node(struct usage *usage, const char *number)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct usage_node *node;
	unsigned major, minor;

	if (sscanf(number, "%u:%u", &major, &minor) != 2 ||
	    !realpath(sysfs_path(path, "%s/dev/char/%s", usage->host->sys, number), real))
		return;
	node = usage_grow(usage, &usage->nodes, &usage->node_count, sizeof(*node));
	if (!node)
		return;
	node->major = major;
	node->minor = minor;
	(void)text_copy(node->real, sizeof(node->real), real);
	read_node_name(node);
}

void usage_load_nodes(struct usage *usage)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/dev/char", usage->host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			load_node(usage, entry->d_name);
	}
}

/* Which block device it is by its number, else by its name. */
static size_t find_block(const struct usage *usage, const struct usage_open *open, const struct stat *status)
{
	for (size_t i = 0; i < usage->block_count; i++) {
		const struct usage_block *block = &usage->blocks[i];

		if (status ? S_ISBLK(status->st_mode) && block->major == major(status->st_rdev) &&
				     block->minor == minor(status->st_rdev)
			   : strcmp(block->name, open->name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static size_t find_node(const struct usage *usage, const struct usage_open *open, const struct stat *status)
{
	for (size_t i = 0; i < usage->node_count; i++) {
		const struct usage_node *node = &usage->nodes[i];

		if (status ? S_ISCHR(status->st_mode) && node->major == major(status->st_rdev) &&
				     node->minor == minor(status->st_rdev)
			   : strcmp(node->name, open->name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static void add_device_open(struct usage *usage, const struct process_open *open)
{
	struct usage_open *added = usage_grow(usage, &usage->opens, &usage->open_count, sizeof(*added));
	struct stat status;
	bool is_device;

	if (!added)
		return;
	added->process = *open->process;
	text_copy_printable(added->name, sizeof(added->name), open->path + strlen(usage->host->dev) + 1);
	is_device =
		stat(open->descriptor, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode));
	added->block = find_block(usage, added, is_device ? &status : NULL);
	added->node = find_node(usage, added, is_device ? &status : NULL);
}

static void add_socket(struct usage *usage, const struct process_open *open)
{
	static const char *const servers[] = { "sshd", "sshd-session", "dropbear" };
	unsigned long inode, *added;

	if (sscanf(open->path, "socket:[%lu]", &inode) != 1)
		return;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		if (strcmp(open->process->name, servers[i]) != 0)
			continue;
		added = usage_grow(usage, &usage->ssh_sockets, &usage->ssh_socket_count, sizeof(*added));
		if (added)
			*added = inode;
	}
}

static void add_open(void *opaque, const struct process_open *open)
{
	struct usage *usage = opaque;

	if (usage_is_below(open->path, usage->host->dev))
		add_device_open(usage, open);
	else
		add_socket(usage, open);
}

void usage_load_opens(struct usage *usage)
{
	process_each_open(usage->host, "", add_open, usage);
}

static bool is_open_group(const struct usage_open *open, const struct host_device *device)
{
	char node[32];

	(void)snprintf(node, sizeof(node), "vfio/%u", device->group);
	return device->has_group && strcmp(open->name, node) == 0;
}

static bool is_of_device(const struct usage *usage, const struct usage_open *open,
			 const struct host_device *device)
{
	if (open->block != SIZE_MAX && usage->blocks[open->block].marked)
		return true;
	if (open->node != SIZE_MAX && usage_belongs(usage, usage->nodes[open->node].real, device))
		return true;
	return is_open_group(open, device);
}

static void add_cure(const struct usage *usage, const struct process *process, struct use *use)
{
	char unit[128];

	if (use->kind == USE_MACHINE)
		usage_cure(use, "end that virtual machine first");
	else if (process->pid == 1)
		usage_cure(use, "change what %s is told to do with it", process->name);
	else if (process_service(usage->host, process->pid, unit, sizeof(unit)))
		usage_cure(use, "systemctl stop %s", unit);
	else
		usage_cure(use, "kill %d    (ends %s)", (int)process->pid, process->name);
}

/* A process once, with the first of the nodes that it has open and how many others. */
static void add_process(const struct usage *usage, const struct usage_open *open, size_t others,
			struct usage_collection *uses)
{
	const struct process *process = &open->process;
	bool machine = strncmp(open->name, "vfio/", 5) == 0;
	struct use *use = usage_add(uses, machine ? USE_MACHINE : USE_PROCESS, false);

	if (!use)
		return;
	usage_print(use->what, sizeof(use->what), "%s/%s", usage->host->dev, open->name);
	if (others)
		usage_append(use->what, sizeof(use->what), " and %zu more", others);
	usage_append(use->what, sizeof(use->what), " %s open in %s (pid %d)", others ? "are" : "is",
		     process->name, (int)process->pid);
	usage_print(use->brief, sizeof(use->brief), "%s (pid %d)", process->name, (int)process->pid);
	add_cure(usage, process, use);
}

/* How many other nodes of the device the process has open, from the one at `first` on: its descriptors
 * stand together. */
static size_t count_others(const struct usage *usage, size_t first, const struct host_device *device,
			   size_t *ret_next)
{
	const struct usage_open *opens = usage->opens;
	size_t count = 0, i;

	for (i = first + 1; i < usage->open_count && opens[i].process.pid == opens[first].process.pid; i++) {
		bool known = !is_of_device(usage, &opens[i], device);

		for (size_t k = first; k < i && !known; k++)
			known = strcmp(opens[k].name, opens[i].name) == 0;
		count += !known;
	}
	*ret_next = i;
	return count;
}

void usage_of_nodes(struct usage *usage, const struct host_device *device, struct usage_collection *uses)
{
	size_t next;

	for (size_t i = 0; i < usage->open_count; i++) {
		if (usage->opens[i].block != SIZE_MAX)
			usage->blocks[usage->opens[i].block].accounted = true;
	}
	for (size_t i = 0; i < usage->open_count; i = next) {
		next = i + 1;
		if (!is_of_device(usage, &usage->opens[i], device))
			continue;
		add_process(usage, &usage->opens[i], count_others(usage, i, device, &next), uses);
	}
}
