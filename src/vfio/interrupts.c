/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A function interrupts by MSI-X while that is enabled, else by MSI while that is, else
 * by its line (PCI 3.0, 6.8). The kernel lets it be in one of these modes at a time, so the one it is in is
 * left before the next is entered. What comes in between is lost nowhere: a line that is pulled is pulled
 * still, and a driver that switches between the others does so before it lets the device work.
 *
 * A function outside D0 interrupts by nothing. It stays in its mode with all vectors masked, which keeps what
 * they have to say, but for the line, which says it again.
 *
 * Nobody listens to the host's line outside the mode of that name, so it is closed then (Interrupt Disable
 * set in the device, whatever the guest has written). Leaving MSI and MSI-X the kernel opens it by itself
 * (pci_intx()), and of that bit it notes changes only: so it is opened before, when the device makes no use
 * of it, and closed after.
 */
#include "vfio/interrupts-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "base/error.h"
#include "base/log.h"

static enum vfio_interrupt_mode mode_wanted(const struct vfio_interrupts *interrupts)
{
	if (!interrupts->started)
		return VFIO_INTERRUPTS_NONE;
	if (interrupts->msix.enable)
		return VFIO_INTERRUPTS_MSIX;
	if (vfio_msi_enabled(&interrupts->msi))
		return VFIO_INTERRUPTS_MSI;
	return interrupts->intx.pin && !interrupts->held ? VFIO_INTERRUPTS_INTX : VFIO_INTERRUPTS_NONE;
}

static void mode_leave(struct vfio_interrupts *interrupts)
{
	struct vfio_config *config = interrupts->config;

	switch (interrupts->mode) {
	case VFIO_INTERRUPTS_INTX:
		vfio_config_line(config, VFIO_LINE_CLOSED);
		vfio_intx_off(&interrupts->intx);
		break;
	case VFIO_INTERRUPTS_MSI:
		vfio_config_line(config, VFIO_LINE_OPEN);
		vfio_msi_live(&interrupts->msi, false);
		vfio_config_line(config, VFIO_LINE_CLOSED);
		break;
	case VFIO_INTERRUPTS_MSIX:
		vfio_config_line(config, VFIO_LINE_OPEN);
		vfio_msix_live(&interrupts->msix, false);
		vfio_config_line(config, VFIO_LINE_CLOSED);
		break;
	case VFIO_INTERRUPTS_NONE:
		break;
	}
	interrupts->mode = VFIO_INTERRUPTS_NONE;
}

static void mode_enter(struct vfio_interrupts *interrupts, enum vfio_interrupt_mode mode)
{
	interrupts->mode = mode;
	switch (mode) {
	case VFIO_INTERRUPTS_INTX:
		if (vfio_intx_on(&interrupts->intx))
			vfio_config_line(interrupts->config, VFIO_LINE_GUEST);
		break;
	case VFIO_INTERRUPTS_MSI:
		vfio_msi_live(&interrupts->msi, true);
		break;
	case VFIO_INTERRUPTS_MSIX:
		vfio_msix_live(&interrupts->msix, true);
		break;
	case VFIO_INTERRUPTS_NONE:
		break;
	}
}

static void mode_follow(struct vfio_interrupts *interrupts)
{
	enum vfio_interrupt_mode wanted = mode_wanted(interrupts);

	if (wanted == interrupts->mode)
		return;
	mode_leave(interrupts);
	mode_enter(interrupts, wanted);
}

void vfio_interrupts_follow(struct vfio_interrupts *interrupts, unsigned offset, unsigned size)
{
	struct vfio_msi *msi = &interrupts->msi;
	struct vfio_msix *msix = &interrupts->msix;
	unsigned at = interrupts->config->msix + PCI_MSIX_FLAGS;

	if (msix->entries && vfio_config_touches(offset, size, at, 2))
		vfio_msix_control(msix, pci_config_get(&interrupts->config->shown, at, 2));
	else if (msi->messages && vfio_config_touches(offset, size, msi->at, vfio_msi_length(msi)))
		vfio_msi_follow(msi);
	else
		return;
	mode_follow(interrupts);
}

