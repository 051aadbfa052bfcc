/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/keyval.h"
#include "base/error.h"

static const struct keyval_key keys[] = {
	{ "id", "ID", "a name", NULL },
	{ "size", "N", "a size", NULL },
	{ "vga", NULL, NULL, "there is none" },
};

static int check_text(const char *text)
{
	struct keyvals keyvals;
	int error = keyvals_parse(text, "driver", &keyvals);

	if (error == 0) {
		error = keyvals_check(&keyvals, "-device thing", keys, 3);
		keyvals_free(&keyvals);
	}
	return error;
}

static void test_reads_elements(void **state)
{
	struct keyvals keyvals;
	uint64_t size = 5;
	bool flag = true;

	assert_int_equal(keyvals_parse("vfio-pci,id=a,,b,size=0x10,server,empty=", "driver", &keyvals), 0);
	assert_int_equal(keyvals.count, 5);
	assert_string_equal(keyvals_take(&keyvals, "driver"), "vfio-pci");
	assert_string_equal(keyvals_take(&keyvals, "id"), "a,b");
	assert_int_equal(keyvals_take_u64(&keyvals, "size", 16, &size), 0);
	assert_int_equal(size, 16);
	assert_int_equal(keyvals_take_bool(&keyvals, "server", &flag), 0);
	assert_string_equal(keyvals_take(&keyvals, "empty"), "");
	assert_null(keyvals_take(&keyvals, "nothing"));
	assert_int_equal(keyvals_take_u64(&keyvals, "nothing", 16, &size), 0);
	assert_int_equal(size, 16); /* an absent key leaves the value as it was */
	keyvals_free(&keyvals);
}

static void test_refuses_empty_elements(void **state)
{
	static const char *const bad[] = { "", ",", "a,", ",a", "a,b=1," };
	struct keyvals keyvals;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keyvals_parse(bad[i], NULL, &keyvals), -EINVAL);
	assert_int_equal(keyvals_parse("a,,,b", NULL, &keyvals), 0); /* a comma, then a separator */
	assert_string_equal(keyvals.items[0].key, "a,");
	keyvals_free(&keyvals);
}

static void test_refuses_unknown_keys_by_name(void **state)
{
	assert_int_equal(check_text("id=a,size=1"), 0);
	assert_int_equal(check_text("id=a,colour=red"), -EINVAL);
	assert_string_equal(error_get()->because, "-device thing has no key 'colour'");
	assert_string_equal(error_get()->remedy, "one of its keys: id, size");
	assert_int_equal(check_text("vga=on"), -ENOTSUP);
	assert_string_equal(error_get()->because,
			    "-device thing: handfast does not support 'vga' yet: there is none");
	assert_int_equal(check_text("id=a,id=b"), -EINVAL);
	assert_string_equal(error_get()->because, "-device thing has the key 'id' twice");
	assert_string_equal(error_get()->remedy, "leave one id= out");
}

static void test_too_many_elements(void **state)
{
	char text[KEYVALS_MAX * 2 + 4] = "";
	struct keyvals keyvals;

	for (int i = 0; i <= KEYVALS_MAX; i++)
		strcat(text, i ? ",k" : "k");
	assert_int_equal(keyvals_parse(text, NULL, &keyvals), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_elements),
		cmocka_unit_test(test_refuses_empty_elements),
		cmocka_unit_test(test_refuses_unknown_keys_by_name),
		cmocka_unit_test(test_too_many_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
