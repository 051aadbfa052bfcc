/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_CHECK_PRIV_H
#define HANDFAST_HOST_CHECK_PRIV_H

/*
 * The checks. None of them changes anything. `handfast check` prints all of them; a start runs
 * check_assignable() for each device; bind runs check_bindable().
 */
#include <stdint.h>
#include <sys/types.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/host-priv.h"

/* The host, whatever the device. */
void check_host(const struct host *host, struct findings *findings);

void check_kvm(const struct host *host, struct findings *findings);
void check_iommu(const struct host *host, struct findings *findings);
void check_interrupt_remapping(const struct host *host, struct findings *findings);
void check_vfio(const struct host *host, struct findings *findings);

/* Records why /dev/kvm could not be opened, in terms of processor, kernel and rights. Returns -errnum. */
int check_kvm_denied(const struct host *host, const char *path, int errnum);

/*
 * What stands between the device as it is now and a VM: driver, group, node, other users, reset.
 * except: a process whose use of the device does not count (the VM that asks), or 0.
 */
void check_assignable(const struct host *host, const struct host_device *device, pid_t except,
		      struct findings *findings);

/* Who has the group's node or the device's own one open: obstacles. */
void check_holders(const struct host *host, const struct host_device *device, pid_t except,
		   struct findings *findings);

/* "0000:01:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)"; returns ret_text. */
const char *check_device_title(const struct host *host, const struct host_device *device, char *ret_text,
			       size_t size);

#endif
