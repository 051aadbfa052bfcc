/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_USAGE_PARTS_PRIV_H
#define HANDFAST_HOST_USAGE_PARTS_PRIV_H

/* What usage.c puts together: each part is an array that its loader allocates and usage.c frees. */
#include <stdbool.h>
#include <stddef.h>

#include "host/host-priv.h"
#include "host/process-priv.h"
#include "host/usage-priv.h"

struct usage_block {
	char name[64];	/* as under /sys/class/block and /dev */
	char real[512]; /* its folder in sysfs, links resolved */
	unsigned major, minor;
};

struct usage_mount {
	unsigned major, minor;
	char source[128]; /* the block device's name where it is one, else "" */
	char target[256];
};

struct usage_swap {
	char path[256];
	char name[64]; /* the block device's name, "" for a file */
};

struct usage_open {
	struct process process;
	char name[64]; /* of what is open, below /dev */
};

struct usage {
	const struct host *host;
	struct usage_block *blocks;
	struct usage_mount *mounts;
	struct usage_swap *swaps;
	struct usage_open *opens;
	size_t block_count, mount_count, swap_count, open_count;
	bool *marks; /* of the blocks: those that stand on the device asked about */
	bool short_of_memory;
};

/* Grows an array by one zeroed element and returns that; NULL and short_of_memory where it cannot. */
void *usage_grow(struct usage *usage, void *array_address, size_t *count, size_t size);

/* Writes what fits: for texts that are only shown. */
void usage_print(char *ret_text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* /proc/self/mountinfo and /proc/swaps. */
void usage_load_mounts(struct usage *usage);
void usage_load_swaps(struct usage *usage);

/* The network interfaces of a device that somebody may be talking through. */
size_t usage_of_network(const struct usage *usage, const struct host_device *device, struct use *ret_list,
			size_t room);

#endif
