/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's VFIO device descriptor as a struct vfio_device.
 * Source: include/uapi/linux/vfio.h, Documentation/driver-api/vfio.rst.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "vfio/kernel-device-priv.h"

/* More than any capability list of a region could need; a kernel that asks for more is not believed. */
#define INFO_SIZE_MAX (64 * 1024)

/* Since Linux 6.5, and not in Debian 12's headers: the widths of AtomicOps that the host's root port
 * completes for the device. */
#define INFO_CAP_ATOMIC_COMPLETER 5
struct info_cap_atomic_completer {
	struct vfio_info_cap_header header;
	uint32_t widths;
	uint32_t reserved;
};

struct kernel_device {
	struct vfio_device device;
	const struct vfio_sys *sys;
	int fd;
	/* Where each region begins in the descriptor; the kernel decides. */
	uint64_t offset[VFIO_PCI_NUM_REGIONS];
	uint64_t size[VFIO_PCI_NUM_REGIONS];
};

static int sys_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

const struct vfio_sys vfio_sys_kernel = {
	.ioctl = sys_ioctl,
};

static struct kernel_device *to_kernel(struct vfio_device *device)
{
	return (struct kernel_device *)device;
}

/* The region's information with its capabilities, to be freed. */
static int region_query(struct kernel_device *kernel, unsigned region, struct vfio_region_info **ret_info)
{
	size_t size = sizeof(struct vfio_region_info);
	struct vfio_region_info *info;

	for (;;) {
		info = calloc(1, size);
		if (!info)
			return error_set(ENOMEM, "no memory for the description of region %u", region);
		info->argsz = (uint32_t)size;
		info->index = region;
		if (kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_GET_REGION_INFO, info)) {
			free(info);
			return error_sys(errno, "VFIO_DEVICE_GET_REGION_INFO for region %u of %s", region,
					 kernel->device.name);
		}
		if (info->argsz <= size) {
			*ret_info = info;
			return 0;
		}
		size = info->argsz;
		free(info);
		if (size > INFO_SIZE_MAX)
			return error_set(EPROTO, "region %u of %s wants %zu bytes for its description",
					 region, kernel->device.name, size);
	}
}

/* The capability of that id in what the kernel has told, or NULL; at is where the first one is, 0 where there
 * are none. The list is the kernel's, and still walked with care. */
static const struct vfio_info_cap_header *capability_find(const void *info, uint32_t size, uint32_t at,
							  unsigned id, size_t least)
{
	while (at && at + sizeof(struct vfio_info_cap_header) <= size) {
		const struct vfio_info_cap_header *cap = (const void *)((const char *)info + at);

		if (cap->id == id)
			return at + least <= size ? cap : NULL;
		if (cap->next <= at)
			return NULL;
		at = cap->next;
	}
	return NULL;
}

static const struct vfio_info_cap_header *region_capability(const struct vfio_region_info *info, unsigned id,
							    size_t least)
{
	uint32_t first = info->flags & VFIO_REGION_INFO_FLAG_CAPS && info->cap_offset >= sizeof(*info)
				 ? info->cap_offset
				 : 0;

	return capability_find(info, info->argsz, first, id, least);
}

static void region_sparse(const struct vfio_region_info *info,
			  const struct vfio_region_info_cap_sparse_mmap *sparse, struct vfio_region *region)
{
	size_t room = (info->argsz - (size_t)((const char *)sparse->areas - (const char *)info)) /
		      sizeof(sparse->areas[0]);

	for (size_t i = 0; i < sparse->nr_areas && i < room; i++) {
		if (region->areas == VFIO_REGION_AREAS_MAX)
			return; /* the rest is trapped: slower, and as correct */
		if (!sparse->areas[i].size || sparse->areas[i].offset >= info->size ||
		    sparse->areas[i].size > info->size - sparse->areas[i].offset)
			continue;
		region->area[region->areas].offset = sparse->areas[i].offset;
		region->area[region->areas].size = sparse->areas[i].size;
		region->areas++;
	}
}

