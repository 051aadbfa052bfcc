/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_GUESTS_FREE_RAISE_H
#define HANDFAST_TESTS_GUESTS_FREE_RAISE_H

#include "free.h"

/* How a device is made to interrupt by nothing but a write. */
struct raiser {
	uint32_t id;
	unsigned vectors;  /* of MSI-X; 0: it has MSI and a line */
	unsigned messages; /* of MSI; 0: by MSI it is not raised like this */
	void (*setup)(const struct device *d);
	void (*raise)(const struct device *d, unsigned vector);
	bool repeats;			       /* one may come again when it is throttled */
	void (*quiet)(const struct device *d); /* it lets go of its line */
};

/* NULL: not of this device. */
const struct raiser *raiser_of(const struct device *d);
const struct raiser *message_raiser_of(const struct device *d);

#endif
