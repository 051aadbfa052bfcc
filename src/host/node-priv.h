/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_NODE_PRIV_H
#define HANDFAST_HOST_NODE_PRIV_H

/* Device nodes: opening them, and saying why not in terms of who may. */
#include <stddef.h>

/* Records why the caller may not open path read-write (errnum EACCES or EPERM): which user, whose node,
 * what mode, and what would change it. Returns -errnum. */
int node_denied(const char *path, int errnum);

/* The same for a file that may not be read. Returns -EACCES. */
int node_unreadable(const char *path);

/* Whether the caller may open path read-write, without opening it: 0, or node_denied()'s record, or
 * -ENOENT and its like by name. */
int node_check(const char *path);

/* "alice (uid 1000)": who runs this process. Returns ret_text. */
const char *node_user(char *ret_text, size_t size);

#endif
