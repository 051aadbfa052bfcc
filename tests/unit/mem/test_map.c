/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/map.c: who is visible where, who waits, and what listeners hear. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "mem/map.h"

#define PAGE 4096ULL

/* Writes down what it hears, "+name" and "-name", and refuses regions called `refuse`. */
struct ear {
	struct mem_listener listener;
	const char *refuse;
	const struct ear *after; /* must know a region before this one does */
	char heard[512];
	atomic_int inside;
	bool crowded;
};

static void hear(struct ear *ear, char sign, const struct mem_region *region)
{
	size_t used = strlen(ear->heard);

	if (atomic_fetch_add(&ear->inside, 1) != 0)
		ear->crowded = true;
	snprintf(ear->heard + used, sizeof(ear->heard) - used, "%c%s ", sign, region->name);
	atomic_fetch_sub(&ear->inside, 1);
}

static int ear_add(struct mem_listener *listener, struct mem_region *region)
{
	struct ear *ear = (struct ear *)listener;

	assert_null(mem_region_cookie(region, listener));
	if (ear->refuse && strcmp(ear->refuse, region->name) == 0)
		return error_set(ENOSPC, "no room for %s", region->name);
	if (ear->after)
		assert_ptr_equal(mem_region_cookie(region, &ear->after->listener), ear->after);
	mem_region_cookie_set(region, listener, ear);
	hear(ear, '+', region);
	return 0;
}

static void ear_remove(struct mem_listener *listener, struct mem_region *region)
{
	struct ear *ear = (struct ear *)listener;

	assert_ptr_equal(mem_region_cookie(region, listener), ear);
	hear(ear, '-', region);
	error_set(EIO, "noise of a removal"); /* must not take the place of a cause */
}

#define EAR                                                         \
	{                                                           \
		.listener = {.add = ear_add, .remove = ear_remove } \
	}

static void expect(struct ear *ear, const char *heard)
{
	assert_string_equal(ear->heard, heard);
	ear->heard[0] = '\0';
}

struct world {
	struct lock lock;
	struct mem_map *map;
};

static void world_init(struct world *world)
{
	static const struct mem_range apic = { 0xfee00000, 0x100000 };

	lock_init(&world->lock);
	assert_int_equal(mem_map_create(&world->lock, &apic, 1, &world->map), 0);
}

static void world_fini(struct world *world)
{
	mem_map_destroy(world->map);
	mem_map_destroy(NULL);
	lock_fini(&world->lock);
}

static struct mem_region region(const char *name, gpa_t page, uint64_t pages)
{
	return (struct mem_region){
		.start = page * PAGE, .size = pages * PAGE, .kind = MEM_KIND_DEVICE, .name = name
	};
}

static void listener_hears_what_was_and_what_comes(void **state)
{
	struct mem_region ram = region("ram", 0, 16), bar = region("bar", 100, 2);
	struct ear early = EAR, late = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &early.listener), 0);
	assert_int_equal(mem_map_add(world.map, &ram), 0);
	assert_int_equal(mem_map_listen(world.map, &late.listener), 0);
	assert_int_equal(mem_map_add(world.map, &bar), 0);
	expect(&early, "+ram +bar ");
	expect(&late, "+ram +bar ");
	mem_map_remove(world.map, &bar);
	assert_false(bar.visible);
	mem_map_unlisten(world.map, &early.listener);
	expect(&early, "-bar -ram ");
	mem_map_unlisten(world.map, &early.listener);
	mem_map_remove(world.map, &bar);
	mem_map_remove(world.map, &ram);
	expect(&early, "");
	expect(&late, "-bar -ram ");
	world_fini(&world);
}

