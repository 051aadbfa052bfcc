/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read-rate DEVICE COUNT [SEED]
 *
 * COUNT reads of 4 KiB at random places of a block device, O_DIRECT, one at a time. Prints
 * "read-rate: 2000 reads in 0.931 s, 2148 a second, slowest 3.1 ms" by the monotonic clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096UL

static void die(const char *what)
{
	fprintf(stderr, "read-rate: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv)
{
	uint64_t bytes, state = 88172645463325252ULL;
	double start, slowest = 0, took;
	unsigned long count;
	void *buffer;
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: read-rate DEVICE COUNT [SEED]\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		state ^= strtoull(argv[3], NULL, 0);
	fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	if (ioctl(fd, BLKGETSIZE64, &bytes))
		die("cannot tell the device's size");
	if (posix_memalign(&buffer, BLOCK, BLOCK))
		die("cannot allocate memory");
	start = now();
	for (unsigned long i = 0; i < count; i++) {
		off_t where = (off_t)(next_random(&state) % (bytes / BLOCK) * BLOCK);
		double before = now(), one;

		if (pread(fd, buffer, BLOCK, where) != (ssize_t)BLOCK)
			die("read failed");
		one = now() - before;
		if (one > slowest)
			slowest = one;
	}
	took = now() - start;
	printf("read-rate: %lu reads in %.3f s, %.0f a second, slowest %.1f ms\n", count, took,
	       (double)count / took, slowest * 1e3);
	return 0;
}
