/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_MEM_BUS_H
#define HANDFAST_MEM_BUS_H

/*
 * Dispatch of trapped accesses: one bus for memory-mapped I/O, one for I/O ports.
 *
 * The handler is looked up under the machine lock and called without it; devices take their own lock.
 * Ranges may overlap (a guest's doing): the range added first answers. An access that nobody claims
 * reads all-ones and writes nothing. An access is given to the range that holds its first byte, with
 * the width the guest used (1 to 8 bytes, I/O ports 1, 2 or 4), any alignment, and may reach past the
 * range's end: handlers cope.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

struct mem_io_ops {
	/* offset is from the start that the range had when the access was looked up. Any vCPU thread,
	 * several at once. */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
	void (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
};

/* Embedded in its owner. */
struct mem_io {
	uint64_t start;
	uint64_t size;
	const struct mem_io_ops *ops;
	void *opaque;
	const char *name;

	/* mem/bus.c's own */
	struct mem_io *next;
	unsigned busy; /* handlers at work */
	bool overlaid; /* a range added earlier holds some of its addresses */
	uint64_t hits; /* accesses so far */
};

struct mem_bus;

int mem_bus_create(struct lock *machine_lock, struct mem_bus **ret_bus);
void mem_bus_destroy(struct mem_bus *bus);

/* start and size are read here and must not change until mem_bus_remove(). */
void mem_bus_add(struct mem_bus *bus, struct mem_io *io);
/* No new access finds it; one at work may still be. Callable from a handler. Not added: no effect. */
void mem_bus_remove(struct mem_bus *bus, struct mem_io *io);
/* Whether a range other than own holds any address of [start, start + size), which is not empty. */
bool mem_bus_shared(struct mem_bus *bus, const struct mem_io *own, uint64_t start, uint64_t size);
/* Waits until no handler of io is at work. Not from one of its handlers, no lock held. */
void mem_bus_drain(struct mem_bus *bus, struct mem_io *io);

/* From vCPU threads. data: size bytes, little-endian, as the guest sees them. */
void mem_bus_read(struct mem_bus *bus, uint64_t address, void *ret_data, unsigned size);
void mem_bus_write(struct mem_bus *bus, uint64_t address, const void *data, unsigned size);

#endif
