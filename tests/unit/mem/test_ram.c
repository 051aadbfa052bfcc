/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/ram.c and mem/populate.c: what a guest's memory is made of, and that it is there afterwards. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "mem/ram-priv.h"
#include "mem/ram.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* Two blocks with a hole between them, as below and above 4 GiB. */
static const struct mem_range split[] = { { 0, 48 * MIB }, { 4 * GIB, 64 * MIB } };

static struct mem_ram *split_create(void)
{
	struct mem_ram *ram = NULL;

	assert_int_equal(mem_ram_create(split, 2, &ram), 0);
	return ram;
}

static void blocks_are_aligned(void **state)
{
	static const struct mem_range odd[] = { { 0, 4 * MIB }, { 3 * GIB + 6 * MIB, 2 * MIB } };
	const struct mem_ram_block *blocks;
	struct mem_ram *ram = split_create();

	assert_int_equal(mem_ram_blocks(ram, &blocks), 2);
	assert_int_equal(mem_ram_size(ram), 112 * MIB);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(blocks[i].start, split[i].start);
		assert_int_equal(blocks[i].size, split[i].size);
		assert_int_equal((uintptr_t)blocks[i].host % GIB, 0);
	}
	mem_ram_destroy(ram);

	assert_int_equal(mem_ram_create(odd, 2, &ram), 0);
	assert_int_equal(mem_ram_blocks(ram, &blocks), 2);
	assert_int_equal((uintptr_t)blocks[1].host % GIB, 6 * MIB);
	mem_ram_destroy(ram);
	mem_ram_destroy(NULL);
}

/* One field of the smaps entry that begins at start, in KiB; -1 where there is no such entry. */
static long smaps_field(const void *start, const char *field, char *ret_flags, size_t flags_size)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool here = false;
	long value = -1;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from == (unsigned long)(uintptr_t)start;
		if (!here)
			continue;
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtol(line + strlen(field), NULL, 10);
		if (ret_flags && strncmp(line, "VmFlags:", 8) == 0)
			text_copy(ret_flags, flags_size, line);
	}
	fclose(file);
	return value;
}

static void mapping_is_trimmed_and_advised(void **state)
{
	const struct mem_ram_block *blocks;
	struct mem_ram *ram = split_create();
	char flags[512] = "";

	mem_ram_blocks(ram, &blocks);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(smaps_field(blocks[i].host, "Size:", flags, sizeof(flags)),
				 blocks[i].size / 1024);
		assert_non_null(strstr(flags, " dc")); /* not copied by fork */
		assert_non_null(strstr(flags, " dd")); /* not in a core dump */
		assert_int_equal(smaps_field(blocks[i].host, "Rss:", NULL, 0), 0);
	}
	mem_ram_destroy(ram);
}

static void accessor_checks_every_byte(void **state)
{
	const struct mem_ram_block *blocks;
	struct mem_ram *ram = split_create();

	mem_ram_blocks(ram, &blocks);
	assert_ptr_equal(mem_ram_at(ram, 0, 1), blocks[0].host);
	assert_ptr_equal(mem_ram_at(ram, 0, 48 * MIB), blocks[0].host);
	assert_ptr_equal(mem_ram_at(ram, 48 * MIB - 1, 1), (char *)blocks[0].host + 48 * MIB - 1);
	assert_ptr_equal(mem_ram_at(ram, 4 * GIB + 16, 8), (char *)blocks[1].host + 16);
	assert_null(mem_ram_at(ram, 0, 0));
	assert_null(mem_ram_at(ram, 48 * MIB, 1));
	assert_null(mem_ram_at(ram, 48 * MIB - 1, 2));
	assert_null(mem_ram_at(ram, 0, 48 * MIB + 1));
	assert_null(mem_ram_at(ram, 0, UINT64_MAX));
	assert_null(mem_ram_at(ram, 1, UINT64_MAX));
	assert_null(mem_ram_at(ram, 4 * GIB - 1, 2));
	assert_null(mem_ram_at(ram, 4 * GIB + 64 * MIB, 1));
	assert_null(mem_ram_at(ram, UINT64_MAX, 1));
	assert_null(mem_ram_at(ram, UINT64_MAX, UINT64_MAX));
	mem_ram_destroy(ram);
}

static void copies_are_whole_or_none(void **state)
{
	struct mem_ram *ram = split_create();
	char back[8] = "unread";

	assert_int_equal(mem_ram_write(ram, 4 * GIB - 4, "12345678", 8), -EFAULT);
	assert_non_null(strstr(error_get()->because, "0xfffffffc"));
	assert_int_equal(mem_ram_read(ram, 4 * GIB, back, 4), 0);
	assert_memory_equal(back, "\0\0\0\0ad", 7);

	assert_int_equal(mem_ram_write(ram, 4 * GIB + 5, "abcdefg", 7), 0);
	assert_int_equal(mem_ram_read(ram, 4 * GIB + 6, back, 6), 0);
	assert_memory_equal(back, "bcdefg", 6);
	assert_int_equal(mem_ram_read(ram, 48 * MIB - 3, back, 4), -EFAULT);
	assert_memory_equal(back, "bcdefg", 6);
	assert_int_equal(mem_ram_write(ram, 48 * MIB, back, 0), 0);
	mem_ram_destroy(ram);
}

