/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/client-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "qmp/server-priv.h"

#define TO_STRING (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static size_t queued(const struct qmp_client *client)
{
	return client->out_size - client->out_at;
}

/* Others have to be answered before the next one. */
static bool is_behind(const struct qmp_client *client)
{
	return client->ticket || client->waiting_count > 0;
}

static bool takes_requests(const struct qmp_client *client)
{
	if (is_behind(client) && (!client->session.oob || client->waiting_count == QMP_WAITING_MAX))
		return false;
	return !client->closed && queued(client) <= QMP_QUEUE_HIGH;
}

/* There are requests that were read and could be answered. */
static bool has_work(const struct qmp_client *client)
{
	if (client->waiting_count > 0)
		return !client->ticket;
	return client->in_at < client->in_size && takes_requests(client);
}

/* It said that it has no more requests, and has all its answers. */
static bool is_finished(const struct qmp_client *client)
{
	return client->in_ended && client->in_at == client->in_size && !is_behind(client) &&
	       queued(client) == 0;
}

/* What the client is waited for. In the loop it always is: its end is seen without being asked for. */
static void watch(struct qmp_client *client)
{
	uint32_t events = EPOLLRDHUP;

	if (client->closed)
		return;
	if (queued(client) > 0 || has_work(client))
		events |= EPOLLOUT; /* which is at once, but for a client that does not read */
	if (client->in_ended)
		events &= ~(uint32_t)EPOLLRDHUP; /* seen */
	else if (takes_requests(client))
		events |= EPOLLIN;
	else
		events &= ~(uint32_t)EPOLLRDHUP; /* what it sent before its end has to wait */
	if (events == client->watched)
		return;
	client->watched = events;
	if (loop_modify(client->qmp->loop, &client->source, events) < 0)
		client->closed = true;
}

bool qmp_client_flush(struct qmp_client *client)
{
	while (queued(client) > 0 && !client->closed) {
		ssize_t written = send(client->source.fd, client->out + client->out_at, queued(client),
				       MSG_NOSIGNAL | MSG_DONTWAIT);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (written < 0) {
			client->closed = true; /* it left */
			break;
		}
		client->out_at += (size_t)written;
	}
	if (queued(client) > 0)
		return false;
	/* A long answer's room is given back. */
	if (client->out_capacity > QMP_QUEUE_HIGH) {
		free(client->out);
		client->out = NULL;
		client->out_capacity = 0;
	}
	client->out_at = client->out_size = 0;
	return true;
}

/* Makes room for size bytes more. */
static bool reserve(struct qmp_client *client, size_t size)
{
	size_t capacity = client->out_capacity ? client->out_capacity : 1024;
	char *out;

	if (client->out_at > 0) {
		memmove(client->out, client->out + client->out_at, queued(client));
		client->out_size -= client->out_at;
		client->out_at = 0;
	}
	while (capacity < client->out_size + size)
		capacity *= 2;
	if (capacity == client->out_capacity)
		return true;
	out = realloc(client->out, capacity);
	if (!out)
		return false;
	client->out = out;
	client->out_capacity = capacity;
	return true;
}

static void queue(struct qmp_client *client, const char *text, size_t size)
{
	if (client->closed)
		return;
	if (queued(client) + size > QMP_QUEUE_LIMIT) {
		log_warning("qmp: %s does not read what it is sent (%zu KiB wait): its connection is closed",
			    client->name, queued(client) / 1024);
		client->closed = true;
	} else if (!reserve(client, size + 2)) {
		log_warning("qmp: no memory for what %s is to get: its connection is closed", client->name);
		client->closed = true;
	} else {
		memcpy(client->out + client->out_size, text, size);
		memcpy(client->out + client->out_size + size, "\r\n", 2);
		client->out_size += size + 2;
	}
}

static void settle(struct qmp_client *client)
{
	if (!client->busy && is_finished(client))
		client->closed = true;
	watch(client);
	if (client->closed && !client->busy)
		qmp_client_destroy(client);
}

void qmp_client_send(struct qmp_client *client, struct json_object *object)
{
	size_t size;
	const char *text = json_object_to_json_string_length(object, TO_STRING, &size);
	bool idle = queued(client) == 0;

	if (!text)
		client->closed = true; /* no memory: a gap in what it hears is worse than an end */
	else
		queue(client, text, size);
	if (idle)
		qmp_client_flush(client);
	settle(client);
}

static struct json_object *run(struct qmp_client *client, struct json_object *request)
{
	struct qmp *qmp = client->qmp;
	uint64_t ticket = ++qmp->last_ticket;
	struct json_object *reply;

	qmp->running = true;
	reply = qmp_dispatch(&client->session, request, ticket);
	qmp->running = false;
	if (!reply) {
		client->ticket = ticket;
		client->request = json_object_get(request);
	}
	return reply;
}

static void answer(struct qmp_client *client, const struct qmp_parsed *parsed)
{
	struct json_object *reply;

	if (parsed->value)
		reply = run(client, parsed->value);
	else
		reply = qmp_error(QMP_GENERIC_ERROR, parsed->wrong);
	if (reply)
		qmp_client_send(client, reply);
	json_object_put(reply);
	json_object_put(parsed->value);
}

