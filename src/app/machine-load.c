/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/machine-priv.h"
#include "pci/assign.h"

/* The slots that ACPI has names for, in its order. */
static unsigned list_slots(const struct machine *machine, struct boot_slot ret_slots[PCI_ACPI_SLOTS])
{
	unsigned count = 0;

	while (machine->acpi && pci_acpi_port(machine->acpi, count)) {
		const struct pci_function *port = pci_acpi_port(machine->acpi, count);

		ret_slots[count++] = (struct boot_slot){
			.port = port->devfn,
			.number = machine_device_plan(machine, port)->root_port.slot,
		};
	}
	return count;
}

int machine_load(struct machine *machine)
{
	const struct options *options = machine->options;
	struct boot_slot slots[PCI_ACPI_SLOTS];
	const struct boot_linux_options linux_options = {
		.kernel_fd = machine->kernel_fd,
		.initrd_fd = machine->initrd_fd,
		.cmdline = options->append,
		.kernel_path = options->kernel,
		.initrd_path = options->initrd,
	};
	struct boot_machine boot = {
		.topology = options->topology,
		.ecam_start = LAYOUT_ECAM_START,
		.ecam_size = machine->ecam_size,
		.serial = true,
		.acpi_hotplug = machine->acpi != NULL,
		.slots = slots,
		.slot_count = list_slots(machine, slots),
		.acpi = {
			.pm_event = PM_PORT_EVENT,
			.pm_control = PM_PORT_CONTROL,
			.pm_timer = PM_PORT_TIMER,
			.gpe0 = PM_PORT_GPE0,
			.reset_port = PM_PORT_RESET,
			.reset_value = PM_RESET_VALUE,
			.sci = PM_GSI_SCI,
			.s5 = PM_SLP_TYP_S5,
		},
	};
	struct kvm_x86_entry entry;
	struct pci_windows windows = { 0 };
	int error = layout_assign(&machine->layout, machine->root_bus, &windows);

	machine_claims_restart(machine);
	boot.mmio32 = windows.mmio32;
	boot.mmio64 = windows.mmio64;
	boot.io_start = windows.io_start;
	boot.io_end = windows.io_end;
	if (error == 0)
		error = boot_linux_load(&linux_options, &boot, machine->ram, &entry);
	for (unsigned i = 0; error == 0 && i < machine->vcpu_count; i++)
		error = kvm_vcpu_reset(machine->vcpus[i], &entry);
	return error;
}
