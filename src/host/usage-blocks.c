/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which block devices stand on a device. A device has disks, disks have partitions, either may be held by
 * device mapper or md devices, which have partitions and holders again. Which stands on which is read once;
 * a device's set is what can be reached from its disks.
 *
 * Sources: Linux Documentation/ABI/stable/sysfs-block (holders), testing/sysfs-block-dm (dm/name, dm/uuid).
 * The tools write what a mapping is for into its uuid: LVM2 lib/activate/dev_manager.c ("LVM-"), cryptsetup
 * lib/libdevmapper.c ("CRYPT-"), multipath-tools libmultipath/devmapper.h ("mpath-").
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

/* Holders do not go in circles; should sysfs be read while they change, this ends it. */
#define DEPTH_MAX 16

/* LVM joins group and volume by '-' and writes a '-' inside of either as two. */
static void read_volume_group(struct usage_block *block)
{
	size_t used = 0;

	for (const char *at = block->mapping; *at && used + 1 < sizeof(block->volume_group); at++) {
		if (at[0] == '-' && at[1] != '-')
			break;
		if (at[0] == '-')
			at++;
		block->volume_group[used++] = *at;
	}
	block->volume_group[used] = '\0';
}

static enum usage_stack stack_of(const char *uuid)
{
	static const struct {
		const char *prefix;
		enum usage_stack stack;
	} stacks[] = {
		{ "LVM-", STACK_LVM },
		{ "CRYPT-", STACK_CRYPT },
		{ "mpath-", STACK_MULTIPATH },
	};

	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
		if (strncmp(uuid, stacks[i].prefix, strlen(stacks[i].prefix)) == 0)
			return stacks[i].stack;
	}
	return STACK_MAPPER;
}

static void describe(const struct usage *usage, struct usage_block *block)
{
	char path[PATH_MAX], uuid[256] = "";

	usage_print(block->title, sizeof(block->title), "%s/%s", usage->host->dev, block->name);
	if (sysfs_exists(sysfs_path(path, "%s/md", block->real)))
		block->stack = STACK_ARRAY;
	if (sysfs_read_text(sysfs_path(path, "%s/dm/name", block->real), block->mapping,
			    sizeof(block->mapping)))
		return;
	usage_print(block->title, sizeof(block->title), "%s/mapper/%s", usage->host->dev, block->mapping);
	(void)sysfs_read_text(sysfs_path(path, "%s/dm/uuid", block->real), uuid, sizeof(uuid));
	block->stack = stack_of(uuid);
	if (block->stack == STACK_LVM)
		read_volume_group(block);
}

static void load_block(struct usage *usage, const char *name)
{
	char path[PATH_MAX], real[PATH_MAX], number[32];
	struct usage_block *block;

	if (!realpath(sysfs_path(path, "%s/class/block/%s", usage->host->sys, name), real))
		return; /* it left meanwhile */
	block = usage_grow(usage, &usage->blocks, &usage->block_count, sizeof(*block));
	if (!block)
		return;
	(void)text_copy(block->name, sizeof(block->name), name);
	(void)text_copy(block->real, sizeof(block->real), real);
	if (sysfs_read_text(sysfs_path(path, "%s/dev", real), number, sizeof(number)) == 0)
		(void)sscanf(number, "%u:%u", &block->major, &block->minor);
	describe(usage, block);
}

static void add_edge(struct usage *usage, size_t lower, size_t upper, bool partition)
{
	struct usage_edge *edge = usage_grow(usage, &usage->edges, &usage->edge_count, sizeof(*edge));

	if (edge)
		*edge = (struct usage_edge){ .lower = lower, .upper = upper, .partition = partition };
}

static void load_edges(struct usage *usage, size_t lower)
{
	const struct usage_block *block = &usage->blocks[lower];
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/holders", block->real));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		for (size_t i = 0; i < usage->block_count; i++) {
			if (strcmp(usage->blocks[i].name, entry->d_name) == 0)
				add_edge(usage, lower, i, false);
		}
	}
	for (size_t i = 0; i < usage->block_count; i++) {
		if (usage_is_below(usage->blocks[i].real, block->real))
			add_edge(usage, lower, i, true);
	}
}

