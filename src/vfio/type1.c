/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O address space as a legacy container with IOMMU groups (type1, version 2).
 * Source: include/uapi/linux/vfio.h, Documentation/driver-api/vfio.rst.
 *
 * Theory of operation. A container is an address space; a group is what the IOMMU can tell apart, and
 * all its devices enter together. So attaching a device opens its group if it is the first of it, puts
 * the group into the container, tells KVM of it (before the device is opened, which then belongs to
 * this VM), and opens the device. The first group gives the container its IOMMU; when the last one
 * leaves, the kernel drops the IOMMU and all maps with it, and the next first group starts anew.
 *
 * KVM holds a reference of its own on each group file. On the way out it is given up first, then the
 * device is closed, then the group leaves the container and is closed: only after that can somebody else open
 * it.
 */
#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "vfio/type1-priv.h"

#define INFO_SIZE_MAX (64 * 1024)
#define RANGES_MAX    64

/* What a container may hold where the kernel does not tell (drivers/vfio/vfio_iommu_type1.c,
 * dma_entry_limit). */
#define MAPPINGS_MAX 65535u

struct type1_group {
	struct type1_group *next;
	uint32_t number;
	int fd;
	unsigned devices; /* in the container, */
	unsigned open;	  /* and still open of those */
};

struct type1_device {
	struct type1_device *next;
	struct type1_group *group;
	int fd;
	bool closed;
};

struct type1 {
	struct vfio_iospace space;
	const struct vfio_sys *sys;
	struct broker *broker;
	struct kvm_vm *vm;
	int container;
	struct type1_group *groups;
	struct type1_device *devices;
	size_t ranges;
	struct vfio_iospace_range range[RANGES_MAX];
	uint64_t page_sizes;  /* a bit for each size that can be mapped; 0: unknown */
	atomic_uint mappings; /* BARs are mapped by who moves them, meanwhile */
	atomic_uint limit;    /* of them; told when the first group has entered */
};

static struct type1 *to_type1(struct vfio_iospace *space)
{
	return (struct type1 *)space;
}

/* The kernel's default where less is allowed, else twice what is allowed. */
static unsigned more_than(unsigned limit)
{
	if (limit < MAPPINGS_MAX)
		return MAPPINGS_MAX;
	return limit <= UINT_MAX / 2 ? 2 * limit : UINT_MAX;
}

static int no_room(const struct type1 *type1, unsigned long long first, unsigned long long last)
{
	error_set(ENOSPC,
		  "the container has no room for another mapping (0x%llx to 0x%llx): %u are in use, for each "
		  "256 MiB "
		  "of guest memory and each BAR one, and the kernel's limit, dma_entry_limit of "
		  "vfio_iommu_type1, is "
		  "%u",
		  first, last, atomic_load(&type1->mappings), type1->limit);
	return error_try(
		"echo %u > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit    (as root; it holds "
		"for VMs that start later)",
		more_than(type1->limit));
}

static int type1_map(struct vfio_iospace *space, iova_t iova, void *host, uint64_t length, unsigned flags)
{
	struct type1 *type1 = to_type1(space);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (flags & VFIO_MAP_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (flags & VFIO_MAP_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)host,
		.iova = iova,
		.size = length,
	};
	unsigned long long first = iova, last = iova + length - 1;

	if (atomic_load(&type1->mappings) >= type1->limit)
		return no_room(type1, first, last);
	if (!type1->sys->ioctl(type1->container, VFIO_IOMMU_MAP_DMA, &map)) {
		atomic_fetch_add(&type1->mappings, 1);
		return 0;
	}
	switch (errno) {
	case ENOMEM:
		return error_set(ENOMEM, "the kernel could not pin the memory at 0x%llx to 0x%llx", first,
				 last);
	case ENOSPC:
		return no_room(type1, first, last);
	default:
		return error_sys(errno, "the IOMMU does not map 0x%llx to 0x%llx", first, last);
	}
}

