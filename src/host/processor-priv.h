/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_PROCESSOR_PRIV_H
#define HANDFAST_HOST_PROCESSOR_PRIV_H

/* The processor as /proc/cpuinfo shows it: whose terms apply, and what it can. */
#include <stdbool.h>

#include "host/host-priv.h"

enum processor {
	PROCESSOR_OTHER,
	PROCESSOR_INTEL,
	PROCESSOR_AMD, /* Hygon's too */
	PROCESSOR_ARM,
};

enum processor processor_maker(const struct host *host);

/* Whether the first "flags" line has the word; an Arm processor has no such line. */
bool processor_has(const struct host *host, const char *flag);

/* Bits of a physical address, 0 where /proc/cpuinfo does not say. */
unsigned processor_address_bits(const struct host *host);

#endif
