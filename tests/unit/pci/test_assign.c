/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci/assign.c and pci/plan.c. After each assignment the whole tree is looked at as an operating system
 * does, through configuration space alone: every BAR is sized, must be aligned, inside its bridge's
 * windows and the root's, and apart from all others; every window inside the one above it.
 */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fake.h"
#include "pci/assign.h"
#include "pci/root_port.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const struct pci_windows usual = {
	.mmio32 = { 0x80000000, 0x60000000 },
	.mmio64 = { 0x800000000, 64 * GIB },
	.io_start = 0x1000,
	.io_end = 0xffff,
};

static const struct pci_bar nvme[PCI_BARS_AND_ROM] = { [0] = { .kind = PCI_BAR_MEM64, .size = 16 * KIB } };
static const struct pci_bar e1000e[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_MEM32, .size = 128 * KIB },
	[1] = { .kind = PCI_BAR_MEM32, .size = 128 * KIB },
	[2] = { .kind = PCI_BAR_IO, .size = 32 },
	[3] = { .kind = PCI_BAR_MEM32, .size = 16 * KIB },
};
static const struct pci_bar rtl8139[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_IO, .size = 256 },
	[1] = { .kind = PCI_BAR_MEM32, .size = 256 },
};
static const struct pci_bar gpu[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 16 * GIB },
	[2] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 32 * MIB },
	[4] = { .kind = PCI_BAR_IO, .size = 128 },
	[5] = { .kind = PCI_BAR_MEM32, .size = 16 * MIB },
};
/* And one with nothing but ports besides. */
static const struct pci_bar old_with_rom[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_IO, .size = 256 },
	[PCI_ROM_BAR] = { .kind = PCI_BAR_ROM, .size = 64 * KIB },
};
static const struct pci_bar net_with_rom[PCI_BARS_AND_ROM] = {
	[0] = { .kind = PCI_BAR_MEM32, .size = 128 * KIB },
	[PCI_ROM_BAR] = { .kind = PCI_BAR_ROM, .size = 16 * MIB },
};

struct machine {
	struct lock lock;
	struct mem_bus *mmio;
	struct pci_bus *root;
	const struct pci_windows *windows;
};

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	machine->windows = &usual;
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root);
	mem_bus_destroy(machine->mmio);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

static struct fake *add(struct pci_bus *bus, unsigned slot, const char *id, const struct pci_bar *bars)
{
	struct fake *fake = fake_create(id, bars);

	fake_attach(bus, slot, 0, &fake->function);
	return fake;
}

static struct pci_bus *add_port_with(struct machine *machine, unsigned slot, unsigned number, const char *id,
				     uint64_t io, uint64_t mem, uint64_t pref64)
{
	struct pci_root_port_options options = {
		.id = id,
		.multifunction = true,
		.io_reserve = io,
		.mem_reserve = mem,
		.pref64_reserve = pref64,
	};
	struct pci_root_port_handles handles = { .machine_lock = &machine->lock, .mmio = machine->mmio };
	struct pci_function *port;

	assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
	fake_attach(machine->root, slot, number, port);
	return port->secondary;
}

static struct pci_bus *add_port(struct machine *machine, unsigned slot, unsigned number, const char *id)
{
	return add_port_with(machine, slot, number, id, PCI_RESERVE_AUTO, PCI_RESERVE_AUTO, PCI_RESERVE_AUTO);
}

static struct pci_bus *add_bridge(struct machine *machine, struct pci_bus *bus, unsigned slot, const char *id)
{
	struct fake *fake = fake_bridge_create(&machine->lock, id, PCI_SLOTS);

	fake_attach(bus, slot, 0, &fake->function);
	return fake->function.secondary;
}

/* The guest's view of a function. */
struct view {
	struct machine *machine;
	uint8_t bus;
	uint8_t devfn;
};

static uint32_t get(const struct view *view, unsigned offset, unsigned size)
{
	return pci_config_read(view->machine->root, view->bus, view->devfn, offset, size);
}

static void put(const struct view *view, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(view->machine->root, view->bus, view->devfn, offset, size, value);
}

enum space {
	SPACE_IO,
	SPACE_MEM,
	SPACE_PREF,
	SPACES,
};

struct range {
	uint64_t start;
	uint64_t last; /* below start: nothing */
};

/* All that was found on one walk, to be compared with each other. */
struct walk {
	struct machine *machine;
	unsigned next_bus;
	unsigned functions;
	struct {
		struct range range;
		bool io;
	} bars[2048];
	unsigned bar_count;
};

