/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * A block is a private anonymous mapping without swap reservation. Anonymous and not memfd, because shmem
 * gets huge pages only where the administrator allowed it (shmem_enabled is "never" on stock kernels),
 * while anonymous memory gets them by MADV_HUGEPAGE. A guest page can be mapped huge only where its guest
 * physical and its host virtual address agree below the huge page's size, so the host address is chosen
 * congruent to the guest's modulo 1 GiB: the blocks of a PC, which begin at multiples of 1 GiB, come out
 * aligned to 1 GiB.
 *
 * MADV_DONTFORK keeps the pages ours alone: a child that shared them copy-on-write would make the kernel
 * replace pages under a device that is reading and writing the pinned originals.
 */
#include "mem/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/error.h"
#include "base/text.h"
#include "mem/ram-priv.h"

#define BLOCK_ALIGN (1ULL << 30)
#define PAGE_SIZE   4096ULL

/* Reserves size bytes at a host address congruent to gpa modulo BLOCK_ALIGN. NULL with errno set. */
static void *reserve(gpa_t gpa, uint64_t size)
{
	uint64_t length, wanted;
	uintptr_t raw, host;
	void *map;

	if (__builtin_add_overflow(size, BLOCK_ALIGN, &length)) {
		errno = ENOMEM;
		return NULL;
	}
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;

	raw = (uintptr_t)map;
	wanted = gpa % BLOCK_ALIGN;
	host = raw + ((wanted - raw) & (BLOCK_ALIGN - 1));
	if (host > raw)
		munmap(map, host - raw);
	munmap((void *)(host + size), raw + length - (host + size));
	return (void *)host;
}

static int block_init(const struct mem_range *range, struct mem_ram_block *ret_block)
{
	char text[32];
	void *host = reserve(range->start, range->size);

	if (!host) {
		error_sys(errno, "the kernel does not reserve %s of address space",
			  text_size(range->size, text, sizeof(text)));
		return error_try("give the guest less memory (-m); see also ulimit -v and "
				 "/proc/sys/vm/overcommit_memory");
	}
	if (madvise(host, range->size, MADV_DONTFORK)) {
		int err = errno;

		munmap(host, range->size);
		return error_sys(err, "madvise(MADV_DONTFORK) on guest memory");
	}
	/* Advice: a kernel without huge pages, or without this kind of dump control, still works. */
	madvise(host, range->size, MADV_HUGEPAGE);
	madvise(host, range->size, MADV_DONTDUMP);

	ret_block->start = range->start;
	ret_block->size = range->size;
	ret_block->host = host;
	return 0;
}

/* Ranges come from handfast's own layout, so a bad one is our mistake. */
static void ranges_check(const struct mem_range *ranges, size_t count)
{
	uint64_t free_from = 0;

	check(count > 0 && count <= MEM_RAM_BLOCKS_MAX);
	for (size_t i = 0; i < count; i++) {
		check(ranges[i].size > 0 && ranges[i].size % PAGE_SIZE == 0);
		check(ranges[i].start % PAGE_SIZE == 0 && ranges[i].start >= free_from);
		check(!__builtin_add_overflow(ranges[i].start, ranges[i].size, &free_from));
	}
}

int mem_ram_create(const struct mem_range *ranges, size_t count, struct mem_ram **ret_ram)
{
	uint64_t total = 0;
	struct mem_ram *ram;
	char text[32];

	ranges_check(ranges, count);
	for (size_t i = 0; i < count; i++)
		total += ranges[i].size;

	ram = calloc(1, sizeof(*ram));
	if (!ram)
		return error_sys(ENOMEM, "allocating the description of guest memory");
	for (size_t i = 0; i < count; i++) {
		int ret = block_init(&ranges[i], &ram->blocks[i]);

		if (ret) {
			mem_ram_destroy(ram);
			return error_tried("set up %s of guest memory", text_size(total, text, sizeof(text)));
		}
		ram->count++;
		ram->size += ranges[i].size;
	}
	*ret_ram = ram;
	return 0;
}

void mem_ram_destroy(struct mem_ram *ram)
{
	if (!ram)
		return;
	for (size_t i = 0; i < ram->count; i++)
		munmap(ram->blocks[i].host, ram->blocks[i].size);
	free(ram);
}

size_t mem_ram_blocks(const struct mem_ram *ram, const struct mem_ram_block **ret_blocks)
{
	*ret_blocks = ram->blocks;
	return ram->count;
}

uint64_t mem_ram_size(const struct mem_ram *ram)
{
	return ram->size;
}

void *mem_ram_at(const struct mem_ram *ram, gpa_t start, uint64_t length)
{
	if (length == 0)
		return NULL;
	for (size_t i = 0; i < ram->count; i++) {
		const struct mem_ram_block *block = &ram->blocks[i];
		uint64_t offset = start - block->start;

		if (start >= block->start && offset < block->size && length <= block->size - offset)
			return (char *)block->host + offset;
	}
	return NULL;
}

static int not_ram(gpa_t start, uint64_t length)
{
	return error_set(EFAULT, "0x%llx bytes at guest physical address 0x%llx are not all RAM",
			 (unsigned long long)length, (unsigned long long)start);
}

int mem_ram_write(struct mem_ram *ram, gpa_t start, const void *from, uint64_t length)
{
	void *host;

	if (length == 0)
		return 0;
	host = mem_ram_at(ram, start, length);
	if (!host)
		return not_ram(start, length);
	memcpy(host, from, length);
	return 0;
}

int mem_ram_read(const struct mem_ram *ram, gpa_t start, void *ret_to, uint64_t length)
{
	const void *host;

	if (length == 0)
		return 0;
	host = mem_ram_at(ram, start, length);
	if (!host)
		return not_ram(start, length);
	memcpy(ret_to, host, length);
	return 0;
}
