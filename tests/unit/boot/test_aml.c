/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/acpi/aml.c: bytes as the specification has them. */
#include "unit.h"

#include <string.h>

#include "boot/acpi/aml-priv.h"

struct out {
	struct aml aml;
	uint8_t data[1 << 17];
};

static struct out out;

static int start(void **state)
{
	(void)state;
	memset(&out, 0xee, sizeof(out));
	aml_init(&out.aml, out.data, sizeof(out.data));
	return 0;
}

#define assert_written(...)                                                \
	do {                                                               \
		const uint8_t expected[] = { __VA_ARGS__ };                \
                                                                           \
		assert_false(out.aml.overflow);                            \
		assert_int_equal(out.aml.used, sizeof(expected));          \
		assert_memory_equal(out.data, expected, sizeof(expected)); \
	} while (0)

/* Every width, on both sides of where the next one begins. */
static void integers_take_their_shortest_form(void **state)
{
	aml_integer(&out.aml, 0);
	aml_integer(&out.aml, 1);
	aml_integer(&out.aml, 2);
	aml_integer(&out.aml, 0xff);
	aml_integer(&out.aml, 0x100);
	aml_integer(&out.aml, 0xffff);
	aml_integer(&out.aml, 0x10000);
	aml_integer(&out.aml, 0xffffffff);
	aml_integer(&out.aml, 0x100000000);
	assert_written(0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff, 0x0b, 0x00, 0x01, 0x0b, 0xff, 0xff, 0x0c, 0x00,
		       0x00, 0x01, 0x00, 0x0c, 0xff, 0xff, 0xff, 0xff, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x01,
		       0x00, 0x00, 0x00);
}

/* The value that every ACPI dump shows for this id. */
static void eisa_ids_are_packed(void **state)
{
	aml_eisa_id(&out.aml, "PNP0C02");
	assert_written(0x0c, 0x41, 0xd0, 0x0c, 0x02);
}

static void strings_end_with_zero(void **state)
{
	aml_string(&out.aml, "ab");
	assert_written(0x0d, 'a', 'b', 0);
}

static void paths_have_one_two_or_many_segments(void **state)
{
	aml_path(&out.aml, "\\");
	aml_path(&out.aml, "_CRS");
	aml_path(&out.aml, "^A");
	aml_path(&out.aml, "\\_SB.PCI0");
	aml_path(&out.aml, "A.B2.C03");
	assert_written('\\', 0, '_', 'C', 'R', 'S', '^', 'A', '_', '_', '_', '\\', 0x2e, '_', 'S', 'B', '_',
		       'P', 'C', 'I', '0', 0x2f, 3, 'A', '_', '_', '_', 'B', '2', '_', '_', 'C', '0', '3',
		       '_');
}

static void names_and_devices_nest(void **state)
{
	size_t scope = aml_scope_begin(&out.aml, "\\_SB");
	size_t device = aml_device_begin(&out.aml, "C000");
	size_t package;

	aml_name(&out.aml, "X");
	package = aml_package_begin(&out.aml, 2);
	aml_integer(&out.aml, 5);
	aml_integer(&out.aml, 0);
	aml_end(&out.aml, package);
	aml_end(&out.aml, device);
	aml_end(&out.aml, scope);
	assert_written(0x10, 0x18, '\\', '_', 'S', 'B', '_', 0x5b, 0x82, 0x10, 'C', '0', '0', '0', 0x08, 'X',
		       '_', '_', '_', 0x12, 0x05, 0x02, 0x0a, 0x05, 0x00);
}

/* Lengths where the next form begins: a length counts its own bytes. */
static void lengths_grow_with_their_contents(void **state)
{
	static const struct {
		size_t contents;
		uint8_t length[4];
		size_t bytes;
	} cases[] = {
		{ 62, { 0x3f }, 1 },
		{ 63, { 0x41, 0x04 }, 2 },
		{ 4093, { 0x4f, 0xff }, 2 },
		{ 4094, { 0x81, 0x00, 0x01 }, 3 },
		{ 65536, { 0x83, 0x00, 0x10 }, 3 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const uint8_t filler[65536] = { 0x5a };
		size_t mark;

		start(NULL);
		aml_bytes(&out.aml, "x", 1);
		mark = out.aml.used;
		aml_bytes(&out.aml, filler, cases[i].contents);
		aml_end(&out.aml, mark);
		assert_false(out.aml.overflow);
		assert_int_equal(out.aml.used, 1 + cases[i].bytes + cases[i].contents);
		assert_memory_equal(out.data + 1, cases[i].length, cases[i].bytes);
		assert_memory_equal(out.data + 1 + cases[i].bytes, filler, cases[i].contents);
	}
}

static void resource_templates_know_their_size(void **state)
{
	size_t mark = aml_resources_begin(&out.aml);

	aml_resource_io(&out.aml, 0x3f8, 8);
	aml_resource_irq(&out.aml, 4);
	aml_resources_end(&out.aml, mark);
	assert_written(0x11, 0x11, 0x0b, 0x0d, 0x00, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x22,
		       0x10, 0x00, 0x79, 0x00);
}

static void address_spaces_tell_first_last_and_length(void **state)
{
	aml_resource_space16(&out.aml, AML_SPACE_BUS, 0, 0xff);
	aml_resource_space32(&out.aml, AML_SPACE_MEMORY, 0x80000000, 0xdfffffff);
	aml_resource_space64(&out.aml, AML_SPACE_MEMORY, AML_USE_CONSUMER, 0x4000000000, 0x400fffffff);
	assert_written(0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1, /* 16 */
		       0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xdf, 0, 0, 0, 0,
		       0, 0, 0, 0x60, /* 32 */
		       0x8a, 43, 0, 0, 0x0d, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0xff, 0xff,
		       0xff, 0x0f, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0); /* 64 */
}

/* What does not fit is not written, not even in part, and the caller learns of it. */
static void a_full_buffer_is_left_alone(void **state)
{
	size_t mark;

	aml_init(&out.aml, out.data, 8);
	mark = aml_scope_begin(&out.aml, "\\_SB");
	aml_bytes(&out.aml, "abcdef", 6);
	assert_true(out.aml.overflow);
	aml_end(&out.aml, mark);
	assert_int_equal(out.aml.used, 6);
	assert_int_equal(out.data[6], 0xee);
	assert_int_equal(out.data[8], 0xee);
}

/* The length in front needs room too. */
static void a_length_that_does_not_fit_is_told(void **state)
{
	size_t mark;

	aml_init(&out.aml, out.data, 6);
	mark = aml_scope_begin(&out.aml, "\\_SB");
	assert_false(out.aml.overflow);
	aml_end(&out.aml, mark);
	assert_true(out.aml.overflow);
	assert_int_equal(out.data[6], 0xee);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(integers_take_their_shortest_form, start),
		cmocka_unit_test_setup(eisa_ids_are_packed, start),
		cmocka_unit_test_setup(strings_end_with_zero, start),
		cmocka_unit_test_setup(paths_have_one_two_or_many_segments, start),
		cmocka_unit_test_setup(names_and_devices_nest, start),
		cmocka_unit_test_setup(lengths_grow_with_their_contents, start),
		cmocka_unit_test_setup(resource_templates_know_their_size, start),
		cmocka_unit_test_setup(address_spaces_tell_first_last_and_length, start),
		cmocka_unit_test_setup(a_full_buffer_is_left_alone, start),
		cmocka_unit_test_setup(a_length_that_does_not_fit_is_told, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
