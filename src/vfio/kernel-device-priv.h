/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_KERNEL_DEVICE_PRIV_H
#define HANDFAST_VFIO_KERNEL_DEVICE_PRIV_H

#include "base/host_id.h"
#include "vfio/device.h"
#include "vfio/sys-priv.h"

/* id: whose descriptor it is. device_fd stays the caller's and outlives the device. Errors: ENOTSUP where it
 * is no PCI device. */
int vfio_kernel_device_create(const struct vfio_sys *sys, int device_fd, const struct host_id *id,
			      struct vfio_device **ret_device);

#endif
