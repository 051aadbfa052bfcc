/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/host_id.h"

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static void test_names(void **state)
{
	struct host_id nic = host_id_of((struct bdf){ .bus = 2, .function = 1 });
	struct host_id mdev = { .uuid = UUID };
	char text[HOST_ID_TEXT_SIZE];

	assert_string_equal(host_id_format(&nic, text), "0000:02:00.1");
	assert_false(host_id_is_mediated(&nic));
	assert_string_equal(host_id_format(&mdev, text), UUID);
	assert_true(host_id_is_mediated(&mdev));
}

static void test_equal(void **state)
{
	struct host_id zero = host_id_of((struct bdf){ 0 });
	struct host_id nic = host_id_of((struct bdf){ .bus = 2 });
	struct host_id mdev = { .uuid = UUID }, other = { .uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002" };

	assert_true(host_id_equal(&nic, &nic));
	assert_false(host_id_equal(&nic, &zero));
	assert_true(host_id_equal(&mdev, &mdev));
	assert_false(host_id_equal(&mdev, &other));
	/* Its address is no address. */
	assert_false(host_id_equal(&mdev, &zero));
	assert_false(host_id_equal(&zero, &mdev));
}

static void test_uuids(void **state)
{
	static const char *const bad[] = {
		"",
		"0000:01:00.0",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa100",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa10011",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa100g",
		"83b8f4f2+509f-382f-3c1e-e6bfe0fa1001",
		"83b8f4f25-09f-382f-3c1e-e6bfe0fa1001",
	};

	assert_true(uuid_valid(UUID));
	assert_true(uuid_valid("83B8F4F2-509f-382F-3c1e-E6BFE0FA1001"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(uuid_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
