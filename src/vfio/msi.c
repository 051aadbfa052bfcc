/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The guest's state is the capability's registers in configuration space, all of them
 * ours. As for MSI-X it is changed first, and then vfio_msi_follow() brings the host's (vectors.c) to it.
 *
 * A device that gets fewer messages than it asks for folds them together as it likes, so that nobody could
 * tell which one an interrupt was. The host may have fewer than the device (one, without interrupt
 * remapping), so it is asked when the device is opened, and the guest is shown no more than that.
 */
#include "vfio/msi-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "base/error.h"

#define MESSAGES_MAX 32

static uint32_t flags_of(const struct vfio_msi *msi)
{
	return pci_config_get(msi->shown, msi->at + PCI_MSI_FLAGS, 2);
}

static unsigned data_at(const struct vfio_msi *msi)
{
	return msi->at + (msi->wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

static unsigned mask_at(const struct vfio_msi *msi)
{
	return msi->at + (msi->wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static unsigned pending_at(const struct vfio_msi *msi)
{
	return msi->at + (msi->wide ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);
}

unsigned vfio_msi_length(const struct vfio_msi *msi)
{
	return (msi->maskable ? pending_at(msi) + 4 : data_at(msi) + 2) - msi->at;
}

bool vfio_msi_enabled(const struct vfio_msi *msi)
{
	return msi->messages && flags_of(msi) & PCI_MSI_FLAGS_ENABLE;
}

/* As many as the guest has asked for. */
static unsigned messages_wanted(const struct vfio_msi *msi)
{
	unsigned wanted = 1u << ((flags_of(msi) & PCI_MSI_FLAGS_QSIZE) >> 4);

	return wanted < msi->messages ? wanted : msi->messages;
}

/* The function puts a message's number into the low bits of the data. */
static struct kvm_msi message_of(const struct vfio_msi *msi, unsigned message, unsigned wanted)
{
	uint32_t data = pci_config_get(msi->shown, data_at(msi), 2);
	uint64_t address = pci_config_get(msi->shown, msi->at + PCI_MSI_ADDRESS_LO, 4);

	if (msi->wide)
		address |= (uint64_t)pci_config_get(msi->shown, msi->at + PCI_MSI_ADDRESS_HI, 4) << 32;
	return (struct kvm_msi){ .address = address, .data = (data & ~(wanted - 1)) | message };
}

void vfio_msi_follow(struct vfio_msi *msi)
{
	unsigned wanted;
	uint32_t masked;

	/* Not enabled: about to be left, and nothing of what was held back may get out. Or there is none at
	 * all. */
	if (!msi->live || !vfio_msi_enabled(msi))
		return;
	wanted = messages_wanted(msi);
	masked = msi->maskable ? pci_config_get(msi->shown, mask_at(msi), 4) : 0;
	if (msi->vectors.on && msi->vectors.wanted != wanted)
		vfio_vectors_off(&msi->vectors);
	vfio_vectors_on(&msi->vectors, wanted);
	for (unsigned i = 0; i < wanted; i++) {
		const struct kvm_msi message = message_of(msi, i, wanted);

		if (msi->held || masked >> i & 1)
			vfio_vectors_mask(&msi->vectors, i);
		else
			vfio_vectors_unmask(&msi->vectors, i, &message);
	}
}

void vfio_msi_hold(struct vfio_msi *msi, bool held)
{
	msi->held = held;
	vfio_msi_follow(msi);
}

void vfio_msi_live(struct vfio_msi *msi, bool live)
{
	msi->live = live;
	if (!live)
		vfio_vectors_off(&msi->vectors);
	vfio_msi_follow(msi);
}

void vfio_msi_show_pending(struct vfio_msi *msi)
{
	struct vfio_device *device = msi->vectors.device;
	uint32_t pending = 0, own = 0;

	if (!msi->maskable)
		return;
	if (device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, pending_at(msi), &own,
				     sizeof(own)))
		own = 0;
	for (unsigned i = 0; i < msi->messages; i++)
		pending |= (uint32_t)vfio_vectors_pending(&msi->vectors, i, own >> i & 1) << i;
	pci_config_set(msi->shown, pending_at(msi), 4, pending);
}

static unsigned power_below(unsigned count)
{
	unsigned power = 0;

	while (2u << power <= count && 2u << power <= MESSAGES_MAX)
		power++;
	return power;
}

static void registers_init(struct vfio_msi *msi, unsigned power)
{
	uint32_t flags = flags_of(msi) & ~(uint32_t)PCI_MSI_FLAGS_QMASK;

	pci_config_set(msi->shown, msi->at + PCI_MSI_FLAGS, 2, flags | power << 1);
	pci_config_allow(msi->shown, msi->at + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	pci_config_allow(msi->shown, msi->at + PCI_MSI_ADDRESS_LO, 4, ~3u);
	if (msi->wide)
		pci_config_allow(msi->shown, msi->at + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX);
	pci_config_allow(msi->shown, data_at(msi), 2, 0xffff);
	if (msi->maskable)
		pci_config_allow(msi->shown, mask_at(msi), 4, UINT32_MAX >> (32 - msi->messages));
}

int vfio_msi_init(struct vfio_msi *msi, struct vfio_device *device, struct kvm_vm *vm,
		  struct pci_config *shown, unsigned at)
{
	struct vfio_irq irq;
	uint32_t flags = pci_config_get(shown, at + PCI_MSI_FLAGS, 2);
	unsigned asked = 1u << ((flags & PCI_MSI_FLAGS_QMASK) >> 1), power;
	int error;

	memset(msi, 0, sizeof(*msi));
	msi->shown = shown;
	msi->at = at;
	msi->wide = flags & PCI_MSI_FLAGS_64BIT;
	msi->maskable = flags & PCI_MSI_FLAGS_MASKBIT;
	error = device->ops->irq_info(device, VFIO_PCI_MSI_IRQ_INDEX, &irq);
	if (error)
		return error;
	if (asked > irq.count)
		asked = irq.count;
	if (!asked)
		return error_set(ENOTSUP, "%s: the kernel signals no MSI vector", device->name);
	asked = 1u << power_below(asked);
	error = vfio_vectors_init(&msi->vectors, device, vm, VFIO_PCI_MSI_IRQ_INDEX, "MSI", asked);
	if (error)
		return error;
	power = power_below(vfio_vectors_available(&msi->vectors, asked));
	msi->messages = 1u << power;
	registers_init(msi, power);
	return 0;
}

void vfio_msi_fini(struct vfio_msi *msi)
{
	vfio_vectors_fini(&msi->vectors);
	*msi = (struct vfio_msi){ 0 };
}
