/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_SHELL_PRIV_H
#define HANDFAST_QMP_SHELL_PRIV_H

/* `handfast qmp SOCKET` for a person at a terminal: a prompt, completion, history, events as they come. */
#include "qmp/peer-priv.h"
#include "qmp/qmp.h"

/* Until the person leaves or the VM is gone. Returns the exit status. */
int shell_run(struct qmp_peer *peer, const struct qmp_table *table);

#endif
