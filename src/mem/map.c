/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The regions stand in one list, in the order in which they were added; that order decides who becomes
 * visible first when two of them waited for the same place. A region is visible when every listener
 * knows it. No two visible regions overlap and none touches a forbidden range, so listeners never see an
 * overlap whatever a guest does with its BARs.
 *
 * A region with a bus gives way to whoever is trapped beside its owner. That one is on the bus first and
 * calls mem_map_revise() then; of two that come at once, the one that gets `update` later sees the other.
 *
 * `update` is held for the whole of a change, listeners included, so changes come one at a time, and the
 * thread that holds it reads the list freely. The machine lock is taken under it for each edit.
 */
#include "mem/map.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

#define PAGE_MASK 4095ULL

struct mem_map {
	struct lock *lock;	/* the machine's */
	pthread_mutex_t update; /* serialises changes */
	struct mem_region *regions;
	struct mem_listener *listeners[MEM_LISTENERS_MAX]; /* NULL: free */
	struct log_limit refused;			   /* waiting regions that could not be shown */
	size_t forbidden_count;
	struct mem_range forbidden[];
};

/* No overflow at the top of the address space: differences only. Neither size is 0. */
static bool overlap(gpa_t a, uint64_t a_size, gpa_t b, uint64_t b_size)
{
	return a <= b ? b - a < a_size : a - b < b_size;
}

int mem_map_create(struct lock *machine_lock, const struct mem_range *forbidden, size_t count,
		   struct mem_map **ret_map)
{
	struct mem_map *map = calloc(1, sizeof(*map) + count * sizeof(*forbidden));

	if (!map)
		return error_sys(ENOMEM, "allocating the guest's memory map");
	map->lock = machine_lock;
	pthread_mutex_init(&map->update, NULL);
	map->forbidden_count = count;
	for (size_t i = 0; i < count; i++)
		map->forbidden[i] = forbidden[i];
	*ret_map = map;
	return 0;
}

void mem_map_destroy(struct mem_map *map)
{
	if (!map)
		return;
	pthread_mutex_destroy(&map->update);
	free(map);
}

/* Whether the region's place is free: of forbidden ranges, of visible regions, of whom it would hide. */
static bool place_free(const struct mem_map *map, const struct mem_region *region)
{
	for (size_t i = 0; i < map->forbidden_count; i++) {
		const struct mem_range *range = &map->forbidden[i];

		if (overlap(range->start, range->size, region->start, region->size))
			return false;
	}
	for (const struct mem_region *other = map->regions; other; other = other->next) {
		if (other != region && other->visible &&
		    overlap(other->start, other->size, region->start, region->size))
			return false;
	}
	return !region->bus || !mem_bus_shared(region->bus, region->own, region->start, region->size);
}

static void visible_set(struct mem_map *map, struct mem_region *region, bool visible)
{
	lock_take(map->lock);
	region->visible = visible;
	lock_drop(map->lock);
}

/* Tells listeners [0, count) that the region leaves, the last one first. */
static void listeners_remove(struct mem_map *map, struct mem_region *region, size_t count)
{
	while (count-- > 0) {
		struct mem_listener *listener = map->listeners[count];

		if (!listener)
			continue;
		listener->remove(listener, region);
		region->slots[count] = NULL;
	}
}

/* Tells all listeners of the region. On an error none of them knows it any more. */
static int listeners_add(struct mem_map *map, struct mem_region *region)
{
	for (size_t i = 0; i < MEM_LISTENERS_MAX; i++) {
		struct mem_listener *listener = map->listeners[i];
		struct error cause;

		if (!listener || listener->add(listener, region) == 0)
			continue;
		/* what is undone now must not overwrite why */
		cause = *error_get();
		region->slots[i] = NULL;
		listeners_remove(map, region, i);
		return error_load(&cause);
	}
	return 0;
}

/* Lets everyone in who waited for a place that is free now. There is nobody to return an error to: a region
 * that a listener refuses goes on waiting, and its accesses stay trapped. */
static void waiting_show(struct mem_map *map)
{
	for (struct mem_region *region = map->regions; region; region = region->next) {
		if (region->visible || !place_free(map, region))
			continue;
		if (listeners_add(map, region))
			log_guest(&map->refused, "%s stays trapped: %s", region->name, error_get()->because);
		else
			visible_set(map, region, true);
	}
}

/* Where the region is linked from, or the end of the list. */
static struct mem_region **region_link(struct mem_map *map, const struct mem_region *region)
{
	struct mem_region **link = &map->regions;

	while (*link && *link != region)
		link = &(*link)->next;
	return link;
}

