/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/bus.c: who answers for an address, and that a drained range is quiet. */
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "mem/bus.h"

/* A device that remembers the last access and answers with a value of its own. */
struct thing {
	struct mem_io io;
	uint64_t answer;
	uint64_t offset;
	unsigned size;
	uint64_t written;
	unsigned accesses;
	struct mem_bus *leave; /* takes itself off this bus when it is written to */
};

static uint64_t thing_read(void *opaque, uint64_t offset, unsigned size)
{
	struct thing *thing = opaque;

	thing->offset = offset;
	thing->size = size;
	thing->accesses++;
	return thing->answer;
}

static void thing_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct thing *thing = opaque;

	thing->offset = offset;
	thing->size = size;
	thing->written = value;
	thing->accesses++;
	if (thing->leave)
		mem_bus_remove(thing->leave, &thing->io);
}

static const struct mem_io_ops thing_ops = { .read = thing_read, .write = thing_write };

static void thing_init(struct thing *thing, uint64_t start, uint64_t size, uint64_t answer)
{
	*thing = (struct thing){
		.io = { .start = start, .size = size, .ops = &thing_ops, .opaque = thing, .name = "thing" },
		.answer = answer,
	};
}

struct world {
	struct lock lock;
	struct mem_bus *bus;
};

static void world_init(struct world *world)
{
	lock_init(&world->lock);
	assert_int_equal(mem_bus_create(&world->lock, &world->bus), 0);
}

static void world_fini(struct world *world)
{
	mem_bus_destroy(world->bus);
	mem_bus_destroy(NULL);
	lock_fini(&world->lock);
}

static uint64_t read_at(struct world *world, uint64_t address, unsigned size)
{
	uint64_t value = 0;

	mem_bus_read(world->bus, address, &value, size);
	return value;
}

static void access_reaches_its_range(void **state)
{
	struct thing low, high;
	struct world world;

	world_init(&world);
	thing_init(&low, 0x1000, 0x10, 0x1122334455667788);
	thing_init(&high, 0x1010, 0x10, 0xaabbccdd);
	mem_bus_add(world.bus, &low.io);
	mem_bus_add(world.bus, &high.io);

	assert_int_equal(read_at(&world, 0x1000, 8), 0x1122334455667788);
	assert_int_equal(read_at(&world, 0x100f, 2), 0x7788);
	assert_int_equal(low.offset, 0xf);
	assert_int_equal(low.size, 2); /* reaches past the end, and is given as it is */
	assert_int_equal(read_at(&world, 0x1010, 4), 0xaabbccdd);
	assert_int_equal(high.offset, 0);
	mem_bus_write(world.bus, 0x1013, "\x01\x02\x03", 3);
	assert_int_equal(high.written, 0x030201);
	assert_int_equal(high.size, 3);
	mem_bus_write(world.bus, 0x1018, "\x01\x02\x03\x04\x05\x06\x07\x88", 8);
	assert_int_equal(high.written, 0x8807060504030201);
	assert_int_equal(low.io.hits, 2);
	assert_int_equal(high.io.hits, 3);
	world_fini(&world);
}

static void nobody_answers_with_ones(void **state)
{
	unsigned char data[9] = { 0 };
	struct thing thing;
	struct world world;

	world_init(&world);
	assert_int_equal(read_at(&world, 0, 8), UINT64_MAX);
	thing_init(&thing, 0x100, 0x10, 0);
	mem_bus_add(world.bus, &thing.io);
	mem_bus_read(world.bus, 0xff, data, 2); /* the first byte decides */
	assert_memory_equal(data, "\xff\xff\x00", 3);
	assert_int_equal(read_at(&world, 0x110, 1), 0xff);
	mem_bus_write(world.bus, 0x110, data, 4);
	mem_bus_write(world.bus, UINT64_MAX, data, 4);
	assert_int_equal(thing.accesses, 0);
	world_fini(&world);
}

