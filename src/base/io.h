/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_IO_H
#define HANDFAST_BASE_IO_H

/* Whole reads and writes, and messages with a descriptor over a unix socket. */
#include <stddef.h>
#include <sys/types.h>

/* All of size bytes, however many calls it takes. -ENODATA where the file ends before. */
int io_read_full(int fd, void *ret_data, size_t size);
int io_write_full(int fd, const void *data, size_t size);

/* One message on a SOCK_SEQPACKET or SOCK_DGRAM socket, with a copy of descriptor fd unless that is -1.
 * Raises no SIGPIPE: -EPIPE where nobody listens any more. */
int io_send(int socket, const void *data, size_t size, int fd);

/*
 * One message of exactly size bytes: -EPIPE where the other end is closed, -EPROTO for any other size.
 * ret_fd: the descriptor that came with it (close-on-exec, the caller's) or -1. ret_sender: the
 * process that sent it, as the kernel vouches for it, when SO_PASSCRED is set on the socket; else 0.
 * Either may be NULL; a descriptor nobody asked for is closed.
 */
int io_receive(int socket, void *ret_data, size_t size, int *ret_fd, pid_t *ret_sender);

#endif
