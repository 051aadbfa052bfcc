/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses of a host a guest's memory keeps away from. */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/broker-priv.h"
#include "host/regions-priv.h"

#define GROUP_FILE "sys/kernel/iommu_groups/%u/reserved_regions"
#define MIB	   UINT64_C(0x100000)

static void group(struct tree *tree, unsigned number, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), GROUP_FILE, number);
	tree_file(tree, path, "%s", text);
}

static void write_text(const struct broker_range *list, size_t count, char ret_text[512])
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(ret_text + used, 512 - used, "%" PRIx64 "-%" PRIx64 " ",
					 list[i].first, list[i].last);
}

/* "first-last first-last ..." of all groups. */
static const char *of_host(struct tree *tree)
{
	struct broker_range list[BROKER_RANGES_MAX];
	static char text[512];
	size_t count;

	assert_int_equal(regions_of_host(&tree->host, list, &count), 0);
	write_text(list, count, text);
	return text;
}

static void test_no_iommu(void **state)
{
	assert_string_equal(of_host(*state), "");
}

/* What every guest keeps away from anyhow, and what is only a wish, is left out. */
static void test_an_ordinary_host(void **state)
{
	struct tree *tree = *state;

	tree_file(tree, "proc/sys/kernel/osrelease", "6.12.43+deb13-amd64\n");
	tree_folder(tree, "sys/class/iommu/dmar0");
	group(tree, 1, "0x00000000fee00000 0x00000000feefffff msi\n");
	group(tree, 2,
	      "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
	      "0x00000000fee00000 0x00000000feefffff msi\n");
	group(tree, 3,
	      "0x000000007b800000 0x000000007f7fffff direct-relaxable\n"
	      "0x00000000000e8000 0x00000000000e8fff direct\n"
	      "0x00000000fee00000 0x00000000feefffff msi\n"
	      "0x000000fd00000000 0x000000ffffffffff reserved\n");
	assert_string_equal(of_host(tree), "");
}

/* An old kernel hands out what firmware wants for itself, and maps nothing else there. */
static void test_direct_regions(void **state)
{
	struct tree *tree = *state;

	tree_file(tree, "proc/sys/kernel/osrelease", "6.1.0-40-amd64\n");
	group(tree, 3, "0x0000000040000000 0x0000000040000fff direct\n");
	assert_string_equal(of_host(tree), "40000000-40000fff ");
	tree_folder(tree, "sys/class/iommu/dmar0");
	assert_string_equal(of_host(tree), "");
}

static void test_groups_are_one(void **state)
{
	struct tree *tree = *state;

	group(tree, 1, "0x0000000060000000 0x000000006fffffff reserved\n");
	group(tree, 2,
	      "0x0000000050000000 0x000000005fffffff reserved\n"   /* touches */
	      "0x0000000068000000 0x0000000071ffffff reserved\n"   /* overlaps */
	      "0x0000000061000000 0x0000000061ffffff reserved\n"); /* lies in it */
	group(tree, 30,
	      "0x0000000008000000 0x00000000080fffff msi\n"
	      "0x00000000fee00000 0x0000000123456fff reserved\n"
	      "0xfffffffffff00000 0xffffffffffffffff reserved\n"
	      "0xfffffffffffff000 0xffffffffffffffff reserved\n");
	/* No such things. */
	group(tree, 4, "nonsense\n0x2000 0x1000 reserved\n0x3000\n\n");
	tree_folder(tree, "sys/kernel/iommu_groups/x7");
	assert_string_equal(of_host(tree), "8000000-80fffff 50000000-71ffffff fee00000-123456fff "
					   "fffffffffff00000-ffffffffffffffff ");
}

static void test_too_many(void **state)
{
	struct broker_range list[BROKER_RANGES_MAX];
	struct tree *tree = *state;
	char text[4096];
	size_t used = 0, count;

	/* A region each 64 MiB, but for one that is closer to the one before it. */
	for (unsigned i = 0; i <= BROKER_RANGES_MAX; i++) {
		uint64_t first = (i + 1) * 64 * MIB - (i == 7 ? 16 * MIB : 0);

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "0x%" PRIx64 " 0x%" PRIx64 " reserved\n", first, first + MIB - 1);
	}
	group(tree, 1, text);
	assert_int_equal(regions_of_host(&tree->host, list, &count), 0);
	assert_int_equal(count, BROKER_RANGES_MAX);
	assert_int_equal(list[6].first, 7 * 64 * MIB);
	assert_int_equal(list[6].last, 8 * 64 * MIB - 15 * MIB - 1);
	assert_int_equal(list[7].first, 9 * 64 * MIB);
	/* Of one group nothing is told that is not so. */
	assert_int_equal(regions_of_group(&tree->host, 1, list, &count), 0);
	assert_int_equal(count, BROKER_RANGES_MAX);
	assert_int_equal(list[6].last, 7 * 64 * MIB + MIB - 1);
}

static void test_the_broker_tells(void **state)
{
	struct broker_range list[BROKER_RANGES_MAX];
	struct tree *tree = *state;
	struct broker *broker;
	char text[512];
	size_t count;

	group(tree, 1, "0x0000000060000000 0x000000006fffffff reserved\n");
	group(tree, 2, "0x0000000100000000 0x000000013fffffff reserved\n");
	assert_int_equal(broker_start_on(&tree->host, &broker), 0);
	assert_int_equal(broker_reserved(broker, list, &count), 0);
	write_text(list, count, text);
	assert_string_equal(text, "60000000-6fffffff 100000000-13fffffff ");
	assert_int_equal(broker_group_reserved(broker, 2, list, &count), 0);
	write_text(list, count, text);
	assert_string_equal(text, "100000000-13fffffff ");
	assert_int_equal(broker_group_reserved(broker, 3, list, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(broker_stop(broker), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_no_iommu),	   unit(test_an_ordinary_host), unit(test_direct_regions),
		unit(test_groups_are_one), unit(test_too_many),		unit(test_the_broker_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
