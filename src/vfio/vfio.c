/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM's side of passthrough: which devices it holds, and the I/O address space they share.
 *
 * The space comes with the first device and goes with the last. Between the two, all guest RAM is mapped in
 * it. Opening and closing devices takes long and is done one at a time, under a lock of its own.
 */
#include "vfio/vfio.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "vfio/dma-priv.h"
#include "vfio/kernel-device-priv.h"
#include "vfio/p2p-priv.h"
#include "vfio/pci-priv.h"
#include "vfio/type1-priv.h"
#include "vfio/vfio-priv.h"

int vfio_create(const struct vfio_handles *handles, struct vfio **ret_vfio)
{
	struct vfio *vfio = calloc(1, sizeof(*vfio));

	if (!vfio)
		return error_set(ENOMEM, "no memory for passthrough");
	vfio->handles = *handles;
	pthread_mutex_init(&vfio->lock, NULL);
	pthread_mutex_init(&vfio->reset, NULL);
	pthread_mutex_init(&vfio->facts, NULL);
	vfio_descriptors_raise();
	*ret_vfio = vfio;
	return 0;
}

void vfio_destroy(struct vfio *vfio)
{
	if (!vfio)
		return;
	check(!vfio->holdings && !vfio->space);
	pthread_mutex_destroy(&vfio->lock);
	pthread_mutex_destroy(&vfio->reset);
	pthread_mutex_destroy(&vfio->facts);
	free(vfio);
}

/* Under the lock. */
static void space_show(struct vfio *vfio, struct vfio_iospace *space)
{
	pthread_mutex_lock(&vfio->facts);
	vfio->space = space;
	pthread_mutex_unlock(&vfio->facts);
}

/* Under the lock. Before the first device: may its memory be pinned, and is there an IOMMU to map it? */
static int space_open(struct vfio *vfio, uint64_t *ret_need)
{
	struct vfio_iospace *space;
	int error;

	if (vfio->space)
		return 0;
	vfio_dma_need(vfio->handles.map, ret_need);
	error = broker_allow_memlock(vfio->handles.broker, *ret_need);
	if (!error)
		error = vfio_type1_create(&vfio_sys_kernel, vfio->handles.broker, vfio->handles.vm, &space);
	if (!error)
		space_show(vfio, space);
	return error;
}

static void space_close(struct vfio *vfio)
{
	struct vfio_iospace *space = vfio->space;

	if (vfio->holdings || !space)
		return;
	space_show(vfio, NULL);
	space->ops->destroy(space);
}

/*
 * Under the lock. The kernel does not let a device into the address space that the others share, for a reason
 * that it does not tell (EINVAL). In one of its own it is seen whether that is because its IOMMU reaches less
 * of the guest's memory.
 */
static int attach_explain(struct vfio *vfio, const struct broker_device *which, const char *vf_token)
{
	const struct vfio_handles *handles = &vfio->handles;
	struct error why = *error_get();
	struct vfio_iospace *space;
	int fd;

	if (vfio_type1_create(&vfio_sys_kernel, handles->broker, handles->vm, &space))
		return error_load(&why);
	if (space->ops->attach(space, which, vf_token, &fd) == 0) {
		if (vfio_dma_check_space(handles->map, space))
			why = *error_get();
		space->ops->detach(space, fd);
	}
	space->ops->destroy(space);
	return error_load(&why);
}

/* Under the lock. The kernel would open it a second time; names of it that differ are found out here. */
static int check_not_held(const struct vfio *vfio, const struct broker_device *which)
{
	char text[HOST_ID_TEXT_SIZE];

	for (const struct vfio_holding *holding = vfio->holdings; holding; holding = holding->next) {
		if (!host_id_equal(&holding->id, &which->id))
			continue;
		error_set(EEXIST, "this VM has it already");
		error_tried("assign %s", host_id_format(&which->id, text));
		return error_try("device_del it first");
	}
	return 0;
}

static int device_attach(struct vfio *vfio, const struct broker_device *which,
			 const struct vfio_pci_options *options, struct vfio_holding *holding)
{
	uint64_t need = 0;
	struct error why;
	int error;

	error = check_not_held(vfio, which);
	if (!error)
		error = vfio_dma_check_group(vfio->handles.map, vfio->handles.broker, which->group);
	if (!error)
		error = space_open(vfio, &need);
	if (error)
		return error;
	error = vfio->space->ops->attach(vfio->space, which, options->vf_token, &holding->fd);
	if (error == -EINVAL && vfio->holdings)
		error = attach_explain(vfio, which, options->vf_token);
	if (error)
		goto fail_attach;
	if (!vfio->holdings) {
		error = vfio_dma_check_space(vfio->handles.map, vfio->space);
		if (!error)
			error = vfio_dma_start(&vfio->dma, vfio->handles.map, vfio->space, need,
					       &options->progress);
		if (error)
			goto fail_dma;
	}
	error = vfio_kernel_device_create(&vfio_sys_kernel, holding->fd, &which->id, &holding->device);
	if (error)
		goto fail_device;
	holding->device->group = which->group;
	holding->device->backend = vfio->space->ops->name;
	(void)text_copy(holding->device->reset_method, sizeof(holding->device->reset_method),
			which->reset_method);
	return 0;

fail_device:
	why = *error_get();
	if (!vfio->holdings)
		vfio_dma_stop(&vfio->dma);
	error_load(&why);
fail_dma:
	vfio->space->ops->detach(vfio->space, holding->fd);
fail_attach:
	space_close(vfio);
	return error;
}

