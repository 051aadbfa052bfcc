/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limit of open files. Each interrupt needs an eventfd, and a device may have 2048. The hard limit is the
 * most that we may have without asking; beyond it the broker is asked.
 */
#include <linux/vfio.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/vfio-priv.h"

/* What a machine has open beside the vectors of its devices, with room to spare. */
#define DESCRIPTORS_ELSE 256

void vfio_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_info(
			"the limit of open files stays as it is: devices with many interrupts may miss some");
}

/* As many as the kernel signals of any kind; only one kind is on at a time. */
unsigned vfio_descriptors_of(struct vfio_device *device)
{
	struct vfio_irq msi = { 0 }, msix = { 0 };

	(void)device->ops->irq_info(device, VFIO_PCI_MSI_IRQ_INDEX, &msi);
	(void)device->ops->irq_info(device, VFIO_PCI_MSIX_IRQ_INDEX, &msix);
	return msi.count > msix.count ? msi.count : msix.count;
}

/* Under the lock. A driver rarely wants all of them, so it is no failure where the limit cannot be raised. */
void vfio_descriptors_allow(struct vfio *vfio, const struct vfio_holding *newest)
{
	uint64_t need = DESCRIPTORS_ELSE;
	struct rlimit limit;

	for (const struct vfio_holding *holding = vfio->holdings; holding; holding = holding->next)
		need += holding->vectors;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need ||
	    !broker_allow_descriptors(vfio->handles.broker, need))
		return;
	error_tried("have room for all %u interrupt vectors of %s; it goes on without", newest->vectors,
		    newest->device->name);
	log_failure(error_get());
}
