/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

#define LOOP_BATCH 16

struct loop_work {
	void (*work)(void *opaque);
	void *opaque;
	struct loop_work *next;
};

/*
 * Theory of operation: one epoll set; an eventfd in it wakes the thread for posted work and for
 * loop_stop(). A source that is removed while its batch of events is being dispatched is struck out of
 * the batch, so its owner may free it at once.
 */
struct loop {
	int epoll_fd;
	int wake_fd;
	atomic_bool stop;
	pthread_mutex_t mutex; /* guards the work list */
	struct loop_work *first;
	struct loop_work **last;
	struct epoll_event batch[LOOP_BATCH];
	int batch_size;
};

int loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };
	int error;

	if (!loop)
		return error_sys(ENOMEM, "event loop");
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) < 0) {
		error = error_sys(errno, "event loop");
		if (loop->epoll_fd >= 0)
			close(loop->epoll_fd);
		if (loop->wake_fd >= 0)
			close(loop->wake_fd);
		free(loop);
		return error;
	}
	pthread_mutex_init(&loop->mutex, NULL);
	loop->last = &loop->first;
	*ret_loop = loop;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->first) {
		struct loop_work *work = loop->first;

		loop->first = work->next;
		free(work);
	}
	close(loop->epoll_fd);
	close(loop->wake_fd);
	pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return error_sys(errno, "descriptor %d cannot be waited for", source->fd);
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return error_sys(errno, "descriptor %d cannot be waited for", source->fd);
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->batch_size; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].events = 0;
	}
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	/* The counter can only be full when a wake-up is due anyway. */
	ssize_t ignored = write(loop->wake_fd, &one, sizeof(one));

	(void)ignored;
}

int loop_post(struct loop *loop, void (*function)(void *opaque), void *opaque)
{
	struct loop_work *work = malloc(sizeof(*work));

	if (!work)
		return error_sys(ENOMEM, "event loop");
	*work = (struct loop_work){ function, opaque, NULL };
	pthread_mutex_lock(&loop->mutex);
	*loop->last = work;
	loop->last = &work->next;
	pthread_mutex_unlock(&loop->mutex);
	wake(loop);
	return 0;
}

static void run_posted(struct loop *loop)
{
	struct loop_work *list;
	uint64_t count;
	ssize_t ignored = read(loop->wake_fd, &count, sizeof(count));

	(void)ignored;
	pthread_mutex_lock(&loop->mutex);
	list = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	pthread_mutex_unlock(&loop->mutex);
	while (list) {
		struct loop_work *work = list;

		list = work->next;
		work->work(work->opaque);
		free(work);
	}
}

int loop_run(struct loop *loop)
{
	while (!atomic_load(&loop->stop)) {
		int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, -1);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_sys(errno, "event loop");
		loop->batch_size = count;
		for (int i = 0; i < count; i++) {
			struct loop_source *source = loop->batch[i].data.ptr;

			if (loop->batch[i].events == 0)
				continue; /* removed by an earlier one of this batch */
			if (source)
				source->ready(source, loop->batch[i].events);
			else
				run_posted(loop);
		}
		loop->batch_size = 0;
	}
	atomic_store(&loop->stop, false);
	return 0;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}
