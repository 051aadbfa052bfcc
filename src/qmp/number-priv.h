/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_NUMBER_PRIV_H
#define HANDFAST_QMP_NUMBER_PRIV_H

/* Numbers as JSON writes them (RFC 8259, 6), byte by byte. json-c takes others too, depending on where its
 * input is split. */

enum number {
	NUMBER_NONE, /* not in a number */
	NUMBER_SIGN,
	NUMBER_ZERO,
	NUMBER_WHOLE,
	NUMBER_POINT,
	NUMBER_FRACTION,
	NUMBER_E,
	NUMBER_E_SIGN,
	NUMBER_EXPONENT,
	NUMBER_BAD, /* what was or is being written is none */
};

/* Where the next byte leads to. It stands outside of strings. */
enum number number_step(enum number number, char byte);

#endif
