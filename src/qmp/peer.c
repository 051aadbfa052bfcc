/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/peer-priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return error_set(ENAMETOOLONG, "a socket's path can have %zu bytes at most",
				 sizeof(address.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(errno, "%s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error_set(errno, errno == ECONNREFUSED ? "no process has this socket any more" : "%s",
		  strerror(errno));
	close(fd);
	return error_try_else("the PATH behind -qmp unix:PATH,server,nowait of a VM that runs");
}

/* text: "IP:PORT". */
static int connect_tcp(const char *text)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	struct addrinfo *found;
	char host[128];
	int fd;

	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host)) {
		error_set(EINVAL, "'%s' is no address with a port", text);
		return error_try("tcp:127.0.0.1:4444");
	}
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		host[colon - text - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return error_set(EINVAL, "there is no host '%s', or no port '%s'", host, colon + 1);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		error_set(errno, "%s", strerror(errno));
		close(fd);
		fd = -error_get()->errnum;
	} else if (fd < 0) {
		fd = error_set(errno, "%s", strerror(errno));
	}
	freeaddrinfo(found);
	return fd;
}

/* Milliseconds left for poll(2), -1: for ever. */
static int time_left(const struct qmp_peer *peer)
{
	int64_t left = peer->deadline_ms - now_ms();

	if (peer->deadline_ms == 0)
		return -1;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

int qmp_peer_send(struct qmp_peer *peer, struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
									  JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t size = strlen(text), at = 0;

	while (at < size + 1) {
		/* The line's end is the string's own last byte. */
		ssize_t sent = at < size ? send(peer->fd, text + at, size - at, MSG_NOSIGNAL)
					 : send(peer->fd, "\n", 1, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return error_set(errno, "the connection is at its end: %s", strerror(errno));
		at += sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

/* What has been read already. */
static int take_object(struct qmp_peer *peer, struct json_object **ret_object)
{
	while (peer->in_at < peer->in_size) {
		struct qmp_parsed parsed;

		peer->in_at += qmp_parser_feed(&peer->parser, peer->in + peer->in_at,
					       peer->in_size - peer->in_at, &parsed);
		if (parsed.wrong)
			return error_set(EPROTO, "what it says is not QMP: %s", parsed.wrong);
		if (parsed.value) {
			*ret_object = parsed.value;
			return 0;
		}
	}
	return 0;
}

int qmp_peer_receive(struct qmp_peer *peer, int other_fd, struct json_object **ret_object)
{
	*ret_object = NULL;
	for (;;) {
		struct pollfd wait[2] = { { peer->fd, POLLIN, 0 }, { other_fd, POLLIN, 0 } };
		int error = take_object(peer, ret_object), ready;
		ssize_t size;

		if (error < 0 || *ret_object)
			return error;
		ready = poll(wait, 2, time_left(peer));
		if (ready < 0 && errno != EINTR)
			return error_sys(errno, "poll");
		if (ready == 0)
			return error_set(ETIMEDOUT, "it did not come in time");
		if (ready > 0 && !wait[0].revents)
			return 0; /* the other one */
		size = recv(peer->fd, peer->in, sizeof(peer->in), MSG_DONTWAIT);
		if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
			return error_set(EPIPE, "the VM closed the connection");
		peer->in_at = 0;
		peer->in_size = size > 0 ? (size_t)size : 0;
	}
}

static int negotiate(struct qmp_peer *peer)
{
	struct json_object *object, *request;
	int error = qmp_peer_receive(peer, -1, &object);
	bool greeted;

	if (error < 0)
		return error;
	greeted = json_object_is_type(object, json_type_object) &&
		  json_object_object_get_ex(object, "QMP", NULL);
	json_object_put(object);
	if (!greeted)
		return error_set(EPROTO, "what it says is not QMP");
	request = json_object_new_object();
	json_object_object_add(request, "execute", json_object_new_string("qmp_capabilities"));
	error = qmp_peer_send(peer, request);
	json_object_put(request);
	if (error == 0)
		error = qmp_peer_receive(peer, -1, &object);
	if (error == 0)
		json_object_put(object);
	return error;
}

int qmp_peer_connect(const char *where, int64_t timeout_ms, struct qmp_peer *ret_peer)
{
	int error;

	*ret_peer = (struct qmp_peer){ .name = where };
	ret_peer->deadline_ms = timeout_ms ? now_ms() + timeout_ms : 0;
	if (strncmp(where, "tcp:", 4) == 0)
		ret_peer->fd = connect_tcp(where + 4);
	else
		ret_peer->fd = connect_unix(strncmp(where, "unix:", 5) == 0 ? where + 5 : where);
	if (ret_peer->fd < 0)
		return error_tried("talk to the VM at %s", where);
	error = qmp_parser_init(&ret_peer->parser, QMP_REPLY_SIZE);
	if (error == 0)
		error = negotiate(ret_peer);
	if (error < 0) {
		struct error why = *error_get();

		qmp_peer_close(ret_peer);
		error_load(&why);
		return error_tried("talk to the VM at %s", where);
	}
	return 0;
}

void qmp_peer_close(struct qmp_peer *peer)
{
	qmp_parser_fini(&peer->parser);
	close(peer->fd);
}
