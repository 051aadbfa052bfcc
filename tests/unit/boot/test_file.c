/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/file.c: offsets that a file lies about, and a file that changes while it is read. */
#include "unit.h"

#include "boot/file-priv.h"
#include "image.h"

static void ranges_that_overflow_are_not_there(void **state)
{
	const struct boot_file file = { .size = 100 };

	assert_true(boot_file_has(&file, 0, 100));
	assert_true(boot_file_has(&file, 100, 0));
	assert_false(boot_file_has(&file, 0, 101));
	assert_false(boot_file_has(&file, 101, 0));
	assert_false(boot_file_has(&file, 50, UINT64_MAX - 10));
	assert_false(boot_file_has(&file, UINT64_MAX, 2));
	assert_int_equal(boot_file_expect(&file, 40, 60, "it"), 0);
	assert_int_equal(boot_file_expect(&file, 40, 61, "it"), -ENOEXEC);
	assert_non_null(strstr(error_get()->because, ": 1 bytes are missing"));
	assert_int_equal(boot_file_expect(&file, UINT64_MAX, 2, "it"), -ENOEXEC);
	assert_non_null(strstr(error_get()->because, "damaged"));
}

static void a_file_that_shrinks_is_an_error(void **state)
{
	uint8_t data[300] = { 0 };
	struct boot_file file;
	int fd = image_file(data, sizeof(data));

	assert_int_equal(boot_file_init(fd, "vmlinuz", &file), 0);
	assert_int_equal(file.size, 300);
	assert_int_equal(boot_file_read(&file, 100, data, 200), 0);
	assert_int_equal(ftruncate(fd, 250), 0);
	assert_refused(boot_file_read(&file, 100, data, 200), ENODATA, "50 bytes are missing");
	assert_string_equal(error_get()->tried, "read vmlinuz");
	close(fd);
}

static void what_the_system_says_is_passed_on(void **state)
{
	uint8_t data[16];
	struct boot_file file = { .fd = -1, .path = "vmlinuz", .size = 16 };

	assert_int_equal(boot_file_init(-1, "vmlinuz", &file), -EBADF);
	assert_string_equal(error_get()->tried, "read vmlinuz");
	assert_int_equal(boot_file_read(&file, 0, data, sizeof(data)), -EBADF);
	assert_string_equal(error_get()->tried, "read vmlinuz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_that_overflow_are_not_there),
		cmocka_unit_test(a_file_that_shrinks_is_an_error),
		cmocka_unit_test(what_the_system_says_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
