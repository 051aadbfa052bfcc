/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `check` prints, for people and for programs. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/check-priv.h"
#include "schema.h"

static char *run_check(struct tree *tree, const struct bdf *devices, size_t count, bool as_json,
		       bool *ret_ready)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(check_print(&tree->host, devices, count, as_json, out, ret_ready), 0);
	fclose(out);
	return text;
}

/* A host in order, with one disk for guests and one network card of its own. */
static void good_host(struct tree *tree)
{
	unit_devices(tree);
	tree_may_lock(tree);
	tree_file(tree, "proc/cpuinfo", "vendor_id : GenuineIntel\nflags : fpu vmx\n");
	tree_file(tree, "dev/kvm", "%s", "");
	tree_folder(tree, "sys/class/iommu/dmar0");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
	tree_file(tree, "sys/kernel/iommu_groups/14/type", "DMA-FQ\n");
	tree_file(tree, "proc/interrupts", "  0:  1  IR-IO-APIC    2-edge  timer\n");
	tree_file(tree, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/resource", "0xfe800000 0xfe803fff 0x140204\n");
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/sriov_totalvfs", "4\n");
	tree_bind(tree, NVME, "vfio-pci");
}

static void test_json_keeps_to_its_schema(void **state)
{
	struct tree *tree = *state;
	const struct bdf devices[] = { tree_bdf(NVME), tree_bdf(NIC), tree_bdf("0000:7f:00.0") };
	struct json_object *json, *list, *disk, *card, *nothing;
	bool ready;
	char *text;

	good_host(tree);
	text = run_check(tree, devices, 3, true, &ready);
	assert_int_equal(strncmp(text, "{\n  \"version\": 1,\n  \"ready\": false,\n", 36), 0); /* as list's */
	json = json_tokener_parse(text);
	assert_non_null(json);
	schema_match("## check", json);
	schema_match("### check: finding", schema_first(json, "host"));
	list = json_object_object_get(json, "devices");
	assert_int_equal(json_object_array_length(list), 3);
	disk = json_object_array_get_idx(list, 0);
	card = json_object_array_get_idx(list, 1);
	nothing = json_object_array_get_idx(list, 2);
	schema_match("### check: device", disk);
	schema_match("### check: device", card);
	schema_match("### check: member", schema_first(disk, "group_members"));
	schema_match("### check: BAR", schema_first(disk, "bars"));
	schema_match("### check: finding", schema_first(card, "findings"));
	assert_int_equal(json_object_object_length(nothing), 4);

	assert_false(ready);
	assert_int_equal(json_object_get_int(json_object_object_get(json, "version")), 1);
	assert_false(json_object_get_boolean(json_object_object_get(json, "ready")));
	assert_true(json_object_get_boolean(json_object_object_get(disk, "ready")));
	assert_false(json_object_get_boolean(json_object_object_get(card, "ready")));
	assert_false(json_object_get_boolean(json_object_object_get(nothing, "exists")));
	assert_string_equal(json_object_get_string(json_object_object_get(disk, "vendor")), "0x1b36");
	assert_string_equal(json_object_get_string(json_object_object_get(disk, "class")), "0x010802");
	assert_int_equal(json_object_get_int(json_object_object_get(disk, "group")), 14);
	assert_int_equal(json_object_get_int(json_object_object_get(card, "virtual_functions_possible")), 0);
	assert_int_equal(json_object_get_int(json_object_object_get(disk, "virtual_functions_possible")), 4);
	json_object_put(json);
	free(text);
}

/* Each topic that any of the checks can raise is one that docs/json.md lists. */
static void test_topics_are_documented(void **state)
{
	FILE *file = popen("cat " SOURCE_ROOT "/src/host/*.c | tr '\\n\\t' '  ' | "
			   "grep -oE 'findings_[a-z_]*\\( *[a-z&>-]*findings, *\"[a-z-]+\"' | "
			   "grep -oE '\"[a-z-]+\"' | tr -d '\"' | sort -u",
			   "r");
	char *text = NULL, word[64], quoted[72];
	size_t count = 0, size = 0;
	FILE *page = fopen(SOURCE_ROOT "/docs/json.md", "r");

	assert_non_null(file);
	assert_non_null(page);
	assert_true(getdelim(&text, &size, '\0', page) > 0);
	while (fscanf(file, "%63s", word) == 1) {
		(void)snprintf(quoted, sizeof(quoted), "`%s`", word);
		if (!strstr(strstr(text, "Topics of the host"), quoted))
			fail_msg("docs/json.md does not list the topic %s", word);
		count++;
	}
	assert_int_equal(pclose(file), 0);
	fclose(page);
	free(text);
	assert_true(count > 15);
}

static void test_text(void **state)
{
	struct tree *tree = *state;
	const struct bdf disk = tree_bdf(NVME);
	bool ready;
	char *text;

	good_host(tree);
	text = run_check(tree, &disk, 1, false, &ready);
	assert_true(ready);
	assert_non_null(strstr(text, "this host\n  ok        processor   virtualises (VMX)\n"));
	assert_non_null(strstr(text, "\n0000:01:00.0 (1b36:0010 Red Hat, Inc. QEMU NVM Express Controller)\n"
				     "  ok        driver      bound to vfio-pci\n"
				     "  ok        group       IOMMU group 14: the device alone\n"));
	assert_non_null(strstr(text, "\nno obstacle\n"));
	free(text);

	/* The host's obstacle counts too, and a cure stands below it. */
	tree_file(tree, "proc/interrupts", "  0:  1  IO-APIC    2-edge  timer\n");
	text = run_check(tree, NULL, 0, false, &ready);
	assert_false(ready);
	assert_non_null(strstr(text, "  obstacle  interrupts  the IOMMU does not remap interrupts"));
	assert_non_null(strstr(text, "\n                        try: switch on interrupt remapping"));
	assert_non_null(strstr(text, "\nnot possible as things stand: see the obstacles above\n"));
	free(text);
}

/* What check calls ready a start takes, and what it calls an obstacle a start refuses in the same words. */
static void test_start_and_check_agree(void **state)
{
	struct tree *tree = *state;
	const struct bdf disk = tree_bdf(NVME);
	static const char *const drivers[] = { "vfio-pci", "nvme", "" };

	good_host(tree);
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		struct findings findings = { 0 };
		struct host_device device;
		bool ready;
		char *text;

		tree_bind(tree, NVME, drivers[i]);
		device = tree_load(tree, NVME);
		text = run_check(tree, &disk, 1, false, &ready);
		check_assignable(&tree->host, &device, NULL, &findings);
		assert_int_equal(ready, !findings_obstructed(&findings));
		for (size_t j = 0; j < findings.count; j++) {
			if (findings.list[j].level == FINDING_OBSTACLE)
				assert_non_null(strstr(text, findings.list[j].what));
		}
		findings_fini(&findings);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_json_keeps_to_its_schema),
		unit(test_topics_are_documented),
		unit(test_text),
		unit(test_start_and_check_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
