/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BARs as PCI 3.0, 6.2.5.1 has them: their size, their moves to good places, decoding on and off, and all
 * that while another processor reads them.
 */
#include "free.h"

#define DECODE	(PCI_COMMAND_MEMORY | PCI_COMMAND_IO)
#define FLIGHTS 100 /* moves under the eyes of the second processor */

static unsigned bar_register(unsigned bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

/* All-ones into a register of 4 bytes, in pieces, and what it reads then; the old value returns. */
static uint32_t ones_read(const struct device *d, unsigned at, unsigned piece)
{
	uint32_t before = config_read(d, at, 4), value;

	for (unsigned i = 0; i < 4; i += piece)
		config_write(d, at + i, piece, UINT32_MAX);
	value = config_read(d, at, 4);
	for (unsigned i = 0; i < 4; i += piece)
		config_write(d, at + i, piece, before >> 8 * i);
	if (config_read(d, at, 4) != before)
		bad(d->name, "register 0x%x, written by %u bytes, is 0x%x and was 0x%x", at, piece,
		    config_read(d, at, 4), before);
	return value;
}

static void size_check(const struct device *d, unsigned i, uint32_t command, unsigned piece)
{
	const struct bar *bar = &d->bar[i];
	uint64_t mask = ~(bar->size - 1) | bar->type, found;

	found = ones_read(d, bar_register(i), piece);
	if (bar->wide)
		found |= (uint64_t)ones_read(d, bar_register(i) + 4, piece) << 32;
	else
		mask &= UINT32_MAX;
	/* I/O BARs may have but 16 bits (6.2.5.1). */
	if (bar->io && found == (mask & 0xffff))
		found = mask;
	if (found != mask)
		bad(d->name, "BAR %u is sized as 0x%lx, not 0x%lx (COMMAND 0x%x, by %u bytes)", i, found,
		    mask, command, piece);
}

static void sizes(struct device *d)
{
	static const uint32_t commands[] = { 0, DECODE };

	for (unsigned c = 0; c < 2; c++) {
		command_set(d, commands[c]);
		for (unsigned i = 0; i < BARS; i++) {
			for (unsigned piece = 1; d->bar[i].size && piece <= 4; piece *= 2)
				size_check(d, i, commands[c], piece);
		}
	}
	for (unsigned i = 0; i < BARS; i++) {
		if (!d->bar[i].size && !(i && d->bar[i - 1].wide) && ones_read(d, bar_register(i), 4))
			bad(d->name, "BAR %u is not there, but can be written", i);
		if (d->bar[i].size && !bar_answers(d, i, d->bar[i].home))
			bad(d->name, "BAR %u does not answer after it was sized", i);
	}
	device_home(d);
	verdict(d->name, "its BARs are sized by pieces of 1, 2 and 4 bytes, decoding and not");
}

/* Moves it with decoding off, or on (in two writes where it is wide), and looks. */
static void move(struct device *d, unsigned i, uint64_t from, uint64_t to, bool decoding)
{
	if (!decoding)
		command_set(d, 0);
	bar_set(d, i, to);
	command_set(d, DECODE);
	if (bar_get(d, i) != to)
		bad(d->name, "BAR %u was put at 0x%lx and says 0x%lx", i, to, bar_get(d, i));
	else if (!bar_answers(d, i, to))
		bad(d->name, "BAR %u does not answer at 0x%lx (decoding %u)", i, to, decoding);
	if (from != to && bar_has_probe(d, i) && bar_shines_through(d, i, from))
		bad(d->name, "BAR %u still answers at 0x%lx when it is at 0x%lx", i, from, to);
}

/* Good places for it, nearest first; returns how many. */
static unsigned places(const struct bar *bar, uint64_t *ret_places)
{
	uint64_t end = 1ul << physical_bits();
	unsigned count = 0;

	if (bar->io) {
		for (unsigned i = 0; i < 5; i++)
			ret_places[count++] = (0xc000 + 0x700 * i) & ~(bar->size - 1);
		ret_places[count++] = 0x10000 - bar->size;
		return count;
	}
	for (uint64_t at = place_free(0xc0000000, bar->size); at + bar->size <= 0xfec00000 && count < 4;
	     at = place_free(at + bar->size, bar->size))
		ret_places[count++] = at;
	if (!bar->wide)
		return count;
	for (uint64_t at = 1ul << 33; at + bar->size <= end; at <<= 1)
		ret_places[count++] = place_free(at, bar->size);
	if (end >= bar->size + (1ul << 33))
		ret_places[count++] = end - bar->size;
	return count;
}

static void moves(struct device *d)
{
	uint64_t list[40];
	unsigned all = 0;

	for (unsigned i = 0; i < BARS; i++) {
		uint64_t at = d->bar[i].home;
		unsigned count = d->bar[i].size ? places(&d->bar[i], list) : 0;

		for (unsigned n = 0; n < 2 * count; n++) {
			move(d, i, at, list[n / 2], n & 1);
			at = list[n / 2];
			all++;
		}
		if (count)
			move(d, i, at, d->bar[i].home, false);
	}
	device_home(d);
	verdict(d->name, "%u moves of its BARs, each answers there and nowhere else", all);
}

static void decoding(struct device *d)
{
	unsigned rounds = word_given("long") ? 1000 : 100;

	for (unsigned n = 0; n < rounds; n++) {
		bool look = n % 50 == 0;

		command_set(d, 0);
		for (unsigned i = 0; i < BARS && look; i++) {
			if (d->bar[i].size && bar_has_probe(d, i) && bar_shines_through(d, i, d->bar[i].home))
				bad(d->name, "BAR %u answers with decoding off", i);
		}
		command_set(d, DECODE);
		for (unsigned i = 0; i < BARS && look; i++) {
			if (d->bar[i].size && !bar_answers(d, i, d->bar[i].home))
				bad(d->name, "BAR %u does not answer with decoding on", i);
		}
	}
	/* Each of the two bits for itself. */
	for (unsigned i = 0; i < BARS; i++) {
		if (!d->bar[i].size || !bar_has_probe(d, i))
			continue;
		command_set(d, d->bar[i].io ? PCI_COMMAND_MEMORY : PCI_COMMAND_IO);
		if (bar_shines_through(d, i, d->bar[i].home))
			bad(d->name, "BAR %u answers with the other kind's decoding on", i);
	}
	command_set(d, DECODE);
	verdict(d->name, "decoding off and on %u times", rounds);
}

/*
 * What the second processor looks at. It may see the register's value, or what an address reads that is
 * nobody's: all-ones, and zeros under QEMU's emulation, whose processors hear a moment late that a device
 * decodes. And when the BAR comes in the moment in which KVM has found nothing there, it copies the register
 * byte by byte, of which QEMU's network cards make their lowest byte four times, and its xHCI one and three
 * zeros.
 */
static struct {
	struct device *d;
	volatile uint64_t at[2];
	unsigned offset;
	uint32_t value, by_bytes;
	volatile bool stop;
	uint64_t reads, seen, wrong;
	uint32_t wrong_value;
} watch;

static void watcher(void)
{
	while (!watch.stop) {
		uint32_t value = (uint32_t)memory_in(watch.at[watch.reads++ & 1] + watch.offset, 4);

		if (value == watch.value) {
			watch.seen++;
		} else if (value && value != UINT32_MAX && value != watch.by_bytes) {
			watch.wrong++;
			watch.wrong_value = value;
		}
	}
}

/* The BAR flies to and fro, or blinks, while it is read at both places. */
static void watched(struct device *d)
{
	unsigned probe = 0, i;
	uint64_t to;

	while (probe < d->known->probes &&
	       (d->known->probe[probe].kind != PROBE_FIXED || d->bar[d->known->probe[probe].bar].io))
		probe++;
	if (probe == d->known->probes)
		return;
	i = d->known->probe[probe].bar;
	to = place_free(0xc0000000, d->bar[i].size);
	__builtin_memset(&watch, 0, sizeof(watch));
	watch.d = d;
	watch.at[0] = d->bar[i].home;
	watch.at[1] = to;
	watch.offset = d->known->probe[probe].offset;
	watch.value = d->token[probe];
	for (unsigned n = 0; n < 4; n++)
		watch.by_bytes |= (uint32_t)memory_in(watch.at[0] + watch.offset + n, 1) << 8 * n;
	second_run(watcher);
	for (unsigned n = 0; n < FLIGHTS; n++) {
		bar_set(d, i, n & 1 ? d->bar[i].home : to);
		command_set(d, n % 3 ? DECODE : 0);
		command_set(d, DECODE);
	}
	watch.stop = true;
	second_wait();
	if (watch.wrong)
		bad(d->name, "%lu of %lu reads of BAR %u under way saw something else, as 0x%x", watch.wrong,
		    watch.reads, i, watch.wrong_value);
	if (!watch.seen)
		bad(d->name, "the second processor has never seen BAR %u", i);
	if (!device_home(d))
		bad(d->name, "it does not answer after that");
	verdict(d->name, "%u moves of BAR %u while another processor reads it", FLIGHTS, i);
}

/* In the middle of a move of a 64-bit BAR its address is neither the old nor the new one. */
static void halves(struct device *d)
{
	unsigned wide = 0;

	for (unsigned i = 0; i < BARS; i++) {
		unsigned at = bar_register(i);
		uint64_t to;

		if (!d->bar[i].size || !d->bar[i].wide)
			continue;
		wide++;
		to = place_free(0x2200000000, d->bar[i].size);
		config_write(d, at + 4, 4, (uint32_t)(to >> 32));
		config_write(d, at, 4, (uint32_t)to);
		if (!bar_answers(d, i, to))
			bad(d->name, "BAR %u, upper half first, does not answer at 0x%lx", i, to);
		config_write(d, at, 4, UINT32_MAX);
		config_write(d, at + 4, 4, UINT32_MAX);
		config_write(d, at, 4, (uint32_t)d->bar[i].home);
		config_write(d, at + 4, 4, (uint32_t)(d->bar[i].home >> 32));
		if (!bar_answers(d, i, d->bar[i].home))
			bad(d->name, "BAR %u does not answer after its way over all-ones", i);
		/* A half by single bytes, the other by words. */
		for (unsigned b = 0; b < 4; b++)
			config_write(d, at + b, 1, (uint32_t)(to >> 8 * b));
		config_write(d, at + 6, 2, (uint32_t)(to >> 48));
		config_write(d, at + 4, 2, (uint32_t)(to >> 32));
		if (!bar_answers(d, i, to))
			bad(d->name, "BAR %u, written by bytes and words, does not answer at 0x%lx", i, to);
		/* And both halves at once. */
		memory_out(reach(config_at(d, at)), 8, d->bar[i].home);
		if (!bar_answers(d, i, d->bar[i].home))
			bad(d->name, "BAR %u, written by 8 bytes, does not answer", i);
	}
	if (!device_home(d))
		bad(d->name, "it does not answer after that");
	if (wide)
		verdict(d->name, "%u 64-bit BARs half written", wide);
}

void test_bars(struct device *d)
{
	sizes(d);
	moves(d);
	halves(d);
	decoding(d);
	watched(d);
}
