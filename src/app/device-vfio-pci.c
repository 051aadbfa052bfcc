/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device vfio-pci. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/devices-priv.h"
#include "base/error.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct keyval_key vfio_pci_keys[] = {
	{ "host", "[DDDD:]BB:DD.F", "the host's device (`handfast list` shows them)", NULL },
	{ "sysfsdev", "PATH", "the same by its folder in sysfs; the way to name a mediated device", NULL },
	{ "managed", "on|off", "bind it before the start, give it back after the end (default: off)", NULL },
	KEYS_OF_EVERY_DEVICE,
	{ "x-err-action", "pause|log|reset|quit",
	  "what to do with the guest when the host tells that the device has failed (default: pause)", NULL },
	{ "x-no-p2p", "on|off", "other devices of the VM do not reach its BARs by DMA (default: off)", NULL },
	{ "unplug-timeout", "SECONDS", "that the guest has to let go of it (default: 30)", NULL },
	{ "vf-token", "UUID",
	  "the secret between a physical function and its virtual ones, where vfio-pci has both", NULL },
	{ "romfile", "FILE", "an option ROM to show in place of its own; empty: none", NULL },
	{ "rombar", "on|off", "whether the guest sees an option ROM (default: on; 1 and 0 are fine too)",
	  NULL },
	{ "iommufd", NULL, NULL, "iommufd is not there yet; groups and type1 are used" },
	{ "fd", NULL, NULL, "handfast opens the device itself" },
	{ "romsize", NULL, NULL, "the ROM BAR is as large as the ROM" },
	{ "bootindex", NULL, NULL, "firmware is not there yet; boot a kernel by -kernel" },
	{ "enable-migration", NULL, NULL, "migration is not supported" },
	{ "display", NULL, NULL, "there is no emulated display" },
	{ "acpi-index", NULL, NULL, "the guest names its devices by their slots" },
	{ "failover_pair_id", NULL, NULL, "there is no virtio-net that it could stand in for" },
	{ "x-req", NULL, NULL, "the host is always given its device back when it asks" },
	{ "x-no-mmap", NULL, NULL, "BARs are mapped wherever that is safe" },
	{ "x-no-kvm-intx", NULL, NULL, "interrupts go through KVM" },
	{ "x-no-kvm-msi", NULL, NULL, "interrupts go through KVM" },
	{ "x-no-kvm-msix", NULL, NULL, "interrupts go through KVM" },
	{ "x-intx-mmap-timeout-ms", NULL, NULL, "BARs stay mapped while a line interrupts" },
	{ "x-msix-relocation", NULL, NULL, "the MSI-X table stays where the device has it" },
	{ "x-balloon-allowed", NULL, NULL, "there is no balloon yet" },
	{ "x-pci-vendor-id", NULL, NULL, "the guest sees the device's own identifiers" },
	{ "x-pci-device-id", NULL, NULL, "the guest sees the device's own identifiers" },
	{ "x-pci-sub-vendor-id", NULL, NULL, "the guest sees the device's own identifiers" },
	{ "x-pci-sub-device-id", NULL, NULL, "the guest sees the device's own identifiers" },
	{ "ramfb", NULL, NULL, "there is no emulated display" },
	{ "x-vga", NULL, NULL, "legacy VGA ranges are not passed through" },
	{ "x-igd-opregion", NULL, NULL, "integrated Intel graphics need more than the device itself" },
	{ "x-igd-lpc", NULL, NULL, "integrated Intel graphics need more than the device itself" },
	{ "x-igd-gms", NULL, NULL, "integrated Intel graphics need more than the device itself" },
	{ "x-igd-legacy-mode", NULL, NULL, "integrated Intel graphics need more than the device itself" },
};

static int take_unplug_timeout(struct keyvals *keyvals, struct device_plan *plan)
{
	uint64_t seconds = DEVICE_UNPLUG_SECONDS;
	int error = keyvals_take_u64(keyvals, "unplug-timeout", 86400, &seconds);

	if (error == 0 && seconds == 0)
		error_set(EINVAL, "unplug-timeout=0 leaves the guest no time");
	plan->unplug_seconds = (unsigned)seconds;
	return error == 0 && seconds == 0
		       ? error_try("unplug-timeout=30, or leave it out: that is what it is then")
		       : error;
}

static int take_token(struct keyvals *keyvals, struct device_plan *plan)
{
	const char *token = keyvals_take(keyvals, "vf-token");

	if (!token)
		return 0;
	if (!uuid_valid(token)) {
		error_set(EINVAL, "vf-token=%s is no UUID", token);
		return error_try("uuidgen    (makes one, as 00112233-4455-6677-8899-aabbccddeeff)");
	}
	plan->vf_token = strdup(token);
	return plan->vf_token ? 0 : error_sys(ENOMEM, "options");
}