static bool inside(struct range inner, struct range outer)
{
	return outer.start <= outer.last && inner.start >= outer.start && inner.last <= outer.last;
}

static void note_bar(struct walk *walk, struct range range, bool io)
{
	for (unsigned i = 0; i < walk->bar_count; i++) {
		bool apart = range.last < walk->bars[i].range.start || range.start > walk->bars[i].range.last;

		assert_true(apart || io != walk->bars[i].io);
	}
	assert_true(walk->bar_count < 2048);
	walk->bars[walk->bar_count].range = range;
	walk->bars[walk->bar_count++].io = io;
}

/* Sizes a BAR and looks where it is. Returns the number of registers. */
static unsigned look_at_bar(struct walk *walk, const struct view *view, unsigned bar,
			    const struct range windows[SPACES])
{
	unsigned offset = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t low = get(view, offset, 4), command = get(view, PCI_COMMAND, 2), high = 0, mask;
	uint64_t size;
	bool wide = (low & 7) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	struct range range;

	put(view, PCI_COMMAND, 2, 0);
	put(view, offset, 4, UINT32_MAX);
	mask = get(view, offset, 4);
	put(view, offset, 4, low);
	size = mask & (low & 1 ? ~3u : ~15u);
	if (wide) {
		high = get(view, offset + 4, 4);
		put(view, offset + 4, 4, UINT32_MAX);
		size |= (uint64_t)get(view, offset + 4, 4) << 32;
		put(view, offset + 4, 4, high);
	} else if (size) {
		size |= UINT64_MAX << 32;
	}
	put(view, PCI_COMMAND, 2, command);
	if (size == 0)
		return 1;
	size = ~size + 1;
	range.start = ((uint64_t)high << 32 | low) & ~(size - 1);
	range.last = range.start + size - 1;
	assert_int_equal(range.start, ((uint64_t)high << 32 | low) & ~(low & 1 ? 3ull : 15ull));
	assert_true(range.start != 0);
	note_bar(walk, range, low & 1);
	if (low & 1) {
		assert_true(command & PCI_COMMAND_IO);
		assert_true(inside(range, windows[SPACE_IO]));
	} else {
		assert_true(command & PCI_COMMAND_MEMORY);
		assert_true(inside(range, windows[SPACE_MEM]) ||
			    (low & PCI_BASE_ADDRESS_MEM_PREFETCH || view->bus == 0
				     ? inside(range, windows[SPACE_PREF])
				     : false));
	}
	return wide ? 2 : 1;
}

