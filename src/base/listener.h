/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_LISTENER_H
#define HANDFAST_BASE_LISTENER_H

/* Stream sockets that handfast listens on. Any thread. */
#include <stdint.h>
#include <sys/types.h>

struct listener {
	int fd;	    /* non-blocking, close-on-exec; -1: none */
	char *path; /* of a unix socket's file, absolute; NULL: there is no file */
	dev_t device;
	ino_t inode;
};

/*
 * A unix socket at path, its file open to nobody else (mode 0600) from the first moment on. A file that a
 * dead process left there is replaced. Errors: EADDRINUSE where a living process has it, EEXIST where the
 * file is no socket, ENAMETOOLONG, or what the system says.
 */
int listener_open_unix(const char *path, int backlog, struct listener *ret_listener);

/* A TCP socket at a numeric address of this host, IPv4 or IPv6; "localhost" is 127.0.0.1. */
int listener_open_tcp(const char *address, uint16_t port, int backlog, struct listener *ret_listener);

/* Removes the file, unless somebody has put another in its place, and closes the socket. One that is closed
 * already is fine. */
void listener_close(struct listener *listener);

#endif
