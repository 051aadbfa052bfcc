/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets of an assigned function, and how few are enough. Opening a device through the kernel resets it where
 * it can be reset, and so does closing it; a reset takes a tenth of a second and more, so neither is
 * repeated. In between the guest resets it, by itself (function-level reset) or with the whole machine.
 *
 * The kernel's means for one device are tried first: function-level reset, power management, a bus with
 * nothing else on it (pci_reset_function()). Where none works the whole bus is reset, once every function on
 * it that this VM has wants it: at a reset of the machine they say so one after the other.
 *
 * What a mediated device can do its driver decides: it has no bus, and opening it need not reset it.
 *
 * Before each of them the function is taken out of the guest's memory, its interrupts are switched off
 * and it may no longer master the bus, so that nothing of the time before reaches the time after. The
 * kernel saves and restores the registers around a reset of its own; what it restores is that quiet
 * state, which is also the one a guest expects to find.
 */
#include "base/error.h"
#include "base/log.h"
#include "vfio/pci-priv.h"

void vfio_pci_listen(struct vfio_pci *pci)
{
	unsigned pin = pci->interrupts.intx.pin;

	vfio_interrupts_start(&pci->interrupts, pin ? pci_function_gsi(&pci->function, pin) : 0);
}

void vfio_pci_quiesce(struct vfio_pci *pci)
{
	pci_bars_reset(&pci->registers);
	vfio_config_reset(&pci->config);
	vfio_config_command(&pci->config);
	vfio_interrupts_quiet(&pci->interrupts);
	vfio_quirks_reset(&pci->quirks);
}

/* Some devices do not survive their reset, and then nothing of what follows would make sense to anybody. */
static void look_after(struct vfio_pci *pci, const char *what)
{
	if (vfio_config_alive(pci->device)) {
		error_tried("use %s after %s", pci->device->name, what);
		log_failure(error_get());
	}
	vfio_bars_power(&pci->bars, vfio_config_power_state(&pci->config) == 0);
	vfio_pci_listen(pci);
}

void vfio_pci_after_reset(struct vfio_pci *pci)
{
	pci->wants_reset = false;
	look_after(pci, "a reset of its bus");
}

/* By what the kernel has for this device alone. */
static bool reset_alone(struct vfio_pci *pci)
{
	bool done = pci->device->can_reset && pci->device->ops->reset(pci->device) == 0;

	if (done) {
		log_info("%s: reset by %s", pci->device->name,
			 pci->config.express_flr || pci->config.af_flr ? "function-level reset"
								       : "the kernel's means");
		look_after(pci, "a reset of the machine");
	} else if (pci->device->can_reset) {
		log_debug("%s: %s", pci->device->name, error_get()->because);
	}
	return done;
}

static void say_no_reset(struct vfio_pci *pci)
{
	if (!pci->no_reset_said)
		log_warning("%s has no reset that works: the guest finds it as it left it (%s)",
			    pci->device->name, error_get()->because);
	pci->no_reset_said = true;
}

void vfio_pci_reset(struct vfio_pci *pci)
{
	bool done;

	pthread_mutex_lock(&pci->lock);
	vfio_pci_quiesce(pci);
	done = reset_alone(pci);
	if (!done) {
		pci->wants_reset = true;
		vfio_pci_listen(pci);
	}
	pthread_mutex_unlock(&pci->lock);
	if (!done && pci->owner.reset_bus(pci->owner.opaque) < 0)
		say_no_reset(pci);
}

void vfio_pci_flr(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
	vfio_pci_quiesce(pci);
	vfio_config_write(&pci->config, offset, size, value);
	look_after(pci, "a function-level reset by the guest");
}

void vfio_pci_reset_between_guests(struct vfio_pci *pci)
{
	if (pci->device->reset_on_open || !pci->device->can_reset)
		return;
	if (pci->device->ops->reset(pci->device))
		log_failure(error_get());
}
