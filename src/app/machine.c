/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "app/monitor.h"
#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "host/guest-map.h"
#include "pci/assign.h"

#define SERIAL_PORT 0x3f8
#define SERIAL_GSI  4
#define RTC_GSI	    8

static void set_serial_irq(void *opaque, bool level)
{
	kvm_irq_line(opaque, SERIAL_GSI, level);
}

static void set_rtc_irq(void *opaque, bool level)
{
	kvm_irq_line(opaque, RTC_GSI, level);
}

static void set_sci(void *opaque, bool level)
{
	kvm_irq_line(opaque, PM_GSI_SCI, level);
}

/* Puts a part of a block into the map; alone: where no device reaches it. */
static int add_ram(struct machine *machine, const struct mem_ram_block *block, gpa_t start, gpa_t end,
		   bool alone)
{
	struct mem_region *region = &machine->ram_regions[machine->ram_region_count];
	int error;

	if (start >= end)
		return 0;
	*region = (struct mem_region){
		.start = start,
		.size = end - start,
		.host = (char *)block->host + (start - block->start),
		.kind = MEM_KIND_RAM,
		.alone = alone,
		.name = "RAM",
	};
	error = mem_map_add(machine->map, region);
	if (error == 0)
		machine->ram_region_count++;
	return error;
}

static int add_block(struct machine *machine, const struct mem_ram_block *block)
{
	gpa_t from = block->start, end = block->start + block->size;
	int error = 0;

	if (machine->layout.legacy_apart && from < GUEST_BASE_END && end > GUEST_BASE_END) {
		gpa_t legacy_end = end < GUEST_LEGACY_END ? end : GUEST_LEGACY_END;

		error = add_ram(machine, block, from, GUEST_BASE_END, false);
		if (error == 0)
			error = add_ram(machine, block, GUEST_BASE_END, legacy_end, true);
		from = legacy_end;
	}
	if (error == 0)
		error = add_ram(machine, block, from, end, false);
	log_debug("guest memory at 0x%" PRIx64 " to 0x%" PRIx64, block->start, end - 1);
	return error;
}

static int create_memory(struct machine *machine)
{
	/* What the processor itself answers at, and configuration space, by which a BAR that covers it could
	 * never be moved away again: nobody's BAR may take their place. */
	static const struct mem_range machines_own[] = {
		{ LAYOUT_PLATFORM_START, LAYOUT_PLATFORM_SIZE },
		{ LAYOUT_ECAM_START, LAYOUT_ECAM_SIZE },
	};
	const struct mem_ram_block *blocks;
	size_t count;
	int error;

	machine->layout_host.phys_bits = kvm_vm_phys_bits(machine->vm);
	error = layout_make(machine->options->memory, &machine->layout_host, &machine->layout);
	if (error == 0)
		error = mem_ram_create(machine->layout.ram, machine->layout.ram_count, &machine->ram);
	if (error == 0)
		error = mem_map_create(&machine->lock, machines_own, 2, &machine->map);
	if (error == 0)
		error = mem_bus_create(&machine->lock, &machine->mmio);
	if (error == 0)
		error = mem_bus_create(&machine->lock, &machine->pio);
	if (error < 0)
		return error;
	slots_init(&machine->slots, machine->vm);
	error = mem_map_listen(machine->map, &machine->slots.listener);
	count = mem_ram_blocks(machine->ram, &blocks);
	for (size_t i = 0; error == 0 && i < count; i++) {
		error = add_block(machine, &blocks[i]);
		if (machine->options->dump_guest_core)
			madvise(blocks[i].host, blocks[i].size, MADV_DODUMP);
	}
	return error;
}

