/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left of the keyboard controller when there is no keyboard: three ways to reset the machine that
 * operating systems try, at 0x64 (pulse an output line), 0x60 (write the output port) and 0x92 (fast reset).
 */
#include "dev/platform.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "dev/port-priv.h"

#define I8042_PORT_DATA	   0x60
#define I8042_PORT_STATUS  0x64 /* read: status, write: command */
#define I8042_PORT_FAST	   0x92 /* system control port A */
#define I8042_CMD_WRITE_OP 0xd1 /* the next byte of data goes to the output port */
#define I8042_CMD_PULSE	   0xf0 /* to 0xff: pulses the output lines whose bits are 0 */
#define I8042_LINE_RESET   0x01 /* low: the processors are in reset */

/*
 * The status that a guest sees. No keyboard controller is there, and every way to find out has to be quick:
 * the output buffer is always full, so that Linux's flush gives up after 16 bytes; parity error and timeout
 * are set together, by which EDK2 knows an absent one; but the input buffer is empty, for before it
 * pulses the reset line Linux waits for that (130 ms if it had to give up).
 */
#define I8042_STATUS_ABSENT 0xfd

#define FAST_RESET 0x01
#define FAST_A20   0x02

struct i8042 {
	struct mem_bus *pio;
	struct mem_io io_data;
	struct mem_io io_status;
	struct mem_io io_fast;
	const struct dev_machine_ops *ops;
	void *opaque;
	atomic_bool output_next; /* the next byte of data is for the output port */
	_Atomic uint8_t fast;
};

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
	return UINT64_MAX;
}

static void data_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *i8042 = opaque;

	if (atomic_exchange(&i8042->output_next, false) && !(value & I8042_LINE_RESET))
		i8042->ops->reset(i8042->opaque);
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned size)
{
	return I8042_STATUS_ABSENT;
}

static void status_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *i8042 = opaque;
	uint8_t command = (uint8_t)value;

	atomic_store(&i8042->output_next, command == I8042_CMD_WRITE_OP);
	if (command >= I8042_CMD_PULSE && !(command & I8042_LINE_RESET))
		i8042->ops->reset(i8042->opaque);
}

static uint64_t fast_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i8042 *i8042 = opaque;

	return atomic_load(&i8042->fast);
}

static void fast_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *i8042 = opaque;

	/* A20 is always on (KVM has no such gate); what was written is read back. */
	atomic_store(&i8042->fast, (uint8_t)(value & FAST_A20));
	if (value & FAST_RESET)
		i8042->ops->reset(i8042->opaque);
}

static const struct mem_io_ops data_ops = { data_read, data_write };
static const struct mem_io_ops status_ops = { status_read, status_write };
static const struct mem_io_ops fast_ops = { fast_read, fast_write };

int i8042_create(struct mem_bus *pio, const struct dev_machine_ops *ops, void *opaque,
		 struct i8042 **ret_i8042)
{
	struct i8042 *i8042 = calloc(1, sizeof(*i8042));

	if (!i8042)
		return error_sys(ENOMEM, "keyboard controller");
	i8042->pio = pio;
	i8042->ops = ops;
	i8042->opaque = opaque;
	atomic_init(&i8042->fast, FAST_A20);
	dev_port_add(pio, &i8042->io_data, I8042_PORT_DATA, 1, &data_ops, i8042, "i8042-data");
	dev_port_add(pio, &i8042->io_status, I8042_PORT_STATUS, 1, &status_ops, i8042, "i8042-status");
	dev_port_add(pio, &i8042->io_fast, I8042_PORT_FAST, 1, &fast_ops, i8042, "port-92");
	*ret_i8042 = i8042;
	return 0;
}

void i8042_destroy(struct i8042 *i8042)
{
	if (!i8042)
		return;
	dev_port_remove(i8042->pio, &i8042->io_data);
	dev_port_remove(i8042->pio, &i8042->io_status);
	dev_port_remove(i8042->pio, &i8042->io_fast);
	free(i8042);
}
