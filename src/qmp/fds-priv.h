/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_FDS_PRIV_H
#define HANDFAST_QMP_FDS_PRIV_H

/*
 * Descriptors that clients hand over (getfd): they arrive with a connection's bytes (unix(7), SCM_RIGHTS),
 * and are kept under a name until a command takes them.
 *
 * Whatever a client sends, it has us hold one descriptor at most that no request was for yet, and those of
 * the getfds that wait for their turn (QMP_WAITING_MAX); and all clients together QMP_FDS_MAX that have a
 * name.
 */
#include <sys/types.h>

#define QMP_FDS_MAX 64

struct qmp_fd {
	char *name;
	int fd;
};

struct qmp_fds {
	struct qmp_fd list[QMP_FDS_MAX];
	unsigned count;
};

void qmp_fds_fini(struct qmp_fds *fds);

/* Takes fd over, also on failure. One of the same name is closed. */
int qmp_fds_add(struct qmp_fds *fds, const char *name, int fd);
/* The descriptor, the caller's from now on. Errors: ENOENT. */
int qmp_fds_take(struct qmp_fds *fds, const char *name);

/* recv(2) without waiting. *fd: a descriptor that has arrived, or -1; one that arrives now takes its place.
 */
ssize_t qmp_fds_receive(int socket, void *ret_data, size_t size, int *fd);

/* Closes *fd, if it is one. */
void qmp_fd_drop(int *fd);

#endif
