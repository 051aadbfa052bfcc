/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets of an assigned function, and how few are enough. Opening a device through the kernel resets it where
 * it can be reset, and so does closing it; a reset takes a tenth of a second and more, so neither is
 * repeated. In between the guest resets it, by itself (function-level reset, or D3hot and back) or with the
 * whole machine.
 *
 * The kernel's means for one device are tried first: function-level reset, power management, a bus with
 * nothing else on it (pci_reset_function()). Where none works for one of them the whole bus is reset, once no
 * function on it that this VM has is in use: before the guest begins, or at a reset of the machine, when they
 * fall out of use one after the other.
 *
 * What a mediated device can do its driver decides: it has no bus, and opening it need not reset it.
 *
 * Before each of them the function is taken out of the guest's memory, its interrupts are switched off
 * and it may no longer master the bus, so that nothing of the time before reaches the time after. The
 * kernel saves and restores the registers around a reset of its own; what it restores is that quiet
 * state, which is also the one a guest expects to find.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/pci-priv.h"

void vfio_pci_listen(struct vfio_pci *pci)
{
	unsigned pin = pci->interrupts.intx.pin;

	if (!pci->placed)
		return; /* its line depends on where */
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
	vfio_pci_power_follow(pci);
	vfio_pci_listen(pci);
}

void vfio_pci_after_reset(struct vfio_pci *pci)
{
	pci->needs_bus_reset = false;
	look_after(pci, "a reset of its bus");
}

/* In words, for those who do not know the kernel's (Linux Documentation/ABI/testing/sysfs-bus-pci). */
static const char *method_words(const char *method)
{
	static const struct {
		const char *method, *words;
	} list[] = {
		{ "flr", "flr (function-level reset)" },
		{ "af_flr", "af_flr (function-level reset, by Advanced Features)" },
		{ "pm", "pm (off and on again by power management)" },
		{ "bus", "bus (it is alone on it)" },
		{ "cxl_bus", "cxl_bus (it is alone on it)" },
		{ "device_specific", "device_specific (the kernel knows how for this device)" },
		{ "acpi", "acpi (the firmware's way)" },
		{ "", "the kernel's means, which does not name them" },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (strcmp(method, list[i].method) == 0)
			return list[i].words;
	}
	return method;
}

static const char *means(const struct vfio_device *device)
{
	return device->mediated ? "the driver that made it" : method_words(device->reset_method);
}

/* By what the kernel has for this device alone. */
static bool reset_alone(struct vfio_pci *pci, const char *what)
{
	bool done = pci->device->can_reset && pci->device->ops->reset(pci->device) == 0;

	if (done) {
		vfio_pci_reset_note(pci, NULL, "machine");
		look_after(pci, what);
	} else if (pci->device->can_reset) {
		log_debug("%s: %s", pci->device->name, error_get()->because);
	}
	return done;
}

static void say_no_reset(struct vfio_pci *pci, int error)
{
	if (!pci->no_reset_said && error == -ETIMEDOUT)
		log_warning("%s: %s: dmesg says more, and only the guest's driver finds out whether it works",
			    pci->device->name, error_get()->because);
	else if (!pci->no_reset_said)
		log_warning("%s has no reset that works: the guest finds it as it left it (%s)",
			    pci->device->name, error_get()->because);
	pci->no_reset_said = true;
}

/* waking: only if it is still asleep. Whether the device alone could be reset. */
static bool reset_for(struct vfio_pci *pci, const char *what, bool waking)
{
	bool done;
	int result;

	pthread_mutex_lock(&pci->lock);
	if (waking && vfio_config_power_state(&pci->config) == 0) {
		/* Another processor of the guest had the same idea. */
		pthread_mutex_unlock(&pci->lock);
		return false;
	}
	vfio_pci_quiesce(pci);
	if (!waking) {
		pci->claimed = false;
		pci->given = 0;
	}
	done = reset_alone(pci, what);
	if (!done) {
		vfio_pci_power_follow(pci);
		vfio_pci_listen(pci);
	}
	pci->unused = true;
	pci->needs_bus_reset = !done;
	pthread_mutex_unlock(&pci->lock);
	/* Another one on its bus may have waited for this one. */
	result = done && waking ? 0 : pci->owner.reset_bus(pci->owner.opaque);
	if (result < 0 && !done)
		say_no_reset(pci, result);
	return done;
}

void vfio_pci_reset(struct vfio_pci *pci)
{
	if (reset_for(pci, "a reset of the machine", false))
		log_info("%s: reset by %s", pci->device->name, means(pci->device));
}

void vfio_pci_soft_reset(struct vfio_pci *pci)
{
	if (reset_for(pci, "its return from D3hot", true))
		log_debug("%s: reset on its way from D3hot to D0", pci->device->name);
}

void vfio_pci_flr(struct vfio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
	vfio_pci_quiesce(pci);
	vfio_config_write(&pci->config, offset, size, value);
	vfio_pci_reset_note(pci, "flr", "guest");
	look_after(pci, "a function-level reset by the guest");
}

void vfio_pci_reset_at_open(struct vfio_pci *pci)
{
	bool done = pci->device->can_reset;

	if (done && !pci->device->reset_on_open && pci->device->ops->reset(pci->device)) {
		log_failure(error_get());
		done = false;
	}
	pci->unused = true;
	pci->needs_bus_reset = !done && !pci->device->mediated;
	if (!done)
		return;
	vfio_pci_reset_note(pci, NULL, "open");
	log_info("%s: opened, and reset by %s", pci->device->name, means(pci->device));
}

void vfio_pci_reset_at_close(struct vfio_pci *pci)
{
	if (pci->device->can_reset && !pci->device->reset_on_open && pci->device->ops->reset(pci->device))
		log_failure(error_get());
}
