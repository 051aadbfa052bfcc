/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer EDU IVSHMEM [reach|miss]
 *
 * Has QEMU's teaching device write a pattern straight into the BAR of a shared memory device, and looks there
 * by the processor. EDU and IVSHMEM are their addresses (0000:00:03.0). The way by memory is tried first, so
 * that a failure tells what failed. reach (default): the pattern has to arrive; miss: it must not.
 *
 * Prints "peer: good: WHAT" or "peer: bad: WHAT", status 0 when all was good.
 * Source: QEMU's docs/specs/edu.rst and docs/specs/ivshmem-spec.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL

#define EDU_DMA_SOURCE	    0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT	    0x90
#define EDU_DMA_COMMAND	    0x98
#define EDU_DMA_START	    1
#define EDU_DMA_OUT	    2 /* from its buffer */
#define EDU_BUFFER	    0x40000

#define IVSHMEM_BAR    "resource2"
#define IVSHMEM_OFFSET 0x5000

static volatile unsigned char *edu;

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_of(const char *device, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* Memory decoding by the kernel; bus mastering by hand, as no driver does it. */
static void switch_on(const char *device)
{
	int fd = open_of(device, "enable", O_WRONLY);
	uint16_t command;

	if (write(fd, "1", 1) != 1)
		die("enable");
	close(fd);
	fd = open_of(device, "config", O_RDWR);
	if (pread(fd, &command, 2, 4) != 2)
		die("read COMMAND");
	command |= 4;
	if (pwrite(fd, &command, 2, 4) != 2)
		die("write COMMAND");
	close(fd);
}

static unsigned char *map_bar(const char *device, const char *name, off_t offset, size_t size)
{
	int fd = open_of(device, name, O_RDWR);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (at == MAP_FAILED)
		die(name);
	close(fd);
	return at;
}

/* Where the guest sees the start of a BAR. */
static uint64_t bar_address(const char *device, unsigned bar)
{
	int fd = open_of(device, "resource", O_RDONLY);
	char text[1024];
	char *line = text;
	ssize_t length = read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		die("read resource");
	text[length] = '\0';
	for (unsigned i = 0; i < bar; i++)
		line = strchr(line, '\n') + 1;
	close(fd);
	return strtoull(line, NULL, 0);
}

static uint64_t physical_of(const void *at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)at / PAGE * 8)) != 8)
		die("/proc/self/pagemap");
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static void edu_write(unsigned offset, uint64_t value)
{
	*(volatile uint64_t *)(edu + offset) = value;
}

static bool transfer(uint64_t source, uint64_t destination, unsigned command)
{
	edu_write(EDU_DMA_SOURCE, source);
	edu_write(EDU_DMA_DESTINATION, destination);
	edu_write(EDU_DMA_COUNT, PAGE);
	edu_write(EDU_DMA_COMMAND, command | EDU_DMA_START);
	for (unsigned i = 0; i < 2000; i++) {
		if (!(*(volatile uint64_t *)(edu + EDU_DMA_COMMAND) & EDU_DMA_START))
			return true;
		usleep(10000);
	}
	return false;
}

static bool say(bool good, const char *what)
{
	printf("peer: %s: %s\n", good ? "good" : "bad", what);
	return good;
}

int main(int argc, char **argv)
{
	bool misses = argc > 3 && strcmp(argv[3], "miss") == 0, good;
	unsigned char *memory, *back, *shared;
	uint64_t target;

	if (argc < 3) {
		fprintf(stderr, "usage: peer EDU IVSHMEM [reach|miss]\n");
		return 2;
	}
	switch_on(argv[1]);
	switch_on(argv[2]);
	edu = map_bar(argv[1], "resource0", 0, 1 << 20);
	shared = map_bar(argv[2], IVSHMEM_BAR, IVSHMEM_OFFSET, PAGE);
	target = bar_address(argv[2], 2) + IVSHMEM_OFFSET;
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		die("memory");
	back = memory + PAGE;
	for (unsigned i = 0; i < PAGE; i++)
		memory[i] = (unsigned char)(i * 7 + i / 251);
	memset(back, 0, PAGE);
	memset(shared, 0, PAGE);

	good = say(transfer(physical_of(memory), EDU_BUFFER, 0), "memory is read by DMA");
	good = say(transfer(EDU_BUFFER, physical_of(back), EDU_DMA_OUT), "memory is written by DMA") && good;
	good = say(memcmp(memory, back, PAGE) == 0, "what is written is what was read") && good;
	good = say(transfer(EDU_BUFFER, target, EDU_DMA_OUT), "the other device is written to") && good;
	if (misses)
		good = say(shared[1] == 0 && memcmp(memory, shared, PAGE) != 0, "nothing has come there") &&
		       good;
	else
		good = say(memcmp(memory, shared, PAGE) == 0, "all has come there") && good;
	return good ? 0 : 1;
}
