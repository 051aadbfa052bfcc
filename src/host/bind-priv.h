/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_BIND_PRIV_H
#define HANDFAST_HOST_BIND_PRIV_H

/* Giving devices to vfio-pci, and giving them back. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/bdf.h"
#include "host/host-priv.h"

/*
 * All of them or none: a failure halfway puts the ones before it back. A line for each goes to out
 * ("0000:01:00.0: nvme -> vfio-pci") once all are bound, and to notes what the user should know though
 * it was not refused. force: also devices in use, unless this machine would be lost with them.
 */
int bind_devices(const struct host *host, const struct bdf *list, size_t count, bool force, FILE *out,
		 FILE *notes);

/*
 * Checks all before it touches one. From then on each that can be given back is, and the error says
 * which could not: taking the others away again would help nobody.
 */
int unbind_devices(const struct host *host, const struct bdf *list, size_t count, FILE *out, FILE *notes);

#endif
