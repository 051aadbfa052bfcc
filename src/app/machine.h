/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_MACHINE_H
#define HANDFAST_APP_MACHINE_H

/* One VM, from its options to its end. */
#include "app/options.h"

struct machine;

/*
 * Checks everything that can be checked, then opens, builds and loads; the guest does not run yet. On
 * failure all that was taken is given back. Main thread; forks the broker, so no thread may exist.
 */
int machine_create(const struct options *options, struct machine **ret_machine);

/* Runs the guest until it ends; ret_signal: the signal that ended it, or 0. Errors: the guest could not go
 * on. */
int machine_run(struct machine *machine, int *ret_signal);

/* Stops what runs, gives the devices back. Errors: a device that the host has not got back. NULL is fine. */
int machine_destroy(struct machine *machine);

#endif
