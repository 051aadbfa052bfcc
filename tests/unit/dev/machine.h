/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_DEV_MACHINE_H
#define TESTS_UNIT_DEV_MACHINE_H

/* As much of a machine as a device needs: a bus, a loop, an interrupt line, reset and power. */
#include "base/lock.h"
#include "base/loop.h"
#include "dev/platform.h"
#include "mem/bus.h"

struct machine {
	struct lock lock;
	struct mem_bus *pio;
	struct loop *loop;
	bool level;	/* of the interrupt line */
	unsigned edges; /* how often it rose */
	unsigned changes;
	unsigned resets;
	unsigned power_offs;
};

static inline void machine_irq_set(void *opaque, bool level)
{
	struct machine *machine = opaque;

	machine->edges += level && !machine->level;
	machine->changes++;
	machine->level = level;
}

static inline struct dev_irq machine_irq(struct machine *machine)
{
	return (struct dev_irq){ machine_irq_set, machine };
}

static inline void machine_reset(void *opaque)
{
	((struct machine *)opaque)->resets++;
}

static inline void machine_power_off(void *opaque)
{
	((struct machine *)opaque)->power_offs++;
}

static inline void machine_start(struct machine *machine)
{
	*machine = (struct machine){ .level = false };
	lock_init(&machine->lock);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->pio), 0);
	assert_int_equal(loop_create(&machine->loop), 0);
}

static inline void machine_end(struct machine *machine)
{
	loop_destroy(machine->loop);
	mem_bus_destroy(machine->pio);
	lock_fini(&machine->lock);
}

static inline uint32_t in(struct machine *machine, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	mem_bus_read(machine->pio, port, &value, size);
	return value;
}

static inline void out(struct machine *machine, uint16_t port, unsigned size, uint32_t value)
{
	mem_bus_write(machine->pio, port, &value, size);
}

static inline uint8_t inb(struct machine *machine, uint16_t port)
{
	return (uint8_t)in(machine, port, 1);
}

static inline void outb(struct machine *machine, uint16_t port, uint8_t value)
{
	out(machine, port, 1, value);
}

#endif
