/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_TAKEOUT_PRIV_H
#define HANDFAST_APP_TAKEOUT_PRIV_H

/* Taking devices out of a machine that runs: what takes its time is done on a thread of its own. Main thread,
 * except where it says so. */
#include <pthread.h>
#include <stdatomic.h>

#include "app/machine-priv.h"
#include "base/error.h"

struct takeout_device {
	struct pci_function *function; /* gone once it is done */
	struct device_plan *plan;      /* leaving, until takeout_finish() */
	char name[MACHINE_DEVICE_NAME_SIZE];
	char *id;     /* NULL: it has none */
	bool managed; /* to be given back to the host */
	struct bdf host;
	int error;	  /* what came of that */
	struct error why; /* of an error */
	char driver[64];  /* who has it now; "" nobody knows */
};

struct takeout {
	struct takeout *next;
	struct machine *machine;
	struct takeout_device device[PCI_FUNCTIONS];
	unsigned count;
	bool others_managed; /* some of the machine's devices are, or were */
	bool threaded;
	pthread_t thread;
	atomic_bool done;
	void (*wake)(void *opaque); /* any thread */
	void *opaque;
};

/*
 * Takes all functions off the bus, or only one of them, closes their devices and gives back to the host those
 * of managed=on. The guest has let go of them. wake is called when takeout->done has been set;
 * takeout_finish() is next. Errors: ENOMEM, and nothing has happened.
 */
int takeout_start(struct machine *machine, struct pci_bus *bus, const struct pci_function *only,
		  void (*wake)(void *opaque), void *opaque, struct takeout **ret_takeout);
/* Waits until it is done, says what came of it, and drops the plans. Who wants the words of it reads them
 * before takeout_free(). */
void takeout_finish(struct takeout *takeout);
void takeout_free(struct takeout *takeout);

#endif
