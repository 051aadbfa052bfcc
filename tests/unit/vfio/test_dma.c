/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "vfio/dma-priv.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct vfio_iospace space;
static struct vfio_iospace_range range[2];
static size_t ranges;
static struct vfio_iospace_usage usage;
static struct broker_range reserved[2];
static int reserved_error;
static unsigned fail_after; /* maps that work before one fails with ENOMEM */
static struct lock machine;
static struct mem_map *map;
static struct vfio_dma dma;
static const struct vfio_progress nobody;
static struct mem_region *moving; /* a BAR that the guest moves while memory is mapped */

static int space_map(struct vfio_iospace *of, iova_t iova, void *host, uint64_t length, unsigned flags)
{
	assert_int_equal(flags, VFIO_MAP_READ | VFIO_MAP_WRITE);
	/* The guest's addresses are ours here, less an offset. */
	assert_int_equal((uintptr_t)host, iova + 0x7000000000);
	if (fail_after && !--fail_after)
		return error_set(ENOMEM, "the fake space is full");
	story_add("+%lluM@%llx ", (unsigned long long)(length / MIB), (unsigned long long)iova);
	if (moving) {
		mem_map_remove(map, moving);
		moving->start += 4096;
		assert_int_equal(mem_map_add(map, moving), 0);
	}
	return 0;
}

static int space_unmap(struct vfio_iospace *of, iova_t iova, uint64_t length)
{
	story_add("-%lluM@%llx ", (unsigned long long)(length / MIB), (unsigned long long)iova);
	return 0;
}

static const struct vfio_iospace_range *space_ranges(struct vfio_iospace *of, size_t *ret_count)
{
	*ret_count = ranges;
	return range;
}

static void space_usage(struct vfio_iospace *of, struct vfio_iospace_usage *ret_usage)
{
	*ret_usage = usage;
}

int broker_group_reserved(struct broker *broker, uint32_t group,
			  struct broker_range ret_list[BROKER_RANGES_MAX], size_t *ret_count)
{
	assert_int_equal(group, 14);
	if (reserved_error)
		return error_set(reserved_error, "the broker has ended");
	memcpy(ret_list, reserved, sizeof(reserved));
	*ret_count = 2;
	return 0;
}

static const struct vfio_iospace_ops ops = {
	.map = space_map, .unmap = space_unmap, .ranges = space_ranges, .usage = space_usage
};

static struct mem_region ram_at(gpa_t start, uint64_t size)
{
	return (struct mem_region){
		.start = start,
		.size = size,
		.host = (void *)(uintptr_t)(start + 0x7000000000),
		.kind = MEM_KIND_RAM,
		.name = "RAM",
	};
}

static int setup(void **state)
{
	space.ops = &ops;
	ranges = 0;
	usage = (struct vfio_iospace_usage){ .limit = 65535 };
	reserved_error = 0;
	fail_after = 0;
	story_forget();
	lock_init(&machine);
	return mem_map_create(&machine, NULL, 0, &map);
}

static int teardown(void **state)
{
	mem_map_destroy(map);
	lock_fini(&machine);
	return 0;
}

static void test_pieces(void **state)
{
	struct mem_region low = ram_at(0, 600 * MIB), high = ram_at(4 * GIB, 256 * MIB);
	struct mem_region bar = { .start = 3 * GIB, .size = 4096, .kind = MEM_KIND_DEVICE, .name = "BAR" };
	uint64_t need;

	assert_int_equal(mem_map_add(map, &low), 0);
	assert_int_equal(mem_map_add(map, &high), 0);
	assert_int_equal(mem_map_add(map, &bar), 0);
	vfio_dma_need(map, &need);
	assert_int_equal(need, 856 * MIB);
	story_expect("");
	moving = &bar;
	assert_int_equal(vfio_dma_start(&dma, map, &space, need, &nobody), 0);
	moving = NULL;
	story_expect("+256M@0 +256M@10000000 +88M@20000000 +256M@100000000 ");
	assert_int_equal(dma.mapped, need);
	vfio_dma_stop(&dma);
	story_expect("-256M@100000000 -256M@0 -256M@10000000 -88M@20000000 ");
	assert_int_equal(dma.mapped, 0);
	mem_map_remove(map, &low);
	story_expect("");
}