static void overlapping_waits_its_turn(void **state)
{
	struct mem_region ram = region("ram", 0, 16), a = region("a", 20, 4), b = region("b", 24, 4);
	struct mem_region both = region("both", 23, 2), on_ram = region("on_ram", 15, 2);
	struct mem_region after = region("after", 22, 1), beside = region("beside", 16, 4);
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &ear.listener), 0);
	assert_int_equal(mem_map_add(world.map, &ram), 0);
	assert_int_equal(mem_map_add(world.map, &a), 0);
	assert_int_equal(mem_map_add(world.map, &b), 0);
	assert_int_equal(mem_map_add(world.map, &both), 0);
	assert_int_equal(mem_map_add(world.map, &on_ram), 0);
	assert_int_equal(mem_map_add(world.map, &after), 0);
	assert_false(both.visible || on_ram.visible || after.visible);
	/* page 16 is wanted by a region that waits, which keeps nobody out */
	assert_int_equal(mem_map_add(world.map, &beside), 0);
	assert_true(beside.visible);
	expect(&ear, "+ram +a +b +beside ");

	mem_map_remove(world.map, &a); /* `both` still overlaps b, `after` nobody */
	expect(&ear, "-a +after ");
	mem_map_remove(world.map, &b);
	expect(&ear, "-b +both ");
	mem_map_remove(world.map, &on_ram); /* never visible: nobody hears */
	mem_map_remove(world.map, &both);
	expect(&ear, "-both ");
	world_fini(&world);
}

static void first_to_wait_is_first_served(void **state)
{
	struct mem_region a = region("a", 10, 4), b = region("b", 10, 4), c = region("c", 12, 4);
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &ear.listener), 0);
	assert_int_equal(mem_map_add(world.map, &a), 0);
	assert_int_equal(mem_map_add(world.map, &b), 0);
	assert_int_equal(mem_map_add(world.map, &c), 0);
	mem_map_remove(world.map, &a);
	expect(&ear, "+a -a +b ");
	mem_map_remove(world.map, &b);
	expect(&ear, "-b +c ");
	assert_true(c.visible);
	world_fini(&world);
}

static void larger_than_its_own(void **state)
{
	struct mem_region page = region("page", 20, 1), big = region("big", 20, 2),
			  late = region("late", 20, 1);
	struct mem_io own = { .start = 20 * PAGE, .size = 0x100 };
	struct mem_io before = { .start = 20 * PAGE - 0x10, .size = 0x10 },
		      behind = { .start = 21 * PAGE, .size = 8 };
	struct mem_io in = { .start = 21 * PAGE - 1, .size = 8 }, all = { .start = 0, .size = 100 * PAGE };
	struct mem_bus *bus;
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_bus_create(&world.lock, &bus), 0);
	assert_int_equal(mem_map_listen(world.map, &ear.listener), 0);
	page.bus = bus;
	page.own = &own;
	mem_bus_add(bus, &own);
	mem_bus_add(bus, &before);
	mem_bus_add(bus, &behind);
	assert_int_equal(mem_map_add(world.map, &page), 0);
	mem_map_revise(world.map);
	expect(&ear, "+page ");
	mem_bus_add(bus, &in);
	mem_map_revise(world.map);
	mem_map_revise(world.map);
	expect(&ear, "-page ");
	mem_bus_add(bus, &all);
	mem_bus_remove(bus, &in);
	mem_map_revise(world.map);
	expect(&ear, "");
	mem_bus_remove(bus, &all);
	mem_map_revise(world.map);
	expect(&ear, "+page ");
	/* Who waited for its place gets it, and then it waits like anybody. */
	assert_int_equal(mem_map_add(world.map, &big), 0);
	mem_bus_add(bus, &in);
	mem_map_revise(world.map);
	expect(&ear, "-page +big ");
	mem_bus_remove(bus, &in);
	mem_map_revise(world.map);
	expect(&ear, "");
	mem_map_remove(world.map, &big);
	expect(&ear, "-big +page ");
	/* One that comes into company. */
	mem_map_remove(world.map, &page);
	mem_bus_add(bus, &in);
	late.bus = bus;
	late.own = &own;
	assert_int_equal(mem_map_add(world.map, &late), 0);
	assert_false(late.visible);
	mem_map_remove(world.map, &late);
	expect(&ear, "-page ");
	world_fini(&world);
	mem_bus_destroy(bus);
}