int mem_map_add(struct mem_map *map, struct mem_region *region)
{
	struct mem_region **link;
	bool show;

	if (region->size == 0 || ((region->start | region->size) & PAGE_MASK) ||
	    region->size - 1 > UINT64_MAX - region->start)
		return error_set(EINVAL, "%s: 0x%llx bytes at 0x%llx cannot stand in the guest's memory map",
				 region->name, (unsigned long long)region->size,
				 (unsigned long long)region->start);

	pthread_mutex_lock(&map->update);
	link = region_link(map, region);
	check(!*link);
	for (size_t i = 0; i < MEM_LISTENERS_MAX; i++)
		region->slots[i] = NULL;
	show = place_free(map, region);
	if (show) {
		int ret = listeners_add(map, region);

		if (ret) {
			region->visible = false;
			pthread_mutex_unlock(&map->update);
			return ret;
		}
	}
	lock_take(map->lock);
	region->next = NULL;
	region->visible = show;
	*link = region;
	lock_drop(map->lock);
	pthread_mutex_unlock(&map->update);
	return 0;
}

void mem_map_remove(struct mem_map *map, struct mem_region *region)
{
	struct mem_region **link;

	pthread_mutex_lock(&map->update);
	link = region_link(map, region);
	if (*link) {
		bool seen = region->visible;

		if (seen)
			listeners_remove(map, region, MEM_LISTENERS_MAX);
		lock_take(map->lock);
		*link = region->next;
		region->next = NULL;
		region->visible = false;
		lock_drop(map->lock);
		if (seen)
			waiting_show(map);
	}
	pthread_mutex_unlock(&map->update);
}

bool mem_map_shows(struct mem_map *map, const struct mem_region *region)
{
	bool visible;

	lock_take(map->lock);
	visible = region->visible;
	lock_drop(map->lock);
	return visible;
}

void mem_map_revise(struct mem_map *map)
{
	pthread_mutex_lock(&map->update);
	for (struct mem_region *region = map->regions; region; region = region->next) {
		if (!region->bus || !region->visible || place_free(map, region))
			continue;
		listeners_remove(map, region, MEM_LISTENERS_MAX);
		visible_set(map, region, false);
	}
	waiting_show(map);
	pthread_mutex_unlock(&map->update);
}

/* Tells one listener that every visible region before `end` (NULL: the list's end) leaves. */
static void listener_forget(struct mem_map *map, struct mem_listener *listener, const struct mem_region *end)
{
	for (struct mem_region *region = map->regions; region != end; region = region->next) {
		if (!region->visible)
			continue;
		listener->remove(listener, region);
		region->slots[listener->index] = NULL;
	}
}

/* With map->update held, the listener already in its place. */
static int listener_tell(struct mem_map *map, struct mem_listener *listener)
{
	for (struct mem_region *region = map->regions; region; region = region->next) {
		struct error cause;

		if (!region->visible || listener->add(listener, region) == 0)
			continue;
		cause = *error_get();
		region->slots[listener->index] = NULL;
		listener_forget(map, listener, region);
		return error_load(&cause);
	}
	return 0;
}

int mem_map_listen(struct mem_map *map, struct mem_listener *listener)
{
	unsigned index = 0;
	int ret;

	pthread_mutex_lock(&map->update);
	while (index < MEM_LISTENERS_MAX && map->listeners[index])
		index++;
	if (index == MEM_LISTENERS_MAX) {
		pthread_mutex_unlock(&map->update);
		return error_set(ENOSPC, "the guest's memory map has %u listeners already",
				 MEM_LISTENERS_MAX);
	}
	listener->index = index;
	ret = listener_tell(map, listener);
	if (ret == 0)
		map->listeners[index] = listener;
	pthread_mutex_unlock(&map->update);
	return ret;
}

void mem_map_unlisten(struct mem_map *map, struct mem_listener *listener)
{
	pthread_mutex_lock(&map->update);
	if (listener->index < MEM_LISTENERS_MAX && map->listeners[listener->index] == listener) {
		listener_forget(map, listener, NULL);
		map->listeners[listener->index] = NULL;
	}
	pthread_mutex_unlock(&map->update);
}

int mem_map_each(struct mem_map *map, int (*look)(void *opaque, const struct mem_region *region),
		 void *opaque)
{
	int ret = 0;

	pthread_mutex_lock(&map->update);
	for (const struct mem_region *region = map->regions; region && ret == 0; region = region->next) {
		if (region->visible)
			ret = look(opaque, region);
	}
	pthread_mutex_unlock(&map->update);
	return ret;
}

void mem_region_cookie_set(struct mem_region *region, const struct mem_listener *listener, void *cookie)
{
	region->slots[listener->index] = cookie;
}

void *mem_region_cookie(const struct mem_region *region, const struct mem_listener *listener)
{
	return region->slots[listener->index];
}
