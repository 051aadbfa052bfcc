/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "dev/chardev-priv.h"

void chardev_kick(struct chardev *chardev)
{
	uint64_t one = 1;
	/* The counter can only be full when a wake-up is due anyway. */
	ssize_t ignored = write(chardev->kick.fd, &one, sizeof(one));

	(void)ignored;
}
