/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_FILE_PRIV_H
#define HANDFAST_BOOT_FILE_PRIV_H

/* An image file, read at offsets that the file itself may lie about. */
#include <stdbool.h>
#include <stdint.h>

struct boot_file {
	int fd;		  /* the caller's */
	const char *path; /* for messages; the caller's */
	uint64_t size;	  /* when it was looked at */
};

/* Regular files only. Errors: EINVAL (no regular file), what fstat(2) says. */
int boot_file_init(int fd, const char *path, struct boot_file *ret_file);

/* Whether [offset, offset + length) lies within the file; sums that overflow do not. */
bool boot_file_has(const struct boot_file *file, uint64_t offset, uint64_t length);

/* Refuses a file that ends before offset + length, saying what is missing. -ENOEXEC. part: "its setup
 * code", for the message. */
int boot_file_expect(const struct boot_file *file, uint64_t offset, uint64_t length, const char *part);

/* Reads exactly length bytes. Errors: -ENODATA where the file has become shorter, what pread(2) says. */
int boot_file_read(const struct boot_file *file, uint64_t offset, void *ret_to, uint64_t length);

#endif
