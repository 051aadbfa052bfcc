/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mirrors the guest's RAM into an I/O address space: a device sees memory where the guest's processors do.
 *
 * RAM is in the map before the first device comes and does not change, so it is looked up once and then
 * mapped without the map's lock: a guest that moves its BARs meanwhile does not wait. The kernel holds a lock
 * of its own for the whole of each map call and cannot be interrupted in it, so no call maps more than
 * VFIO_DMA_PIECE. (BARs of other devices: p2p.c.)
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "vfio/dma-priv.h"

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

static void unmap_pieces(struct vfio_dma *dma, const struct vfio_dma_ram *ram, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t piece = piece_at(done, size);

		if (dma->space->ops->unmap(dma->space, ram->start + done, piece))
			log_failure(error_get());
		else
			dma->mapped -= piece;
		done += piece;
	}
}

static int map_piece(struct vfio_dma *dma, iova_t start, char *host, uint64_t piece,
		     const struct vfio_progress *progress)
{
	int error = dma->space->ops->map(dma->space, start, host, piece, VFIO_MAP_READ | VFIO_MAP_WRITE);

	if (error)
		return error == -ENOMEM ? explain_nomem(dma) : error;
	dma->mapped += piece;
	if (!progress->tell || progress->tell(progress->opaque, dma->mapped, dma->need))
		return 0;
	if (dma->space->ops->unmap(dma->space, start, piece))
		log_failure(error_get());
	dma->mapped -= piece;
	return error_set(ECANCELED, "it is not wanted any more");
}

static int map_pieces(struct vfio_dma *dma, const struct vfio_dma_ram *ram,
		      const struct vfio_progress *progress)
{
	for (uint64_t done = 0; done < ram->size;) {
		uint64_t piece = piece_at(done, ram->size);
		int error = map_piece(dma, ram->start + done, ram->host + done, piece, progress);

		if (error) {
			struct error why = *error_get();

			unmap_pieces(dma, ram, done);
			return error_load(&why);
		}
		done += piece;
	}
	return 0;
}

static int need_look(void *opaque, const struct mem_region *region)
{
	uint64_t *need = opaque;

	if (vfio_dma_concerns(region))
		*need += region->size;
	return 0;
}

void vfio_dma_need(struct mem_map *map, uint64_t *ret_bytes)
{
	*ret_bytes = 0;
	(void)mem_map_each(map, need_look, ret_bytes);
}

static int ram_look(void *opaque, const struct mem_region *region)
{
	struct vfio_dma *dma = opaque;

	if (!vfio_dma_concerns(region))
		return 0;
	check(dma->ram_count < VFIO_DMA_RAM_MAX);
	dma->ram[dma->ram_count++] =
		(struct vfio_dma_ram){ .start = region->start, .size = region->size, .host = region->host };
	return 0;
}

/* The first `count` blocks of RAM, the last one first. */
static void unmap_blocks(struct vfio_dma *dma, size_t count)
{
	while (count-- > 0)
		unmap_pieces(dma, &dma->ram[count], dma->ram[count].size);
}

int vfio_dma_start(struct vfio_dma *dma, struct mem_map *map, struct vfio_iospace *space, uint64_t need,
		   const struct vfio_progress *progress)
{
	int error = 0;

	dma->space = space;
	dma->ram_count = 0;
	atomic_store(&dma->mapped, 0);
	atomic_store(&dma->need, need);
	(void)mem_map_each(map, ram_look, dma);
	for (size_t i = 0; !error && i < dma->ram_count; i++) {
		error = map_pieces(dma, &dma->ram[i], progress);
		if (error) {
			struct error why = *error_get();

			unmap_blocks(dma, i);
			atomic_store(&dma->need, 0);
			return error_load(&why);
		}
	}
	return 0;
}

static void *stop(void *opaque)
{
	struct vfio_dma *dma = opaque;

	unmap_blocks(dma, dma->ram_count);
	return NULL;
}

void vfio_dma_stop_begin(struct vfio_dma *dma)
{
	dma->stopping = pthread_create(&dma->stopper, NULL, stop, dma) == 0;
}

void vfio_dma_stop(struct vfio_dma *dma)
{
	if (dma->stopping)
		pthread_join(dma->stopper, NULL);
	else
		unmap_blocks(dma, dma->ram_count);
	dma->stopping = false;
	dma->ram_count = 0;
	atomic_store(&dma->need, 0);
}
