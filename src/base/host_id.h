/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_HOST_ID_H
#define HANDFAST_BASE_HOST_ID_H

/*
 * Which device of this host: a PCI function by its address, or a mediated device by its UUID. Both are the
 * names that sysfs and the kernel's VFIO have for them.
 */
#include <stdbool.h>

#include "base/bdf.h"

#define UUID_TEXT_SIZE	  37
#define HOST_ID_TEXT_SIZE 40

struct host_id {
	struct bdf bdf;		   /* where uuid is "" */
	char uuid[UUID_TEXT_SIZE]; /* as sysfs writes it */
};

struct host_id host_id_of(struct bdf bdf);

/* Whether it is a mediated device. */
bool host_id_is_mediated(const struct host_id *id);

bool host_id_equal(const struct host_id *a, const struct host_id *b);

/* "0000:01:00.0", or the UUID; returns ret_text. */
const char *host_id_format(const struct host_id *id, char ret_text[HOST_ID_TEXT_SIZE]);

/* Whether text is a UUID and nothing else: 8-4-4-4-12 hexadecimal digits, of either case (RFC 4122, 3). */
bool uuid_valid(const char *text);

#endif
