/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in: as a PVH kernel in 32-bit protected mode (Xen docs/misc/pvh.pandoc), from there into long mode; the
 * second processor's way from real mode; and the stubs that interrupts and exceptions come in by.
 */
#define CR0_PE		1
#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define EFER		0xc0000080
#define EFER_LME	0x100
#define CODE32		0x08
#define CODE64		0x10
#define DATA		0x18

#define STACK_SIZE	0x4000
#define PAGE_HUGE	0x83	/* present, writable, 1 GiB */
#define PAGE_HUGE_UC	0x9b	/* and uncached: devices */

	.section .note.Xen, "a", @note
	.long	4, 4, 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.globl	_start
_start:
	cli
	movl	%ebx, start_info
	movl	$tables_end, %ecx
	movl	$pml4, %edi
	subl	%edi, %ecx
	shrl	$2, %ecx
	xorl	%eax, %eax
	cld
	rep stosl
	/* The first 512 GiB as they are: 2 GiB for memory, the rest for devices. */
	movl	$pdpt + 3, pml4
	movl	$far_table + 3, pml4 + 256 * 8
	movl	$pdpt, %edi
	xorl	%ecx, %ecx
1:	movl	%ecx, %eax
	shll	$30, %eax
	orl	$PAGE_HUGE, %eax
	cmpl	$2, %ecx
	jb	2f
	orl	$PAGE_HUGE_UC, %eax
2:	movl	%eax, (%edi)
	movl	%ecx, %eax
	shrl	$2, %eax
	movl	%eax, 4(%edi)
	addl	$8, %edi
	incl	%ecx
	cmpl	$512, %ecx
	jb	1b
	movl	$0, %ebp
	jmp	to_long

	/* Both processors, in flat protected mode; ebp: which one. */
to_long:
	lgdt	gdt_pointer
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG | CR0_PE, %eax
	movl	%eax, %cr0
	ljmp	$CODE64, $long_mode

	.code64
long_mode:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%ebp, %eax
	incl	%eax
	imull	$STACK_SIZE, %eax, %eax
	leaq	stacks(%rax), %rsp
	movl	%ebp, %edi
	xorl	%ebp, %ebp
	call	processor_main
1:	hlt
	jmp	1b

	/* Copied below 1 MiB, to an address that is a multiple of 4 KiB. */
	.code16
	.globl	second_start, second_end
second_start:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	second_gdt - second_start
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$CODE32, $second_protected
	.balign	4
second_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
second_end:

	.code32
second_protected:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$1, %ebp
	jmp	to_long

	/* 16 bytes each, so that their addresses can be counted out. */
	.code64
	.balign	16
	.globl	stubs
stubs:
	.set	n, 0
	.rept	256
	.balign	16
	pushq	$n
	jmp	common
	.set	n, n + 1
	.endr

common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	72(%rsp), %rdi
	leaq	80(%rsp), %rsi
	cld
	call	interrupted
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$8, %rsp
	iretq

	.data
	.balign	16
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.globl	start_info
start_info:
	.long	0

	.bss
	.balign	4096
pml4:
	.skip	4096
pdpt:
	.skip	4096
	.globl	far_table
far_table:
	.skip	4096
tables_end:
stacks:
	.skip	2 * STACK_SIZE

	.section .note.GNU-stack, "", @progbits
