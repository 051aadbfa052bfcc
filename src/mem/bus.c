/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * A bus is a list of ranges in the order in which they were added, and the first that holds an address
 * answers for it. There are dozens of ranges and an access costs a trap of microseconds, so a scan serves;
 * the range hit last is tried first where no earlier range overlaps it, because drivers poll one register.
 *
 * The machine lock is held to find the range and to count the handler in (`busy`), and again to count it
 * out; never while it runs. Whoever drains a range sleeps on the bus's own condition, and a handler that
 * leaves as the range's last one rings it after it dropped the machine lock, when the range may be gone
 * already: from then on it touches the bus only.
 */
#include "mem/bus.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

struct mem_bus {
	struct lock *lock;	   /* the machine's */
	struct mem_io *ranges;	   /* in the order added */
	struct mem_io *last;	   /* the range hit last, NULL where that must not be a short cut */
	unsigned drainers;	   /* threads in mem_bus_drain(), under the machine lock */
	pthread_mutex_t drain;	   /* taken before the machine lock */
	pthread_cond_t drain_done; /* some range's last handler left */
};

/* What an access needs of its range once the lock is dropped. */
struct target {
	struct mem_io *io;
	const struct mem_io_ops *ops;
	void *opaque;
	uint64_t offset;
};

int mem_bus_create(struct lock *machine_lock, struct mem_bus **ret_bus)
{
	struct mem_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return error_sys(ENOMEM, "allocating a bus");
	bus->lock = machine_lock;
	pthread_mutex_init(&bus->drain, NULL);
	pthread_cond_init(&bus->drain_done, NULL);
	*ret_bus = bus;
	return 0;
}

void mem_bus_destroy(struct mem_bus *bus)
{
	if (!bus)
		return;
	pthread_cond_destroy(&bus->drain_done);
	pthread_mutex_destroy(&bus->drain);
	free(bus);
}

static bool holds(const struct mem_io *io, uint64_t address)
{
	return address >= io->start && address - io->start < io->size;
}

/* size is not 0. */
static bool overlap(const struct mem_io *io, uint64_t start, uint64_t size)
{
	return io->size && (holds(io, start) || (io->start >= start && io->start - start < size));
}

void mem_bus_add(struct mem_bus *bus, struct mem_io *io)
{
	struct mem_io **link = &bus->ranges;

	lock_take(bus->lock);
	io->overlaid = false;
	for (; *link; link = &(*link)->next) {
		check(*link != io);
		io->overlaid |= io->size && overlap(*link, io->start, io->size);
	}
	io->next = NULL;
	*link = io;
	lock_drop(bus->lock);
}

void mem_bus_remove(struct mem_bus *bus, struct mem_io *io)
{
	struct mem_io **link = &bus->ranges;

	lock_take(bus->lock);
	while (*link && *link != io)
		link = &(*link)->next;
	if (*link) {
		*link = io->next;
		io->next = NULL;
		if (bus->last == io)
			bus->last = NULL;
		/* A range that this one overlaid keeps its mark, and only loses the short cut by it. */
	}
	lock_drop(bus->lock);
}

bool mem_bus_shared(struct mem_bus *bus, const struct mem_io *own, uint64_t start, uint64_t size)
{
	bool shared = false;

	lock_take(bus->lock);
	for (const struct mem_io *io = bus->ranges; io && !shared; io = io->next)
		shared = io != own && overlap(io, start, size);
	lock_drop(bus->lock);
	return shared;
}

void mem_bus_drain(struct mem_bus *bus, struct mem_io *io)
{
	bool busy;

	pthread_mutex_lock(&bus->drain);
	lock_take(bus->lock);
	bus->drainers++;
	busy = io->busy > 0;
	lock_drop(bus->lock);
	while (busy) {
		pthread_cond_wait(&bus->drain_done, &bus->drain);
		lock_take(bus->lock);
		busy = io->busy > 0;
		lock_drop(bus->lock);
	}
	lock_take(bus->lock);
	bus->drainers--;
	lock_drop(bus->lock);
	pthread_mutex_unlock(&bus->drain);
}

/* Under the machine lock. */
static struct mem_io *find(struct mem_bus *bus, uint64_t address)
{
	struct mem_io *io = bus->last;

	if (io && holds(io, address))
		return io;
	for (io = bus->ranges; io; io = io->next) {
		if (holds(io, address)) {
			if (!io->overlaid)
				bus->last = io;
			return io;
		}
	}
	return NULL;
}

/* Counts a handler in, where the address belongs to anybody. */
static bool enter(struct mem_bus *bus, uint64_t address, struct target *ret_target)
{
	struct mem_io *io;

	lock_take(bus->lock);
	io = find(bus, address);
	if (io) {
		io->busy++;
		io->hits++;
		*ret_target = (struct target){
			.io = io,
			.ops = io->ops,
			.opaque = io->opaque,
			.offset = address - io->start,
		};
	}
	lock_drop(bus->lock);
	return io != NULL;
}

static void leave(struct mem_bus *bus, struct mem_io *io)
{
	bool ring;

	lock_take(bus->lock);
	io->busy--;
	ring = io->busy == 0 && bus->drainers > 0;
	lock_drop(bus->lock);
	if (!ring)
		return;
	pthread_mutex_lock(&bus->drain);
	pthread_cond_broadcast(&bus->drain_done);
	pthread_mutex_unlock(&bus->drain);
}

void mem_bus_read(struct mem_bus *bus, uint64_t address, void *ret_data, unsigned size)
{
	uint64_t value = UINT64_MAX;
	struct target target;

	check(size >= 1 && size <= sizeof(value));
	if (enter(bus, address, &target)) {
		value = htole64(target.ops->read(target.opaque, target.offset, size));
		leave(bus, target.io);
	}
	memcpy(ret_data, &value, size);
}

void mem_bus_write(struct mem_bus *bus, uint64_t address, const void *data, unsigned size)
{
	struct target target;
	uint64_t value = 0;

	check(size >= 1 && size <= sizeof(value));
	if (!enter(bus, address, &target))
		return;
	memcpy(&value, data, size);
	target.ops->write(target.opaque, target.offset, size, le64toh(value));
	leave(bus, target.io);
}