static int take_rombar(struct keyvals *keyvals, bool *rombar)
{
	const char *text = keyvals_take(keyvals, "rombar");

	if (!text)
		return 0;
	/* To QEMU it is a number, to everybody else a switch. */
	if (strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
		*rombar = text[0] == '1';
	else if (text_to_bool(text, rombar) < 0)
		return error_tried("use rombar=");
	return 0;
}

/* romfile= without a value: none, as with QEMU. */
static int take_rom(struct keyvals *keyvals, struct device_plan *plan)
{
	const char *file = keyvals_take(keyvals, "romfile");
	bool rombar = true;
	int error = take_rombar(keyvals, &rombar);

	if (error < 0)
		return error;
	plan->no_rom = !rombar || (file && *file == '\0');
	if (!file || *file == '\0')
		return 0;
	if (plan->no_rom) {
		error_set(ENOTSUP,
			  "rombar= hides the ROM that romfile= names; QEMU would hand it to its firmware by "
			  "another way, which handfast does not have");
		return error_try("one of the two: romfile=%s shows it, rombar=off shows none", file);
	}
	plan->romfile = strdup(file);
	return plan->romfile ? 0 : error_sys(ENOMEM, "options");
}

static const char *const err_actions[] = {
	[DEVICE_ERR_PAUSE] = "pause",
	[DEVICE_ERR_LOG] = "log",
	[DEVICE_ERR_RESET] = "reset",
	[DEVICE_ERR_QUIT] = "quit",
};

const char *device_err_action_name(enum device_err_action action)
{
	return err_actions[action];
}

static int take_err_action(struct keyvals *keyvals, struct device_plan *plan)
{
	const char *action = keyvals_take(keyvals, "x-err-action");

	for (size_t i = 0; action && i < COUNT(err_actions); i++) {
		if (strcmp(action, err_actions[i]) == 0) {
			plan->err_action = (enum device_err_action)i;
			return 0;
		}
	}
	if (!action)
		return 0;
	error_set(EINVAL, "there is no x-err-action '%s'", action);
	return error_try("pause, log, reset or quit");
}

/* host= or sysfsdev=: one of the two. */
static int take_host(struct keyvals *keyvals, struct device_plan *plan)
{
	const char *host = keyvals_take(keyvals, "host");
	const char *sysfsdev = keyvals_take(keyvals, "sysfsdev");
	struct bdf bdf;

	if (!host && !sysfsdev) {
		error_set(EINVAL, "it does not say which device of the host");
		return error_try("add host=DDDD:BB:DD.F (`handfast list` shows the devices)");
	}
	if (host && sysfsdev) {
		error_set(EINVAL, "host= and sysfsdev= both say which device of the host");
		return error_try("leave one of them out");
	}
	if (sysfsdev && *sysfsdev == '\0') {
		error_set(EINVAL, "its sysfsdev= is empty");
		return error_try("a device's folder behind it, as /sys/bus/pci/devices/0000:1a:00.3");
	}
	if (sysfsdev) {
		plan->sysfsdev = strdup(sysfsdev);
		return plan->sysfsdev ? 0 : error_sys(ENOMEM, "options");
	}
	if (bdf_parse(host, &bdf) < 0)
		return -error_get()->errnum;
	plan->host = host_id_of(bdf);
	plan->host_known = true;
	return 0;
}

static int plan_vfio_pci(struct keyvals *keyvals, struct device_plan *plan)
{
	int error = take_host(keyvals, plan);

	if (error == 0)
		error = keyvals_take_bool(keyvals, "managed", &plan->managed);
	if (error == 0)
		error = keyvals_take_bool(keyvals, "x-no-p2p", &plan->no_p2p);
	if (error == 0)
		error = take_err_action(keyvals, plan);
	if (error == 0)
		error = take_rom(keyvals, plan);
	if (error == 0)
		error = take_unplug_timeout(keyvals, plan);
	return error < 0 ? error : take_token(keyvals, plan);
}

static int create_vfio_pci(const struct device_handles *handles, const struct device_plan *plan,
			   struct pci_function **ret_function)
{
	const struct vfio_pci_options options = {
		.id = plan->id,
		.host = plan->host,
		.multifunction = plan->multifunction,
		.no_p2p = plan->no_p2p,
		.vf_token = plan->vf_token,
		.no_rom = plan->no_rom,
		.rom = plan->rom,
		.progress = handles->progress,
	};

	return vfio_pci_create(handles->vfio, &options, ret_function);
}

const struct device_kind device_kind_vfio_pci = {
	.name = "vfio-pci",
	.summary = "a PCI device of the host, or a mediated one, passed through",
	.keys = vfio_pci_keys,
	.key_count = COUNT(vfio_pci_keys),
	.host_device = true,
	.plan = plan_vfio_pci,
	.create = create_vfio_pci,
};
