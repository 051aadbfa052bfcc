/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device's lines are found once, by its identity. Most of them say that a part of a
 * BAR is something else than the device's registers: a way to configuration space or to the MSI-X table past
 * what stands guard before both. Through it a guest would see the host's addresses, and could move the
 * device's BARs over those of other devices of the host. So that part is not mapped into the guest, as little
 * as the MSI-X table is (bars.c), and accesses to it go where they would have gone through the front door.
 */
#include "vfio/quirks-priv.h"

#include <linux/pci_regs.h>

#include "base/error.h"
#include "base/log.h"
#include "pci/pci.h"

#define ANY	     0, 0
#define EXACTLY(id)  (id), 0xffff
#define VGA	     0x0300, 0xffff
#define DISPLAY	     0x0300, 0xff00
#define PORTS_NVIDIA 0x10
#define PORTS_RTL    0x08

const struct vfio_quirk vfio_quirk_table[] = {
	{ 0x1425, 0x5800, 0xff00, ANY, VFIO_QUIRK_PBA, 0, 0x1000, 0, "Chelsio T5 virtual function",
	  "it says that the pending bits are at 0x8000, in a BAR of 8 KiB",
	  "QEMU, hw/vfio/pci.c, vfio_msix_early_setup()" },
	{ 0x1d22, EXACTLY(0x3685), ANY, VFIO_QUIRK_PBA, 0, 0xb400, 0, "Baidu Kunlun virtual function",
	  "it says that the pending bits are at 0x460000, in a BAR of 64 KiB",
	  "QEMU, hw/vfio/pci.c, vfio_msix_early_setup()" },
	{ 0x10de, ANY, DISPLAY, VFIO_QUIRK_MIRROR, 0, 0x88000, PCIE_CONFIG_SIZE,
	  "NVIDIA, configuration space in BAR 0", "drivers read their BARs there, and could write them",
	  "envytools, PPCI; QEMU, hw/vfio/pci-quirks.c" },
	{ 0x10de, ANY, VGA, VFIO_QUIRK_MIRROR, 0, 0x1800, PCI_CFG_SPACE_SIZE,
	  "NVIDIA, its first 256 bytes once more", "as above, by the BIOS of older cards",
	  "envytools, PBUS; QEMU, hw/vfio/pci-quirks.c" },
	{ 0x10de, ANY, VGA, VFIO_QUIRK_NVIDIA_PORTS, 5, 0, PORTS_NVIDIA, "NVIDIA, ports into BAR 0",
	  "an address and a data register by which both mirrors can be reached",
	  "envytools; QEMU, hw/vfio/pci-quirks.c" },
	{ 0x14e4, EXACTLY(0x168e), ANY, VFIO_QUIRK_NO_ROM, 0, 0, 0, "Broadcom BCM57810, no option ROM",
	  "firmware that runs it in a guest does not come back; romfile= gives another one",
	  "https://bugs.launchpad.net/qemu/+bug/1284874" },
	{ 0x10ec, EXACTLY(0x8168), ANY, VFIO_QUIRK_REALTEK_MSIX, 2, 0x70, PORTS_RTL,
	  "RTL8168, MSI-X by registers", "drivers set up MSI-X there, and would write the host's table",
	  "Linux, r8169 (ERIDR, ERIAR); QEMU, hw/vfio/pci-quirks.c" },
};

const unsigned vfio_quirk_count = sizeof(vfio_quirk_table) / sizeof(vfio_quirk_table[0]);

void vfio_quirks_find(struct vfio_quirks *quirks, struct vfio_config *registers,
		      const struct vfio_quirk_config *config, struct vfio_msix *msix, pthread_mutex_t *lock)
{
	uint32_t id = vfio_config_read(registers, PCI_VENDOR_ID, 4);
	uint32_t class = vfio_config_read(registers, PCI_CLASS_DEVICE, 2);

	*quirks = (struct vfio_quirks){
		.device = registers->device,
		.config = *config,
		.registers = registers,
		.msix = msix,
		.lock = lock,
	};
	for (unsigned i = 0; i < vfio_quirk_count && quirks->count < VFIO_QUIRKS_MAX; i++) {
		const struct vfio_quirk *quirk = &vfio_quirk_table[i];

		if (quirk->vendor != (id & 0xffff) || ((quirk->device ^ id >> 16) & quirk->device_mask) ||
		    ((quirk->class ^ class) & quirk->class_mask))
			continue;
		quirks->found[quirks->count++] = quirk;
		log_debug("%s: quirk: %s: %s", quirks->device->name, quirk->name, quirk->reason);
	}
	vfio_quirks_reset(quirks);
}

