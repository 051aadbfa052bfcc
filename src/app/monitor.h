/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_MONITOR_H
#define HANDFAST_APP_MONITOR_H

/* What QMP can ask of a machine. Handlers run on the main thread, with the machine as their opaque. */
#include "qmp/qmp.h"

struct machine;

/* All commands and events; docs/qmp.md is held to it. */
extern const struct qmp_table monitor_table;

/* Opens the sockets that the options name. machine->loop and machine->unplug are there; machine->qmp comes of
 * it, also halfway. */
int monitor_start(struct machine *machine);

/* {"guest": ..., "reason": ...}: data of RESET and SHUTDOWN. */
struct json_object *monitor_cause(bool guest, const char *reason);

#endif
