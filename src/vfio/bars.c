/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Each BAR stands twice at its guest address. A trapped range covers all of it and
 * always answers right, by reading and writing the device's region. On top of it, what the device lets
 * us map is in the guest's memory, so that the trap is hardly ever taken: all but the pages that hold
 * the MSI-X table and the pending bits, which are ours, or what a quirk knows (quirks.c). A mapping that
 * fails, or has to wait for its place, costs speed and nothing else.
 *
 * A BAR smaller than a page is mapped by the page that it begins. The kernel allows that where the rest of
 * the page is nobody's on the host. In the guest somebody else may be there, whom the page would hide: so it
 * is mapped only where the guest's BAR begins a page too, and while nobody else is trapped in that page
 * (mem/map.h). Other devices are not given it.
 *
 * The kernel maps large pages where user address and BAR are aligned alike, so user addresses are reserved
 * aligned to the BAR's size, up to 1 GiB, and the pieces are mapped into the reservation.
 *
 * The kernel makes a page fault of every access to a mapping while the device does not decode memory or
 * sleeps. KVM would not survive that, so mappings leave the guest before that happens and come back after.
 */
#include "vfio/bars-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

#define ALIGN_MAX (1ull << 30)

/* Cuts one hole out of the pieces. */
static unsigned carve_one(struct vfio_area *pieces, unsigned count, uint64_t from, uint64_t to)
{
	unsigned all = count;

	for (unsigned i = 0; i < all; i++) {
		uint64_t start = pieces[i].offset, end = start + pieces[i].size;

		if (to <= start || from >= end)
			continue;
		pieces[i].size = from > start ? from - start : 0;
		if (to >= end)
			continue;
		if (!pieces[i].size) {
			pieces[i] = (struct vfio_area){ .offset = to, .size = end - to };
		} else if (count < VFIO_BAR_PIECES_MAX) {
			pieces[count++] = (struct vfio_area){ .offset = to, .size = end - to };
		}
	}
	return count;
}

unsigned vfio_bar_carve(const struct vfio_area *areas, unsigned area_count, const struct vfio_area *holes,
			unsigned hole_count, uint64_t page, struct vfio_area *ret_pieces)
{
	unsigned count = 0, kept = 0;

	for (unsigned i = 0; i < area_count && count < VFIO_REGION_AREAS_MAX; i++) {
		uint64_t start = (areas[i].offset + page - 1) & ~(page - 1);
		uint64_t end = (areas[i].offset + areas[i].size) & ~(page - 1);

		if (start < end)
			ret_pieces[count++] = (struct vfio_area){ .offset = start, .size = end - start };
	}
	for (unsigned i = 0; i < hole_count; i++) {
		if (holes[i].size)
			count = carve_one(ret_pieces, count, holes[i].offset & ~(page - 1),
					  (holes[i].offset + holes[i].size + page - 1) & ~(page - 1));
	}
	for (unsigned i = 0; i < count; i++) {
		if (ret_pieces[i].size)
			ret_pieces[kept++] = ret_pieces[i];
	}
	return kept;
}

bool vfio_bar_in_page(const struct vfio_region *region, unsigned hole_count, uint64_t page)
{
	return region->size && region->size < page && !hole_count && region->areas == 1 &&
	       region->area[0].offset == 0 && region->area[0].size == region->size;
}

static uint64_t power_of_two(uint64_t size, uint64_t least)
{
	uint64_t result = least;

	while (result < size && result < 1ull << 63)
		result <<= 1;
	return result;
}

