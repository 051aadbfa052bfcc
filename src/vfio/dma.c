/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mirrors the guest's RAM into an I/O address space: a device sees memory where the guest's processors do.
 *
 * The kernel holds a lock for the whole of each map call and cannot be interrupted in it, so no call
 * maps more than VFIO_DMA_PIECE. (BARs of other devices: p2p.c.)
 */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "vfio/dma-priv.h"

static struct vfio_dma *to_dma(struct mem_listener *listener)
{
	return (struct vfio_dma *)((char *)listener - offsetof(struct vfio_dma, listener));
}

static uint64_t piece_at(uint64_t done, uint64_t size)
{
	return size - done < VFIO_DMA_PIECE ? size - done : VFIO_DMA_PIECE;
}

/* Who has CAP_IPC_LOCK may pin without limit. */
static bool limit_is_moot(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return !syscall(SYS_capget, &header, data) && data[0].effective & 1u << CAP_IPC_LOCK;
}

/* Pinning failed for want of memory: the limit is why, nearly always. */
static int explain_nomem(const struct vfio_dma *dma)
{
	char need[32], have[32], mapped[32];
	struct rlimit limit;

	text_size(dma->need, need, sizeof(need));
	text_size(dma->mapped, mapped, sizeof(mapped));
	if (!limit_is_moot() && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < dma->need) {
		error_add("the memory lock limit is too low: the guest's memory needs %s, the limit is %s",
			  need, text_size(limit.rlim_cur, have, sizeof(have)));
		return error_try("raise the limit above %s: LimitMEMLOCK= in a systemd unit, memlock in "
				 "/etc/security/limits.conf, or ulimit -l in a root shell",
				 need);
	}
	error_add("%s of %s were pinned before; the host has run out of memory, or this user has pinned too "
		  "much in "
		  "other processes",
		  mapped, need);
	return error_try("give the guest less memory (-m), or free memory on the host");
}

bool vfio_dma_concerns(const struct mem_region *region)
{
	return region->kind == MEM_KIND_RAM && !region->alone;
}

static void unmap_pieces(struct vfio_dma *dma, const struct mem_region *region, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t piece = piece_at(done, size);

		if (dma->space->ops->unmap(dma->space, region->start + done, piece))
			log_failure(error_get());
		else
			dma->mapped -= piece;
		done += piece;
	}
}

static int dma_add(struct mem_listener *listener, struct mem_region *region)
{
	struct vfio_dma *dma = to_dma(listener);
	int error;

	if (!vfio_dma_concerns(region))
		return 0;
	for (uint64_t done = 0; done < region->size;) {
		uint64_t piece = piece_at(done, region->size);

		error = dma->space->ops->map(dma->space, region->start + done, (char *)region->host + done,
					     piece, VFIO_MAP_READ | VFIO_MAP_WRITE);
		if (error) {
			struct error why;

			if (error == -ENOMEM)
				explain_nomem(dma);
			why = *error_get();
			unmap_pieces(dma, region, done);
			return error_load(&why);
		}
		dma->mapped += piece;
		done += piece;
	}
	return 0;
}

static void dma_remove(struct mem_listener *listener, struct mem_region *region)
{
	if (vfio_dma_concerns(region))
		unmap_pieces(to_dma(listener), region, region->size);
}

static int need_add(struct mem_listener *listener, struct mem_region *region)
{
	if (vfio_dma_concerns(region))
		to_dma(listener)->need += region->size;
	return 0;
}

static void need_remove(struct mem_listener *listener, struct mem_region *region) {}

int vfio_dma_need(struct mem_map *map, uint64_t *ret_bytes)
{
	struct vfio_dma counter = { .listener = { .add = need_add, .remove = need_remove } };
	int error = mem_map_listen(map, &counter.listener);

	if (error)
		return error;
	*ret_bytes = counter.need;
	mem_map_unlisten(map, &counter.listener);
	return 0;
}

int vfio_dma_start(struct vfio_dma *dma, struct mem_map *map, struct vfio_iospace *space, uint64_t need)
{
	memset(dma, 0, sizeof(*dma));
	dma->listener.add = dma_add;
	dma->listener.remove = dma_remove;
	dma->map = map;
	dma->space = space;
	dma->need = need;
	return mem_map_listen(map, &dma->listener);
}

void vfio_dma_stop(struct vfio_dma *dma)
{
	mem_map_unlisten(dma->map, &dma->listener);
}
