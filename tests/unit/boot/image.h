/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_BOOT_IMAGE_H
#define HANDFAST_TESTS_BOOT_IMAGE_H

/* Made-up kernel images, and what the tests of both formats ask about them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "boot/boot.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* A file in memory with these bytes. The caller closes it. */
static inline int image_file(const void *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

/* Checks an image of `size` bytes for a guest with this memory. */
static inline int image_check_ranges(const void *data, size_t size, const struct mem_range *ram, size_t count,
				     const char *cmdline)
{
	int fd = image_file(data, size);
	struct boot_linux_options options = {
		.kernel_fd = fd,
		.initrd_fd = -1,
		.cmdline = cmdline,
		.kernel_path = "vmlinuz",
	};
	int error = boot_linux_check(&options, ram, count);

	close(fd);
	return error;
}

/* With memory_size bytes from 0 on. */
static inline int image_check_sized(const void *data, size_t size, uint64_t memory_size, const char *cmdline)
{
	const struct mem_range ram = { 0, memory_size };

	return image_check_ranges(data, size, &ram, 1, cmdline);
}

static inline int image_check(const void *data, size_t size)
{
	return image_check_sized(data, size, 256 * MIB, "");
}

/* A refusal has this errno, this in its cause, and all three parts. */
#define assert_refused(error, errnum, cause)                          \
	do {                                                          \
		assert_int_equal(error, -(errnum));                   \
		assert_non_null(strstr(error_get()->because, cause)); \
		assert_string_not_equal(error_get()->tried, "");      \
		assert_string_not_equal(error_get()->remedy, "");     \
	} while (0)

#endif
