/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which buses and BARs there are, which space each BAR wants, and how wide and where each window is.
 *
 * A bus is packed in one space by taking what is on it, largest alignment first, and giving each the
 * lowest address where it fits. Windows are sized from the leaves up by packing at address 0, then placed
 * from the root down; a window's base has the alignment of all it holds, so the second packing comes out
 * like the first.
 *
 * Where the root's windows are too small, something gives way and everything is sized again: first the
 * room reserved behind empty ports, the last port's before the others (but for what the user has asked for);
 * then 64-bit BARs move to the other memory space if they can stand there. A BAR moves once at most, so the
 * search ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/text.h"
#include "pci/assign-priv.h"
#include "pci/bus-priv.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* More than any window has: what cannot be sized gets this size, and then has no place. */
#define TOO_LARGE (UINT64_C(1) << 52)

#define BUSES_MAX 256

static const struct space {
	uint64_t granule;  /* of a bridge's window */
	uint64_t bar_unit; /* two BARs never share one: a page, so that each can be mapped by itself */
	uint64_t reserve;  /* behind a port with nothing in its slot */
} spaces[PCI_SPACES] = {
	[PCI_SPACE_IO] = { .granule = 4 * KIB, .bar_unit = 4, .reserve = 0 },
	[PCI_SPACE_MEM] = { .granule = MIB, .bar_unit = 4 * KIB, .reserve = 2 * MIB },
	[PCI_SPACE_PREF] = { .granule = MIB, .bar_unit = 4 * KIB, .reserve = 16 * GIB },
};

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static uint64_t bar_size(const struct pci_plan_bar *bar)
{
	return bar->function->bars[bar->bar].size;
}

static uint64_t io_size(const struct pci_windows *windows)
{
	return windows->io_end > windows->io_start ? windows->io_end - windows->io_start + 1u : 0;
}

/* Collecting. */

static enum pci_space bar_space(const struct pci_windows *windows, const struct pci_bar *bar)
{
	if (bar->kind == PCI_BAR_IO)
		return PCI_SPACE_IO;
	if (bar->kind == PCI_BAR_MEM64 && bar->prefetchable && windows->mmio64.size > 0)
		return PCI_SPACE_PREF;
	return PCI_SPACE_MEM;
}

static void count_tree(const struct pci_bus *bus, unsigned *buses, unsigned *bars)
{
	(*buses)++;
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		const struct pci_function *function = bus->functions[devfn];

		if (!function)
			continue;
		for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++)
			*bars += function->bars[i].kind != PCI_BAR_NONE;
		if (function->secondary)
			count_tree(function->secondary, buses, bars);
	}
}

static void collect_bars(struct pci_plan *plan, unsigned bus, struct pci_function *function)
{
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (function->bars[i].kind == PCI_BAR_NONE)
			continue;
		plan->bars[plan->bar_count++] = (struct pci_plan_bar){
			.function = function,
			.bar = i,
			.bus = bus,
			.space = bar_space(plan->windows, &function->bars[i]),
		};
	}
}

static void reserve_room(const struct pci_plan *plan, struct pci_plan_bus *bus, enum pci_space space,
			 bool empty)
{
	uint64_t wanted = bus->bus->reserve[space];

	bus->fixed[space] = wanted != PCI_RESERVE_AUTO;
	if (bus->fixed[space])
		bus->reserve[space] = wanted < TOO_LARGE ? wanted : TOO_LARGE;
	else if (empty && (space != PCI_SPACE_PREF || plan->windows->mmio64.size > 0))
		bus->reserve[space] = spaces[space].reserve;
}

/* Depth first, which is the order of bus numbers too. */
static void collect_bus(struct pci_plan *plan, struct pci_bus *bus, unsigned parent)
{
	unsigned index = plan->bus_count++;
	bool empty = true;

	plan->buses[index] = (struct pci_plan_bus){ .bus = bus, .parent = parent, .number = (uint8_t)index };
	for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
		struct pci_function *function = bus->functions[devfn];

		if (!function)
			continue;
		empty = false;
		collect_bars(plan, index, function);
		if (function->secondary)
			collect_bus(plan, function->secondary, index);
	}
	plan->buses[index].subordinate = (uint8_t)(plan->bus_count - 1);
	for (unsigned space = 0; space < PCI_SPACES; space++)
		reserve_room(plan, &plan->buses[index], space, empty);
}

