/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM process's end of the broker.
 *
 * Theory of operation. One socket, one request at a time: a caller takes the turn, sends, waits for the
 * answer. Since turns are taken, an answer always belongs to the last request. When a send or a
 * receive fails the two ends may disagree on that, so the socket is shut for good and every later call
 * fails with EPIPE; the child sees its socket end and leaves.
 *
 * Giving devices back may hang in a driver. The child's writes have their deadlines; here is another, over
 * all of it, so that nothing can keep handfast from its end.
 */
#include "host/broker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/io.h"
#include "base/log.h"
#include "base/text.h"
#include "host/broker-priv.h"

struct broker {
	pthread_mutex_t turn;
	int socket; /* -1 once the two ends lost each other */
	pid_t child;
	unsigned write_ms; /* the longest that one step of giving back may take */
	char moved[1024];  /* the devices to be given back, as words; "" none */
};

/* Forks the child onto its end of the pair. */
static int start_child(const struct host *host, int pair[2], pid_t *ret_child)
{
	int on = 1;
	pid_t child;

	/* The kernel then vouches for who asks, also after the VM process became a daemon. */
	if (setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		return error_sys(errno, "the socket to the broker");
	(void)fflush(NULL); /* or the child would own a copy of what is not written yet */
	child = fork();
	if (child < 0)
		return error_sys(errno, "fork");
	if (child == 0)
		broker_serve(host, pair[1]);
	*ret_child = child;
	return 0;
}

int broker_start_on(const struct host *host, struct broker **ret_broker)
{
	struct broker *broker = malloc(sizeof(*broker));
	int pair[2], error;

	if (!broker)
		return error_sys(ENOMEM, "the broker");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		error = error_sys(errno, "the socket to the broker");
		free(broker);
		return error;
	}
	error = start_child(host, pair, &broker->child);
	close(pair[1]);
	if (error) {
		close(pair[0]);
		free(broker);
		return error_tried("start the broker");
	}
	broker->socket = pair[0];
	broker->write_ms = host->write_ms;
	broker->moved[0] = '\0';
	pthread_mutex_init(&broker->turn, NULL);
	*ret_broker = broker;
	return 0;
}

int broker_start(struct broker **ret_broker)
{
	struct host host;

	host_init(&host);
	return broker_start_on(&host, ret_broker);
}

static int lost(void)
{
	error_set(EPIPE, "the broker, handfast's process for host work, has ended");
	return error_try("dmesg | tail    (says whether the kernel killed it)");
}

/* With the turn taken. */
static int exchange(struct broker *broker, const struct broker_request *request, struct broker_answer *answer,
		    int *fd)
{
	int error;

	if (broker->socket < 0)
		return lost();
	error = io_send(broker->socket, request, sizeof(*request), -1);
	if (!error)
		error = io_receive(broker->socket, answer, sizeof(*answer), fd, NULL);
	if (!error)
		return 0;
	close(broker->socket);
	broker->socket = -1;
	return lost();
}

/* One request; ret_answer and ret_fd may be NULL where the verb has none. */
static int ask(struct broker *broker, const struct broker_request *request, struct broker_answer *ret_answer,
	       int *ret_fd)
{
	struct broker_answer answer = { 0 };
	int fd = -1, error;

	pthread_mutex_lock(&broker->turn);
	error = exchange(broker, request, &answer, &fd);
	pthread_mutex_unlock(&broker->turn);
	if (!error && answer.error.errnum)
		error = error_load(&answer.error);
	if (!error && ret_fd && fd < 0)
		error = error_set(EPROTO, "the broker sent no descriptor");
	if (error || !ret_fd) {
		if (fd >= 0)
			close(fd);
	} else {
		*ret_fd = fd;
	}
	if (!error && ret_answer)
		*ret_answer = answer;
	return error;
}

int broker_open_kvm(struct broker *broker, int *ret_fd)
{
	struct broker_request request = { .verb = BROKER_OPEN_KVM };

	return ask(broker, &request, NULL, ret_fd);
}

