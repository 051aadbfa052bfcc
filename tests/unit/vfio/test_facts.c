/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a function tells of itself: real buses and map, the device and KVM below made up. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/error.h"
#include "vfio/facts.h"
#include "vfio/pci-priv.h"

#define SLOT	PCI_DEVFN_OF(3, 0)
#define ADDRESS 0xc0000000u
#define PORTS	0xc000u

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;

static void release(void *opaque, struct vfio_device *device) {}

static int reset_bus(void *opaque)
{
	return 1;
}

static int setup(void **state)
{
	static const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };
	const struct vfio_pci_options options = { .id = "disk" };

	fake_device_init(&fake);
	fake_set(fake.config, PCI_ROM_ADDRESS, 4, 0);
	fake.intx = (struct vfio_irq){ .count = 1, .eventfd = true };
	fake.msi = (struct vfio_irq){ .count = FAKE_VECTORS, .eventfd = true };
	fake.device.group = 14;
	fake.device.backend = "type1";
	strcpy(fake.device.reset_method, "flr");
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	assert_int_equal(pci_bus_create_root(&machine, "pcie.0", &root), 0);
	assert_int_equal(vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function), 0);
	return pci_bus_attach(root, SLOT, function);
}

static int teardown(void **state)
{
	pci_bus_destroy(root);
	mem_map_destroy(handles.map);
	mem_bus_destroy(handles.mmio);
	mem_bus_destroy(handles.pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	return 0;
}

static struct vfio_pci_facts facts(void)
{
	struct vfio_pci_facts result;

	vfio_pci_facts_get(function, &result);
	return result;
}

static void set(unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(root, 0, SLOT, offset, size, value);
}

/* As firmware does. */
static void place(void)
{
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_BASE_ADDRESS_1, 4, 0);
	set(PCI_BASE_ADDRESS_2, 4, PORTS);
	set(PCI_BASE_ADDRESS_3, 4, ADDRESS + 0x10000);
}

static void decode(uint32_t bits)
{
	set(PCI_COMMAND, 2, bits);
}

static void vector_on(unsigned vector)
{
	mem_bus_write(handles.mmio, ADDRESS + 0x2000 + 16 * vector, &(uint64_t){ 0xfee00000 }, 8);
	mem_bus_write(handles.mmio, ADDRESS + 0x2008 + 16 * vector, &(uint64_t){ 0x41 }, 8);
}

static void test_who_it_is(void **state)
{
	const struct vfio_pci_facts now = facts();

	assert_string_equal(now.host, "0000:01:00.0");
	assert_int_equal(now.vendor, 0x1b36);
	assert_int_equal(now.device, 0x0010);
	assert_int_equal(now.group, 14);
	assert_string_equal(now.backend, "type1");
	assert_false(now.mediated);
	assert_int_equal(now.power_state, 0);
}

static void test_bars(void **state)
{
	struct vfio_pci_facts now = facts();

	assert_int_equal(now.bar[0].size, 0x4000);
	assert_int_equal(now.bar[1].size, 0);
	assert_false(now.bar[0].visible);
	/* All but the pages of table and pending bits; of the one in a page its own bytes, and no port. */
	assert_int_equal(now.bar[0].mappable, 0x2000);
	assert_int_equal(now.bar[2].mappable, 0);
	assert_int_equal(now.bar[3].mappable, 0x100);
	assert_int_equal(now.bar[0].mapped, 0);
	place();
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	now = facts();
	assert_true(now.bar[0].visible);
	assert_int_equal(now.bar[0].address, ADDRESS);
	assert_int_equal(now.bar[0].mapped, 0x2000);
	assert_int_equal(now.bar[2].address, PORTS);
	assert_int_equal(now.bar[2].mapped, 0);
	assert_int_equal(now.bar[3].mapped, 0x100);
	/* Where somebody else is mapped it waits. */
	decode(0);
	set(PCI_BASE_ADDRESS_3, 4, ADDRESS);
	decode(PCI_COMMAND_MEMORY);
	now = facts();
	assert_true(now.bar[3].visible);
	assert_int_equal(now.bar[3].mappable, 0x100);
	assert_int_equal(now.bar[3].mapped, 0);
}

static void test_trapped(void **state)
{
	struct vfio_pci_facts now;
	uint64_t value;

	place();
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	for (unsigned i = 0; i < 5; i++)
		mem_bus_read(handles.mmio, ADDRESS + 0x3000, &value, 8);
	mem_bus_write(handles.mmio, ADDRESS + 0x2000, &value, 8);
	mem_bus_read(handles.pio, PORTS, &value, 1);
	now = facts();
	assert_int_equal(now.bar[0].trapped.reads, 5);
	assert_int_equal(now.bar[0].trapped.writes, 1);
	assert_int_equal(now.bar[2].trapped.reads, 1);
	assert_int_equal(now.bar[3].trapped.reads, 0);
	vfio_pci_guest_begins(function);
	assert_int_equal(facts().bar[0].trapped.reads, 0);
	assert_int_equal(facts().bar[0].trapped.writes, 0);
}

