/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of single devices, on whole functions: real buses and map, the device and KVM below made up.
 */
#include "../unit.h"
#include "fake.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "vfio/pci-priv.h"

#define SLOT	 PCI_DEVFN_OF(3, 0)
#define ADDRESS	 0xc0000000u
#define PORTS	 0xc000u
#define MIRROR	 0x88000u
#define NVIDIA	 0x10de
#define REALTEK	 0x10ec
#define BAR0	 0x100000u
#define GUESTS	 0xc8000000u /* where it puts BAR 3 */
#define MIRRORED (ADDRESS + MIRROR)

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;

static int setup(void **state)
{
	fake_device_init(&fake);
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	return pci_bus_create_root(&machine, "pcie.0", &root);
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

static void release(void *opaque, struct vfio_device *device) {}

static int reset_bus(void *opaque)
{
	return 1;
}

static void create(uint16_t vendor, uint16_t device, uint16_t class)
{
	const struct vfio_pci_options options = { .id = "it" };
	const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };

	fake_set(fake.config, PCI_VENDOR_ID, 4, vendor | (uint32_t)device << 16);
	fake_set(fake.config, PCI_CLASS_DEVICE, 2, class);
	assert_int_equal(vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function), 0);
	assert_int_equal(pci_bus_attach(root, SLOT, function), 0);
	story_forget();
}

static uint32_t get(unsigned offset, unsigned size)
{
	return pci_config_read(root, 0, SLOT, offset, size);
}

static void set(unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(root, 0, SLOT, offset, size, value);
}

static uint64_t in(uint64_t address, unsigned size)
{
	uint64_t value = 0;

	mem_bus_read(handles.mmio, address, &value, size);
	return value;
}

static void out(uint64_t address, unsigned size, uint64_t value)
{
	mem_bus_write(handles.mmio, address, &value, size);
}

static uint32_t port_in(uint64_t port, unsigned size)
{
	uint32_t value = 0;

	mem_bus_read(handles.pio, port, &value, size);
	return value;
}

static void port_out(uint64_t port, unsigned size, uint32_t value)
{
	mem_bus_write(handles.pio, port, &value, size);
}

/* The table: nothing is done to a device without a reason that can be looked up. */
static void test_table(void **state)
{
	for (unsigned i = 0; i < vfio_quirk_count; i++) {
		const struct vfio_quirk *quirk = &vfio_quirk_table[i];

		assert_true(quirk->vendor && quirk->name && quirk->reason && quirk->source);
		assert_true(quirk->device_mask || quirk->class_mask || quirk->vendor);
		assert_int_equal(quirk->device & ~quirk->device_mask, 0);
		assert_int_equal(quirk->class & ~quirk->class_mask, 0);
		assert_true(quirk->bar < PCI_BARS);
		assert_int_equal(quirk->size == 0,
				 quirk->kind == VFIO_QUIRK_PBA || quirk->kind == VFIO_QUIRK_NO_ROM);
	}
}

static bool has_msix(void)
{
	unsigned at = get(PCI_CAPABILITY_LIST, 1);

	while (at && get(at, 1) != PCI_CAP_ID_MSIX)
		at = get(at + 1, 1);
	return at;
}

static void test_pending_bits(void **state)
{
	fake_set(fake.config, FAKE_MSIX + PCI_MSIX_PBA, 4, 0x8000);
	create(0x1425, 0x5807, 0x0200);
	assert_true(has_msix());
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_PBA, 4), 0x1000);
	set(FAKE_MSIX + PCI_MSIX_PBA, 4, 0);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_PBA, 4), 0x1000);
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	/* What the device has there counts for the vectors that there are, as long as they are masked in it.
	 */
	memset(fake.memory[0] + 0x1000, 0xee, 16);
	assert_int_equal(in(ADDRESS + 0x1000, 8), 0xee);
	assert_int_equal(in(ADDRESS + 0x1008, 8), 0xeeeeeeeeeeeeeeee);
}

static void test_pending_bits_of_others(void **state)
{
	fake_set(fake.config, FAKE_MSIX + PCI_MSIX_PBA, 4, 0x8000);
	create(0x1425, 0x4807, 0x0200);
	assert_false(has_msix());
}

static void test_pending_bits_that_are_right(void **state)
{
	create(0x1425, 0x5807, 0x0200);
	assert_int_equal(get(FAKE_MSIX + PCI_MSIX_PBA, 4), 0x3000);
}

/* A display controller whose BARs decode. */
static void display(uint16_t class)
{
	fake_bar_set(&fake, 0, BAR0, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_bar_set(&fake, 5, 0x80, PCI_BASE_ADDRESS_SPACE_IO);
	create(NVIDIA, 0x1c82, class);
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_BASE_ADDRESS_1, 4, 0);
	set(PCI_BASE_ADDRESS_3, 4, GUESTS);
	set(PCI_BASE_ADDRESS_5, 4, PORTS);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	story_forget();
}

