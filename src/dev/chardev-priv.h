/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_CHARDEV_PRIV_H
#define HANDFAST_DEV_CHARDEV_PRIV_H

/*
 * What the kinds of character backends have in common.
 *
 *     chardev.c          creation, destruction, the calls from devices
 *     chardev-kick.c     wakes the loop
 *     chardev-output.c   the buffer and how it is written out
 *     chardev-input.c    how input is read
 *     chardev-stream.c   one direction of a descriptor
 *     chardev-<kind>.c   what each kind opens, and what the end of a stream means for it
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "dev/chardev.h"
#include "dev/timer-priv.h"

#define CHARDEV_BUFFER 65536

/* One direction of a descriptor. A descriptor for both directions is duplicated. */
struct stream {
	struct loop_source source; /* fd -1: nothing there */
	uint32_t watched;	   /* the events it is in the loop for, 0: it is not in the loop */
	bool always_ready;	   /* a regular file, /dev/null: nothing to wait for */
	bool blocking;		   /* could not be made non-blocking without touching others: ask first */
	bool socket;
};

enum output_state {
	OUTPUT_IDLE,	/* nothing to do; the next byte wakes the loop */
	OUTPUT_AWAKE,	/* the loop was woken, or looks again by itself shortly */
	OUTPUT_BLOCKED, /* waiting for the reader */
	OUTPUT_NOWHERE, /* nobody to write to now */
	OUTPUT_DEAD,	/* nobody to write to, for ever */
};

struct chardev_kind_ops {
	bool lossless; /* dropped output is worth a warning */
	int (*open)(struct chardev *chardev, const struct chardev_options *options);
	/* Undoes open(), also one that failed halfway. The streams are closed by chardev.c. */
	void (*close)(struct chardev *chardev);
	/* Input is there: may it be read now? May be NULL: yes. Where not, the kind calls chardev_kick()
	 * later. */
	bool (*may_read)(struct chardev *chardev);
	/* Reading came to its end (errnum 0) or failed. May be NULL: input is over, that is all. */
	void (*input_ended)(struct chardev *chardev, int errnum);
	/* The other end is gone while the device takes no input. Only for kinds that set watch_hangup. */
	void (*hung_up)(struct chardev *chardev);
	/* Writing failed. Returns whether to go on with what comes after the bytes that failed. */
	bool (*output_failed)(struct chardev *chardev, int errnum);
};

struct chardev {
	struct loop *loop;
	const struct chardev_kind_ops *ops;
	void *own;  /* the kind's */
	char *path; /* or NULL */
	struct loop_source kick;
	struct dev_timer timer; /* of the output */

	/* The device behind; the loop's thread. */
	size_t (*room)(void *opaque);
	void (*input)(void *opaque, const void *data, size_t size);
	void (*writable)(void *opaque);
	void *opaque;

	struct stream in; /* the loop's thread */
	bool watch_hangup;
	atomic_bool paused; /* the device has no room: chardev_accept_input() has to wake the loop */

	struct stream out;	/* the loop's thread */
	uint64_t blocked_since; /* CLOCK_MONOTONIC, in OUTPUT_BLOCKED */
	bool failed;		/* the last write failed, and that was said */

	pthread_mutex_t mutex;		 /* guards the rest */
	_Atomic enum output_state state; /* the loop's thread may look without the mutex */
	atomic_bool held;		 /* the device is asked to hold back */
	bool stalled;			 /* the reader takes nothing: drop, do not hold back */
	uint64_t head;			 /* bytes ever taken out of the buffer, or dropped */
	uint64_t tail;			 /* bytes ever put in */
	uint64_t dropped;
	uint8_t buffer[CHARDEV_BUFFER];
};

/* chardev.c */
void chardev_kick(struct chardev *chardev); /* the loop looks after output and input; any thread */

/* chardev-output.c: the loop's thread */
void output_pump(struct chardev *chardev);
void output_timeout(void *opaque);
/* There is somebody to write to now (out is open), or no longer (out is to be closed). */
void output_attach(struct chardev *chardev);
void output_detach(struct chardev *chardev, enum output_state state);
void output_flush(struct chardev *chardev);

/* chardev-input.c: the loop's thread */
void input_pump(struct chardev *chardev);
void input_attach(struct chardev *chardev);
void input_detach(struct chardev *chardev);

/* chardev-stream.c */
extern const struct stream stream_none;
/* Takes fd over. */
void stream_init(struct stream *stream, int fd);
/* Another way to a descriptor of ours that others may share: its mode is not changed. direction: O_RDONLY
 * or O_WRONLY. -1 where it is not open. */
int stream_borrow(struct stream *stream, int fd, int direction);
void stream_watch(struct chardev *chardev, struct stream *stream, uint32_t events);
void stream_unwatch(struct chardev *chardev, struct stream *stream);
void stream_close(struct chardev *chardev, struct stream *stream);
ssize_t stream_read(struct stream *stream, void *ret_data, size_t size);
ssize_t stream_write(struct stream *stream, const void *data, size_t size);
/* Reading, writing, and job control are no reason to be killed or stopped. */
void stream_ignore_signals(void);

/* chardev-terminal.c */
/* fd, if it is a terminal, is a backend's input from now on, until terminal_give_back() restores it. */
void terminal_take(int fd);
void terminal_give_back(void);
/* Whether fd may be read: not while another job of the shell has the terminal. Sees to it that it is raw. */
bool terminal_ready(int fd);

/* chardev-<kind>.c */
extern const struct chardev_kind_ops chardev_stdio_ops;
extern const struct chardev_kind_ops chardev_pty_ops;
extern const struct chardev_kind_ops chardev_file_ops;
extern const struct chardev_kind_ops chardev_socket_ops;

#endif