/* Packing. */

static int compare_items(const void *a, const void *b)
{
	const struct pci_plan_item *left = a, *right = b;

	if (left->align != right->align)
		return left->align > right->align ? -1 : 1;
	if (left->size != right->size)
		return left->size > right->size ? -1 : 1;
	/* The order of the plan, so that the outcome is the same each time. */
	if (left->bar && right->bar)
		return left->bar < right->bar ? -1 : 1;
	if (left->behind && right->behind)
		return left->behind < right->behind ? -1 : 1;
	return left->bar ? -1 : 1;
}

static void collect_items(struct pci_plan *plan, unsigned bus, enum pci_space space)
{
	plan->item_count = 0;
	for (unsigned i = 0; i < plan->bar_count; i++) {
		struct pci_plan_bar *bar = &plan->bars[i];
		uint64_t size = most(bar_size(bar), spaces[space].bar_unit);

		if (bar->bus == bus && bar->space == space)
			plan->items[plan->item_count++] =
				(struct pci_plan_item){ .bar = bar, .size = size, .align = size };
	}
	for (unsigned i = 1; i < plan->bus_count; i++) {
		struct pci_plan_bus *behind = &plan->buses[i];

		if (behind->parent == bus && behind->size[space] > 0)
			plan->items[plan->item_count++] = (struct pci_plan_item){
				.behind = behind, .size = behind->size[space], .align = behind->align[space]
			};
	}
	qsort(plan->items, plan->item_count, sizeof(plan->items[0]), compare_items);
}

/* The lowest place in [start, start + size) that nobody in order[0..placed) has. */
static bool place_item(struct pci_plan *plan, unsigned placed, struct pci_plan_item *item, uint64_t start,
		       uint64_t size)
{
	uint64_t address = round_up(start, item->align);
	unsigned at;

	if (item->size > size)
		return false;
	for (at = 0; at < placed; at++) {
		const struct pci_plan_item *other = plan->order[at];

		if (address < other->address && item->size <= other->address - address)
			break;
		address = most(address, round_up(other->address + other->size, item->align));
	}
	if (address - start > size - item->size)
		return false;
	memmove(&plan->order[at + 1], &plan->order[at], (placed - at) * sizeof(plan->order[0]));
	plan->order[at] = item;
	item->address = address;
	item->placed = true;
	return true;
}

/* Returns the first item without a place, or NULL. plan->items holds the outcome. */
static struct pci_plan_item *pack(struct pci_plan *plan, unsigned bus, enum pci_space space, uint64_t start,
				  uint64_t size)
{
	struct pci_plan_item *left_out = NULL;
	unsigned placed = 0;

	collect_items(plan, bus, space);
	for (unsigned i = 0; i < plan->item_count; i++) {
		struct pci_plan_item *item = &plan->items[i];

		if (place_item(plan, placed, item, start, size))
			placed++;
		else if (!left_out)
			left_out = item;
	}
	return left_out;
}

static uint64_t power_of_two_in(uint64_t size)
{
	return UINT64_C(1) << (63 - __builtin_clzll(size));
}

/* The window that the bridge above this bus needs. */
static void size_window(struct pci_plan *plan, unsigned index, enum pci_space space)
{
	struct pci_plan_bus *bus = &plan->buses[index];
	struct pci_plan_item *left_out = pack(plan, index, space, 0, TOO_LARGE);
	uint64_t size = 0, align = spaces[space].granule;

	for (unsigned i = 0; i < plan->item_count; i++) {
		size = most(size, plan->items[i].address + plan->items[i].size);
		align = most(align, plan->items[i].align);
	}
	if (left_out) {
		size = TOO_LARGE;
		align = spaces[space].granule;
	}
	if (bus->reserve[space]) {
		size = most(size, bus->reserve[space]);
		/* The largest BAR that it has room for. */
		align = most(align, power_of_two_in(bus->reserve[space]));
	}
	bus->size[space] = round_up(size, spaces[space].granule);
	bus->align[space] = align;
}

