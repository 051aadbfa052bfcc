/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The function as a whole: real buses and map, the device and KVM below made up. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/error.h"
#include "pci/root_port.h"
#include "vfio/pci-priv.h"

#define SLOT	PCI_DEVFN_OF(3, 0)
#define ADDRESS 0xc0000000u

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;
static bool released;

static int heard_add(struct mem_listener *listener, struct mem_region *region)
{
	story_add("map[%llx] ", (unsigned long long)region->start);
	return 0;
}

static void heard_remove(struct mem_listener *listener, struct mem_region *region)
{
	story_add("unmap[%llx] ", (unsigned long long)region->start);
}

static struct mem_listener listener = { .add = heard_add, .remove = heard_remove };

static void release(void *opaque, struct vfio_device *device)
{
	assert_ptr_equal(device, &fake.device);
	released = true;
	story_add("release ");
}

static int bus_reset; /* what reset_bus() comes to */

static int reset_bus(void *opaque)
{
	story_add("bus ");
	return bus_reset < 0 ? error_set(-bus_reset, "another machine has a part of it") : bus_reset;
}

static const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };

static int setup_machine(void **state)
{
	fake_device_init(&fake);
	fake_set(fake.config, PCI_ROM_ADDRESS, 4, 0);
	released = false;
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	assert_int_equal(mem_map_listen(handles.map, &listener), 0);
	return pci_bus_create_root(&machine, "pcie.0", &root);
}

static int create(bool multifunction)
{
	const struct vfio_pci_options options = { .id = "disk", .multifunction = multifunction };

	return vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function);
}

static int setup(void **state)
{
	setup_machine(state);
	assert_int_equal(create(false), 0);
	/* Decoding and mastering at the time, the device is brought to rest. */
	story_expect("config[4+2]=400 ");
	return pci_bus_attach(root, SLOT, function);
}

static int teardown(void **state)
{
	pci_bus_destroy(root);
	assert_int_equal(fake_kvm()->routes, 0);
	assert_int_equal(fake_kvm()->irqfds, 0);
	mem_map_destroy(handles.map);
	mem_bus_destroy(handles.mmio);
	mem_bus_destroy(handles.pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	return 0;
}

static uint32_t get(unsigned offset, unsigned size)
{
	return pci_config_read(root, 0, SLOT, offset, size);
}

static void set(unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(root, 0, SLOT, offset, size, value);
}

/* As firmware and a driver do. */
static void use(void)
{
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_BASE_ADDRESS_1, 4, 0);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	mem_bus_write(handles.mmio, ADDRESS + 0x2000, &(uint64_t){ 0xfee00000 }, 8);
	mem_bus_write(handles.mmio, ADDRESS + 0x2008, &(uint64_t){ 0x41 }, 8);
}

static void test_identity(void **state)
{
	assert_int_equal(get(PCI_VENDOR_ID, 4), 0x00101b36);
	assert_string_equal(function->driver, "vfio-pci");
	assert_string_equal(function->id, "disk");
	assert_int_equal(function->bars[0].kind, PCI_BAR_MEM64);
	assert_int_equal(function->bars[2].kind, PCI_BAR_IO);
	assert_int_equal(get(PCI_HEADER_TYPE, 1), 0);
	/* On the root bus it is part of the root complex. */
	assert_int_equal(get(FAKE_EXP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_RC_END << 4);
}

static void test_bar_sizes(void **state)
{
	set(PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	set(PCI_BASE_ADDRESS_1, 4, 0xffffffff);
	set(PCI_BASE_ADDRESS_2, 4, 0xffffffff);
	set(PCI_BASE_ADDRESS_3, 4, 0xffffffff);
	set(PCI_BASE_ADDRESS_4, 4, 0xffffffff);
	assert_int_equal(get(PCI_BASE_ADDRESS_0, 4), 0xffffc004);
	assert_int_equal(get(PCI_BASE_ADDRESS_1, 4), 0xffffffff);
	assert_int_equal(get(PCI_BASE_ADDRESS_2, 4), 0xffffffe1);
	assert_int_equal(get(PCI_BASE_ADDRESS_3, 4), 0xffffff00);
	assert_int_equal(get(PCI_BASE_ADDRESS_4, 4), 0);
	/* The device never hears of addresses. */
	story_expect("");
}

static void test_decode(void **state)
{
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	story_expect("");
	/* The device decodes before the guest reaches it, and the guest is out before it stops. */
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	story_expect("config[4+2]=402 map[c0000000] ");
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	story_expect("config[4+2]=406 ");
	set(PCI_COMMAND, 1, 0);
	story_expect("unmap[c0000000] config[4+2]=400 ");
	/* From memory to ports in one write, with its upper byte and STATUS. */
	set(PCI_BASE_ADDRESS_2, 4, 0x1000);
	set(PCI_COMMAND, 4, PCI_COMMAND_MEMORY);
	story_forget();
	set(PCI_COMMAND, 4, PCI_COMMAND_IO | PCI_COMMAND_INTX_DISABLE);
	story_expect("config[6+2]=0 unmap[c0000000] config[4+2]=401 ");
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_INTX_DISABLE);
	mem_bus_write(handles.pio, 0x1000, &(uint8_t){ 0x77 }, 1);
	assert_int_equal(fake.memory[2][0], 0x77);
}

static void test_move(void **state)
{
	use();
	story_forget();
	set(PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	story_expect("unmap[c0000000] map[d0000000] ");
	set(PCI_BASE_ADDRESS_1, 4, 8);
	story_expect("unmap[d0000000] map[8d0000000] ");
	/* A byte at a time, as nobody does. */
	set(PCI_BASE_ADDRESS_0 + 3, 1, 0xc1);
	story_expect("unmap[8d0000000] map[8c1000000] ");
}

static void test_interrupt(void **state)
{
	use();
	story_forget();
	mem_bus_write(handles.mmio, ADDRESS + 0x200c, &(uint32_t){ 1 }, 4);
	story_expect("irqfd-24 ");
	/* The low byte of Message Control holds neither of its bits; the high one does. */
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 1, 0xff);
	story_expect("");
	set(FAKE_MSIX + PCI_MSIX_FLAGS + 1, 1, 0);
	story_expect("config[4+2]=6 irqs-off route-24 config[4+2]=406 ");
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_FLAGS, 2), FAKE_VECTORS - 1);
}

