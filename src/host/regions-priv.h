/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_REGIONS_PRIV_H
#define HANDFAST_HOST_REGIONS_PRIV_H

/*
 * Addresses that devices cannot use for a guest's memory: the reserved regions of IOMMU groups.
 * Source: Linux Documentation/ABI/testing/sysfs-kernel-iommu_groups (reserved_regions).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/broker.h"
#include "host/host-priv.h"

struct region {
	uint64_t first, last;
	char type[32]; /* "direct", "direct-relaxable", "reserved", "msi" */
};

struct regions {
	struct region *list;
	size_t count;
	bool known; /* the kernel has a list of them */
};

/* As the kernel lists them. -ENOMEM. */
int regions_load(const struct host *host, uint32_t group, struct regions *ret_regions);
void regions_fini(struct regions *regions); /* also of zeroed ones */

/* Whether a group with a direct region, whose devices the firmware wants to reach memory at any time, is
 * handed to nobody by this kernel. */
bool region_direct_is_locked(const struct host *host);
/* Whether the kernel maps no memory of a guest there, for a device of the group that it hands out. */
bool region_forbids(const struct host *host, const struct region *region);

/* Whether no guest has RAM there, whatever the host reserves: the MSI window of a PC, AMD's hole. */
bool region_is_elsewhere(const struct region *region);

/* broker_reserved(), broker_group_reserved(). */
int regions_of_host(const struct host *host, struct broker_range ret_list[BROKER_RANGES_MAX],
		    size_t *ret_count);
int regions_of_group(const struct host *host, uint32_t group, struct broker_range ret_list[BROKER_RANGES_MAX],
		     size_t *ret_count);

#endif