static void take_places(struct pci_plan *plan, enum pci_space space)
{
	for (unsigned i = 0; i < plan->item_count; i++) {
		const struct pci_plan_item *item = &plan->items[i];

		if (item->bar)
			item->bar->address = item->address;
		else
			item->behind->base[space] = item->address;
	}
}

/* Giving way. */

static bool bus_is_behind(const struct pci_plan *plan, unsigned bus, const struct pci_plan_bus *top)
{
	unsigned first = (unsigned)(top - plan->buses);

	return bus >= first && bus <= top->subordinate;
}

static bool item_holds(const struct pci_plan *plan, const struct pci_plan_item *item,
		       const struct pci_plan_bar *bar, enum pci_space space)
{
	if (bar->space != space)
		return false;
	return item->bar ? item->bar == bar : bus_is_behind(plan, bar->bus, item->behind);
}

static bool drop_reserve(struct pci_plan *plan, enum pci_space space)
{
	for (unsigned i = plan->bus_count; i-- > 0;) {
		if (!plan->buses[i].reserve[space] || plan->buses[i].fixed[space])
			continue;
		plan->buses[i].reserve[space] = 0;
		return true;
	}
	return false;
}

/* What found no place above 4 GiB goes below, all BARs of a window at once. */
static bool move_below(struct pci_plan *plan, const struct pci_plan_item *item)
{
	bool any = false;

	for (unsigned i = 0; i < plan->bar_count; i++) {
		struct pci_plan_bar *bar = &plan->bars[i];

		if (!item_holds(plan, item, bar, PCI_SPACE_PREF) || bar->moved)
			continue;
		bar->space = PCI_SPACE_MEM;
		bar->moved = any = true;
	}
	return any;
}

/* The largest 64-bit BAR that may stand above though it is not prefetchable: one on the root bus, for a
 * bridge's window above is prefetchable. */
static bool move_above(struct pci_plan *plan)
{
	struct pci_plan_bar *largest = NULL;

	for (unsigned i = 0; i < plan->bar_count; i++) {
		struct pci_plan_bar *bar = &plan->bars[i];

		if (bar->bus != 0 || bar->space != PCI_SPACE_MEM || bar->moved ||
		    bar->function->bars[bar->bar].kind != PCI_BAR_MEM64)
			continue;
		if (!largest || bar_size(bar) > bar_size(largest))
			largest = bar;
	}
	if (!largest || plan->windows->mmio64.size == 0)
		return false;
	largest->space = PCI_SPACE_PREF;
	largest->moved = true;
	return true;
}

static struct mem_range window_of(const struct pci_windows *windows, enum pci_space space)
{
	if (space == PCI_SPACE_IO)
		return (struct mem_range){ windows->io_start, io_size(windows) };
	return space == PCI_SPACE_PREF ? windows->mmio64 : windows->mmio32;
}

/* size, align: of what found no place in it. Where there is room enough, it is not at the right place. */
static void say_window(const struct pci_plan *plan, enum pci_space space, uint64_t size, uint64_t align,
		       bool first)
{
	const struct mem_range window = window_of(plan->windows, space);
	static const char format[] = "the PCI window %s 4 GiB has %s in all, %s of them taken%s";
	const char *where = space == PCI_SPACE_PREF ? "above" : "below";
	const char *end = space == PCI_SPACE_PREF ? plan->windows->mmio64_end : NULL;
	uint64_t taken = plan->taken[space];
	char whole[32], part[32] = "none", lacks[240] = "", wanted[32], multiple[32];

	/* A page here and there would make kibibytes of it all. */
	if (taken > MIB)
		taken = round_up(taken, MIB);
	text_size_like(window.size, taken, whole, sizeof(whole));
	if (taken)
		text_size_like(taken, window.size, part, sizeof(part));
	if (size <= window.size - plan->taken[space])
		snprintf(lacks, sizeof(lacks),
			 ", but from 0x%" PRIx64 " to 0x%" PRIx64
			 " no %s are free that begin at a multiple of %s%s%s",
			 window.start, window.start + window.size - 1,
			 text_size(size, wanted, sizeof(wanted)),
			 text_size(align, multiple, sizeof(multiple)), end ? "; it ends at " : "",
			 end ? end : "");
	if (first)
		error_set(ENOSPC, format, where, whole, part, lacks);
	else
		error_add(format, where, whole, part, lacks);
}

