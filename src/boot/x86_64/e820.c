/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/x86_64/e820-priv.h"

#include "base/check.h"
#include "boot/x86_64/lowmem-priv.h"

/* The IOAPIC, the local APICs, KVM's own pages for real mode, and where firmware would be. */
#define PLATFORM_START UINT64_C(0xfec00000)
#define PLATFORM_END   UINT64_C(0x100000000)

/* Keeps the entries in order; there are too few of them for anything cleverer. An empty one is left out. */
static void insert(struct e820 *map, uint64_t start, uint64_t end, enum e820_type type)
{
	size_t i = map->count;

	if (start >= end)
		return;
	check(map->count < E820_ENTRIES_MAX);
	while (i > 0 && map->entries[i - 1].start > start) {
		map->entries[i] = map->entries[i - 1];
		i--;
	}
	map->entries[i] = (struct e820_entry){ .start = start, .size = end - start, .type = type };
	map->count++;
}

/* What lies below the EBDA and above 1 MiB of a block of RAM. */
static void insert_ram(struct e820 *map, const struct mem_range *ram)
{
	uint64_t end = ram->start + ram->size;

	insert(map, ram->start, end < LOWMEM_EBDA ? end : LOWMEM_EBDA, E820_RAM);
	insert(map, ram->start > LOWMEM_END ? ram->start : LOWMEM_END, end, E820_RAM);
}

void e820_make(const struct mem_range *ram, size_t ram_count, const struct boot_machine *machine,
	       const struct acpi_layout *acpi, struct e820 *ret_map)
{
	uint64_t mmio32_end = machine->mmio32.start + machine->mmio32.size;
	struct e820 map = { 0 };

	check(ram_count <= MEM_RAM_BLOCKS_MAX);
	for (size_t i = 0; i < ram_count; i++)
		insert_ram(&map, &ram[i]);
	insert(&map, LOWMEM_EBDA, LOWMEM_VIDEO, E820_RESERVED);
	insert(&map, LOWMEM_TABLES, acpi->nvs_end, E820_NVS);
	insert(&map, acpi->nvs_end, acpi->tables_end, E820_ACPI);
	insert(&map, acpi->tables_end, LOWMEM_END, E820_RESERVED);
	insert(&map, machine->ecam_start, machine->ecam_start + machine->ecam_size, E820_RESERVED);
	insert(&map, mmio32_end > PLATFORM_START ? mmio32_end : PLATFORM_START, PLATFORM_END, E820_RESERVED);
	*ret_map = map;
}
