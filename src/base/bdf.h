/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_BDF_H
#define HANDFAST_BASE_BDF_H

/* A PCI function's address on this host: domain, bus, device, function. */
#include <stdbool.h>
#include <stdint.h>

struct bdf {
	uint32_t domain; /* 32 bits: Linux numbers VMD domains from 0x10000 */
	uint8_t bus;
	uint8_t device;	  /* 0 to 31 */
	uint8_t function; /* 0 to 7 */
};

#define BDF_TEXT_SIZE 20

/*
 * Reads [DDDD:]BB:DD.F, all hexadecimal, nothing before or behind it; without a domain, 0000.
 * Returns 0, or -EINVAL with a cause that says what is wrong with the text.
 */
int bdf_parse(const char *text, struct bdf *ret_bdf);

/* Writes DDDD:BB:DD.F and returns ret_text. */
const char *bdf_format(struct bdf bdf, char ret_text[BDF_TEXT_SIZE]);

bool bdf_equal(struct bdf a, struct bdf b);

#endif
