/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_P2P_PRIV_H
#define HANDFAST_VFIO_P2P_PRIV_H

/* Peer to peer: the BARs of assigned devices in the I/O address space of the others, where the guest has put
 * them. */
#include "mem/map.h"
#include "vfio/iospace.h"

struct vfio_p2p {
	struct mem_listener listener;
	struct mem_map *map; /* NULL: not started */
	struct vfio_iospace *space;
	bool said; /* that something is not mapped: once is enough */
};

/* Maps what is visible of BARs, and follows the map from now on. Where a BAR cannot be mapped, that is said
 * once and no error. The space can be mapped into. May take long. */
int vfio_p2p_start(struct vfio_p2p *p2p, struct mem_map *map, struct vfio_iospace *space);
/* Unmaps all. Before the space loses its last device. Fine where it was not started. */
void vfio_p2p_stop(struct vfio_p2p *p2p);

#endif