static void say_ports(const struct pci_plan *plan)
{
	const struct pci_windows *windows = plan->windows;

	error_set(ENOSPC, "the I/O ports 0x%x to 0x%x are %u in all, %u of them taken", windows->io_start,
		  windows->io_end, (unsigned)io_size(windows), (unsigned)plan->taken[PCI_SPACE_IO]);
}

/* The largest BAR of what has no place; NULL: it is nothing but room that the user wants reserved. */
static const struct pci_plan_bar *largest_bar(const struct pci_plan *plan, const struct pci_plan_item *item,
					      enum pci_space space)
{
	const struct pci_plan_bar *largest = NULL;

	for (unsigned i = 0; i < plan->bar_count; i++) {
		if (item_holds(plan, item, &plan->bars[i], space) &&
		    (!largest || bar_size(&plan->bars[i]) > bar_size(largest)))
			largest = &plan->bars[i];
	}
	return largest;
}

static const char *const reserve_keys[PCI_SPACES] = { "io-reserve", "mem-reserve", "pref64-reserve" };

/* The largest of what the user has reserved in a space, or NULL. */
static const struct pci_plan_bus *largest_wish(const struct pci_plan *plan, enum pci_space space)
{
	const struct pci_plan_bus *largest = NULL;

	for (unsigned i = 1; i < plan->bus_count; i++) {
		const struct pci_plan_bus *bus = &plan->buses[i];

		if (bus->fixed[space] && bus->reserve[space] > (largest ? largest->reserve[space] : 0))
			largest = bus;
	}
	return largest;
}

static bool fits_alone(const struct pci_plan *plan, uint64_t size, enum pci_space space)
{
	const struct mem_range window = window_of(plan->windows, space);
	uint64_t skipped = round_up(window.start, size) - window.start;

	return skipped < window.size && size <= window.size - skipped;
}

/* What takes part in the want of room can be less. */
static int advise(const struct pci_plan *plan, enum pci_space space, bool wide)
{
	const struct pci_plan_bus *bus = wide ? largest_wish(plan, PCI_SPACE_PREF) : NULL;
	const char *fewer = space == PCI_SPACE_IO ? "slots on pcie.0 for devices with I/O ports: behind a "
						    "root port each takes 4096 ports"
						  : "fewer devices with large BARs in this VM";
	const char *key = reserve_keys[PCI_SPACE_PREF];

	if (!bus) {
		bus = largest_wish(plan, space);
		key = reserve_keys[space];
	}
	if (!bus)
		return error_try("%s", fewer);
	return error_try("a smaller %s= of port '%s', or %s", key, pci_bus_name(bus->bus), fewer);
}

static int refuse_bar(const struct pci_plan *plan, const struct pci_plan_item *item,
		      const struct pci_plan_bar *bar, enum pci_space space)
{
	bool wide = space != PCI_SPACE_IO && bar->function->bars[bar->bar].kind == PCI_BAR_MEM64 &&
		    plan->windows->mmio64.size > 0;
	uint64_t bytes = bar_size(bar);
	char name[PCI_FUNCTION_TEXT_SIZE], size[32], what[16];

	if (space == PCI_SPACE_IO)
		say_ports(plan);
	if (wide)
		say_window(plan, PCI_SPACE_PREF, bytes, bytes, true);
	if (space != PCI_SPACE_IO)
		say_window(plan, PCI_SPACE_MEM, item->size, item->align, !wide);
	if (fits_alone(plan, bytes, space) || (wide && fits_alone(plan, bytes, PCI_SPACE_PREF)))
		advise(plan, space, wide);
	else
		error_try("a smaller BAR, where the device can: resource%u_resize in its folder in sysfs",
			  bar->bar);
	snprintf(what, sizeof(what), bar->bar == PCI_ROM_BAR ? "option ROM" : "BAR %u", bar->bar);
	return error_tried("place %s (%s) of %s in slot %u function %u of bus %s", what,
			   text_size(bytes, size, sizeof(size)), pci_function_describe(bar->function, name),
			   bar->function->devfn >> 3, bar->function->devfn & 7,
			   pci_bus_name(bar->function->bus));
}

