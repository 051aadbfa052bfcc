/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_PORT_PRIV_H
#define HANDFAST_DEV_PORT_PRIV_H

/* A device's I/O ports, and registers of several bytes behind them. */
#include "mem/bus.h"

static inline void dev_port_add(struct mem_bus *pio, struct mem_io *io, uint16_t start, uint16_t size,
				const struct mem_io_ops *ops, void *opaque, const char *name)
{
	*io = (struct mem_io){ .start = start, .size = size, .ops = ops, .opaque = opaque, .name = name };
	mem_bus_add(pio, io);
}

/* No handler of it is at work any more, nor ever will be. Main thread, no lock held. */
static inline void dev_port_remove(struct mem_bus *pio, struct mem_io *io)
{
	mem_bus_remove(pio, io);
	mem_bus_drain(pio, io);
}

/* A write of some of a register's bytes, as a value and which of its bits were written. */
struct dev_bits {
	uint32_t value;
	uint32_t mask;
};

/* offset: of the first byte written, in a register of at most four bytes. */
static inline struct dev_bits dev_bits_written(uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t mask = size >= 8 ? UINT64_MAX : (1ULL << size * 8) - 1;

	return (struct dev_bits){ (uint32_t)((value & mask) << offset * 8), (uint32_t)(mask << offset * 8) };
}

#endif