static void test_interrupts(void **state)
{
	struct vfio_pci_facts now;

	assert_string_equal(facts().interrupts.mode, "none");
	place();
	now = facts();
	assert_string_equal(now.interrupts.mode, "intx");
	assert_int_equal(now.interrupts.vectors, 1);
	assert_int_equal(now.interrupts.in_use, 1);
	set(FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	now = facts();
	assert_string_equal(now.interrupts.mode, "msi");
	assert_int_equal(now.interrupts.vectors, 8);
	assert_int_equal(now.interrupts.in_use, 4);
	set(FAKE_MSI + PCI_MSI_FLAGS, 2, 0);
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	vector_on(0);
	vector_on(3);
	now = facts();
	assert_string_equal(now.interrupts.mode, "msix");
	assert_int_equal(now.interrupts.vectors, FAKE_VECTORS);
	assert_int_equal(now.interrupts.in_use, 2);
	assert_int_equal(now.interrupts.masked, 0);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	now = facts();
	assert_int_equal(now.interrupts.in_use, 0);
	assert_int_equal(now.interrupts.masked, 2);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, 0);
	assert_string_equal(facts().interrupts.mode, "intx");
}

static void test_resets(void **state)
{
	struct vfio_pci_facts now = facts();

	assert_string_equal(now.reset.available, "flr");
	assert_string_equal(now.reset.last, "flr");
	assert_string_equal(now.reset.by, "open");
	assert_int_equal(now.reset.count, 1);
	strcpy(fake.device.reset_method, "pm");
	pci_bus_reset(root);
	now = facts();
	assert_string_equal(now.reset.last, "pm");
	assert_string_equal(now.reset.by, "machine");
	assert_int_equal(now.reset.count, 2);
	set(FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	now = facts();
	assert_string_equal(now.reset.last, "flr");
	assert_string_equal(now.reset.by, "guest");
	assert_int_equal(now.reset.count, 3);
	/* One that fails has not been. */
	fake.reset_error = EIO;
	pci_bus_reset(root);
	assert_int_equal(facts().reset.count, 3);
	fake.device.can_reset = false;
	assert_null(facts().reset.available);
	fake.reset_error = 0;
}

/* What firmware does is no claim, and neither is who looks how large a BAR is. */
static void test_claimed_by_a_driver(void **state)
{
	place();
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	vfio_pci_guest_begins(function);
	assert_false(facts().claimed);
	decode(0);
	set(PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	place();
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	assert_false(facts().claimed);
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_true(facts().claimed);
	/* A driver that has gone has been there. */
	decode(0);
	assert_true(facts().claimed);
	/* With a reset of the machine it starts over. */
	pci_bus_reset(root);
	assert_false(facts().claimed);
}

static void test_claimed_by_decode(void **state)
{
	vfio_pci_guest_begins(function);
	place();
	assert_false(facts().claimed);
	decode(PCI_COMMAND_MEMORY);
	assert_true(facts().claimed);
}

static void test_claimed_by_interrupts(void **state)
{
	vfio_pci_guest_begins(function);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_MASKALL);
	assert_false(facts().claimed);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_true(facts().claimed);
	/* A reset that its driver makes takes nothing away. */
	set(FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_true(facts().claimed);
}

/* A serial port masters nothing and sends no messages. */
static void test_claimed_by_use(void **state)
{
	uint8_t value;

	place();
	decode(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	vfio_pci_guest_begins(function);
	assert_false(facts().claimed);
	mem_bus_read(handles.pio, PORTS, &value, 1);
	assert_true(facts().claimed);
}

/* A reset holds the function's lock for as long as the device takes. */
static void test_busy(void **state)
{
	struct vfio_pci *pci = (struct vfio_pci *)function;
	struct vfio_pci_facts now;

	assert_false(facts().busy);
	pthread_mutex_lock(&pci->lock);
	now = facts();
	pthread_mutex_unlock(&pci->lock);
	assert_true(now.busy);
	assert_string_equal(now.host, "0000:01:00.0");
	assert_int_equal(now.group, 14);
	assert_false(facts().busy);
	assert_int_equal(facts().bar[0].size, 0x4000);
}

int main(void)
{
#define facts_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		facts_test(test_who_it_is),
		facts_test(test_bars),
		facts_test(test_trapped),
		facts_test(test_interrupts),
		facts_test(test_resets),
		facts_test(test_claimed_by_a_driver),
		facts_test(test_claimed_by_decode),
		facts_test(test_claimed_by_interrupts),
		facts_test(test_claimed_by_use),
		facts_test(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
