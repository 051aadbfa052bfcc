/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets of a whole bus, for devices that cannot be reset alone: when no function on it that this VM has is
 * in use, and at least one of them needs it. The kernel refuses where others than this VM have functions
 * there.
 */
#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/vfio-priv.h"

/* Under vfio->reset. The functions of ours among the members of a reset, all locked. */
static unsigned members_lock(struct vfio *vfio, const struct vfio_reset_members *members,
			     struct vfio_pci *ret_list[VFIO_RESET_MEMBERS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < members->count; i++) {
		const struct host_id member = host_id_of(members->list[i]);

		for (struct vfio_holding *holding = vfio->holdings; holding; holding = holding->next) {
			if (!holding->pci || !host_id_equal(&holding->id, &member))
				continue;
			pthread_mutex_lock(&holding->pci->lock);
			if (holding->pci->leaving)
				pthread_mutex_unlock(&holding->pci->lock);
			else
				ret_list[count++] = holding->pci;
		}
	}
	return count;
}

/* Under vfio->reset. by: who made it, for facts.c. */
static int members_reset(struct vfio *vfio, const struct vfio_holding *holding,
			 const struct vfio_reset_members *members, const char *by)
{
	struct vfio_pci *list[VFIO_RESET_MEMBERS_MAX];
	unsigned count = members_lock(vfio, members, list), unused = 0, needing = 0;
	struct error why = { 0 };
	int result = 1;

	for (unsigned i = 0; i < count; i++) {
		unused += list[i]->unused;
		needing += list[i]->needs_bus_reset;
	}
	if (needing && unused == count) {
		for (unsigned i = 0; i < count; i++)
			vfio_pci_quiesce(list[i]);
		result = vfio->space->ops->reset_bus(vfio->space, holding->fd);
		if (!result)
			log_info("%s: reset with its bus, %u functions in all", holding->device->name,
				 members->count);
		else
			why = *error_get(); /* what follows may fail in its own way */
		for (unsigned i = 0; i < count; i++) {
			if (!result || result == -ETIMEDOUT)
				vfio_pci_reset_note(list[i], "hot", by);
			vfio_pci_after_reset(list[i]);
		}
	}
	for (unsigned i = 0; i < count; i++)
		pthread_mutex_unlock(&list[i]->lock);
	return result < 0 ? error_load(&why) : result;
}

/* Under vfio->reset. */
static int bus_reset(const struct vfio_holding *holding, const char *by)
{
	struct vfio *vfio = holding->vfio;
	struct vfio_reset_members members;
	int result;

	if (holding->device->mediated)
		return error_set(ENOTTY, "the driver that made it offers none");
	result = vfio->space->ops->reset_members(vfio->space, holding->fd, &members);
	return result ? result : members_reset(vfio, holding, &members, by);
}

int vfio_reset_bus(void *opaque)
{
	const struct vfio_holding *holding = opaque;
	struct vfio *vfio = holding->vfio;
	int result;

	pthread_mutex_lock(&vfio->reset);
	result = bus_reset(holding, "machine");
	pthread_mutex_unlock(&vfio->reset);
	return result;
}

static bool is_as_it_came(struct vfio_pci *pci)
{
	bool is;

	pthread_mutex_lock(&pci->lock);
	is = pci->unused && pci->needs_bus_reset && !pci->leaving;
	pthread_mutex_unlock(&pci->lock);
	return is;
}

static void fresh_reset(const struct vfio_holding *holding)
{
	int result = bus_reset(holding, "open");

	if (result == -ETIMEDOUT)
		log_info("%s: %s: only the guest's driver finds out whether it works", holding->device->name,
			 error_get()->because);
	else if (result < 0)
		log_info("%s has no reset that works: the guest finds it as the host left it (%s)",
			 holding->device->name, error_get()->because);
}

void vfio_reset_fresh(struct vfio *vfio)
{
	pthread_mutex_lock(&vfio->lock); /* no space comes or goes */
	pthread_mutex_lock(&vfio->reset);
	for (const struct vfio_holding *holding = vfio->holdings; holding; holding = holding->next) {
		if (holding->pci && is_as_it_came(holding->pci))
			fresh_reset(holding);
	}
	pthread_mutex_unlock(&vfio->reset);
	pthread_mutex_unlock(&vfio->lock);
}
