/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/journal-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/sysfs.h"
#include "base/text.h"

#define HEADING "handfast device 1\n"

static const char *entry_path(const struct host *host, struct bdf bdf, const char *suffix,
			      char ret_path[PATH_MAX])
{
	char text[BDF_TEXT_SIZE];

	return sysfs_path(ret_path, "%s/%s.device%s", host->state, bdf_format(bdf, text), suffix);
}

int journal_lock(const struct host *host, int *ret_lock)
{
	char path[PATH_MAX];
	int fd;

	if (mkdir(host->state, 0755) && errno != EEXIST) {
		error_sys(errno, "create the folder %s, where handfast remembers each device's driver",
			  host->state);
		return error_try("mkdir -p %s    (as root, on a file system that outlives a reboot)",
				 host->state);
	}
	fd = open(sysfs_path(path, "%s/lock", host->state), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		error_sys(errno, "%s", path);
		return error_try("make %s writable: handfast remembers each device's driver there",
				 host->state);
	}
	while (flock(fd, LOCK_EX)) {
		if (errno != EINTR) {
			int error = error_sys(errno, "lock %s", path);

			close(fd);
			return error;
		}
	}
	*ret_lock = fd;
	return 0;
}

/* Makes a rename or a removal in the folder last. */
static int sync_folder(const struct host *host)
{
	auto_fd int fd = open(host->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Some file systems cannot sync a folder (EINVAL) and need not. */
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		return error_sys(errno, "%s", host->state);
	return 0;
}

static int write_new(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_sys(errno, "%s", path);
	if (io_write_full(fd, text, strlen(text)))
		return error_tried("write %s", path);
	if (fsync(fd))
		return error_sys(errno, "sync %s", path);
	return 0;
}

int journal_write(const struct host *host, const struct journal_entry *entry)
{
	char path[PATH_MAX], new_path[PATH_MAX], text[512];
	int error;

	(void)snprintf(text, sizeof(text), HEADING "id %04x:%04x\ndriver %s\noverride %s\nend\n",
		       entry->vendor, entry->device, entry->driver, entry->override);
	entry_path(host, entry->bdf, "", path);
	entry_path(host, entry->bdf, ".new", new_path);
	error = write_new(new_path, text);
	if (error) {
		(void)unlink(new_path);
		return error;
	}
	if (rename(new_path, path))
		return error_sys(errno, "%s", path);
	return sync_folder(host);
}

/* The rest of a line that begins with key and a blank; false where the line is another. */
static bool take_field(char **rest, const char *key, char *ret_value, size_t size)
{
	char *line = strsep(rest, "\n");
	size_t length = strlen(key);

	return line && strncmp(line, key, length) == 0 && line[length] == ' ' &&
	       text_copy(ret_value, size, line + length + 1);
}

int journal_read(const struct host *host, struct bdf bdf, struct journal_entry *ret_entry)
{
	struct journal_entry entry = { .bdf = bdf };
	char path[PATH_MAX], id[32];
	auto_free char *text = NULL;
	unsigned vendor, device;
	char *rest, *end;
	int error = sysfs_read_file(entry_path(host, bdf, "", path), &text, NULL);

	if (error)
		return error;
	rest = text;
	if (strncmp(rest, HEADING, strlen(HEADING)) != 0)
		return error_set(EBADMSG, "%s is not what handfast wrote", path);
	rest += strlen(HEADING);
	if (!take_field(&rest, "id", id, sizeof(id)) || sscanf(id, "%4x:%4x", &vendor, &device) != 2 ||
	    !take_field(&rest, "driver", entry.driver, sizeof(entry.driver)) ||
	    !take_field(&rest, "override", entry.override, sizeof(entry.override)) ||
	    !(end = strsep(&rest, "\n")) || strcmp(end, "end") != 0)
		return error_set(EBADMSG, "%s is not what handfast wrote", path);
	entry.vendor = (uint16_t)vendor;
	entry.device = (uint16_t)device;
	*ret_entry = entry;
	return 0;
}

int journal_remove(const struct host *host, struct bdf bdf)
{
	char path[PATH_MAX];

	if (unlink(entry_path(host, bdf, "", path))) {
		if (errno == ENOENT)
			return 0;
		return error_sys(errno, "remove %s", path);
	}
	return sync_folder(host);
}
