/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The guest's state, Message Control and the table as it wrote them, is changed first,
 * whatever the guest does, and then reconcile() brings the host's (vectors.c) to it. Whether MSI-X is what
 * the function interrupts by is decided elsewhere (interrupts.c).
 */
#include "vfio/msix-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "pci/pci.h"

#define ENTRY_CONTROL 12 /* Vector Control; message address and data before it */

static uint32_t entry_get(const struct vfio_msix *msix, unsigned vector, unsigned offset)
{
	const uint8_t *at = msix->table + vector * VFIO_MSIX_ENTRY_SIZE + offset;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool entry_masked(const struct vfio_msix *msix, unsigned vector)
{
	return entry_get(msix, vector, ENTRY_CONTROL) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static struct kvm_msi entry_message(const struct vfio_msix *msix, unsigned vector)
{
	return (struct kvm_msi){
		.address = entry_get(msix, vector, 0) | (uint64_t)entry_get(msix, vector, 4) << 32,
		.data = entry_get(msix, vector, 8),
	};
}

/* Brings the host's state of vectors [first, first + count) to what the guest's asks for. */
static void reconcile(struct vfio_msix *msix, unsigned first, unsigned count)
{
	/* About to be left: nothing of what was held back may get out. */
	if (!msix->live || !msix->enable)
		return;
	if (!msix->vectors.on) {
		vfio_vectors_on(&msix->vectors, msix->entries);
		first = 0;
		count = msix->entries;
	}
	for (unsigned i = first; i < first + count && i < msix->entries; i++) {
		const struct kvm_msi message = entry_message(msix, i);

		if (msix->held || msix->mask_all || entry_masked(msix, i))
			vfio_vectors_mask(&msix->vectors, i);
		else
			vfio_vectors_unmask(&msix->vectors, i, &message);
	}
}

void vfio_msix_control(struct vfio_msix *msix, uint32_t control)
{
	msix->enable = control & PCI_MSIX_FLAGS_ENABLE;
	msix->mask_all = control & PCI_MSIX_FLAGS_MASKALL;
	reconcile(msix, 0, msix->entries);
}

void vfio_msix_hold(struct vfio_msix *msix, bool held)
{
	msix->held = held;
	reconcile(msix, 0, msix->entries);
}

void vfio_msix_live(struct vfio_msix *msix, bool live)
{
	msix->live = live;
	if (!live)
		vfio_vectors_off(&msix->vectors);
	reconcile(msix, 0, msix->entries);
}

void vfio_msix_table_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size)
{
	memcpy(ret_data, msix->table + offset, size);
}

/* The bits of each byte of an entry that the guest may write. */
static uint8_t entry_writable(unsigned byte)
{
	if (byte == 0)
		return 0xfc; /* messages go to whole dwords */
	if (byte == ENTRY_CONTROL)
		return PCI_MSIX_ENTRY_CTRL_MASKBIT;
	return byte > ENTRY_CONTROL ? 0 : 0xff;
}

void vfio_msix_table_write(struct vfio_msix *msix, uint64_t offset, const uint8_t *data, unsigned size)
{
	unsigned first = (unsigned)(offset / VFIO_MSIX_ENTRY_SIZE);
	unsigned last = (unsigned)((offset + size - 1) / VFIO_MSIX_ENTRY_SIZE);

	for (unsigned i = 0; i < size; i++)
		msix->table[offset + i] = data[i] & entry_writable((offset + i) % VFIO_MSIX_ENTRY_SIZE);
	reconcile(msix, first, last - first + 1);
}

void vfio_msix_pba_read(const struct vfio_msix *msix, uint64_t offset, uint8_t *ret_data, unsigned size)
{
	uint8_t own[8] = { 0 };

	check(size <= sizeof(own));
	/* One that does not answer holds nothing back. */
	if (msix->device->ops->region_read(msix->device, VFIO_PCI_BAR0_REGION_INDEX + msix->pba_bar,
					   msix->pba_offset + offset, own, size))
		memset(own, 0, sizeof(own));
	memset(ret_data, 0, size);
	for (unsigned i = 0; i < size * 8; i++) {
		uint64_t vector = offset * 8 + i;

		if (vector < msix->entries &&
		    vfio_vectors_pending(&msix->vectors, (unsigned)vector, own[i / 8] >> i % 8 & 1))
			ret_data[i / 8] |= (uint8_t)(1u << i % 8);
	}
}

static void table_clear(struct vfio_msix *msix)
{
	memset(msix->table, 0, msix->entries * VFIO_MSIX_ENTRY_SIZE);
	for (unsigned i = 0; i < msix->entries; i++)
		msix->table[i * VFIO_MSIX_ENTRY_SIZE + ENTRY_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void vfio_msix_reset(struct vfio_msix *msix)
{
	if (!msix->entries)
		return;
	table_clear(msix);
	vfio_msix_control(msix, 0);
}

static int place_check(const struct vfio_msix *msix, const uint64_t *bar_size, const char *what, unsigned bar,
		       uint64_t offset, uint64_t size)
{
	if (bar < PCI_BARS && offset <= bar_size[bar] && size <= bar_size[bar] - offset)
		return 0;
	return error_set(ENOTSUP,
			 "%s: the MSI-X %s stands at 0x%llx of BAR %u, where there is no room for it",
			 msix->device->name, what, (unsigned long long)offset, bar);
}

int vfio_msix_init(struct vfio_msix *msix, struct vfio_device *device, struct kvm_vm *vm, uint32_t control,
		   uint32_t table, uint32_t pba, const uint64_t *bar_size)
{
	unsigned entries = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
	int error;

	memset(msix, 0, sizeof(*msix));
	msix->device = device;
	msix->entries = entries;
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	error = place_check(msix, bar_size, "table", msix->table_bar, msix->table_offset,
			    vfio_msix_table_size(msix));
	if (!error)
		error = place_check(msix, bar_size, "pending bit array", msix->pba_bar, msix->pba_offset,
				    vfio_msix_pba_size(msix));
	if (!error)
		error = vfio_vectors_init(&msix->vectors, device, vm, VFIO_PCI_MSIX_IRQ_INDEX, "MSI-X",
					  entries);
	if (!error) {
		msix->table = calloc(entries, VFIO_MSIX_ENTRY_SIZE);
		if (!msix->table)
			error = error_set(ENOMEM, "%s: no memory for %u MSI-X vectors", device->name,
					  entries);
	}
	if (error) {
		vfio_vectors_fini(&msix->vectors);
		msix->entries = 0;
		return error;
	}
	table_clear(msix);
	return 0;
}

void vfio_msix_fini(struct vfio_msix *msix)
{
	vfio_vectors_fini(&msix->vectors);
	free(msix->table);
	*msix = (struct vfio_msix){ 0 };
}
