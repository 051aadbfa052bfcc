/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A library to preload into handfast: it writes down what is asked of the kernel's VFIO, and has a device
 * vanish at the worst moment.
 *
 *   VFIO_SPY_CALLS=FILE   a line is appended to FILE before each call of these kinds: "map START SIZE" and
 *                         "unmap START SIZE" (I/O addresses, hexadecimal), "reset", "bus-reset"
 *   VFIO_SPY_REMOVE=FILE  where there is such a file, "1" is written to it before a device is opened
 *                         (VFIO_GROUP_GET_DEVICE_FD): a link to a device's `remove` in sysfs, say
 *
 * Source: include/uapi/linux/vfio.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOKS	500 /* at whether the device has gone */
#define LOOK_NS 10000000

/* A container or a group, and no device: they have requests of the same numbers. */
static bool is_node(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	const char *path = getenv("VFIO_SPY_CALLS");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	va_list args;

	if (fd < 0)
		return;
	va_start(args, format);
	vdprintf(fd, format, args);
	va_end(args);
	close(fd);
}

static atomic_bool removed;

static void *remove_device(void *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t ignored = write(fd, "1", 1);

		(void)ignored;
		close(fd);
	}
	atomic_store(&removed, true);
	return NULL;
}

/* A kernel may have the write wait until the group is closed, which is done by who is about to open the
 * device: so it has a thread of its own, which is waited for no longer than five seconds. */
static void device_vanishes(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	char *path = getenv("VFIO_SPY_REMOVE");
	pthread_t thread;

	if (!path || access(path, F_OK))
		return;
	atomic_store(&removed, false);
	if (pthread_create(&thread, NULL, remove_device, path))
		return;
	pthread_detach(thread);
	for (unsigned i = 0; i < LOOKS && !atomic_load(&removed); i++)
		(void)nanosleep(&pause, NULL);
}

static void look_at(int fd, unsigned long request, const void *argument)
{
	const struct vfio_iommu_type1_dma_map *map = argument;
	const struct vfio_iommu_type1_dma_unmap *unmap = argument;

	switch (request) {
	case VFIO_IOMMU_MAP_DMA: /* and VFIO_DEVICE_PCI_HOT_RESET */
		if (is_node(fd))
			note("map 0x%llx 0x%llx\n", map->iova, map->size);
		else
			note("bus-reset\n");
		break;
	case VFIO_IOMMU_UNMAP_DMA:
		if (is_node(fd))
			note("unmap 0x%llx 0x%llx\n", unmap->iova, unmap->size);
		break;
	case VFIO_DEVICE_RESET:
		note("reset\n");
		break;
	case VFIO_GROUP_GET_DEVICE_FD:
		device_vanishes();
		break;
	default:
		break;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	void *argument;
	va_list args;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	look_at(fd, request, argument);
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
