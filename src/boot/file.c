/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/file-priv.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* One pread(2) never moves more than this (Linux: 2 GiB less a page). */
#define READ_AT_ONCE (UINT64_C(1) << 30)

int boot_file_init(int fd, const char *path, struct boot_file *ret_file)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0) {
		error_sys(errno, "%s cannot be examined", path);
		return error_tried("read %s", path);
	}
	if (!S_ISREG(stat.st_mode)) {
		error_set(EINVAL, "it is not a regular file");
		error_tried("read %s", path);
		return error_try("name a file, not a directory, device or pipe");
	}
	*ret_file = (struct boot_file){ .fd = fd, .path = path, .size = (uint64_t)stat.st_size };
	return 0;
}

bool boot_file_has(const struct boot_file *file, uint64_t offset, uint64_t length)
{
	return offset <= file->size && length <= file->size - offset;
}

int boot_file_expect(const struct boot_file *file, uint64_t offset, uint64_t length, const char *part)
{
	uint64_t end;

	if (boot_file_has(file, offset, length))
		return 0;
	if (__builtin_add_overflow(offset, length, &end)) {
		error_set(ENOEXEC,
			  "the file is damaged: its header puts %s at byte %" PRIu64 ", %" PRIu64
			  " bytes long, which no file can be",
			  part, offset, length);
	} else {
		error_set(ENOEXEC,
			  "the file is truncated: %s ends at byte %" PRIu64 ", the file at byte %" PRIu64
			  ": %" PRIu64 " bytes are missing",
			  part, end, file->size, end - file->size);
	}
	return error_try("copy or build the file again");
}

int boot_file_read(const struct boot_file *file, uint64_t offset, void *ret_to, uint64_t length)
{
	uint8_t *to = ret_to;

	while (length > 0) {
		size_t piece = length < READ_AT_ONCE ? (size_t)length : (size_t)READ_AT_ONCE;
		ssize_t got = pread(file->fd, to, piece, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error_sys(errno, "%" PRIu64 " bytes at byte %" PRIu64 " cannot be read", length,
				  offset);
			return error_tried("read %s", file->path);
		}
		if (got == 0) {
			error_set(ENODATA,
				  "the file has become shorter than it was: it ends at byte %" PRIu64
				  ", %" PRIu64 " bytes are missing",
				  offset, length);
			error_tried("read %s", file->path);
			return error_try("leave the file alone while the guest uses it");
		}
		to += got;
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return 0;
}
