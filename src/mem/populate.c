/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faulting guest memory in on several threads.
 *
 * Memory that a device will reach is pinned page by page, and pinning memory that was never touched zeroes
 * it on one thread: 75 to 235 ms for each GiB, where sixteen threads need a twelfth of that. The pieces are
 * small because each one holds mmap_lock for reading all the while, and whoever needs it for writing (a BAR
 * being mapped, say) waits for the piece.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/text.h"
#include "mem/ram-priv.h"

#define PIECE	    (32ULL << 20)
#define PAGE_SIZE   4096U
#define THREADS_MAX 64U

#define RESIDENT_PAGES 16384 /* asked for at once */

/* Linux 5.14; the C library's headers may be older than the kernel. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

struct populate {
	const struct mem_ram *ram;
	atomic_ullong next; /* byte of RAM, counted over all blocks, where the next piece begins */
	atomic_ullong done; /* bytes */
	atomic_int err;	    /* positive errno of the first failure; ends all threads */
	bool (*progress)(void *opaque, uint64_t done, uint64_t total);
	void *opaque;
};

void mem_populate_touch(void *start, size_t length)
{
	volatile char *page = start;

	/* By exchanging a byte for itself: compilers make a mere load of "or 0". Where the exchange fails,
	 * the guest has just written there, and that served as well. */
	for (size_t offset = 0; offset < length; offset += PAGE_SIZE) {
		char byte = page[offset];

		__atomic_compare_exchange_n(page + offset, &byte, byte, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	}
}

/* Returns 0 or a positive errno. */
static int piece_populate(void *start, size_t length)
{
	while (madvise(start, length, MADV_POPULATE_WRITE)) {
		if (errno == EINTR || errno == EAGAIN)
			continue;
		if (errno != EINVAL)
			return errno;
		mem_populate_touch(start, length);
		return 0;
	}
	return 0;
}

/*
 * Takes the next piece: at most PIECE bytes of one block, ending at a multiple of PIECE in it, so that no
 * huge page is cut in two. Returns its length, 0 when none is left.
 */
static size_t piece_take(struct populate *work, void **ret_start)
{
	unsigned long long from = atomic_load(&work->next), to;

	do {
		const struct mem_ram_block *block = work->ram->blocks;
		uint64_t offset = from, end;

		if (from >= work->ram->size)
			return 0;
		while (offset >= block->size) {
			offset -= block->size;
			block++;
		}
		end = (block->start + offset + PIECE) / PIECE * PIECE - block->start;
		if (end > block->size)
			end = block->size;
		to = from + (end - offset);
		*ret_start = (char *)block->host + offset;
	} while (!atomic_compare_exchange_weak(&work->next, &from, to));
	return to - from;
}

static void work_on(struct populate *work, bool report)
{
	size_t length;
	void *start;

	while (!atomic_load(&work->err) && (length = piece_take(work, &start)) > 0) {
		int err = piece_populate(start, length), none = 0;

		if (err) {
			atomic_compare_exchange_strong(&work->err, &none, err);
			return;
		}
		atomic_fetch_add(&work->done, length);
		if (report && work->progress &&
		    !work->progress(work->opaque, atomic_load(&work->done), work->ram->size))
			atomic_compare_exchange_strong(&work->err, &none, ECANCELED);
	}
}

static void *helper_main(void *opaque)
{
	work_on(opaque, false);
	return NULL;
}

/* Starts up to `wanted` helpers, and returns how many there are: fewer only means slower. They take no
 * signals, which are somebody else's. */
static unsigned helpers_start(struct populate *work, pthread_t *threads, unsigned wanted)
{
	sigset_t all, before;
	unsigned started = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < wanted && pthread_create(&threads[started], NULL, helper_main, work) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

int mem_ram_populate(struct mem_ram *ram, unsigned threads,
		     bool (*progress)(void *opaque, uint64_t done, uint64_t total), void *opaque)
{
	struct populate work = { .ram = ram, .progress = progress, .opaque = opaque };
	pthread_t helpers[THREADS_MAX];
	unsigned wanted = threads > 1 ? threads - 1 : 0, started;
	char done[32], total[32];
	int err;

	started = helpers_start(&work, helpers, wanted < THREADS_MAX ? wanted : THREADS_MAX);
	work_on(&work, true);
	while (started > 0)
		pthread_join(helpers[--started], NULL);

	err = atomic_load(&work.err);
	if (err == ECANCELED) {
		error_set(err, "it is not wanted any more");
		return error_tried("fault guest memory in");
	}
	if (err) {
		error_sys(err, "stopped after %s of %s",
			  text_size(atomic_load(&work.done), done, sizeof(done)),
			  text_size(ram->size, total, sizeof(total)));
		error_tried("fault guest memory in");
		return error_try("give the guest less memory (-m), or free memory on the host");
	}
	if (progress)
		(void)progress(opaque, ram->size, ram->size);
	return 0;
}

uint64_t mem_ram_resident(const struct mem_ram *ram)
{
	static const size_t step = (size_t)RESIDENT_PAGES * PAGE_SIZE;
	unsigned char pages[RESIDENT_PAGES];
	uint64_t resident = 0;

	for (size_t i = 0; i < ram->count; i++) {
		const struct mem_ram_block *block = &ram->blocks[i];

		for (uint64_t at = 0; at < block->size; at += step) {
			size_t length = block->size - at < step ? (size_t)(block->size - at) : step;

			if (mincore((char *)block->host + at, length, pages))
				return resident; /* of a kernel without it, nothing is known */
			for (size_t page = 0; page < length / PAGE_SIZE; page++)
				resident += pages[page] & 1 ? PAGE_SIZE : 0;
		}
	}
	return resident;
}
