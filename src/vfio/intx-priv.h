/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_INTX_PRIV_H
#define HANDFAST_VFIO_INTX_PRIV_H

/* The interrupt line of an assigned function. Guarded by the function's lock. Source: PCI Local
 * Bus 3.0, 2.2.6. */
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "kvm/vm.h"
#include "vfio/device.h"
#include "vfio/relay-priv.h"

struct vfio_intx {
	struct vfio_device *device;
	struct kvm_vm *vm;
	unsigned pin; /* 1 (INTA) to 4 (INTD); 0: the function has none */
	uint32_t gsi; /* the guest's line that the pin is wired to */
	bool on;
	/* Between the device and KVM; NULL where the two get along alone. */
	struct vfio_relay *relay;
	int event_fd;	 /* KVM pulls the guest's line */
	int resample_fd; /* the guest has acknowledged */
	struct log_limit limit;
};

/* pin: as the device's register says it. It has none where the kernel does not signal it. Not on a vCPU
 * thread.
 */
int vfio_intx_init(struct vfio_intx *intx, struct vfio_device *device, struct kvm_vm *vm, unsigned pin);

/* What the device signals reaches the guest's line, level semantics kept. Returns whether it does now, and
 * says so where it cannot. */
bool vfio_intx_on(struct vfio_intx *intx);
/* The line is as if the device did not pull it. Fine where it is off, and on a zeroed structure. */
void vfio_intx_off(struct vfio_intx *intx);
/* Off, and all freed. Fine on a zeroed structure. */
void vfio_intx_fini(struct vfio_intx *intx);

#endif