static int bar_probe(struct vfio_device *device, unsigned index, uint64_t size, struct pci_bar *ret_bar)
{
	uint32_t value;
	int error = device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX,
					     PCI_BASE_ADDRESS_0 + 4 * index, &value, sizeof(value));

	if (error)
		return error;
	if (value & PCI_BASE_ADDRESS_SPACE_IO) {
		*ret_bar = (struct pci_bar){ .kind = PCI_BAR_IO, .size = power_of_two(size, 4) };
		return 0;
	}
	*ret_bar = (struct pci_bar){
		.kind = PCI_BAR_MEM32,
		.prefetchable = value & PCI_BASE_ADDRESS_MEM_PREFETCH,
		.size = power_of_two(size, 16),
	};
	if ((value & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 && index + 1 < PCI_BARS)
		ret_bar->kind = PCI_BAR_MEM64;
	return 0;
}

int vfio_bars_probe(struct vfio_device *device, struct pci_bar *ret_table, uint64_t *ret_sizes)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_region region;
		int error;

		ret_table[i] = (struct pci_bar){ .kind = PCI_BAR_NONE };
		ret_sizes[i] = 0;
		if (i && ret_table[i - 1].kind == PCI_BAR_MEM64)
			continue; /* its upper half */
		error = device->ops->region_info(device, VFIO_PCI_BAR0_REGION_INDEX + i, &region);
		if (error)
			return error;
		if (!region.size)
			continue;
		error = bar_probe(device, i, region.size, &ret_table[i]);
		if (error)
			return error;
		if ((ret_table[i].kind == PCI_BAR_MEM32 && ret_table[i].size > 1ull << 31) ||
		    (ret_table[i].kind == PCI_BAR_IO && ret_table[i].size > 1ull << 15))
			return error_set(ENOTSUP,
					 "BAR %u of %s has 0x%llx bytes, more than its kind can place", i,
					 device->name, (unsigned long long)region.size);
		ret_sizes[i] = region.size;
	}
	return 0;
}

/* Who answers for a byte of a BAR, and up to where. */
enum owner {
	OWNER_DEVICE,
	OWNER_TABLE,
	OWNER_PBA,
	OWNER_QUIRK,
	OWNER_NOBODY,
};

/* A stretch of a BAR that is not simply the device's. */
struct hole {
	struct vfio_area area;
	enum owner owner;
	const struct vfio_quirk *quirk; /* OWNER_QUIRK */
};

/* Of two that overlap the first one counts. At most VFIO_BAR_HOLES_MAX; returns how many. */
static unsigned bar_holes(const struct vfio_bar *bar, struct hole *ret_holes)
{
	const struct vfio_msix *msix = bar->bars->msix;
	const struct vfio_quirk *quirk;
	unsigned count = 0;

	if (msix->entries && msix->table_bar == bar->index)
		ret_holes[count++] = (struct hole){
			.area = { msix->table_offset, vfio_msix_table_size(msix) },
			.owner = OWNER_TABLE,
		};
	if (msix->entries && msix->pba_bar == bar->index)
		ret_holes[count++] = (struct hole){
			.area = { msix->pba_offset, vfio_msix_pba_size(msix) },
			.owner = OWNER_PBA,
		};
	for (unsigned i = 0; (quirk = vfio_quirks_trap(bar->bars->place.quirks, bar->index, i)); i++)
		ret_holes[count++] = (struct hole){
			.area = { quirk->offset, quirk->size },
			.owner = OWNER_QUIRK,
			.quirk = quirk,
		};
	return count;
}

/* Who is at offset, and in *ret_end up to where. *ret_quirk: where it is a quirk. */
static enum owner owner_of(const struct vfio_bar *bar, uint64_t offset, uint64_t *ret_end,
			   const struct vfio_quirk **ret_quirk)
{
	struct hole holes[VFIO_BAR_HOLES_MAX];
	unsigned count = bar_holes(bar, holes);
	enum owner owner = OWNER_DEVICE;

	*ret_end = bar->size;
	if (offset >= bar->size) {
		*ret_end = UINT64_MAX;
		return OWNER_NOBODY;
	}
	for (unsigned i = 0; i < count && owner == OWNER_DEVICE; i++) {
		uint64_t start = holes[i].area.offset, end = start + holes[i].area.size;

		if (offset >= start && offset < end) {
			owner = holes[i].owner;
			*ret_quirk = holes[i].quirk;
			start = end; /* where that ends, but for one that begins before */
		}
		if (start > offset && start < *ret_end)
			*ret_end = start;
	}
	return owner;
}

