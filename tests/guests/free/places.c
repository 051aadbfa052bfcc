/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BARs where they should not be: over memory, over what the machine has, over each other, and where no
 * processor reaches. Who answers there meanwhile is nobody's business but for memory and the machine's own
 * devices, which must be as if nothing had happened; and afterwards everything is as before.
 */
#include "free.h"

#define DECODE	    (PCI_COMMAND_MEMORY | PCI_COMMAND_IO)
#define CANARY	    0x4000000ul /* in memory, and aligned for BARs up to 64 MiB */
#define CANARY_SIZE 0x10000

static uint32_t lapic_version, ioapic_version;

static uint32_t ioapic_look(void)
{
	memory_out(IOAPIC, 4, 1);
	return (uint32_t)memory_in(IOAPIC + 0x10, 4);
}

static uint64_t canary_word(unsigned at, uint64_t seed)
{
	return (at + seed) * 0x9e3779b97f4a7c15ul;
}

static void canary_write(uint64_t seed)
{
	for (unsigned at = 0; at < CANARY_SIZE; at += 8)
		memory_out(CANARY + at, 8, canary_word(at, seed));
}

static bool canary_lives(uint64_t seed)
{
	for (unsigned at = 0; at < CANARY_SIZE; at += 8) {
		if (memory_in(CANARY + at, 8) != canary_word(at, seed))
			return false;
	}
	return true;
}

/* Memory, interrupt controllers and configuration space; the serial port says so. */
static void world_check(const struct device *d, unsigned bar, uint64_t at, uint64_t seed)
{
	if (!canary_lives(seed))
		bad(d->name, "with BAR %u at 0x%lx memory has changed", bar, at);
	if (memory_in(LAPIC + 0x30, 4) != lapic_version)
		bad(d->name, "with BAR %u at 0x%lx the local APIC is gone", bar, at);
	if (ioapic_look() != ioapic_version)
		bad(d->name, "with BAR %u at 0x%lx the I/O APIC is gone", bar, at);
	if (config_read(d, 0, 4) != d->id)
		bad(d->name, "with BAR %u at 0x%lx ECAM is gone", bar, at);
	if (config_port_read(d, 0, 4) != d->id)
		bad(d->name, "with BAR %u at 0x%lx the ports of configuration space are gone", bar, at);
}

/* Puts it there, looks at the world, and brings it home. */
static void visit(struct device *d, unsigned i, uint64_t at)
{
	static uint64_t seed;

	canary_write(++seed);
	command_set(d, 0);
	bar_set(d, i, at);
	command_set(d, DECODE);
	world_check(d, i, at, seed);
	/* What is written to memory now must be there later. */
	canary_write(++seed);
	world_check(d, i, at, seed);
	bar_set(d, i, d->bar[i].home);
	world_check(d, i, at, seed);
	if (!bar_answers(d, i, d->bar[i].home))
		bad(d->name, "BAR %u does not answer when it is back from 0x%lx", i, at);
}

static unsigned bad_places(const struct bar *bar, uint64_t *ret_places)
{
	const uint64_t memory[] = { 0,		CANARY,	    IOAPIC,	    LAPIC,	   ecam,
				    0xfff00000, 0xffffffff, 0x100000000,    1ul << 51,	   (1ul << 52) - 1,
				    1ul << 52,	1ul << 63,  UINT64_MAX / 2, UINT64_MAX - 1 };
	const uint64_t ports[] = { 0, 0x60, 0x70, 0x3f8, 0x604, 0xcf8, 0xcfc, 0xffff, 0x10000, 0xffffffff };
	unsigned count = 0;

	for (unsigned i = 0; bar->io && i < sizeof(ports) / sizeof(ports[0]); i++)
		ret_places[count++] = ports[i] & ~(bar->size - 1);
	for (unsigned i = 0; !bar->io && i < sizeof(memory) / sizeof(memory[0]); i++) {
		uint64_t at = memory[i] & ~(bar->size - 1);

		/* Never over where this program is. */
		if (at && at < CANARY && at + bar->size > 0x100000)
			continue;
		if (bar->wide || at <= UINT32_MAX)
			ret_places[count++] = at;
	}
	return count;
}

static void nonsense(struct device *d)
{
	uint64_t list[24];
	unsigned all = 0;

	lapic_version = (uint32_t)memory_in(LAPIC + 0x30, 4);
	ioapic_version = ioapic_look();
	for (unsigned i = 0; i < BARS; i++) {
		unsigned count = d->bar[i].size ? bad_places(&d->bar[i], list) : 0;

		for (unsigned n = 0; n < count; n++, all++)
			visit(d, i, list[n]);
	}
	if (!device_home(d))
		bad(d->name, "it does not answer after that");
	verdict(d->name, "its BARs at %u bad places: the world stays, and they come back", all);
}

/* Whether something else than the BAR itself and that other device is in its way there. */
static bool crowded(const struct device *d, unsigned i, uint64_t at, const struct device *other)
{
	for (unsigned n = 0; n < device_count; n++) {
		for (unsigned b = 0; b < BARS; b++) {
			const struct bar *bar = &devices[n].bar[b];

			if (&devices[n] == other || (&devices[n] == d && b == i) || bar->io != d->bar[i].io)
				continue;
			if (bar->home < at + d->bar[i].size && at < bar->home + bar->size)
				return true;
		}
	}
	return false;
}

