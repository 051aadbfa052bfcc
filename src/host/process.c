/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process-priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"

static void read_name(const struct host *host, const char *pid, struct process *process)
{
	char path[PATH_MAX], name[sizeof(process->name)];

	if (sysfs_read_text(sysfs_path(path, "%s/%s/comm", host->proc, pid), name, sizeof(name)))
		(void)text_copy(name, sizeof(name), "process");
	text_copy_printable(process->name, sizeof(process->name), name);
}

/* One process's descriptors. It may end while we look, or not be ours to look at: then it has none. */
static void each_of_process(const struct host *host, const char *pid, const char *prefix,
			    void (*found)(void *opaque, const struct process_open *open), void *opaque)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct process process = { .pid = (pid_t)atoi(pid) };
	struct process_open open = { .process = &process, .path = target, .descriptor = path };
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/%s/fd", host->proc, pid));
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		ssize_t length;

		if (entry->d_name[0] == '.')
			continue;
		sysfs_path(path, "%s/%s/fd/%s", host->proc, pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		if (strncmp(target, prefix, strlen(prefix)) != 0)
			continue;
		if (!process.name[0])
			read_name(host, pid, &process);
		found(opaque, &open);
	}
}

void process_each_open(const struct host *host, const char *prefix,
		       void (*found)(void *opaque, const struct process_open *open), void *opaque)
{
	auto_dir DIR *dir = opendir(host->proc);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			each_of_process(host, entry->d_name, prefix, found, opaque);
	}
}

/* Its control group is the unit's: "0::/system.slice/nginx.service", or a line of "1:name=systemd:". */
bool process_service(const struct host *host, pid_t pid, char *ret_unit, size_t size)
{
	static const char slice[] = ":/system.slice/", suffix[] = ".service";
	char path[PATH_MAX];
	auto_free char *text = NULL;
	const char *unit;
	size_t length;

	if (sysfs_read_file(sysfs_path(path, "%s/%d/cgroup", host->proc, (int)pid), &text, NULL))
		return false;
	unit = strstr(text, slice);
	if (!unit)
		return false;
	unit += sizeof(slice) - 1;
	length = strcspn(unit, "/\n");
	if (length < sizeof(suffix) || length >= size ||
	    strncmp(unit + length - (sizeof(suffix) - 1), suffix, sizeof(suffix) - 1) != 0)
		return false;
	memcpy(ret_unit, unit, length);
	ret_unit[length] = '\0';
	return true;
}

struct search {
	const char *path;
	pid_t except;
	struct process *list;
	size_t room, count;
};

static void match(void *opaque, const struct process_open *open)
{
	struct search *search = opaque;
	const struct process *process = open->process;

	if (process->pid == search->except || strcmp(open->path, search->path) != 0 ||
	    search->count == search->room)
		return;
	if (search->count && search->list[search->count - 1].pid == process->pid)
		return;
	search->list[search->count++] = *process;
}

size_t process_holders(const struct host *host, const char *path, pid_t except, struct process *ret_list,
		       size_t room)
{
	struct search search = { .path = path, .except = except, .list = ret_list, .room = room };

	process_each_open(host, path, match, &search);
	return search.count;
}

const char *process_names(const struct process *list, size_t count, char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s (pid %d)", i ? ", " : "",
					 list[i].name, (int)list[i].pid);
	return ret_text;
}