static void forbidden_is_never_shown(void **state)
{
	struct mem_region over = region("over", 0xfed00, 0x200), top = region("top", 0, 1);
	struct mem_region below = region("below", 0xfedff, 1), above = region("above", 0xfef00, 1);
	struct mem_region last = region("last", 0xfeeff, 1);
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &ear.listener), 0);
	assert_int_equal(mem_map_add(world.map, &over), 0);
	assert_int_equal(mem_map_add(world.map, &last), 0);
	assert_int_equal(mem_map_add(world.map, &below), 0);
	assert_int_equal(mem_map_add(world.map, &above), 0);
	top.start = UINT64_MAX - PAGE + 1; /* ends at 2^64 */
	assert_int_equal(mem_map_add(world.map, &top), 0);
	expect(&ear, "+below +above +top ");
	world_fini(&world);
}

static void nonsense_is_refused(void **state)
{
	struct mem_region none = region("none", 1, 0), wrap = region("wrap", 1, 2);
	struct mem_region askew = region("askew", 1, 1);
	struct world world;

	world_init(&world);
	wrap.start = UINT64_MAX - PAGE + 1;
	askew.start = 100;
	assert_int_equal(mem_map_add(world.map, &none), -EINVAL);
	assert_int_equal(mem_map_add(world.map, &wrap), -EINVAL);
	assert_int_equal(mem_map_add(world.map, &askew), -EINVAL);
	assert_non_null(strstr(error_get()->because, "askew"));
	mem_map_remove(world.map, &askew);
	world_fini(&world);
}

static void refusal_rolls_back(void **state)
{
	struct mem_region a = region("a", 1, 1), b = region("b", 2, 1);
	struct ear first = EAR, second = EAR, third = EAR;
	struct world world;

	world_init(&world);
	second.after = &first;
	third.after = &second;
	third.refuse = "b";
	assert_int_equal(mem_map_listen(world.map, &first.listener), 0);
	assert_int_equal(mem_map_listen(world.map, &second.listener), 0);
	assert_int_equal(mem_map_listen(world.map, &third.listener), 0);
	assert_int_equal(mem_map_add(world.map, &a), 0);
	assert_int_equal(mem_map_add(world.map, &b), -ENOSPC);
	assert_string_equal(error_get()->because, "no room for b");
	expect(&first, "+a +b -b ");
	expect(&second, "+a +b -b ");
	expect(&third, "+a ");
	assert_false(b.visible);
	mem_map_remove(world.map, &b); /* not in the map */
	expect(&first, "");
	third.refuse = NULL;
	assert_int_equal(mem_map_add(world.map, &b), 0);
	expect(&third, "+b ");
	world_fini(&world);
}

static void listener_refused_at_start(void **state)
{
	struct mem_region a = region("a", 1, 1), b = region("b", 2, 1);
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_add(world.map, &a), 0);
	assert_int_equal(mem_map_add(world.map, &b), 0);
	ear.refuse = "b";
	assert_int_equal(mem_map_listen(world.map, &ear.listener), -ENOSPC);
	assert_string_equal(error_get()->because, "no room for b");
	expect(&ear, "+a -a ");
	mem_map_remove(world.map, &a);
	mem_map_unlisten(world.map, &ear.listener);
	expect(&ear, "");
	assert_true(b.visible);
	world_fini(&world);
}

static void waiting_region_refused_goes_on_waiting(void **state)
{
	struct mem_region a = region("a", 1, 4), b = region("b", 2, 1), c = region("c", 3, 1);
	struct ear ear = EAR;
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &ear.listener), 0);
	assert_int_equal(mem_map_add(world.map, &a), 0);
	assert_int_equal(mem_map_add(world.map, &b), 0);
	assert_int_equal(mem_map_add(world.map, &c), 0);
	ear.refuse = "b";
	mem_map_remove(world.map, &a);
	expect(&ear, "+a -a +c ");
	assert_false(b.visible);
	ear.refuse = NULL;
	mem_map_remove(world.map, &c);
	expect(&ear, "-c +b ");
	world_fini(&world);
}

