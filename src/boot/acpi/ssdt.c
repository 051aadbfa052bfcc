/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi/acpi-priv.h"

#include <stdio.h>

#include "base/check.h"

/* What differs from machine to machine in the ACPI name space; the rest is in dsdt.asl. */
#define ECAM_BYTES_PER_BUS (UINT64_C(1) << 20)
#define FOUR_GIB	   (UINT64_C(1) << 32)

#define COM1_PORT 0x3f8
#define COM1_IRQ  4

#define CONFIG_PORT  0xcf8 /* configuration address and data */
#define CONFIG_PORTS 8

#define PCI_SLOTS_ON_BUS 32
#define PCI_PINS	 4
#define PCI_GSI_BASE	 16
#define PCI_GSI_MASK	 7

/* The four blocks of registers that struct boot_acpi_ports tells the starts of. */
#define PM_EVENT_PORTS	 4
#define PM_CONTROL_PORTS 2
#define PM_TIMER_PORTS	 4
#define GPE0_PORTS	 16

/* \_S5: what to write to PM1a's (and PM1b's) SLP_TYP to power off. ACPI 6.5, 7.4.2. */
static void write_s5(struct aml *out, const struct boot_machine *machine)
{
	size_t package;

	aml_name(out, "\\_S5");
	package = aml_package_begin(out, 4);
	aml_integer(out, machine->acpi.s5);
	for (unsigned i = 1; i < 4; i++)
		aml_integer(out, 0);
	aml_end(out, package);
}

/* Processors: their numbers are the MADT's. ACPI 6.5, 8.4. */
static void write_cpus(struct aml *out, const struct boot_machine *machine)
{
	for (unsigned i = 0; i < machine->topology.cpus; i++) {
		char name[16];
		size_t device;

		check(i <= 0xfff); /* KVM has no more */
		snprintf(name, sizeof(name), "C%03X", i);
		device = aml_device_begin(out, name);
		aml_name_string(out, "_HID", "ACPI0007");
		aml_name_integer(out, "_UID", i);
		aml_end(out, device);
	}
}

/* ECAM must be a motherboard resource (PCI Firmware 3.3, 4.1.2), and so are ports that no other device has.
 */
static void write_motherboard(struct aml *out, const struct boot_machine *machine)
{
	const struct boot_acpi_ports *ports = &machine->acpi;
	size_t device = aml_device_begin(out, "MBRD");
	size_t resources;

	aml_name_eisa_id(out, "_HID", "PNP0C02");
	aml_name_integer(out, "_UID", 0);
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	if (machine->ecam_start + machine->ecam_size <= FOUR_GIB)
		aml_resource_memory32_fixed(out, (uint32_t)machine->ecam_start, (uint32_t)machine->ecam_size);
	else
		aml_resource_space64(out, AML_SPACE_MEMORY, AML_USE_CONSUMER, machine->ecam_start,
				     machine->ecam_start + machine->ecam_size - 1);
	aml_resource_io(out, ports->pm_event, PM_EVENT_PORTS);
	aml_resource_io(out, ports->pm_control, PM_CONTROL_PORTS);
	aml_resource_io(out, ports->pm_timer, PM_TIMER_PORTS);
	aml_resource_io(out, ports->gpe0, GPE0_PORTS);
	if (machine->acpi_hotplug)
		aml_resource_io(out, BOOT_ACPI_SLOTS_PORT, BOOT_ACPI_SLOTS_PORTS);
	aml_resources_end(out, resources);
	aml_end(out, device);
}

static void write_serial(struct aml *out)
{
	size_t device = aml_device_begin(out, "COM1");
	size_t resources;

	aml_name_eisa_id(out, "_HID", "PNP0501");
	aml_name_integer(out, "_UID", 1);
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_resource_io(out, COM1_PORT, 8);
	aml_resource_irq(out, COM1_IRQ);
	aml_resources_end(out, resources);
	aml_end(out, device);
}

/*
 * The host bridge's windows. The one above 4 GiB is not marked prefetchable although BARs in it mostly are:
 * a guest puts prefetchable BARs into either kind, but no others into a prefetchable window.
 */
static void write_windows(struct aml *out, const struct boot_machine *machine)
{
	const struct mem_range *low = &machine->mmio32;
	const struct mem_range *high = &machine->mmio64;
	size_t resources;

	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_resource_space16(out, AML_SPACE_BUS, 0, (uint16_t)(machine->ecam_size / ECAM_BYTES_PER_BUS - 1));
	aml_resource_io(out, CONFIG_PORT, CONFIG_PORTS);
	aml_resource_space16(out, AML_SPACE_IO, machine->io_start, machine->io_end);
	check(low->start + low->size <= FOUR_GIB);
	aml_resource_space32(out, AML_SPACE_MEMORY, (uint32_t)low->start,
			     (uint32_t)(low->start + low->size - 1));
	if (high->size > 0)
		aml_resource_space64(out, AML_SPACE_MEMORY, AML_USE_PRODUCER, high->start,
				     high->start + high->size - 1);
	aml_resources_end(out, resources);
}

/*
 * Interrupt lines of the root bus: slot s, pin p (0: INTA) is wired to GSI 16 + ((s + p) & 7), as
 * pci_function_gsi() has it. What stands behind bridges is swizzled by the guest. ACPI 6.5, 6.2.13.
 */
static void write_routes(struct aml *out)
{
	size_t routes;

	aml_name(out, "_PRT");
	routes = aml_package_begin(out, PCI_SLOTS_ON_BUS * PCI_PINS);
	for (unsigned slot = 0; slot < PCI_SLOTS_ON_BUS; slot++) {
		for (unsigned pin = 0; pin < PCI_PINS; pin++) {
			size_t route = aml_package_begin(out, 4);

			aml_integer(out, slot << 16 | 0xffff); /* every function of the slot */
			aml_integer(out, pin);
			aml_integer(out, 0); /* no link device: the last is a GSI */
			aml_integer(out, PCI_GSI_BASE + ((slot + pin) & PCI_GSI_MASK));
			aml_end(out, route);
		}
	}
	aml_end(out, routes);
}

size_t acpi_write_ssdt(struct aml *out, const struct boot_machine *machine)
{
	size_t table = acpi_table_begin(out, "SSDT", 2);
	size_t scope;

	write_s5(out, machine);
	scope = aml_scope_begin(out, "\\_SB");
	write_cpus(out, machine);
	write_motherboard(out, machine);
	if (machine->serial)
		write_serial(out);
	aml_end(out, scope);
	scope = aml_scope_begin(out, "\\_SB.PCI0");
	write_windows(out, machine);
	write_routes(out);
	acpi_write_slots(out, machine);
	aml_end(out, scope);
	acpi_table_end(out, table);
	return table;
}
