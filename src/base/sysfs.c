/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#define FILE_CHUNK 4096
#define FILE_MOST  (16U << 20)

const char *sysfs_path(char ret_path[PATH_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_path, PATH_MAX, format, args);
	va_end(args);
	return ret_path;
}

bool sysfs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Reads until the end of the file or of the room for it. */
static int read_some(int fd, const char *path, char *ret_text, size_t size, size_t *ret_length)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, ret_text + length, size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(errno, "read %s", path);
		if (got == 0)
			break;
		length += (size_t)got;
	}
	*ret_length = length;
	return 0;
}

static int open_to_read(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(errno, "%s", path);
	*ret_fd = fd;
	return 0;
}

int sysfs_read_text(const char *path, char *ret_text, size_t size)
{
	auto_fd int fd = -1;
	char text[FILE_CHUNK + 1];
	size_t length = 0;
	int error = open_to_read(path, &fd);

	if (!error)
		error = read_some(fd, path, text, FILE_CHUNK, &length);
	if (error)
		return error;
	while (length && strchr("\n\r\t ", text[length - 1]))
		length--;
	text[length] = '\0';
	(void)text_copy(ret_text, size, text);
	return 0;
}

int sysfs_read_u64(const char *path, uint64_t *ret_value)
{
	char text[64];
	int error = sysfs_read_text(path, text, sizeof(text));

	if (error)
		return error;
	error = text_to_u64(text, UINT64_MAX, ret_value);
	return error ? error_tried("read %s", path) : 0;
}

int sysfs_read_link(const char *path, char *ret_name, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (length < 0)
		return error_sys(errno, "%s", path);
	target[length] = '\0';
	slash = strrchr(target, '/');
	(void)text_copy(ret_name, size, slash ? slash + 1 : target);
	return 0;
}

int sysfs_read_file(const char *path, char **ret_text, size_t *ret_size)
{
	auto_fd int fd = -1;
	auto_free char *text = NULL;
	size_t room = 0, length = 0, got;
	int error = open_to_read(path, &fd);

	if (error)
		return error;
	do {
		if (room - length <= FILE_CHUNK) {
			char *more;

			if (room >= FILE_MOST)
				return error_set(EFBIG, "%s is longer than 16 MiB", path);
			room = room ? room * 2 : 4 * FILE_CHUNK;
			more = realloc(text, room + 1);
			if (!more)
				return error_sys(ENOMEM, "read %s", path);
			text = more;
		}
		got = 0;
		error = read_some(fd, path, text + length, room - length, &got);
		if (error)
			return error;
		length += got;
	} while (got);
	text[length] = '\0';
	*ret_text = text;
	text = NULL;
	if (ret_size)
		*ret_size = length;
	return 0;
}

int sysfs_write_text(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);
	ssize_t put;

	if (fd < 0)
		return error_sys(errno, "%s", path);
	do {
		put = write(fd, text, length);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return error_sys(errno, "write to %s", path);
	if ((size_t)put != length)
		return error_set(EIO, "%s took %zd of %zu bytes", path, put, length);
	return 0;
}
