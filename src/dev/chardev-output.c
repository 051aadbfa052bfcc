/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a character backend.
 *
 * Theory of operation: vCPUs put bytes into a ring buffer and the loop's thread writes them out. A vCPU makes
 * a system call (to wake the loop) only for the first byte after a silence: once awake, the loop looks again
 * every few milliseconds until a look finds nothing, so a guest that prints byte by byte costs neither a call
 * nor a write for each of them, and a person sees the first byte at once.
 *
 *     IDLE -> AWAKE      a byte came: the loop is woken
 *     AWAKE -> IDLE      a look found nothing
 *     AWAKE -> BLOCKED   the reader takes no more: the loop waits until it does
 *     BLOCKED -> AWAKE   it took something
 *     any -> NOWHERE     the other end left (a client); -> AWAKE when the next one comes
 *     any -> DEAD        the other end left and none can come: everything is dropped
 *
 * While the buffer is nearly full the device is asked to hold back (`held`), unless the reader is stalled:
 * it was BLOCKED for a second without taking a byte, or nobody is there. Bytes are dropped at the old end,
 * possibly while the loop writes the very same bytes with the mutex dropped: positions count all bytes
 * ever put in, so that both sides can tell afterwards.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "dev/chardev-priv.h"

#define OUTPUT_HIGH	   (CHARDEV_BUFFER - CHARDEV_BUFFER / 4) /* from here on the device is held back */
#define OUTPUT_LOW	   (CHARDEV_BUFFER / 2)			 /* until here */
#define OUTPUT_URGENT	   (CHARDEV_BUFFER / 4)			 /* too much to wait for the next look */
#define OUTPUT_CHUNK	   16384
#define OUTPUT_ROUNDS	   8 /* chunks in a row before others of the loop have their turn */
#define OUTPUT_LOOK_NS	   (4 * NS_PER_MS)
#define OUTPUT_STALL_NS	   NS_PER_SECOND
#define OUTPUT_FLUSH_NS	   (5 * NS_PER_SECOND)
#define OUTPUT_FLUSH_STALL NS_PER_SECOND

/* Under the mutex. */
static size_t buffer_fill(const struct chardev *chardev)
{
	return (size_t)(chardev->tail - chardev->head);
}

/* Under the mutex. */
static void buffer_drop(struct chardev *chardev, size_t size)
{
	chardev->head += size;
	chardev->dropped += size;
}

/* Under the mutex. What does not fit pushes out what is older. */
static void buffer_put(struct chardev *chardev, const uint8_t *data, size_t size)
{
	size_t at;
	size_t first;

	if (size > CHARDEV_BUFFER) {
		chardev->dropped += size - CHARDEV_BUFFER;
		data += size - CHARDEV_BUFFER;
		size = CHARDEV_BUFFER;
	}
	if (buffer_fill(chardev) + size > CHARDEV_BUFFER)
		buffer_drop(chardev, buffer_fill(chardev) + size - CHARDEV_BUFFER);
	at = chardev->tail % CHARDEV_BUFFER;
	first = size < CHARDEV_BUFFER - at ? size : CHARDEV_BUFFER - at;
	memcpy(chardev->buffer + at, data, first);
	memcpy(chardev->buffer, data + first, size - first);
	chardev->tail += size;
}

/* Copies the oldest bytes, without taking them out. */
static size_t buffer_peek(struct chardev *chardev, uint8_t *ret_data, size_t size, uint64_t *ret_position)
{
	size_t at;
	size_t first;

	pthread_mutex_lock(&chardev->mutex);
	if (size > buffer_fill(chardev))
		size = buffer_fill(chardev);
	at = chardev->head % CHARDEV_BUFFER;
	first = size < CHARDEV_BUFFER - at ? size : CHARDEV_BUFFER - at;
	memcpy(ret_data, chardev->buffer + at, first);
	memcpy(ret_data + first, chardev->buffer, size - first);
	*ret_position = chardev->head;
	pthread_mutex_unlock(&chardev->mutex);
	return size;
}

/* Under the mutex. Whether the device was held back and no longer is. */
static bool update_held(struct chardev *chardev)
{
	bool held = atomic_load(&chardev->held);
	bool hold = held;

	if (chardev->stalled || buffer_fill(chardev) <= OUTPUT_LOW)
		hold = false;
	else if (buffer_fill(chardev) >= OUTPUT_HIGH)
		hold = true;
	atomic_store(&chardev->held, hold);
	return held && !hold;
}

/* Sets what depends on the reader, and tells the device where it need not hold back any more. */
static void set_state(struct chardev *chardev, enum output_state state, bool stalled)
{
	bool released;

	pthread_mutex_lock(&chardev->mutex);
	chardev->state = state;
	chardev->stalled = stalled;
	released = update_held(chardev);
	pthread_mutex_unlock(&chardev->mutex);
	if (released && chardev->writable)
		chardev->writable(chardev->opaque);
}

/* Bytes left, by the reader taking them or (lost) by a failure. */
static void buffer_take(struct chardev *chardev, uint64_t position, size_t size, bool lost)
{
	uint64_t overtaken;

	pthread_mutex_lock(&chardev->mutex);
	/* Counted as dropped meanwhile, but written all the same. */
	overtaken = chardev->head - position;
	if (overtaken > size)
		overtaken = size;
	if (lost)
		chardev->dropped += size - overtaken;
	else
		chardev->dropped -= overtaken;
	if (chardev->head < position + size)
		chardev->head = position + size;
	pthread_mutex_unlock(&chardev->mutex);
	set_state(chardev, OUTPUT_AWAKE, false);
}

