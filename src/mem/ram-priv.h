/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_MEM_RAM_PRIV_H
#define HANDFAST_MEM_RAM_PRIV_H

/* What mem/ram.c and mem/populate.c share. */
#include "mem/ram.h"

struct mem_ram {
	size_t count;
	uint64_t size; /* bytes in all blocks */
	struct mem_ram_block blocks[MEM_RAM_BLOCKS_MAX];
};

/* Faults [start, start + length) in by writing to each page what stands there already: for kernels
 * without MADV_POPULATE_WRITE. The guest may write to the same pages at the same time. */
void mem_populate_touch(void *start, size_t length);

#endif
