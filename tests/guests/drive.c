/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive ADDRESS edu|testdev|shmem|frame intx|msi|none
 *
 * Drives a device that has no Linux driver from a program of the guest, through the guest's own VFIO without
 * an IOMMU (vfio.enable_unsafe_noiommu_mode=1): the device at ADDRESS (0000:00:03.0) is bound to vfio-pci in
 * the guest.
 *
 *   edu      QEMU's teaching device: factorials, DMA both ways, a hundred interrupts in the given mode
 *   testdev  QEMU's pci-testdev: counts writes to its memory and its ports
 *   shmem    shared memory: patterns over all of BAR 2
 *   frame    a frame buffer with its driver in place: what is written to /dev/fb0 arrives in BAR 0
 *
 * Prints "drive: bad: WHAT" and has status 1 where something is wrong, 2 where it could not try.
 * Source: QEMU's docs/specs (edu, pci-testdev, ivshmem-spec), include/uapi/linux/vfio.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define MIB  (1UL << 20)

#define COMMAND	       4
#define COMMAND_IO     1
#define COMMAND_MEMORY 2
#define COMMAND_MASTER 4

#define INTERRUPTS 100

static int device = -1;
static int failures;

static void die(const char *what)
{
	fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void expect(bool good, const char *what)
{
	if (good)
		return;
	printf("drive: bad: %s\n", what);
	failures++;
}

/* Through the group that the guest's kernel makes for a device without an IOMMU. */
static void device_open(const char *address)
{
	int container = open("/dev/vfio/vfio", O_RDWR), group;
	char path[256], link[256];
	ssize_t length;

	if (container < 0)
		die("/dev/vfio/vfio");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		die(path);
	link[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%.32s", strrchr(link, '/') + 1);
	group = open(path, O_RDWR);
	if (group < 0)
		die(path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		die("VFIO_GROUP_SET_CONTAINER");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU))
		die("VFIO_SET_IOMMU");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (device < 0)
		die("VFIO_GROUP_GET_DEVICE_FD");
}

static struct vfio_region_info region_of(unsigned index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO");
	return info;
}

static volatile unsigned char *bar_map(unsigned bar)
{
	struct vfio_region_info info = region_of(bar);
	void *at = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)info.offset);

	if (at == MAP_FAILED)
		die("a BAR cannot be mapped");
	return at;
}

static void command_set(uint16_t bits)
{
	off_t at = (off_t)region_of(VFIO_PCI_CONFIG_REGION_INDEX).offset + COMMAND;
	uint16_t value;

	if (pread(device, &value, sizeof(value), at) != sizeof(value))
		die("COMMAND");
	value |= bits;
	if (pwrite(device, &value, sizeof(value), at) != sizeof(value))
		die("COMMAND");
}

static int irqs_set(unsigned index, uint32_t action, const int *fd)
{
	char room[sizeof(struct vfio_irq_set) + sizeof(int)] __attribute__((aligned(8)));
	struct vfio_irq_set *set = (void *)room;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(*set) + (fd ? sizeof(*fd) : 0),
		.flags = action | (fd ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.count = 1,
	};
	if (fd)
		memcpy(set->data, fd, sizeof(*fd));
	return ioctl(device, VFIO_DEVICE_SET_IRQS, set);
}

static uint64_t physical_of(const void *address)
{
	uint64_t entry;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 ||
	    pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)address / PAGE * 8)) != sizeof(entry))
		die("/proc/self/pagemap");
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

static void pattern(unsigned char *at, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(i * 7 + (i >> 8) + seed);
}

static volatile unsigned char *edu;

static uint32_t edu_get(unsigned offset)
{
	return *(volatile uint32_t *)(edu + offset);
}

static void edu_put(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(edu + offset) = value;
}

static bool edu_waits(unsigned offset, uint32_t mask)
{
	for (unsigned i = 0; i < 20000 && edu_get(offset) & mask; i++)
		usleep(500);
	return !(edu_get(offset) & mask);
}

