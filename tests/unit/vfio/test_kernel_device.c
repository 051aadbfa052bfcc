/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/kernel-device-priv.h"

/* A descriptor with regions of 64 KiB each, as the kernel spreads them; a memfd answers reads and writes. */
#define REGION_STEP 0x10000ull

static struct {
	int fd;
	uint32_t flags;
	uint64_t size[VFIO_PCI_NUM_REGIONS];
	uint32_t region_flags;
	unsigned sparse; /* areas of BAR 0; 0: none told */
	bool msix_mappable;
	int set_result;
	int errnum;
	int irq_errnum;	  /* of VFIO_DEVICE_GET_IRQ_INFO */
	uint32_t atomics; /* widths in the capability of the device; 0: it has none */
	struct {
		uint32_t flags, index, start, count;
	} set;
	int32_t fds[8];
	unsigned resets;
} kernel;

static struct vfio_device *device;

/* Capabilities of BAR 0, chained behind the structure. */
static void capabilities(struct vfio_region_info *info)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_info_cap_header *mappable;
	const uint32_t first = (uint32_t)sizeof(*info);
	const uint32_t second =
		(uint32_t)(first + sizeof(*sparse) + kernel.sparse * sizeof(sparse->areas[0]));
	const uint32_t size = (uint32_t)(second + sizeof(*mappable));

	if (info->argsz < size) {
		info->argsz = size;
		info->cap_offset = 0;
		return;
	}
	info->argsz = size;
	info->cap_offset = first;
	sparse = (void *)((char *)info + first);
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.next = kernel.msix_mappable ? second : 0;
	sparse->nr_areas = kernel.sparse;
	for (unsigned i = 0; i < kernel.sparse; i++) {
		sparse->areas[i].offset = 0x2000 * i;
		sparse->areas[i].size = 0x1000;
	}
	if (kernel.msix_mappable) {
		mappable = (void *)((char *)info + second);
		mappable->id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE;
	}
}

static int region_info(struct vfio_region_info *info)
{
	if (info->index == VFIO_PCI_VGA_REGION_INDEX) {
		errno = EINVAL;
		return -1;
	}
	info->size = kernel.size[info->index];
	info->offset = info->index * REGION_STEP;
	info->flags = kernel.region_flags;
	if (info->index == 0 && kernel.sparse) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		capabilities(info);
	}
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	kernel.set.flags = set->flags;
	kernel.set.index = set->index;
	kernel.set.start = set->start;
	kernel.set.count = set->count;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(kernel.fds, set->data, set->count * sizeof(int32_t));
	assert_int_equal(set->argsz,
			 sizeof(*set) +
				 (set->flags & VFIO_IRQ_SET_DATA_EVENTFD ? set->count * sizeof(int32_t) : 0));
	errno = kernel.errnum;
	return kernel.errnum ? -1 : kernel.set_result;
}

/* Capability 5 behind another one, whose number nobody knows. */
static void device_capabilities(struct vfio_device_info *info)
{
	const uint32_t first = (uint32_t)sizeof(*info), second = first + 24, size = second + 16;
	struct vfio_info_cap_header *unknown = (void *)((char *)info + first);
	struct vfio_info_cap_header *cap = (void *)((char *)info + second);

	info->flags |= VFIO_DEVICE_FLAGS_CAPS;
	if (info->argsz >= size) {
		info->cap_offset = first;
		unknown->id = 77;
		unknown->next = second;
		cap->id = 5;
		cap->next = 0;
		((uint32_t *)(cap + 1))[0] = kernel.atomics;
	}
	info->argsz = size;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	assert_int_equal(fd, kernel.fd);
	switch (request) {
	case VFIO_DEVICE_GET_INFO: {
		struct vfio_device_info *info = argument;

		info->flags = kernel.flags;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		info->num_irqs = VFIO_PCI_NUM_IRQS;
		if (kernel.atomics)
			device_capabilities(info);
		return 0;
	}
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(argument);
	case VFIO_DEVICE_GET_IRQ_INFO: {
		struct vfio_irq_info *info = argument;

		if (kernel.irq_errnum) {
			errno = kernel.irq_errnum;
			return -1;
		}

		info->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		info->count = 5;
		return 0;
	}
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(argument);
	case VFIO_DEVICE_RESET:
		kernel.resets++;
		errno = kernel.errnum;
		return kernel.errnum ? -1 : 0;
	default:
		fail_msg("request 0x%lx", request);
		return -1;
	}
}

static const struct vfio_sys fake_sys = { .ioctl = fake_ioctl };

