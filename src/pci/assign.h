/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_ASSIGN_H
#define HANDFAST_PCI_ASSIGN_H

/*
 * What firmware does before an operating system runs, for direct boot: bus numbers, bridge windows
 * (with reserves behind empty ports), BARs, interrupt lines, all written through configuration space
 * as firmware would. Linux keeps what it finds.
 */
#include "mem/ram.h"
#include "pci/pci.h"

struct pci_windows {
	struct mem_range mmio32; /* below 4 GiB */
	struct mem_range mmio64; /* above; size 0: none */
	const char *mmio64_end;	 /* what it ends at, for messages; or NULL */
	uint16_t io_start;	 /* I/O ports for BARs: [io_start, io_end] */
	uint16_t io_end;
};

/*
 * 64-bit prefetchable BARs go above 4 GiB where they fit, all others below (but for 64-bit ones on the root
 * bus that fit above only). Decoding is switched on for what was placed (expansion ROMs keep their enable bit
 * off), bus mastering for bridges alone. Errors: ENOSPC with the BAR (function, number, size) that did not
 * fit and the windows' room; then no register was written. Main thread, no vCPU running; functions as after
 * reset, or placed before.
 */
int pci_assign(struct pci_bus *root, const struct pci_windows *windows);

#endif