void chardev_write(struct chardev *chardev, const void *data, size_t size)
{
	bool wake = false;
	size_t before;

	if (!chardev->ops)
		return; /* leads nowhere */
	pthread_mutex_lock(&chardev->mutex);
	if (chardev->state == OUTPUT_DEAD) {
		chardev->dropped += size;
	} else {
		before = buffer_fill(chardev);
		buffer_put(chardev, data, size);
		update_held(chardev);
		if (chardev->state == OUTPUT_IDLE)
			wake = true;
		else if (chardev->state == OUTPUT_AWAKE)
			wake = before < OUTPUT_URGENT && buffer_fill(chardev) >= OUTPUT_URGENT;
		if (wake)
			chardev->state = OUTPUT_AWAKE;
	}
	pthread_mutex_unlock(&chardev->mutex);
	if (wake)
		chardev_kick(chardev);
}

/* A look found nothing. Whether the loop may sleep now: nothing came since. */
static bool go_idle(struct chardev *chardev)
{
	bool idle;

	pthread_mutex_lock(&chardev->mutex);
	idle = buffer_fill(chardev) == 0;
	if (idle)
		chardev->state = OUTPUT_IDLE;
	pthread_mutex_unlock(&chardev->mutex);
	return idle;
}

/* The reader takes no more. */
static void output_block(struct chardev *chardev)
{
	if (chardev->state != OUTPUT_BLOCKED) {
		chardev->blocked_since = dev_clock_ns(CLOCK_MONOTONIC);
		set_state(chardev, OUTPUT_BLOCKED, chardev->stalled);
		if (!chardev->stalled)
			dev_timer_arm(&chardev->timer, chardev->blocked_since + OUTPUT_STALL_NS);
	}
	stream_watch(chardev, &chardev->out, EPOLLOUT);
}

/* Writes one chunk. Returns how many bytes left, 0: nothing to write, -1: not now. */
static ssize_t output_chunk(struct chardev *chardev)
{
	uint8_t chunk[OUTPUT_CHUNK];
	uint64_t position;
	size_t size = buffer_peek(chardev, chunk, sizeof(chunk), &position);
	ssize_t written;

	if (size == 0)
		return 0;
	do
		written = stream_write(&chardev->out, chunk, size);
	while (written < 0 && errno == EINTR);
	if (written > 0) {
		chardev->failed = false;
		buffer_take(chardev, position, (size_t)written, false);
		return written;
	}
	if (written == 0 || errno == EAGAIN) {
		output_block(chardev);
		return -1;
	}
	if (!chardev->ops->output_failed(chardev, errno))
		return -1; /* the kind has detached it */
	chardev->failed = true;
	buffer_take(chardev, position, size, true);
	return (ssize_t)size;
}

static bool output_open(const struct chardev *chardev)
{
	return chardev->out.source.fd >= 0;
}

void output_pump(struct chardev *chardev)
{
	if (!output_open(chardev) || chardev->state == OUTPUT_IDLE)
		return;
	for (int round = 0; round < OUTPUT_ROUNDS; round++) {
		ssize_t left = output_chunk(chardev);

		if (left < 0)
			return;
		if (left == 0) {
			stream_unwatch(chardev, &chardev->out);
			dev_timer_arm(&chardev->timer, dev_clock_ns(CLOCK_MONOTONIC) + OUTPUT_LOOK_NS);
			return;
		}
	}
	chardev_kick(chardev);
}

/* Time for another look, or the reader has taken nothing for a while. */
void output_timeout(void *opaque)
{
	struct chardev *chardev = opaque;

	if (chardev->state == OUTPUT_BLOCKED) {
		uint64_t end = chardev->blocked_since + OUTPUT_STALL_NS;

		if (dev_clock_ns(CLOCK_MONOTONIC) >= end)
			set_state(chardev, OUTPUT_BLOCKED, true);
		else
			dev_timer_arm(&chardev->timer, end);
	} else if (chardev->state == OUTPUT_AWAKE && !go_idle(chardev)) {
		output_pump(chardev);
	}
}

static void output_ready(struct loop_source *source, uint32_t events)
{
	output_pump(source->opaque);
}

void output_attach(struct chardev *chardev)
{
	chardev->out.source.ready = output_ready;
	chardev->out.source.opaque = chardev;
	set_state(chardev, OUTPUT_AWAKE, false);
	output_pump(chardev);
}

void output_detach(struct chardev *chardev, enum output_state state)
{
	stream_close(chardev, &chardev->out);
	set_state(chardev, state, true);
	if (state != OUTPUT_DEAD)
		return;
	pthread_mutex_lock(&chardev->mutex);
	buffer_drop(chardev, buffer_fill(chardev));
	pthread_mutex_unlock(&chardev->mutex);
}

/* The last chance. No device is connected any more; the loop does not run meanwhile. */
void output_flush(struct chardev *chardev)
{
	uint64_t start = dev_clock_ns(CLOCK_MONOTONIC);
	bool stalled = chardev->stalled; /* then only what it takes at once */

	while (output_open(chardev)) {
		struct pollfd room = { .fd = chardev->out.source.fd, .events = POLLOUT };
		ssize_t left = output_chunk(chardev);

		if (left == 0 || dev_clock_ns(CLOCK_MONOTONIC) - start > OUTPUT_FLUSH_NS)
			return;
		if (left < 0 && output_open(chardev) &&
		    (stalled || poll(&room, 1, (int)(OUTPUT_FLUSH_STALL / NS_PER_MS)) == 0))
			return;
	}
}
