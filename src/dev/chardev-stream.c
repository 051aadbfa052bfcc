/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of a descriptor that is never allowed to block us. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/chardev-priv.h"

/* After poll(2) says that there is room, at least so much can be written at once to a pipe (PIPE_BUF is
 * more) and to any terminal that is not stopped in this moment. */
#define STREAM_BLOCKING_MAX 256

const struct stream stream_none = { .source = { .fd = -1 } };

void stream_init(struct stream *stream, int fd)
{
	struct stat status;

	*stream = stream_none;
	stream->source.fd = fd;
	if (fd < 0 || fstat(fd, &status) < 0)
		return;
	stream->socket = S_ISSOCK(status.st_mode);
	stream->always_ready = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISDIR(status.st_mode);
}

/*
 * O_NONBLOCK belongs to the open file that we share with the shell that started us, and with everything
 * else it runs: a pipe or a terminal is opened a second time instead. A regular file is not, for its
 * position is shared too, and rightly so (">>", "; next command").
 */
int stream_borrow(struct stream *stream, int fd, int direction)
{
	struct stat status;
	char path[32];
	int own = -1;

	*stream = stream_none;
	if (fstat(fd, &status) < 0 || (status.st_mode & S_IFMT) == 0)
		return -1; /* closed; or used for something of the kernel's since */
	if (S_ISFIFO(status.st_mode) || isatty(fd)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, direction | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (own >= 0) {
		stream_init(stream, own);
		return 0;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	stream_init(stream, own);
	stream->blocking = !stream->socket && !stream->always_ready;
	return own < 0 ? -1 : 0;
}

void stream_watch(struct chardev *chardev, struct stream *stream, uint32_t events)
{
	int error;

	if (stream->source.fd < 0 || stream->always_ready || stream->watched == events)
		return;
	if (stream->watched)
		error = loop_modify(chardev->loop, &stream->source, events);
	else
		error = loop_add(chardev->loop, &stream->source, events);
	if (error == -EPERM)
		stream->always_ready = true; /* of /dev/null and the like the kernel says so itself */
	else if (!error)
		stream->watched = events;
}

void stream_unwatch(struct chardev *chardev, struct stream *stream)
{
	if (stream->watched)
		loop_remove(chardev->loop, &stream->source);
	stream->watched = 0;
}

void stream_close(struct chardev *chardev, struct stream *stream)
{
	stream_unwatch(chardev, stream);
	if (stream->source.fd >= 0)
		close(stream->source.fd);
	*stream = stream_none;
}

/* For a descriptor that would block: whether it would. */
static bool stream_ready(const struct stream *stream, short events)
{
	struct pollfd ask = { .fd = stream->source.fd, .events = events };

	return poll(&ask, 1, 0) != 0;
}

ssize_t stream_read(struct stream *stream, void *ret_data, size_t size)
{
	if (stream->socket)
		return recv(stream->source.fd, ret_data, size, MSG_DONTWAIT);
	if (stream->blocking && !stream_ready(stream, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	return read(stream->source.fd, ret_data, size);
}

ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
	if (stream->socket)
		return send(stream->source.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (stream->blocking) {
		if (!stream_ready(stream, POLLOUT)) {
			errno = EAGAIN;
			return -1;
		}
		if (size > STREAM_BLOCKING_MAX)
			size = STREAM_BLOCKING_MAX;
	}
	return write(stream->source.fd, data, size);
}

void stream_ignore_signals(void)
{
	static const int signals[] = { SIGPIPE, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action;

		if (sigaction(signals[i], NULL, &action) < 0 || action.sa_handler != SIG_DFL)
			continue;
		action = (struct sigaction){ .sa_handler = SIG_IGN };
		sigaction(signals[i], &action, NULL);
	}
}