struct seen {
	pthread_t thread;
	unsigned calls;
	uint64_t last;
	bool bad;
	unsigned stop_at; /* that call says so; 0: none */
};

static bool progress(void *opaque, uint64_t done, uint64_t total)
{
	struct seen *seen = opaque;

	seen->calls++;
	seen->bad |= !pthread_equal(seen->thread, pthread_self()) || done < seen->last || done > total ||
		     total != 112 * MIB;
	seen->last = done;
	return seen->calls != seen->stop_at;
}

static void populate_faults_all_in(void **state)
{
	const unsigned threads[] = { 0, 1, 3, 1000 };

	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		struct seen seen = { .thread = pthread_self() };
		const struct mem_ram_block *blocks;
		struct mem_ram *ram = split_create();

		assert_int_equal(mem_ram_write(ram, 4 * GIB + 12345, "kept", 4), 0);
		assert_int_equal(mem_ram_populate(ram, threads[i], progress, &seen), 0);
		assert_false(seen.bad);
		assert_int_equal(seen.last, 112 * MIB);
		mem_ram_blocks(ram, &blocks);
		for (size_t b = 0; b < 2; b++)
			assert_int_equal(smaps_field(blocks[b].host, "Rss:", NULL, 0), blocks[b].size / 1024);
		assert_memory_equal((char *)blocks[1].host + 12345, "kept", 4);
		mem_ram_destroy(ram);
	}
}

static void populate_can_be_stopped(void **state)
{
	struct seen seen = { .thread = pthread_self(), .stop_at = 1 };
	struct mem_ram *ram = split_create();

	assert_int_equal(mem_ram_resident(ram), 0);
	assert_int_equal(mem_ram_populate(ram, 1, progress, &seen), -ECANCELED);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(mem_ram_resident(ram), seen.last);
	seen = (struct seen){ .thread = pthread_self() };
	assert_int_equal(mem_ram_populate(ram, 2, progress, &seen), 0);
	assert_int_equal(mem_ram_resident(ram), 112 * MIB);
	mem_ram_destroy(ram);
}

static bool huge_pages_to_be_had(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char line[128] = "";

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strstr(line, "[always]") || strstr(line, "[madvise]");
}

static void populate_brings_huge_pages(void **state)
{
	const struct mem_ram_block *blocks;
	struct mem_ram *ram;

	if (!huge_pages_to_be_had())
		skip();
	ram = split_create();
	assert_int_equal(mem_ram_populate(ram, 2, NULL, NULL), 0);
	mem_ram_blocks(ram, &blocks);
	/* a host short of free huge pages may give fewer, never none */
	assert_true(smaps_field(blocks[0].host, "AnonHugePages:", NULL, 0) >= 2048);
	assert_true(smaps_field(blocks[1].host, "AnonHugePages:", NULL, 0) >= 2048);
	mem_ram_destroy(ram);
}

static void touching_keeps_contents(void **state)
{
	const struct mem_ram_block *blocks;
	struct mem_ram *ram = split_create();
	char *host;

	mem_ram_blocks(ram, &blocks);
	host = blocks[0].host;
	host[4096] = 77;
	mem_populate_touch(host, 8 * MIB);
	assert_int_equal(host[4096], 77);
	assert_true(smaps_field(host, "Rss:", NULL, 0) >= 8 * 1024);
	mem_ram_destroy(ram);
}

/* In a child, for a limit cannot be raised again by everyone. Returns the child's verdict. */
static int in_child(int (*verdict)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(verdict());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int address_space_refused(void)
{
	static const struct mem_range large = { 0, 64 * GIB };
	struct rlimit limit = { 8 * GIB, 8 * GIB };
	struct mem_ram *ram = NULL;

	if (setrlimit(RLIMIT_AS, &limit))
		return 1;
	if (mem_ram_create(&large, 1, &ram) != -ENOMEM || ram)
		return 2;
	if (!strstr(error_get()->because, "64 GiB") || !strstr(error_get()->tried, "64 GiB"))
		return 3;
	return strstr(error_get()->remedy, "-m") ? 0 : 4;
}

static void refusal_names_the_size(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	skip(); /* its shadow takes more address space than any useful limit */
#endif
	assert_int_equal(in_child(address_space_refused), 0);
}

static void child_does_not_share(void **state)
{
	const struct mem_ram_block *blocks;
	struct mem_ram *ram = split_create();
	unsigned char there;
	int status;
	pid_t pid;

	mem_ram_blocks(ram, &blocks);
	*(char *)blocks[0].host = 1;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(mincore(blocks[0].host, 4096, &there) == -1 && errno == ENOMEM ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	mem_ram_destroy(ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned),
		cmocka_unit_test(mapping_is_trimmed_and_advised),
		cmocka_unit_test(accessor_checks_every_byte),
		cmocka_unit_test(copies_are_whole_or_none),
		cmocka_unit_test(populate_faults_all_in),
		cmocka_unit_test(populate_can_be_stopped),
		cmocka_unit_test(populate_brings_huge_pages),
		cmocka_unit_test(touching_keeps_contents),
		cmocka_unit_test(refusal_names_the_size),
		cmocka_unit_test(child_does_not_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