static void test_flr(void **state)
{
	uint64_t value;

	use();
	set(PCI_INTERRUPT_LINE, 1, 11);
	story_forget();
	set(FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR | 0x2810);
	/* Out of sight, at rest, silent, and only then the reset. */
	story_expect("unmap[c0000000] config[4+2]=400 config[4+2]=0 irqfd-24 irqs-off route-24 "
		     "config[4+2]=400 config[78+2]=a810 flr ");
	assert_int_equal(get(PCI_COMMAND, 2), 0);
	assert_int_equal(get(PCI_BASE_ADDRESS_0, 4), 4);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_FLAGS, 2), FAKE_VECTORS - 1);
	/* The guest puts back what it saved. */
	use();
	mem_bus_read(handles.mmio, ADDRESS + 0x2008, &value, 8);
	assert_int_equal(value, 0x41);
	/* A write that leaves the bit out resets nothing. */
	story_forget();
	set(FAKE_EXP + PCI_EXP_DEVCTL, 2, 0x2810);
	story_expect("config[78+2]=2810 ");
}

static void test_machine_reset(void **state)
{
	use();
	story_forget();
	pci_bus_reset(root);
	story_expect("unmap[c0000000] config[4+2]=400 config[4+2]=0 irqfd-24 irqs-off route-24 "
		     "config[4+2]=400 reset bus ");
	assert_int_equal(get(PCI_BASE_ADDRESS_0, 4), 4);
	/* (One that could be reset says so to the others on its bus.) Without a reset of its own it waits for
	 * them. */
	fake.device.can_reset = false;
	bus_reset = 1;
	pci_bus_reset(root);
	story_expect("config[4+2]=400 bus ");
	assert_true(((struct vfio_pci *)function)->unused);
	set(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	assert_true(((struct vfio_pci *)function)->unused);
	set(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_false(((struct vfio_pci *)function)->unused);
	bus_reset = -EPERM;
	pci_bus_reset(root);
	assert_true(((struct vfio_pci *)function)->no_reset_said);
	/* One that it says to have, and that fails: so do devices with others on their bus. */
	story_forget();
	fake.device.can_reset = true;
	fake.reset_error = ENOTTY;
	pci_bus_reset(root);
	story_expect("config[4+2]=400 reset! bus ");
}

static void test_reset_kills(void **state)
{
	fake.flr_dies = true;
	bus_reset = 1;
	pci_bus_reset(root);
	assert_non_null(strstr(error_get()->because, "all-ones"));
	assert_string_equal(error_get()->tried, "use 0000:01:00.0 after a reset of the machine");
	/* What is the device's is gone, the machine goes on. */
	assert_int_equal(get(PCI_VENDOR_ID, 4), 0xffffffff);
	use();
}

static unsigned power_get(void)
{
	return get(FAKE_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
}

/* With registers as they are when it is made. */
static void create_with(uint32_t pmc, uint8_t control)
{
	pci_function_detach(function);
	function->ops->destroy(function);
	fake_set(fake.config, FAKE_PM + PCI_PM_PMC, 2, pmc);
	fake.config[FAKE_PM + PCI_PM_CTRL] = control;
	assert_int_equal(create(false), 0);
	assert_int_equal(pci_bus_attach(root, SLOT, function), 0);
	use();
	story_forget();
}

/* The device says that nothing is lost in D3hot. */
static void test_power(void **state)
{
	create_with(3, PCI_PM_CTRL_NO_SOFT_RESET);
	set(FAKE_PM + PCI_PM_CTRL, 2, 3);
	story_expect("config[45+1]=0 config[4+2]=402 irqfd-24 unmap[c0000000] ");
	assert_int_equal(get(FAKE_PM + PCI_PM_CTRL, 1), PCI_PM_CTRL_NO_SOFT_RESET | 3);
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	/* Decode off and on, and a move, while it sleeps: it masters nothing. */
	set(PCI_COMMAND, 2, 0);
	set(PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	story_expect("config[4+2]=400 config[4+2]=402 ");
	/* What it has to say waits. */
	assert_int_equal(eventfd_write(fake.fd[0], 1), 0);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	story_expect("");
	set(FAKE_PM + PCI_PM_CTRL, 4, 0);
	story_expect("config[45+3]=0 config[4+2]=406 irqfd+24 map[d0000000] ");
	assert_int_equal(power_get(), 0);
	/* KVM finds it there. */
	assert_int_equal(fake_kvm()->irqfd[0], fake.fd[0]);
	assert_int_equal(eventfd_read(fake.fd[0], &(eventfd_t){ 0 }), 0);
	assert_int_equal(get(PCI_BASE_ADDRESS_0, 4), 0xd0000004);
	/* It wakes by a reset too. */
	set(FAKE_PM + PCI_PM_CTRL, 1, 3);
	pci_bus_reset(root);
	assert_int_equal(power_get(), 0);
	story_forget();
	use();
	story_expect("config[4+2]=406 map[c0000000] irqs[0+1-] route+25 irqfd+25 irqs[0+1*] ");
}

/* And one that says that it is reset by that. */
static void test_power_resets(void **state)
{
	use();
	set(PCI_INTERRUPT_LINE, 1, 11);
	set(FAKE_PM + PCI_PM_CTRL, 2, 3);
	story_forget();
	set(FAKE_PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_PME_ENABLE);
	story_expect("config[45+1]=1 config[4+2]=400 config[4+2]=0 irqs-off route-24 config[4+2]=400 reset ");
	assert_int_equal(power_get(), 0);
	assert_int_equal(get(PCI_COMMAND, 2), 0);
	assert_int_equal(get(PCI_BASE_ADDRESS_0, 4), 4);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_FLAGS, 2), FAKE_VECTORS - 1);
	use();
	story_expect("config[4+2]=406 map[c0000000] irqs[0+1-] route+25 irqfd+25 irqs[0+1*] ");
	/* Where it has no reset of its own, by the bus if others let it. */
	fake.device.can_reset = false;
	bus_reset = 1;
	set(FAKE_PM + PCI_PM_CTRL, 1, 3);
	story_forget();
	set(FAKE_PM + PCI_PM_CTRL, 1, 0);
	story_expect("config[4+2]=400 config[4+2]=0 irqs-off route-25 config[4+2]=400 bus ");
	assert_true(((struct vfio_pci *)function)->unused);
	assert_int_equal(power_get(), 0);
	use();
	story_expect("config[4+2]=406 map[c0000000] irqs[0+1-] route+26 irqfd+26 irqs[0+1*] ");
	/* One that dies of it is not mapped any more. */
	fake.device.can_reset = true;
	fake.flr_dies = true;
	set(FAKE_PM + PCI_PM_CTRL, 1, 3);
	set(FAKE_PM + PCI_PM_CTRL, 1, 0);
	assert_string_equal(error_get()->tried, "use 0000:01:00.0 after its return from D3hot");
	story_forget();
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	story_expect("config[4+2]=402 ");
}

/* D1 and D2 lose nothing, and a state that there is not, or that has no way to it, is not entered. */
static void test_power_between(void **state)
{
	create_with(3, 0);
	set(FAKE_PM + PCI_PM_CTRL, 1, 1);
	assert_int_equal(power_get(), 0);
	set(FAKE_PM + PCI_PM_CTRL, 1, 2);
	assert_int_equal(power_get(), 0);
	story_expect("");
	create_with(3 | PCI_PM_CAP_D1 | PCI_PM_CAP_D2, 0);
	set(FAKE_PM + PCI_PM_CTRL, 1, 1);
	story_expect("config[4+2]=402 irqfd-25 unmap[c0000000] ");
	set(FAKE_PM + PCI_PM_CTRL, 1, 2);
	assert_int_equal(power_get(), 2);
	set(FAKE_PM + PCI_PM_CTRL, 1, 1);
	assert_int_equal(power_get(), 2);
	story_expect("");
	set(FAKE_PM + PCI_PM_CTRL, 1, 0);
	story_expect("config[4+2]=406 irqfd+25 map[c0000000] ");
	set(FAKE_PM + PCI_PM_CTRL, 1, 3);
	set(FAKE_PM + PCI_PM_CTRL, 1, 1);
	assert_int_equal(power_get(), 3);
}

/* By no width and from no offset a power state reaches the device. */
static void test_power_stays_ours(void **state)
{
	const unsigned at = FAKE_PM + PCI_PM_CTRL;

	create_with(0xfe03, PCI_PM_CTRL_NO_SOFT_RESET);
	for (unsigned size = 1; size <= 4; size++) {
		for (unsigned offset = at + 1 - size; offset <= at; offset++) {
			for (unsigned to = 1; to <= 4; to++) {
				uint32_t value = (uint32_t)(0xa5a5a500u | (to & 3)) << 8 * (at - offset);

				/* The front door takes 1, 2 and 4; the mirror of a device others too. */
				function->ops->config_write(function, offset, size, value);
				assert_int_equal(power_get(), to & 3);
				assert_int_equal(fake.config[at], PCI_PM_CTRL_NO_SOFT_RESET);
			}
		}
	}
}

static void test_destroy(void **state)
{
	use();
	story_forget();
	pci_function_detach(function);
	function->ops->destroy(function);
	/* Closing the kernel's device resets it, so nobody else does. */
	story_expect("unmap[c0000000] config[4+2]=400 config[4+2]=0 irqfd-24 irqs-off route-24 "
		     "config[4+2]=400 release ");
	assert_true(released);
	/* Another implementation may leave that to us. */
	fake.device.reset_on_open = false;
	assert_int_equal(create(false), 0);
	story_expect("reset config[4+2]=400 ");
	function->ops->destroy(function);
	story_expect("config[4+2]=400 reset release ");
}

static void test_behind_a_port(void **state)
{
	const struct pci_root_port_options port_options = { .id = "rp1", .port = 1, .slot = 1 };
	const struct pci_root_port_handles port_handles = { .machine_lock = &machine, .mmio = handles.mmio };
	struct pci_function *port;

	pci_function_detach(function);
	assert_int_equal(pci_root_port_create(&port_handles, &port_options, &port), 0);
	assert_int_equal(pci_bus_attach(root, PCI_DEVFN_OF(4, 0), port), 0);
	assert_int_equal(pci_bus_attach(port->secondary, 0, function), 0);
	pci_config_write(root, 0, PCI_DEVFN_OF(4, 0), PCI_PRIMARY_BUS, 4, 0x00010100);
	assert_int_equal(pci_config_read(root, 1, 0, FAKE_EXP + PCI_EXP_FLAGS, 2),
			 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	assert_int_equal(pci_config_read(root, 1, 0, FAKE_EXP + PCI_EXP_LNKCAP, 4), 0x00455843);
}

static void test_without_msix(void **state)
{
	/* The table stands where there is no BAR. */
	fake_set(fake.config, FAKE_MSIX + PCI_MSIX_TABLE, 4, 0x2005);
	assert_int_equal(create(true), 0);
	assert_int_equal(pci_bus_attach(root, SLOT, function), 0);
	assert_int_equal(get(FAKE_EXP + 1, 1), FAKE_AF);
	assert_int_equal(get(FAKE_MSIX, 4), 0);
	assert_int_equal(get(PCI_HEADER_TYPE, 1), 0x80);
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, 0xffff);
	use();
}

static void test_refused(void **state)
{
	fake.dead = true;
	assert_int_equal(create(false), -EIO);
	fake.dead = false;
	fake.fails = true;
	assert_int_equal(create(false), -EIO);
	assert_false(released);
}

/* Whatever a guest writes anywhere, it is contained. */
static void test_nonsense(void **state)
{
	uint32_t seed = 1;

	fake.flr_at = 0;
	for (unsigned i = 0; i < 20000; i++) {
		static const unsigned sizes[] = { 1, 2, 4 };
		unsigned size, offset;

		seed = seed * 1664525 + 1013904223;
		size = sizes[(seed >> 8) % 3];
		/* Mostly where something happens. */
		offset = (seed >> 12) % (i % 4 ? 0xf0 : PCIE_CONFIG_SIZE - size + 1);
		if (i % 3)
			set(offset, size, seed * 2654435761u);
		else
			get(offset, size);
		if (i % 16 == 0)
			story_forget();
		if (i % 1000 == 0)
			pci_bus_reset(root);
	}
	story_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bar_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machine_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_kills, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_between, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_stays_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind_a_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_msix, setup_machine, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup_machine, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