/* Reads up to the end of what belongs to one owner; returns how many bytes. */
static unsigned bar_read_part(struct vfio_bar *bar, uint64_t offset, uint8_t *ret_data, unsigned size)
{
	struct vfio_bars *bars = bar->bars;
	const struct vfio_quirk *quirk = NULL;
	uint64_t end;
	enum owner owner = owner_of(bar, offset, &end, &quirk);

	if (end - offset < size)
		size = (unsigned)(end - offset);
	memset(ret_data, 0xff, size);
	switch (owner) {
	case OWNER_DEVICE:
		if (bars->place.relay)
			vfio_relay_touched(bars->place.relay);
		/* A device that does not answer reads all-ones, as on any bus. */
		if (bar->readable &&
		    bars->device->ops->region_read(bars->device, bar->index, offset, ret_data, size))
			memset(ret_data, 0xff, size);
		break;
	case OWNER_TABLE:
		pthread_mutex_lock(bars->lock);
		vfio_msix_table_read(bars->msix, offset - bars->msix->table_offset, ret_data, size);
		pthread_mutex_unlock(bars->lock);
		break;
	case OWNER_PBA:
		pthread_mutex_lock(bars->lock);
		vfio_msix_pba_read(bars->msix, offset - bars->msix->pba_offset, ret_data, size);
		pthread_mutex_unlock(bars->lock);
		break;
	case OWNER_QUIRK:
		vfio_quirks_read(bars->place.quirks, quirk, offset, ret_data, size);
		break;
	case OWNER_NOBODY:
		break;
	}
	return size;
}

static unsigned bar_write_part(struct vfio_bar *bar, uint64_t offset, const uint8_t *data, unsigned size)
{
	struct vfio_bars *bars = bar->bars;
	const struct vfio_quirk *quirk = NULL;
	uint64_t end;
	enum owner owner = owner_of(bar, offset, &end, &quirk);

	if (end - offset < size)
		size = (unsigned)(end - offset);
	switch (owner) {
	case OWNER_DEVICE:
		if (bars->place.relay)
			vfio_relay_touched(bars->place.relay);
		if (bar->writable &&
		    bars->device->ops->region_write(bars->device, bar->index, offset, data, size))
			log_guest(&bars->limit, "%s", error_get()->because);
		break;
	case OWNER_TABLE:
		pthread_mutex_lock(bars->lock);
		vfio_msix_table_write(bars->msix, offset - bars->msix->table_offset, data, size);
		pthread_mutex_unlock(bars->lock);
		break;
	case OWNER_QUIRK:
		vfio_quirks_write(bars->place.quirks, quirk, offset, data, size);
		break;
	case OWNER_PBA: /* read-only */
	case OWNER_NOBODY:
		break;
	}
	return size;
}

static uint64_t bar_io_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vfio_bar *bar = opaque;
	uint8_t bytes[8] = { 0 };
	uint64_t value = 0;

	vfio_bar_count(&bar->reads);
	for (unsigned done = 0; done < size && done < sizeof(bytes);)
		done += bar_read_part(bar, offset + done, bytes + done, size - done);
	for (unsigned i = 0; i < size && i < sizeof(bytes); i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static void bar_io_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct vfio_bar *bar = opaque;
	uint8_t bytes[8];

	vfio_bar_count(&bar->writes);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	for (unsigned done = 0; done < size && done < sizeof(bytes);)
		done += bar_write_part(bar, offset + done, bytes + done, size - done);
}

static const struct mem_io_ops bar_io_ops = {
	.read = bar_io_read,
	.write = bar_io_write,
};

