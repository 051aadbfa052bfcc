/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define SOCKET_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/*
 * Whether a process has that socket. A connection of another type is refused in either case, and says which:
 * one of the right type would take the place of a client, and what it is due.
 */
static bool socket_alive(const struct sockaddr_un *address)
{
	auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED;
}

/* Somebody is at that path already. Makes place where it is a socket that a dead process left. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat status;

	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : error_set(errno, "%s", strerror(errno));
	if (!S_ISSOCK(status.st_mode)) {
		error_set(EEXIST, "a file that is no socket has this name");
		return error_try("choose another path, or remove that file");
	}
	if (socket_alive(address)) {
		error_set(EADDRINUSE, "another process has this socket");
		return error_try("choose another path, or end that process (ss -xlp | grep %s)",
				 address->sun_path);
	}
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return error_set(errno, "a dead process left its socket there, and it cannot be removed: %s",
				 strerror(errno));
	return 0;
}

static int bind_unix(struct listener *listener, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(ENAMETOOLONG, "a socket's path can have %zu bytes at most, this one has %zu",
				 sizeof(address.sun_path) - 1, strlen(path));
	strcpy(address.sun_path, path);
	/* The file gets the mode that the socket has when it is bound: never open to others, not even
	 * for a moment. */
	if (fchmod(listener->fd, 0600) < 0)
		return error_set(errno, "%s", strerror(errno));
	if (bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EADDRINUSE)
			return error_set(errno, "%s", strerror(errno));
		error = remove_stale(&address);
		if (error)
			return error;
		if (bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			return error_set(errno, "%s", strerror(errno));
	}
	return 0;
}

/* The process's working directory may have changed when the socket has to be removed. */
static char *absolute_path(const char *path)
{
	char directory[PATH_MAX];
	char *absolute;

	if (path[0] == '/' || !getcwd(directory, sizeof(directory)))
		return strdup(path);
	return asprintf(&absolute, "%s/%s", directory, path) < 0 ? NULL : absolute;
}

static int start_unix(struct listener *listener, const char *path, int backlog)
{
	struct stat status;
	int error;

	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCKET_FLAGS, 0);
	if (listener->fd < 0)
		return error_set(errno, "%s", strerror(errno));
	error = bind_unix(listener, path);
	if (error)
		return error;
	listener->path = absolute_path(path); /* from here on the file is ours to remove */
	if (!listener->path) {
		unlink(path);
		return error_sys(ENOMEM, "a socket's path");
	}
	if (lstat(listener->path, &status) < 0)
		return error_set(errno, "%s", strerror(errno));
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	return listen(listener->fd, backlog) < 0 ? error_set(errno, "%s", strerror(errno)) : 0;
}

/* Closes what was begun; the error that was recorded stays. */
static int give_up(struct listener *listener, int error)
{
	struct error why = *error_get();

	if (error == 0)
		return 0;
	listener_close(listener);
	return error_load(&why);
}

int listener_open_unix(const char *path, int backlog, struct listener *ret_listener)
{
	struct listener listener = { .fd = -1 };
	int error = give_up(&listener, start_unix(&listener, path, backlog));

	if (error < 0)
		return error_tried("listen on %s", path);
	*ret_listener = listener;
	return 0;
}

static int start_tcp(struct listener *listener, const char *address, uint16_t port, int backlog)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_PASSIVE,
	};
	struct addrinfo *found;
	const int on = 1;
	int error = 0;

	if (strcmp(address, "localhost") == 0)
		address = "127.0.0.1";
	if (getaddrinfo(address, NULL, &hints, &found)) {
		error_set(EINVAL, "'%s' is not an IP address", address);
		return error_try("127.0.0.1, or an address of this host");
	}
	if (found->ai_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)(void *)found->ai_addr)->sin_port = htons(port);
	listener->fd = socket(found->ai_family, SOCK_STREAM | SOCKET_FLAGS, 0);
	/* A connection of an earlier process that the kernel still winds up is no reason to refuse. */
	if (listener->fd < 0 || setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(listener->fd, found->ai_addr, found->ai_addrlen) < 0 || listen(listener->fd, backlog) < 0)
		error = error_set(errno, "%s", strerror(errno));
	freeaddrinfo(found);
	return error;
}

int listener_open_tcp(const char *address, uint16_t port, int backlog, struct listener *ret_listener)
{
	struct listener listener = { .fd = -1 };
	int error = give_up(&listener, start_tcp(&listener, address, port, backlog));

	if (error < 0)
		return error_tried("listen on %s, port %u", address, port);
	*ret_listener = listener;
	return 0;
}

void listener_close(struct listener *listener)
{
	struct stat status;

	if (listener->path && lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
	    status.st_ino == listener->inode)
		unlink(listener->path);
	free(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	*listener = (struct listener){ .fd = -1 };
}
