/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_DEV_SERIAL_H
#define HANDFAST_DEV_SERIAL_H

/* A 16550A UART at eight I/O ports, joined to a character backend. */
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "mem/bus.h"

struct chardev;

/* How a device raises and lowers its interrupt line. Any thread. */
struct dev_irq {
	void (*set)(void *opaque, bool level);
	void *opaque;
};

struct serial;

/* chardev: where characters go and come from, or NULL for nowhere; stays the caller's and outlives it. */
int serial_create(struct mem_bus *pio, uint16_t port, struct dev_irq irq, struct chardev *chardev,
		  struct serial **ret_serial);
void serial_destroy(struct serial *serial);
void serial_reset(struct serial *serial);

#endif
