/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_DEV_BACKEND_H
#define TESTS_UNIT_DEV_BACKEND_H

/* A loop, a character backend in it, and a device behind that takes what it has room for. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/loop.h"
#include "dev/chardev.h"

struct backend {
	struct loop *loop;
	struct chardev *chardev;
	size_t room; /* of the device */
	size_t got;
	char input[65536];
	unsigned writables;
};

static inline uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline size_t backend_room(void *opaque)
{
	return ((struct backend *)opaque)->room;
}

static inline void backend_input(void *opaque, const void *data, size_t size)
{
	struct backend *backend = opaque;

	assert_true(size <= backend->room);
	assert_true(backend->got + size <= sizeof(backend->input));
	memcpy(backend->input + backend->got, data, size);
	backend->got += size;
	backend->room -= size;
}

static inline void backend_writable(void *opaque)
{
	((struct backend *)opaque)->writables++;
}

static inline int backend_try(struct backend *backend, enum chardev_kind kind, const char *path, bool wait)
{
	const struct chardev_options options = { kind, path, wait };
	int error;

	memset(backend, 0, sizeof(*backend));
	assert_int_equal(loop_create(&backend->loop), 0);
	error = chardev_create(backend->loop, &options, &backend->chardev);
	if (error) {
		loop_destroy(backend->loop);
		return error;
	}
	chardev_connect(backend->chardev, backend_room, backend_input, backend);
	chardev_on_writable(backend->chardev, backend_writable);
	return 0;
}

static inline void backend_start(struct backend *backend, enum chardev_kind kind, const char *path)
{
	if (backend_try(backend, kind, path, false) < 0) {
		char text[ERROR_TEXT_SIZE];

		error_format(error_get(), text, sizeof(text));
		fail_msg("%s", text);
	}
}

static inline void backend_end(struct backend *backend)
{
	chardev_destroy(backend->chardev);
	loop_destroy(backend->loop);
}

static inline void backend_stop_loop(struct loop_source *source, uint32_t events)
{
	loop_stop(source->opaque);
}

/* Runs the loop for so long. */
static inline void backend_run(struct backend *backend, unsigned ms)
{
	struct itimerspec when = { .it_value = { ms / 1000, (long)(ms % 1000) * 1000000 } };
	struct loop_source source = {
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
		.ready = backend_stop_loop,
		.opaque = backend->loop,
	};

	assert_int_equal(timerfd_settime(source.fd, 0, &when, NULL), 0);
	assert_int_equal(loop_add(backend->loop, &source, EPOLLIN), 0);
	assert_int_equal(loop_run(backend->loop), 0);
	loop_remove(backend->loop, &source);
	close(source.fd);
}

static inline void backend_print(struct backend *backend, const char *text)
{
	chardev_write(backend->chardev, text, strlen(text));
}

/* Runs the loop until fd gives exactly this text, within 2 s. fd does not block. */
static inline void backend_expect_output(struct backend *backend, int fd, const char *text)
{
	uint64_t end = now_ms() + 2000;
	char buffer[256] = "";
	size_t got = 0;

	while (got < strlen(text) && now_ms() < end) {
		ssize_t size = read(fd, buffer + got, sizeof(buffer) - 1 - got);

		if (size > 0)
			got += (size_t)size;
		else
			backend_run(backend, 1);
	}
	assert_string_equal(buffer, text);
}

/* Runs the loop until the device has got exactly this text since the last time, within 2 s. */
static inline void backend_expect_input(struct backend *backend, const char *text)
{
	uint64_t end = now_ms() + 2000;

	while (backend->got < strlen(text) && now_ms() < end)
		backend_run(backend, 1);
	backend_run(backend, 5); /* nothing more comes */
	backend->input[backend->got] = 0;
	assert_string_equal(backend->input, text);
	backend->got = 0;
}

/* The device has so much room now. */
static inline void backend_take(struct backend *backend, size_t room)
{
	backend->room = room;
	chardev_accept_input(backend->chardev);
}

#endif
