/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"

struct place {
	char folder[64];
	char path[PATH_MAX];
};

static int setup(void **state)
{
	static struct place place;

	place = (struct place){ .folder = "/tmp/handfast-test-XXXXXX" };
	assert_non_null(mkdtemp(place.folder));
	sysfs_path(place.path, "%s/attribute", place.folder);
	*state = &place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	(void)unlink(place->path);
	assert_int_equal(rmdir(place->folder), 0);
	return 0;
}

static void put(struct place *place, const char *text)
{
	FILE *file = fopen(place->path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_text_without_what_trails(void **state)
{
	struct place *place = *state;
	char text[16];

	put(place, "flr bus \n\n");
	assert_int_equal(sysfs_read_text(place->path, text, sizeof(text)), 0);
	assert_string_equal(text, "flr bus");
	put(place, "\n");
	assert_int_equal(sysfs_read_text(place->path, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	put(place, "longer than there is room for");
	assert_int_equal(sysfs_read_text(place->path, text, sizeof(text)), 0);
	assert_string_equal(text, "longer than the");
}

static void test_absent_leaves_the_output_alone(void **state)
{
	struct place *place = *state;
	char text[16] = "before", message[PATH_MAX + 64];
	uint64_t value = 7;

	assert_int_equal(sysfs_read_text(place->path, text, sizeof(text)), -ENOENT);
	assert_int_equal(sysfs_read_u64(place->path, &value), -ENOENT);
	assert_int_equal(sysfs_read_link(place->path, text, sizeof(text)), -ENOENT);
	assert_int_equal(sysfs_write_text(place->path, "x"), -ENOENT);
	assert_string_equal(text, "before");
	assert_int_equal(value, 7);
	assert_false(sysfs_exists(place->path));
	snprintf(message, sizeof(message), "%s: No such file or directory", place->path);
	assert_string_equal(error_get()->because, message);
}

static void test_numbers(void **state)
{
	struct place *place = *state;
	uint64_t value = 0;

	put(place, "0x8086\n");
	assert_int_equal(sysfs_read_u64(place->path, &value), 0);
	assert_int_equal(value, 0x8086);
	put(place, "42\n");
	assert_int_equal(sysfs_read_u64(place->path, &value), 0);
	assert_int_equal(value, 42);
	put(place, "none\n");
	assert_int_equal(sysfs_read_u64(place->path, &value), -EINVAL);
	assert_int_equal(value, 42);
	assert_non_null(strstr(error_get()->tried, place->path));
}

static void test_links(void **state)
{
	struct place *place = *state;
	char name[32];

	assert_int_equal(symlink("../../../bus/pci/drivers/nvme", place->path), 0);
	assert_int_equal(sysfs_read_link(place->path, name, sizeof(name)), 0);
	assert_string_equal(name, "nvme");
	assert_int_equal(unlink(place->path), 0);
	assert_int_equal(symlink("plain", place->path), 0);
	assert_int_equal(sysfs_read_link(place->path, name, sizeof(name)), 0);
	assert_string_equal(name, "plain");
}

static void test_whole_files(void **state)
{
	struct place *place = *state;
	size_t size = 0;
	char *text;
	FILE *file = fopen(place->path, "w");

	assert_non_null(file);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "line %05d\n", i);
	fclose(file);
	assert_int_equal(sysfs_read_file(place->path, &text, &size), 0);
	assert_int_equal(size, 110000);
	assert_int_equal(strlen(text), size);
	assert_memory_equal(text + size - 11, "line 09999\n", 11);
	free(text);
	/* procfs: no size beforehand. */
	assert_int_equal(sysfs_read_file("/proc/self/status", &text, NULL), 0);
	assert_non_null(strstr(text, "\nPid:"));
	free(text);
	/* Without an end: refused, not swallowed. */
	assert_int_equal(sysfs_read_file("/dev/zero", &text, NULL), -EFBIG);
}

static void test_writes(void **state)
{
	struct place *place = *state;
	char text[32];

	put(place, "");
	assert_int_equal(sysfs_write_text(place->path, "vfio-pci\n"), 0);
	assert_int_equal(sysfs_read_text(place->path, text, sizeof(text)), 0);
	assert_string_equal(text, "vfio-pci");
	assert_int_equal(sysfs_write_text("/dev/full", "x"), -ENOSPC);
	assert_string_equal(error_get()->because, "write to /dev/full: No space left on device");
}

#define unit(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_text_without_what_trails),
		unit(test_absent_leaves_the_output_alone),
		unit(test_numbers),
		unit(test_links),
		unit(test_whole_files),
		unit(test_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
