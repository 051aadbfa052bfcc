/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input of a character backend.
 *
 * Theory of operation: the loop reads what the device has room for and no more, so that what is left stays
 * where it is: in the pipe, for the next command of a script. While the device has no room the descriptor
 * is out of the loop (it would be reported as readable for ever) and `paused` is set; a device that has
 * room again wakes the loop when it sees that. After setting it the loop asks the device once more, so
 * that room made in between is not overlooked.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "dev/chardev-priv.h"

#define INPUT_CHUNK  4096
#define INPUT_ROUNDS 16 /* reads in a row before others of the loop have their turn */

static size_t device_room(struct chardev *chardev)
{
	return chardev->room ? chardev->room(chardev->opaque) : 0;
}

/* Returns the device's room; 0: input is paused now. */
static size_t room_or_pause(struct chardev *chardev)
{
	size_t room = device_room(chardev);

	if (room > 0)
		return room;
	atomic_store(&chardev->paused, true);
	room = device_room(chardev);
	if (room > 0)
		atomic_store(&chardev->paused, false);
	else if (chardev->watch_hangup)
		stream_watch(chardev, &chardev->in, EPOLLHUP);
	else
		stream_unwatch(chardev, &chardev->in);
	return room;
}

static void input_end(struct chardev *chardev, int errnum)
{
	stream_unwatch(chardev, &chardev->in);
	if (chardev->ops->input_ended)
		chardev->ops->input_ended(chardev, errnum);
	else
		input_detach(chardev);
}

void input_pump(struct chardev *chardev)
{
	uint8_t chunk[INPUT_CHUNK];

	for (int round = 0; round < INPUT_ROUNDS; round++) {
		size_t room;
		ssize_t got;

		if (chardev->in.source.fd < 0)
			return;
		room = room_or_pause(chardev);
		if (room == 0)
			return;
		if (chardev->ops->may_read && !chardev->ops->may_read(chardev)) {
			stream_unwatch(chardev, &chardev->in);
			return;
		}
		got = stream_read(&chardev->in, chunk, room < sizeof(chunk) ? room : sizeof(chunk));
		if (got > 0) {
			chardev->input(chardev->opaque, chunk, (size_t)got);
		} else if (got < 0 && errno == EAGAIN) {
			stream_watch(chardev, &chardev->in, EPOLLIN);
			return;
		} else if (got == 0 || errno != EINTR) {
			input_end(chardev, got == 0 ? 0 : errno);
			return;
		}
	}
	chardev_kick(chardev);
}

static void input_ready(struct loop_source *source, uint32_t events)
{
	struct chardev *chardev = source->opaque;

	if (atomic_load(&chardev->paused)) {
		if (chardev->ops->hung_up && (events & (EPOLLHUP | EPOLLERR)))
			chardev->ops->hung_up(chardev);
		return;
	}
	input_pump(chardev);
}

void input_attach(struct chardev *chardev)
{
	chardev->in.source.ready = input_ready;
	chardev->in.source.opaque = chardev;
	atomic_store(&chardev->paused, false);
	input_pump(chardev);
}

void input_detach(struct chardev *chardev)
{
	stream_close(chardev, &chardev->in);
}

void chardev_accept_input(struct chardev *chardev)
{
	/* Called with nearly every access to the device: one load where nobody waits. */
	if (atomic_load(&chardev->paused) && atomic_exchange(&chardev->paused, false))
		chardev_kick(chardev);
}