#define EDU_LIVENESS	    0x04
#define EDU_FACTORIAL	    0x08
#define EDU_STATUS	    0x20
#define EDU_IRQ_STATUS	    0x24
#define EDU_IRQ_RAISE	    0x60
#define EDU_IRQ_ACKNOWLEDGE 0x64
#define EDU_DMA_SOURCE	    0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT	    0x90
#define EDU_DMA_COMMAND	    0x98
#define EDU_BUFFER	    0x40000

static void edu_copy(uint64_t source, uint64_t destination, uint32_t command)
{
	*(volatile uint64_t *)(edu + EDU_DMA_SOURCE) = source;
	*(volatile uint64_t *)(edu + EDU_DMA_DESTINATION) = destination;
	*(volatile uint64_t *)(edu + EDU_DMA_COUNT) = PAGE;
	*(volatile uint64_t *)(edu + EDU_DMA_COMMAND) = command;
	expect(edu_waits(EDU_DMA_COMMAND, 1), "a DMA does not end");
}

static void edu_dma(void)
{
	unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	unsigned char wanted[PAGE];

	if (page == MAP_FAILED)
		die("memory");
	for (unsigned seed = 0; seed < 4; seed++) {
		pattern(wanted, PAGE, seed);
		memcpy(page, wanted, PAGE);
		edu_copy(physical_of(page), EDU_BUFFER, 1);
		memset(page, 0, PAGE);
		edu_copy(EDU_BUFFER, physical_of(page), 3);
		expect(!memcmp(page, wanted, PAGE), "what came back by DMA is not what was sent");
	}
}

static void edu_interrupts(unsigned index)
{
	struct pollfd event = { .fd = eventfd(0, 0), .events = POLLIN };
	uint64_t count;

	if (irqs_set(index, VFIO_IRQ_SET_ACTION_TRIGGER, &event.fd)) {
		printf("drive: bad: interrupts of index %u cannot be had: %s\n", index, strerror(errno));
		failures++;
		return;
	}
	for (unsigned i = 0; i < INTERRUPTS; i++) {
		edu_put(EDU_IRQ_RAISE, 1 + i);
		if (poll(&event, 1, 5000) != 1) {
			expect(false, "an interrupt is lost");
			break;
		}
		if (read(event.fd, &count, sizeof(count)) != sizeof(count))
			die("eventfd");
		expect(edu_get(EDU_IRQ_STATUS) == 1 + i, "the device does not say why it interrupts");
		edu_put(EDU_IRQ_ACKNOWLEDGE, 1 + i);
		if (index == VFIO_PCI_INTX_IRQ_INDEX && irqs_set(index, VFIO_IRQ_SET_ACTION_UNMASK, NULL))
			die("VFIO_IRQ_SET_ACTION_UNMASK");
	}
	usleep(20000);
	expect(poll(&event, 1, 0) == 0, "an interrupt came that nobody asked for");
	close(event.fd);
}

static void edu_drive(const char *mode)
{
	edu = bar_map(0);
	command_set(COMMAND_MEMORY | COMMAND_MASTER);
	expect((edu_get(0) & 0xff) == 0xed, "it is not the teaching device");
	edu_put(EDU_LIVENESS, 0x12345678);
	expect(edu_get(EDU_LIVENESS) == ~0x12345678u, "it does not answer");
	edu_put(EDU_FACTORIAL, 10);
	expect(edu_waits(EDU_STATUS, 1) && edu_get(EDU_FACTORIAL) == 3628800, "10! is wrong");
	edu_dma();
	if (strcmp(mode, "none") != 0)
		edu_interrupts(strcmp(mode, "msi") == 0 ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_INTX_IRQ_INDEX);
}

/* What stands at the start of each of its regions: docs/specs/pci-testdev.rst. */
struct testdev {
	uint8_t test;
	uint8_t width;
	uint8_t pad0[2];
	uint32_t offset;
	uint8_t data;
	uint8_t pad1[3];
	uint32_t count;
};

static uint64_t testdev_get(const struct vfio_region_info *region, unsigned offset, unsigned size)
{
	uint64_t value = 0;

	if (pread(device, &value, size, (off_t)(region->offset + offset)) != (ssize_t)size)
		die("pci-testdev");
	return value;
}

static void testdev_put(const struct vfio_region_info *region, unsigned offset, unsigned size, uint64_t value)
{
	if (pwrite(device, &value, size, (off_t)(region->offset + offset)) != (ssize_t)size)
		die("pci-testdev");
}

