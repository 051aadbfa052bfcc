/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_GUESTS_FREE_RULES_H
#define HANDFAST_TESTS_GUESTS_FREE_RULES_H

#include "free.h"

#define RULE_WHOLE 0xffff /* a capability to its end */

enum space {
	SPACE_HEADER,
	SPACE_STANDARD,
	SPACE_MSI_32, /* an MSI capability with 32-bit addresses */
	SPACE_MSI_64,
	SPACE_EXPRESS_2, /* what a PCI Express capability has from version 2 on */
	SPACE_EXTENDED,
};

/* Which bits of a register may change when it is written. Of registers of more than 4 bytes the masks count
 * from 4 bytes to 4 bytes. What no rule names may not change. */
struct rule {
	enum space space;
	uint16_t id;
	uint16_t offset; /* in the capability */
	uint16_t size;
	uint32_t may;
	uint32_t must;	/* have to keep what is written */
	uint32_t moves; /* change by themselves, or clear when written 1: not compared */
	uint32_t skip;	/* are left as they are */
};

extern const struct rule rules[];
extern const unsigned rule_count;
extern const uint16_t hidden_extended[];
extern const unsigned hidden_extended_count;

#endif
