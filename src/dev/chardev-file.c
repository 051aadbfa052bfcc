/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output to a file: created, or emptied. There is no input. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "dev/chardev-priv.h"

static bool file_output_failed(struct chardev *chardev, int errnum)
{
	if (!chardev->failed)
		log_warning("%s: %s; the guest's output is dropped", chardev->path, strerror(errnum));
	if (errnum != EPIPE)
		return true; /* a full disk may have room again, a file system come back */
	output_detach(chardev, OUTPUT_DEAD);
	return false;
}

static int file_open(struct chardev *chardev, const struct chardev_options *options)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd;

	chardev->path = strdup(options->path);
	if (!chardev->path)
		return error_sys(ENOMEM, "character device");
	fd = open(options->path, flags, 0666);
	if (fd < 0 && errno == ENXIO) {
		error_set(ENXIO, "it is a FIFO that nobody reads, or a device that is not there");
		return error_tried("open %s for the guest's output", options->path);
	}
	if (fd < 0) {
		error_set(errno, "%s", strerror(errno));
		return error_tried("open %s for the guest's output", options->path);
	}
	stream_ignore_signals();
	stream_init(&chardev->out, fd);
	output_attach(chardev);
	return 0;
}

static void file_close(struct chardev *chardev) {}

const struct chardev_kind_ops chardev_file_ops = {
	.lossless = true,
	.open = file_open,
	.close = file_close,
	.output_failed = file_output_failed,
};