static int type1_unmap(struct vfio_iospace *space, iova_t iova, uint64_t length)
{
	struct type1 *type1 = to_type1(space);
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	if (type1->sys->ioctl(type1->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return error_sys(errno, "the IOMMU does not unmap 0x%llx to 0x%llx", (unsigned long long)iova,
				 (unsigned long long)(iova + length - 1));
	atomic_fetch_sub(&type1->mappings, 1);
	return 0;
}

static void type1_usage(struct vfio_iospace *space, struct vfio_iospace_usage *ret_usage)
{
	struct type1 *type1 = to_type1(space);

	ret_usage->mappings = atomic_load(&type1->mappings);
	ret_usage->limit = type1->limit;
}

/* What is available now is all there may be: nothing is mapped before the first group has entered. */
static void limit_take(struct type1 *type1, const struct vfio_iommu_type1_info *info, uint32_t at)
{
	const struct vfio_iommu_type1_info_dma_avail *cap = (const void *)((const char *)info + at);

	if (at + sizeof(*cap) <= info->argsz && !type1->groups)
		type1->limit = cap->avail;
}

static void ranges_take(struct type1 *type1, const struct vfio_iommu_type1_info *info, uint32_t at)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap = (const void *)((const char *)info + at);
	size_t room;

	if (at + sizeof(*cap) > info->argsz)
		return;
	room = (info->argsz - at - sizeof(*cap)) / sizeof(cap->iova_ranges[0]);
	for (uint32_t i = 0; i < cap->nr_iovas && i < room && type1->ranges < RANGES_MAX; i++) {
		struct vfio_iospace_range range = { cap->iova_ranges[i].start, cap->iova_ranges[i].end };

		type1->range[type1->ranges++] = range;
	}
}

/* What can be mapped: each group that enters may take something away. */
static int info_read(struct type1 *type1)
{
	size_t size = sizeof(struct vfio_iommu_type1_info) + 1024;

	type1->ranges = 0;
	type1->page_sizes = 0;
	for (;;) {
		auto_free struct vfio_iommu_type1_info *info = calloc(1, size);
		uint32_t at;

		if (!info)
			return error_set(ENOMEM, "no memory for the IOMMU's description");
		info->argsz = (uint32_t)size;
		if (type1->sys->ioctl(type1->container, VFIO_IOMMU_GET_INFO, info))
			return error_sys(errno, "VFIO_IOMMU_GET_INFO");
		if (info->argsz > size) {
			size = info->argsz;
			if (size > INFO_SIZE_MAX)
				return error_set(EPROTO, "VFIO_IOMMU_GET_INFO wants %zu bytes", size);
			continue;
		}
		if (info->flags & VFIO_IOMMU_INFO_PGSIZES)
			type1->page_sizes = info->iova_pgsizes;
		at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
		while (at >= sizeof(*info) && at + sizeof(struct vfio_info_cap_header) <= info->argsz) {
			const struct vfio_info_cap_header *cap = (const void *)((const char *)info + at);

			if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
				ranges_take(type1, info, at);
			if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
				limit_take(type1, info, at);
			if (cap->next <= at)
				break;
			at = cap->next;
		}
		return 0;
	}
}

/* The kernel lets no group into an IOMMU when its devices could forge interrupts. */
static int refusal(int errnum, uint32_t number)
{
	if (errnum == EPERM) {
		error_set(EPERM,
			  "the kernel refuses IOMMU group %u because this host has no interrupt remapping: a "
			  "guest "
			  "with a device could send any interrupt to the host",
			  number);
		return error_try(
			"switch interrupt remapping on: in the firmware (VT-d or AMD-Vi, x2APIC), and "
			"without "
			"intremap=off on the kernel's command line; handfast check tells what is missing");
	}
	if (errnum == EINVAL)
		return error_sys(errnum,
				 "IOMMU group %u cannot share the address space of the devices before it "
				 "(its IOMMU translates "
				 "fewer addresses than guest memory takes, or another device's BAR stands at "
				 "an address that it "
				 "reserves, or its IOMMU is of another kind)",
				 number);
	return error_sys(errnum, "IOMMU group %u cannot be given an IOMMU of type 1", number);
}

static int group_enter(struct type1 *type1, const struct type1_group *group)
{
	int fd = type1->container;

	if (type1->sys->ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &fd))
		return refusal(errno, group->number);
	if (!type1->groups &&
	    type1->sys->ioctl(type1->container, VFIO_SET_IOMMU, (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU)) {
		int error = refusal(errno, group->number);

		type1->sys->ioctl(group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
		return error;
	}
	return 0;
}

static void group_leave(struct type1 *type1, const struct type1_group *group)
{
	/* Fails only while one of its devices is open, and then closing the group will do. */
	type1->sys->ioctl(group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

static int group_usable(struct type1 *type1, const struct type1_group *group, const char *device)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (type1->sys->ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status))
		return error_sys(errno, "VFIO_GROUP_GET_STATUS of IOMMU group %u", group->number);
	/* Other bits may stand beside this one. */
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		error_set(
			EPERM,
			"IOMMU group %u is not viable: another device of it is bound to a driver of the host",
			group->number);
		return error_try("handfast check %s (it names that device)", device);
	}
	if (status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET)
		return error_set(EBUSY, "IOMMU group %u is in a container already: another program uses it",
				 group->number);
	return 0;
}

static int group_open(struct type1 *type1, const struct broker_device *which, struct type1_group **ret_group)
{
	char name[HOST_ID_TEXT_SIZE];
	struct type1_group *group = calloc(1, sizeof(*group));
	int error;

	if (!group)
		return error_set(ENOMEM, "no memory for IOMMU group %u", which->group);
	group->number = which->group;
	error = broker_open_group(type1->broker, group->number, &group->fd);
	if (error)
		goto fail_open;
	error = group_usable(type1, group, host_id_format(&which->id, name));
	if (error)
		goto fail_enter;
	error = group_enter(type1, group);
	if (error)
		goto fail_enter;
	error = info_read(type1);
	if (error)
		goto fail_info;
	error = kvm_vfio_file_add(type1->vm, group->fd);
	if (error)
		goto fail_info;
	group->next = type1->groups;
	type1->groups = group;
	*ret_group = group;
	return 0;

fail_info:
	group_leave(type1, group);
fail_enter:
	close(group->fd);
fail_open:
	free(group);
	return error;
}

/* The group's last device has gone. KVM has been told by the caller. */
static void group_close(struct type1 *type1, struct type1_group *group)
{
	struct type1_group **link = &type1->groups;

	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	group_leave(type1, group);
	close(group->fd);
	free(group);
}

static int device_fd_get(struct type1 *type1, const struct type1_group *group, const char *device,
			 const char *vf_token)
{
	char request[128];
	int fd;

	/* Source: drivers/vfio/pci/vfio_pci_core.c, vfio_pci_core_match(). */
	(void)snprintf(request, sizeof(request), "%s%s%s", device, vf_token ? " vf_token=" : "",
		       vf_token ? vf_token : "");
	fd = type1->sys->ioctl(group->fd, VFIO_GROUP_GET_DEVICE_FD, request);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
		error_sys(EACCES, "the kernel does not open %s: %s", device,
			  vf_token ? "that is not the VF token that its physical function was opened with"
				   : "it is a virtual function that wants a VF token");
		return error_try(
			"vf-token=UUID, the same for the physical function and all its virtual ones");
	case EAGAIN:
		error_sys(EAGAIN,
			  "the kernel does not open %s: something else is resetting or reconfiguring it",
			  device);
		return error_try("try again in a moment");
	case ENODEV:
		error_sys(ENODEV,
			  "the kernel does not open %s in IOMMU group %u: it has left the host or its driver "
			  "meanwhile",
			  device, group->number);
		return error_try("handfast check %s    (says whether it is there and what has it)", device);
	default:
		return error_sys(errno, "the kernel does not open %s in IOMMU group %u", device,
				 group->number);
	}
}

