/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/slots.h"

#include <stddef.h>
#include <stdint.h>

/* A region's cookie is its slot number plus one: NULL means none. */

static int add(struct mem_listener *listener, struct mem_region *region)
{
	struct slots *slots = (struct slots *)((char *)listener - offsetof(struct slots, listener));
	uint32_t slot;
	int error = kvm_slot_add(slots->vm, region->start, region->size, region->host,
				 region->kind == MEM_KIND_ROM, &slot);

	if (error == 0)
		mem_region_cookie_set(region, listener, (void *)(uintptr_t)(slot + 1));
	return error;
}

static void remove_region(struct mem_listener *listener, struct mem_region *region)
{
	struct slots *slots = (struct slots *)((char *)listener - offsetof(struct slots, listener));
	uintptr_t cookie = (uintptr_t)mem_region_cookie(region, listener);

	if (cookie != 0)
		kvm_slot_remove(slots->vm, (uint32_t)(cookie - 1));
	mem_region_cookie_set(region, listener, NULL);
}

void slots_init(struct slots *slots, struct kvm_vm *vm)
{
	*slots = (struct slots){ .listener = { .add = add, .remove = remove_region }, .vm = vm };
}