static int kernel_region_info(struct vfio_device *device, unsigned region, struct vfio_region *ret_region)
{
	auto_free struct vfio_region_info *info = NULL;
	const struct vfio_info_cap_header *cap;
	int error;

	memset(ret_region, 0, sizeof(*ret_region));
	if (region >= device->regions || region >= VFIO_PCI_NUM_REGIONS)
		return 0;
	error = region_query(to_kernel(device), region, &info);
	if (error)
		return error;
	ret_region->size = info->size;
	ret_region->readable = info->flags & VFIO_REGION_INFO_FLAG_READ;
	ret_region->writable = info->flags & VFIO_REGION_INFO_FLAG_WRITE;
	ret_region->msix_mappable =
		region_capability(info, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, sizeof(*cap)) != NULL;
	if (!info->size || !(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;
	cap = region_capability(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
				sizeof(struct vfio_region_info_cap_sparse_mmap));
	if (cap) {
		region_sparse(info, (const void *)cap, ret_region);
	} else {
		ret_region->areas = 1;
		ret_region->area[0] = (struct vfio_area){ .offset = 0, .size = info->size };
	}
	return 0;
}

/* Whether [offset, offset + size) lies in the region: the descriptor holds other regions next to it. */
static bool inside(const struct kernel_device *kernel, unsigned region, uint64_t offset, size_t size)
{
	return region < VFIO_PCI_NUM_REGIONS && offset <= kernel->size[region] &&
	       size <= kernel->size[region] - offset;
}

static int kernel_region_read(struct vfio_device *device, unsigned region, uint64_t offset, void *ret_data,
			      size_t size)
{
	struct kernel_device *kernel = to_kernel(device);
	ssize_t done;

	if (!inside(kernel, region, offset, size))
		return error_set(EINVAL, "%s: region %u has no %zu bytes at 0x%llx", device->name, region,
				 size, (unsigned long long)offset);
	done = pread(kernel->fd, ret_data, size, (off_t)(kernel->offset[region] + offset));
	if (done == (ssize_t)size)
		return 0;
	return error_sys(done < 0 ? errno : EIO, "%s: reading region %u at 0x%llx", device->name, region,
			 (unsigned long long)offset);
}

static int kernel_region_write(struct vfio_device *device, unsigned region, uint64_t offset, const void *data,
			       size_t size)
{
	struct kernel_device *kernel = to_kernel(device);
	ssize_t done;

	if (!inside(kernel, region, offset, size))
		return error_set(EINVAL, "%s: region %u has no %zu bytes at 0x%llx", device->name, region,
				 size, (unsigned long long)offset);
	done = pwrite(kernel->fd, data, size, (off_t)(kernel->offset[region] + offset));
	if (done == (ssize_t)size)
		return 0;
	return error_sys(done < 0 ? errno : EIO, "%s: writing region %u at 0x%llx", device->name, region,
			 (unsigned long long)offset);
}

static int kernel_region_mmap(struct vfio_device *device, unsigned region, uint64_t offset, size_t size,
			      void *at)
{
	struct kernel_device *kernel = to_kernel(device);
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[32];

	/* Its last page may be mapped in full: the kernel says that a region can be mapped only where the
	 * rest of that page is nobody's (vfio_pci_probe_mmaps()). */
	if (offset % page || !size || size % page || !inside(kernel, region, offset, 1) ||
	    !inside(kernel, region, offset + (size - page), 1))
		return error_set(EINVAL, "%s: region %u has no %zu bytes at 0x%llx", device->name, region,
				 size, (unsigned long long)offset);
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, kernel->fd,
		 (off_t)(kernel->offset[region] + offset)) == MAP_FAILED)
		return error_sys(errno, "%s: mapping %s of region %u at 0x%llx", device->name,
				 text_size(size, text, sizeof(text)), region, (unsigned long long)offset);
	/* The fork of a bug-reporting tool, say, must not keep the device open. Advice only. */
	madvise(at, size, MADV_DONTFORK);
	return 0;
}

