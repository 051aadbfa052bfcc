/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process-priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"

/* One process's descriptors. It may end while we look, or not be ours to look at: then it has none. */
static void each_of_process(const struct host *host, const char *pid, const char *prefix,
			    void (*found)(void *opaque, const struct process *process, const char *path),
			    void *opaque)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct process process = { .pid = (pid_t)atoi(pid) };
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
		if (!process.name[0] && sysfs_read_text(sysfs_path(path, "%s/%s/comm", host->proc, pid),
							process.name, sizeof(process.name)))
			(void)text_copy(process.name, sizeof(process.name), "process");
		found(opaque, &process, target);
	}
}

void process_each_open(const struct host *host, const char *prefix,
		       void (*found)(void *opaque, const struct process *process, const char *path),
		       void *opaque)
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

struct search {
	const char *path;
	pid_t except;
	struct process *list;
	size_t room, count;
};

static void match(void *opaque, const struct process *process, const char *path)
{
	struct search *search = opaque;

	if (process->pid == search->except || strcmp(path, search->path) != 0 ||
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