/* NULL: it is not in the container. */
static struct type1_group *group_find(const struct type1 *type1, uint32_t number)
{
	struct type1_group *group = type1->groups;

	while (group && group->number != number)
		group = group->next;
	return group;
}

static int type1_attach(struct vfio_iospace *space, const struct broker_device *which, const char *vf_token,
			int *ret_device_fd)
{
	struct type1 *type1 = to_type1(space);
	char name[HOST_ID_TEXT_SIZE];
	struct type1_device *device = calloc(1, sizeof(*device));
	struct type1_group *group = group_find(type1, which->group);
	int error;

	if (!device)
		return error_set(ENOMEM, "no memory for a device");
	if (!group) {
		error = group_open(type1, which, &group);
		if (error)
			goto fail_group;
	}
	device->fd = device_fd_get(type1, group, host_id_format(&which->id, name), vf_token);
	if (device->fd < 0) {
		error = device->fd;
		goto fail_device;
	}
	device->group = group;
	group->devices++;
	group->open++;
	device->next = type1->devices;
	type1->devices = device;
	*ret_device_fd = device->fd;
	return 0;

fail_device:
	if (!group->devices) {
		kvm_vfio_file_remove(type1->vm, group->fd);
		group_close(type1, group);
	}
fail_group:
	free(device);
	return error;
}