static void listeners_are_counted(void **state)
{
	struct ear ears[MEM_LISTENERS_MAX + 1];
	struct world world;

	world_init(&world);
	for (size_t i = 0; i <= MEM_LISTENERS_MAX; i++)
		ears[i] = (struct ear)EAR;
	for (size_t i = 0; i < MEM_LISTENERS_MAX; i++)
		assert_int_equal(mem_map_listen(world.map, &ears[i].listener), 0);
	assert_int_equal(mem_map_listen(world.map, &ears[MEM_LISTENERS_MAX].listener), -ENOSPC);
	mem_map_unlisten(world.map, &ears[1].listener);
	assert_int_equal(mem_map_listen(world.map, &ears[MEM_LISTENERS_MAX].listener), 0);
	world_fini(&world);
}

struct mover {
	struct world *world;
	gpa_t place;
};

/* A device whose BAR comes and goes. */
static void *mover_main(void *opaque)
{
	struct mover *mover = opaque;

	for (unsigned i = 0; i < 2000; i++) {
		struct mem_region bar = region("b", mover->place + i % 3, 2);

		if (mem_map_add(mover->world->map, &bar))
			return "refused";
		mem_map_remove(mover->world->map, &bar);
		if (bar.visible)
			return "visible after its removal";
	}
	return NULL;
}

/* Counts instead of writing down. */
struct meter {
	struct mem_listener listener;
	atomic_int inside;
	int visible;
	bool wrong;
};

static int meter_add(struct mem_listener *listener, struct mem_region *region)
{
	struct meter *meter = (struct meter *)listener;

	if (atomic_fetch_add(&meter->inside, 1) != 0 || mem_region_cookie(region, listener))
		meter->wrong = true;
	meter->visible++;
	mem_region_cookie_set(region, listener, meter);
	atomic_fetch_sub(&meter->inside, 1);
	return 0;
}

static void meter_remove(struct mem_listener *listener, struct mem_region *region)
{
	struct meter *meter = (struct meter *)listener;

	if (atomic_fetch_add(&meter->inside, 1) != 0 || !mem_region_cookie(region, listener))
		meter->wrong = true;
	meter->visible--;
	atomic_fetch_sub(&meter->inside, 1);
}

static void changes_come_one_at_a_time(void **state)
{
	struct meter meter = { .listener = { .add = meter_add, .remove = meter_remove } };
	struct mover movers[3];
	pthread_t threads[3];
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_listen(world.map, &meter.listener), 0);
	for (size_t i = 0; i < 3; i++) {
		movers[i] = (struct mover){ &world, 100 + i };
		assert_int_equal(pthread_create(&threads[i], NULL, mover_main, &movers[i]), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_false(meter.wrong);
	assert_int_equal(meter.visible, 0);
	world_fini(&world);
}

static int look_at(void *opaque, const struct mem_region *region)
{
	char *names = opaque;

	strcat(names, region->name);
	return strcmp(region->name, "bar") == 0 ? 7 : 0;
}

static void each_shows_what_is_visible(void **state)
{
	struct mem_region ram = region("ram", 0, 16), hidden = region("hidden", 8, 1),
			  bar = region("bar", 100, 2), last = region("last", 200, 1);
	char names[64] = "";
	struct world world;

	world_init(&world);
	assert_int_equal(mem_map_add(world.map, &ram), 0);
	assert_int_equal(mem_map_add(world.map, &hidden), 0);
	assert_int_equal(mem_map_each(world.map, look_at, names), 0);
	assert_string_equal(names, "ram");
	names[0] = '\0';
	assert_int_equal(mem_map_add(world.map, &bar), 0);
	assert_int_equal(mem_map_add(world.map, &last), 0);
	assert_int_equal(mem_map_each(world.map, look_at, names), 7);
	assert_string_equal(names, "rambar");
	world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listener_hears_what_was_and_what_comes),
		cmocka_unit_test(overlapping_waits_its_turn),
		cmocka_unit_test(first_to_wait_is_first_served),
		cmocka_unit_test(larger_than_its_own),
		cmocka_unit_test(forbidden_is_never_shown),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(refusal_rolls_back),
		cmocka_unit_test(listener_refused_at_start),
		cmocka_unit_test(waiting_region_refused_goes_on_waiting),
		cmocka_unit_test(listeners_are_counted),
		cmocka_unit_test(each_shows_what_is_visible),
		cmocka_unit_test(changes_come_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
