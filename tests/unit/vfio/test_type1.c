/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/type1-priv.h"

/* The kernel and the broker. Descriptors are real ones, so that closing them shows. */
static struct {
	int version;
	bool type1v2;
	uint32_t status;
	int set_container; /* errno */
	int set_iommu;
	int device;
	int map;
	int reset_info;
	int hot_reset;
	unsigned containers; /* groups in it */
	unsigned avail;	     /* mappings that there may be; 0: it does not tell */
	unsigned maps;
	int container_fd, group_fd[4], device_fd[4];
	unsigned devices;
	struct vfio_iommu_type1_dma_map mapped;
	struct vfio_iommu_type1_dma_unmap unmapped;
} kernel;

static struct vfio_iospace *space;

static int node(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int broker_open_container(struct broker *broker, int *ret_fd)
{
	*ret_fd = kernel.container_fd = node();
	return 0;
}

int broker_open_group(struct broker *broker, uint32_t group, int *ret_fd)
{
	if (group == 99)
		return error_set(EBUSY, "/dev/vfio/99 is open in process 1 (init)");
	*ret_fd = kernel.group_fd[group] = node();
	story_add("open%u ", group);
	return 0;
}

static int fails(int errnum)
{
	errno = errnum;
	return errnum ? -1 : 0;
}

static int get_info(struct vfio_iommu_type1_info *info)
{
	/* One that nobody knows, then the ranges, then (or not) what is left of the mappings. */
	const uint32_t first = sizeof(*info), second = first + 16;
	const uint32_t size = second + sizeof(struct vfio_iommu_type1_info_cap_iova_range) +
			      2 * sizeof(struct vfio_iova_range) +
			      (kernel.avail ? sizeof(struct vfio_iommu_type1_info_dma_avail) : 0);
	struct vfio_iommu_type1_info_dma_avail *avail =
		(void *)((char *)info + size - sizeof(struct vfio_iommu_type1_info_dma_avail));
	struct vfio_info_cap_header *unknown = (void *)((char *)info + first);
	struct vfio_iommu_type1_info_cap_iova_range *ranges = (void *)((char *)info + second);

	if (info->argsz < size) {
		info->argsz = size;
		return 0;
	}
	info->argsz = size;
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 0x1000;
	info->cap_offset = first;
	unknown->id = 77;
	unknown->next = second;
	ranges->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	ranges->nr_iovas = 2;
	ranges->iova_ranges[0] = (struct vfio_iova_range){ 0, 0xfedfffff };
	ranges->iova_ranges[1] = (struct vfio_iova_range){ 0xfef00000, 0x7fffffffff };
	if (kernel.avail) {
		ranges->header.next = (uint32_t)((char *)avail - (char *)info);
		avail->header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
		avail->header.next = 0;
		avail->avail = kernel.avail - kernel.maps;
	}
	return 0;
}

/* Two functions of group 1, one of group 2. */
static int get_reset_info(struct vfio_pci_hot_reset_info *info)
{
	const struct vfio_pci_dependent_device list[] = {
		{ .group_id = 1, .segment = 0, .bus = 4, .devfn = 0x08 },
		{ .group_id = 1, .segment = 0, .bus = 4, .devfn = 0x09 },
		{ .group_id = 2, .segment = 0, .bus = 4, .devfn = 0x10 },
	};

	if (kernel.reset_info)
		return fails(kernel.reset_info);
	assert_true(info->argsz >= sizeof(*info) + sizeof(list));
	info->count = 3;
	memcpy(info->devices, list, sizeof(list));
	return 0;
}

static unsigned group_of(int fd)
{
	for (unsigned i = 0; i < 4; i++) {
		if (kernel.group_fd[i] == fd)
			return i;
	}
	return 99;
}

/* Their numbers are those of the container's, which is why the descriptor decides. */
static int device_ioctl(int fd, unsigned long request, void *argument)
{
	const struct vfio_pci_hot_reset *reset = argument;

	if (request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO)
		return get_reset_info(argument);
	assert_int_equal(request, VFIO_DEVICE_PCI_HOT_RESET);
	story_add("hot");
	for (unsigned i = 0; i < reset->count; i++)
		story_add("%s%u", i ? "," : "[", group_of(reset->group_fds[i]));
	story_add("] ");
	return fails(kernel.hot_reset);
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	for (unsigned i = 0; i < kernel.devices; i++) {
		if (fd == kernel.device_fd[i])
			return device_ioctl(fd, request, argument);
	}
	switch (request) {
	case VFIO_GET_API_VERSION:
		return kernel.version;
	case VFIO_CHECK_EXTENSION:
		assert_int_equal((uintptr_t)argument, VFIO_TYPE1v2_IOMMU);
		return kernel.type1v2;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)argument)->flags = kernel.status;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		assert_int_equal(*(int *)argument, kernel.container_fd);
		story_add("enter ");
		if (kernel.set_container)
			return fails(kernel.set_container);
		kernel.containers++;
		return 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		story_add("leave ");
		kernel.containers--;
		return 0;
	case VFIO_SET_IOMMU:
		story_add("iommu ");
		return fails(kernel.set_iommu);
	case VFIO_IOMMU_GET_INFO:
		return get_info(argument);
	case VFIO_GROUP_GET_DEVICE_FD:
		story_add("device:%s ", (const char *)argument);
		if (kernel.device)
			return fails(kernel.device);
		return kernel.device_fd[kernel.devices++] = node();
	case VFIO_IOMMU_MAP_DMA:
		kernel.mapped = *(struct vfio_iommu_type1_dma_map *)argument;
		kernel.maps += !kernel.map;
		return fails(kernel.map);
	case VFIO_IOMMU_UNMAP_DMA:
		kernel.unmapped = *(struct vfio_iommu_type1_dma_unmap *)argument;
		kernel.maps--;
		return 0;
	default:
		fail_msg("request 0x%lx", request);
		return -1;
	}
}

