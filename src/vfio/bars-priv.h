/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_BARS_PRIV_H
#define HANDFAST_VFIO_BARS_PRIV_H

/* The BARs of an assigned function. Guarded by the function's lock, except where it says so. */
#include <pthread.h>
#include <stdatomic.h>

#include "mem/bus.h"
#include "mem/map.h"
#include "pci/pci.h"
#include "vfio/device.h"
#include "vfio/msix-priv.h"
#include "vfio/quirks-priv.h"
#include "vfio/relay-priv.h"

/* Each mappable area may be cut by the table, the pending bits, and what quirks trap. */
#define VFIO_BAR_HOLES_MAX  (2 + VFIO_QUIRKS_MAX)
#define VFIO_BAR_PIECES_MAX (VFIO_REGION_AREAS_MAX + VFIO_BAR_HOLES_MAX)

struct vfio_bars;

/* What of a BAR is mapped into the guest. */
struct vfio_bar_piece {
	struct mem_region region;
	uint64_t offset; /* in the BAR */
};

struct vfio_bar {
	struct vfio_bars *bars;
	unsigned index;
	uint64_t size; /* of the region; the BAR is the next power of two */
	bool is_io;
	bool readable;
	bool writable;
	bool in_page; /* it is smaller than a page, and mapped by that page */
	struct mem_io io;
	char name[VFIO_DEVICE_NAME_SIZE + 18];
	void *reserved; /* user addresses, NULL: nothing of it is mapped */
	size_t reserved_size;
	unsigned pieces;
	struct vfio_bar_piece *piece;
	bool decoding; /* the guest's registers put it at `address` */
	bool visible;  /* and it has been put there */
	uint64_t address;
	atomic_ullong reads; /* by the guest that were trapped; any thread, no lock held */
	atomic_ullong writes;
};

/* One access more. It has cost a thousand times as much by now. */
static inline void vfio_bar_count(atomic_ullong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* What the BARs are shown on. All outlive them. */
struct vfio_bars_place {
	struct mem_map *map;
	struct mem_bus *mmio;
	struct mem_bus *pio;
	struct vfio_quirks *quirks; /* of the function */
	bool alone;		    /* other devices are not to reach them */
	struct vfio_relay *relay;   /* wants to hear of accesses; NULL: nobody does */
};

struct vfio_bars {
	struct vfio_device *device;
	struct vfio_bars_place place;
	struct vfio_msix *msix;
	pthread_mutex_t *lock;		       /* the function's: guards msix */
	bool powered;			       /* the function is in D0: it decodes */
	struct vfio_bar bar[PCI_BARS_AND_ROM]; /* the ROM is rom.c's to set up */
	struct log_limit limit;
};

/*
 * What of the areas is left when whole pages that hold any byte of the holes are taken out, and what does
 * not fill a page. At most VFIO_BAR_PIECES_MAX; returns how many.
 */
unsigned vfio_bar_carve(const struct vfio_area *areas, unsigned area_count, const struct vfio_area *holes,
			unsigned hole_count, uint64_t page, struct vfio_area *ret_pieces);

/* Whether a memory BAR is mapped by the page that it begins: it is smaller than one, and all of it is the
 * device's and can be mapped. */
bool vfio_bar_in_page(const struct vfio_region *region, unsigned hole_count, uint64_t page);

/* Finds out what BARs there are: table as pci/bars.h wants it, and sizes in bytes of the regions.
 * Errors: ENOTSUP where one cannot be shown to a guest. */
int vfio_bars_probe(struct vfio_device *device, struct pci_bar *ret_table, uint64_t *ret_sizes);

/* Maps what can be mapped into this process. msix is set up already (entries 0: none). */
int vfio_bars_init(struct vfio_bars *bars, struct vfio_device *device, const struct pci_bar *table,
		   struct vfio_msix *msix, pthread_mutex_t *lock, const struct vfio_bars_place *place);
/* Takes them out of the guest, waits for accesses at work, and unmaps all. The function's lock is not
 * held. Fine on a zeroed structure. */
void vfio_bars_fini(struct vfio_bars *bars);

/* For struct pci_bars: opaque is the struct vfio_bars. */
void vfio_bars_map(void *opaque, unsigned bar, uint64_t address);
void vfio_bars_unmap(void *opaque, unsigned bar);

/* Outside D0 a device decodes nothing, and the kernel lets nobody touch its mappings. */
void vfio_bars_power(struct vfio_bars *bars, bool powered);

#endif