/* Under the lock. A device alone has nobody to reach. */
static int peers_follow(struct vfio *vfio)
{
	bool several = vfio->holdings && vfio->holdings->next;

	if (!several)
		vfio_p2p_stop(&vfio->p2p);
	else if (!vfio->p2p.map)
		return vfio_p2p_start(&vfio->p2p, vfio->handles.map, vfio->space);
	return 0;
}

/* Under the lock. The last device takes the maps and the space with it. */
static void device_close(struct vfio *vfio, struct vfio_holding *holding)
{
	struct vfio_holding **link = &vfio->holdings;

	pthread_mutex_lock(&vfio->reset);
	while (*link != holding)
		link = &(*link)->next;
	*link = holding->next;
	pthread_mutex_unlock(&vfio->reset);
	if (!vfio->holdings)
		vfio_dma_stop_begin(&vfio->dma);
	holding->device->ops->destroy(holding->device);
	(void)peers_follow(vfio);			   /* fewer devices: nothing to fail */
	vfio->space->ops->close(vfio->space, holding->fd); /* a tenth of a second, for the kernel resets it */
	if (!vfio->holdings)
		vfio_dma_stop(&vfio->dma);
	vfio->space->ops->detach(vfio->space, holding->fd);
	space_close(vfio);
	free(holding);
}

static void log_usage(const struct vfio *vfio)
{
	struct vfio_iospace_usage usage;

	vfio->space->ops->usage(vfio->space, &usage);
	log_debug("%u mappings of %u that there may be in the I/O address space", usage.mappings,
		  usage.limit);
}

static int device_open(struct vfio *vfio, const struct broker_device *which,
		       const struct vfio_pci_options *options, struct vfio_holding **ret_holding)
{
	struct vfio_holding *holding = calloc(1, sizeof(*holding));
	int error;

	if (!holding)
		return error_set(ENOMEM, "no memory for a device");
	holding->vfio = vfio;
	holding->id = which->id;
	error = device_attach(vfio, which, options, holding);
	if (error) {
		free(holding);
		return error;
	}
	pthread_mutex_lock(&vfio->reset);
	holding->next = vfio->holdings;
	vfio->holdings = holding;
	pthread_mutex_unlock(&vfio->reset);
	error = peers_follow(vfio);
	if (error) {
		struct error why = *error_get();

		device_close(vfio, holding);
		return error_load(&why);
	}
	holding->vectors = vfio_descriptors_of(holding->device);
	vfio_descriptors_allow(vfio, holding);
	log_usage(vfio);
	*ret_holding = holding;
	return 0;
}

static void device_release(void *opaque, struct vfio_device *device)
{
	struct vfio_holding *holding = opaque;
	struct vfio *vfio = holding->vfio;

	check(holding->device == device);
	pthread_mutex_lock(&vfio->lock);
	device_close(vfio, holding);
	pthread_mutex_unlock(&vfio->lock);
}

static int not_held(const struct vfio *vfio, const struct host_id *id)
{
	char text[HOST_ID_TEXT_SIZE];

	for (const struct vfio_holding *holding = vfio->holdings; holding; holding = holding->next) {
		if (host_id_equal(&holding->id, id)) {
			error_set(EEXIST, "this VM has it already");
			error_tried("assign %s", host_id_format(id, text));
			return error_try("name each device once");
		}
	}
	return 0;
}

/* Under the lock. */
static int function_create(struct vfio *vfio, const struct vfio_pci_options *options,
			   const struct broker_device *which, struct pci_function **ret_function)
{
	struct vfio_holding *holding = NULL;
	struct error why;
	int error = device_open(vfio, which, options, &holding);

	if (error)
		return error;
	error = vfio_pci_function_create(&vfio->handles, holding->device, options,
					 &(struct vfio_pci_owner){ device_release, vfio_reset_bus, holding },
					 ret_function);
	if (!error) {
		pthread_mutex_lock(&vfio->reset);
		holding->pci = (struct vfio_pci *)*ret_function;
		pthread_mutex_unlock(&vfio->reset);
		return 0;
	}
	why = *error_get();
	device_close(vfio, holding);
	return error_load(&why);
}

int vfio_pci_create(struct vfio *vfio, const struct vfio_pci_options *options,
		    struct pci_function **ret_function)
{
	struct broker_device which;
	char title[256];
	int error;

	pthread_mutex_lock(&vfio->lock);
	error = not_held(vfio, &options->host);
	if (!error)
		error = broker_device_check(vfio->handles.broker, &options->host, options->vf_token != NULL,
					    &which);
	if (!error) {
		error = function_create(vfio, options, &which, ret_function);
		if (error)
			error_tried("assign %s", broker_device_title(vfio->handles.broker, &options->host,
								     title, sizeof(title)));
	}
	pthread_mutex_unlock(&vfio->lock);
	return error;
}

void vfio_usage_get(struct vfio *vfio, struct vfio_usage *ret_usage)
{
	struct vfio_iospace_usage usage = { 0 };

	*ret_usage = (struct vfio_usage){ 0 };
	pthread_mutex_lock(&vfio->facts);
	if (vfio->space) {
		vfio->space->ops->usage(vfio->space, &usage);
		*ret_usage = (struct vfio_usage){
			.backend = vfio->space->ops->name,
			.mappings = usage.mappings,
			.limit = usage.limit,
			.mapped = atomic_load(&vfio->dma.mapped),
			.total = atomic_load(&vfio->dma.need),
		};
	}
	pthread_mutex_unlock(&vfio->facts);
}
