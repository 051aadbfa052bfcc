/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_HANDOVER_PRIV_H
#define HANDFAST_HOST_HANDOVER_PRIV_H

/*
 * The nodes of a bound device in the hands of a user, so that a VM can run without root: /dev/vfio/GROUP, and
 * the device's own one below /dev/vfio/devices on kernels that have them. Only the owner changes.
 */
#include <stdio.h>
#include <sys/types.h>

#include "host/device-priv.h"
#include "host/host-priv.h"
#include "host/journal-priv.h"

struct handover_user {
	uid_t uid;
	char name[64];
};

/* By name or number. -EINVAL where there is no such user. */
int handover_find_user(const char *text, struct handover_user *ret_user);

/* Notes the user in the entry (not yet on disk), and who the group's node belonged to before handfast gave it
 * away, which another device of the group may know better than the node. */
void handover_plan(const struct host *host, const struct host_device *device,
		   const struct handover_user *user, struct journal_entry *entry);

/* Gives the nodes to the entry's user, once they are there and udev has done with them. */
int handover_give(const struct host *host, const struct host_device *device,
		  const struct journal_entry *entry);

/* Takes the nodes that are left back, as the entry says, unless another device of the group was handed to the
 * same user, or somebody else has given the node away since. */
int handover_take_back(const struct host *host, const struct host_device *device,
		       const struct journal_entry *entry);

/* What the user may lock of memory, as far as a process of his tells; a guest's is locked as a whole. */
void handover_note_limit(const struct host *host, const struct handover_user *user, FILE *notes);

#endif
