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
#include "vfio/notify-priv.h"
#include "vfio/quirks-priv.h"
#include "vfio/vfio.h"

/* Who holds the device, for things that concern others too. */
struct vfio_pci_owner {
	/* Gives the device back. */
	void (*release)(void *opaque, struct vfio_device *device);
	/* Resets the bus it sits on, if a function on it needs that and none is in use. Returns 0: it has
	 * been reset, and vfio_pci_after_reset() has been called for all; 1: there is no need, or another one
	 * is in use. -ETIMEDOUT: as 0, but they were not seen to come back. No function's lock is held. */
	int (*reset_bus)(void *opaque);
	void *opaque;
};

struct vfio_pci {
	struct pci_function function;
	struct vfio_device *device;
	struct vfio_pci_owner owner;

	/* The function's own lock: held through everything that the device may take its time for. */
	pthread_mutex_t lock;
	const struct pci_bus *placed; /* the bus that `config` has been laid out for */
	struct vfio_config config;
	struct pci_bars registers;
	struct vfio_quirks quirks;
	struct vfio_bars bars;
	struct vfio_interrupts interrupts;
	struct vfio_notify notify; /* the main thread's */
	bool unused;		   /* by its guest, since it came or was last reset */
	bool needs_bus_reset;	   /* that reset could not be made for it alone */
	bool leaving;		   /* it is off its bus, or being destroyed */
	bool no_reset_said;
	struct log_limit limit;

	/* For who asks (facts.c). */
	uint32_t ids; /* vendor and device */
	bool claimed;
	uint32_t given; /* decode bits of COMMAND that were set before the guest began */
	unsigned resets;
	const char *reset_method; /* of the last one, and who made it; NULL: there was none */
	const char *reset_by;
};

/* device is taken over on success, and handed to owner->release when the function is destroyed. handles are
 * kept. */
int vfio_pci_function_create(const struct vfio_handles *handles, struct vfio_device *device,
			     const struct vfio_pci_options *options, const struct vfio_pci_owner *owner,
			     struct pci_function **ret_function);

/* To the state after power-on, device and guest's view. No lock held. */
void vfio_pci_reset(struct vfio_pci *pci);
/* The same, when its guest takes it from D3hot to D0. */
void vfio_pci_soft_reset(struct vfio_pci *pci);

/* The function's lock is held for all of these (reset.c). */

/* Where the function sits, it has interrupts. */
void vfio_pci_listen(struct vfio_pci *pci);
/* Out of the guest's memory, silent, and no longer reaching memory; registers as after reset. */
void vfio_pci_quiesce(struct vfio_pci *pci);
/* A reset of its bus was made, by whoever: the function is quiet. */
void vfio_pci_after_reset(struct vfio_pci *pci);
/* The guest's write asks for a function-level reset, which the kernel does inside that write. */
void vfio_pci_flr(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value);
/* The guest's write touches the power state (power.c). Returns whether that takes vfio_pci_soft_reset();
 * until then the function is asleep. */
bool vfio_pci_power_write(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value);
/* BARs are in the guest where the function is awake, and the device in fact is. */
void vfio_pci_power_follow(struct vfio_pci *pci);
/* COMMAND is `command` now, or what the function interrupts by has changed: whether a driver has done that.
 */
void vfio_pci_claim_follow(struct vfio_pci *pci, uint32_t command);
/* A reset was made, by this method (NULL: by the kernel's first choice for this device). */
void vfio_pci_reset_note(struct vfio_pci *pci, const char *method, const char *by);
/* Before its guest gets it, and after it is done with it: by the kernel's means for this one device, where
 * opening and closing do not do so. */
void vfio_pci_reset_at_open(struct vfio_pci *pci);
void vfio_pci_reset_at_close(struct vfio_pci *pci);

#endif
