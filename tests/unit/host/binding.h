/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_HOST_BINDING_H
#define HANDFAST_TESTS_UNIT_HOST_BINDING_H

/* bind and unbind as their commands call them, and what they printed. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "host/bind-priv.h"
#include "host/persist-priv.h"

#define OVERRIDE(bdf) "sys/bus/pci/devices/" bdf "/driver_override"
#define JOURNAL(bdf)  "state/" bdf ".device"

struct output {
	char out[1024], notes[4096];
	FILE *out_file, *notes_file;
};

static inline void output_open(struct output *output)
{
	memset(output, 0, sizeof(*output));
	output->out_file = fmemopen(output->out, sizeof(output->out), "w");
	output->notes_file = fmemopen(output->notes, sizeof(output->notes), "w");
	assert_non_null(output->out_file);
	assert_non_null(output->notes_file);
}

static inline int output_close(struct output *output, int error)
{
	fclose(output->out_file);
	fclose(output->notes_file);
	return error;
}

/* second: NULL where there is only one. */
static inline size_t binding_list(const char *first, const char *second, struct bdf list[2])
{
	list[0] = tree_bdf(first);
	if (second)
		list[1] = tree_bdf(second);
	return second ? 2 : 1;
}

static inline int do_bind(struct tree *tree, const char *first, const char *second, struct bind_options how,
			  struct output *output)
{
	struct bdf list[2];
	size_t count = binding_list(first, second, list);

	output_open(output);
	return output_close(
		output, bind_devices(&tree->host, list, count, &how, output->out_file, output->notes_file));
}

static inline int do_unbind(struct tree *tree, const char *first, const char *second,
			    struct unbind_options how, struct output *output)
{
	struct bdf list[2];
	size_t count = binding_list(first, second, list);

	output_open(output);
	return output_close(
		output, unbind_devices(&tree->host, list, count, &how, output->out_file, output->notes_file));
}

static inline void expect_native(struct tree *tree)
{
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	assert_string_equal(tree_driver_of(tree, NIC), "e1000e");
	assert_string_equal(tree_read(tree, OVERRIDE(NVME)), "(null)");
	assert_string_equal(tree_read(tree, OVERRIDE(NIC)), "(null)");
	assert_false(tree_has(tree, JOURNAL(NVME)));
	assert_false(tree_has(tree, JOURNAL(NIC)));
}

static inline void expect_bound(struct tree *tree)
{
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_string_equal(tree_driver_of(tree, NIC), "vfio-pci");
	assert_string_equal(tree_read(tree, OVERRIDE(NVME)), "vfio-pci");
	assert_true(tree_has(tree, JOURNAL(NVME)));
	assert_true(tree_has(tree, JOURNAL(NIC)));
}

/* unit_devices() behind a root port each, so that their places differ. */
static inline void unit_devices_behind_ports(struct tree *tree)
{
	const char *parent = tree->parent;

	tree->parent = "sys/devices/pci0000:00/0000:00:1c.0";
	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", 14);
	tree->parent = "sys/devices/pci0000:00/0000:00:1d.0";
	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "e1000e", 15);
	tree->parent = parent;
	tree_driver(tree, "vfio-pci");
}

/* The options of nobody who wants anything. */
#define AS_IS_BIND   ((struct bind_options){ 0 })
#define AS_IS_UNBIND ((struct unbind_options){ 0 })

#endif