static const struct vfio_sys fake_sys = { .ioctl = fake_ioctl };

static struct broker_device device_at(uint8_t bus, uint32_t group)
{
	return (struct broker_device){ .id.bdf = { .bus = bus }, .group = group };
}

static int setup(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.version = VFIO_API_VERSION;
	kernel.type1v2 = true;
	/* Bits beside the one that counts are nobody's business. */
	kernel.status = VFIO_GROUP_FLAGS_VIABLE | 1u << 7;
	story_forget();
	assert_int_equal(vfio_type1_create(&fake_sys, NULL, NULL, &space), 0);
	return 0;
}

static int teardown(void **state)
{
	space->ops->destroy(space);
	assert_false(is_open(kernel.container_fd));
	assert_int_equal(kernel.containers, 0);
	return 0;
}

/* The first of its group, of all: everything in the order that the kernel wants. */
static void test_attach(void **state)
{
	struct broker_device which = device_at(1, 1);
	const struct vfio_iospace_range *range;
	size_t count;
	char expected[128];
	int fd;

	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), 0);
	snprintf(expected, sizeof(expected), "open1 enter iommu kvm+%d device:0000:01:00.0 ",
		 kernel.group_fd[1]);
	story_expect(expected);
	assert_int_equal(fd, kernel.device_fd[0]);
	range = space->ops->ranges(space, &count);
	assert_int_equal(count, 2);
	assert_int_equal(range[0].last, 0xfedfffff);
	assert_int_equal(range[1].first, 0xfef00000);
	space->ops->detach(space, fd);
	snprintf(expected, sizeof(expected), "kvm-%d leave ", kernel.group_fd[1]);
	story_expect(expected);
	assert_false(is_open(fd));
	assert_false(is_open(kernel.group_fd[1]));
}