static int create_vcpus(struct machine *machine)
{
	const struct kvm_topology *topology = &machine->options->topology;

	if (topology->cpus > kvm_vm_max_vcpus(machine->vm)) {
		error_set(EINVAL, "this host's KVM runs at most %u vCPUs in a VM",
			  kvm_vm_max_vcpus(machine->vm));
		error_tried("make %u vCPUs", topology->cpus);
		return error_try("-smp %u", kvm_vm_max_vcpus(machine->vm));
	}
	for (; machine->vcpu_count < topology->cpus; machine->vcpu_count++) {
		int error = kvm_vcpu_create(machine->vm, machine->vcpu_count, topology, machine->options->pmu,
					    &machine_vcpu_ops, machine, &machine->vcpus[machine->vcpu_count]);

		if (error < 0)
			return error;
	}
	return 0;
}

static int create_platform(struct machine *machine)
{
	struct kvm_vm *vm = machine->vm;
	int error = chardev_create(machine->loop, &machine->options->serial.options, &machine->chardev);

	if (error < 0)
		error_try_else("name a place behind -serial where a file or socket can be made");
	if (error == 0)
		error = serial_create(machine->pio, SERIAL_PORT, (struct dev_irq){ set_serial_irq, vm },
				      machine->chardev, &machine->serial);
	if (error == 0)
		error = rtc_create(machine->pio, machine->loop, (struct dev_irq){ set_rtc_irq, vm },
				   &machine->rtc);
	if (error == 0)
		error = pm_create(machine->pio, machine->loop, (struct dev_irq){ set_sci, vm },
				  &machine_dev_ops, machine, &machine->pm);
	if (error == 0)
		error = i8042_create(machine->pio, &machine_dev_ops, machine, &machine->i8042);
	return error;
}

static bool show_progress(void *opaque, uint64_t done, uint64_t total)
{
	char part[32], whole[32];

	machine_die_if_signalled(opaque);
	log_info("guest memory: %s of %s faulted in", text_size(done, part, sizeof(part)),
		 text_size(total, whole, sizeof(whole)));
	return true;
}

/* Faulted in on all processors first, memory is pinned much faster than by the kernel's own single thread. */
static int populate(struct machine *machine)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int error = mem_ram_populate(machine->ram, processors > 0 ? (unsigned)processors : 1, show_progress,
				     machine);

	machine->populated = error == 0;
	return error;
}

/* Once the guest knows of slots: there is a power management by then. */
static void raise_gpe(void *opaque)
{
	struct machine *machine = opaque;

	pm_gpe(machine->pm, BOOT_ACPI_SLOTS_GPE);
}

static int create_devices(struct machine *machine)
{
	const struct vfio_handles vfio_handles = {
		.broker = machine->broker,
		.vm = machine->vm,
		.map = machine->map,
		.mmio = machine->mmio,
		.pio = machine->pio,
		.loop = machine->loop,
		.events = machine_device_events(machine),
	};
	bool pinned = machine->options->prealloc;
	unsigned ports = 0;
	int error = pci_bus_create_root(&machine->lock, "pcie.0", &machine->root_bus);

	signals_init(&machine->signals, machine->vm);
	for (const struct device_plan *plan = machine->plans; plan; plan = plan->next)
		ports += !plan->kind->host_device;
	machine->ecam_size = layout_ecam_size(ports);
	if (error == 0)
		error = pci_host_bridge_create(machine->root_bus, machine->mmio, machine->pio,
					       LAYOUT_ECAM_START, machine->ecam_size, &machine->host_bridge);
	if (error == 0)
		error = vfio_create(&vfio_handles, &machine->vfio);
	if (error == 0 && !machine->options->native_hotplug)
		error = pci_acpi_create(machine->pio, BOOT_ACPI_SLOTS_PORT, raise_gpe, machine,
					&machine->acpi);
	/* Ports first: the buses that the others sit on. */
	for (struct device_plan *plan = machine->plans; error == 0 && plan; plan = plan->next) {
		pinned = pinned || plan->kind->host_device;
		if (!plan->kind->host_device)
			error = machine_attach(machine, plan);
	}
	if (error == 0 && pinned)
		error = populate(machine);
	for (struct device_plan *plan = machine->plans; error == 0 && plan; plan = plan->next) {
		if (plan->kind->host_device)
			error = machine_attach(machine, plan);
	}
	if (error == 0)
		vfio_reset_fresh(machine->vfio);
	return error == 0 ? pci_bus_validate(machine->root_bus) : error;
}

