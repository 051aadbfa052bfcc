/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static void test_numbers(void **state)
{
	uint64_t value = 99;

	assert_int_equal(text_to_u64("0", 10, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(text_to_u64("0x1F", 100, &value), 0);
	assert_int_equal(value, 31);
	assert_int_equal(text_to_u64("010", 100, &value), 0);
	assert_int_equal(value, 10); /* never octal */
	assert_int_equal(text_to_u64("18446744073709551615", UINT64_MAX, &value), 0);
	value = 99;
	assert_int_equal(text_to_u64("18446744073709551616", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(text_to_u64("11", 10, &value), -ERANGE);
	assert_int_equal(text_to_u64("", 10, &value), -EINVAL);
	assert_int_equal(text_to_u64("-1", 10, &value), -EINVAL);
	assert_int_equal(text_to_u64("+1", 10, &value), -EINVAL);
	assert_int_equal(text_to_u64(" 1", 10, &value), -EINVAL);
	assert_int_equal(text_to_u64("1 ", 10, &value), -EINVAL);
	assert_int_equal(text_to_u64("0x", 10, &value), -EINVAL);
	assert_int_equal(value, 99);
}

static void test_sizes(void **state)
{
	const uint64_t mib = 1 << 20;
	uint64_t bytes = 0;

	assert_int_equal(text_to_size("512", mib, &bytes), 0);
	assert_int_equal(bytes, 512 * mib);
	assert_int_equal(text_to_size("2G", mib, &bytes), 0);
	assert_int_equal(bytes, 2048 * mib);
	assert_int_equal(text_to_size("3k", mib, &bytes), 0);
	assert_int_equal(bytes, 3072);
	assert_int_equal(text_to_size("0", mib, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(text_to_size("2X", mib, &bytes), -EINVAL);
	assert_int_equal(text_to_size("2GB", mib, &bytes), -EINVAL);
	assert_int_equal(text_to_size("18446744073709551615G", mib, &bytes), -ERANGE);
}

static void test_size_texts(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 bytes" },
		{ 17, "17 bytes" },
		{ 4096, "4 KiB" },
		{ 512 << 20, "512 MiB" },
		{ 5ull << 30, "5 GiB" },
		{ 1536ull << 20, "1536 MiB" },
		{ 25281531904ull, "23.5 GiB" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[32];

		assert_string_equal(text_size(cases[i].bytes, text, sizeof(text)), cases[i].text);
		/* Two that are compared have one unit. */
		assert_string_equal(text_size_like(1536 << 20, 1530 << 20, text, sizeof(text)), "1536 MiB");
		assert_string_equal(text_size_like(1530 << 20, 1536 << 20, text, sizeof(text)), "1530 MiB");
		assert_string_equal(text_size_like(UINT64_C(64) << 30, 4096, text, sizeof(text)),
				    "67108864 KiB");
		assert_string_equal(text_size_like(UINT64_C(64) << 30, 0, text, sizeof(text)), "64 GiB");
		assert_string_equal(text_size_like(0, 0, text, sizeof(text)), "0 bytes");
	}
}

static void test_booleans(void **state)
{
	bool value = false;

	assert_int_equal(text_to_bool("on", &value), 0);
	assert_true(value);
	assert_int_equal(text_to_bool("off", &value), 0);
	assert_false(value);
	assert_int_equal(text_to_bool("ON", &value), -EINVAL);
	assert_int_equal(text_to_bool("", &value), -EINVAL);
}

static void test_copy(void **state)
{
	char to[4];

	assert_true(text_copy(to, sizeof(to), "abc"));
	assert_string_equal(to, "abc");
	assert_false(text_copy(to, sizeof(to), "abcd"));
	assert_string_equal(to, "abc");
}

static void test_copy_printable(void **state)
{
	char to[16];

	text_copy_printable(to, sizeof(to), "a\033[1m\n\x7f");
	assert_string_equal(to, "a?[1m??");
	/* U+009B is a control character, U+00E4 and U+20AC are none. */
	text_copy_printable(to, sizeof(to), "\xc2\x9b\xc3\xa4\xe2\x82\xac");
	assert_string_equal(to, "??\xc3\xa4\xe2\x82\xac");
	text_copy_printable(to, 3, "\x01\x02\x03");
	assert_string_equal(to, "??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	   cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_size_texts), cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_copy),	   cmocka_unit_test(test_copy_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
