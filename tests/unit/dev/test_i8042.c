/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"

#include "dev/platform.h"

#include "machine.h"

static const struct dev_machine_ops machine_ops = { machine_reset, machine_power_off };

struct fixture {
	struct machine machine;
	struct i8042 *i8042;
};

static int start(void **state)
{
	static struct fixture fixture;

	machine_start(&fixture.machine);
	assert_int_equal(i8042_create(fixture.machine.pio, &machine_ops, &fixture.machine, &fixture.i8042),
			 0);
	*state = &fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	i8042_destroy(fixture->i8042);
	assert_int_equal(inb(&fixture->machine, 0x92), 0xff); /* it has left the bus */
	machine_end(&fixture->machine);
	return 0;
}

/* Who looks for a controller as Linux and EDK2 do finds none, and who waits to send a command may. */
static void absent(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(inb(machine, 0x64) & 0x03,
				 0x01); /* output buffer full, input buffer empty */
		assert_int_equal(inb(machine, 0x60), 0xff);
	}
	assert_int_equal(inb(machine, 0x64) & 0xc0, 0xc0); /* parity error and timeout */
}

static void pulses(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	outb(machine, 0x64, 0xff); /* pulses nothing */
	outb(machine, 0x64, 0xaa); /* self test */
	assert_int_equal(machine->resets, 0);
	outb(machine, 0x64, 0xfe);
	assert_int_equal(machine->resets, 1);
	outb(machine, 0x64, 0xf0);
	assert_int_equal(machine->resets, 2);
}

static void output_port(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	outb(machine, 0x60, 0x00); /* data without that command */
	outb(machine, 0x64, 0xd1);
	outb(machine, 0x60, 0xdf); /* A20 on, reset line up */
	assert_int_equal(machine->resets, 0);
	outb(machine, 0x60, 0x00); /* the command is over */
	assert_int_equal(machine->resets, 0);
	outb(machine, 0x64, 0xd1);
	outb(machine, 0x60, 0xde);
	assert_int_equal(machine->resets, 1);
	outb(machine, 0x64, 0xd1);
	outb(machine, 0x64, 0xad); /* another command in between */
	outb(machine, 0x60, 0x00);
	assert_int_equal(machine->resets, 1);
}

static void fast(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	assert_int_equal(inb(machine, 0x92), 0x02);
	outb(machine, 0x92, 0x00);
	assert_int_equal(inb(machine, 0x92), 0x00);
	outb(machine, 0x92, 0x02);
	assert_int_equal(inb(machine, 0x92), 0x02);
	assert_int_equal(machine->resets, 0);
	outb(machine, 0x92, 0x03);
	assert_int_equal(machine->resets, 1);
	assert_int_equal(inb(machine, 0x92), 0x02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(absent, start, end),
		cmocka_unit_test_setup_teardown(pulses, start, end),
		cmocka_unit_test_setup_teardown(output_port, start, end),
		cmocka_unit_test_setup_teardown(fast, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
