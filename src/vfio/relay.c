/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device masks its line when it pulls it, and somebody has to unmask it once the guest
 * has seen to the cause. vfio-pci lets KVM do that by an eventfd, and then nothing passes through here
 * (intx.c). Drivers of mediated devices need not: they can be told by a call only. For those a thread stands
 * in between, which hands each pull on to KVM, and unmasks when the guest has acknowledged.
 *
 * Such drivers may also forget what happens while the line is masked, where a real device would pull a level.
 * So it is unmasked early, before the guest's next access to the device's registers after a pull: whatever
 * that access or a later one leads to is signalled, and handed on as soon as the line is free. The price is
 * an interrupt too many now and then, which drivers of shared lines are used to.
 */
#include "vfio/relay-priv.h"

#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

/* Under the lock. */
static void line_hold(struct vfio_relay *relay)
{
	relay->held = true;
	relay->again = false;
	eventfd_write(relay->line_fd, 1);
}

/* Under the lock. */
static void line_unmask(struct vfio_relay *relay)
{
	if (!atomic_exchange(&relay->masked, false))
		return;
	if (relay->device->ops->irq_action(relay->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, VFIO_IRQ_UNMASK))
		log_guest(&relay->limit, "%s", error_get()->because);
}

static void on_pull(struct vfio_relay *relay)
{
	pthread_mutex_lock(&relay->lock);
	if (relay->on) {
		atomic_store(&relay->masked, true);
		if (relay->held)
			relay->again = true;
		else
			line_hold(relay);
	}
	pthread_mutex_unlock(&relay->lock);
}

/* Also when another device on the same line was acknowledged: KVM has let go of all of them. */
static void on_acknowledged(struct vfio_relay *relay)
{
	pthread_mutex_lock(&relay->lock);
	relay->held = false;
	if (relay->on) {
		line_unmask(relay);
		if (relay->again)
			line_hold(relay);
	}
	pthread_mutex_unlock(&relay->lock);
}

static void *relay_run(void *opaque)
{
	struct vfio_relay *relay = opaque;
	struct pollfd fds[] = {
		{ .fd = relay->device_fd, .events = POLLIN },
		{ .fd = relay->resample_fd, .events = POLLIN },
		{ .fd = relay->stop_fd, .events = POLLIN },
	};
	eventfd_t count;

	for (;;) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
			continue;
		if (fds[2].revents)
			return NULL;
		if (fds[1].revents && eventfd_read(relay->resample_fd, &count) == 0)
			on_acknowledged(relay);
		if (fds[0].revents && eventfd_read(relay->device_fd, &count) == 0)
			on_pull(relay);
	}
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void relay_free(struct vfio_relay *relay)
{
	fd_close(relay->device_fd);
	fd_close(relay->line_fd);
	fd_close(relay->resample_fd);
	fd_close(relay->stop_fd);
	pthread_mutex_destroy(&relay->lock);
	free(relay);
}

/* Signals are for the main thread. */
static int thread_start(struct vfio_relay *relay)
{
	sigset_t all, before;
	int errnum;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&relay->thread, NULL, relay_run, relay);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum ? error_sys(errnum, "%s: no thread for its interrupt line", relay->device->name) : 0;
}

int vfio_relay_create(struct vfio_device *device, struct vfio_relay **ret_relay)
{
	struct vfio_relay *relay = calloc(1, sizeof(*relay));
	int error;

	if (!relay)
		return error_set(ENOMEM, "%s: no memory for its interrupt line", device->name);
	relay->device = device;
	pthread_mutex_init(&relay->lock, NULL);
	relay->device_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	relay->line_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	relay->resample_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	relay->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (relay->device_fd < 0 || relay->line_fd < 0 || relay->resample_fd < 0 || relay->stop_fd < 0)
		error = error_sys(errno, "%s: no eventfd for its interrupt line (see ulimit -n)",
				  device->name);
	else
		error = thread_start(relay);
	if (error) {
		relay_free(relay);
		return error;
	}
	*ret_relay = relay;
	return 0;
}

void vfio_relay_destroy(struct vfio_relay *relay)
{
	if (!relay)
		return;
	eventfd_write(relay->stop_fd, 1);
	pthread_join(relay->thread, NULL);
	relay_free(relay);
}

void vfio_relay_on(struct vfio_relay *relay)
{
	pthread_mutex_lock(&relay->lock);
	relay->on = true;
	pthread_mutex_unlock(&relay->lock);
}

void vfio_relay_off(struct vfio_relay *relay)
{
	eventfd_t count;

	pthread_mutex_lock(&relay->lock);
	relay->on = relay->held = relay->again = false;
	atomic_store(&relay->masked, false);
	(void)eventfd_read(relay->device_fd, &count);
	(void)eventfd_read(relay->line_fd, &count);
	pthread_mutex_unlock(&relay->lock);
}

void vfio_relay_touched(struct vfio_relay *relay)
{
	if (!atomic_load(&relay->masked))
		return;
	pthread_mutex_lock(&relay->lock);
	line_unmask(relay);
	pthread_mutex_unlock(&relay->lock);
}
