/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/record-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "base/sysfs.h"

/* What can be done where the file system of that folder takes nothing more. */
int record_try_storage(int errnum, const char *folder)
{
	if (errnum == ENOSPC || errnum == EDQUOT)
		return error_try("df %s    (it is full: make room there)", folder);
	if (errnum == EROFS)
		return error_try(
			"findmnt -T %s    (shows what is read-only there: mount -o remount,rw TARGET)",
			folder);
	return error_try("ls -ld %s    (root has to be able to write there)", folder);
}

/* Makes a rename or a removal in the folder last. */
static int sync_folder(const char *folder)
{
	auto_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Some file systems cannot sync a folder (EINVAL) and need not. */
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		return error_sys(errno, "%s", folder);
	return 0;
}

static int write_new(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_sys(errno, "create %s", path);
	if (io_write_full(fd, text, strlen(text)))
		return error_tried("write %s", path);
	if (fsync(fd))
		return error_sys(errno, "sync %s", path);
	return 0;
}

int record_put(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX], new_path[PATH_MAX];
	int error;

	sysfs_path(path, "%s/%s", folder, name);
	error = write_new(sysfs_path(new_path, "%s/%s.new", folder, name), text);
	if (error) {
		(void)unlink(new_path);
		return record_try_storage(-error, folder);
	}
	if (rename(new_path, path)) {
		error = errno;
		error_sys(error, "rename %s to %s", new_path, path);
		return record_try_storage(error, folder);
	}
	return sync_folder(folder);
}

int record_drop(const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (unlink(sysfs_path(path, "%s/%s", folder, name))) {
		if (errno == ENOENT)
			return 0;
		return error_sys(errno, "remove %s", path);
	}
	return sync_folder(folder);
}

int record_unknown(const char *path)
{
	return error_set(EBADMSG, "%s is not what handfast wrote", path);
}

static bool read_fields(char *rest, record_field *field, void *opaque)
{
	char *line, *value;

	while ((line = strsep(&rest, "\n"))) {
		if (strcmp(line, "end") == 0)
			return true;
		value = strchr(line, ' ');
		if (!value)
			return false;
		*value++ = '\0';
		if (!field(opaque, line, value))
			return false;
	}
	return false;
}

int record_load(const char *path, const char *heading, record_field *field, void *opaque)
{
	size_t length = strlen(heading);
	auto_free char *text = NULL;
	int error = sysfs_read_file(path, &text, NULL);

	if (error)
		return error;
	if (strncmp(text, heading, length) != 0 || text[length] != '\n' ||
	    !read_fields(text + length + 1, field, opaque))
		return record_unknown(path);
	return 0;
}