/* The first test of a region counts plain writes. */
static void testdev_region(unsigned bar)
{
	struct vfio_region_info region = region_of(bar);
	unsigned width, offset, data, before;

	testdev_put(&region, 0, 1, 0);
	width = (unsigned)testdev_get(&region, offsetof(struct testdev, width), 1);
	offset = (unsigned)testdev_get(&region, offsetof(struct testdev, offset), 4);
	data = (unsigned)testdev_get(&region, offsetof(struct testdev, data), 1);
	before = (unsigned)testdev_get(&region, offsetof(struct testdev, count), 4);
	expect(width == 1 || width == 2 || width == 4, "pci-testdev has no test");
	for (unsigned i = 0; i < 64; i++)
		testdev_put(&region, offset, width, data);
	expect(testdev_get(&region, offsetof(struct testdev, count), 4) == before + 64,
	       bar ? "writes to its ports are lost" : "writes to its memory are lost");
}

static void testdev_drive(void)
{
	command_set(COMMAND_MEMORY | COMMAND_IO);
	testdev_region(0);
	testdev_region(1);
}

/* A page here and there, the first and the last among them, all written before any is read. */
static void shmem_drive(void)
{
	uint64_t size = region_of(2).size, step = size / 64;
	volatile unsigned char *bar;
	unsigned char wanted[PAGE];

	command_set(COMMAND_MEMORY);
	bar = bar_map(2);
	for (unsigned i = 0; i <= 64; i++) {
		pattern(wanted, PAGE, i);
		memcpy((void *)(bar + (i < 64 ? i * step : size - PAGE)), wanted, PAGE);
	}
	for (unsigned i = 0; i <= 64; i++) {
		pattern(wanted, PAGE, i);
		expect(!memcmp((void *)(bar + (i < 64 ? i * step : size - PAGE)), wanted, PAGE),
		       "shared memory does not keep what was written");
	}
}

/* Without a mode that is shown the driver may keep the picture in the guest's own memory. */
static void frame_show(int frame)
{
	struct fb_var_screeninfo mode;

	if (ioctl(frame, FBIOGET_VSCREENINFO, &mode))
		die("FBIOGET_VSCREENINFO");
	mode.activate = FB_ACTIVATE_NOW | FB_ACTIVATE_FORCE;
	if (ioctl(frame, FBIOPUT_VSCREENINFO, &mode))
		die("FBIOPUT_VSCREENINFO");
}

/* The driver decides where in its memory the picture stands, so it is searched for. */
static void frame_drive(const char *address)
{
	unsigned char wanted[PAGE];
	int frame = open("/dev/fb0", O_RDWR), fd;
	char path[128];
	unsigned char *bar;
	bool found = false;

	pattern(wanted, PAGE, (unsigned)getpid());
	if (frame < 0)
		die("/dev/fb0");
	frame_show(frame);
	if (pwrite(frame, wanted, PAGE, 0) != (ssize_t)PAGE)
		die("/dev/fb0");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", address);
	fd = open(path, O_RDWR);
	bar = mmap(NULL, 16 * MIB, PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || bar == MAP_FAILED)
		die(path);
	for (unsigned tries = 0; tries < 50 && !found; tries++) {
		usleep(100000);
		for (size_t at = 0; at < 16 * MIB && !found; at += PAGE)
			found = *(uint64_t *)(bar + at) == *(uint64_t *)wanted &&
				!memcmp(bar + at, wanted, PAGE);
	}
	expect(found, "the picture does not arrive in the frame buffer");
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: drive ADDRESS edu|testdev|shmem|frame intx|msi|none\n");
		return 2;
	}
	if (strcmp(argv[2], "frame") == 0) {
		frame_drive(argv[1]);
		return failures ? 1 : 0;
	}
	device_open(argv[1]);
	if (strcmp(argv[2], "edu") == 0)
		edu_drive(argv[3]);
	else if (strcmp(argv[2], "testdev") == 0)
		testdev_drive();
	else if (strcmp(argv[2], "shmem") == 0)
		shmem_drive();
	else
		return 2;
	return failures ? 1 : 0;
}
