/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A unix socket that handfast listens on, with one client at a time.
 *
 * Theory of operation: while a client is connected nobody else is accepted; the kernel keeps the next one
 * waiting. A client that only ends its own sending still gets output. One that left before the guest has
 * read all it sent lingers: its input is kept for the guest, and it makes place when the next client comes.
 * Output that no client has read is there for the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/listener.h"
#include "base/log.h"
#include "dev/chardev-priv.h"

#define SOCKET_BACKLOG	4
#define SOCKET_RETRY_NS NS_PER_SECOND /* after a client could not be accepted: no descriptor left, say */

struct server {
	struct listener socket;
	struct loop_source listener; /* of that socket; fd -1: not made yet */
	bool listening;		     /* the listener is in the loop */
	struct dev_timer retry;
};

static void server_listen(struct chardev *chardev)
{
	struct server *server = chardev->own;

	if (!server->listening && loop_add(chardev->loop, &server->listener, EPOLLIN) == 0)
		server->listening = true;
}

static void server_unlisten(struct chardev *chardev)
{
	struct server *server = chardev->own;

	if (server->listening)
		loop_remove(chardev->loop, &server->listener);
	server->listening = false;
}

static void client_leave(struct chardev *chardev)
{
	input_detach(chardev);
	output_detach(chardev, OUTPUT_NOWHERE);
	server_listen(chardev);
}

/* Takes fd over. */
static void client_enter(struct chardev *chardev, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0) {
		close(fd);
		return;
	}
	input_detach(chardev); /* one who lingered */
	server_unlisten(chardev);
	stream_init(&chardev->in, fd);
	stream_init(&chardev->out, copy);
	input_attach(chardev);
	output_attach(chardev);
}

static void server_ready(struct loop_source *source, uint32_t events)
{
	struct chardev *chardev = source->opaque;
	struct server *server = chardev->own;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		client_enter(chardev, fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		log_warning("%s: no client can be accepted: %s", chardev->path, strerror(errno));
		server_unlisten(chardev);
		dev_timer_arm(&server->retry, dev_clock_ns(CLOCK_MONOTONIC) + SOCKET_RETRY_NS);
	}
}

static void server_retry(void *opaque)
{
	server_listen(opaque);
}

/* Both directions are closed. */
static bool client_gone(const struct chardev *chardev)
{
	struct pollfd ask = { .fd = chardev->in.source.fd };

	return poll(&ask, 1, 0) > 0 && (ask.revents & (POLLHUP | POLLERR));
}

static void socket_input_ended(struct chardev *chardev, int errnum)
{
	if (errnum == 0 && !client_gone(chardev))
		stream_watch(chardev, &chardev->in, EPOLLHUP);
	else
		client_leave(chardev);
}

static void socket_hung_up(struct chardev *chardev)
{
	int unread = 0;

	if (ioctl(chardev->in.source.fd, FIONREAD, &unread) < 0 || unread == 0) {
		client_leave(chardev);
		return;
	}
	stream_unwatch(chardev, &chardev->in);
	output_detach(chardev, OUTPUT_NOWHERE);
	server_listen(chardev);
}

static bool socket_output_failed(struct chardev *chardev, int errnum)
{
	/* What the client sent before it left is still read; that it left is seen there. */
	output_detach(chardev, OUTPUT_NOWHERE);
	return false;
}

/*
 * Blocks until the first client. Signals that somebody has blocked to look at them later (in the event loop,
 * which does not run yet) end it too, and stay pending.
 */
static int wait_for_client(struct chardev *chardev)
{
	struct server *server = chardev->own;
	auto_fd int signals = -1;
	struct pollfd wait[2];
	sigset_t blocked;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int number = 1; number < NSIG; number++) {
		if (sigismember(&blocked, number) == 1 && number != SIGCHLD && number != SIGPIPE)
			sigaddset(&set, number);
	}
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	wait[0] = (struct pollfd){ .fd = server->listener.fd, .events = POLLIN };
	wait[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
	log_warning("waiting for a client on %s", chardev->path);
	for (;;) {
		if (poll(wait, 2, -1) < 0 || wait[1].revents)
			return error_set(EINTR, "a signal came before the first client");
		fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			break;
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			return error_set(errno, "no client can be accepted: %s", strerror(errno));
	}
	client_enter(chardev, fd);
	return 0;
}

static int server_start(struct chardev *chardev, const struct chardev_options *options)
{
	struct server *server = chardev->own;
	int error;

	error = listener_open_unix(options->path, SOCKET_BACKLOG, &server->socket);
	if (error)
		return error;
	server->listener.fd = server->socket.fd;
	chardev->path = strdup(server->socket.path);
	error = chardev->path ? dev_timer_init(&server->retry, chardev->loop, CLOCK_MONOTONIC, server_retry,
					       chardev)
			      : error_sys(ENOMEM, "a socket's path");
	if (!error && options->wait)
		error = wait_for_client(chardev);
	else if (!error)
		server_listen(chardev);
	return error ? error_tried("listen on %s", options->path) : 0;
}

static int socket_open(struct chardev *chardev, const struct chardev_options *options)
{
	struct server *server = calloc(1, sizeof(*server));

	chardev->own = server;
	if (!server)
		return error_sys(ENOMEM, "character device");
	server->socket.fd = -1;
	server->listener = (struct loop_source){ .fd = -1, .ready = server_ready, .opaque = chardev };
	chardev->watch_hangup = true;
	return server_start(chardev, options);
}

static void socket_close(struct chardev *chardev)
{
	struct server *server = chardev->own;

	if (!server)
		return;
	server_unlisten(chardev);
	dev_timer_fini(&server->retry);
	listener_close(&server->socket);
	free(server);
}

const struct chardev_kind_ops chardev_socket_ops = {
	.open = socket_open,
	.close = socket_close,
	.input_ended = socket_input_ended,
	.hung_up = socket_hung_up,
	.output_failed = socket_output_failed,
};