/* Addresses of this process aligned like the BAR, to map its pieces into. */
static int bar_reserve(struct vfio_bar *bar, uint64_t size)
{
	uint64_t align = size < ALIGN_MAX ? size : ALIGN_MAX;
	uint8_t *all, *start;

	all = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return error_sys(errno, "no address space for %s", bar->name);
	start = (uint8_t *)(((uintptr_t)all + align - 1) & ~(align - 1));
	if (start > all)
		munmap(all, (size_t)(start - all));
	if (all + align > start)
		munmap(start + size, (size_t)(all + align - start));
	bar->reserved = start;
	bar->reserved_size = size;
	return 0;
}

static void bar_release(struct vfio_bar *bar)
{
	if (bar->reserved)
		munmap(bar->reserved, bar->reserved_size);
	free(bar->piece);
	bar->reserved = NULL;
	bar->piece = NULL;
	bar->pieces = 0;
}

/* Decides what is mapped of a memory BAR; at most VFIO_BAR_PIECES_MAX. Returns how many. */
static unsigned pieces_find(struct vfio_bar *bar, const struct vfio_region *region,
			    struct vfio_area *ret_pieces)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct vfio_area areas[VFIO_BAR_HOLES_MAX];
	struct hole holes[VFIO_BAR_HOLES_MAX];
	unsigned hole_count = bar_holes(bar, holes);

	for (unsigned i = 0; i < hole_count; i++)
		areas[i] = holes[i].area;
	/* What is behind a mediated device's BAR only its driver knows. */
	bar->in_page = !bar->bars->device->mediated && vfio_bar_in_page(region, hole_count, page);
	if (bar->in_page) {
		ret_pieces[0] = (struct vfio_area){ .offset = 0, .size = page };
		return 1;
	}
	return vfio_bar_carve(region->area, region->areas, areas, hole_count, page, ret_pieces);
}

static void piece_init(struct vfio_bar *bar, struct vfio_bar_piece *piece, const struct vfio_area *area,
		       void *at)
{
	const struct vfio_bars_place *place = &bar->bars->place;

	piece->offset = area->offset;
	piece->region = (struct mem_region){
		.size = area->size,
		.host = at,
		.kind = MEM_KIND_DEVICE,
		.alone = place->alone || bar->in_page,
		.name = bar->name,
		.bus = bar->in_page ? place->mmio : NULL,
		.own = bar->in_page ? &bar->io : NULL,
	};
}

/* Maps what can be mapped of a memory BAR. What cannot stays trapped. */
static int bar_pieces(struct vfio_bar *bar, const struct vfio_region *region, uint64_t bar_size)
{
	struct vfio_device *device = bar->bars->device;
	struct vfio_area pieces[VFIO_BAR_PIECES_MAX];
	unsigned count = pieces_find(bar, region, pieces);

	if (!count)
		return 0;
	bar->piece = calloc(count, sizeof(*bar->piece));
	if (!bar->piece)
		return error_set(ENOMEM, "no memory for %s", bar->name);
	if (bar_reserve(bar, bar->in_page ? pieces[0].size : bar_size)) {
		log_warning("%s stays trapped: %s", bar->name, error_get()->because);
		return 0;
	}
	for (unsigned i = 0; i < count; i++) {
		uint8_t *at = (uint8_t *)bar->reserved + pieces[i].offset;

		if (device->ops->region_mmap(device, bar->index, pieces[i].offset, pieces[i].size, at)) {
			log_warning("%s stays trapped at 0x%llx: %s", bar->name,
				    (unsigned long long)pieces[i].offset, error_get()->because);
			continue;
		}
		piece_init(bar, &bar->piece[bar->pieces++], &pieces[i], at);
	}
	return 0;
}

