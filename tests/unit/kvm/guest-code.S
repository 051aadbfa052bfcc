/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guests of test_guest.c execute: copied to GUEST_CODE, so no address of this file is used, only
 * distances from guest_start. Values are reported by writes to a port.
 */
#include "guest-code.h"

#define AT(label) (GUEST_CODE + (label) - guest_start)

	.section .rodata
	.balign 16
	.globl guest_start, guest_end, guest_protected, guest_long, guest_fault, guest_astray
	.globl guest_smp, guest_trampoline, guest_trampoline_end, guest_wait, guest_vector_a, guest_vector_b
guest_start:

/* 32 bits, as PVH enters: every segment can be loaded again from the table. */
	.code32
guest_protected:
	mov %ebx, %ebp
	mov $GUEST_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	ljmp $GUEST_CS32, $AT(1f)
1:	mov $GUEST_REPORT, %edx
	mov %ebp, %eax
	out %eax, %dx
	mov %esi, %eax
	out %eax, %dx
	mov %cr0, %eax
	out %eax, %dx
	push $0x1234
	pop %eax
	out %eax, %dx
	fnstcw -4(%esp)
	movzwl -4(%esp), %eax
	out %eax, %dx
	mov $AT(text), %esi
	mov $6, %ecx
	mov $GUEST_TEXT, %edx
	cld
	rep outsb
	mov $GUEST_TEXT, %edx
	mov $GUEST_SCRATCH, %edi
	mov $5, %ecx
	rep insb
	mov $GUEST_REPORT, %edx
	mov GUEST_SCRATCH, %eax
	out %eax, %dx
	mov $GUEST_DONE, %edx
	out %al, %dx
2:	hlt
	jmp 2b
text:	.ascii "string"

/* The processor shuts down: no interrupt table. */
guest_fault:
	lidt AT(nothing)
	ud2
nothing:
	.word 0
	.long 0

/* Execution out of a trapped range, which nobody can emulate. */
guest_astray:
	mov $GUEST_MMIO, %eax
	jmp *%eax

/* All processors: the first one starts the others, and each then counts with the host for ever. */
guest_smp:
	movl $0x1ff, 0xfee000f0
	movl $0xc4500, 0xfee00300
	mov $100000, %ecx
1:	pause
	loop 1b
	movl $0xc4600 + (GUEST_TRAMPOLINE >> 12), 0xfee00300
worker:
	mov $1, %eax
	cpuid
	shr $24, %ebx
	mov %ebx, %eax
	mov $GUEST_REPORT, %edx
	out %eax, %dx
	mov %ebx, %edi
	shl $8, %edi
	add $GUEST_MMIO, %edi
	xor %esi, %esi
	lea GUEST_COUNT(%ebx), %edx
1:	mov (%edi), %eax
	inc %esi
	cmp %eax, %esi
	jne 2f
	mov %eax, 4(%edi)
	in %dx, %al
	mov %esi, %ecx
	cmp %al, %cl
	jne 2f
	/* an access across a page's end comes in two parts */
	mov 0xffe(%edi), %eax
	jmp 1b
2:	mov $GUEST_REPORT, %edx
	mov $GUEST_BAD, %eax
	out %eax, %dx
	mov $GUEST_DONE, %edx
	out %al, %dx
	hlt

	.code16
guest_trampoline:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl GUEST_GDTR
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $GUEST_CS32, $AT(1f)
guest_trampoline_end:
	.code32
1:	mov $GUEST_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	jmp worker

/* 64 bits, as Linux is entered. */
	.code64
guest_long:
	mov $GUEST_REPORT, %edx
	mov %rsi, %rax
	out %eax, %dx
	mov $0xb, %eax
	mov $1, %ecx
	cpuid
	mov %edx, %eax
	mov $GUEST_REPORT, %edx
	out %eax, %dx
	mov %ebx, %eax
	out %eax, %dx
	mov $GUEST_MMIO, %ebx
	mov (%rbx), %rax
	out %eax, %dx
	shr $32, %rax
	out %eax, %dx
	mov (%rbx), %rax
	mov %rax, 8(%rbx)
	movw $0x5678, 0x13(%rbx)
	movb $0x42, 0x17(%rbx)
	mov $GUEST_DONE, %edx
	out %al, %dx
1:	hlt
	jmp 1b

/* 64 bits: waits for interrupts, and reports each. */
guest_wait:
	lidt GUEST_IDTR
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)
	mov $GUEST_REPORT, %edx
	mov $GUEST_READY, %eax
	out %eax, %dx
	sti
1:	hlt
	jmp 1b
guest_vector_a:
	mov $GUEST_VECTOR_A, %eax
	jmp 2f
guest_vector_b:
	mov $GUEST_VECTOR_B, %eax
2:	mov $GUEST_REPORT, %edx
	out %eax, %dx
	movl $0, 0xb0(%rbx)
	iretq

guest_end:
	.section .note.GNU-stack, "", @progbits