void vfio_interrupts_show(struct vfio_interrupts *interrupts, unsigned offset, unsigned size)
{
	struct vfio_msi *msi = &interrupts->msi;

	if (msi->messages && vfio_config_touches(offset, size, msi->at, vfio_msi_length(msi)))
		vfio_msi_show_pending(msi);
}

void vfio_interrupts_start(struct vfio_interrupts *interrupts, uint32_t gsi)
{
	if (interrupts->intx.gsi != gsi && interrupts->mode == VFIO_INTERRUPTS_INTX)
		mode_leave(interrupts);
	interrupts->intx.gsi = gsi;
	interrupts->started = true;
	mode_follow(interrupts);
}

void vfio_interrupts_hold(struct vfio_interrupts *interrupts, bool held)
{
	interrupts->held = held;
	vfio_msi_hold(&interrupts->msi, held);
	vfio_msix_hold(&interrupts->msix, held);
	mode_follow(interrupts);
}

void vfio_interrupts_quiet(struct vfio_interrupts *interrupts)
{
	interrupts->started = false;
	mode_follow(interrupts);
	vfio_interrupts_hold(interrupts, false);
	vfio_msix_reset(&interrupts->msix);
}

static int msix_setup(struct vfio_interrupts *interrupts, struct kvm_vm *vm, const uint64_t *bar_size)
{
	struct vfio_device *device = interrupts->config->device;
	unsigned at = interrupts->config->msix;
	/* Not by the device itself, whose word may have been mended (quirks.c). */
	uint32_t table = vfio_config_read(interrupts->config, at + PCI_MSIX_TABLE, 4);
	uint32_t pba = vfio_config_read(interrupts->config, at + PCI_MSIX_PBA, 4);
	uint32_t control = vfio_config_read(interrupts->config, at + PCI_MSIX_FLAGS, 2);
	int error = vfio_msix_init(&interrupts->msix, device, vm, control, table, pba, bar_size);

	if (error != -ENOTSUP)
		return error;
	log_warning("%s is shown without MSI-X: %s", device->name, error_get()->because);
	vfio_config_hide(interrupts->config, at, PCI_CAP_MSIX_SIZEOF);
	return 0;
}

static int msi_setup(struct vfio_interrupts *interrupts, struct kvm_vm *vm)
{
	struct vfio_config *config = interrupts->config;
	unsigned at = config->msi;
	int error = vfio_msi_init(&interrupts->msi, config->device, vm, &config->shown, at);

	if (error != -ENOTSUP)
		return error;
	log_warning("%s is shown without MSI: %s", config->device->name, error_get()->because);
	vfio_config_hide(config, at, vfio_msi_length(&interrupts->msi));
	return 0;
}

int vfio_interrupts_init(struct vfio_interrupts *interrupts, struct vfio_config *config, struct kvm_vm *vm,
			 const uint64_t *bar_size)
{
	struct vfio_device *device = config->device;
	int error;

	*interrupts = (struct vfio_interrupts){ .config = config };
	error = vfio_intx_init(&interrupts->intx, device, vm, vfio_config_read(config, PCI_INTERRUPT_PIN, 1));
	if (!error && !interrupts->intx.pin)
		vfio_config_hide_pin(config);
	if (!error && config->msi)
		error = msi_setup(interrupts, vm);
	if (!error && config->msix)
		error = msix_setup(interrupts, vm, bar_size);
	if (error)
		vfio_interrupts_fini(interrupts);
	return error;
}

void vfio_interrupts_fini(struct vfio_interrupts *interrupts)
{
	if (interrupts->config)
		vfio_interrupts_quiet(interrupts);
	vfio_msi_fini(&interrupts->msi);
	vfio_msix_fini(&interrupts->msix);
	vfio_intx_fini(&interrupts->intx);
	interrupts->config = NULL;
}
