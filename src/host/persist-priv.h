/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_PERSIST_PRIV_H
#define HANDFAST_HOST_PERSIST_PRIV_H

/*
 * Devices that are to be bound at each boot: a record for each in host->state/persist, of what tells the
 * device from all others, because addresses change when hardware is added or the firmware numbers buses anew.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"
#include "host/bind-priv.h"
#include "host/device-priv.h"
#include "host/host-priv.h"

struct persist_record {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	char serial[96]; /* "dsn 00-1b-21-ff-ff-aa-bb-cc", "nvme S4EVNX0R", "mac 52:54:00:12:34:56"; "" none
			  */
	char path[256];	 /* "pci0000:00/1c.0/00.0": no bus number in it but the root bus's */
	struct bdf bdf;	 /* where it was last */
	char user[64];	 /* gets the nodes; "" nobody */
	char driver[64]; /* the user's choice; "" the one made for it */
};

/* What tells this device from others. A virtual function, which no boot brings, is refused. */
int persist_identify(const struct host *host, const struct host_device *device,
		     struct persist_record *ret_record);

/* The device of the list that the record is about, NULL with the reason as the error. A record without serial
 * number knows its device by the place alone; one with serial number takes no other, and none that shows
 * none, unless VFIO has that already: a guess would take somebody else's device. */
const struct host_device *persist_find(const struct host *host, const struct persist_record *record,
				       const struct host_device *list, size_t count);

/* Has the drivers loaded that show the serial number which the record wants, as udev is about to, where
 * devices of that model are still without, and waits a moment for them. Updates the list's drivers. */
void persist_show_serials(const struct host *host, const struct persist_record *record,
			  struct host_device *list, size_t count);

/* All records; the caller frees the array. A file that is none is passed over with a note. */
int persist_load_all(const struct host *host, FILE *notes, struct persist_record **ret_list,
		     size_t *ret_count);
int persist_write(const struct host *host, const struct persist_record *record);
int persist_drop(const struct host *host, const struct persist_record *record);

/* The commands. */

/* Binds and records. */
int persist_bind(const struct host *host, const struct bdf *list, size_t count,
		 const struct bind_options *options, FILE *out, FILE *notes);

/* Binds what is recorded. One that is not found or in use is passed over with a note, which is no failure. */
int persist_bind_recorded(const struct host *host, const struct bind_options *options, FILE *out,
			  FILE *notes);

/* Gives back and forgets, once it has been given back. A device that is gone is only forgotten. */
int persist_unbind(const struct host *host, const struct bdf *list, size_t count,
		   const struct unbind_options *options, FILE *out, FILE *notes);

/* The same with all that is recorded. */
int persist_unbind_recorded(const struct host *host, const struct unbind_options *options, FILE *out,
			    FILE *notes);

#endif