static int setup(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.fd = memfd_create("device", MFD_CLOEXEC);
	assert_int_equal(ftruncate(kernel.fd, VFIO_PCI_NUM_REGIONS * REGION_STEP), 0);
	kernel.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	kernel.region_flags =
		VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP;
	kernel.size[0] = 0x8000;
	kernel.size[VFIO_PCI_CONFIG_REGION_INDEX] = 256;
	return vfio_kernel_device_create(&fake_sys, kernel.fd, &(struct host_id){ .bdf.bus = 1 }, &device);
}

static int teardown(void **state)
{
	device->ops->destroy(device);
	close(kernel.fd);
	return 0;
}

static void test_create(void **state)
{
	struct vfio_device *none;

	assert_string_equal(device->name, "0000:01:00.0");
	assert_true(device->can_reset && device->reset_on_open);
	assert_int_equal(device->irqs, VFIO_PCI_NUM_IRQS);
	kernel.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	assert_int_equal(vfio_kernel_device_create(&fake_sys, kernel.fd, &(struct host_id){ 0 }, &none),
			 -ENOTSUP);
}

/* Another driver's work: what opening it does to it is not known. */
static void test_mediated(void **state)
{
	const struct host_id id = { .uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001" };
	struct vfio_device *mediated;

	assert_false(device->mediated);
	assert_int_equal(vfio_kernel_device_create(&fake_sys, kernel.fd, &id, &mediated), 0);
	assert_string_equal(mediated->name, id.uuid);
	assert_true(mediated->mediated && mediated->can_reset && !mediated->reset_on_open);
	mediated->ops->destroy(mediated);
}

/* What the host's root port completes for it. */
static void test_atomics(void **state)
{
	struct vfio_device *other;

	assert_int_equal(device->atomics, 0);
	kernel.atomics = 3 | 1u << 8; /* and a width that nobody knows */
	assert_int_equal(
		vfio_kernel_device_create(&fake_sys, kernel.fd, &(struct host_id){ .bdf.bus = 1 }, &other),
		0);
	assert_int_equal(other->atomics, PCI_EXP_DEVCAP2_ATOMIC_COMP32 | PCI_EXP_DEVCAP2_ATOMIC_COMP64);
	other->ops->destroy(other);
}

/* A kind of interrupt that the driver does not know is one that the device does not have. */
static void test_unknown_interrupts(void **state)
{
	struct vfio_irq irq = { .count = 7 };

	kernel.irq_errnum = EINVAL;
	assert_int_equal(device->ops->irq_info(device, VFIO_PCI_ERR_IRQ_INDEX, &irq), 0);
	assert_int_equal(irq.count, 0);
	kernel.irq_errnum = EIO;
	assert_int_equal(device->ops->irq_info(device, VFIO_PCI_ERR_IRQ_INDEX, &irq), -EIO);
}

static void test_regions(void **state)
{
	struct vfio_region region;

	assert_int_equal(device->ops->region_info(device, 0, &region), 0);
	assert_int_equal(region.size, 0x8000);
	assert_true(region.readable && region.writable && !region.msix_mappable);
	assert_int_equal(region.areas, 1);
	assert_int_equal(region.area[0].size, 0x8000);
	assert_int_equal(device->ops->region_info(device, 1, &region), 0);
	assert_int_equal(region.size, 0);
	assert_int_equal(region.areas, 0);
	assert_int_equal(device->ops->region_info(device, 77, &region), 0);
	assert_int_equal(region.size, 0);
	kernel.region_flags = VFIO_REGION_INFO_FLAG_READ;
	assert_int_equal(device->ops->region_info(device, 0, &region), 0);
	assert_int_equal(region.areas, 0);
	assert_false(region.writable);
}

static void test_sparse(void **state)
{
	struct vfio_region region;

	kernel.sparse = 3;
	kernel.msix_mappable = true;
	assert_int_equal(device->ops->region_info(device, 0, &region), 0);
	assert_int_equal(region.areas, 3);
	assert_int_equal(region.area[2].offset, 0x4000);
	assert_int_equal(region.area[2].size, 0x1000);
	assert_true(region.msix_mappable);
	/* Areas outside of the region are dropped, too many are not believed. */
	kernel.sparse = 6;
	assert_int_equal(device->ops->region_info(device, 0, &region), 0);
	assert_int_equal(region.areas, 4);
	kernel.size[0] = 0x1000000;
	kernel.sparse = 100;
	assert_int_equal(device->ops->region_info(device, 0, &region), 0);
	assert_int_equal(region.areas, VFIO_REGION_AREAS_MAX);
	kernel.sparse = 10000;
	assert_int_equal(device->ops->region_info(device, 0, &region), -EPROTO);
}

static void test_access(void **state)
{
	uint8_t bytes[4] = { 1, 2, 3, 4 }, back[4];
	const uint64_t config = VFIO_PCI_CONFIG_REGION_INDEX * REGION_STEP;

	assert_int_equal(device->ops->region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, 252, bytes, 4), 0);
	assert_int_equal(pread(kernel.fd, back, 4, (off_t)config + 252), 4);
	assert_memory_equal(back, bytes, 4);
	memset(back, 0, 4);
	assert_int_equal(device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, 252, back, 4), 0);
	assert_memory_equal(back, bytes, 4);
	/* The next region is nobody's business. */
	assert_int_equal(device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, 253, back, 4),
			 -EINVAL);
	assert_int_equal(device->ops->region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, 256, bytes, 1),
			 -EINVAL);
	assert_int_equal(device->ops->region_read(device, 0, UINT64_MAX, back, 4), -EINVAL);
	assert_int_equal(device->ops->region_read(device, 99, 0, back, 1), -EINVAL);
	/* A short read is an error. */
	assert_int_equal(ftruncate(kernel.fd, 2), 0);
	assert_int_equal(device->ops->region_read(device, 0, 0, back, 4), -EIO);
}

