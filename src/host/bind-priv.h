/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_BIND_PRIV_H
#define HANDFAST_HOST_BIND_PRIV_H

/* Giving devices to vfio-pci, and giving them back. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/bdf.h"
#include "host/host-priv.h"

struct bind_options {
	bool force;	    /* also devices in use, unless this machine would be lost with them */
	bool group;	    /* with them all of their groups that can be bound */
	bool wait;	    /* as long as it takes, with a line in notes that says how long that is by now */
	const char *user;   /* gets the nodes: a name or a number; NULL: they stay whose they are */
	const char *driver; /* a VFIO driver; NULL: the one made for the device, else vfio-pci */
	/* A device without driver is one whose driver has not come yet, as at boot: it is given back to
	 * whichever claims it then. */
	bool at_boot;
	/* Others that are about to be bound: nothing is said of them where the group still lacks them. */
	const struct bdf *next;
	size_t next_count;
	bool *ret_in_use; /* NULL, or: refused because the host uses one of them */
	bool *ret_moved; /* NULL, or one for each device named: this call bound it, it was not bound before */
};

/*
 * All of them or none: a failure halfway puts the ones before it back. A line for each goes to out
 * ("0000:01:00.0: nvme -> vfio-pci") once all are bound, and to notes what the user should know though
 * it was not refused.
 */
int bind_devices(const struct host *host, const struct bdf *list, size_t count,
		 const struct bind_options *options, FILE *out, FILE *notes);

struct unbind_options {
	bool group;
	bool wait;
	bool remove_id;	    /* take back the identity that new_id gave a VFIO driver */
	const char *driver; /* give them to this one; NULL: to the one they came from */
};

/*
 * Checks all before it touches one. From then on each that can be given back is, and the error says
 * which could not: taking the others away again would help nobody.
 */
int unbind_devices(const struct host *host, const struct bdf *list, size_t count,
		   const struct unbind_options *options, FILE *out, FILE *notes);

/* The devices that either is about: those named and, with `group`, the members of their groups that can be
 * bound, each once. The caller frees the array. */
int bind_expand(const struct host *host, const struct bdf *list, size_t count, bool group,
		struct bdf **ret_list, size_t *ret_count);

#endif
