/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device pcie-root-port. */
#include <errno.h>

#include "app/devices-priv.h"
#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct keyval_key root_port_keys[] = {
	KEYS_OF_EVERY_DEVICE,
	{ "port", "N", "port number", NULL },
	{ "chassis", "N", "chassis number", NULL },
	{ "slot", "N", "physical slot number (default: the port number)", NULL },
	{ "hotplug", "on|off", "devices can come into its slot and leave it while the VM runs (default: on)",
	  NULL },
	{ "io-reserve", "SIZE",
	  "I/O ports for devices behind it (default: those of the device that is there)", NULL },
	{ "mem-reserve", "SIZE", "memory below 4 GiB (default: the device's; 2M behind an empty port)",
	  NULL },
	{ "pref64-reserve", "SIZE", "memory above 4 GiB (default: the device's; 16G behind an empty port)",
	  NULL },
	{ "pref32-reserve", NULL, NULL, "the prefetchable window is above 4 GiB: pref64-reserve=" },
	{ "bus-reserve", NULL, NULL, "there is one bus behind a port" },
};

static int plan_root_port(struct keyvals *keyvals, struct device_plan *plan)
{
	uint64_t port = 0, chassis = 0, slot = 0;
	uint64_t io = PCI_RESERVE_AUTO, mem = PCI_RESERVE_AUTO, pref64 = PCI_RESERVE_AUTO;
	bool hotplug = true;
	int error;

	if (!plan->id) {
		error_set(EINVAL, "it has no id, and the id is the name of the bus behind the port");
		return error_try("add id=pcie.1, and bus=pcie.1 to the device behind it");
	}
	error = keyvals_take_u64(keyvals, "port", 255, &port);
	if (error == 0)
		error = keyvals_take_u64(keyvals, "chassis", 255, &chassis);
	slot = port;
	if (error == 0)
		error = keyvals_take_u64(keyvals, "slot", 8191, &slot);
	if (error == 0)
		error = keyvals_take_bool(keyvals, "hotplug", &hotplug);
	if (error == 0)
		error = keyvals_take_size(keyvals, "io-reserve", 1, &io);
	if (error == 0)
		error = keyvals_take_size(keyvals, "mem-reserve", 1, &mem);
	if (error == 0)
		error = keyvals_take_size(keyvals, "pref64-reserve", 1, &pref64);
	if (error < 0)
		return error;
	plan->root_port = (struct pci_root_port_options){
		.id = plan->id,
		.port = (uint8_t)port,
		.chassis = (uint8_t)chassis,
		.slot = (uint16_t)slot,
		.multifunction = plan->multifunction,
		.hotplug = hotplug,
		.io_reserve = io,
		.mem_reserve = mem,
		.pref64_reserve = pref64,
	};
	return 0;
}

static int create_root_port(const struct device_handles *handles, const struct device_plan *plan,
			    struct pci_function **ret_function)
{
	return pci_root_port_create(&handles->port, &plan->root_port, ret_function);
}

const struct device_kind device_kind_root_port = {
	.name = "pcie-root-port",
	.summary = "a PCI Express root port, with a bus of one slot behind it",
	.keys = root_port_keys,
	.key_count = COUNT(root_port_keys),
	.plan = plan_root_port,
	.create = create_root_port,
};
