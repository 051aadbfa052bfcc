/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dma-pattern DEVICE MIB SEED write|read|both [ALLOCATE_MIB [BORDER_MIB]]
 *
 * Moves a pattern between memory and a block device with O_DIRECT, so that the device itself reads and writes
 * the buffers, and says how much of that memory lay above 4 GiB. The pattern of each 8 bytes follows from
 * SEED and their place on the device: what one machine wrote another can verify, with no copy of it.
 *
 * With ALLOCATE_MIB that much memory is touched first and the highest pages of it become the buffers: that is
 * how a guest with memory on both sides of 4 GiB makes its DMA reach the far side. Physical addresses are
 * looked up in /proc/self/pagemap, which takes root. With BORDER_MIB (a guest physical address) every other
 * buffer is one of the lowest pages instead, and what is counted is how many lie above that border.
 *
 * Prints "dma-pattern: 4 MiB written, 4 MiB verified, 0 bad, 1024 of 1024 pages above 4 GiB", status 0 when
 * nothing was bad.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE		   4096UL
#define MIB		   (1UL << 20)
#define PAGES_PER_TRANSFER 256UL /* 1 MiB, as 256 pages that lie anywhere */

struct page {
	unsigned char *at;
	uint64_t physical;
};

static void die(const char *what)
{
	fprintf(stderr, "dma-pattern: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The eight bytes at an offset of the device: a mixing function, so that a shifted or stale block is caught.
 */
static uint64_t pattern_word(uint64_t seed, uint64_t offset)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + offset;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static void page_fill(unsigned char *page, uint64_t seed, uint64_t offset)
{
	for (size_t i = 0; i < PAGE; i += 8) {
		uint64_t word = pattern_word(seed, offset + i);

		memcpy(page + i, &word, 8);
	}
}

static bool page_holds(const unsigned char *page, uint64_t seed, uint64_t offset)
{
	for (size_t i = 0; i < PAGE; i += 8) {
		uint64_t word;

		memcpy(&word, page + i, 8);
		if (word != pattern_word(seed, offset + i))
			return false;
	}
	return true;
}

static int by_physical_descending(const void *a, const void *b)
{
	const struct page *left = a, *right = b;

	return (left->physical < right->physical) - (left->physical > right->physical);
}

/* Every other one of the first ones from the end of the list. */
static void pages_mix(struct page *pages, size_t count)
{
	for (size_t i = 1; i < PAGES_PER_TRANSFER && count - i > i; i += 2) {
		struct page kept = pages[i];

		pages[i] = pages[count - i];
		pages[count - i] = kept;
	}
}

/* Touches and locks MIB mebibytes and returns their pages, those of the highest physical address first. */
static struct page *pages_get(size_t mib, size_t *ret_count)
{
	size_t count = mib * MIB / PAGE;
	struct page *pages = calloc(count, sizeof(*pages));
	unsigned char *memory = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (!pages || memory == MAP_FAILED)
		die("cannot allocate memory");
	if (mlock(memory, mib * MIB))
		die("cannot lock memory");
	if (pagemap < 0)
		die("cannot open /proc/self/pagemap");
	for (size_t i = 0; i < count; i++) {
		uint64_t entry = 0;
		off_t where = (off_t)((uintptr_t)(memory + i * PAGE) / PAGE * sizeof(entry));

		if (pread(pagemap, &entry, sizeof(entry), where) != sizeof(entry))
			die("cannot read /proc/self/pagemap");
		pages[i].at = memory + i * PAGE;
		pages[i].physical = (entry & ((1ULL << 55) - 1)) * PAGE;
		if (!(entry >> 63) || !pages[i].physical) {
			errno = EPERM;
			die("physical addresses are not shown");
		}
	}
	close(pagemap);
	qsort(pages, count, sizeof(*pages), by_physical_descending);
	*ret_count = count;
	return pages;
}

/* One transfer of a MiB whose pages lie anywhere; the kernel hands them to the device as they lie. */
static void transfer(int fd, bool out, struct page *pages, uint64_t offset)
{
	struct iovec vector[PAGES_PER_TRANSFER];
	ssize_t done;

	for (size_t i = 0; i < PAGES_PER_TRANSFER; i++)
		vector[i] = (struct iovec){ .iov_base = pages[i].at, .iov_len = PAGE };
	done = out ? pwritev(fd, vector, PAGES_PER_TRANSFER, (off_t)offset)
		   : preadv(fd, vector, PAGES_PER_TRANSFER, (off_t)offset);
	if (done != (ssize_t)MIB)
		die(out ? "write failed" : "read failed");
}

static size_t verify(int fd, struct page *pages, uint64_t seed, uint64_t offset)
{
	size_t bad = 0;

	/* What was there before must not pass for what is read now. */
	for (size_t i = 0; i < PAGES_PER_TRANSFER; i++)
		memset(pages[i].at, 0xa5, PAGE);
	transfer(fd, false, pages, offset);
	for (size_t i = 0; i < PAGES_PER_TRANSFER; i++) {
		if (page_holds(pages[i].at, seed, offset + i * PAGE))
			continue;
		if (!bad++)
			printf("dma-pattern: bad data at byte %llu, memory at 0x%llx\n",
			       (unsigned long long)(offset + i * PAGE),
			       (unsigned long long)pages[i].physical);
	}
	return bad;
}

int main(int argc, char **argv)
{
	size_t mib, pool, count, border, high = 0, bad = 0;
	bool writes, reads;
	struct page *pages;
	uint64_t seed;
	int fd;

	if (argc < 5) {
		fprintf(stderr, "usage: dma-pattern DEVICE MIB SEED write|read|both "
				"[ALLOCATE_MIB [BORDER_MIB]]\n");
		return 2;
	}
	mib = strtoul(argv[2], NULL, 0);
	seed = strtoull(argv[3], NULL, 0);
	writes = strcmp(argv[4], "read") != 0;
	reads = strcmp(argv[4], "write") != 0;
	pool = argc > 5 ? strtoul(argv[5], NULL, 0) : 1;
	border = argc > 6 ? strtoul(argv[6], NULL, 0) : 4096;
	if (!mib || !pool) {
		fprintf(stderr, "dma-pattern: sizes are at least 1 MiB\n");
		return 2;
	}
	fd = open(argv[1], (writes ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	pages = pages_get(pool, &count);
	if (argc > 6)
		pages_mix(pages, count);
	for (size_t i = 0; i < PAGES_PER_TRANSFER; i++)
		high += pages[i].physical >= border * MIB;
	for (size_t m = 0; writes && m < mib; m++) {
		for (size_t i = 0; i < PAGES_PER_TRANSFER; i++)
			page_fill(pages[i].at, seed, m * MIB + i * PAGE);
		transfer(fd, true, pages, m * MIB);
	}
	if (writes && fsync(fd))
		die("flush failed");
	for (size_t m = 0; reads && m < mib; m++)
		bad += verify(fd, pages, seed, m * MIB);
	printf("dma-pattern: %zu MiB written, %zu MiB verified, %zu bad, %zu of %lu pages above %zu %s\n",
	       writes ? mib : 0, reads ? mib : 0, bad, high, PAGES_PER_TRANSFER,
	       border % 1024 ? border : border / 1024, border % 1024 ? "MiB" : "GiB");
	return bad ? 1 : 0;
}