static int kernel_irq_info(struct vfio_device *device, unsigned index, struct vfio_irq *ret_irq)
{
	struct kernel_device *kernel = to_kernel(device);
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	memset(ret_irq, 0, sizeof(*ret_irq));
	if (index >= device->irqs)
		return 0;
	if (kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_GET_IRQ_INFO, &info))
		/* A kind that the driver does not know: vfio-pci of conventional PCI and errors, for one. */
		return errno == EINVAL ? 0
				       : error_sys(errno, "VFIO_DEVICE_GET_IRQ_INFO for index %u of %s",
						   index, device->name);
	ret_irq->count = info.count;
	ret_irq->eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD;
	ret_irq->noresize = info.flags & VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

/* More than the 2048 vectors of MSI-X no index has. On the stack: vCPU threads do not allocate. */
#define IRQS_MAX 2048

static int irq_eventfds(struct kernel_device *kernel, unsigned index, unsigned start, unsigned count,
			const int *fds, uint32_t action)
{
	alignas(struct vfio_irq_set) char room[sizeof(struct vfio_irq_set) + IRQS_MAX * sizeof(int32_t)];
	struct vfio_irq_set *set = (struct vfio_irq_set *)room;
	int result;

	if (count > IRQS_MAX)
		return error_set(EINVAL, "%s: %u interrupts at once", kernel->device.name, count);
	*set = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(*set) + count * sizeof(int32_t)),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
		.index = index,
		.start = start,
		.count = count,
	};
	memcpy(set->data, fds, count * sizeof(int32_t));
	result = kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_SET_IRQS, set);
	if (result < 0)
		return error_sys(errno,
				 "%s: the kernel does not give interrupts %u to %u of index %u an eventfd",
				 kernel->device.name, start, start + count - 1, index);
	return result;
}

static int kernel_irq_set(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
			  const int *fds)
{
	return irq_eventfds(to_kernel(device), index, start, count, fds, VFIO_IRQ_SET_ACTION_TRIGGER);
}

static int kernel_irq_unmask_fd(struct vfio_device *device, unsigned index, int fd)
{
	return irq_eventfds(to_kernel(device), index, 0, 1, &fd, VFIO_IRQ_SET_ACTION_UNMASK);
}

static int irq_plain(struct kernel_device *kernel, unsigned index, unsigned start, unsigned count,
		     uint32_t action)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
		.index = index,
		.start = start,
		.count = count,
	};

	if (kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_SET_IRQS, &set) < 0)
		return error_sys(errno, "%s: VFIO_DEVICE_SET_IRQS with flags 0x%x for index %u",
				 kernel->device.name, set.flags, index);
	return 0;
}

static int kernel_irq_action(struct vfio_device *device, unsigned index, unsigned start, unsigned count,
			     enum vfio_irq_action action)
{
	return irq_plain(to_kernel(device), index, start, count,
			 action == VFIO_IRQ_MASK ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK);
}

static int kernel_irq_disable(struct vfio_device *device, unsigned index)
{
	return irq_plain(to_kernel(device), index, 0, 0, VFIO_IRQ_SET_ACTION_TRIGGER);
}

static int kernel_reset(struct vfio_device *device)
{
	struct kernel_device *kernel = to_kernel(device);

	if (kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_RESET, NULL))
		return error_sys(errno, "the kernel could not reset %s", device->name);
	return 0;
}

static void kernel_destroy(struct vfio_device *device)
{
	free(to_kernel(device));
}

static const struct vfio_device_ops kernel_device_ops = {
	.region_info = kernel_region_info,
	.region_read = kernel_region_read,
	.region_write = kernel_region_write,
	.region_mmap = kernel_region_mmap,
	.irq_info = kernel_irq_info,
	.irq_set = kernel_irq_set,
	.irq_unmask_fd = kernel_irq_unmask_fd,
	.irq_action = kernel_irq_action,
	.irq_disable = kernel_irq_disable,
	.reset = kernel_reset,
	.destroy = kernel_destroy,
};

