/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What -device and device_add say, read into plans: the table of kinds, the keys that every device has, the
 * address. What a kind reads and makes has a file of its own, device-KIND.c.
 */
#include "app/devices-priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct device_kind *const kinds[] = {
	&device_kind_root_port,
	&device_kind_vfio_pci,
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
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	unknown_kind(name);
	return NULL;
}

const struct device_kind *device_kind_at(size_t index)
{
	return index < COUNT(kinds) ? kinds[index] : NULL;
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
			printf("%-16s %s\n", kinds[i]->name, kinds[i]->summary);
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