static void test_two_of_one_group(void **state)
{
	struct broker_device a = device_at(1, 1), b = device_at(2, 1);
	char expected[128];
	int fd_a, fd_b;

	assert_int_equal(space->ops->attach(space, &a, NULL, &fd_a), 0);
	story_forget();
	assert_int_equal(space->ops->attach(space, &b, NULL, &fd_b), 0);
	story_expect("device:0000:02:00.0 ");
	space->ops->detach(space, fd_a);
	story_expect("");
	assert_false(is_open(fd_a));
	assert_true(is_open(kernel.group_fd[1]));
	/* Closed, its group is in the container still. */
	space->ops->close(space, fd_b);
	assert_false(is_open(fd_b));
	snprintf(expected, sizeof(expected), "kvm-%d ", kernel.group_fd[1]);
	story_expect(expected);
	assert_int_equal(space->ops->unmap(space, 0, 4096), 0);
	story_forget();
	space->ops->detach(space, fd_b);
	story_expect("leave ");
	assert_false(is_open(kernel.group_fd[1]));
}

static void test_two_groups(void **state)
{
	struct broker_device a = device_at(1, 1), b = device_at(2, 2);
	char expected[128];
	int fd_a, fd_b;

	assert_int_equal(space->ops->attach(space, &a, NULL, &fd_a), 0);
	story_forget();
	assert_int_equal(space->ops->attach(space, &b, NULL, &fd_b), 0);
	/* The container has its IOMMU already. */
	snprintf(expected, sizeof(expected), "open2 enter kvm+%d device:0000:02:00.0 ", kernel.group_fd[2]);
	story_expect(expected);
	space->ops->detach(space, fd_a);
	space->ops->detach(space, fd_b);
	story_forget();
	/* After the last one left it needs it again. */
	assert_int_equal(space->ops->attach(space, &b, NULL, &fd_b), 0);
	snprintf(expected, sizeof(expected), "open2 enter iommu kvm+%d device:0000:02:00.0 ",
		 kernel.group_fd[2]);
	story_expect(expected);
	space->ops->detach(space, fd_b);
}

static void test_not_viable(void **state)
{
	struct broker_device which = device_at(1, 1);
	int fd;

	kernel.status = 0;
	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -EPERM);
	assert_non_null(strstr(error_get()->because, "IOMMU group 1 is not viable"));
	assert_non_null(strstr(error_get()->remedy, "handfast check 0000:01:00.0"));
	assert_false(is_open(kernel.group_fd[1]));
	kernel.status = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -EBUSY);
	story_forget();
}

static void test_no_interrupt_remapping(void **state)
{
	struct broker_device which = device_at(1, 1);
	int fd;

	kernel.set_iommu = EPERM;
	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -EPERM);
	story_expect("open1 enter iommu leave ");
	assert_non_null(strstr(error_get()->because, "no interrupt remapping"));
	assert_null(strstr(error_get()->remedy, "allow_unsafe_interrupts"));
	assert_false(is_open(kernel.group_fd[1]));
}

static void test_second_group_does_not_fit(void **state)
{
	struct broker_device a = device_at(1, 1), b = device_at(2, 2);
	int fd, other;

	assert_int_equal(space->ops->attach(space, &a, NULL, &fd), 0);
	kernel.set_container = EINVAL;
	assert_int_equal(space->ops->attach(space, &b, NULL, &other), -EINVAL);
	assert_non_null(strstr(error_get()->because, "group 2 cannot share the address space"));
	assert_false(is_open(kernel.group_fd[2]));
	assert_true(is_open(fd));
	space->ops->detach(space, fd);
	story_forget();
}

static void test_device_refused(void **state)
{
	struct broker_device which = device_at(1, 1);
	char expected[192];
	int fd;

	kernel.device = EACCES;
	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -EACCES);
	snprintf(expected, sizeof(expected), "open1 enter iommu kvm+%d device:0000:01:00.0 kvm-%d leave ",
		 kernel.group_fd[1], kernel.group_fd[1]);
	story_expect(expected);
	assert_non_null(strstr(error_get()->because, "wants a VF token"));
	assert_false(is_open(kernel.group_fd[1]));
	assert_int_equal(space->ops->attach(space, &which, "00112233-4455-6677-8899-aabbccddeeff", &fd),
			 -EACCES);
	assert_non_null(strstr(error_get()->because, "not the VF token"));
	snprintf(expected, sizeof(expected),
		 "open1 enter iommu kvm+%d device:0000:01:00.0 vf_token=00112233-4455-6677-8899-aabbccddeeff "
		 "kvm-%d leave ",
		 kernel.group_fd[1], kernel.group_fd[1]);
	story_expect(expected);
	kernel.device = ENODEV;
	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -ENODEV);
	assert_non_null(strstr(error_get()->because, "has left the host or its driver meanwhile"));
	assert_non_null(strstr(error_get()->remedy, "handfast check 0000:01:00.0"));
	story_forget();
}

