/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_DMA_PRIV_H
#define HANDFAST_VFIO_DMA_PRIV_H

/* Guest memory in an I/O address space, as the guest physical map has it. */
#include "mem/map.h"
#include "vfio/iospace.h"

struct vfio_dma {
	struct mem_listener listener;
	struct mem_map *map;
	struct vfio_iospace *space;
	uint64_t need;	 /* bytes of RAM that will be pinned */
	uint64_t mapped; /* bytes that are */
};

/* The RAM in the map, in bytes. */
int vfio_dma_need(struct mem_map *map, uint64_t *ret_bytes);

/* Maps all RAM and follows the map from now on. need: from vfio_dma_need(). On an error nothing stays
 * mapped. The space can be mapped into (a device is attached). Takes long. */
int vfio_dma_start(struct vfio_dma *dma, struct mem_map *map, struct vfio_iospace *space, uint64_t need);
/* Unmaps all. Before the space loses its last device. */
void vfio_dma_stop(struct vfio_dma *dma);

#endif
