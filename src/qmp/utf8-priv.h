/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_UTF8_PRIV_H
#define HANDFAST_QMP_UTF8_PRIV_H

/* UTF-8, byte by byte (RFC 3629: shortest forms only, no surrogates, up to U+10FFFF). */
#include <stdbool.h>
#include <stdint.h>

/* Zero: between two characters. */
struct utf8 {
	uint8_t left;	   /* bytes that the present character still needs */
	uint8_t low, high; /* what the next of them may be */
};

/* Takes the next byte. False: it does not belong here; the next one begins a character. */
bool utf8_step(struct utf8 *utf8, uint8_t byte);

#endif
