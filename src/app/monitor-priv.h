/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_MONITOR_PRIV_H
#define HANDFAST_APP_MONITOR_PRIV_H

/* The handlers that have files of their own. */
#include "pci/pci.h"
#include "qmp/qmp.h"

/* monitor-pci.c: query-pci's list of buses. Main thread. A function that is being reset at this moment is
 * waited for. */
struct json_object *monitor_pci(struct pci_bus *root);

#endif