static int bar_init(struct vfio_bar *bar, const struct pci_bar *what)
{
	struct vfio_device *device = bar->bars->device;
	struct vfio_region region;
	int error = device->ops->region_info(device, VFIO_PCI_BAR0_REGION_INDEX + bar->index, &region);

	if (error)
		return error;
	snprintf(bar->name, sizeof(bar->name), "BAR %u of %s", bar->index, device->name);
	bar->size = region.size;
	bar->readable = region.readable;
	bar->writable = region.writable;
	bar->io.size = what->size;
	bar->io.ops = &bar_io_ops;
	bar->io.opaque = bar;
	bar->io.name = bar->name;
	return what->kind == PCI_BAR_IO ? 0 : bar_pieces(bar, &region, what->size);
}

int vfio_bars_init(struct vfio_bars *bars, struct vfio_device *device, const struct pci_bar *table,
		   struct vfio_msix *msix, pthread_mutex_t *lock, const struct vfio_bars_place *place)
{
	memset(bars, 0, sizeof(*bars));
	bars->device = device;
	bars->place = *place;
	bars->msix = msix;
	bars->lock = lock;
	bars->powered = true;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *bar = &bars->bar[i];
		int error;

		bar->bars = bars;
		bar->index = i;
		bar->is_io = table[i].kind == PCI_BAR_IO;
		if (table[i].kind == PCI_BAR_NONE)
			continue;
		error = bar_init(bar, &table[i]);
		if (error) {
			vfio_bars_fini(bars);
			return error;
		}
	}
	return 0;
}

static struct mem_bus *bar_bus(const struct vfio_bar *bar)
{
	return bar->is_io ? bar->bars->place.pio : bar->bars->place.mmio;
}

/* A page stands at a page only. */
static bool piece_fits(const struct vfio_bar *bar)
{
	return !bar->in_page || bar->address % bar->piece[0].region.size == 0;
}

static void bar_show(struct vfio_bar *bar)
{
	if (bar->visible)
		return;
	bar->visible = true;
	bar->io.start = bar->address;
	mem_bus_add(bar_bus(bar), &bar->io);
	if (!bar->is_io)
		mem_map_revise(bar->bars->place.map);
	for (unsigned i = 0; i < bar->pieces && piece_fits(bar); i++) {
		bar->piece[i].region.start = bar->address + bar->piece[i].offset;
		if (mem_map_add(bar->bars->place.map, &bar->piece[i].region))
			log_guest(&bar->bars->limit, "%s stays trapped at 0x%llx: %s", bar->name,
				  (unsigned long long)bar->piece[i].region.start, error_get()->because);
	}
}

static void bar_unshow(struct vfio_bar *bar)
{
	if (!bar->visible)
		return;
	bar->visible = false;
	for (unsigned i = 0; i < bar->pieces; i++)
		mem_map_remove(bar->bars->place.map, &bar->piece[i].region);
	mem_bus_remove(bar_bus(bar), &bar->io);
	if (!bar->is_io)
		mem_map_revise(bar->bars->place.map);
}

void vfio_bars_map(void *opaque, unsigned bar, uint64_t address)
{
	struct vfio_bars *bars = opaque;

	bars->bar[bar].decoding = true;
	bars->bar[bar].address = address;
	if (bars->powered)
		bar_show(&bars->bar[bar]);
}

void vfio_bars_unmap(void *opaque, unsigned bar)
{
	struct vfio_bars *bars = opaque;

	bars->bar[bar].decoding = false;
	bar_unshow(&bars->bar[bar]);
}

void vfio_bars_power(struct vfio_bars *bars, bool powered)
{
	bars->powered = powered;
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (!powered)
			bar_unshow(&bars->bar[i]);
		else if (bars->bar[i].decoding)
			bar_show(&bars->bar[i]);
	}
}

void vfio_bars_fini(struct vfio_bars *bars)
{
	for (unsigned i = 0; i < PCI_BARS_AND_ROM && bars->device; i++) {
		struct vfio_bar *bar = &bars->bar[i];

		if (!bar->io.size)
			continue;
		bar_unshow(bar);
		mem_bus_drain(bar_bus(bar), &bar->io);
		bar_release(bar);
	}
	bars->device = NULL;
}
