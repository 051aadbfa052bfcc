/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_CHECK_PRIV_H
#define HANDFAST_HOST_CHECK_PRIV_H

/*
 * The checks. None of them changes anything. `handfast check` prints all of them; a start runs
 * check_assignable() for each device; bind refuses what check_uses() finds.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/group-priv.h"
#include "host/host-priv.h"
#include "host/usage-priv.h"

/* The host, whatever the device. */
void check_host(const struct host *host, struct findings *findings);

void check_kvm(const struct host *host, struct findings *findings);
void check_iommu(const struct host *host, struct findings *findings);
void check_interrupt_remapping(const struct host *host, struct findings *findings);
void check_vfio(const struct host *host, struct findings *findings);

/* vfio-pci and the IOMMU driver behind its containers: of check_vfio() what a start depends on. */
void check_drivers(const struct host *host, struct findings *findings);

/* The second of the two alone. */
void check_container_driver(const struct host *host, struct findings *findings);

/* Whether any IOMMU group exists. */
bool check_has_iommu(const struct host *host);

/* How a word gets onto the kernel's command line, or off it; Debian's way, which most distributions share. */
#define CHECK_SET_PARAMETER "in GRUB_CMDLINE_LINUX of /etc/default/grub, then update-grub and reboot"

/* Records why /dev/kvm could not be opened, in terms of processor, kernel and rights. Returns -errnum. */
int check_kvm_denied(const struct host *host, const char *path, int errnum);

/* The same for /dev/vfio/vfio. */
int check_container_denied(const char *path, int errnum);

/* For whom a device is checked. NULL stands for nobody and nothing. */
struct check_scope {
	pid_t vm; /* whose use of the device does not count: the VM that asks; 0: there is none */
	/* Devices that will be bound to vfio-pci before the VM gets any: they count as bound already. What
	 * only binding shows (their nodes, who has them open) is not looked at. */
	const struct bdf *bound;
	size_t bound_count;
	bool has_token; /* the VM opens the device with a VF token */
};

/* Whether a start binds the device of this name by itself. */
bool check_will_be_bound(const struct check_scope *scope, const char *name);

/* What stands between the device as it is now and a VM: driver, group, node, other users, reset. */
void check_device(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		  struct findings *findings);

/* The same with what the host contributes: the IOMMU and its interrupt remapping. */
void check_assignable(const struct host *host, const struct host_device *device,
		      const struct check_scope *scope, struct findings *findings);

/*
 * The parts of check_device(), in its order. check_kind() also stands alone, before a bind: what is no device
 * to hand to a guest should not be taken from the host either. It returns whether it is one.
 */
bool check_kind(const struct host_device *device, struct findings *findings);
void check_container(const struct host *host, struct findings *findings);
void check_reserved(const struct host *host, const struct host_device *device, struct findings *findings);
void check_bars(const struct host *host, const struct host_device *device, struct findings *findings);
void check_reset(const struct host *host, const struct host_device *device, struct findings *findings);
void check_power(const struct host *host, const struct host_device *device, struct findings *findings);
void check_interrupts(const struct host *host, const struct host_device *device, struct findings *findings);
void check_sriov(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		 struct findings *findings);

/* Why a member of a group does or does not block: "nobody works it". */
const char *check_member_reason(const struct group_member *member);

/* Which other members keep the device's group from being viable. */
void check_group(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		 struct findings *findings);

/* Who has the group's node or the device's own one open: obstacles. except: the VM that is about to open them
 * and so does not count; 0: nobody is. */
void check_holders(const struct host *host, const struct host_device *device, pid_t except,
		   struct findings *findings);

/* The same for a group and the device of it whose folder in sysfs that is. */
void check_group_holders(const struct host *host, uint32_t group, const char *folder, pid_t except,
			 struct findings *findings);

struct mdev;

/* What stands between a mediated device and a VM: obstacles only. vm: as in check_scope. */
void check_mdev(const struct host *host, const struct mdev *mdev, pid_t vm, struct findings *findings);

/*
 * What this host does with the device by itself: mounted file systems and swap on its disks, a network
 * interface that somebody talks to, processes that have it open. Obstacles, but warnings where `forced`
 * and this machine would survive, and the device has no virtual functions.
 */
void check_uses(struct usage *usage, const struct host_device *device, bool forced,
		struct findings *findings);

/* `handfast check`: the host and these devices, as text or as JSON. */
int check_print(const struct host *host, const struct bdf *devices, size_t count, bool as_json, FILE *out,
		bool *ret_ready);

/* "0000:01:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)"; returns ret_text. */
const char *check_device_title(const struct host *host, const struct host_device *device, char *ret_text,
			       size_t size);

#endif
