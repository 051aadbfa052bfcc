/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_KVM_GUEST_CODE_H
#define HANDFAST_TESTS_UNIT_KVM_GUEST_CODE_H

/* What test_guest.c and the code its guests execute agree on. Numbers only: the assembler reads this. */

/* Guest physical addresses. */
#define GUEST_GDT	 0x1000
#define GUEST_IDT	 0x2000
#define GUEST_GDTR	 0x7000
#define GUEST_IDTR	 0x7010
#define GUEST_TRAMPOLINE 0x8000
#define GUEST_SCRATCH	 0x9000
#define GUEST_CODE	 0x10000
#define GUEST_TABLES	 0x20000 /* six pages of page tables */
#define GUEST_STACK	 0x40000
#define GUEST_SIZE	 0x200000
#define GUEST_MMIO	 0xd0000000

#define GUEST_CS64 0x08
#define GUEST_DS   0x10
#define GUEST_CS32 0x18

/* I/O ports. */
#define GUEST_REPORT 0x500 /* 32 bits: a value to be kept */
#define GUEST_DONE   0x510
#define GUEST_TEXT   0x520
#define GUEST_COUNT  0x530 /* and one more for each APIC id */

#define GUEST_BAD      0xbad
#define GUEST_READY    0x600d
#define GUEST_VECTOR_A 0x41
#define GUEST_VECTOR_B 0x52

#endif
