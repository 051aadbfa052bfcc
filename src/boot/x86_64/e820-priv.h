/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_X86_64_E820_PRIV_H
#define HANDFAST_BOOT_X86_64_E820_PRIV_H

/* The memory map as firmware tells it: ACPI 6.5, 15. */
#include <stddef.h>

#include "boot/acpi/acpi-priv.h"
#include "boot/boot.h"

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3, /* free once the tables have been read */
	E820_NVS = 4,
};

struct e820_entry {
	uint64_t start;
	uint64_t size;
	enum e820_type type;
};

/* Each block of RAM once (the first one twice), and what stands in between. */
#define E820_ENTRIES_MAX (MEM_RAM_BLOCKS_MAX + 10)

struct e820 {
	size_t count;
	struct e820_entry entries[E820_ENTRIES_MAX];
};

/*
 * Ascending, without overlap. Not listed, so free for devices or nothing: the video memory below 1 MiB and
 * the PCI windows. ECAM and what stands below 4 GiB from the IOAPIC on are reserved.
 */
void e820_make(const struct mem_range *ram, size_t ram_count, const struct boot_machine *machine,
	       const struct acpi_layout *acpi, struct e820 *ret_map);

#endif
