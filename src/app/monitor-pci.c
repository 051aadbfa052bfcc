/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-pci, in QEMU's shape (qapi/pci.json), from the registers as the guest has set them. */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "app/monitor-priv.h"

#define NOT_MAPPED (-1)

static uint32_t get(struct pci_function *function, unsigned offset, unsigned size)
{
	return function->ops->config_read(function, offset, size);
}

static void add_int(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

/* In QEMU's words, as far as devices of these classes are passed through at all. */
static const char *class_name(unsigned class)
{
	static const struct {
		unsigned class;
		const char *name;
	} names[] = {
		{ 0x0100, "SCSI controller" },
		{ 0x0101, "IDE controller" },
		{ 0x0104, "RAID controller" },
		{ 0x0106, "SATA controller" },
		{ 0x0107, "SAS controller" },
		{ 0x0108, "NVMe controller" },
		{ 0x0200, "Ethernet controller" },
		{ 0x0207, "InfiniBand controller" },
		{ 0x0280, "Network controller" },
		{ 0x0300, "VGA controller" },
		{ 0x0302, "3D controller" },
		{ 0x0380, "Display controller" },
		{ 0x0401, "Audio controller" },
		{ 0x0403, "Audio controller" },
		{ 0x0500, "RAM controller" },
		{ 0x0600, "Host bridge" },
		{ 0x0601, "ISA bridge" },
		{ 0x0604, "PCI bridge" },
		{ 0x0700, "Serial port" },
		{ 0x0c03, "USB controller" },
		{ 0x1200, "Processing accelerator" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].class == class)
			return names[i].name;
	}
	return NULL;
}

static struct json_object *class_info(struct pci_function *function)
{
	struct json_object *object = json_object_new_object();
	unsigned class = get(function, PCI_CLASS_DEVICE, 2);

	add_int(object, "class", class);
	if (class_name(class))
		json_object_object_add(object, "desc", json_object_new_string(class_name(class)));
	return object;
}

static struct json_object *identity(struct pci_function *function)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "vendor", get(function, PCI_VENDOR_ID, 2));
	add_int(object, "device", get(function, PCI_DEVICE_ID, 2));
	if (!function->secondary) {
		add_int(object, "subsystem-vendor", get(function, PCI_SUBSYSTEM_VENDOR_ID, 2));
		add_int(object, "subsystem", get(function, PCI_SUBSYSTEM_ID, 2));
	}
	return object;
}

