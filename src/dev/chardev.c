/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/chardev.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dev/chardev-priv.h"

/* Where a backend leads is a table; nowhere needs nothing at all. */
static const struct chardev_kind_ops *const kinds[] = {
	[CHARDEV_NULL] = NULL,
	[CHARDEV_STDIO] = &chardev_stdio_ops,
	[CHARDEV_PTY] = &chardev_pty_ops,
	[CHARDEV_FILE] = &chardev_file_ops,
	[CHARDEV_SOCKET] = &chardev_socket_ops,
};

static void kicked(struct loop_source *source, uint32_t events)
{
	struct chardev *chardev = source->opaque;
	uint64_t count;

	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	output_pump(chardev);
	if (chardev->in.watched != EPOLLIN && !atomic_load(&chardev->paused))
		input_pump(chardev);
}

/* What every kind but the null one needs. Undone by common_fini(), also halfway. */
static int common_init(struct chardev *chardev)
{
	int error;

	chardev->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (chardev->kick.fd < 0)
		return error_sys(errno, "eventfd");
	chardev->kick.ready = kicked;
	chardev->kick.opaque = chardev;
	error = loop_add(chardev->loop, &chardev->kick, EPOLLIN);
	if (error)
		return error;
	return dev_timer_init(&chardev->timer, chardev->loop, CLOCK_MONOTONIC, output_timeout, chardev);
}

static void common_fini(struct chardev *chardev)
{
	dev_timer_fini(&chardev->timer);
	if (chardev->kick.fd < 0)
		return;
	loop_remove(chardev->loop, &chardev->kick);
	close(chardev->kick.fd);
}

static void chardev_free(struct chardev *chardev)
{
	if (chardev->ops) {
		chardev->ops->close(chardev);
		stream_close(chardev, &chardev->in);
		stream_close(chardev, &chardev->out);
		common_fini(chardev);
	}
	pthread_mutex_destroy(&chardev->mutex);
	free(chardev->path);
	free(chardev);
}

int chardev_create(struct loop *loop, const struct chardev_options *options, struct chardev **ret_chardev)
{
	struct chardev *chardev = calloc(1, sizeof(*chardev));
	int error;

	if (!chardev)
		return error_sys(ENOMEM, "character device");
	chardev->loop = loop;
	chardev->ops = kinds[options->kind];
	chardev->in = stream_none;
	chardev->out = stream_none;
	chardev->kick.fd = -1;
	chardev->state = OUTPUT_NOWHERE;
	chardev->stalled = true;
	pthread_mutex_init(&chardev->mutex, NULL);
	atomic_init(&chardev->paused, chardev->ops != NULL); /* no device is there yet */
	if (chardev->ops) {
		error = common_init(chardev);
		if (!error)
			error = chardev->ops->open(chardev, options);
		if (error) {
			chardev_free(chardev);
			return error;
		}
	}
	*ret_chardev = chardev;
	return 0;
}

static void tell_dropped(struct chardev *chardev)
{
	uint64_t dropped = chardev_dropped(chardev);

	if (dropped == 0 || chardev->failed || chardev->state == OUTPUT_DEAD)
		return; /* or the cause was told when it came */
	if (chardev->ops->lossless)
		log_warning("%llu bytes of the guest's output were dropped: nobody read them in time",
			    (unsigned long long)dropped);
	else
		log_info("%llu bytes of the guest's output were dropped: nobody read them in time",
			 (unsigned long long)dropped);
}

void chardev_destroy(struct chardev *chardev)
{
	if (!chardev)
		return;
	if (chardev->ops) {
		chardev_disconnect(chardev);
		output_flush(chardev);
		tell_dropped(chardev);
	}
	chardev_free(chardev);
}

const char *chardev_path(const struct chardev *chardev)
{
	return chardev->path;
}

void chardev_connect(struct chardev *chardev, size_t (*room)(void *opaque),
		     void (*input)(void *opaque, const void *data, size_t size), void *opaque)
{
	chardev->room = room;
	chardev->input = input;
	chardev->opaque = opaque;
	if (!chardev->ops)
		return;
	atomic_store(&chardev->paused, false);
	input_pump(chardev);
}

void chardev_disconnect(struct chardev *chardev)
{
	chardev->room = NULL;
	chardev->input = NULL;
	chardev->writable = NULL;
	chardev->opaque = NULL;
	atomic_store(&chardev->paused, true);
	stream_unwatch(chardev, &chardev->in);
}

bool chardev_writable(const struct chardev *chardev)
{
	return !atomic_load(&chardev->held);
}

void chardev_on_writable(struct chardev *chardev, void (*writable)(void *opaque))
{
	chardev->writable = writable;
}

uint64_t chardev_dropped(struct chardev *chardev)
{
	uint64_t dropped;

	pthread_mutex_lock(&chardev->mutex);
	dropped = chardev->dropped;
	pthread_mutex_unlock(&chardev->mutex);
	return dropped;
}
