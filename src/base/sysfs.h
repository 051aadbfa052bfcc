/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_SYSFS_H
#define HANDFAST_BASE_SYSFS_H

/*
 * Small reads of sysfs and procfs. Attributes come and go with devices, kernels and drivers, so every
 * failure names the path, and most callers have an answer for -ENOENT.
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes a path from its parts and returns ret_path. What does not fit is cut: no such path exists. */
const char *sysfs_path(char ret_path[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool sysfs_exists(const char *path);

/* The attribute's text without the newlines and blanks behind it; what does not fit is cut. */
int sysfs_read_text(const char *path, char *ret_text, size_t size);

/* A number as sysfs writes them: decimal, or hexadecimal behind 0x. -EINVAL for any other text. */
int sysfs_read_u64(const char *path, uint64_t *ret_value);

/* The last component of what a link points to: the driver's name, the group's number. */
int sysfs_read_link(const char *path, char *ret_name, size_t size);

/* A whole file of the kernel's, however long (procfs tells no size), with a NUL behind it. The caller
 * frees it. At most 16 MiB: -EFBIG. */
int sysfs_read_file(const char *path, char **ret_text, size_t *ret_size);

/* Writes text in one write(2), as attributes want it. */
int sysfs_write_text(const char *path, const char *text);

#endif
