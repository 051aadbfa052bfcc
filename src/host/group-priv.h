/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_GROUP_PRIV_H
#define HANDFAST_HOST_GROUP_PRIV_H

/*
 * An IOMMU group: the functions that the IOMMU cannot tell from one another, so that they go to user
 * space together or not at all.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host-priv.h"

struct group_member {
	char name[64];	 /* a BDF, or another bus's name for it */
	char driver[64]; /* "": none */
	bool is_pci;
	bool is_bridge; /* to another PCI bus */
	bool blocks;	/* its driver uses DMA on the host's behalf: the group is not viable */
};

struct iommu_group {
	uint32_t number;
	char type[32]; /* "DMA", "DMA-FQ", "identity", ...; "" unknown */
	struct group_member *members;
	size_t count;
};

int group_load(const struct host *host, uint32_t number, struct iommu_group *ret_group);
void group_fini(struct iommu_group *group); /* also of a zeroed one */

/* As the kernel sees it: no member blocks. */
bool group_is_viable(const struct iommu_group *group);

#endif