static void range_reaches_the_top(void **state)
{
	struct thing thing, none;
	struct world world;

	world_init(&world);
	thing_init(&none, 0x100, 0, 2);
	thing_init(&thing, UINT64_MAX - 0xf, 0x10, 1);
	mem_bus_add(world.bus, &none.io);
	mem_bus_add(world.bus, &thing.io);
	assert_int_equal(read_at(&world, UINT64_MAX, 1), 1);
	assert_int_equal(read_at(&world, 0, 1), 0xff);
	assert_int_equal(read_at(&world, 0x100, 1), 0xff);
	world_fini(&world);
}

static void first_added_answers(void **state)
{
	struct thing a, b, c;
	struct world world;

	world_init(&world);
	thing_init(&a, 0x10, 0x10, 0xa);
	thing_init(&b, 0x18, 0x10, 0xb);
	thing_init(&c, 0, 0x100, 0xc);
	mem_bus_add(world.bus, &a.io);
	mem_bus_add(world.bus, &b.io);
	mem_bus_add(world.bus, &c.io);
	for (unsigned round = 0; round < 2; round++) { /* whatever was hit just before */
		assert_int_equal(read_at(&world, 0x00, 1), 0xc);
		assert_int_equal(read_at(&world, 0x10, 1), 0xa);
		assert_int_equal(read_at(&world, 0x20, 1), 0xb);
		assert_int_equal(read_at(&world, 0x18, 1), 0xa);
		assert_int_equal(read_at(&world, 0x27, 1), 0xb);
		assert_int_equal(read_at(&world, 0x1f, 1), 0xa);
		assert_int_equal(read_at(&world, 0x28, 1), 0xc);
	}
	mem_bus_remove(world.bus, &a.io);
	mem_bus_remove(world.bus, &a.io);
	assert_int_equal(read_at(&world, 0x18, 1), 0xb);
	assert_int_equal(read_at(&world, 0x10, 1), 0xc);
	mem_bus_add(world.bus, &a.io); /* last in the row now */
	assert_int_equal(read_at(&world, 0x10, 1), 0xc);
	mem_bus_remove(world.bus, &c.io);
	assert_int_equal(read_at(&world, 0x10, 1), 0xa);
	assert_int_equal(read_at(&world, 0x18, 1), 0xb);
	assert_int_equal(read_at(&world, 0x30, 1), 0xff);
	world_fini(&world);
}

static void moved_range_follows(void **state)
{
	struct thing thing;
	struct world world;

	world_init(&world);
	thing_init(&thing, 0x1000, 0x10, 5);
	mem_bus_add(world.bus, &thing.io);
	assert_int_equal(read_at(&world, 0x1001, 1), 5);
	mem_bus_remove(world.bus, &thing.io);
	thing.io.start = 0x2000;
	mem_bus_add(world.bus, &thing.io);
	assert_int_equal(read_at(&world, 0x1001, 1), 0xff);
	assert_int_equal(read_at(&world, 0x2003, 1), 5);
	assert_int_equal(thing.offset, 3);
	world_fini(&world);
}

static void handler_may_remove_itself(void **state)
{
	struct thing thing;
	struct world world;

	world_init(&world);
	thing_init(&thing, 0, 8, 1);
	thing.leave = world.bus;
	mem_bus_add(world.bus, &thing.io);
	mem_bus_write(world.bus, 4, "x", 1);
	assert_int_equal(thing.accesses, 1);
	assert_int_equal(thing.io.busy, 0);
	assert_int_equal(read_at(&world, 4, 1), 0xff);
	mem_bus_drain(world.bus, &thing.io);
	world_fini(&world);
}

/* A handler that stays inside until it is let go. */
struct gate {
	struct mem_io io;
	sem_t entered;
	sem_t go;
	struct lock *lock;
	atomic_bool out;
};

static uint64_t gate_read(void *opaque, uint64_t offset, unsigned size)
{
	struct gate *gate = opaque;

	lock_take(gate->lock); /* would deadlock if the bus still held it */
	lock_drop(gate->lock);
	sem_post(&gate->entered);
	sem_wait(&gate->go);
	atomic_store(&gate->out, true);
	return 0;
}

