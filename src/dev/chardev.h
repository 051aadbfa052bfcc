/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_CHARDEV_H
#define HANDFAST_DEV_CHARDEV_H

/*
 * Character backends: where a guest's serial port leads. Output never blocks a vCPU: what a slow reader
 * does not take is kept up to 64 KiB and then dropped, oldest first, and counted. A device that heeds
 * chardev_writable() loses nothing to a reader that is merely slow: only one that takes nothing for a whole
 * second counts as stalled, and then the guest goes on without it. What nobody has read yet (no client, say)
 * is there for who comes. Input is read on the loop's thread, only as fast as the device takes it.
 *
 * The first backend on standard input and output, or on a file, makes the process ignore SIGPIPE, SIGTTIN and
 * SIGTTOU where their default action stands: a reader that leaves and a shell's job control are no reason to
 * stop a VM. Descriptors 0 to 2 must be open, on /dev/null at least, before anything else is opened.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

enum chardev_kind {
	CHARDEV_NULL,	/* nowhere */
	CHARDEV_STDIO,	/* standard input and output; a terminal is made raw but for its signal keys, and
			   restored */
	CHARDEV_PTY,	/* a new pseudo-terminal; its name is logged, always, and given by chardev_path() */
	CHARDEV_FILE,	/* output only: created or emptied */
	CHARDEV_SOCKET, /* a unix socket that handfast listens on; one client at a time; removed at the end */
};

struct chardev_options {
	enum chardev_kind kind;
	const char *path; /* file, socket */
	bool wait;	  /* socket: chardev_create() waits for the first client, or for a signal (-EINTR) */
};

struct chardev;

int chardev_create(struct loop *loop, const struct chardev_options *options, struct chardev **ret_chardev);
/* Writes out what is left as long as the reader takes it (5 s at most), restores the terminal, removes the
 * socket. NULL is fine. */
void chardev_destroy(struct chardev *chardev);

/* The pseudo-terminal's or socket's path, or NULL. */
const char *chardev_path(const struct chardev *chardev);

/* The device behind: room() says how many bytes it can take now, input() delivers at most that many.
 * Called on the loop's thread. */
void chardev_connect(struct chardev *chardev, size_t (*room)(void *opaque),
		     void (*input)(void *opaque, const void *data, size_t size), void *opaque);
void chardev_disconnect(struct chardev *chardev);

/* Any thread, never blocks. */
void chardev_write(struct chardev *chardev, const void *data, size_t size);
/* Whether the device should go on writing. False: the buffer is nearly full; writing is still allowed. Any
 * thread, never blocks. */
bool chardev_writable(const struct chardev *chardev);
/* writable(opaque of chardev_connect()) is called on the loop's thread when chardev_writable() turns true. */
void chardev_on_writable(struct chardev *chardev, void (*writable)(void *opaque));
/* Bytes of output dropped so far. Any thread. */
uint64_t chardev_dropped(struct chardev *chardev);
/* The device has room again. Any thread, never blocks. */
void chardev_accept_input(struct chardev *chardev);

/* Puts the terminal back as it was: for a process that is about to end without chardev_destroy(), or to stop
 * (after which the first input makes it raw again). Any thread, and signal-safe. */
void chardev_restore_terminal(void);

#endif
