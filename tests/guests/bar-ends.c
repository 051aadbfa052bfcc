/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bar-ends DEVICE BAR: writes to and reads from the first and the last page of a memory BAR that is memory
 * (of a device of shared memory), through the processor. DEVICE is an address (0000:00:03.0).
 *
 * Prints "bar-ends: BAR 2 of 8192 MiB: good", status 0 when both hold what was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static void die(const char *what)
{
	fprintf(stderr, "bar-ends: %s: %s\n", what, strerror(errno));
	exit(2);
}

static volatile uint64_t *map_page(int fd, off_t offset)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

int main(int argc, char **argv)
{
	volatile uint64_t *first, *last;
	char path[128];
	struct stat status;
	int fd, good;

	if (argc != 3) {
		fprintf(stderr, "usage: bar-ends DEVICE BAR\n");
		return 2;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", argv[1]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		die(path);
	close(fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%s", argv[1], argv[2]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) || status.st_size < 2 * PAGE)
		die(path);
	first = map_page(fd, 0);
	last = map_page(fd, status.st_size - PAGE);
	for (unsigned i = 0; i < PAGE / 8; i++) {
		first[i] = 0x0123456789abcdefULL + i;
		last[i] = 0xfedcba9876543210ULL - i;
	}
	good = 1;
	for (unsigned i = 0; i < PAGE / 8; i++)
		good = good && first[i] == 0x0123456789abcdefULL + i && last[i] == 0xfedcba9876543210ULL - i;
	printf("bar-ends: BAR %s of %lld MiB: %s\n", argv[2], (long long)status.st_size >> 20,
	       good ? "good" : "bad");
	return !good;
}
