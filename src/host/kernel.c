/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: Linux Documentation/admin-guide/kernel-parameters.rst; kmod's modules.builtin(5), modules.dep(5).
 */
#include "host/kernel-priv.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"

#define CONFIG_MAX (4u << 20)

extern char **environ;

/* Calls test() for each word of the command line until one says yes. */
static bool any_word(const struct host *host, bool (*test)(const char *word, const void *opaque),
		     const void *opaque)
{
	char path[PATH_MAX], text[4096];
	char *rest = text, *word;

	if (sysfs_read_text(sysfs_path(path, "%s/cmdline", host->proc), text, sizeof(text)))
		return false;
	while ((word = strsep(&rest, " \t\n"))) {
		if (test(word, opaque))
			return true;
	}
	return false;
}

static bool is_word(const char *word, const void *opaque)
{
	return strcmp(word, opaque) == 0;
}

bool kernel_booted_with(const struct host *host, const char *word)
{
	return any_word(host, is_word, word);
}

struct assignment {
	const char *name, *value;
};

static bool is_assignment(const char *word, const void *opaque)
{
	const struct assignment *wanted = opaque;
	size_t length = strlen(wanted->name);

	if (strncmp(word, wanted->name, length) != 0 || word[length] != '=')
		return false;
	if (!wanted->value)
		return true;
	for (const char *at = word + length + 1;; at++) {
		size_t part = strcspn(at, ",");

		if (part == strlen(wanted->value) && strncmp(at, wanted->value, part) == 0)
			return true;
		at += part;
		if (!*at)
			return false;
	}
}

bool kernel_booted_with_value(const struct host *host, const char *name, const char *value)
{
	const struct assignment wanted = { name, value };

	return any_word(host, is_assignment, &wanted);
}

static void read_release(const struct host *host, char *ret_text, size_t size)
{
	char path[PATH_MAX];

	ret_text[0] = '\0';
	(void)sysfs_read_text(sysfs_path(path, "%s/sys/kernel/osrelease", host->proc), ret_text, size);
}

bool kernel_is_since(const struct host *host, unsigned major, unsigned minor)
{
	char release[128];
	unsigned have_major, have_minor;

	read_release(host, release, sizeof(release));
	if (sscanf(release, "%u.%u", &have_major, &have_minor) != 2)
		return true;
	return have_major > major || (have_major == major && have_minor >= minor);
}

/* Everything a descriptor gives, with a NUL behind it. The caller frees it; NULL where memory is short. */
static char *read_all(int fd)
{
	char *text = malloc(CONFIG_MAX);
	size_t used = 0;
	ssize_t got;

	while (text && used < CONFIG_MAX - 1 && (got = read(fd, text + used, CONFIG_MAX - 1 - used)) > 0)
		used += (size_t)got;
	if (text)
		text[used] = '\0';
	return text;
}

/* gzip is on every system that has a /proc/config.gz to read with it. */
static char *read_compressed(const char *path)
{
	static const char *const argv[] = { "gzip", "-dc", NULL };
	posix_spawn_file_actions_t actions;
	int pipe_fds[2], status;
	char *text = NULL;
	pid_t child;

	if (!sysfs_exists(path) || pipe2(pipe_fds, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, path, O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&child, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ) == 0) {
		close(pipe_fds[1]);
		text = read_all(pipe_fds[0]);
		(void)waitpid(child, &status, 0);
	} else {
		close(pipe_fds[1]);
	}
	close(pipe_fds[0]);
	posix_spawn_file_actions_destroy(&actions);
	return text;
}

static char *read_configuration(const struct host *host)
{
	char path[PATH_MAX], release[128];
	char *text = NULL;

	read_release(host, release, sizeof(release));
	if (sysfs_read_file(sysfs_path(path, "%s/boot/config-%s", host->root, release), &text, NULL) == 0)
		return text;
	if (sysfs_read_file(sysfs_path(path, "%s/config", host->modules), &text, NULL) == 0)
		return text;
	return read_compressed(sysfs_path(path, "%s/config.gz", host->proc));
}

enum kernel_option kernel_option(const struct host *host, const char *option)
{
	auto_free char *text = read_configuration(host);
	char line[128];
	const char *found;

	/* An empty or cut-off answer is no answer. */
	if (!text || !strstr(text, "CONFIG_PCI="))
		return KERNEL_OPTION_UNKNOWN;
	(void)snprintf(line, sizeof(line), "\nCONFIG_%s=", option);
	found = strstr(text, line);
	if (!found)
		return KERNEL_OPTION_OFF;
	return found[strlen(line)] == 'm' ? KERNEL_OPTION_MODULE : KERNEL_OPTION_BUILT_IN;
}

/* Whether a list of the kernel's modules (modules.dep, modules.builtin) names this one. */
static bool listed(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = text; (at = strchr(at, '/'));) {
		size_t i = 0;

		at++;
		while (i < length && (at[i] == name[i] ||
				      ((at[i] == '-' || at[i] == '_') && (name[i] == '-' || name[i] == '_'))))
			i++;
		if (i == length && strncmp(at + length, ".ko", 3) == 0)
			return true;
	}
	return false;
}

enum kernel_module kernel_module(const struct host *host, const char *name)
{
	char path[PATH_MAX], folder[64];
	auto_free char *built_in = NULL;
	auto_free char *loadable = NULL;

	(void)sysfs_read_file(sysfs_path(path, "%s/modules.builtin", host->modules), &built_in, NULL);
	if (built_in && listed(built_in, name))
		return KERNEL_MODULE_BUILT_IN;
	(void)text_copy(folder, sizeof(folder), name);
	for (char *at = folder; *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	if (sysfs_exists(sysfs_path(path, "%s/module/%s", host->sys, folder)))
		return KERNEL_MODULE_LOADED;
	(void)sysfs_read_file(sysfs_path(path, "%s/modules.dep", host->modules), &loadable, NULL);
	if (loadable && listed(loadable, name))
		return KERNEL_MODULE_LOADABLE;
	return built_in || loadable ? KERNEL_MODULE_NONE : KERNEL_MODULE_UNKNOWN;
}
