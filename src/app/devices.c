/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/devices.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

#define KEYS_OF_EVERY_DEVICE                                                                              \
	{ "id", "ID", "its name", NULL }, { "bus", "BUS", "the bus it sits on (default: pcie.0)", NULL }, \
		{ "addr", "SLOT[.FUNCTION]",                                                              \
		  "where on that bus, 0x3 or 0x03.0x0 (default: the first free slot)", NULL },            \
	{                                                                                                 \
		"multifunction", "on|off", "function 0 of several (default: off)", NULL                   \
	}

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

static const struct device_kind kinds[] = {
	{ "pcie-root-port", "a PCI Express root port, with a bus of one slot behind it", root_port_keys,
	  COUNT(root_port_keys), false, plan_root_port, create_root_port },
	{ "vfio-pci", "a PCI device of the host, or a mediated one, passed through", vfio_pci_keys,
	  COUNT(vfio_pci_keys), true, plan_vfio_pci, create_vfio_pci },
};

/* Devices of other monitors that people may ask for, and why they are not here. */
static const struct {
	const char *prefix;
	const char *refusal;
} unsupported[] = {
	{ "intel-iommu", "a virtual IOMMU is not supported" },
	{ "amd-iommu", "a virtual IOMMU is not supported" },
	{ "virtio-iommu", "a virtual IOMMU is not supported" },
	{ "vfio-user", "devices served over the vfio-user protocol are not supported" },
	{ "vfio-", "only vfio-pci is supported" },
	{ "virtio-", "virtio devices are not there yet; pass a device through by vfio-pci" },
	{ "vhost-", "virtio devices are not there yet; pass a device through by vfio-pci" },
	{ "nvme", "there is no emulated NVMe; pass one through by vfio-pci" },
	{ "e1000", "there is no emulated network card; pass one through by vfio-pci" },
	{ "usb", "there is no emulated USB; pass a controller through by vfio-pci" },
	{ "qemu-xhci", "there is no emulated USB; pass a controller through by vfio-pci" },
};

static int unknown_kind(const char *name)
{
	for (size_t i = 0; i < COUNT(unsupported); i++) {
		if (strncmp(name, unsupported[i].prefix, strlen(unsupported[i].prefix)) == 0) {
			error_set(ENOTSUP, "'%s' is not a valid device model name: %s", name,
				  unsupported[i].refusal);
			return error_try("handfast -device help");
		}
	}
	error_set(EINVAL, "'%s' is not a valid device model name", name);
	return error_try("handfast -device help");
}

const struct device_kind *device_kind_find(const char *name)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	unknown_kind(name);
	return NULL;
}

const struct device_kind *device_kind_at(size_t index)
{
	return index < COUNT(kinds) ? &kinds[index] : NULL;
}

/* A number of at most max. bare: without 0x, where QEMU reads hexadecimal and StratoVirt decimal. */
static int read_addr_part(const char *text, size_t length, uint64_t max, const char *what,
			  uint64_t *ret_value)
{
	char part[32], hex[sizeof(part) + 2]; /* with zeros in front, for those who write them */
	uint64_t value;
	int error;

	if (length == 0 || length >= sizeof(part))
		return error_set(EINVAL, "'%.*s' is not a %s", (int)length, text, what);
	memcpy(part, text, length);
	part[length] = '\0';
	if (part[0] == '0' && (part[1] == 'x' || part[1] == 'X')) {
		error = text_to_u64(part, 255, &value);
	} else {
		uint64_t decimal;

		for (size_t i = 0; i < length; i++) {
			if (!isxdigit((unsigned char)part[i]))
				return error_set(EINVAL, "'%s' is not a %s", part, what);
		}
		snprintf(hex, sizeof(hex), "0x%s", part);
		error = text_to_u64(hex, 255, &value);
		if (error == 0 && text_to_u64(part, 255, &decimal) == 0 && decimal != value) {
			error_set(EINVAL, "'%s' is %u to QEMU and %u to StratoVirt", part, (unsigned)value,
				  (unsigned)decimal);
			return error_try("write 0x%x or 0x%x", (unsigned)value, (unsigned)decimal);
		}
	}
	if (error < 0)
		return error_set(EINVAL, "'%s' is not a %s", part, what);
	if (value > max)
		return error_set(EINVAL, "%s %s is too large: 0 to 0x%x", what, part, (unsigned)max);
	*ret_value = value;
	return 0;
}