static void gate_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {}

struct visit {
	struct world *world;
	struct gate *gate;
	atomic_bool drained;
	bool early;
};

static void *visitor_main(void *opaque)
{
	struct visit *visit = opaque;

	read_at(visit->world, 0, 1);
	return NULL;
}

static void *drainer_main(void *opaque)
{
	struct visit *visit = opaque;

	mem_bus_drain(visit->world->bus, &visit->gate->io);
	visit->early = !atomic_load(&visit->gate->out);
	atomic_store(&visit->drained, true);
	return NULL;
}

static void drain_waits_for_the_handler(void **state)
{
	static const struct mem_io_ops ops = { .read = gate_read, .write = gate_write };
	struct gate gate = { .io = { .size = 1, .ops = &ops, .opaque = &gate, .name = "gate" } };
	struct world world;
	struct visit visit = { .world = &world, .gate = &gate };
	pthread_t visitor, drainer;

	world_init(&world);
	gate.lock = &world.lock;
	sem_init(&gate.entered, 0, 0);
	sem_init(&gate.go, 0, 0);
	mem_bus_add(world.bus, &gate.io);
	assert_int_equal(pthread_create(&visitor, NULL, visitor_main, &visit), 0);
	sem_wait(&gate.entered);
	assert_int_equal(gate.io.busy, 1);
	mem_bus_remove(world.bus, &gate.io);
	assert_int_equal(pthread_create(&drainer, NULL, drainer_main, &visit), 0);
	usleep(20000);
	assert_false(atomic_load(&visit.drained));
	sem_post(&gate.go);
	pthread_join(drainer, NULL);
	pthread_join(visitor, NULL);
	assert_false(visit.early);
	sem_destroy(&gate.entered);
	sem_destroy(&gate.go);
	world_fini(&world);
}

/* Threads hammer a range that comes and goes; once drained, it is dead and must not be reached. */
struct mayfly {
	struct mem_io io;
	atomic_bool alive;
	atomic_uint late;
};

static uint64_t mayfly_read(void *opaque, uint64_t offset, unsigned size)
{
	struct mayfly *mayfly = opaque;

	if (!atomic_load(&mayfly->alive))
		atomic_fetch_add(&mayfly->late, 1);
	return 0x55;
}

struct hammer {
	struct world *world;
	atomic_bool stop;
	atomic_uint hits;
};

static void *hammer_main(void *opaque)
{
	struct hammer *hammer = opaque;

	while (!atomic_load(&hammer->stop))
		if (read_at(hammer->world, 0x40, 1) == 0x55)
			atomic_fetch_add(&hammer->hits, 1);
	return NULL;
}

static void nothing_arrives_after_drain(void **state)
{
	static const struct mem_io_ops ops = { .read = mayfly_read, .write = gate_write };
	struct mayfly mayfly = { .io = { .start = 0x40, .size = 4, .ops = &ops, .opaque = &mayfly } };
	struct world world;
	struct hammer hammer = { .world = &world };
	pthread_t threads[3];

	world_init(&world);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_main, &hammer), 0);
	for (unsigned round = 0; round < 300 || atomic_load(&hammer.hits) < 300; round++) {
		atomic_store(&mayfly.alive, true);
		mem_bus_add(world.bus, &mayfly.io);
		usleep(20);
		mem_bus_remove(world.bus, &mayfly.io);
		mem_bus_drain(world.bus, &mayfly.io);
		atomic_store(&mayfly.alive, false);
	}
	atomic_store(&hammer.stop, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&mayfly.late), 0);
	assert_int_equal(mayfly.io.busy, 0);
	world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_reaches_its_range),    cmocka_unit_test(nobody_answers_with_ones),
		cmocka_unit_test(range_reaches_the_top),       cmocka_unit_test(first_added_answers),
		cmocka_unit_test(moved_range_follows),	       cmocka_unit_test(handler_may_remove_itself),
		cmocka_unit_test(drain_waits_for_the_handler), cmocka_unit_test(nothing_arrives_after_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
