/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo-terminal of its own. The other side stays open here too: while nobody has opened it, or between
 * two who do, output waits in it and nothing is reported as hung up. It starts raw; with echo the guest would
 * read what it has written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dev/chardev-priv.h"

struct pty {
	int other; /* the side that a person opens */
};

static int other_open(const char *name, int *ret_fd)
{
	struct termios modes;
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(errno, "open %s", name);
	if (tcgetattr(fd, &modes) == 0) {
		cfmakeraw(&modes);
		tcsetattr(fd, TCSANOW, &modes);
	}
	*ret_fd = fd;
	return 0;
}

static bool pty_output_failed(struct chardev *chardev, int errnum)
{
	if (!chardev->failed)
		log_warning("%s: %s; the guest's output is dropped", chardev->path, strerror(errnum));
	return true;
}

static int pty_open(struct chardev *chardev, const struct chardev_options *options)
{
	struct pty *pty = malloc(sizeof(*pty));
	char name[PATH_MAX];
	int error;
	int fd;

	chardev->own = pty;
	if (!pty)
		return error_sys(ENOMEM, "pseudo-terminal");
	pty->other = -1;
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	stream_init(&chardev->in, fd);
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name)) != 0) {
		error_sys(errno, "/dev/ptmx");
		return error_tried("make a pseudo-terminal");
	}
	chardev->path = strdup(name);
	if (!chardev->path)
		return error_sys(ENOMEM, "pseudo-terminal");
	error = other_open(name, &pty->other);
	if (error)
		return error_tried("make a pseudo-terminal");
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		error_sys(errno, "descriptor");
		return error_tried("make a pseudo-terminal");
	}
	stream_init(&chardev->out, fd);
	input_attach(chardev);
	output_attach(chardev);
	log_notice("the guest's serial port is at %s", name);
	return 0;
}

static void pty_close(struct chardev *chardev)
{
	struct pty *pty = chardev->own;

	if (!pty)
		return;
	if (pty->other >= 0)
		close(pty->other);
	free(pty);
}

const struct chardev_kind_ops chardev_pty_ops = {
	.open = pty_open,
	.close = pty_close,
	.output_failed = pty_output_failed,
};