/* It is there: attach() gave the descriptor out. */
static struct type1_device **device_find(struct type1 *type1, int device_fd)
{
	struct type1_device **link = &type1->devices;

	while ((*link)->fd != device_fd)
		link = &(*link)->next;
	return link;
}

static void device_close(struct type1 *type1, struct type1_device *device)
{
	if (device->closed)
		return;
	device->closed = true;
	device->group->open--;
	if (!device->group->open)
		kvm_vfio_file_remove(type1->vm, device->group->fd);
	close(device->fd);
}

static void type1_close(struct vfio_iospace *space, int device_fd)
{
	struct type1 *type1 = to_type1(space);

	device_close(type1, *device_find(type1, device_fd));
}

static void type1_detach(struct vfio_iospace *space, int device_fd)
{
	struct type1 *type1 = to_type1(space);
	struct type1_device **link = device_find(type1, device_fd), *device = *link;
	struct type1_group *group = device->group;

	device_close(type1, device);
	*link = device->next;
	group->devices--;
	free(device);
	if (!group->devices)
		group_close(type1, group);
}

struct reset_request {
	union {
		struct vfio_pci_hot_reset_info info;
		char room[sizeof(struct vfio_pci_hot_reset_info) +
			  VFIO_RESET_MEMBERS_MAX * sizeof(struct vfio_pci_dependent_device)];
	};
};

