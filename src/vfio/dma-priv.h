/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_DMA_PRIV_H
#define HANDFAST_VFIO_DMA_PRIV_H

/* Guest memory in an I/O address space, as the guest physical map has it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mem/map.h"
#include "vfio/iospace.h"
#include "vfio/vfio.h"

/* Bytes of RAM in one mapping, at most. */
#define VFIO_DMA_PIECE (UINT64_C(256) << 20)

/* Advised on top of what RAM takes: for BARs. */
#define VFIO_DMA_SPARE_MAPPINGS 1024u

/* Blocks of RAM, of which the first may be cut in three (app/machine.c). */
#define VFIO_DMA_RAM_MAX (MEM_RAM_BLOCKS_MAX + 2)

struct vfio_dma_ram {
	gpa_t start;
	uint64_t size;
	char *host;
};

struct vfio_dma {
	struct vfio_iospace *space;
	struct vfio_dma_ram ram[VFIO_DMA_RAM_MAX];
	size_t ram_count;
	/* Others look at these meanwhile. */
	atomic_ullong need;   /* bytes of RAM that will be pinned */
	atomic_ullong mapped; /* bytes that are */
	pthread_t stopper;
	bool stopping; /* there is one */
};

/* Whether devices are to reach the region: RAM that is not kept from them. */
bool vfio_dma_concerns(const struct mem_region *region);

/* That RAM in the map, in bytes. */
void vfio_dma_need(struct mem_map *map, uint64_t *ret_bytes);

/*
 * Whether a device could reach all that RAM, before anything is mapped. Of a group: as the host tells, before
 * it is opened. Of a space with a device attached: as the kernel tells, and whether there may be so many
 * mappings. -EADDRNOTAVAIL: the cause names the memory and what it runs into; -ENOSPC: the numbers.
 */
int vfio_dma_check_group(struct mem_map *map, struct broker *broker, uint32_t group);
int vfio_dma_check_space(struct mem_map *map, struct vfio_iospace *space);

/* Maps all RAM that is in the map by now. need: from vfio_dma_need(). On an error nothing stays mapped. The
 * space can be mapped into (a device is attached), and vfio_dma_check_space() has let it pass. Takes long;
 * the map can be changed meanwhile, but for its RAM. */
int vfio_dma_start(struct vfio_dma *dma, struct mem_map *map, struct vfio_iospace *space, uint64_t need,
		   const struct vfio_progress *progress);
/* Begins to unmap all, beside what the caller does until vfio_dma_stop(): the devices are silent, and closing
 * the last of them takes its time too. */
void vfio_dma_stop_begin(struct vfio_dma *dma);
/* Unmaps all, or waits until that is done. Before the space loses its last device. */
void vfio_dma_stop(struct vfio_dma *dma);

#endif