static void test_mirror(void **state)
{
	display(0x0302);
	fake_set(fake.memory[0], MIRROR + PCI_BASE_ADDRESS_0, 4, 0xfe000004);
	assert_int_equal(in(MIRRORED, 4), 0x1c8210de);
	assert_int_equal(in(MIRRORED + PCI_BASE_ADDRESS_0, 4), ADDRESS | PCI_BASE_ADDRESS_MEM_TYPE_64);
	/* Of any width, also where it begins and ends. */
	assert_int_equal(in(MIRRORED + PCI_BASE_ADDRESS_3, 8), GUESTS);
	assert_int_equal(in(MIRRORED + PCI_BASE_ADDRESS_3 + 3, 1), GUESTS >> 24);
	assert_int_equal(in(MIRRORED + PCI_BASE_ADDRESS_3 + 1, 4), GUESTS >> 8);
	fake_set(fake.memory[0], MIRROR - 4, 4, 0x12345678);
	assert_int_equal(in(MIRRORED - 4, 8), 0x1c8210de12345678);
	fake_set(fake.memory[0], MIRROR + 0x1000, 4, 0x87654321);
	assert_int_equal(in(MIRRORED + 0xffc, 8) >> 32, 0x87654321);
}

/* The pages beside it are mapped, and it is not. */
static void test_mirror_is_trapped(void **state)
{
	struct vfio_pci *pci;

	display(0x0302);
	pci = (struct vfio_pci *)function;
	for (unsigned i = 0; i < pci->bars.bar[0].pieces; i++) {
		const struct vfio_bar_piece *piece = &pci->bars.bar[0].piece[i];

		assert_true(piece->offset + piece->region.size <= MIRROR || piece->offset >= MIRROR + 0x1000);
	}
	/* Cut by it, and by table and pending bits, which are neighbours. */
	assert_int_equal(pci->bars.bar[0].pieces, 3);
}

