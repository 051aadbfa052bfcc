/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_MEM_RAM_H
#define HANDFAST_MEM_RAM_H

/*
 * Guest RAM: one private anonymous reservation per block, aligned to 1 GiB (congruent to its guest
 * physical address modulo 1 GiB, to be exact), MADV_HUGEPAGE and MADV_DONTFORK. Blocks do not change after
 * creation, so every call here is safe on any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t; /* guest physical address */

#define MEM_RAM_BLOCKS_MAX 32

/* A stretch of guest physical addresses; start and size are multiples of 4 KiB, size is not 0. */
struct mem_range {
	gpa_t start;
	uint64_t size;
};

struct mem_ram_block {
	gpa_t start;
	uint64_t size;
	void *host;
};

struct mem_ram;

/* ranges: ascending, not overlapping, at most MEM_RAM_BLOCKS_MAX. Nothing is faulted in yet.
 * Errors: ENOMEM with what was asked for. */
int mem_ram_create(const struct mem_range *ranges, size_t count, struct mem_ram **ret_ram);
void mem_ram_destroy(struct mem_ram *ram);

size_t mem_ram_blocks(const struct mem_ram *ram, const struct mem_ram_block **ret_blocks);
uint64_t mem_ram_size(const struct mem_ram *ram); /* bytes in all blocks */

/* The one checked accessor: the host's view of [start, start + length), or NULL where any byte of it
 * is not RAM of one block. length 0 is never RAM. Contents may change under the reader's feet: copy a
 * field once, then check the copy. */
void *mem_ram_at(const struct mem_ram *ram, gpa_t start, uint64_t length);

/* Copies into and out of RAM. -EFAULT with the range where it is not all RAM; then nothing is copied. */
int mem_ram_write(struct mem_ram *ram, gpa_t start, const void *from, uint64_t length);
int mem_ram_read(const struct mem_ram *ram, gpa_t start, void *ret_to, uint64_t length);

/* How many of its bytes have been faulted in by now. */
uint64_t mem_ram_resident(const struct mem_ram *ram);

/*
 * Faults all of it in (MADV_POPULATE_WRITE, Linux 5.14) on `threads` threads in pieces of 32 MiB, so
 * that pinning finds it there. progress (may be NULL) is called from the calling thread with the bytes
 * done so far; where it returns false, that is the end. Errors: ENOMEM with how far it came, ECANCELED.
 */
int mem_ram_populate(struct mem_ram *ram, unsigned threads,
		     bool (*progress)(void *opaque, uint64_t done, uint64_t total), void *opaque);

#endif
