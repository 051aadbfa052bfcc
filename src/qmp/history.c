/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/history-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX (4 * HISTORY_LINES_MAX * HISTORY_LINE_SIZE)

char *history_path(void)
{
	const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");
	char *path;
	int length;

	if (!home || home[0] != '/')
		return NULL;
	if (state && state[0] == '/')
		length = asprintf(&path, "%s/handfast/qmp-history", state);
	else
		length = asprintf(&path, "%s/.local/state/handfast/qmp-history", home);
	return length < 0 ? NULL : path;
}

static bool is_typed(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	}
	return size > 0 && size < HISTORY_LINE_SIZE;
}

/* Behind the others; the first one makes room. */
static void push(struct history_lines *lines, char *line)
{
	char **larger;

	if (!line)
		return;
	if (lines->count == HISTORY_LINES_MAX) {
		free(lines->lines[0]);
		lines->count--;
		memmove(lines->lines, lines->lines + 1, lines->count * sizeof(*lines->lines));
	}
	larger = realloc(lines->lines, (lines->count + 1) * sizeof(*larger));
	if (!larger) {
		free(line);
		return;
	}
	lines->lines = larger;
	larger[lines->count++] = line;
}

/* Not a device or a pipe, at which reading could wait, nor a file that somebody else has put there. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	FILE *file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    status.st_size > FILE_SIZE_MAX || !(file = fdopen(fd, "r"))) {
		close(fd);
		return NULL;
	}
	return file;
}

void history_load(const char *path, struct history_lines *ret_lines)
{
	FILE *file = path ? open_file(path) : NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t size;

	*ret_lines = (struct history_lines){ 0 };
	if (!file)
		return;
	while ((size = getline(&line, &room, file)) > 0) {
		if (line[size - 1] == '\n')
			line[--size] = '\0';
		if (is_typed(line, (size_t)size))
			push(ret_lines, strdup(line));
	}
	free(line);
	fclose(file);
}

void history_fini(struct history_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->lines[i]);
	free(lines->lines);
	*lines = (struct history_lines){ 0 };
}

/* The folders that path lies in, for the owner alone as the XDG base directory specification has it. */
static void make_folders(char *path)
{
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(path, 0700); /* it is there, or writing fails */
		*slash = '/';
	}
}

/* As a new file (mkostemp(3): mode 0600) that takes the old one's place, so that nobody sees half of it. */
static bool write_file(char *name, const struct history_lines *lines)
{
	int fd = mkostemp(name, O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	bool bad;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (size_t i = 0; i < lines->count; i++)
		fprintf(file, "%s\n", lines->lines[i]);
	bad = ferror(file);
	return fclose(file) == 0 && !bad;
}

static void save(const char *path, const struct history_lines *lines)
{
	char *name;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return;
	make_folders(name);
	if (!write_file(name, lines) || rename(name, path) < 0)
		(void)unlink(name); /* as well as can be */
	free(name);
}

void history_add(const char *path, const char *line)
{
	struct history_lines lines;

	/* vfio-pci's vf-token is a secret between drivers. */
	if (!path || !is_typed(line, strlen(line)) || strstr(line, "vf-token"))
		return;
	history_load(path, &lines);
	if (lines.count == 0 || strcmp(lines.lines[lines.count - 1], line) != 0) {
		push(&lines, strdup(line));
		save(path, &lines);
	}
	history_fini(&lines);
}