/* Remembers where the regions are, so that an access costs one system call. */
static int regions_find(struct kernel_device *kernel)
{
	for (unsigned region = 0; region < kernel->device.regions && region < VFIO_PCI_NUM_REGIONS;
	     region++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = region };

		if (kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_GET_REGION_INFO, &info)) {
			/* The VGA region of a device that is no VGA device answers so. */
			if (errno == EINVAL)
				continue;
			return error_sys(errno, "VFIO_DEVICE_GET_REGION_INFO for region %u of %s", region,
					 kernel->device.name);
		}
		kernel->offset[region] = info.offset;
		kernel->size[region] = info.size;
	}
	return 0;
}

static uint32_t atomics_of(const struct info_cap_atomic_completer *cap)
{
	static const uint32_t bits[] = { PCI_EXP_DEVCAP2_ATOMIC_COMP32, PCI_EXP_DEVCAP2_ATOMIC_COMP64,
					 PCI_EXP_DEVCAP2_ATOMIC_COMP128 };
	uint32_t found = 0;

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		found |= cap->widths & 1u << i ? bits[i] : 0;
	return found;
}

/* size: what the kernel's answer takes with its capabilities. To ask switches the device's AtomicOps on as
 * far as the host completes them (vfio_pci_info_atomic_cap() in the kernel). Nothing else depends on it. */
static void atomics_find(struct kernel_device *kernel, uint32_t size)
{
	const struct vfio_info_cap_header *cap = NULL;
	struct vfio_device_info *info;

	info = size >= sizeof(*info) && size <= INFO_SIZE_MAX ? calloc(1, size) : NULL;
	if (!info)
		return;
	info->argsz = size;
	if (!kernel->sys->ioctl(kernel->fd, VFIO_DEVICE_GET_INFO, info) &&
	    info->flags & VFIO_DEVICE_FLAGS_CAPS && info->cap_offset >= sizeof(*info))
		cap = capability_find(info, size, info->cap_offset, INFO_CAP_ATOMIC_COMPLETER,
				      sizeof(struct info_cap_atomic_completer));
	if (cap)
		kernel->device.atomics = atomics_of((const void *)cap);
	free(info);
}

int vfio_kernel_device_create(const struct vfio_sys *sys, int device_fd, const struct host_id *id,
			      struct vfio_device **ret_device)
{
	char name[HOST_ID_TEXT_SIZE];
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct kernel_device *kernel;
	int error;

	host_id_format(id, name);
	if (sys->ioctl(device_fd, VFIO_DEVICE_GET_INFO, &info))
		return error_sys(errno, "VFIO_DEVICE_GET_INFO on %s", name);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) || info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return error_set(ENOTSUP, "%s is not a PCI device to VFIO", name);
	kernel = calloc(1, sizeof(*kernel));
	if (!kernel)
		return error_set(ENOMEM, "no memory for %s", name);
	kernel->device.ops = &kernel_device_ops;
	text_copy(kernel->device.name, sizeof(kernel->device.name), name);
	kernel->device.regions = info.num_regions;
	kernel->device.irqs = info.num_irqs;
	kernel->device.can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	/* vfio-pci resets at the first open and at the last close; it tells by the flag whether that works.
	 * What made a mediated device need not. */
	kernel->device.reset_on_open = !host_id_is_mediated(id);
	kernel->device.mediated = host_id_is_mediated(id);
	kernel->sys = sys;
	kernel->fd = device_fd;
	if (info.flags & VFIO_DEVICE_FLAGS_CAPS)
		atomics_find(kernel, info.argsz);
	error = regions_find(kernel);
	if (error) {
		free(kernel);
		return error;
	}
	*ret_device = &kernel->device;
	return 0;
}