static void test_group_busy(void **state)
{
	struct broker_device which = device_at(1, 99);
	int fd;

	assert_int_equal(space->ops->attach(space, &which, NULL, &fd), -EBUSY);
	assert_non_null(strstr(error_get()->because, "process 1"));
}

static void test_map(void **state)
{
	static char memory[8192];

	assert_int_equal(space->ops->map(space, 0x100000, memory, 8192, VFIO_MAP_READ | VFIO_MAP_WRITE), 0);
	assert_int_equal(kernel.mapped.flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	assert_int_equal(kernel.mapped.iova, 0x100000);
	assert_int_equal(kernel.mapped.vaddr, (uintptr_t)memory);
	assert_int_equal(kernel.mapped.size, 8192);
	assert_int_equal(space->ops->map(space, 0, memory, 4096, VFIO_MAP_READ), 0);
	assert_int_equal(kernel.mapped.flags, VFIO_DMA_MAP_FLAG_READ);
	assert_int_equal(space->ops->unmap(space, 0x100000, 8192), 0);
	assert_int_equal(kernel.unmapped.iova, 0x100000);
	assert_int_equal(kernel.unmapped.size, 8192);
	kernel.map = ENOSPC;
	assert_int_equal(space->ops->map(space, 0, memory, 4096, VFIO_MAP_READ), -ENOSPC);
	assert_non_null(strstr(error_get()->because, "dma_entry_limit"));
	kernel.map = ENOMEM;
	assert_int_equal(space->ops->map(space, 0, memory, 4096, VFIO_MAP_READ), -ENOMEM);
	kernel.map = EFAULT;
	assert_int_equal(space->ops->map(space, 0x1000, memory, 4096, VFIO_MAP_READ), -EFAULT);
	assert_non_null(strstr(error_get()->because, "0x1000 to 0x1fff"));
}

static void expect_usage(unsigned mappings, unsigned limit)
{
	struct vfio_iospace_usage usage;

	space->ops->usage(space, &usage);
	assert_int_equal(usage.mappings, mappings);
	assert_int_equal(usage.limit, limit);
}

static void expect_advice(const char *limit)
{
	char expected[160];

	snprintf(
		expected, sizeof(expected),
		"echo %s > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit    (as root; it holds for "
		"VMs that start later)",
		limit);
	assert_string_equal(error_get()->remedy, expected);
}

/* More than what was too little, wherever the limit stands. */
static void test_advised_limit(void **state)
{
	static const struct {
		unsigned limit;
		const char *advice;
	} cases[] = {
		{ 1, "65535" },	      { 65534, "65535" },	  { 65535, "131070" },
		{ 131070, "262140" }, { UINT_MAX, "4294967295" },
	};
	static char memory[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct broker_device a = device_at(1, 1);
		int fd;

		kernel.avail = cases[i].limit;
		assert_int_equal(space->ops->attach(space, &a, NULL, &fd), 0);
		expect_usage(0, cases[i].limit);
		kernel.map = ENOSPC;
		assert_int_equal(space->ops->map(space, 0, memory, 4096, VFIO_MAP_READ), -ENOSPC);
		expect_advice(cases[i].advice);
		space->ops->detach(space, fd);
		kernel.devices = 0;
	}
	story_forget();
}

/* The kernel is not asked for what it would refuse. */
static void test_mappings_are_counted(void **state)
{
	struct broker_device a = device_at(1, 1), b = device_at(2, 2);
	static char memory[4096];
	int fd_a, fd_b;

	expect_usage(0, 65535);
	kernel.avail = 2;
	assert_int_equal(space->ops->attach(space, &a, NULL, &fd_a), 0);
	expect_usage(0, 2);
	assert_int_equal(space->ops->map(space, 0, memory, 4096, VFIO_MAP_READ), 0);
	/* One is in use when the second group comes: the limit stays what it is. */
	assert_int_equal(space->ops->attach(space, &b, NULL, &fd_b), 0);
	expect_usage(1, 2);
	assert_int_equal(space->ops->map(space, 0x1000, memory, 4096, VFIO_MAP_READ), 0);
	expect_usage(2, 2);
	assert_int_equal(space->ops->map(space, 0x2000, memory, 4096, VFIO_MAP_READ), -ENOSPC);
	assert_string_equal(
		error_get()->because,
		"the container has no room for another mapping (0x2000 to 0x2fff): 2 are in use, for "
		"each 256 MiB of guest memory and each BAR one, and the kernel's limit, "
		"dma_entry_limit of vfio_iommu_type1, is 2");
	expect_advice("65535");
	assert_int_equal(kernel.maps, 2);
	assert_int_equal(space->ops->unmap(space, 0x1000, 4096), 0);
	expect_usage(1, 2);
	assert_int_equal(space->ops->map(space, 0x2000, memory, 4096, VFIO_MAP_READ), 0);
	assert_int_equal(space->ops->unmap(space, 0x2000, 4096), 0);
	assert_int_equal(space->ops->unmap(space, 0, 4096), 0);
	expect_usage(0, 2);
	space->ops->detach(space, fd_a);
	space->ops->detach(space, fd_b);
	story_forget();
}

static void test_no_type1(void **state)
{
	struct vfio_iospace *none;
	int container = kernel.container_fd;

	kernel.type1v2 = false;
	assert_int_equal(vfio_type1_create(&fake_sys, NULL, NULL, &none), -ENOTSUP);
	assert_string_equal(error_get()->remedy, "modprobe vfio_iommu_type1");
	assert_false(is_open(kernel.container_fd));
	kernel.version = 7;
	assert_int_equal(vfio_type1_create(&fake_sys, NULL, NULL, &none), -ENOTSUP);
	kernel.container_fd = container;
}

static void test_reset_of_a_bus(void **state)
{
	const struct broker_device a = { .id.bdf = { .bus = 4, .device = 1 }, .group = 1 };
	const struct broker_device b = { .id.bdf = { .bus = 4, .device = 2 }, .group = 2 };
	struct vfio_reset_members members;
	int fd_a, fd_b;

	assert_int_equal(space->ops->attach(space, &a, NULL, &fd_a), 0);
	/* A group that is somebody else's. */
	assert_int_equal(space->ops->reset_members(space, fd_a, &members), -EPERM);
	assert_string_equal(error_get()->because, "0000:04:02.0 on the same bus is not this VM's");
	assert_int_equal(space->ops->attach(space, &b, NULL, &fd_b), 0);
	story_forget();
	assert_int_equal(space->ops->reset_members(space, fd_a, &members), 0);
	assert_int_equal(members.count, 3);
	assert_true(bdf_equal(members.list[1], (struct bdf){ .bus = 4, .device = 1, .function = 1 }));
	assert_true(bdf_equal(members.list[2], b.id.bdf));
	/* Each group once. */
	assert_int_equal(space->ops->reset_bus(space, fd_a), 0);
	story_expect("hot[1,2] ");
	kernel.hot_reset = EBUSY;
	assert_int_equal(space->ops->reset_bus(space, fd_a), -EBUSY);
	/* There is such a reset, so that is how it ended. */
	kernel.hot_reset = ENOTTY;
	assert_int_equal(space->ops->reset_bus(space, fd_a), -ETIMEDOUT);
	assert_string_equal(error_get()->because, "the kernel reset its bus and did not see it come back");
	kernel.reset_info = ENODEV;
	assert_int_equal(space->ops->reset_members(space, fd_a, &members), -ENOTTY);
	space->ops->detach(space, fd_a);
	space->ops->detach(space, fd_b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_of_one_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_viable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_interrupt_remapping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_group_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_advised_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mappings_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_of_a_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_type1, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
