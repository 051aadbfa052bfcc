/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_CHARDEV_H
#define HANDFAST_DEV_CHARDEV_H

/*
 * Character backends: where a guest's serial port leads. Output never blocks a vCPU: what a slow reader
 * does not take is kept up to 64 KiB and then dropped, oldest first, and counted. Input is read on the
 * loop's thread, only as fast as the device takes it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"

enum chardev_kind {
	CHARDEV_NULL,	/* nowhere */
	CHARDEV_STDIO,	/* standard input and output; a terminal is made raw but for its signal keys, and restored */
	CHARDEV_PTY,	/* a new pseudo-terminal; its name is logged at info level and given by chardev_path() */
	CHARDEV_FILE,	/* output only: created or emptied */
	CHARDEV_SOCKET, /* a unix socket that handfast listens on; one client at a time; removed at the end */
};

struct chardev_options {
	enum chardev_kind kind;
	const char *path; /* file, socket */
	bool wait;	  /* socket: chardev_create() waits for the first client */
};

struct chardev;

int chardev_create(struct loop *loop, const struct chardev_options *options, struct chardev **ret_chardev);
/* Restores the terminal, removes the socket. NULL is fine. */
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
/* The device has room again. Any thread, never blocks. */
void chardev_accept_input(struct chardev *chardev);

/* Puts the terminal back as it was: for a process that is about to end without chardev_destroy(). */
void chardev_restore_terminal(void);

#endif
