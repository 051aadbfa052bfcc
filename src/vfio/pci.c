/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An assigned device as a PCI function of the guest: configuration accesses come in here and are told apart.
 *
 * Theory of operation. A write first changes the guest's view (config.c) and then everything that
 * follows from it: where the BARs are (pci/bars.h decides, bars.c does it), which vectors are live
 * (interrupts.c), whether the device decodes and masters the bus. The order protects the guest's processors:
 * memory leaves the guest before the device stops decoding it, and returns after it has begun.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/pci-priv.h"
#include "vfio/rom-priv.h"

static struct vfio_pci *to_vfio(struct pci_function *function)
{
	return (struct vfio_pci *)function;
}

/* A function learns where it sits when it is attached; nothing tells it, so it looks. */
static void place(struct vfio_pci *pci)
{
	if (pci->placed == pci->function.bus)
		return;
	pci->placed = pci->function.bus;
	vfio_config_place(&pci->config, !pci_bus_bridge(pci->placed));
	vfio_pci_listen(pci);
}

static uint32_t vfio_pci_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
	struct vfio_pci *pci = to_vfio(function);
	uint32_t value;

	pthread_mutex_lock(&pci->lock);
	place(pci);
	vfio_interrupts_show(&pci->interrupts, offset, size);
	value = vfio_config_read(&pci->config, offset, size);
	pthread_mutex_unlock(&pci->lock);
	return value;
}

/* COMMAND was `before`. What decodes no longer leaves the guest, then the device hears of it, then what
 * decodes from now on comes. */
static void command_follow(struct vfio_pci *pci, uint32_t before)
{
	const uint32_t decode = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	uint32_t now = pci_config_get(&pci->config.shown, PCI_COMMAND, 2);

	if (now & (decode | PCI_COMMAND_MASTER))
		pci->unused = false;
	vfio_pci_claim_follow(pci, now);
	pci_config_set(&pci->config.shown, PCI_COMMAND, 2, now & (before | ~decode));
	pci_bars_update(&pci->registers);
	pci_config_set(&pci->config.shown, PCI_COMMAND, 2, now);
	vfio_config_command(&pci->config);
	pci_bars_update(&pci->registers);
}

/* Returns whether the function is to be reset for it, once its lock is dropped. */
static bool plain_write(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
	uint32_t command = pci_config_get(&pci->config.shown, PCI_COMMAND, 2);
	bool reset = false;

	if (pci->config.pm && vfio_config_touches(offset, size, pci->config.pm + PCI_PM_CTRL, 1))
		reset = vfio_pci_power_write(pci, offset, size, value);
	else
		vfio_config_write(&pci->config, offset, size, value);
	if (vfio_config_touches(offset, size, PCI_COMMAND, 2))
		command_follow(pci, command);
	if (vfio_config_touches(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BARS) ||
	    vfio_config_touches(offset, size, PCI_ROM_ADDRESS, 4))
		pci_bars_update(&pci->registers);
	vfio_interrupts_follow(&pci->interrupts, offset, size);
	vfio_pci_claim_follow(pci, 0);
	return reset;
}

static void vfio_pci_config_write(struct pci_function *function, unsigned offset, unsigned size,
				  uint32_t value)
{
	struct vfio_pci *pci = to_vfio(function);
	bool reset = false;

	pthread_mutex_lock(&pci->lock);
	place(pci);
	if (vfio_config_is_flr(&pci->config, offset, size, value))
		vfio_pci_flr(pci, offset, size, value);
	else
		reset = plain_write(pci, offset, size, value);
	pthread_mutex_unlock(&pci->lock);
	if (reset)
		vfio_pci_soft_reset(pci);
}

static void vfio_pci_function_reset(struct pci_function *function)
{
	vfio_pci_reset(to_vfio(function));
}

static void vfio_pci_function_attached(struct pci_function *function)
{
	vfio_notify_watch(&to_vfio(function)->notify);
}

/* Resets of a bus that it shares with others pass it over from now on. */
static void vfio_pci_function_detached(struct pci_function *function)
{
	struct vfio_pci *pci = to_vfio(function);

	vfio_notify_unwatch(&pci->notify);
	pthread_mutex_lock(&pci->lock);
	pci->leaving = true;
	pthread_mutex_unlock(&pci->lock);
}

/* In this order: the guest loses sight of it, it falls silent, this process unmaps it, its owner closes it.
 */
static void vfio_pci_function_destroy(struct pci_function *function)
{
	struct vfio_pci *pci = to_vfio(function);

	pthread_mutex_lock(&pci->lock);
	pci->leaving = true;
	vfio_pci_quiesce(pci);
	pthread_mutex_unlock(&pci->lock);
	vfio_bars_fini(&pci->bars);
	vfio_interrupts_fini(&pci->interrupts);
	vfio_notify_fini(&pci->notify);
	vfio_pci_reset_at_close(pci);
	pci->owner.release(pci->owner.opaque, pci->device);
	pthread_mutex_destroy(&pci->lock);
	pci_function_fini(&pci->function);
	free(pci);
}

