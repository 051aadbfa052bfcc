/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_MSIX_PRIV_H
#define HANDFAST_VFIO_MSIX_PRIV_H

/* MSI-X of an assigned function. Guarded by the function's lock. Source: PCI Local Bus 3.0, 6.8.2. */
#include <stdbool.h>
#include <stdint.h>

#include "kvm/vm.h"
#include "vfio/device.h"
#include "vfio/vectors-priv.h"

#define VFIO_MSIX_ENTRY_SIZE  16
#define VFIO_MSIX_ENTRIES_MAX 2048

struct vfio_msix {
	struct vfio_device *device;

	/* Where it is in the BARs, in bytes from their start. */
	unsigned table_bar;
	uint64_t table_offset;
	unsigned pba_bar;
	uint64_t pba_offset;
	unsigned entries; /* 0: the function has no MSI-X */

	/* The guest's state. */
	bool enable;
	bool mask_all;
	uint8_t *table; /* entries of 16 bytes, as in the BAR */

	bool held; /* as if all were masked */
	bool live; /* what the function interrupts by */
	struct vfio_vectors vectors;
};

/*
 * control, table, pba: the capability's registers. Nothing is switched on. Errors: ENOTSUP with the
 * cause where the registers make no sense; ENOMEM. bar_size: what each BAR has, for that check.
 */
int vfio_msix_init(struct vfio_msix *msix, struct vfio_device *device, struct kvm_vm *vm, uint32_t control,
		   uint32_t table, uint32_t pba, const uint64_t *bar_size);
/* Everything off and freed. Fine on a zeroed structure. */
void vfio_msix_fini(struct vfio_msix *msix);

/* The guest wrote Message Control. */
void vfio_msix_control(struct vfio_msix *msix, uint32_t control);

/* From now on the function interrupts by MSI-X, or no longer does. */
void vfio_msix_live(struct vfio_msix *msix, bool live);

/* Its messages are kept, or let go again. */
void vfio_msix_hold(struct vfio_msix *msix, bool held);

static inline uint64_t vfio_msix_table_size(const struct vfio_msix *msix)
{
	return (uint64_t)msix->entries * VFIO_MSIX_ENTRY_SIZE;
}

/* Pending bits come in whole 64-bit words. */
static inline uint64_t vfio_msix_pba_size(const struct vfio_msix *msix)
{
	return (uint64_t)(msix->entries + 63) / 64 * 8;
}

/* The guest's accesses; offset + size lie in the table, or in the pending bits. Any width. */
void vfio_msix_table_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size);
void vfio_msix_table_write(struct vfio_msix *msix, uint64_t offset, const uint8_t *data, unsigned size);
void vfio_msix_pba_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size);

/* The guest's state to that after reset. */
void vfio_msix_reset(struct vfio_msix *msix);

#endif
