/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_SURROUNDINGS_PRIV_H
#define HANDFAST_HOST_SURROUNDINGS_PRIV_H

/* What we run inside of. */
#include <stdbool.h>
#include <stddef.h>

#include "host/findings-priv.h"
#include "host/host-priv.h"

/* A container, and which kind ("docker"; "" unknown). */
bool surroundings_container(const struct host *host, char *ret_kind, size_t size);

/* A virtual machine, and which ("QEMU, Standard PC (Q35 + ICH9, 2009)"; "" unknown). */
bool surroundings_machine(const struct host *host, char *ret_name, size_t size);

/* What either means for passthrough. */
void surroundings_check(const struct host *host, struct findings *findings);

#endif
