/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_CHECK_PRIV_H
#define HANDFAST_HOST_CHECK_PRIV_H

/*
 * The checks. None of them changes anything. `handfast check` prints all of them; a start runs
 * check_assignable() for each device; bind refuses what check_uses() finds.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/host-priv.h"
#include "host/usage-priv.h"

/* The host, whatever the device. */
void check_host(const struct host *host, struct findings *findings);

void check_kvm(const struct host *host, struct findings *findings);
void check_iommu(const struct host *host, struct findings *findings);
void check_interrupt_remapping(const struct host *host, struct findings *findings);
void check_vfio(const struct host *host, struct findings *findings);

/* Records why /dev/kvm could not be opened, in terms of processor, kernel and rights. Returns -errnum. */
int check_kvm_denied(const struct host *host, const char *path, int errnum);

/* For whom a device is checked. NULL stands for nobody and nothing. */
struct check_scope {
	pid_t vm; /* whose use of the device does not count: the VM that asks; 0: there is none */
	/* Devices that will be bound to vfio-pci before the VM gets any: they count as bound already. What
	 * only binding shows (their nodes, who has them open) is not looked at. */
	const struct bdf *bound;
	size_t bound_count;
};

/* What stands between the device as it is now and a VM: driver, group, node, other users, reset. */
void check_device(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		  struct findings *findings);

/* The same with what the host contributes: the IOMMU and its interrupt remapping. */
void check_assignable(const struct host *host, const struct host_device *device,
		      const struct check_scope *scope, struct findings *findings);

/* Which other members keep the device's group from being viable. */
void check_group(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		 struct findings *findings);

/* Who has the group's node or the device's own one open: obstacles. */
void check_holders(const struct host *host, const struct host_device *device, pid_t except,
		   struct findings *findings);

/*
 * What this host does with the device by itself: mounted file systems and swap on its disks, a network
 * interface that somebody talks to, processes that have it open. Obstacles, but warnings where `forced`
 * and this machine would survive.
 */
void check_uses(struct usage *usage, const struct host_device *device, bool forced,
		struct findings *findings);

/* "0000:01:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)"; returns ret_text. */
const char *check_device_title(const struct host *host, const struct host_device *device, char *ret_text,
			       size_t size);

#endif