static void test_mirror_writes(void **state)
{
	display(0x0302);
	/* The BAR moves in the guest, and the device hears nothing of it. */
	out(MIRRORED + PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	story_expect("");
	assert_int_equal(fake_get(fake.memory[0], MIRROR + PCI_BASE_ADDRESS_0, 4), 0);
	assert_int_equal(in(0xd0000000 + MIRROR, 4), 0x1c8210de);
	assert_int_equal(in(MIRRORED, 4), 0xffffffff);
	/* Bus mastering goes the way on which the rest of handfast sees it. */
	out(0xd0000000 + MIRROR + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	story_expect("config[4+2]=406 ");
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(fake_get(fake.memory[0], MIRROR + PCI_COMMAND, 2), 0);
	/* It can make itself vanish, and the access that does it ends well. */
	out(0xd0000000 + MIRROR + PCI_COMMAND, 2, 0);
	assert_int_equal(in(0xd0000000 + MIRROR, 4), 0xffffffff);
	/* No reset by this way. */
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	story_forget();
	out(0xd0000000 + MIRROR + FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	story_expect("");
}

/* The guest's function sleeps, and its BARs with it; the device does not. */
static void test_mirror_and_power(void **state)
{
	const uint8_t awake = fake.config[FAKE_PM + PCI_PM_CTRL];
	const struct vfio_quirks *quirks;

	for (unsigned size = 1; size <= 8; size <<= 1) {
		display(0x0302);
		out(MIRRORED + FAKE_PM + PCI_PM_CTRL - (size > 4 ? 4 : 0), size, size > 4 ? 3ull << 32 : 3);
		assert_int_equal(get(FAKE_PM + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK, 3);
		assert_int_equal(fake.config[FAKE_PM + PCI_PM_CTRL], awake);
		assert_int_equal(fake_get(fake.memory[0], MIRROR + FAKE_PM + PCI_PM_CTRL, 4), 0);
		/* Back only by the front door, also for an access that has found the BAR before it went. */
		quirks = &((struct vfio_pci *)function)->quirks;
		quirks->config.write(quirks->config.opaque, FAKE_PM + PCI_PM_CTRL, 1, 0);
		quirks->config.write(quirks->config.opaque, PCI_INTERRUPT_LINE, 1, 0x55);
		assert_int_not_equal(get(PCI_INTERRUPT_LINE, 1), 0x55);
		out(MIRRORED + FAKE_PM + PCI_PM_CTRL, 1, 0);
		assert_int_equal(get(FAKE_PM + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK, 3);
		set(FAKE_PM + PCI_PM_CTRL, 1, 0);
		assert_int_equal(get(FAKE_PM + PCI_PM_CTRL, 1), awake);
		pci_function_detach(function);
		function->ops->destroy(function);
	}
	display(0x0302);
}

static void test_mirror_acknowledges(void **state)
{
	fake.msi = (struct vfio_irq){ .count = 1, .eventfd = true };
	display(0x0300);
	out(MIRRORED + FAKE_MSI, 1, 0xff);
	assert_int_equal(fake_get(fake.memory[0], MIRROR + FAKE_MSI, 4), 0xff);
	/* That alone. */
	out(MIRRORED + FAKE_MSI, 4, 0xffffffff);
	assert_int_equal(fake_get(fake.memory[0], MIRROR + FAKE_MSI, 4), 0xff);
	assert_int_equal(get(FAKE_MSI, 1), PCI_CAP_ID_MSI);
}

static void test_second_mirror(void **state)
{
	display(0x0300);
	fake_set(fake.memory[0], 0x1900, 4, 0xabcd);
	assert_int_equal(in(ADDRESS + 0x1800, 4), 0x1c8210de);
	assert_int_equal(in(ADDRESS + 0x1900, 4), 0xabcd);
	/* Of a controller without VGA, those are some other registers. */
	pci_bus_destroy(root);
	assert_int_equal(pci_bus_create_root(&machine, "pcie.0", &root), 0);
	display(0x0302);
	assert_int_equal(in(ADDRESS + 0x1800, 4), 0);
	/* And of a sound card all are. */
	pci_bus_destroy(root);
	assert_int_equal(pci_bus_create_root(&machine, "pcie.0", &root), 0);
	display(0x0403);
	assert_int_equal(in(MIRRORED, 4), 0);
}

/* A BAR that is smaller than where the mirror would be has none. */
static void test_mirror_outside(void **state)
{
	create(NVIDIA, 0x0020, 0x0300);
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(in(ADDRESS + 0x3ffc, 4), fake_get(fake.memory[0], 0x3ffc, 4));
	assert_int_equal(in(MIRRORED, 4), 0xffffffff);
}

static void test_ports(void **state)
{
	display(0x0300);
	fake_set(fake.memory[5], 0xc, 4, 0x55667788);
	/* What the host has left in the registers is not used. */
	assert_int_equal(port_in(PORTS + 0xc, 4), 0xffffffff);
	port_out(PORTS + 0xc, 4, 0x11111111);
	assert_int_equal(fake_get(fake.memory[5], 0xc, 4), 0x55667788);
	port_out(PORTS, 4, 1);
	port_out(PORTS + 4, 4, 1);
	/* A register of the device. */
	port_out(PORTS + 8, 4, 0x100000);
	assert_int_equal(fake_get(fake.memory[5], 8, 4), 0x100000);
	assert_int_equal(port_in(PORTS + 0xc, 4), 0x55667788);
	port_out(PORTS + 0xc, 4, 0x99);
	assert_int_equal(fake_get(fake.memory[5], 0xc, 4), 0x99);
	/* Configuration space, by both mirrors, and in bytes. */
	port_out(PORTS + 8, 4, MIRROR + PCI_BASE_ADDRESS_3);
	assert_int_equal(port_in(PORTS + 0xc, 4), GUESTS);
	port_out(PORTS + 8, 4, 0x1800 + PCI_BASE_ADDRESS_3);
	assert_int_equal(port_in(PORTS + 0xf, 1), GUESTS >> 24);
	port_out(PORTS + 0xc, 4, 0xd8000000);
	assert_int_equal(get(PCI_BASE_ADDRESS_3, 4), 0xd8000000);
	assert_int_equal(fake_get(fake.memory[5], 0xc, 4), 0x99);
	/* An address that is written byte by byte is one as well. */
	port_out(PORTS + 8, 4, 0x180000);
	port_out(PORTS + 0xa, 1, 0x08);
	port_out(PORTS + 9, 1, 0x80);
	assert_int_equal(port_in(PORTS + 0xc, 4), 0x1c8210de);
}

/* An address that comes while they take none is none, neither to the device nor here. */
static void test_ports_off(void **state)
{
	display(0x0300);
	port_out(PORTS, 4, 1);
	port_out(PORTS + 4, 4, 1);
	port_out(PORTS + 8, 4, MIRROR);
	port_out(PORTS, 4, 0);
	port_out(PORTS + 8, 4, 0x100000);
	port_out(PORTS, 4, 1);
	assert_int_equal(port_in(PORTS + 0xc, 4), 0x1c8210de);
	port_out(PORTS + 4, 4, 0);
	assert_int_equal(port_in(PORTS + 0xc, 4), 0xffffffff);
	/* A reset forgets all of it. */
	port_out(PORTS + 4, 4, 1);
	port_out(PORTS + 8, 4, 0x100000);
	pci_bus_reset(root);
	set(PCI_BASE_ADDRESS_5, 4, PORTS);
	set(PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(port_in(PORTS + 0xc, 4), 0xffffffff);
}

static void realtek(void)
{
	fake_bar_set(&fake, 3, 0x1000, 0);
	fake_bar_set(&fake, 2, 0x1000, 0);
	create(REALTEK, 0x8168, 0x0200);
	set(PCI_BASE_ADDRESS_0, 4, ADDRESS);
	set(PCI_BASE_ADDRESS_2, 4, GUESTS);
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void test_realtek(void **state)
{
	realtek();
	/* The MSI-X table's first entry, by the registers. */
	out(GUESTS + 0x70, 4, 0xfee01000);
	out(GUESTS + 0x74, 4, 0x8001f000);
	assert_int_equal(in(GUESTS + 0x74, 4), 0x0001f000); /* done */
	assert_int_equal(in(ADDRESS + 0x2000, 4), 0xfee01000);
	assert_int_equal(fake_get(fake.memory[2], 0x74, 4), 0);
	/* And back, the address by itself and in two halves. */
	out(ADDRESS + 0x2004, 4, 0x12);
	out(GUESTS + 0x74, 2, 0xf004);
	out(GUESTS + 0x76, 2, 0x0001);
	assert_int_equal(in(GUESTS + 0x74, 4), 0x8001f004);
	assert_int_equal(in(GUESTS + 0x70, 4), 0x12);
	assert_int_equal(fake_get(fake.memory[2], 0x74, 4), 0);
	/* Beyond the table there is nothing. */
	out(GUESTS + 0x70, 8, 0x8001fffc00000001);
	assert_int_equal(in(GUESTS + 0x70, 4), 0xffffffff);
	/* Another kind of address is the device's business, whole. */
	out(GUESTS + 0x76, 2, 0x0000);
	assert_int_equal(fake_get(fake.memory[2], 0x74, 4), 0x0000fffc);
	fake_set(fake.memory[2], 0x70, 4, 0x777);
	assert_int_equal(in(GUESTS + 0x70, 4), 0x777);
	/* As are the registers around. */
	fake_set(fake.memory[2], 0x6c, 4, 0x1234);
	fake_set(fake.memory[2], 0x78, 4, 0x5678);
	assert_int_equal(in(GUESTS + 0x6c, 4), 0x1234);
	assert_int_equal(in(GUESTS + 0x78, 4), 0x5678);
	assert_int_equal(in(GUESTS + 0x6e, 4), 0x07770000);
}

/* One image for UEFI, of 2 KiB. */
static void rom_give(uint16_t vendor, uint16_t device)
{
	static uint8_t rom[2048];

	memset(rom, 0, sizeof(rom));
	fake_set(rom, 0, 4, 0x0004aa55);
	fake_set(rom, 0x18, 2, 0x20);
	memcpy(rom + 0x20, "PCIR", 4);
	fake_set(rom, 0x24, 4, vendor | (uint32_t)device << 16);
	fake_set(rom, 0x2a, 2, 0x18);
	fake_set(rom, 0x30, 2, 4);
	fake_set(rom, 0x34, 2, 0x8003);
	fake.rom = rom;
	fake.rom_size = sizeof(rom);
}

static void test_no_rom(void **state)
{
	rom_give(0x14e4, 0x168e);
	create(0x14e4, 0x168e, 0x0200);
	set(PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	/* Of another one it is shown. */
	pci_bus_destroy(root);
	assert_int_equal(pci_bus_create_root(&machine, "pcie.0", &root), 0);
	rom_give(0x14e4, 0x168d);
	create(0x14e4, 0x168d, 0x0200);
	set(PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0xfffff801);
}

/* A device that only looks alike is left alone. */
static void test_others(void **state)
{
	fake_bar_set(&fake, 3, 0x1000, 0);
	fake_bar_set(&fake, 2, 0x1000, 0);
	create(REALTEK, 0x8169, 0x0200);
	assert_int_equal(((struct vfio_pci *)function)->quirks.count, 0);
	assert_int_equal(((struct vfio_pci *)function)->bars.bar[2].pieces, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		CASE(test_pending_bits),
		CASE(test_pending_bits_of_others),
		CASE(test_pending_bits_that_are_right),
		CASE(test_mirror),
		CASE(test_mirror_is_trapped),
		CASE(test_mirror_writes),
		CASE(test_mirror_and_power),
		CASE(test_mirror_acknowledges),
		CASE(test_second_mirror),
		CASE(test_mirror_outside),
		CASE(test_ports),
		CASE(test_ports_off),
		CASE(test_realtek),
		CASE(test_no_rom),
		CASE(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
