/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_TASK_PRIV_H
#define HANDFAST_HOST_TASK_PRIV_H

/* What bind and unbind share: the devices of the command line with what the journal knows of them, and the
 * beginning and end of work on them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/host-priv.h"
#include "host/journal-priv.h"
#include "host/progress-priv.h"
#include "host/rebind-priv.h"

/* One device. */
struct task {
	struct host_device device;   /* as it was found */
	struct journal_entry entry;  /* what it has to become again */
	struct journal_entry before; /* the journal's entry before we began */
	bool has_entry;		     /* there was one */
	bool skip;		     /* its driver stays */
	bool handed;		     /* its nodes went to a user, or are about to */
	char target[64];	     /* the driver it goes to */
};

struct tasks {
	struct task *list;
	size_t count;
	struct host host; /* the caller's, but for how long it waits and who is told */
	struct progress progress;
	FILE *notes;
	int lock;
};

struct task_spec {
	const char *command; /* "bind" */
	const struct bdf *list;
	size_t count;
	bool group;
	bool wait;
	FILE *notes;
};

/* Devices that exist, the right to move them, the lock, then the devices as they are under it, none of them
 * still in a driver's hands from an earlier command (with `wait`: any more). */
int tasks_begin(const struct host *host, const struct task_spec *spec, struct tasks *ret_tasks);
void tasks_end(struct tasks *tasks); /* also where it failed to begin */

/* vfio-pci takes neither these nor has a VM any use for them. */
bool task_is_bridge(const struct host_device *device);

/* A bind or unbind ended halfway, so that the journal's entry tells what the device was and the device itself
 * does not. */
bool task_is_unfinished(const struct task *task);

/* After -ETIMEDOUT, with its error on record, which it keeps: the journal says that the driver hangs. */
void task_note_hang(const struct host *host, struct task *task, const struct rebind_hang *hang);

/* Brings the device to `driver`, its override and nodes to what the entry says, and removes the entry. */
int task_restore(const struct host *host, struct task *task, const char *driver);

/* "0000:01:00.0, 0000:01:00.1"; returns ret_text. */
const char *task_names(const struct bdf *list, size_t count, char *ret_text, size_t size);

/* "nvme", "no driver" */
const char *task_driver_text(const char *driver);

/* Prints the warnings, and of the obstacles what is left of them once they do not stop us. */
void task_print_notes(const struct findings *findings, FILE *notes);

#endif
