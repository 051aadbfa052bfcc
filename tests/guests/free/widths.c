/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses to configuration space and to the MSI-X table of every width at every offset: none hangs or
 * crashes, and what they read and write is what aligned ones of 4 bytes would.
 */
#include "free.h"

#define SPACE 4096
#define WATCH                                                                                        \
	PCI_INTERRUPT_LINE /* a byte that every function keeps, between bytes that cannot be written \
			    */

static uint8_t image[SPACE];

static uint64_t image_get(unsigned offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)image[offset + i] << 8 * i;
	return value;
}

static void image_take(const struct device *d)
{
	for (unsigned at = 0; at < SPACE; at += 4) {
		uint32_t value = config_read(d, at, 4);

		for (unsigned i = 0; i < 4; i++)
			image[at + i] = (uint8_t)(value >> 8 * i);
	}
}

/* Between capabilities there are a few thousand bytes of zeros, each of whose reads takes a millisecond in
 * the lab: of those some are enough, but in the long run. */
static bool worth_a_look(unsigned at)
{
	if (at < 256 + 8 || at >= SPACE - 8 || at % 61 == 0 || word_given("long"))
		return true;
	for (unsigned i = at - 8; i < at + 8; i++) {
		if (image[i])
			return true;
	}
	return false;
}

static void reads(struct device *d)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	unsigned all = 0;

	image_take(d);
	for (unsigned s = 0; s < 4; s++) {
		for (unsigned at = 0; at < SPACE; at++) {
			unsigned size = sizes[s];
			uint64_t value;

			if (!worth_a_look(at))
				continue;
			all++;
			value = memory_in(reach(config_at(d, at)), size);
			if (at + size <= SPACE && value != image_get(at, size))
				bad(d->name, "%u bytes at 0x%x of ECAM read 0x%lx, not 0x%lx", size, at,
				    value, image_get(at, size));
		}
	}
	for (unsigned s = 0; s < 3; s++) {
		for (unsigned at = 0; at < 256; at++) {
			unsigned size = sizes[s];
			uint32_t value = config_port_read(d, at, size);

			all++;
			/* What crosses a register leaves the window at 0xcfc. */
			if (at % 4 + size <= 4 && value != image_get(at, size))
				bad(d->name, "%u bytes at 0x%x by port read 0x%x, not 0x%lx", size, at, value,
				    image_get(at, size));
		}
	}
	verdict(d->name, "%u reads of configuration space of every width", all);
}

/* Writes that touch the watched byte, and its read-only neighbours. */
static void writes(struct device *d)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	uint32_t line = config_read(d, WATCH, 1), around = config_read(d, WATCH, 4) >> 8;
	uint32_t below = config_read(d, WATCH - 4, 4);
	unsigned all = 0;

	for (unsigned s = 0; s < 4; s++) {
		for (unsigned at = WATCH + 1 - sizes[s]; at <= WATCH; at++) {
			uint64_t value = 0x0123456789abcdeful * (at + s + 1);

			memory_out(reach(config_at(d, at)), sizes[s], value);
			value = value >> 8 * (WATCH - at) & 0xff;
			all++;
			if (config_read(d, WATCH, 1) != value)
				bad(d->name, "%u bytes written at 0x%x: 0x%x reads 0x%x", sizes[s], at, WATCH,
				    config_read(d, WATCH, 1));
			if (config_read(d, WATCH, 4) >> 8 != around || config_read(d, WATCH - 4, 4) != below)
				bad(d->name, "%u bytes written at 0x%x changed their neighbours", sizes[s],
				    at);
		}
	}
	config_port_write(d, WATCH, 1, 0x5a);
	if (config_read(d, WATCH, 1) != 0x5a)
		bad(d->name, "a byte by port is not written");
	/* By a port that is no register's first one: the same byte. */
	config_port_write(d, WATCH - 1, 1, 0xff);
	config_port_write(d, WATCH + 1, 1, 0xff);
	config_port_write(d, WATCH + 1, 2, 0xffff);
	if (config_read(d, WATCH, 1) != 0x5a || config_read(d, WATCH, 4) >> 8 != around)
		bad(d->name, "writes by port hit their neighbours");
	config_write(d, WATCH, 1, line);
	verdict(d->name, "%u odd writes change what they should", all);
}

/* 4 bytes by so many accesses, in the table, which is not enabled. */
static void table_writes(const struct device *d, uint64_t table)
{
	for (unsigned size = 1; size <= 8; size *= 2) {
		uint64_t value = 0xa1b2c3d4e5f60718ul * size;

		memory_out(reach(table), 8, 0);
		memory_out(reach(table + 8), 4, 0);
		for (unsigned at = 0; at < 12; at += size)
			memory_out(reach(table + at), size, value >> 8 * (at % 8));
		for (unsigned at = 0; at < 12; at++) {
			uint8_t wanted = (uint8_t)(value >> 8 * (at % 8));

			if (at == 0)
				wanted &= 0xfc; /* messages go to whole dwords */
			if (memory_in(reach(table + at), 1) != wanted)
				bad(d->name, "byte %u of an MSI-X entry written by %u: 0x%lx, not 0x%x", at,
				    size, memory_in(reach(table + at), 1), wanted);
		}
	}
	memory_out(reach(table + 12), 4, 1);
}

static void table(struct device *d)
{
	unsigned cap = capability_find(d, PCI_CAP_ID_MSIX);
	uint32_t place, pending;
	uint64_t at, pba;
	unsigned bytes;

	if (!cap)
		return;
	place = config_read(d, cap + PCI_MSIX_TABLE, 4);
	pending = config_read(d, cap + PCI_MSIX_PBA, 4);
	bytes = 16 * ((config_read(d, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1);
	at = d->bar[place & 7].home + (place & ~7u);
	pba = d->bar[pending & 7].home + (pending & ~7u);
	table_writes(d, at);
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (unsigned i = 0; i + size <= bytes; i++) {
			uint64_t value = memory_in(reach(at + i), size);

			for (unsigned b = 0; b < size; b++) {
				if ((uint8_t)(value >> 8 * b) != memory_in(reach(at + i + b), 1))
					bad(d->name, "%u bytes at 0x%x of the MSI-X table are not its bytes",
					    size, i);
			}
		}
	}
	/* Nobody writes pending bits. */
	memory_out(reach(pba), 8, UINT64_MAX);
	if (memory_in(reach(pba), 8))
		bad(d->name, "pending bits can be written: 0x%lx", memory_in(reach(pba), 8));
	verdict(d->name, "the MSI-X table by every width");
}

void test_widths(struct device *d)
{
	reads(d);
	writes(d);
	table(d);
}
