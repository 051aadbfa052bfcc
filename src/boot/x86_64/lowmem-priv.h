/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_X86_64_LOWMEM_PRIV_H
#define HANDFAST_BOOT_X86_64_LOWMEM_PRIV_H

/*
 * Fixed places in the first MiB, where a PC's firmware keeps what it hands over. Nothing of an image ever
 * lies there, so these never collide with it:
 *
 *     0x00000  BIOS data area
 *     0x01000  GDT
 *     0x02000  Linux: boot_params ("zero page")
 *     0x03000  PVH: start info, module list
 *     0x04000  PVH: memory map
 *     0x08000  the stack's end (it grows down from here)
 *     0x09000  page tables, six pages
 *     0x20000  command line, up to 64 KiB
 *     0x9fc00  extended BIOS data area, where usable memory ends
 *     0xe0000  ACPI tables, within the range that is searched for a signature
 */
#include "kvm/vcpu.h"
#include "mem/ram.h"

#define LOWMEM_BDA	       0x0
#define LOWMEM_GDT	       0x1000
#define LOWMEM_BOOT_PARAMS     0x2000
#define LOWMEM_START_INFO      0x3000
#define LOWMEM_MODULES	       0x3800
#define LOWMEM_MEMORY_MAP      0x4000
#define LOWMEM_MEMORY_MAP_SIZE 0x2000
#define LOWMEM_STACK_END       0x8000
#define LOWMEM_PAGE_TABLES     0x9000
#define LOWMEM_CMDLINE	       0x20000
#define LOWMEM_CMDLINE_SIZE    0x10000
#define LOWMEM_EBDA	       0x9fc00
#define LOWMEM_VIDEO	       0xa0000
#define LOWMEM_TABLES	       0xe0000
#define LOWMEM_TABLES_SIZE     0x20000
#define LOWMEM_END	       0x100000

/* How far the page tables reach, each address mapped to itself. Whatever is touched before the kernel has
 * page tables of its own stands below. */
#define LOWMEM_MAPPED_END (UINT64_C(4) << 30)

/* Writes BIOS data area and GDT (and page tables for long mode), and fills in all of *ret_entry but its
 * mode's instruction pointer and argument. serial: whether COM1 is there. */
int lowmem_write(struct mem_ram *ram, enum kvm_x86_mode mode, bool serial, struct kvm_x86_entry *ret_entry);

#endif
