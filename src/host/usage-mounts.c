/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: proc(5) for /proc/PID/mountinfo and /proc/swaps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

/* The kernel writes blanks and backslashes in paths as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* The kernel's name of a block device by whatever path it goes under, "" for what is none. */
static void block_name(const struct host *host, const char *path, char *ret_name, size_t size)
{
	char real[PATH_MAX];
	const char *slash;
	size_t dev = strlen(host->dev);

	ret_name[0] = '\0';
	if (strncmp(path, host->dev, dev) != 0 || path[dev] != '/')
		return;
	if (realpath(path, real))
		path = real;
	slash = strrchr(path, '/');
	(void)text_copy(ret_name, size, slash ? slash + 1 : path);
}

static bool is_known(const struct usage *usage, const struct usage_mount *mount)
{
	for (size_t i = 0; i < usage->mount_count; i++) {
		const struct usage_mount *known = &usage->mounts[i];

		if (known->major == mount->major && known->minor == mount->minor &&
		    strcmp(known->source, mount->source) == 0 && strcmp(known->target, mount->target) == 0)
			return true;
	}
	return false;
}

/* 36 35 98:0 /root /target options [tags] - type source options */
static void load_mount(struct usage *usage, char *line, bool elsewhere)
{
	struct usage_mount mount = { 0 };
	char target[1024], source[1024], type[64];
	char *behind = strstr(line, " - ");

	if (!behind || sscanf(line, "%*u %*u %u:%u %*s %1023s", &mount.major, &mount.minor, target) != 3 ||
	    sscanf(behind, " - %63s %1023s", type, source) != 2)
		return;
	unescape(target);
	unescape(source);
	(void)text_copy(mount.type, sizeof(mount.type), type);
	text_copy_printable(mount.target, sizeof(mount.target), target);
	block_name(usage->host, source, mount.source, sizeof(mount.source));
	mount.elsewhere = elsewhere;
	if (elsewhere && is_known(usage, &mount))
		return;

	struct usage_mount *added = usage_grow(usage, &usage->mounts, &usage->mount_count, sizeof(mount));

	if (added)
		*added = mount;
}

static void load_mounts_of(struct usage *usage, const char *process, bool elsewhere)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/%s/mountinfo", usage->host->proc, process), &text, NULL))
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		load_mount(usage, line, elsewhere);
}

/* In a chroot or with mounts of our own, the host's root file system shows only in those of process 1. */
void usage_load_mounts(struct usage *usage)
{
	load_mounts_of(usage, "self", false);
	load_mounts_of(usage, "1", true);
}

/* A swap whose node was removed is shown so. */
static void cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path);

	if (length > sizeof(mark) - 1 && strcmp(path + length - (sizeof(mark) - 1), mark) == 0)
		path[length - (sizeof(mark) - 1)] = '\0';
}

/* Device mapper's nodes may be nodes and no links, so their names tell nothing: the number does. */
static void load_swap(struct usage *usage, char *path)
{
	struct usage_swap *swap = usage_grow(usage, &usage->swaps, &usage->swap_count, sizeof(*swap));
	struct stat status;

	if (!swap)
		return;
	unescape(path);
	cut_deleted(path);
	text_copy_printable(swap->path, sizeof(swap->path), path);
	block_name(usage->host, path, swap->name, sizeof(swap->name));
	if (stat(path, &status) == 0 && S_ISBLK(status.st_mode)) {
		swap->major = major(status.st_rdev);
		swap->minor = minor(status.st_rdev);
	}
}

void usage_load_swaps(struct usage *usage)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *rest, *line;

	if (sysfs_read_file(sysfs_path(path, "%s/swaps", usage->host->proc), &text, NULL))
		return;
	rest = text;
	(void)strsep(&rest, "\n"); /* the headings */
	while ((line = strsep(&rest, "\n"))) {
		char name[1024];

		if (sscanf(line, "%1023s", name) == 1)
			load_swap(usage, name);
	}
}