void usage_load_blocks(struct usage *usage)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/block", usage->host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			load_block(usage, entry->d_name);
	}
	for (size_t i = 0; i < usage->block_count; i++)
		load_edges(usage, i);
}

/* NVMe namespaces with several paths live under their subsystem, which names its controllers. */
static bool is_in_subsystem_of(const struct usage *usage, const char *real, const struct host_device *device)
{
	static const char middle[] = "/nvme-subsystem/";
	const char *subsystem = strstr(real, middle);
	char path[PATH_MAX];
	auto_dir DIR *dir = NULL;
	struct dirent *entry;
	int length;

	if (!subsystem)
		return false;
	subsystem += sizeof(middle) - 1;
	length = (int)strcspn(subsystem, "/");
	dir = opendir(sysfs_path(path, "%s/nvme", device->real));
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' &&
		    sysfs_exists(sysfs_path(path, "%s/class/nvme-subsystem/%.*s/%s", usage->host->sys, length,
					    subsystem, entry->d_name)))
			return true;
	}
	return false;
}

bool usage_belongs(const struct usage *usage, const char *real, const struct host_device *device)
{
	return usage_is_below(real, device->real) || is_in_subsystem_of(usage, real, device);
}

/* Follows one edge; returns whether that changed anything. A device on several others stands above the
 * highest of them, so that what has to go first is known. */
static bool follow(struct usage *usage, const struct usage_edge *edge)
{
	const struct usage_block *lower = &usage->blocks[edge->lower];
	struct usage_block *upper = &usage->blocks[edge->upper];
	unsigned depth = lower->depth + (edge->partition ? 0 : 1);

	if (!lower->marked || (upper->marked && upper->depth >= depth) || depth > DEPTH_MAX)
		return false;
	upper->marked = true;
	upper->held = !edge->partition;
	upper->below = edge->lower;
	upper->depth = depth;
	return true;
}

void usage_mark_blocks(struct usage *usage, const struct host_device *device)
{
	bool more = true;

	for (size_t i = 0; i < usage->block_count; i++) {
		struct usage_block *block = &usage->blocks[i];

		block->marked = usage_belongs(usage, block->real, device);
		block->held = block->accounted = false;
		block->below = SIZE_MAX;
		block->depth = 0;
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < usage->edge_count; i++)
			more |= follow(usage, &usage->edges[i]);
	}
}

struct usage_block *usage_find_block(struct usage *usage, const char *name, unsigned major, unsigned minor)
{
	for (size_t i = 0; i < usage->block_count; i++) {
		struct usage_block *block = &usage->blocks[i];

		if (!block->marked)
			continue;
		if ((major && block->major == major && block->minor == minor) ||
		    (name[0] && (strcmp(block->name, name) == 0 || strcmp(block->mapping, name) == 0)))
			return block;
	}
	return NULL;
}

const char *usage_block_text(const struct usage *usage, const struct usage_block *block, char *ret_text,
			     size_t size)
{
	static const char *const kinds[] = {
		[STACK_NONE] = "",
		[STACK_LVM] = "LVM volume ",
		[STACK_CRYPT] = "encrypted volume ",
		[STACK_MULTIPATH] = "multipath device ",
		[STACK_MAPPER] = "device mapper volume ",
		[STACK_ARRAY] = "array ",
	};

	usage_print(ret_text, size, "%s", block->title);
	if (!block->depth)
		return ret_text;
	usage_append(ret_text, size, " (%s", kinds[block->stack]);
	for (unsigned i = 0; i < DEPTH_MAX && block->depth && block->below != SIZE_MAX; i++) {
		block = &usage->blocks[block->below];
		usage_append(ret_text, size, "%son %s", i ? " " : "", block->title);
	}
	usage_append(ret_text, size, ")");
	return ret_text;
}
