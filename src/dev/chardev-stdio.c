/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard input and output, whatever they are: a terminal, a pipe, a file, /dev/null, closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dev/chardev-priv.h"

/* How often a VM in the background looks whether it has the terminal again; only while input waits. */
#define STDIO_RETRY_NS (NS_PER_SECOND / 2)

/* There is one standard input and output for all of a process. */
static atomic_bool taken;

struct stdio {
	struct dev_timer retry;
};

static void stdio_retry(void *opaque)
{
	input_pump(opaque);
}

static bool stdio_may_read(struct chardev *chardev)
{
	struct stdio *stdio = chardev->own;

	if (terminal_ready(chardev->in.source.fd))
		return true;
	dev_timer_arm(&stdio->retry, dev_clock_ns(CLOCK_MONOTONIC) + STDIO_RETRY_NS);
	return false;
}

static void stdio_input_ended(struct chardev *chardev, int errnum)
{
	/* Into the background between the question and the read: the terminal refuses so. */
	if (errnum == EIO && !stdio_may_read(chardev))
		return;
	/* The end of input is not the end of the VM. The terminal's modes are given back with the output. */
	if (errnum)
		log_info("standard input: %s", strerror(errnum));
	terminal_give_back();
	input_detach(chardev);
}

static bool stdio_output_failed(struct chardev *chardev, int errnum)
{
	if (!chardev->failed)
		log_warning("standard output: %s; the guest's output is dropped", strerror(errnum));
	if (errnum == ENOSPC || errnum == EDQUOT)
		return true; /* may pass */
	output_detach(chardev, OUTPUT_DEAD);
	return false;
}

static int stdio_open(struct chardev *chardev, const struct chardev_options *options)
{
	struct stdio *stdio;
	int error;

	if (atomic_exchange(&taken, true)) {
		error_set(EBUSY, "another character device has them already");
		return error_tried("use standard input and output");
	}
	stdio = calloc(1, sizeof(*stdio));
	chardev->own = stdio; /* from here on close() undoes it */
	if (!stdio) {
		atomic_store(&taken, false);
		return error_sys(ENOMEM, "standard input and output");
	}
	error = dev_timer_init(&stdio->retry, chardev->loop, CLOCK_MONOTONIC, stdio_retry, chardev);
	if (error)
		return error;
	stream_ignore_signals();
	if (stream_borrow(&chardev->in, STDIN_FILENO, O_RDONLY) == 0) {
		terminal_take(chardev->in.source.fd);
		input_attach(chardev);
	}
	if (stream_borrow(&chardev->out, STDOUT_FILENO, O_WRONLY) == 0)
		output_attach(chardev);
	else
		output_detach(chardev, OUTPUT_DEAD);
	return 0;
}

static void stdio_close(struct chardev *chardev)
{
	struct stdio *stdio = chardev->own;

	if (!stdio)
		return;
	terminal_give_back();
	dev_timer_fini(&stdio->retry);
	free(stdio);
	atomic_store(&taken, false);
}

const struct chardev_kind_ops chardev_stdio_ops = {
	.lossless = true,
	.open = stdio_open,
	.close = stdio_close,
	.may_read = stdio_may_read,
	.input_ended = stdio_input_ended,
	.output_failed = stdio_output_failed,
};
