/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kinds of thing there are, as clients probe for them. */
#include "unit.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "app/devices.h"
#include "app/monitor-priv.h"
#include "base/error.h"

static struct json_object *ask(int (*handler)(void *, struct json_object *, struct qmp_answer *),
			       const char *arguments, struct qmp_answer *answer)
{
	struct json_object *object = json_tokener_parse(arguments);

	*answer = (struct qmp_answer){ 0 };
	assert_non_null(object);
	assert_int_equal(handler(NULL, object, answer), 0);
	json_object_put(object);
	return answer->value;
}

/* The names of what qom-list-types answers, with a space behind each. */
static void expect_types(const char *arguments, const char *wanted)
{
	struct qmp_answer answer;
	struct json_object *list = ask(monitor_qom_list_types, arguments, &answer);
	char names[512] = "";

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		strcat(names, json_object_get_string(
				      json_object_object_get(json_object_array_get_idx(list, i), "name")));
		strcat(names, " ");
	}
	assert_string_equal(names, wanted);
	json_object_put(list);
}

static void types_are_listed(void **state)
{
	expect_types("{}", "q35-machine kvm-accel host-x86_64-cpu pcie-root-port vfio-pci ");
	expect_types("{\"implements\":\"device\"}", "host-x86_64-cpu pcie-root-port vfio-pci ");
	expect_types("{\"implements\":\"pci-device\",\"abstract\":true}",
		     "pci-device pcie-root-port vfio-pci ");
	expect_types("{\"implements\":\"pci-device\",\"abstract\":false}", "pcie-root-port vfio-pci ");
	expect_types("{\"implements\":\"vfio-pci\"}", "vfio-pci ");
	expect_types("{\"implements\":\"machine\"}", "q35-machine ");
	expect_types("{\"implements\":\"cpu\"}", "host-x86_64-cpu ");
	expect_types("{\"implements\":\"virtio-device\"}", "");
	expect_types("{\"implements\":\"machine\",\"abstract\":true}", "machine q35-machine ");
}

static void a_type_tells_its_parent(void **state)
{
	struct qmp_answer answer;
	struct json_object *list =
		ask(monitor_qom_list_types, "{\"implements\":\"pci-device\",\"abstract\":true}", &answer);

	assert_string_equal(
		json_object_to_json_string_ext(json_object_array_get_idx(list, 0), JSON_C_TO_STRING_PLAIN),
		"{\"name\":\"pci-device\",\"abstract\":true,\"parent\":\"device\"}");
	assert_string_equal(
		json_object_to_json_string_ext(json_object_array_get_idx(list, 2), JSON_C_TO_STRING_PLAIN),
		"{\"name\":\"vfio-pci\",\"parent\":\"pci-device\"}");
	json_object_put(list);
}

/* The property's type; NULL: it is not there. */
static const char *type_of(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *property = json_object_array_get_idx(list, i);

		assert_true(strlen(json_object_get_string(json_object_object_get(property, "description"))) >
			    0);
		if (strcmp(json_object_get_string(json_object_object_get(property, "name")), name) == 0)
			return json_object_get_string(json_object_object_get(property, "type"));
	}
	return NULL;
}

static void properties_are_those_of_the_table(void **state)
{
	struct qmp_answer answer;
	struct json_object *list =
		ask(monitor_device_list_properties, "{\"typename\":\"vfio-pci\"}", &answer);

	assert_string_equal(type_of(list, "host"), "str");
	assert_string_equal(type_of(list, "addr"), "str");
	assert_string_equal(type_of(list, "multifunction"), "bool");
	assert_string_equal(type_of(list, "unplug-timeout"), "uint32");
	assert_null(type_of(list, "iommufd"));
	for (size_t i = 0; i < device_kind_find("vfio-pci")->key_count; i++) {
		const struct keyval_key *key = &device_kind_find("vfio-pci")->keys[i];

		assert_int_equal(type_of(list, key->name) != NULL, key->refusal == NULL);
	}
	json_object_put(list);
	list = ask(monitor_device_list_properties, "{\"typename\":\"pcie-root-port\"}", &answer);
	assert_string_equal(type_of(list, "mem-reserve"), "size");
	assert_string_equal(type_of(list, "chassis"), "uint32");
	assert_null(type_of(list, "host"));
	json_object_put(list);
	list = ask(monitor_device_list_properties, "{\"typename\":\"host-x86_64-cpu\"}", &answer);
	assert_int_equal(json_object_array_length(list), 0);
	json_object_put(list);
}

static void expect_refusal(const char *type, enum qmp_error_class error_class, const char *wanted)
{
	struct json_object *arguments = json_object_new_object();
	struct qmp_answer answer = { 0 };

	json_object_object_add(arguments, "typename", json_object_new_string(type));
	assert_true(monitor_device_list_properties(NULL, arguments, &answer) < 0);
	assert_int_equal(answer.error_class, error_class);
	assert_string_equal(error_get()->because, wanted);
	assert_null(answer.value);
	json_object_put(arguments);
}

static void what_has_no_properties(void **state)
{
	expect_refusal("e1000e", QMP_DEVICE_NOT_FOUND, "Device 'e1000e' not found");
	expect_refusal("q35-machine", QMP_GENERIC_ERROR, "Parameter 'typename' expects device");
	expect_refusal("pci-device", QMP_GENERIC_ERROR,
		       "Parameter 'typename' expects a non-abstract device type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_listed),
		cmocka_unit_test(a_type_tells_its_parent),
		cmocka_unit_test(properties_are_those_of_the_table),
		cmocka_unit_test(what_has_no_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