int broker_open_file(struct broker *broker, const char *what, const char *path, int *ret_fd)
{
	struct broker_request request = { .verb = BROKER_OPEN_FILE };

	(void)text_copy(request.what, sizeof(request.what), what);
	if (!text_copy(request.path, sizeof(request.path), path)) {
		error_set(ENAMETOOLONG, "its path is longer than %d bytes", PATH_MAX - 1);
		error_try("give a path from the folder it is in");
		return error_tried("open the %s", what);
	}
	return ask(broker, &request, NULL, ret_fd);
}

int broker_device_find(struct broker *broker, const char *path, struct host_id *ret_id)
{
	struct broker_request request = { .verb = BROKER_DEVICE_FIND };
	struct broker_answer answer;
	int error;

	if (!text_copy(request.path, sizeof(request.path), path)) {
		error_set(ENAMETOOLONG, "its path is longer than %d bytes", PATH_MAX - 1);
		error_try("/sys/bus/pci/devices and /sys/bus/mdev/devices have short ones");
		return error_tried("assign a device by sysfsdev=");
	}
	error = ask(broker, &request, &answer, NULL);
	if (!error)
		*ret_id = answer.id;
	return error;
}

int broker_device_check(struct broker *broker, const struct host_id *id, bool has_token,
			struct broker_device *ret_device)
{
	struct broker_request request = { .verb = BROKER_DEVICE_CHECK, .id = *id, .has_token = has_token };
	struct broker_answer answer;
	int error = ask(broker, &request, &answer, NULL);

	if (!error)
		*ret_device = answer.device;
	return error;
}

int broker_manage(struct broker *broker, const struct bdf *list, size_t count)
{
	struct broker_request request = { .verb = BROKER_MANAGE, .managed_count = count };

	if (count > BROKER_MANAGED_MAX) {
		error_set(E2BIG, "managed=on is for %d devices at most", BROKER_MANAGED_MAX);
		return error_try("bind some of them by handfast bind");
	}
	memcpy(request.managed, list, count * sizeof(list[0]));
	return ask(broker, &request, NULL, NULL);
}

int broker_bind_managed(struct broker *broker)
{
	struct broker_request request = { .verb = BROKER_BIND_MANAGED };
	struct broker_answer answer;
	int error = ask(broker, &request, &answer, NULL);

	if (!error)
		(void)text_copy(broker->moved, sizeof(broker->moved), answer.text);
	return error;
}

int broker_bind_one(struct broker *broker, const struct host_id *id, bool has_token, bool *ret_moved)
{
	struct broker_request request = { .verb = BROKER_BIND_ONE, .id = *id, .has_token = has_token };
	struct broker_answer answer;
	int error = ask(broker, &request, &answer, NULL);

	if (error)
		return error;
	pthread_mutex_lock(&broker->turn);
	(void)text_copy(broker->moved, sizeof(broker->moved), answer.text);
	pthread_mutex_unlock(&broker->turn);
	*ret_moved = answer.moved;
	return 0;
}

int broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size)
{
	struct broker_request request = { .verb = BROKER_GIVE_BACK_ONE, .id = host_id_of(bdf) };
	struct broker_answer answer;
	int error = ask(broker, &request, &answer, NULL);

	if (error)
		return error;
	pthread_mutex_lock(&broker->turn);
	(void)text_copy(broker->moved, sizeof(broker->moved), answer.text);
	pthread_mutex_unlock(&broker->turn);
	(void)text_copy(ret_driver, size, answer.driver);
	return 0;
}

const char *broker_device_title(struct broker *broker, const struct host_id *id, char *ret_text, size_t size)
{
	struct broker_request request = { .verb = BROKER_DEVICE_TITLE, .id = *id };
	struct error kept = *error_get();
	struct broker_answer answer;
	char text[HOST_ID_TEXT_SIZE];

	if (ask(broker, &request, &answer, NULL))
		(void)text_copy(ret_text, size, host_id_format(id, text));
	else
		(void)text_copy(ret_text, size, answer.text);
	error_load(&kept);
	return ret_text;
}

int broker_open_container(struct broker *broker, int *ret_fd)
{
	struct broker_request request = { .verb = BROKER_OPEN_CONTAINER };

	return ask(broker, &request, NULL, ret_fd);
}

