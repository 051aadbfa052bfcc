/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_MEM_MAP_H
#define HANDFAST_MEM_MAP_H

/*
 * The guest physical map: which host memory stands at which guest physical address without a trap,
 * and who has to hear of it (KVM's memory slots, an I/O address space).
 *
 * A region that would overlap one that is already visible is kept waiting, and becomes visible when
 * the other leaves: a guest may put BARs wherever it likes, at no one's cost but its own. RAM is added
 * first and never leaves, so nothing ever covers it.
 *
 * A region that is larger than what its owner has there (a BAR smaller than a page) waits as well while
 * anybody else is trapped in its place, whom it would hide.
 *
 * Listeners are called on the thread that changes the map, one change at a time, with the machine lock
 * dropped (their work is slow), and may not change the map themselves.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "mem/bus.h"
#include "mem/ram.h"

enum mem_kind {
	MEM_KIND_RAM,
	MEM_KIND_DEVICE, /* a BAR of an assigned device */
	MEM_KIND_ROM,	 /* the guest reads it; its writes are trapped */
};

/* Embedded in its owner, unchanged while in the map. */
struct mem_region {
	gpa_t start;   /* multiple of 4 KiB */
	uint64_t size; /* multiple of 4 KiB, not 0 */
	void *host;
	enum mem_kind kind;
	bool alone;	  /* no device but its own (MEM_KIND_RAM: none) is to reach it */
	const char *name; /* for messages */
	/* NULL, or where its owner's own accesses are trapped: visible only while nobody but `own` is on it
	 * in the region's place. */
	struct mem_bus *bus;
	const struct mem_io *own;

	/* mem/map.c's own */
	struct mem_region *next;
	bool visible;
	void *slots[4]; /* one word for each listener: see mem_region_cookie() */
};

struct mem_listener {
	/* The region becomes visible. On an error (a cause is recorded) earlier listeners are told that
	 * it left, and it stays invisible. */
	int (*add)(struct mem_listener *listener, struct mem_region *region);
	void (*remove)(struct mem_listener *listener, struct mem_region *region);

	unsigned index; /* mem/map.c's own */
};

#define MEM_LISTENERS_MAX 4

struct mem_map;

/* forbidden: ranges that no region may touch (the local APICs, say); copied. */
int mem_map_create(struct lock *machine_lock, const struct mem_range *forbidden, size_t count,
		   struct mem_map **ret_map);
void mem_map_destroy(struct mem_map *map);

/* The listener hears of every visible region now and of each change from now on. An error of its
 * add() is returned, and then it is not listening. */
int mem_map_listen(struct mem_map *map, struct mem_listener *listener);
/* remove() is called for every visible region. */
void mem_map_unlisten(struct mem_map *map, struct mem_listener *listener);

/* Returns 0 also where the region has to wait (see above); region->visible tells. An error comes from
 * a listener, and then the region is not in the map. */
int mem_map_add(struct mem_map *map, struct mem_region *region);
void mem_map_remove(struct mem_map *map, struct mem_region *region); /* not in the map: nothing happens */

/* Whether the region is in the map and visible. Any thread. */
bool mem_map_shows(struct mem_map *map, const struct mem_region *region);

/* Shows every visible region to look, until it returns something else than 0, which is returned. Changes of
 * the map wait meanwhile, so look is quick; it may not change the map. */
int mem_map_each(struct mem_map *map, int (*look)(void *opaque, const struct mem_region *region),
		 void *opaque);

/* Who is on a bus has changed: to be called after each change that may concern a region with one. */
void mem_map_revise(struct mem_map *map);

/* A listener's own word for a region (a slot number, say); NULL at first. */
void mem_region_cookie_set(struct mem_region *region, const struct mem_listener *listener, void *cookie);
void *mem_region_cookie(const struct mem_region *region, const struct mem_listener *listener);

#endif