static const struct pci_function_ops vfio_pci_ops = {
	.config_read = vfio_pci_config_read,
	.config_write = vfio_pci_config_write,
	.reset = vfio_pci_function_reset,
	.attached = vfio_pci_function_attached,
	.detached = vfio_pci_function_detached,
	.destroy = vfio_pci_function_destroy,
};

/* What the guest does to its configuration space where the device has it in a BAR. */
static uint32_t mirror_read(void *opaque, unsigned offset, unsigned size)
{
	struct vfio_pci *pci = opaque;
	uint32_t value;

	pthread_mutex_lock(&pci->lock);
	vfio_interrupts_show(&pci->interrupts, offset, size);
	value = vfio_config_read(&pci->config, offset, size);
	pthread_mutex_unlock(&pci->lock);
	return value;
}

/*
 * Such a write may come when the function has left its bus, as long as its BARs can be reached: then it must
 * put nothing back; or when it is asleep, and then it is too late. And no device was seen to be reset by this
 * way, which would have to know where the function sits.
 */
static void mirror_write(void *opaque, unsigned offset, unsigned size, uint32_t value)
{
	struct vfio_pci *pci = opaque;

	pthread_mutex_lock(&pci->lock);
	if (!pci->leaving && vfio_config_power_state(&pci->config) == 0 &&
	    !vfio_config_is_flr(&pci->config, offset, size, value))
		(void)plain_write(pci, offset, size, value); /* awake, it does not wake up */
	pthread_mutex_unlock(&pci->lock);
}

static int parts_setup(struct vfio_pci *pci, const struct vfio_handles *handles,
		       const struct vfio_pci_options *options)
{
	struct vfio_bars_place place = {
		.map = handles->map,
		.mmio = handles->mmio,
		.pio = handles->pio,
		.quirks = &pci->quirks,
		/* What a mediated device has mapped there is its driver's to exchange at any time. */
		.alone = options->no_p2p || pci->device->mediated,
	};
	const struct vfio_quirk_config front_door = { mirror_read, mirror_write, pci };
	struct vfio_device *device = pci->device;
	uint64_t bar_sizes[PCI_BARS];
	int error;

	error = vfio_config_init(&pci->config, device);
	if (!error)
		error = vfio_bars_probe(device, pci->function.bars, bar_sizes);
	if (error)
		return error;
	vfio_quirks_find(&pci->quirks, &pci->config, &front_door, &pci->interrupts.msix, &pci->lock);
	vfio_quirks_mend(&pci->quirks, bar_sizes);
	error = vfio_interrupts_init(&pci->interrupts, &pci->config, handles->vm, bar_sizes);
	if (error)
		return error;
	place.relay = pci->interrupts.intx.relay;
	error = vfio_bars_init(&pci->bars, device, pci->function.bars, &pci->interrupts.msix, &pci->lock,
			       &place);
	if (!error && (options->rom || !vfio_quirks_no_rom(&pci->quirks)))
		error = vfio_rom_setup(&pci->bars, options, &pci->function.bars[PCI_ROM_BAR]);
	if (error) {
		vfio_bars_fini(&pci->bars);
		vfio_interrupts_fini(&pci->interrupts);
		return error;
	}
	pci->ids = vfio_config_read(&pci->config, PCI_VENDOR_ID, 4);
	pci_bars_init(&pci->registers, &pci->config.shown, pci->function.bars, vfio_bars_map, vfio_bars_unmap,
		      &pci->bars);
	return 0;
}

int vfio_pci_function_create(const struct vfio_handles *handles, struct vfio_device *device,
			     const struct vfio_pci_options *options, const struct vfio_pci_owner *owner,
			     struct pci_function **ret_function)
{
	struct vfio_pci *pci = calloc(1, sizeof(*pci));
	int error;

	if (!pci)
		return error_set(ENOMEM, "no memory for %s", device->name);
	pci->function.ops = &vfio_pci_ops;
	pci->function.driver = "vfio-pci";
	pci->function.multifunction = options->multifunction;
	pci->function.atomics = device->atomics;
	pci->device = device;
	pci->owner = *owner;
	pthread_mutex_init(&pci->lock, NULL);
	if (options->id) {
		pci->function.id = strdup(options->id);
		if (!pci->function.id) {
			error = error_set(ENOMEM, "no memory for %s", device->name);
			goto fail;
		}
	}
	vfio_pci_reset_at_open(pci);
	error = parts_setup(pci, handles, options);
	if (error)
		goto fail;
	/* The device decodes nothing and reaches nothing until the guest's system says so. */
	vfio_config_command(&pci->config);
	vfio_notify_init(&pci->notify, device, &pci->function, handles->loop, &handles->events);
	*ret_function = &pci->function;
	return 0;

fail:
	pthread_mutex_destroy(&pci->lock);
	pci_function_fini(&pci->function);
	free(pci);
	return error;
}

const char *vfio_pci_host_name(const struct pci_function *function)
{
	return ((const struct vfio_pci *)function)->device->name;
}