static int create_all(struct machine *machine)
{
	int error = machine_check(machine);

	if (error == 0)
		error = loop_create(&machine->loop);
	if (error == 0)
		error = machine_plug_create(machine);
	if (error == 0)
		error = machine_unplug_create(machine);
	if (error == 0)
		error = machine_claims_create(machine);
	if (error == 0)
		error = machine_watch(machine);
	if (error == 0)
		error = monitor_start(machine);
	if (error == 0) {
		error = kvm_vm_create(machine->kvm_fd, &machine->vm);
		machine->kvm_fd = -1;
	}
	if (error == 0)
		error = create_memory(machine);
	if (error == 0)
		error = create_vcpus(machine);
	if (error == 0)
		error = create_devices(machine);
	/* Last, for it changes the terminal's modes, and what comes before can take long. */
	if (error == 0)
		error = create_platform(machine);
	return error == 0 ? machine_load(machine) : error;
}

int machine_create(const struct options *options, struct machine **ret_machine)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	int error;

	if (!machine)
		return error_sys(ENOMEM, "machine");
	machine->options = options;
	machine->kernel_fd = machine->initrd_fd = machine->kvm_fd = -1;
	machine->request_source.fd = machine->signal_source.fd = -1;
	lock_init(&machine->lock);
	error = create_all(machine);
	if (error < 0) {
		struct error kept = *error_get();

		if (machine_destroy(machine) < 0)
			log_failure(error_get());
		return error_load(&kept);
	}
	*ret_machine = machine;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void destroy_vcpus(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_stop(machine->vcpus[i]);
	for (unsigned i = 0; i < machine->vcpu_count; i++)
		kvm_vcpu_destroy(machine->vcpus[i]);
}

static void destroy_memory(struct machine *machine)
{
	if (machine->map) {
		for (size_t i = 0; i < machine->ram_region_count; i++)
			mem_map_remove(machine->map, &machine->ram_regions[i]);
		mem_map_unlisten(machine->map, &machine->slots.listener);
		mem_map_destroy(machine->map);
	}
	if (machine->mmio)
		mem_bus_destroy(machine->mmio);
	if (machine->pio)
		mem_bus_destroy(machine->pio);
	if (machine->vm)
		kvm_vm_destroy(machine->vm);
	if (machine->ram)
		mem_ram_destroy(machine->ram);
}

int machine_destroy(struct machine *machine)
{
	int error;

	if (!machine)
		return 0;
	destroy_vcpus(machine);
	machine_plug_destroy(machine);
	machine_unplug_destroy(machine);
	machine_claims_destroy(machine);
	if (machine->host_bridge)
		pci_host_bridge_destroy(machine->host_bridge);
	if (machine->root_bus)
		pci_bus_destroy(machine->root_bus); /* the assigned devices with it */
	pci_acpi_destroy(machine->acpi);
	if (machine->vfio)
		vfio_destroy(machine->vfio);
	i8042_destroy(machine->i8042);
	pm_destroy(machine->pm);
	rtc_destroy(machine->rtc);
	if (machine->serial)
		serial_destroy(machine->serial);
	chardev_destroy(machine->chardev);
	destroy_memory(machine);
	/* After the devices: to whoever waits for the end of a connection it means that they are free. */
	qmp_destroy(machine->qmp);
	machine_unwatch(machine);
	loop_destroy(machine->loop);
	close_fd(machine->kernel_fd);
	close_fd(machine->initrd_fd);
	close_fd(machine->kvm_fd);
	error = broker_stop(machine->broker);
	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	lock_fini(&machine->lock);
	free(machine);
	return error;
}