/* With another BAR, of this device or another one, on the same spot. One of them answers, nothing crashes,
 * and when they part both are whole. */
static void over(struct device *d, unsigned i, struct device *other, unsigned o)
{
	const struct bar *one = &d->bar[i], *two = &other->bar[o];
	uint64_t at = two->home & ~(one->size - 1);

	if (!one->size || !two->size || one->io != two->io || (!one->wide && at > UINT32_MAX) || !at ||
	    (!one->io && at < 0x80000000))
		return;
	for (unsigned n = 0; n < 2; n++) {
		bar_set(d, i, at);
		bar_read(other, o, two->home, 0);
		/* It writes where that does no harm; who gets it is open. */
		if (!d->known->fragile && !other->known->fragile)
			bar_answers(other, o, two->home);
		/* They part by either of them. */
		if (n) {
			command_set(other, 0);
			if (!crowded(d, i, at, other) && !bar_answers(d, i, at))
				bad(d->name, "BAR %u does not answer when BAR %u of %s makes room", i, o,
				    other->name);
			command_set(other, DECODE);
		}
		bar_set(d, i, one->home);
		if (!bar_answers(other, o, two->home))
			bad(d->name, "BAR %u was over BAR %u of %s, which is gone now", i, o, other->name);
		if (!bar_answers(d, i, one->home))
			bad(d->name, "BAR %u was over BAR %u of %s, and does not come back", i, o,
			    other->name);
		if (d == other)
			break;
	}
}

static void overlaps(struct device *d)
{
	for (unsigned n = 0; n < device_count; n++) {
		for (unsigned i = 0; i < BARS; i++) {
			for (unsigned o = 0; o < BARS; o++) {
				if (&devices[n] != d || i != o)
					over(d, i, &devices[n], o);
			}
		}
	}
	for (unsigned n = 0; n < device_count; n++) {
		if (!device_home(&devices[n]))
			bad(d->name, "after overlaps %s does not answer", devices[n].name);
	}
	verdict(d->name, "its BARs over those of all devices");
}

#define PAGE 4096ul

static bool small(const struct bar *bar)
{
	return bar->size && !bar->io && bar->size < PAGE;
}

static void both_answer(struct device *d, unsigned i, uint64_t at, struct device *other, unsigned o,
			uint64_t other_at, const char *when)
{
	if (!bar_answers(d, i, at))
		bad(d->name, "BAR %u does not answer in a page with BAR %u of %s, %s", i, o, other->name,
		    when);
	if (!bar_answers(other, o, other_at))
		bad(d->name, "BAR %u hides BAR %u of %s in the same page, %s", i, o, other->name, when);
}

/* Beside another small BAR in one page, the one at its start and the other one behind it: neither may hide
 * the other, whoever came first. */
static void beside(struct device *d, unsigned i, struct device *other, unsigned o)
{
	const struct bar *one = &d->bar[i], *two = &other->bar[o];
	uint64_t page = place_free(0xe0000000, 2 * PAGE);
	uint64_t behind = page + (one->size > two->size ? one->size : two->size);

	bar_set(d, i, page);
	if (!bar_answers(d, i, page))
		bad(d->name, "BAR %u does not answer at the start of a page", i);
	bar_set(other, o, behind);
	both_answer(d, i, page, other, o, behind, "where it was first");
	/* The one behind goes and comes, by its address and by its decoding. */
	bar_set(other, o, page + PAGE);
	both_answer(d, i, page, other, o, page + PAGE, "when that has gone to the next one");
	bar_set(other, o, behind);
	both_answer(d, i, page, other, o, behind, "when that is back");
	if (d != other) {
		command_set(other, 0);
		if (!bar_answers(d, i, page))
			bad(d->name, "BAR %u does not answer when BAR %u of %s decodes no more", i, o,
			    other->name);
		command_set(other, DECODE);
		both_answer(d, i, page, other, o, behind, "when that decodes again");
	}
	bar_set(d, i, one->home);
	both_answer(d, i, one->home, other, o, behind, "when it has gone");
	bar_set(d, i, page);
	both_answer(d, i, page, other, o, behind, "where it was last");
	bar_set(d, i, one->home);
	bar_set(other, o, two->home);
}

static void neighbours(struct device *d)
{
	unsigned pairs = 0;

	for (unsigned n = 0; n < device_count; n++) {
		for (unsigned i = 0; i < BARS; i++) {
			for (unsigned o = 0; o < BARS; o++) {
				if ((&devices[n] == d && i == o) || !small(&d->bar[i]) ||
				    !small(&devices[n].bar[o]))
					continue;
				beside(d, i, &devices[n], o);
				pairs++;
			}
		}
	}
	if (pairs)
		verdict(d->name, "its small BARs in one page with others, %u pairs", pairs);
}

void test_places(struct device *d)
{
	nonsense(d);
	overlaps(d);
	neighbours(d);
}
