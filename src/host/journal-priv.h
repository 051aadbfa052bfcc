/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_JOURNAL_PRIV_H
#define HANDFAST_HOST_JOURNAL_PRIV_H

/*
 * What each device was before handfast took it, on disk before the first change: one small file for each
 * device in host->state, written under another name, synced and renamed, so that at any moment, a crash or
 * a power cut included, either the whole entry is there or none.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/host-priv.h"

/* A driver that was told to let go of a device (or to take it) and has not come back. */
struct journal_hang {
	pid_t writer;	  /* the process that sits in it; 0: not known */
	uint64_t started; /* that process's start, in the kernel's ticks: numbers are used again */
	char boot[40];	  /* of which boot this speaks */
	char driver[64];
	int64_t since; /* seconds since the epoch */
};

struct journal_entry {
	struct bdf bdf;
	uint16_t vendor, device; /* whoever sits at this address after a reboot may be somebody else */
	char driver[64];	 /* bound to before; "" none */
	char override[64];	 /* driver_override before; "" none */
	bool origin_unknown;	 /* it was with VFIO when we came: driver and override say nothing */
	char boot[40];		 /* in which it was taken; "" not known */
	bool has_user;		 /* the nodes went to a user */
	uid_t user;
	uid_t owner_before; /* of the group's node */
	bool hangs;
	struct journal_hang hang;
};

/* Makes the folder and takes the lock that keeps two commands from working at once; where it has to wait for
 * longer than a second it says so in notes (NULL: does not), and as long as some writes may take (ever, where
 * host->write_ms is 0) it waits: -EAGAIN. The lock is dropped by closing ret_lock. */
int journal_lock(const struct host *host, FILE *notes, int *ret_lock);

int journal_write(const struct host *host, const struct journal_entry *entry);

/* -ENOENT: there is none. -EBADMSG: there is one that cannot be read. */
int journal_read(const struct host *host, struct bdf bdf, struct journal_entry *ret_entry);

/* The entry of this device, not of another one that once sat at its address. That it had no driver is no
 * origin any more after a reboot: who has it since then, nobody remembers. */
bool journal_find(const struct host *host, const struct host_device *device, struct journal_entry *ret_entry);

/* Notes in the entry (not yet on disk) that the device is taken now, in this boot. */
void journal_set_boot(const struct host *host, struct journal_entry *entry);

/* Fine where there is none. */
int journal_remove(const struct host *host, struct bdf bdf);

/* Notes in the entry (not yet on disk) that the driver hangs in a write that `writer` was left in. */
void journal_set_hang(const struct host *host, struct journal_entry *entry, const char *driver, pid_t writer);

/* Whether that write is still going on: any other write to the device would wait for it. */
bool journal_hang_lasts(const struct host *host, const struct journal_entry *entry);

/*
 * What a bind or unbind that has not come to its end left behind, for who only looks: "bind or unbind in
 * progress: nvme has not let go of it for 35 s". False where there is nothing of the kind.
 */
bool journal_in_progress(const struct host *host, const struct host_device *device, char *ret_text,
			 size_t size);

#endif