/* An expansion ROM: placed like a BAR below 4 GiB, and off. */
static void look_at_rom(struct walk *walk, const struct view *view, const struct range windows[SPACES])
{
	uint32_t at = get(view, PCI_ROM_ADDRESS, 4), mask;
	struct range range;

	put(view, PCI_ROM_ADDRESS, 4, (uint32_t)PCI_ROM_ADDRESS_MASK);
	mask = get(view, PCI_ROM_ADDRESS, 4);
	put(view, PCI_ROM_ADDRESS, 4, at);
	if (!mask)
		return;
	range = (struct range){ at, at + ~mask };
	assert_int_equal(at & ~mask, 0);
	assert_int_not_equal(at, 0);
	assert_true(get(view, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
	assert_true(inside(range, windows[SPACE_MEM]));
	note_bar(walk, range, false);
}

static void look_at_bus(struct walk *walk, uint8_t bus, const struct range windows[SPACES]);

static void look_at_bridge(struct walk *walk, const struct view *view, const struct range above[SPACES])
{
	uint8_t secondary = (uint8_t)get(view, PCI_SECONDARY_BUS, 1);
	uint64_t pref = get(view, PCI_PREF_MEMORY_BASE, 4);
	struct range windows[SPACES] = {
		[SPACE_IO] = { (get(view, PCI_IO_BASE, 1) & 0xf0) << 8,
			       (get(view, PCI_IO_LIMIT, 1) & 0xf0) << 8 | 0xfff },
		[SPACE_MEM] = { get(view, PCI_MEMORY_BASE, 2) << 16,
				get(view, PCI_MEMORY_LIMIT, 2) << 16 | 0xfffff },
		[SPACE_PREF] = { (uint64_t)get(view, PCI_PREF_BASE_UPPER32, 4) << 32 | (pref & 0xfff0) << 16,
				 (uint64_t)get(view, PCI_PREF_LIMIT_UPPER32, 4) << 32 |
					 (pref >> 16 & 0xfff0) << 16 | 0xfffff },
	};
	bool any = false;

	assert_int_equal(get(view, PCI_PRIMARY_BUS, 1), view->bus);
	assert_int_equal(secondary, walk->next_bus);
	assert_int_equal(get(view, PCI_IO_BASE_UPPER16, 4), 0);
	for (unsigned i = 0; i < SPACES; i++) {
		if (windows[i].start > windows[i].last)
			continue;
		assert_true(inside(windows[i], above[i]));
		any = true;
	}
	if (any)
		assert_true(get(view, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO));
	assert_true(get(view, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	look_at_bus(walk, secondary, windows);
	assert_int_equal(get(view, PCI_SUBORDINATE_BUS, 1), walk->next_bus - 1);
}

static void look_at_bus(struct walk *walk, uint8_t bus, const struct range windows[SPACES])
{
	walk->next_bus++;
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		struct view view = { walk->machine, bus, (uint8_t)devfn };

		if (get(&view, PCI_VENDOR_ID, 4) == UINT32_MAX)
			continue;
		walk->functions++;
		if ((get(&view, PCI_HEADER_TYPE, 1) & 0x7f) == PCI_HEADER_TYPE_BRIDGE) {
			look_at_bridge(walk, &view, windows);
			continue;
		}
		assert_int_equal(get(&view, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
		for (unsigned bar = 0; bar < PCI_BARS;)
			bar += look_at_bar(walk, &view, bar, windows);
		look_at_rom(walk, &view, windows);
	}
}

/* Assigns, looks at everything, and checks how much there was to look at. */
static void assign(struct machine *machine, unsigned functions, unsigned bars)
{
	const struct pci_windows *windows = machine->windows;
	const struct range outer[SPACES] = {
		[SPACE_IO] = { windows->io_start, windows->io_end },
		[SPACE_MEM] = { windows->mmio32.start, windows->mmio32.start + windows->mmio32.size - 1 },
		[SPACE_PREF] = { windows->mmio64.start, windows->mmio64.start + windows->mmio64.size - 1 },
	};
	struct walk *walk = calloc(1, sizeof(*walk));

	assert_non_null(walk);
	walk->machine = machine;
	assert_int_equal(pci_assign(machine->root, windows), 0);
	look_at_bus(walk, 0, outer);
	assert_int_equal(walk->functions, functions);
	assert_int_equal(walk->bar_count, bars);
	free(walk);
}

static void assert_mapped(const struct fake *fake, unsigned bar, uint64_t start, uint64_t end)
{
	assert_true(fake->mapped_at[bar] >= start && fake->mapped_at[bar] < end);
}

static void devices_on_the_root_bus(void **state)
{
	struct machine *machine = *state;
	struct fake *disk = add(machine->root, 3, "disk", nvme);
	struct fake *net = add(machine->root, 4, "net", e1000e);

	add(machine->root, 5, "old", rtl8139);
	assign(machine, 3, 7);
	assert_int_equal(disk->config.data[PCI_INTERRUPT_LINE], 16 + 3);
	assert_int_equal(net->config.data[PCI_INTERRUPT_LINE], 16 + 4);
	assert_mapped(disk, 0, usual.mmio32.start, 4 * GIB);
	assert_mapped(net, 2, 0x1000, 0x10000);
}

static void roms_have_a_place_and_are_off(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *behind = add_port(machine, 2, 0, "pcie.1");
	struct fake *old = add(machine->root, 3, "old", old_with_rom);
	struct fake *net = add(behind, 0, "net", net_with_rom);
	struct view view = { machine, 1, 0 };
	uint32_t at;

	assign(machine, 3, 4);
	assert_int_equal(old->mapped_at[PCI_ROM_BAR], 0);
	at = get(&view, PCI_ROM_ADDRESS, 4);
	put(&view, PCI_ROM_ADDRESS, 4, at | PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(net->mapped_at[PCI_ROM_BAR], at);
	/* A reset takes it away, and the next assignment brings it to the same place. */
	pci_bus_reset(machine->root);
	assert_int_equal(net->mapped_at[PCI_ROM_BAR], 0);
	assert_int_equal(pci_config_get(&net->config, PCI_ROM_ADDRESS, 4), 0);
	assign(machine, 3, 4);
	assert_int_equal(get(&view, PCI_ROM_ADDRESS, 4), at);
}

/* A page to itself: only so can it be mapped into the guest. */
static void small_bars_do_not_share_a_page(void **state)
{
	struct machine *machine = *state;
	struct fake *one = add(machine->root, 3, "one", rtl8139);
	struct fake *two = add(machine->root, 4, "two", rtl8139);

	assign(machine, 2, 4);
	assert_int_equal(one->mapped_at[1] % 4096, 0);
	assert_int_equal(two->mapped_at[1] % 4096, 0);
	assert_int_not_equal(one->mapped_at[1], two->mapped_at[1]);
}

static void devices_behind_ports(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *first = add_port(machine, 2, 0, "pcie.1");
	struct pci_bus *second = add_port(machine, 2, 1, "pcie.2");
	struct fake *net = add(second, 0, "net", e1000e);
	struct fake *disk = add(first, 0, "disk", nvme);
	struct fake *card = add(machine->root, 9, "card", gpu);

	assign(machine, 5, 9);
	assert_int_equal(net->config.data[PCI_INTERRUPT_LINE], 16 + 2);
	for (unsigned bar = 0; bar < 4; bar++)
		assert_true(net->mapped_at[bar] != 0);
	assert_true(disk->mapped_at[0] != 0);
	assert_mapped(card, 0, usual.mmio64.start, usual.mmio64.start + usual.mmio64.size);
	assert_mapped(card, 2, usual.mmio64.start, usual.mmio64.start + usual.mmio64.size);
	assert_mapped(card, 5, usual.mmio32.start, 4 * GIB);
}

static void large_bars_go_above_4_gib_behind_ports_too(void **state)
{
	struct machine *machine = *state;
	struct fake *card = add(add_port(machine, 2, 0, "pcie.1"), 0, "card", gpu);
	struct fake *other = add(add_port(machine, 3, 0, "pcie.2"), 0, "other", gpu);

	assign(machine, 4, 8);
	assert_mapped(card, 0, usual.mmio64.start, usual.mmio64.start + usual.mmio64.size);
	assert_mapped(other, 0, usual.mmio64.start, usual.mmio64.start + usual.mmio64.size);
	assert_mapped(other, 5, usual.mmio32.start, 4 * GIB);
}

static void bridges_behind_bridges(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *outer = add_bridge(machine, machine->root, 4, "outer");
	struct pci_bus *left = add_bridge(machine, outer, 1, "left");
	struct pci_bus *right = add_bridge(machine, outer, 2, "right");
	struct pci_bus *deep = add_bridge(machine, left, 3, "deep");
	struct fake *net = add(deep, 7, "net", e1000e);

	add_port(machine, 6, 0, "pcie.1");
	add(right, 0, "card", gpu);
	add(right, 1, "disk", nvme);
	add(outer, 9, "old", rtl8139);
	assign(machine, 9, 11);
	/* INTA of slot 7: INTD of deep in slot 3, INTC of left in slot 1, INTD of outer in slot 4. */
	assert_int_equal(net->config.data[PCI_INTERRUPT_LINE], 16 + (4 + 3) % 8);
}

static void empty_ports_get_a_reserve(void **state)
{
	struct machine *machine = *state;
	struct view port = { machine, 0, PCI_DEVFN_OF(2, 0) };

	add_port(machine, 2, 0, "pcie.1");
	assign(machine, 1, 0);
	/* 2 MiB below, 16 GiB above, aligned for a BAR as large; no ports. */
	assert_int_equal(get(&port, PCI_MEMORY_BASE, 4), 0x80108000);
	assert_int_equal(get(&port, PCI_PREF_MEMORY_BASE, 4), 0xfff10001);
	assert_int_equal(get(&port, PCI_PREF_BASE_UPPER32, 4), 8);
	assert_int_equal(get(&port, PCI_PREF_LIMIT_UPPER32, 4), 11);
	assert_int_equal(get(&port, PCI_IO_BASE, 2), 0x01f1);
	assert_int_equal(get(&port, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void reserves_give_way_to_devices(void **state)
{
	static const struct pci_windows tight = {
		.mmio32 = { 0x80000000, 20 * MIB },
		.mmio64 = { 0x800000000, 40 * GIB },
		.io_start = 0x1000,
		.io_end = 0xffff,
	};
	struct machine *machine = *state;
	struct view first = { machine, 0, PCI_DEVFN_OF(2, 0) }, last = { machine, 0, PCI_DEVFN_OF(4, 0) };

	machine->windows = &tight;
	add_port(machine, 2, 0, "pcie.1");
	add_port(machine, 3, 0, "pcie.2");
	add_port(machine, 4, 0, "pcie.3");
	add(machine->root, 9, "card", gpu);
	assign(machine, 4, 4);
	/* 40 GiB less the card's: 16 GiB for the first port, none for the last. */
	assert_int_equal(get(&first, PCI_PREF_MEMORY_BASE, 4) & 0xfff0fff0, 0xfff00000);
	assert_int_equal(get(&first, PCI_PREF_BASE_UPPER32, 4), 12);
	assert_int_equal(get(&last, PCI_PREF_MEMORY_BASE, 4) & 0xfff0fff0, 0x0000fff0);
	assert_int_equal(get(&last, PCI_PREF_BASE_UPPER32, 4), 0);
	assert_int_equal(get(&first, PCI_MEMORY_BASE, 4), 0x81108100);
	assert_int_equal(get(&last, PCI_MEMORY_BASE, 4), 0x0000fff0);
}

static void assert_refused(struct machine *machine, const struct pci_windows *windows, const char *text)
{
	char format[ERROR_TEXT_SIZE];

	assert_int_equal(pci_assign(machine->root, windows), -ENOSPC);
	error_format(error_get(), format, sizeof(format));
	assert_string_equal(format, text);
}

static void the_user_says_how_much(void **state)
{
	struct machine *machine = *state;
	struct view none = { machine, 0, PCI_DEVFN_OF(2, 0) }, some = { machine, 0, PCI_DEVFN_OF(3, 0) };

	add_port_with(machine, 2, 0, "pcie.1", 0, 0, 0);
	/* Beside a device that needs less. */
	add(add_port_with(machine, 3, 0, "pcie.2", 8 * KIB, 10 * MIB, 24 * GIB), 0, "net", e1000e);
	assign(machine, 3, 4);
	assert_int_equal(get(&none, PCI_IO_BASE, 2), 0x01f1);
	assert_int_equal(get(&none, PCI_MEMORY_BASE, 4), 0x0000fff0);
	assert_int_equal(get(&none, PCI_PREF_MEMORY_BASE, 4) & 0xfff0fff0, 0x0000fff0);
	assert_int_equal(get(&some, PCI_IO_BASE, 2), 0x3121);
	/* Aligned for the largest BAR that there is room for. */
	assert_int_equal(get(&some, PCI_MEMORY_BASE, 4), 0x80908000);
	assert_int_equal(get(&some, PCI_PREF_BASE_UPPER32, 4), 8);
	assert_int_equal(get(&some, PCI_PREF_LIMIT_UPPER32, 4), 8 + 5);
}

static void what_the_user_wants_does_not_give_way(void **state)
{
	struct machine *machine = *state;

	add_port(machine, 2, 0, "pcie.1");
	add_port_with(machine, 3, 0, "pcie.2", 0, 0, 65 * GIB);
	assert_refused(machine, &usual,
		       "cannot reserve 65 GiB behind port 'pcie.2' (pref64-reserve=)\n"
		       "  because: the PCI window above 4 GiB has 64 GiB in all, none of them taken\n"
		       "  try:     a smaller pref64-reserve=, or none");
	/* Larger than there are addresses. */
	add_port_with(machine, 4, 0, "pcie.3", 0, 0, PCI_RESERVE_AUTO - 1);
	assert_int_equal(pci_assign(machine->root, &usual), -ENOSPC);
	assert_non_null(strstr(error_get()->tried, "'pcie.3'"));
}

/* Room enough, but none that begins where it would have to. */
static void a_place_without_alignment_is_said(void **state)
{
	struct pci_windows windows = usual;
	struct machine *machine = *state;

	windows.mmio64_end = "a hole in the road";
	windows.mmio64 = (struct mem_range){ 4 * GIB, 1008 * GIB };
	add_port_with(machine, 3, 0, "pcie.2", 0, 0, 512 * GIB);
	assert_refused(
		machine, &windows,
		"cannot reserve 512 GiB behind port 'pcie.2' (pref64-reserve=)\n"
		"  because: the PCI window above 4 GiB has 1008 GiB in all, none of them taken, but from "
		"0x100000000 to 0xfcffffffff no 512 GiB are free that begin at a multiple of 512 GiB; it "
		"ends at a hole in the road\n"
		"  try:     a smaller pref64-reserve=, or none");
}

static void a_bar_without_an_aligned_place_is_told_so(void **state)
{
	static const struct pci_bar half[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 512 * GIB },
	};
	struct pci_windows windows = usual;
	struct machine *machine = *state;

	windows.mmio64 = (struct mem_range){ 4 * GIB, 1008 * GIB };
	add(machine->root, 9, "card", half);
	assert_refused(
		machine, &windows,
		"cannot place BAR 0 (512 GiB) of vfio-pci 'card' in slot 9 function 0 of bus pcie.0\n"
		"  because: the PCI window above 4 GiB has 1008 GiB in all, none of them taken, but from "
		"0x100000000 to 0xfcffffffff no 512 GiB are free that begin at a multiple of 512 GiB\n"
		"           the PCI window below 4 GiB has 1536 MiB in all, none of them taken\n"
		"  try:     a smaller BAR, where the device can: resource0_resize in its folder in sysfs");
	windows.mmio64.size = 1020 * GIB;
	machine->windows = &windows;
	assign(machine, 1, 1);
}

/* Who has reserved most of a window is told so, in one unit. */
static void a_wish_that_leaves_no_room_is_named(void **state)
{
	static const struct pci_bar display[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM32, .size = 16 * MIB },
	};
	struct machine *machine = *state;

	add_port_with(machine, 2, 0, "pcie.1", 0, 4 * MIB, 0);
	add_port_with(machine, 3, 0, "pcie.2", 0, 1530 * MIB, 0);
	add(machine->root, 9, "display", display);
	assert_refused(
		machine, &usual,
		"cannot place BAR 0 (16 MiB) of vfio-pci 'display' in slot 9 function 0 of bus pcie.0\n"
		"  because: the PCI window below 4 GiB has 1536 MiB in all, 1535 MiB of them taken\n"
		"  try:     a smaller mem-reserve= of port 'pcie.2', or fewer devices with large BARs in "
		"this VM");
}

static void prefetchable_bars_go_below_where_nothing_is_above(void **state)
{
	static const struct pci_bar card[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 256 * MIB },
		[2] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 512 * MIB },
	};
	struct pci_windows windows = usual;
	struct machine *machine = *state;
	struct fake *front = add(machine->root, 9, "front", card);
	struct fake *behind = add(add_port(machine, 2, 0, "pcie.1"), 0, "behind", nvme);

	windows.mmio64.size = 0;
	machine->windows = &windows;
	add_port(machine, 3, 0, "pcie.2");
	assign(machine, 4, 3);
	assert_mapped(front, 0, usual.mmio32.start, 4 * GIB);
	assert_mapped(behind, 0, usual.mmio32.start, 4 * GIB);

	/* A window that has room for one of the two: the larger one is above. */
	windows.mmio64.size = 600 * MIB;
	pci_bus_reset(machine->root);
	assign(machine, 4, 3);
	assert_mapped(front, 0, usual.mmio32.start, 4 * GIB);
	assert_mapped(front, 2, usual.mmio64.start, usual.mmio64.start + windows.mmio64.size);
}

static void a_whole_port_goes_below_where_it_must(void **state)
{
	static const struct pci_bar card[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 256 * MIB },
	};
	struct pci_windows windows = usual;
	struct machine *machine = *state;
	struct fake *behind = add(add_port(machine, 2, 0, "pcie.1"), 0, "behind", card);

	windows.mmio64.size = 128 * MIB;
	machine->windows = &windows;
	assign(machine, 2, 1);
	assert_mapped(behind, 0, usual.mmio32.start, 4 * GIB);
}

/* Not prefetchable, but nothing else is possible, and no bridge is in the way. */
static void a_wide_bar_on_the_root_bus_goes_above_where_it_must(void **state)
{
	static const struct pci_bar fpga[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM64, .size = 8 * GIB },
		[2] = { .kind = PCI_BAR_MEM64, .size = 64 * KIB },
	};
	struct machine *machine = *state;
	struct fake *card = add(machine->root, 9, "card", fpga);

	assign(machine, 1, 2);
	assert_mapped(card, 0, usual.mmio64.start, usual.mmio64.start + usual.mmio64.size);
	assert_mapped(card, 2, usual.mmio32.start, 4 * GIB);
}

static void a_bar_too_large_is_named(void **state)
{
	static const struct pci_bar huge[PCI_BARS_AND_ROM] = {
		[1] = { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 128 * GIB },
		[4] = { .kind = PCI_BAR_MEM32, .size = 16 * MIB },
	};
	struct machine *machine = *state;
	struct fake *card = add(add_port(machine, 2, 0, "pcie.1"), 0, "card", huge);
	struct view port = { machine, 0, PCI_DEVFN_OF(2, 0) };

	add(machine->root, 9, "other", gpu);
	assert_refused(
		machine, &usual,
		"cannot place BAR 1 (128 GiB) of vfio-pci 'card' in slot 0 function 0 of bus pcie.1\n"
		"  because: the PCI window above 4 GiB has 65536 MiB in all, 16416 MiB of them taken\n"
		"           the PCI window below 4 GiB has 1536 MiB in all, 17 MiB of them taken\n"
		"  try:     a smaller BAR, where the device can: resource1_resize in its folder in sysfs");
	/* Nothing was touched. */
	assert_int_equal(card->maps, 0);
	assert_int_equal(get(&port, PCI_PRIMARY_BUS, 4), 0);
}

static void a_narrow_bar_too_large_is_named(void **state)
{
	static const struct pci_bar large[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM32, .size = 1 * GIB },
	};
	struct machine *machine = *state;

	add(machine->root, 9, NULL, large);
	add(machine->root, 10, "second", large);
	assert_refused(machine, &usual,
		       "cannot place BAR 0 (1 GiB) of vfio-pci 'second' in slot 10 function 0 of bus pcie.0\n"
		       "  because: the PCI window below 4 GiB has 1536 MiB in all, 1024 MiB of them taken\n"
		       "  try:     fewer devices with large BARs in this VM");
}

static void a_rom_without_room_is_named(void **state)
{
	static const struct pci_windows narrow = {
		.mmio32 = { 0x80000000, 128 * KIB },
		.io_start = 0x1000,
		.io_end = 0xffff,
	};
	static const struct pci_bar net[PCI_BARS_AND_ROM] = {
		[0] = { .kind = PCI_BAR_MEM32, .size = 128 * KIB },
		[PCI_ROM_BAR] = { .kind = PCI_BAR_ROM, .size = 64 * KIB },
	};
	struct machine *machine = *state;

	add(machine->root, 3, "net", net);
	assert_refused(
		machine, &narrow,
		"cannot place option ROM (64 KiB) of vfio-pci 'net' in slot 3 function 0 of bus pcie.0\n"
		"  because: the PCI window below 4 GiB has 128 KiB in all, 128 KiB of them taken\n"
		"  try:     fewer devices with large BARs in this VM");
}

static void too_many_io_ports_are_explained(void **state)
{
	struct machine *machine = *state;

	for (unsigned i = 0; i < 16; i++) {
		char id[16] = { 'n', (char)('a' + i) };

		add(add_port(machine, 2 + i, 0, id + 1), 0, id, rtl8139);
	}
	assert_refused(machine, &usual,
		       "cannot place BAR 0 (256 bytes) of vfio-pci 'np' in slot 0 function 0 of bus p\n"
		       "  because: the I/O ports 0x1000 to 0xffff are 61440 in all, 61440 of them taken\n"
		       "  try:     slots on pcie.0 for devices with I/O ports: behind a root port each takes "
		       "4096 ports");
}

/* A guest reset: registers as after power-on, and the same outcome; and over a running guest's mess too. */
static void assigned_again_it_is_the_same(void **state)
{
	struct machine *machine = *state;
	struct fake *net = add(add_port(machine, 2, 0, "pcie.1"), 0, "net", e1000e);
	struct fake *card = add(machine->root, 9, "card", gpu);
	struct pci_bus *outer = add_bridge(machine, machine->root, 4, "outer");
	struct view bridge = { machine, 0, PCI_DEVFN_OF(4, 0) }, port = { machine, 0, PCI_DEVFN_OF(2, 0) };
	uint64_t first[PCI_BARS_AND_ROM];

	add(add_bridge(machine, outer, 3, "inner"), 1, "disk", nvme);
	assign(machine, 6, 9);
	memcpy(first, net->mapped_at, sizeof(first));
	pci_bus_reset(machine->root);
	assert_int_equal(net->mapped_at[0], 0);
	assign(machine, 6, 9);
	assert_memory_equal(first, net->mapped_at, sizeof(first));

	put(&bridge, PCI_PRIMARY_BUS, 4, 0x00ff0100);
	put(&port, PCI_PRIMARY_BUS, 4, 0x00030201);
	pci_config_write(machine->root, 0, PCI_DEVFN_OF(9, 0), PCI_BASE_ADDRESS_5, 4, (uint32_t)first[0]);
	pci_config_write(machine->root, 0, PCI_DEVFN_OF(9, 0), PCI_COMMAND, 2, PCI_COMMAND_MASTER | 3);
	assign(machine, 6, 9);
	assert_memory_equal(first, net->mapped_at, sizeof(first));
	assert_int_equal(card->config.data[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
}

static void as_many_as_there_can_be(void **state)
{
	struct machine *machine = *state;
	unsigned count = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		for (unsigned number = 0; number < PCI_FUNCTIONS && count < 255; number++, count++) {
			char id[16] = { (char)('a' + slot / 26), (char)('a' + slot % 26),
					(char)('0' + number) };

			add(add_port(machine, slot, number, id), 0, NULL, nvme);
		}
	}
	assign(machine, 510, 255);
	/* One more is one too many. */
	add_port(machine, 31, 7, "last");
	assert_refused(machine, &usual,
		       "257 PCI buses: there are 256 bus numbers\n  try:     fewer pcie-root-port devices");
}

/* Any mixture that the windows have room for. The same ones each time. */
static void random_topologies(void **state)
{
	struct machine *machine = *state;

	for (unsigned seed = 1; seed <= 60; seed++) {
		unsigned functions = 0, bars = 0;

		srand(seed);
		pci_bus_destroy(machine->root);
		assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
		for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
			struct pci_bus *bus = machine->root;
			struct pci_bar table[PCI_BARS_AND_ROM] = { 0 };
			char id[3] = { (char)('a' + slot / 16), (char)('a' + slot % 16) };

			if (rand() % 3 == 0) {
				bus = rand() % 2 ? add_port(machine, slot, 0, id)
						 : add_bridge(machine, bus, slot, id);
				functions++;
				if (rand() % 3 == 0)
					continue;
			}
			for (unsigned bar = 0; bar < PCI_BARS; bar++) {
				unsigned kind = (unsigned)rand() % 4;

				if (kind == 0 || (kind == PCI_BAR_MEM64 && bar == 5))
					continue;
				table[bar].kind = kind;
				table[bar].prefetchable = kind != PCI_BAR_IO && rand() % 2;
				table[bar].size = kind == PCI_BAR_IO	  ? 4ull << rand() % 7
						  : kind == PCI_BAR_MEM32 ? 16ull << rand() % 20
									  : 16ull << rand() % 22;
				if (table[bar].prefetchable && kind == PCI_BAR_MEM64)
					table[bar].size <<= rand() % 6;
				bars++;
				bar += kind == PCI_BAR_MEM64;
			}
			if (rand() % 3 == 0) {
				table[PCI_ROM_BAR].kind = PCI_BAR_ROM;
				table[PCI_ROM_BAR].size = 2048ull << rand() % 10;
				bars++;
			}
			add(bus, bus == machine->root ? slot : 0, NULL, table);
			functions++;
		}
		assign(machine, functions, bars);
	}
}

int main(void)
{
#define assign_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		assign_test(devices_on_the_root_bus),
		assign_test(small_bars_do_not_share_a_page),
		assign_test(roms_have_a_place_and_are_off),
		assign_test(a_rom_without_room_is_named),
		assign_test(devices_behind_ports),
		assign_test(large_bars_go_above_4_gib_behind_ports_too),
		assign_test(bridges_behind_bridges),
		assign_test(empty_ports_get_a_reserve),
		assign_test(reserves_give_way_to_devices),
		assign_test(the_user_says_how_much),
		assign_test(a_place_without_alignment_is_said),
		assign_test(a_bar_without_an_aligned_place_is_told_so),
		assign_test(a_wish_that_leaves_no_room_is_named),
		assign_test(what_the_user_wants_does_not_give_way),
		assign_test(prefetchable_bars_go_below_where_nothing_is_above),
		assign_test(a_whole_port_goes_below_where_it_must),
		assign_test(a_wide_bar_on_the_root_bus_goes_above_where_it_must),
		assign_test(a_bar_too_large_is_named),
		assign_test(a_narrow_bar_too_large_is_named),
		assign_test(too_many_io_ports_are_explained),
		assign_test(assigned_again_it_is_the_same),
		assign_test(as_many_as_there_can_be),
		assign_test(random_topologies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