/* As an ordinary user; who is root has no limit. */
static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void test_no_memory(void **state)
{
	struct mem_region low = ram_at(0, GIB);
	struct rlimit before, limit;

	assert_int_equal(mem_map_add(map, &low), 0);
	fail_after = 3;
	drop_ipc_lock();
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	limit = (struct rlimit){ .rlim_cur = 64 << 10, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	assert_int_equal(vfio_dma_start(&dma, map, &space, GIB, &nobody), -ENOMEM);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	story_expect("+256M@0 +256M@10000000 -256M@0 -256M@10000000 ");
	assert_non_null(strstr(error_get()->because, "needs 1 GiB, the limit is 64 KiB"));
	assert_non_null(strstr(error_get()->remedy, "LimitMEMLOCK="));
	/* It is not the limit's fault always. */
	fail_after = 2;
	assert_int_equal(vfio_dma_start(&dma, map, &space, 4096, &nobody), -ENOMEM);
	assert_non_null(strstr(error_get()->because, "256 MiB of 4 KiB were pinned before"));
}

static void test_outside_of_the_ranges(void **state)
{
	struct mem_region low = ram_at(0, GIB), high = ram_at(4 * GIB, GIB), apart = ram_at(6 * GIB, GIB);

	apart.alone = true; /* no device reaches it: of no concern */
	assert_int_equal(mem_map_add(map, &low), 0);
	assert_int_equal(mem_map_add(map, &high), 0);
	assert_int_equal(mem_map_add(map, &apart), 0);
	assert_int_equal(vfio_dma_check_space(map, &space), 0); /* nothing is known */
	range[0] = (struct vfio_iospace_range){ 0, 0xfedfffff };
	range[1] = (struct vfio_iospace_range){ 0xfef00000, 5 * GIB - 1 };
	ranges = 2;
	assert_int_equal(vfio_dma_check_space(map, &space), 0);
	/* Both are named: the memory, and what it runs into. */
	range[1].last = 5 * GIB - 4097;
	assert_int_equal(vfio_dma_check_space(map, &space), -EADDRNOTAVAIL);
	assert_string_equal(error_get()->because,
			    "guest memory at 0x100000000 to 0x13fffffff reaches beyond 0x13fffefff, the last "
			    "address that this device's IOMMU translates");
	assert_string_equal(error_get()->remedy, "give the guest less memory: -m 2047M at most");
	range[1].last = 4 * GIB - 1;
	assert_int_equal(vfio_dma_check_space(map, &space), -EADDRNOTAVAIL);
	assert_string_equal(error_get()->because,
			    "guest memory at 0x100000000 to 0x13fffffff reaches beyond 0xffffffff, the last "
			    "address that this device's IOMMU translates\nit has 32 address bits");
	assert_string_equal(error_get()->remedy, "give the guest less memory: -m 1024M at most");
	/* A hole in the midst of it. */
	range[0].last = 0x1fffffff;
	range[1] = (struct vfio_iospace_range){ 0x30000000, 5 * GIB - 1 };
	assert_int_equal(vfio_dma_check_space(map, &space), -EADDRNOTAVAIL);
	assert_string_equal(
		error_get()->because,
		"guest memory at 0x0 to 0x3fffffff overlaps 0x20000000 to 0x2fffffff, which this device's "
		"IOMMU does not translate");
	assert_string_equal(error_get()->remedy,
			    "start the VM anew: its memory is then laid out around that");
	/* Or at its beginning. */
	range[0] = (struct vfio_iospace_range){ 0x1000, 5 * GIB - 1 };
	ranges = 1;
	assert_int_equal(vfio_dma_check_space(map, &space), -EADDRNOTAVAIL);
	assert_non_null(strstr(error_get()->because, "0x0 to 0x3fffffff overlaps 0x0 to 0xfff, which"));
	/* And it begins in one. */
	range[0] = (struct vfio_iospace_range){ 0, 0xefffffff };
	range[1] = (struct vfio_iospace_range){ 0x100001000, 5 * GIB - 1 };
	ranges = 2;
	assert_int_equal(vfio_dma_check_space(map, &space), -EADDRNOTAVAIL);
	assert_non_null(strstr(error_get()->because, "overlaps 0xf0000000 to 0x100000fff, which"));
	story_expect("");
}

static void test_a_group_that_reserves_memory(void **state)
{
	struct mem_region low = ram_at(0, GIB), high = ram_at(4 * GIB, GIB);

	assert_int_equal(mem_map_add(map, &low), 0);
	assert_int_equal(mem_map_add(map, &high), 0);
	reserved[0] = (struct broker_range){ GIB, 2 * GIB - 1 };
	reserved[1] = (struct broker_range){ 5 * GIB, 6 * GIB - 1 };
	assert_int_equal(vfio_dma_check_group(map, NULL, 14), 0);
	reserved[1].first = 5 * GIB - 1;
	assert_int_equal(vfio_dma_check_group(map, NULL, 14), -EADDRNOTAVAIL);
	assert_string_equal(
		error_get()->because,
		"guest memory at 0x100000000 to 0x13fffffff overlaps 0x13fffffff to 0x17fffffff, which "
		"IOMMU group 14 reserves");
	assert_string_equal(error_get()->remedy,
			    "start the VM anew: its memory is then laid out around that");
	reserved_error = EPIPE;
	assert_int_equal(vfio_dma_check_group(map, NULL, 14), -EPIPE);
	story_expect("");
}

static void test_mappings_are_counted(void **state)
{
	struct mem_region low = ram_at(0, 600 * MIB), high = ram_at(4 * GIB, 256 * MIB);

	assert_int_equal(mem_map_add(map, &low), 0);
	assert_int_equal(mem_map_add(map, &high), 0);
	usage = (struct vfio_iospace_usage){ .mappings = 2, .limit = 6 };
	assert_int_equal(vfio_dma_check_space(map, &space), 0);
	usage.limit = 5;
	assert_int_equal(vfio_dma_check_space(map, &space), -ENOSPC);
	assert_string_equal(
		error_get()->because,
		"guest memory takes 4 mappings, one for each 256 MiB, and the kernel allows 5 in a "
		"container, of which 2 are in use");
	assert_string_equal(
		error_get()->remedy,
		"echo 1028 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit    (as root; it "
		"holds for VMs that start later)");
	usage.limit = 0; /* as many as one wants */
	assert_int_equal(vfio_dma_check_space(map, &space), 0);
	story_expect("");
}

/* Memory that is kept from devices is not theirs, and not pinned. */
static void test_memory_apart(void **state)
{
	struct mem_region low = ram_at(0, MIB), apart = ram_at(MIB, MIB), high = ram_at(2 * MIB, 2 * MIB);
	uint64_t need;

	apart.alone = true;
	assert_int_equal(mem_map_add(map, &low), 0);
	assert_int_equal(mem_map_add(map, &apart), 0);
	assert_int_equal(mem_map_add(map, &high), 0);
	vfio_dma_need(map, &need);
	assert_int_equal(need, 3 * MIB);
	assert_int_equal(vfio_dma_start(&dma, map, &space, need, &nobody), 0);
	story_expect("+1M@0 +2M@200000 ");
	/* Beside what else there is to do; once. */
	vfio_dma_stop_begin(&dma);
	vfio_dma_stop(&dma);
	story_expect("-2M@200000 -1M@0 ");
	assert_int_equal(dma.mapped, 0);
	vfio_dma_stop(&dma);
	story_expect("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outside_of_the_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_group_that_reserves_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mappings_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_apart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