static int reset_info(struct type1 *type1, int device_fd, struct reset_request *ret_request)
{
	*ret_request = (struct reset_request){ .info.argsz = sizeof(*ret_request) };
	if (!type1->sys->ioctl(device_fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, ret_request))
		return 0;
	if (errno == ENODEV)
		return error_set(ENOTTY, "its bus has no reset of its own");
	if (errno == ENOSPC)
		return error_set(ENOSPC,
				 "a reset of its bus would reset more than %u functions: too many to ask "
				 "whose they are",
				 VFIO_RESET_MEMBERS_MAX);
	return error_sys(errno, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO");
}

static int type1_reset_members(struct vfio_iospace *space, int device_fd,
			       struct vfio_reset_members *ret_members)
{
	struct type1 *type1 = to_type1(space);
	struct reset_request request;
	char text[BDF_TEXT_SIZE];
	int error = reset_info(type1, device_fd, &request);

	if (error)
		return error;
	ret_members->count = 0;
	for (uint32_t i = 0; i < request.info.count && i < VFIO_RESET_MEMBERS_MAX; i++) {
		const struct vfio_pci_dependent_device *member = &request.info.devices[i];
		struct bdf bdf = {
			.domain = member->segment,
			.bus = member->bus,
			.device = member->devfn >> 3,
			.function = member->devfn & 7,
		};

		if (!group_find(type1, member->group_id))
			return error_set(EPERM, "%s on the same bus is not this VM's", bdf_format(bdf, text));
		ret_members->list[ret_members->count++] = bdf;
	}
	return 0;
}

/* The kernel wants to see every group that is hit. */
static int type1_reset_bus(struct vfio_iospace *space, int device_fd)
{
	struct type1 *type1 = to_type1(space);
	struct reset_request request;
	union {
		struct vfio_pci_hot_reset reset;
		char room[sizeof(struct vfio_pci_hot_reset) + VFIO_RESET_MEMBERS_MAX * sizeof(int32_t)];
	} order = { .reset.argsz = sizeof(order) };
	int error = reset_info(type1, device_fd, &request);

	for (uint32_t i = 0; !error && i < request.info.count && i < VFIO_RESET_MEMBERS_MAX; i++) {
		const struct type1_group *group = group_find(type1, request.info.devices[i].group_id);
		bool seen = !group;

		for (uint32_t j = 0; !seen && j < order.reset.count; j++)
			seen = order.reset.group_fds[j] == group->fd;
		if (!seen)
			order.reset.group_fds[order.reset.count++] = group->fd;
	}
	if (error || type1->sys->ioctl(device_fd, VFIO_DEVICE_PCI_HOT_RESET, &order) == 0)
		return error;
	/* Whether there is such a reset was asked before, so this is its end:
	 * pci_bridge_wait_for_secondary_bus() in Linux drivers/pci/pci.c. */
	if (errno == ENOTTY)
		return error_set(ETIMEDOUT, "the kernel reset its bus and did not see it come back");
	return error_sys(errno, "VFIO_DEVICE_PCI_HOT_RESET");
}

static const struct vfio_iospace_range *type1_ranges(struct vfio_iospace *space, size_t *ret_count)
{
	*ret_count = to_type1(space)->ranges;
	return to_type1(space)->range;
}

static void type1_destroy(struct vfio_iospace *space)
{
	struct type1 *type1 = to_type1(space);

	check(!type1->devices && !type1->groups);
	close(type1->container);
	free(type1);
}

static const struct vfio_iospace_ops type1_ops = {
	.name = "type1",
	.map = type1_map,
	.unmap = type1_unmap,
	.attach = type1_attach,
	.close = type1_close,
	.detach = type1_detach,
	.reset_members = type1_reset_members,
	.reset_bus = type1_reset_bus,
	.ranges = type1_ranges,
	.usage = type1_usage,
	.destroy = type1_destroy,
};

static int container_check(const struct vfio_sys *sys, int container)
{
	int version = sys->ioctl(container, VFIO_GET_API_VERSION, NULL);

	if (version != VFIO_API_VERSION)
		return error_set(ENOTSUP, "/dev/vfio/vfio speaks version %d of VFIO, handfast version %d",
				 version, VFIO_API_VERSION);
	if (sys->ioctl(container, VFIO_CHECK_EXTENSION, (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU) <= 0) {
		error_set(ENOTSUP, "the kernel's VFIO has no driver for this IOMMU (type 1, version 2)");
		return error_try("modprobe vfio_iommu_type1");
	}
	return 0;
}

int vfio_type1_create(const struct vfio_sys *sys, struct broker *broker, struct kvm_vm *vm,
		      struct vfio_iospace **ret_space)
{
	struct type1 *type1 = calloc(1, sizeof(*type1));
	int error;

	if (!type1)
		return error_set(ENOMEM, "no memory for an I/O address space");
	error = broker_open_container(broker, &type1->container);
	if (error)
		goto fail_open;
	error = container_check(sys, type1->container);
	if (error)
		goto fail_check;
	type1->space.ops = &type1_ops;
	type1->sys = sys;
	type1->broker = broker;
	type1->vm = vm;
	type1->limit = MAPPINGS_MAX;
	*ret_space = &type1->space;
	return 0;

fail_check:
	close(type1->container);
fail_open:
	free(type1);
	return error;
}
