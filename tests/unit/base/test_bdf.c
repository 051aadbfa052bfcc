/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/bdf.h"
#include "base/error.h"

static void test_reads_all_forms(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
	} good[] = {
		{ "0000:1a:00.3", "0000:1a:00.3" }, { "1a:00.3", "0000:1a:00.3" },
		{ "1A:1F.7", "0000:1a:1f.7" },	    { "10000:00:01.0", "10000:00:01.0" },
		{ "0:1:2.3", "0000:01:02.3" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[BDF_TEXT_SIZE];
		struct bdf bdf;

		assert_int_equal(bdf_parse(good[i].text, &bdf), 0);
		assert_string_equal(bdf_format(bdf, text), good[i].canonical);
	}
}

static void test_refuses_all_else(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"1a",
		"1a:00",
		"1a:00.",
		"1a:00.8",
		"1a:20.0",
		"1a:00.3 ",
		" 1a:00.3",
		"0000:1a:00.3x",
		"0000:0000:1a:00.3",
		"100:00.0",
		"1a:00.00",
		"g0:00.0",
		"1a:00.-1",
		"123456789:1a:00.3",
		"0000::00.3",
	};
	struct bdf untouched = { 7, 7, 7, 7 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bdf_parse(bad[i], &untouched), -EINVAL);
		assert_non_null(strstr(error_get()->because, "is not a PCI address"));
	}
	assert_int_equal(untouched.bus, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_all_forms),
		cmocka_unit_test(test_refuses_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
