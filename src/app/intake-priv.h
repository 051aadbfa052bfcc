/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_INTAKE_PRIV_H
#define HANDFAST_APP_INTAKE_PRIV_H

/* Opening a device for a machine that runs, on a thread of its own. Main thread, except where it says so. */
#include <pthread.h>
#include <stdatomic.h>

#include "app/machine-priv.h"
#include "base/error.h"

/* What an intake is at work on, of what takes long. */
enum intake_phase {
	INTAKE_CHECKS,
	INTAKE_POPULATE, /* guest memory is faulted in */
	INTAKE_MAP,	 /* and mapped for the device */
};

struct intake {
	struct intake *next;
	struct machine *machine;
	struct device_plan *plan; /* the machine's */
	uint64_t ticket;	  /* of who is to be answered */

	/* the thread's, until it is done */
	struct device_plan own;	       /* what it fills of the plan is the plan's afterwards */
	struct pci_function *function; /* NULL: it failed */
	bool populated;		       /* all guest memory is there */
	bool bound;		       /* by us, for managed=on */
	struct error why;

	pthread_t thread;
	atomic_bool done;
	atomic_bool cancelled;
	atomic_int phase;
	atomic_ullong done_bytes, total_bytes; /* of the phase */
	struct timespec told;		       /* when progress was, the last time */
	void (*wake)(void *opaque);	       /* any thread */
	void *opaque;
};

/*
 * Checks, binds (managed=on), faults memory in, opens the device and maps memory for it. wake is called when
 * there is progress to be told, and when intake->done has been set; intake_finish() is next. The plan is
 * placed, and in the machine's list. Errors: ENOMEM, and nothing has happened.
 */
int intake_start(struct machine *machine, struct device_plan *plan, void (*wake)(void *opaque), void *opaque,
		 struct intake **ret_intake);
/* Waits until it is done. Returns 0 with the function, or an error with its cause; then the host is as
 * before. */
int intake_finish(struct intake *intake, struct pci_function **ret_function);
void intake_free(struct intake *intake);

#endif
