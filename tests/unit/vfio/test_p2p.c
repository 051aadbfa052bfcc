/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "vfio/p2p-priv.h"

static struct vfio_iospace space;
static bool space_fails;
static struct lock machine;
static struct mem_map *map;
static struct vfio_p2p p2p;

static int space_map(struct vfio_iospace *of, iova_t iova, void *host, uint64_t length, unsigned flags)
{
	if (space_fails)
		return error_set(EINVAL, "the fake space takes no BARs");
	story_add("+%llx@%llx ", (unsigned long long)length, (unsigned long long)iova);
	return 0;
}

static int space_unmap(struct vfio_iospace *of, iova_t iova, uint64_t length)
{
	story_add("-%llx@%llx ", (unsigned long long)length, (unsigned long long)iova);
	return 0;
}

static const struct vfio_iospace_ops ops = { .map = space_map, .unmap = space_unmap };

static struct mem_region region_at(gpa_t start, enum mem_kind kind)
{
	return (struct mem_region){
		.start = start, .size = 0x4000, .host = &space, .kind = kind, .name = "BAR 0 of 0000:01:00.0"
	};
}

static int setup(void **state)
{
	space.ops = &ops;
	space_fails = false;
	story_forget();
	lock_init(&machine);
	return mem_map_create(&machine, NULL, 0, &map);
}

static int teardown(void **state)
{
	vfio_p2p_stop(&p2p);
	mem_map_destroy(map);
	lock_fini(&machine);
	return 0;
}

static void test_bars_and_nothing_else(void **state)
{
	struct mem_region ram = region_at(0, MEM_KIND_RAM), bar = region_at(0xc0000000, MEM_KIND_DEVICE);
	struct mem_region later = region_at(0xd0000000, MEM_KIND_DEVICE);
	struct mem_region alone = region_at(0xe0000000, MEM_KIND_DEVICE);

	alone.alone = true;
	assert_int_equal(mem_map_add(map, &ram), 0);
	assert_int_equal(mem_map_add(map, &bar), 0);
	assert_int_equal(vfio_p2p_start(&p2p, map, &space), 0);
	story_expect("+4000@c0000000 ");
	assert_int_equal(mem_map_add(map, &later), 0);
	assert_int_equal(mem_map_add(map, &alone), 0);
	story_expect("+4000@d0000000 ");
	mem_map_remove(map, &bar);
	mem_map_remove(map, &alone);
	story_expect("-4000@c0000000 ");
	vfio_p2p_stop(&p2p);
	story_expect("-4000@d0000000 ");
	mem_map_remove(map, &later);
	mem_map_remove(map, &ram);
	story_expect("");
}

/* It costs the guest nothing but that. */
static void test_what_cannot_be_mapped(void **state)
{
	struct mem_region bar = region_at(0xc0000000, MEM_KIND_DEVICE);
	struct mem_region another = region_at(0xd0000000, MEM_KIND_DEVICE);

	assert_int_equal(vfio_p2p_start(&p2p, map, &space), 0);
	space_fails = true;
	fake_log_start();
	assert_int_equal(mem_map_add(map, &bar), 0);
	assert_true(bar.visible);
	assert_string_equal(
		fake_log_take(),
		"handfast: warning: BAR 0 of 0000:01:00.0 at 0xc0000000 is out of other devices' "
		"reach: the fake space takes no BARs (x-no-p2p=on for its device, where none needs "
		"it)\n");
	/* Once, whichever it is: a guest moves BARs at will. */
	mem_map_remove(map, &bar);
	assert_int_equal(mem_map_add(map, &bar), 0);
	assert_int_equal(mem_map_add(map, &another), 0);
	assert_string_equal(fake_log_take(), "");
	mem_map_remove(map, &another);
	fake_log_end();
	mem_map_remove(map, &bar);
	story_expect("");
	space_fails = false;
	assert_int_equal(mem_map_add(map, &bar), 0);
	story_expect("+4000@c0000000 ");
	mem_map_remove(map, &bar);
	story_expect("-4000@c0000000 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bars_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_mapped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