/* Where the guest has put a BAR; NOT_MAPPED while it is not decoded. */
static int64_t bar_address(struct pci_function *function, unsigned bar)
{
	const struct pci_bar *shape = &function->bars[bar];
	unsigned offset = PCI_BASE_ADDRESS_0 + 4 * bar, command = get(function, PCI_COMMAND, 2);
	uint64_t address = get(function, offset, 4);

	if (!(command & (shape->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return NOT_MAPPED;
	if (shape->kind == PCI_BAR_MEM64)
		address |= (uint64_t)get(function, offset + 4, 4) << 32;
	address &= shape->kind == PCI_BAR_IO ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK;
	return address ? (int64_t)address : NOT_MAPPED;
}

static struct json_object *regions(struct pci_function *function)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &function->bars[i];
		struct json_object *region;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		region = json_object_new_object();
		add_int(region, "bar", i);
		json_object_object_add(region, "type",
				       json_object_new_string(bar->kind == PCI_BAR_IO ? "io" : "memory"));
		add_int(region, "address", bar_address(function, i));
		add_int(region, "size", (int64_t)bar->size);
		if (bar->kind != PCI_BAR_IO) {
			json_object_object_add(region, "prefetch",
					       json_object_new_boolean(bar->prefetchable));
			json_object_object_add(region, "mem_type_64",
					       json_object_new_boolean(bar->kind == PCI_BAR_MEM64));
		}
		json_object_array_add(list, region);
	}
	return list;
}

static void add_range(struct json_object *bus, const char *key, uint64_t base, uint64_t limit)
{
	struct json_object *range = json_object_new_object();

	add_int(range, "base", (int64_t)base);
	add_int(range, "limit", (int64_t)limit);
	json_object_object_add(bus, key, range);
}

/* PCI-to-PCI Bridge 1.2, 3.2.5.6 to 3.2.5.10. */
static void add_windows(struct pci_function *bridge, struct json_object *bus)
{
	uint64_t io_base = get(bridge, PCI_IO_BASE, 1), io_limit = get(bridge, PCI_IO_LIMIT, 1);
	uint64_t base = get(bridge, PCI_PREF_MEMORY_BASE, 2), limit = get(bridge, PCI_PREF_MEMORY_LIMIT, 2);
	bool wide = (base & PCI_PREF_RANGE_TYPE_MASK) == PCI_PREF_RANGE_TYPE_64;

	io_base = (io_base & 0xf0) << 8;
	io_limit = (io_limit & 0xf0) << 8 | 0xfff;
	if ((get(bridge, PCI_IO_BASE, 1) & PCI_IO_RANGE_TYPE_MASK) == PCI_IO_RANGE_TYPE_32) {
		io_base |= (uint64_t)get(bridge, PCI_IO_BASE_UPPER16, 2) << 16;
		io_limit |= (uint64_t)get(bridge, PCI_IO_LIMIT_UPPER16, 2) << 16;
	}
	add_range(bus, "io_range", io_base, io_limit);
	add_range(bus, "memory_range", (uint64_t)(get(bridge, PCI_MEMORY_BASE, 2) & 0xfff0) << 16,
		  (uint64_t)(get(bridge, PCI_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff);
	base = (base & 0xfff0) << 16;
	limit = (limit & 0xfff0) << 16 | 0xfffff;
	if (wide) {
		base |= (uint64_t)get(bridge, PCI_PREF_BASE_UPPER32, 4) << 32;
		limit |= (uint64_t)get(bridge, PCI_PREF_LIMIT_UPPER32, 4) << 32;
	}
	add_range(bus, "prefetchable_range", base, limit);
}

static struct json_object *devices(struct pci_bus *bus, unsigned number);

static struct json_object *bridge_info(struct pci_function *bridge)
{
	struct json_object *object = json_object_new_object(), *bus = json_object_new_object();
	unsigned secondary = get(bridge, PCI_SECONDARY_BUS, 1);

	add_int(bus, "number", get(bridge, PCI_PRIMARY_BUS, 1));
	add_int(bus, "secondary", secondary);
	add_int(bus, "subordinate", get(bridge, PCI_SUBORDINATE_BUS, 1));
	add_windows(bridge, bus);
	json_object_object_add(object, "bus", bus);
	json_object_object_add(object, "devices", devices(bridge->secondary, secondary));
	return object;
}

static struct json_object *device(struct pci_function *function, unsigned bus, uint8_t devfn)
{
	struct json_object *object = json_object_new_object();
	unsigned pin = get(function, PCI_INTERRUPT_PIN, 1);

	add_int(object, "bus", bus);
	add_int(object, "slot", devfn >> 3);
	add_int(object, "function", devfn & 7);
	json_object_object_add(object, "class_info", class_info(function));
	json_object_object_add(object, "id", identity(function));
	if (pin)
		add_int(object, "irq", get(function, PCI_INTERRUPT_LINE, 1));
	add_int(object, "irq_pin", pin);
	json_object_object_add(object, "qdev_id", qmp_string(function->id ? function->id : ""));
	json_object_object_add(object, "regions", regions(function));
	if (function->secondary)
		json_object_object_add(object, "pci_bridge", bridge_info(function));
	return object;
}

static struct json_object *devices(struct pci_bus *bus, unsigned number)
{
	struct json_object *list = json_object_new_array();

	for (unsigned devfn = 0; devfn < PCI_SLOTS * PCI_FUNCTIONS; devfn++) {
		struct pci_function *function = pci_bus_function(bus, (uint8_t)devfn);

		if (function)
			json_object_array_add(list, device(function, number, (uint8_t)devfn));
	}
	return list;
}

struct json_object *monitor_pci(struct pci_bus *root)
{
	struct json_object *list = json_object_new_array(), *bus = json_object_new_object();

	add_int(bus, "bus", 0);
	json_object_object_add(bus, "devices", devices(root, 0));
	json_object_array_add(list, bus);
	return list;
}
