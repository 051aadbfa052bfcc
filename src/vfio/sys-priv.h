/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_SYS_PRIV_H
#define HANDFAST_VFIO_SYS_PRIV_H

/* ioctl(2) on VFIO's descriptors, behind a table, so that tests can put a kernel of their own here. */
struct vfio_sys {
	/* As ioctl(2): -1 and errno on failure. A number instead of a pointer travels in the pointer. */
	int (*ioctl)(int fd, unsigned long request, void *argument);
};

extern const struct vfio_sys vfio_sys_kernel;

#endif
