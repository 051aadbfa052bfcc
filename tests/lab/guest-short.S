/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shortest guest there is, for tests that only ask whether a VM starts with its devices: a Linux guest takes
 * the lab five seconds to boot. It is entered as a PVH kernel, says "up" on the serial port, and powers off, or
 * with HALT waits for its end.
 */
	.section .note.Xen, "a", @note
	.long	4, 4, 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.globl	_start
_start:
	movw	$0x3f8, %dx
	movb	$'u', %al
	outb	%al, %dx
	movb	$'p', %al
	outb	%al, %dx
	movb	$'\n', %al
	outb	%al, %dx
#ifndef HALT
	movw	$0x604, %dx	/* PM1a_CNT_BLK */
	movw	$0x3400, %ax	/* SLP_TYP 5, SLP_EN: off */
	outw	%ax, %dx
#endif
1:	hlt
	jmp	1b