/* Says what has no place, and what the windows have. */
static int refuse(const struct pci_plan *plan, const struct pci_plan_item *item, enum pci_space space)
{
	const struct pci_plan_bar *bar = largest_bar(plan, item, space);
	const struct pci_plan_bus *bus = item->behind;
	char size[32];

	/* A window that is as large as the user wants it is so whatever is in it. */
	if (bar && (!bus || !bus->fixed[space] || bar_size(bar) >= bus->reserve[space]))
		return refuse_bar(plan, item, bar, space);
	check(bus);
	if (space == PCI_SPACE_IO)
		say_ports(plan);
	else
		say_window(plan, space, item->size, item->align, true);
	error_try("a smaller %s=, or none", reserve_keys[space]);
	return error_tried("reserve %s behind port '%s' (%s=)",
			   text_size(bus->size[space], size, sizeof(size)), pci_bus_name(bus->bus),
			   reserve_keys[space]);
}

/* The root bus in one space. Returns 1 when something gave way and all has to be sized again. */
static int place_root(struct pci_plan *plan, enum pci_space space)
{
	const struct mem_range window = window_of(plan->windows, space);
	const struct pci_plan_item *left_out = pack(plan, 0, space, window.start, window.size);

	plan->taken[space] = 0;
	for (unsigned i = 0; i < plan->item_count; i++)
		plan->taken[space] += plan->items[i].placed ? plan->items[i].size : 0;
	if (left_out) {
		if (drop_reserve(plan, space))
			return 1;
		if (space == PCI_SPACE_PREF && move_below(plan, left_out))
			return 1;
		if (space == PCI_SPACE_MEM && move_above(plan))
			return 1;
		return refuse(plan, left_out, space);
	}
	take_places(plan, space);
	return 0;
}

static void place_behind(struct pci_plan *plan, unsigned index, enum pci_space space)
{
	const struct pci_plan_bus *bus = &plan->buses[index];
	const struct pci_plan_item *left_out = pack(plan, index, space, bus->base[space], bus->size[space]);

	check(!left_out);
	take_places(plan, space);
}

static int place(struct pci_plan *plan)
{
	static const enum pci_space order[] = { PCI_SPACE_PREF, PCI_SPACE_MEM, PCI_SPACE_IO };
	int ret;

	do {
		for (unsigned space = 0; space < PCI_SPACES; space++) {
			for (unsigned i = plan->bus_count - 1; i > 0; i--)
				size_window(plan, i, space);
		}
		ret = 0;
		for (unsigned i = 0; i < PCI_SPACES && ret == 0; i++)
			ret = place_root(plan, order[i]);
	} while (ret > 0);
	for (unsigned i = 1; ret == 0 && i < plan->bus_count; i++) {
		for (unsigned space = 0; space < PCI_SPACES; space++)
			place_behind(plan, i, space);
	}
	return ret;
}

int pci_plan_make(struct pci_bus *root, const struct pci_windows *windows, struct pci_plan *ret_plan)
{
	struct pci_plan plan = { .windows = windows };
	unsigned buses = 0, bars = 0;
	int ret;

	count_tree(root, &buses, &bars);
	if (buses > BUSES_MAX) {
		error_set(ENOSPC, "%u PCI buses: there are %u bus numbers", buses, BUSES_MAX);
		return error_try("fewer pcie-root-port devices");
	}
	plan.buses = calloc(buses, sizeof(plan.buses[0]));
	plan.bars = calloc(bars + 1, sizeof(plan.bars[0]));
	plan.items = calloc(bars + buses, sizeof(plan.items[0]));
	plan.order = calloc(bars + buses, sizeof(plan.order[0]));
	if (plan.buses && plan.bars && plan.items && plan.order) {
		collect_bus(&plan, root, 0);
		ret = place(&plan);
	} else {
		ret = error_sys(ENOMEM, "planning the PCI address space");
	}
	if (ret < 0)
		pci_plan_free(&plan);
	else
		*ret_plan = plan;
	return ret;
}

void pci_plan_free(struct pci_plan *plan)
{
	free(plan->buses);
	free(plan->bars);
	free(plan->items);
	free(plan->order);
}
