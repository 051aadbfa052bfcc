/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_MONITOR_PRIV_H
#define HANDFAST_APP_MONITOR_PRIV_H

/* The handlers that have files of their own. */
#include "pci/pci.h"
#include "qmp/qmp.h"

/* monitor-pci.c: query-pci's list of buses. Main thread. A function that is being reset at this moment is
 * waited for. */
struct json_object *monitor_pci(struct pci_bus *root);

struct machine;

/* monitor-vfio.c: query-vfio. Main thread. Waits like monitor_pci(), but not while a device is opened or
 * closed. */
struct json_object *monitor_vfio(const struct machine *machine);

/* monitor-types.c: what kinds of thing there are. */
int monitor_qom_list_types(void *opaque, struct json_object *arguments, struct qmp_answer *answer);
int monitor_device_list_properties(void *opaque, struct json_object *arguments, struct qmp_answer *answer);

/* monitor-devices.c: devices come and go. */
int monitor_device_add(void *opaque, struct json_object *arguments, struct qmp_answer *answer);
int monitor_device_del(void *opaque, struct json_object *arguments, struct qmp_answer *answer);
/* Has the events told to all clients. */
void monitor_devices_listen(struct machine *machine);

#endif