int broker_open_group(struct broker *broker, uint32_t group, int *ret_fd)
{
	struct broker_request request = { .verb = BROKER_OPEN_GROUP, .group = group };

	return ask(broker, &request, NULL, ret_fd);
}

int broker_allow_memlock(struct broker *broker, uint64_t bytes)
{
	struct broker_request request = { .verb = BROKER_ALLOW_MEMLOCK, .bytes = bytes };

	return ask(broker, &request, NULL, NULL);
}

int broker_allow_descriptors(struct broker *broker, uint64_t count)
{
	struct broker_request request = { .verb = BROKER_ALLOW_DESCRIPTORS, .count = count };

	return ask(broker, &request, NULL, NULL);
}

int broker_memory(struct broker *broker, uint64_t *ret_total, uint64_t *ret_available)
{
	struct broker_request request = { .verb = BROKER_MEMORY };
	struct broker_answer answer;
	int error = ask(broker, &request, &answer, NULL);

	if (error)
		return error;
	*ret_total = answer.total;
	*ret_available = answer.available;
	return 0;
}

static int ask_ranges(struct broker *broker, const struct broker_request *request,
		      struct broker_range ret_list[BROKER_RANGES_MAX], size_t *ret_count)
{
	struct broker_answer answer;
	int error = ask(broker, request, &answer, NULL);

	if (error)
		return error;
	memcpy(ret_list, answer.ranges, sizeof(answer.ranges));
	*ret_count = answer.range_count;
	return 0;
}

int broker_reserved(struct broker *broker, struct broker_range ret_list[BROKER_RANGES_MAX], size_t *ret_count)
{
	const struct broker_request request = { .verb = BROKER_RESERVED };

	return ask_ranges(broker, &request, ret_list, ret_count);
}

int broker_group_reserved(struct broker *broker, uint32_t group,
			  struct broker_range ret_list[BROKER_RANGES_MAX], size_t *ret_count)
{
	const struct broker_request request = { .verb = BROKER_GROUP_RESERVED, .group = group };

	return ask_ranges(broker, &request, ret_list, ret_count);
}

/* Whether the answer is there; else that it takes long. */
static bool answers_within(const struct broker *broker, unsigned ms)
{
	struct pollfd poll_fd = { .fd = broker->socket, .events = POLLIN };
	int ready;

	do
		ready = poll(&poll_fd, 1, (int)ms);
	while (ready < 0 &&
	       errno == EINTR); /* signals are blocked at the end of a VM; a debugger's are not */
	return ready != 0;
}

/* ret_leaves: whether the child comes to its end when the socket is closed. It does not while it is busy, or
 * waits for our own end. */
static int give_back(struct broker *broker, bool *ret_leaves)
{
	const struct broker_request request = { .verb = BROKER_GIVE_BACK };
	struct broker_answer answer;
	unsigned patience = broker->write_ms * 2, first = broker->write_ms / 10;

	*ret_leaves = false;
	if (broker->socket < 0 || io_send(broker->socket, &request, sizeof(request), -1))
		return lost();
	if (!answers_within(broker, first)) {
		log_notice(
			"giving %s back to the host; it takes its time, and is waited for %u seconds at most",
			broker->moved, patience / 1000);
		if (!answers_within(broker, patience - first))
			return error_set(ETIMEDOUT,
					 "it is not done after %u seconds; process %d goes on with it",
					 patience / 1000, (int)broker->child);
	}
	if (io_receive(broker->socket, &answer, sizeof(answer), NULL, NULL))
		return lost();
	*ret_leaves = true;
	return answer.error.errnum ? error_load(&answer.error) : 0;
}

int broker_stop(struct broker *broker)
{
	bool leaves = true;
	int error = 0;

	if (!broker)
		return 0;
	if (broker->moved[0]) {
		error = give_back(broker, &leaves);
		if (!leaves) {
			error_tried("give back %s", broker->moved);
			error = error_try("handfast unbind %s", broker->moved);
		}
	}
	if (broker->socket >= 0)
		close(broker->socket);
	while (waitpid(broker->child, NULL, leaves ? 0 : WNOHANG) < 0 && errno == EINTR)
		;
	pthread_mutex_destroy(&broker->turn);
	free(broker);
	return error;
}
