/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_HOST_UNIT_H
#define HANDFAST_TESTS_UNIT_HOST_UNIT_H

/* cmocka wants these before it, in this order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree.h"

/* Every test gets a fresh tree as its state. */
static inline int unit_setup(void **state)
{
	static struct tree tree;

	tree_create(&tree);
	*state = &tree;
	return 0;
}

static inline int unit_teardown(void **state)
{
	tree_destroy(*state);
	return 0;
}

#define unit(test) cmocka_unit_test_setup_teardown(test, unit_setup, unit_teardown)

/* The devices that most tests are about. */
#define NVME "0000:01:00.0"
#define NIC  "0000:02:00.0"

static inline void unit_devices(struct tree *tree)
{
	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", 14);
	tree_device(tree, NIC, 0x8086, 0x10d3, 0x020000, "e1000e", 15);
	tree_driver(tree, "vfio-pci");
}

#endif
