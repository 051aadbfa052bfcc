/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_JOURNAL_PRIV_H
#define HANDFAST_HOST_JOURNAL_PRIV_H

/*
 * What each device was before handfast took it, on disk before the first change: one small file for each
 * device in host->state, written under another name, synced and renamed, so that at any moment, a crash or
 * a power cut included, either the whole entry is there or none.
 */
#include <stdint.h>

#include "base/bdf.h"
#include "host/host-priv.h"

struct journal_entry {
	struct bdf bdf;
	uint16_t vendor, device; /* whoever sits at this address after a reboot may be somebody else */
	char driver[64];	 /* bound to before; "" none */
	char override[64];	 /* driver_override before; "" none */
};

/* Makes the folder and takes the lock that keeps two commands from working at once (it waits); the
 * lock is dropped by closing ret_lock. */
int journal_lock(const struct host *host, int *ret_lock);

int journal_write(const struct host *host, const struct journal_entry *entry);

/* -ENOENT: there is none. -EBADMSG: there is one that cannot be read. */
int journal_read(const struct host *host, struct bdf bdf, struct journal_entry *ret_entry);

/* Fine where there is none. */
int journal_remove(const struct host *host, struct bdf bdf);

#endif