void qmp_client_answer(struct qmp_client *client, struct json_object *value, const struct error *why)
{
	struct json_object *reply = qmp_reply(client->request, value, why);

	json_object_put(client->request);
	client->request = NULL;
	client->ticket = 0;
	qmp_client_send(client, reply);
	json_object_put(reply);
}

static void put_off(struct qmp_client *client, const struct qmp_parsed *parsed)
{
	struct qmp_waiting *place = &client->waiting[client->waiting_count++];

	*place = (struct qmp_waiting){ *parsed, -1 };
	if (qmp_is_getfd(parsed->value)) {
		place->fd = client->session.fd;
		client->session.fd = -1;
	}
}

static void answer_waiting(struct qmp_client *client, const struct qmp_waiting *waiting)
{
	int newer = client->session.fd;

	client->session.fd = waiting->fd;
	answer(client, &waiting->parsed);
	qmp_fd_drop(&client->session.fd);
	client->session.fd = newer;
}

/* Answers it, or keeps it until those before it are. */
static void take(struct qmp_client *client, const struct qmp_parsed *parsed)
{
	if (is_behind(client) && !qmp_is_oob(&client->session, parsed->value))
		put_off(client, parsed);
	else
		answer(client, parsed);
}

static void process_waiting(struct qmp_client *client)
{
	unsigned done = 0;

	while (done < client->waiting_count && !client->ticket && !client->closed &&
	       queued(client) <= QMP_QUEUE_HIGH)
		answer_waiting(client, &client->waiting[done++]);
	client->waiting_count -= done;
	memmove(client->waiting, client->waiting + done, client->waiting_count * sizeof(client->waiting[0]));
}

/* Answers what has been read, as long as the client takes the answers. */
static void process(struct qmp_client *client)
{
	process_waiting(client);
	while (client->in_at < client->in_size && takes_requests(client)) {
		struct qmp_parsed parsed;

		client->in_at += qmp_parser_feed(&client->parser, client->in + client->in_at,
						 client->in_size - client->in_at, &parsed);
		if (parsed.value || parsed.wrong)
			take(client, &parsed);
	}
}

/* One read at a time: others want their turn too. */
static void receive(struct qmp_client *client)
{
	ssize_t size;

	if (client->in_at < client->in_size || client->in_ended || !takes_requests(client))
		return;
	size = qmp_fds_receive(client->source.fd, client->in, sizeof(client->in), &client->session.fd);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size < 0) {
		client->closed = true;
		return;
	}
	client->in_ended = size == 0;
	client->in_at = 0;
	client->in_size = (size_t)size;
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct qmp_client *client = source->opaque;

	client->busy = true;
	if (events & EPOLLERR)
		client->closed = true;
	qmp_client_flush(client);
	process(client);
	receive(client);
	process(client);
	/* One that ended its sending still gets its answers (is_finished()); one that is gone altogether does
	 * not take them. */
	if ((events & EPOLLHUP) && (client->in_ended || client->ticket))
		client->closed = true;
	client->busy = false;
	settle(client);
}

static void name_client(struct qmp_client *client, const char *place)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	if (getsockopt(client->source.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0)
		snprintf(client->name, sizeof(client->name), "the client on %s (pid %d)", place, peer.pid);
	else
		snprintf(client->name, sizeof(client->name), "a client on %s", place);
}

int qmp_client_create(struct qmp *qmp, int fd, const char *place)
{
	struct qmp_client *client = calloc(1, sizeof(*client));
	struct json_object *greeting;
	int error =
		client ? qmp_parser_init(&client->parser, QMP_REQUEST_SIZE) : error_sys(ENOMEM, "a client");

	if (error == 0) {
		client->qmp = qmp;
		client->session = (struct qmp_session){
			.table = qmp->table, .opaque = qmp->opaque, .fds = &qmp->fds, .fd = -1
		};
		client->source = (struct loop_source){ fd, client_ready, client };
		client->watched = EPOLLIN | EPOLLRDHUP;
		error = loop_add(qmp->loop, &client->source, client->watched);
	}
	if (error < 0) {
		if (client)
			qmp_parser_fini(&client->parser);
		free(client);
		close(fd);
		return error;
	}
	/* Over TCP a peer can vanish without a word. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	name_client(client, place);
	client->next = qmp->clients;
	qmp->clients = client;
	qmp->client_count++;
	greeting = qmp_greeting();
	qmp_client_send(client, greeting);
	json_object_put(greeting);
	return 0;
}

void qmp_client_destroy(struct qmp_client *client)
{
	struct qmp_client **link = &client->qmp->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->qmp->client_count--;
	loop_remove(client->qmp->loop, &client->source);
	close(client->source.fd);
	qmp_parser_fini(&client->parser);
	json_object_put(client->request);
	for (unsigned i = 0; i < client->waiting_count; i++) {
		json_object_put(client->waiting[i].parsed.value);
		qmp_fd_drop(&client->waiting[i].fd);
	}
	qmp_fd_drop(&client->session.fd);
	free(client->out);
	free(client);
}