/* Only where the capability is wrong: a later stepping may have it right. */
static void pending_bits_mend(const struct vfio_quirks *quirks, const struct vfio_quirk *quirk,
			      const uint64_t *bar_size)
{
	struct vfio_config *config = quirks->registers;
	uint32_t pba = vfio_config_read(config, config->msix + PCI_MSIX_PBA, 4);
	uint32_t control = vfio_config_read(config, config->msix + PCI_MSIX_FLAGS, 2);
	uint64_t size = ((control & PCI_MSIX_FLAGS_QSIZE) / 64 + 1) * 8, offset = pba & PCI_MSIX_PBA_OFFSET;
	unsigned bar = pba & PCI_MSIX_PBA_BIR;

	if (bar < PCI_BARS && (offset > bar_size[bar] || size > bar_size[bar] - offset))
		vfio_config_fix(config, config->msix + PCI_MSIX_PBA, 4, quirk->offset | bar);
}

void vfio_quirks_mend(const struct vfio_quirks *quirks, const uint64_t *bar_size)
{
	for (unsigned i = 0; i < quirks->count; i++) {
		if (quirks->found[i]->kind == VFIO_QUIRK_PBA && quirks->registers->msix)
			pending_bits_mend(quirks, quirks->found[i], bar_size);
	}
}

bool vfio_quirks_no_rom(const struct vfio_quirks *quirks)
{
	for (unsigned i = 0; i < quirks->count; i++) {
		if (quirks->found[i]->kind == VFIO_QUIRK_NO_ROM)
			return true;
	}
	return false;
}

const struct vfio_quirk *vfio_quirks_trap(const struct vfio_quirks *quirks, unsigned bar, unsigned index)
{
	for (unsigned i = 0; quirks && i < quirks->count; i++) {
		if (quirks->found[i]->size && quirks->found[i]->bar == bar && index-- == 0)
			return quirks->found[i];
	}
	return NULL;
}

/* The next access that does not cross 4 bytes: 1, 2 or 4 of the `left` ones. */
static unsigned step(uint64_t offset, unsigned left)
{
	unsigned room = 4 - (unsigned)(offset & 3);
	unsigned most = left < room ? left : room;

	return most == 3 ? (offset & 1 ? 1 : 2) : most;
}

void vfio_quirks_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, uint64_t offset,
		      uint8_t *ret_data, unsigned size)
{
	for (unsigned done = 0, part; done < size; done += part) {
		unsigned at = (unsigned)(offset + done - quirk->offset);
		uint32_t value;

		part = step(at, size - done);
		if (quirk->kind == VFIO_QUIRK_MIRROR)
			value = quirks->config.read(quirks->config.opaque, at, part);
		else
			value = vfio_quirk_port_read(quirks, quirk, at, part);
		for (unsigned i = 0; i < part; i++)
			ret_data[done + i] = (uint8_t)(value >> 8 * i);
	}
}

/*
 * NVIDIA's drivers acknowledge an MSI by writing all-ones to the byte that holds the capability's identifier,
 * in the mirror. It and the next one are read-only, so that write may reach the device.
 */
static void acknowledge(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, uint64_t offset,
			const uint8_t *data, unsigned size)
{
	unsigned msi = quirks->registers->msi;
	uint64_t at = offset - quirk->offset;
	struct vfio_device *device = quirks->device;

	if (!msi || at < msi || at + size > msi + PCI_MSI_FLAGS)
		return;
	if (device->ops->region_write(device, quirk->bar, offset, data, size))
		log_debug("%s: %s", device->name, error_get()->because);
}

void vfio_quirks_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, uint64_t offset,
		       const uint8_t *data, unsigned size)
{
	for (unsigned done = 0, part; done < size; done += part) {
		unsigned at = (unsigned)(offset + done - quirk->offset);
		uint32_t value = 0;

		part = step(at, size - done);
		for (unsigned i = 0; i < part; i++)
			value |= (uint32_t)data[done + i] << 8 * i;
		if (quirk->kind == VFIO_QUIRK_MIRROR)
			quirks->config.write(quirks->config.opaque, at, part, value);
		else
			vfio_quirk_port_write(quirks, quirk, at, part, value);
	}
	if (quirk->kind == VFIO_QUIRK_MIRROR)
		acknowledge(quirks, quirk, offset, data, size);
}

void vfio_quirks_reset(struct vfio_quirks *quirks)
{
	for (unsigned i = 0; i < quirks->count; i++) {
		if (quirks->found[i]->kind == VFIO_QUIRK_NVIDIA_PORTS ||
		    quirks->found[i]->kind == VFIO_QUIRK_REALTEK_MSIX)
			vfio_quirk_port_reset(quirks, quirks->found[i]);
	}
}
