/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/x86_64/lowmem-priv.h"

#include <string.h>

#define PAGE_SIZE 0x1000

/* Segment descriptors: flat, 4 GiB, present, ring 0, accessed (so that the processor has no cause to write
 * to the table). Source: Intel SDM 3A, 3.4.5; AMD APM 2, 4.7 and 4.8. */
#define SEGMENT_CODE64 UINT64_C(0x00af9b000000ffff)
#define SEGMENT_CODE32 UINT64_C(0x00cf9b000000ffff)
#define SEGMENT_DATA   UINT64_C(0x00cf93000000ffff)

/* Linux wants these selectors (boot protocol, "64-bit boot protocol"); PVH leaves them open. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18

/* Page table entries: Intel SDM 3A, 4.5. */
#define ENTRY_PRESENT UINT64_C(1)
#define ENTRY_WRITE   UINT64_C(2)
#define ENTRY_LARGE   UINT64_C(0x80)
#define ENTRIES	      512
#define LARGE_PAGE    (UINT64_C(2) << 20)
#define DIRECTORIES   (LOWMEM_MAPPED_END / LARGE_PAGE / ENTRIES)

/* BIOS data area, as operating systems read it: COM1's port, kilobytes of memory below the EBDA, the EBDA's
 * segment. */
#define BDA_COM1	 0x400
#define BDA_EBDA_SEGMENT 0x40e
#define BDA_MEMORY_KIB	 0x413
#define COM1_PORT	 0x3f8

static void put16(uint8_t *page, size_t offset, uint16_t value)
{
	memcpy(page + offset, &value, sizeof(value));
}

static int write_bda(struct mem_ram *ram, bool serial)
{
	uint8_t page[PAGE_SIZE] = { 0 };

	if (serial)
		put16(page, BDA_COM1, COM1_PORT);
	put16(page, BDA_EBDA_SEGMENT, LOWMEM_EBDA >> 4);
	put16(page, BDA_MEMORY_KIB, LOWMEM_EBDA >> 10);
	return mem_ram_write(ram, LOWMEM_BDA, page, sizeof(page));
}

static int write_page_tables(struct mem_ram *ram)
{
	uint64_t table[ENTRIES] = { 0 };
	gpa_t pointers = LOWMEM_PAGE_TABLES + PAGE_SIZE;
	gpa_t directory = pointers + PAGE_SIZE;
	uint64_t address = 0;
	int error;

	table[0] = pointers | ENTRY_PRESENT | ENTRY_WRITE;
	error = mem_ram_write(ram, LOWMEM_PAGE_TABLES, table, sizeof(table));
	if (error < 0)
		return error;

	for (unsigned i = 0; i < DIRECTORIES; i++)
		table[i] = (directory + i * PAGE_SIZE) | ENTRY_PRESENT | ENTRY_WRITE;
	error = mem_ram_write(ram, pointers, table, sizeof(table));
	if (error < 0)
		return error;

	for (unsigned i = 0; i < DIRECTORIES; i++) {
		for (unsigned j = 0; j < ENTRIES; j++, address += LARGE_PAGE)
			table[j] = address | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_LARGE;
		error = mem_ram_write(ram, directory + i * PAGE_SIZE, table, sizeof(table));
		if (error < 0)
			return error;
	}
	return 0;
}

int lowmem_write(struct mem_ram *ram, enum kvm_x86_mode mode, bool serial, struct kvm_x86_entry *ret_entry)
{
	bool is_long = mode == KVM_X86_MODE_LONG;
	uint64_t gdt[] = {
		[SELECTOR_CODE / 8] = is_long ? SEGMENT_CODE64 : SEGMENT_CODE32,
		[SELECTOR_DATA / 8] = SEGMENT_DATA,
	};
	int error;

	error = write_bda(ram, serial);
	if (error < 0)
		return error;
	error = mem_ram_write(ram, LOWMEM_GDT, gdt, sizeof(gdt));
	if (error < 0)
		return error;
	if (is_long) {
		error = write_page_tables(ram);
		if (error < 0)
			return error;
	}
	*ret_entry = (struct kvm_x86_entry){
		.mode = mode,
		.rsp = LOWMEM_STACK_END,
		.cr3 = is_long ? LOWMEM_PAGE_TABLES : 0,
		.gdt = LOWMEM_GDT,
		.gdt_limit = sizeof(gdt) - 1,
		.cs = SELECTOR_CODE,
		.ds = SELECTOR_DATA,
	};
	return 0;
}