static void test_mmap(void **state)
{
	uint8_t *at = mmap(NULL, 0x2000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_int_equal(device->ops->region_mmap(device, 0, 0x1000, 0x1000, at + 0x1000), 0);
	at[0x1010] = 0x42;
	assert_int_equal(pread(kernel.fd, at + 0x1011, 1, 0x1010), 1);
	assert_int_equal(at[0x1011], 0x42);
	assert_int_equal(device->ops->region_mmap(device, 0, 0x7000, 0x2000, at), -EINVAL);
	assert_int_equal(device->ops->region_mmap(device, 0, 0, 0, at), -EINVAL);
	assert_int_equal(device->ops->region_mmap(device, 0, 0x10, 0x1000, at), -EINVAL);
	assert_int_equal(device->ops->region_mmap(device, 0, 0, UINT64_MAX & ~0xfffull, at), -EINVAL);
	assert_int_equal(device->ops->region_mmap(device, 0, UINT64_MAX & ~0xfffull, 0x1000, at), -EINVAL);
	munmap(at, 0x2000);
}

/* The page that a small region begins, and no more. */
static void test_mmap_small(void **state)
{
	uint8_t *at = mmap(NULL, 0x2000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device *small;

	kernel.size[0] = 0x100;
	assert_int_equal(
		vfio_kernel_device_create(&fake_sys, kernel.fd, &(struct host_id){ .bdf.bus = 1 }, &small),
		0);
	assert_int_equal(small->ops->region_mmap(small, 0, 0, 0x1000, at), 0);
	assert_int_equal(small->ops->region_mmap(small, 0, 0, 0x2000, at), -EINVAL);
	assert_int_equal(small->ops->region_mmap(small, 0, 0x1000, 0x1000, at), -EINVAL);
	kernel.size[0] = 0x8000;
	small->ops->destroy(small);
	munmap(at, 0x2000);
}

static void test_irqs(void **state)
{
	const int fds[] = { -1, 7, 8 };
	struct vfio_irq irq;

	assert_int_equal(device->ops->irq_info(device, VFIO_PCI_MSIX_IRQ_INDEX, &irq), 0);
	assert_true(irq.count == 5 && irq.eventfd && irq.noresize);
	assert_int_equal(device->ops->irq_info(device, 1000, &irq), 0);
	assert_int_equal(irq.count, 0);
	assert_int_equal(device->ops->irq_set(device, VFIO_PCI_MSIX_IRQ_INDEX, 2, 3, fds), 0);
	assert_int_equal(kernel.set.flags, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(kernel.set.index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(kernel.set.start, 2);
	assert_int_equal(kernel.set.count, 3);
	assert_memory_equal(kernel.fds, fds, sizeof(fds));
	kernel.set_result = 2;
	assert_int_equal(device->ops->irq_set(device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds), 2);
	kernel.errnum = ENOSPC;
	assert_int_equal(device->ops->irq_set(device, VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds), -ENOSPC);
	kernel.errnum = 0;
	assert_int_equal(device->ops->irq_disable(device, VFIO_PCI_MSIX_IRQ_INDEX), 0);
	assert_int_equal(kernel.set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(kernel.set.count, 0);
	assert_int_equal(device->ops->irq_action(device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, VFIO_IRQ_MASK), 0);
	assert_int_equal(kernel.set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK);
	assert_int_equal(device->ops->irq_action(device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, VFIO_IRQ_UNMASK), 0);
	assert_int_equal(kernel.set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK);
	assert_int_equal(kernel.set.count, 1);
}

static void test_reset(void **state)
{
	assert_int_equal(device->ops->reset(device), 0);
	assert_int_equal(kernel.resets, 1);
	kernel.errnum = ENOTTY;
	assert_int_equal(device->ops->reset(device), -ENOTTY);
	assert_non_null(strstr(error_get()->because, "could not reset 0000:01:00.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mediated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_atomics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sparse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mmap_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_irqs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