int device_addr_parse(const char *text, uint8_t *ret_devfn)
{
	const char *dot = strchr(text, '.');
	uint64_t slot, function = 0;
	int error =
		read_addr_part(text, dot ? (size_t)(dot - text) : strlen(text), PCI_SLOTS - 1, "slot", &slot);

	if (error == 0 && dot)
		error = read_addr_part(dot + 1, strlen(dot + 1), PCI_FUNCTIONS - 1, "function", &function);
	if (error < 0) {
		error_tried("use addr=%s", text);
		return error_try_else("addr=0x3, or addr=0x03.0x0 for slot and function");
	}
	*ret_devfn = PCI_DEVFN_OF((unsigned)slot, (unsigned)function);
	return 0;
}

/* The keys of every device. */
static int plan_common(struct keyvals *keyvals, struct device_plan *plan)
{
	const char *id = keyvals_take(keyvals, "id");
	const char *bus = keyvals_take(keyvals, "bus");
	const char *addr = keyvals_take(keyvals, "addr");

	if (id && *id == '\0') {
		error_set(EINVAL, "its id is empty");
		return error_try("id=NAME, or leave id= out");
	}
	if (bus && *bus == '\0') {
		error_set(EINVAL, "its bus is empty");
		return error_try("bus=pcie.0, the id of a pcie-root-port, or leave bus= out");
	}
	plan->id = id ? strdup(id) : NULL;
	plan->bus = strdup(bus ? bus : "pcie.0");
	if (!plan->bus || (id && !plan->id))
		return error_sys(ENOMEM, "options");
	plan->placed = addr != NULL;
	if (addr) {
		int error = device_addr_parse(addr, &plan->devfn);

		if (error < 0)
			return error;
	}
	return keyvals_take_bool(keyvals, "multifunction", &plan->multifunction);
}

int device_plan_fill(const struct device_kind *kind, struct keyvals *keyvals, struct device_plan *ret_plan)
{
	struct device_plan plan = { .kind = kind };
	char what[64];
	int error;

	snprintf(what, sizeof(what), "-device %s", kind->name);
	error = keyvals_check(keyvals, what, kind->keys, kind->key_count);
	if (error == 0)
		error = plan_common(keyvals, &plan);
	if (error == 0)
		error = kind->plan(keyvals, &plan);
	if (error < 0)
		device_plan_free(&plan);
	else
		*ret_plan = plan;
	return error;
}

/* "driver" was the first word; what is left are the device's own keys. */
static int read_keyvals(struct keyvals keyvals, struct device_plan *ret_plan)
{
	const char *driver = keyvals_take(&keyvals, "driver");
	const struct device_kind *kind;

	if (!driver)
		return error_set(EINVAL, "it names no driver");
	kind = device_kind_find(driver);
	if (!kind)
		return -error_get()->errnum;
	memmove(&keyvals.items[0], &keyvals.items[1], (--keyvals.count) * sizeof(keyvals.items[0]));
	return device_plan_fill(kind, &keyvals, ret_plan);
}

int device_plan_read(const char *argument, struct device_plan *ret_plan)
{
	struct keyvals keyvals;
	int error;

	if (argument[0] == '{') {
		error_set(ENOTSUP, "devices in JSON are not there yet");
		return error_try("-device DRIVER,KEY=VALUE,...");
	}
	error = keyvals_parse(argument, "driver", &keyvals);
	if (error == 0) {
		error = read_keyvals(keyvals, ret_plan);
		keyvals_free(&keyvals);
	}
	return error < 0 ? error_tried("use -device %s", argument) : 0;
}

void device_plan_free(struct device_plan *plan)
{
	free(plan->id);
	free(plan->bus);
	free(plan->sysfsdev);
	free(plan->vf_token);
	free(plan->romfile);
	vfio_rom_free(plan->rom);
	*plan = (struct device_plan){ 0 };
}

int device_print_help(const char *argument)
{
	const struct device_kind *kind;
	const char *comma = strchr(argument, ',');
	char name[64];

	if (strcmp(argument, "help") == 0 || strcmp(argument, "?") == 0) {
		for (size_t i = 0; i < COUNT(kinds); i++)
			printf("%-16s %s\n", kinds[i].name, kinds[i].summary);
		return 1;
	}
	if (!comma || (strcmp(comma, ",help") != 0 && strcmp(comma, ",?") != 0))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(comma - argument), argument);
	kind = device_kind_find(name);
	if (!kind)
		return -error_get()->errnum;
	printf("%s: %s\n", kind->name, kind->summary);
	keyvals_print_help(kind->keys, kind->key_count);
	return 1;
}

const char *device_plan_name(const struct device_plan *plan, char *ret_text, size_t size)
{
	char host[HOST_ID_TEXT_SIZE];

	if (plan->id)
		snprintf(ret_text, size, "%s '%s'", plan->kind->name, plan->id);
	else
		snprintf(ret_text, size, "%s %s", plan->kind->name,
			 plan->host_known ? host_id_format(&plan->host, host) : plan->sysfsdev);
	return ret_text;
}
