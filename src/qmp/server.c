/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "qmp/client-priv.h"
#include "qmp/server-priv.h"

#define BACKLOG 128

int qmp_create(struct loop *loop, const struct qmp_table *table, void *opaque, struct qmp **ret_qmp)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp)
		return error_sys(ENOMEM, "QMP");
	qmp->loop = loop;
	qmp->table = table;
	qmp->opaque = opaque;
	*ret_qmp = qmp;
	return 0;
}

static void place_destroy(struct qmp_place *place)
{
	if (place->listening)
		loop_remove(place->qmp->loop, &place->source);
	if (place->retry.fd >= 0) {
		loop_remove(place->qmp->loop, &place->retry);
		close(place->retry.fd);
	}
	listener_close(&place->listener);
	free(place);
}

void qmp_destroy(struct qmp *qmp)
{
	if (!qmp)
		return;
	while (qmp->places) {
		struct qmp_place *place = qmp->places;

		qmp->places = place->next;
		place_destroy(place);
	}
	while (qmp->clients)
		qmp_client_destroy(qmp->clients);
	qmp_fds_fini(&qmp->fds);
	free(qmp);
}

static void place_listen(struct qmp_place *place)
{
	if (!place->listening && loop_add(place->qmp->loop, &place->source, EPOLLIN) == 0)
		place->listening = true;
}

/* Nobody can be accepted now, for want of descriptors say: not to be tried again and again meanwhile. */
static void place_rest(struct qmp_place *place)
{
	static const struct itimerspec second = { .it_value = { .tv_sec = 1 } };

	loop_remove(place->qmp->loop, &place->source);
	place->listening = false;
	timerfd_settime(place->retry.fd, 0, &second, NULL);
}

static void retry_ready(struct loop_source *source, uint32_t events)
{
	uint64_t count;

	if (read(source->fd, &count, sizeof(count)) > 0)
		place_listen(source->opaque);
}

/* One too many. It hears why, if it can be told at once. */
static void turn_away(struct qmp_place *place, int fd)
{
	struct json_object *error = qmp_error(QMP_GENERIC_ERROR, "There are too many clients");
	char text[256];

	snprintf(text, sizeof(text), "%s\r\n", json_object_to_json_string(error));
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	json_object_put(error);
	close(fd);
	log_info("qmp: %s: a client is turned away: there are %u already", place->name,
		 place->qmp->client_count);
}

static void place_ready(struct loop_source *source, uint32_t events)
{
	struct qmp_place *place = source->opaque;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		log_warning("qmp: %s: no client can be accepted: %s", place->name, strerror(errno));
		place_rest(place);
	} else if (place->qmp->client_count >= QMP_CLIENTS_MAX) {
		turn_away(place, fd);
	} else if (qmp_client_create(place->qmp, fd, place->name) < 0) {
		log_failure(error_get());
	}
}

static int place_start(struct qmp *qmp, const struct listener *listener, const char *name)
{
	struct qmp_place *place = calloc(1, sizeof(*place));
	struct listener unused = *listener;
	int error = 0;

	if (!place) {
		listener_close(&unused);
		return error_sys(ENOMEM, "QMP");
	}
	place->qmp = qmp;
	place->listener = *listener;
	place->source = (struct loop_source){ listener->fd, place_ready, place };
	place->retry = (struct loop_source){ timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
					     retry_ready, place };
	snprintf(place->name, sizeof(place->name), "%s", name);
	if (place->retry.fd < 0)
		error = error_sys(errno, "timerfd");
	if (error == 0)
		error = loop_add(qmp->loop, &place->retry, EPOLLIN);
	if (error == 0)
		error = loop_add(qmp->loop, &place->source, EPOLLIN);
	if (error < 0) {
		place_destroy(place);
		return error_tried("listen on %s", name);
	}
	place->listening = true;
	place->next = qmp->places;
	qmp->places = place;
	return 0;
}

int qmp_listen_unix(struct qmp *qmp, const char *path)
{
	struct listener listener;
	char name[128];
	int error = listener_open_unix(path, BACKLOG, &listener);

	if (error < 0)
		return error;
	snprintf(name, sizeof(name), "unix:%s", path);
	return place_start(qmp, &listener, name);
}

int qmp_listen_tcp(struct qmp *qmp, const char *address, uint16_t port)
{
	struct listener listener;
	char name[128];
	int error = listener_open_tcp(address, port, BACKLOG, &listener);

	if (error < 0)
		return error;
	snprintf(name, sizeof(name), "tcp:%s:%u", address, port);
	return place_start(qmp, &listener, name);
}

void qmp_answer_later(struct qmp *qmp, uint64_t ticket, struct json_object *value, const struct error *why)
{
	struct qmp_client *client = qmp ? qmp->clients : NULL;

	check(!qmp || (ticket > 0 && ticket <= qmp->last_ticket));
	check(!qmp || !qmp->running || ticket != qmp->last_ticket);
	while (client && client->ticket != ticket)
		client = client->next;
	if (client)
		qmp_client_answer(client, value, why);
	else
		json_object_put(value); /* it left */
}

int qmp_fd_take(struct qmp *qmp, const char *name)
{
	struct qmp_fds none = { 0 };

	return qmp_fds_take(qmp ? &qmp->fds : &none, name);
}

static bool has_event(const struct qmp_table *table, const char *name)
{
	for (size_t i = 0; i < table->event_count; i++) {
		if (strcmp(table->events[i].name, name) == 0)
			return true;
	}
	return false;
}

void qmp_event(struct qmp *qmp, const char *name, struct json_object *data)
{
	struct json_object *event, *timestamp;
	struct timespec now;

	if (!qmp) {
		json_object_put(data);
		return;
	}
	check(has_event(qmp->table, name));
	clock_gettime(CLOCK_REALTIME, &now);
	event = json_object_new_object();
	timestamp = json_object_new_object();
	json_object_object_add(timestamp, "seconds", json_object_new_int64(now.tv_sec));
	json_object_object_add(timestamp, "microseconds", json_object_new_int64(now.tv_nsec / 1000));
	json_object_object_add(event, "event", json_object_new_string(name));
	if (data)
		json_object_object_add(event, "data", data);
	json_object_object_add(event, "timestamp", timestamp);
	for (struct qmp_client *client = qmp->clients, *next; client; client = next) {
		next = client->next; /* it may be gone afterwards, but it alone */
		qmp_client_send(client, event);
	}
	json_object_put(event);
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void qmp_flush(struct qmp *qmp, unsigned milliseconds)
{
	int64_t end = milliseconds_now() + milliseconds;

	for (struct qmp_client *client = qmp ? qmp->clients : NULL; client; client = client->next) {
		struct pollfd room = { .fd = client->source.fd, .events = POLLOUT };

		while (!qmp_client_flush(client) && !client->closed) {
			int64_t left = end - milliseconds_now();

			if (left <= 0 || poll(&room, 1, (int)left) <= 0)
				break;
		}
	}
}
