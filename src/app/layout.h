/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_LAYOUT_H
#define HANDFAST_APP_LAYOUT_H

/*
 * Where things stand in the guest physical address space of a q35 machine:
 *
 *     0            RAM, at most 2 GiB
 *     0x80000000   PCI window below 4 GiB (1.5 GiB)
 *     0xe0000000   ECAM (256 MiB)
 *     0xfec00000   IOAPIC, local APICs and what else a PC has up there
 *     4 GiB        the rest of RAM, around AMD's hole below 1 TiB
 *     behind it    PCI window above 4 GiB, or where the largest BAR finds a multiple of its size
 *
 * RAM and the upper window keep away from what the host's IOMMU keeps from devices, too, whether this VM has
 * any or not, so that one can be plugged in later.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/broker.h"
#include "mem/ram.h"
#include "pci/assign.h"

#define LAYOUT_LOW_RAM_MAX    UINT64_C(0x80000000)
#define LAYOUT_MMIO32_START   UINT64_C(0x80000000)
#define LAYOUT_MMIO32_SIZE    UINT64_C(0x60000000)
#define LAYOUT_ECAM_START     UINT64_C(0xe0000000)
#define LAYOUT_ECAM_SIZE      UINT64_C(0x10000000) /* room for all 256 buses */
#define LAYOUT_PLATFORM_START UINT64_C(0xfec00000)
#define LAYOUT_PLATFORM_SIZE  UINT64_C(0x01400000)
#define LAYOUT_IO_START	      0x1000
#define LAYOUT_IO_END	      0xffff

/* What a layout depends on. */
struct layout_host {
	unsigned phys_bits; /* the guest's physical address width */
	struct broker_range reserved[BROKER_RANGES_MAX];
	size_t reserved_count;
};

struct layout {
	struct mem_range
		ram[MEM_RAM_BLOCKS_MAX]; /* ascending; the first one is at 0 and holds the first MiB */
	size_t ram_count;
	struct mem_range mmio32;
	struct mem_range mmio64; /* size 0: no room for one */
	/* Further up, where a larger BAR finds an address that is a multiple of its size; size 0: nowhere. */
	struct mem_range mmio64_wide;
	bool legacy_apart; /* devices are to be kept from GUEST_BASE_END to GUEST_LEGACY_END */
};

/*
 * ram_size: bytes, a multiple of 4 KiB, at least 1 MiB. Blocks that have to end before their time end at
 * multiples of 2 MiB, above 4 GiB of 1 GiB. In the first MiB there is RAM, whatever the host reserves.
 * Errors: EFBIG where the address width cannot hold that memory.
 */
int layout_make(uint64_t ram_size, const struct layout_host *host, struct layout *ret_layout);

/*
 * pci_assign() with the windows of the layout, which are returned: the upper one is mmio64, or mmio64_wide
 * where that is too narrow for what there is. Errors: pci_assign()'s.
 */
int layout_assign(const struct layout *layout, struct pci_bus *root, struct pci_windows *ret_windows);

/*
 * Bytes of ECAM for a root bus with so many ports: bus numbers for them all and a few to spare, a power of
 * two. Linux asks every slot of every bus number that ECAM covers, once at boot through trapped ports: 16,000
 * exits for 256 of them.
 */
uint64_t layout_ecam_size(unsigned ports);

#endif
