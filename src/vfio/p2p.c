/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device reaches another one's BAR by DMA at the address where the guest's processors see it. BARs are no
 * memory: nothing is pinned, and a device that uses them needs a way between the two in the host's hardware
 * too. Nothing of a guest's work depends on it unless its drivers ask for it, so a failure is said and passed
 * over.
 */
#include "vfio/p2p-priv.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static struct vfio_p2p *to_p2p(struct mem_listener *listener)
{
	return (struct vfio_p2p *)((char *)listener - offsetof(struct vfio_p2p, listener));
}

static int p2p_add(struct mem_listener *listener, struct mem_region *region)
{
	struct vfio_p2p *p2p = to_p2p(listener);

	mem_region_cookie_set(region, listener, NULL);
	if (region->kind != MEM_KIND_DEVICE || region->alone)
		return 0;
	if (p2p->space->ops->map(p2p->space, region->start, region->host, region->size,
				 VFIO_MAP_READ | VFIO_MAP_WRITE) == 0) {
		mem_region_cookie_set(region, listener, p2p);
		return 0;
	}
	if (!p2p->said)
		log_warning("%s at 0x%llx is out of other devices' reach: %s (x-no-p2p=on for its device, "
			    "where none "
			    "needs it)",
			    region->name, (unsigned long long)region->start, error_get()->because);
	p2p->said = true;
	return 0;
}

static void p2p_remove(struct mem_listener *listener, struct mem_region *region)
{
	struct vfio_p2p *p2p = to_p2p(listener);

	if (mem_region_cookie(region, listener) &&
	    p2p->space->ops->unmap(p2p->space, region->start, region->size))
		log_failure(error_get());
}

int vfio_p2p_start(struct vfio_p2p *p2p, struct mem_map *map, struct vfio_iospace *space)
{
	int error;

	*p2p = (struct vfio_p2p){
		.listener = { .add = p2p_add, .remove = p2p_remove },
		.space = space,
	};
	error = mem_map_listen(map, &p2p->listener);
	if (!error)
		p2p->map = map;
	return error;
}

void vfio_p2p_stop(struct vfio_p2p *p2p)
{
	if (p2p->map)
		mem_map_unlisten(p2p->map, &p2p->listener);
	p2p->map = NULL;
}
