/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_HOST_USES_H
#define HANDFAST_TESTS_UNIT_HOST_USES_H

/* The uses of a device as text. */
#include <stdio.h>
#include <string.h>

#include "host/usage-priv.h"
#include "unit.h"

/* "[!]what|brief|cure", one a line ('!': vital; the cure's own lines are separated by '&'). */
static inline const char *uses_of_room(struct tree *tree, const char *bdf, size_t room)
{
	struct host_device device = tree_load(tree, bdf);
	struct use list[16];
	struct usage *usage;
	char text[8192] = "";
	size_t count, used = 0;

	assert_true(room <= 16);
	assert_int_equal(usage_create(&tree->host, &usage), 0);
	count = usage_of(usage, &device, list, room);
	assert_true(count <= room);
	for (size_t i = 0; i < count; i++) {
		for (char *at = list[i].cure; *at; at++) {
			if (*at == '\n')
				*at = '&';
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s|%s|%s\n",
					 list[i].vital ? "!" : "", list[i].what, list[i].brief, list[i].cure);
	}
	usage_destroy(usage);
	return tree_plain(tree, text);
}

static inline const char *uses_of(struct tree *tree, const char *bdf)
{
	return uses_of_room(tree, bdf, 16);
}

/* /proc/self/mountinfo; '@' stands for the tree's /dev. */
static inline void mounts(struct tree *tree, const char *lines)
{
	char text[4096] = "", *to = text;

	for (; *lines; lines++) {
		if (*lines == '@')
			to += sprintf(to, "%s", tree->dev);
		else
			*to++ = *lines;
	}
	*to = '\0';
	tree_file(tree, "proc/self/mountinfo", "%s", text);
}

/* The NVMe controller has a disk with a partition; the host runs from another disk. */
#define DISK "sys/devices/pci0000:00/" NVME "/nvme/nvme0"
#define ROOT "21 1 8:0 / / rw - ext4 @/sda rw\n"

static inline void disk(struct tree *tree)
{
	unit_devices(tree);
	tree_block(tree, DISK, "nvme0n1", "259:0");
	tree_block(tree, DISK "/nvme0n1", "nvme0n1p1", "259:1");
	tree_block(tree, "sys/devices/virtual/block", "sda", "8:0");
	mounts(tree, ROOT);
}

#endif
