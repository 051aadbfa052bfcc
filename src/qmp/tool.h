/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_TOOL_H
#define HANDFAST_QMP_TOOL_H

/* `handfast qmp`: the other end of the line. argv[0]: "qmp". table: for the types of arguments, and for
 * --commands. Returns the exit status. */
#include "qmp/qmp.h"

int qmp_tool(int argc, char **argv, const struct qmp_table *table);

#endif
