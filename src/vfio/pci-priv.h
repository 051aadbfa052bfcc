/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_PCI_PRIV_H
#define HANDFAST_VFIO_PCI_PRIV_H

/* A PCI function made of a device. */
#include <pthread.h>

#include "pci/bars.h"
#include "pci/pci.h"
#include "vfio/bars-priv.h"
#include "vfio/config-priv.h"
#include "vfio/device.h"
#include "vfio/interrupts-priv.h"
#include "vfio/vfio.h"

struct vfio_pci {
	struct pci_function function;
	struct vfio_device *device;
	void (*release)(void *opaque, struct vfio_device *device); /* gives the device back */
	void *release_opaque;

	/* The function's own lock: held through everything that the device may take its time for. */
	pthread_mutex_t lock;
	const struct pci_bus *placed; /* the bus that `config` has been laid out for */
	struct vfio_config config;
	struct pci_bars registers;
	struct vfio_bars bars;
	struct vfio_interrupts interrupts;
	bool no_reset_said;
	struct log_limit limit;
};

/* device is taken over on success, and handed to release when the function is destroyed. */
int vfio_pci_function_create(const struct vfio_handles *handles, struct vfio_device *device,
			     const struct vfio_pci_options *options,
			     void (*release)(void *opaque, struct vfio_device *device), void *release_opaque,
			     struct pci_function **ret_function);

/* The function's lock is held for all of these (reset.c). */

/* Where the function sits, it has interrupts. */
void vfio_pci_listen(struct vfio_pci *pci);
/* Out of the guest's memory, silent, and no longer reaching memory; registers as after reset. */
void vfio_pci_quiesce(struct vfio_pci *pci);
/* To the state after power-on, device and guest's view. */
void vfio_pci_reset(struct vfio_pci *pci);
/* The guest's write asks for a function-level reset, which the kernel does inside that write. */
void vfio_pci_flr(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value);
/* The device after its guest is done with it. */
void vfio_pci_last_reset(struct vfio_pci *pci);

#endif
