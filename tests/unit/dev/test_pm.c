/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"

#include "dev/platform.h"

#include "fake_clock.h"
#include "machine.h"

#define PM1_STS 0x600
#define PM1_EN	0x602
#define PM1_CNT 0x604
#define PM_TMR	0x608
#define GPE0	0x620

#define TMR    0x0001
#define PWRBTN 0x0100

static const struct dev_machine_ops machine_ops = { machine_reset, machine_power_off };

struct fixture {
	struct machine machine;
	struct pm *pm;
};

static int start(void **state)
{
	static struct fixture fixture;

	fake_clock_start(1000 * FAKE_SECOND);
	machine_start(&fixture.machine);
	assert_int_equal(pm_create(fixture.machine.pio, fixture.machine.loop, machine_irq(&fixture.machine),
				   &machine_ops, &fixture.machine, &fixture.pm),
			 0);
	*state = &fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	pm_destroy(fixture->pm);
	machine_end(&fixture->machine);
	return 0;
}

static void acpi_mode_from_the_start(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	assert_int_equal(in(machine, PM1_CNT, 2), 0x0001);
	out(machine, PM1_CNT, 2, 0);
	assert_int_equal(in(machine, PM1_CNT, 2), 0x0001);
	/* GBL_RLS and SLP_EN are write-only, SLP_TYP is kept, reserved bits are not. */
	out(machine, PM1_CNT, 2, 0xffff & ~0x2000);
	assert_int_equal(in(machine, PM1_CNT, 2), 0x1c03);
	assert_int_equal(machine->power_offs, 0);
}

static void timer_counts(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	assert_int_equal(in(machine, PM_TMR, 4), 0);
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_int_equal(in(machine, PM_TMR, 4), 3579545);
	assert_int_equal(in(machine, PM_TMR + 1, 1), 3579545 >> 8 & 0xff);
	out(machine, PM_TMR, 4, 0);
	assert_int_equal(in(machine, PM_TMR, 4), 3579545);
	/* 24 bits: it wraps every 4.69 s, and after a year it is still exact. */
	fake_clock_advance(machine->loop, 4 * FAKE_SECOND);
	assert_int_equal(in(machine, PM_TMR, 4), 5 * 3579545 - 0x1000000);
	fake_clock_advance(machine->loop, 31536000ULL * FAKE_SECOND);
	assert_int_equal(in(machine, PM_TMR, 4), (31536005ULL * 3579545) & 0xffffff);
	assert_int_equal(fake_clock_wakeups(), 0);
}

static void timer_status(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	/* Bit 23 changes every 2^23 ticks: 2.3434875 s. */
	fake_clock_advance(machine->loop, 2343 * FAKE_MS);
	assert_int_equal(in(machine, PM1_STS, 2), 0);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_int_equal(in(machine, PM1_STS, 2), TMR);
	assert_int_equal(in(machine, PM1_STS, 2), TMR); /* reading changes nothing */
	out(machine, PM1_STS, 2, PWRBTN);		/* nor does a 1 elsewhere */
	assert_int_equal(in(machine, PM1_STS, 2), TMR);
	out(machine, PM1_STS, 2, TMR);
	assert_int_equal(in(machine, PM1_STS, 2), 0);
	fake_clock_advance(machine->loop, 2342 * FAKE_MS); /* from 1 to 0 counts as well */
	assert_int_equal(in(machine, PM1_STS, 2), 0);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_int_equal(in(machine, PM1_STS, 2), TMR);
	assert_int_equal(machine->edges, 0);
	assert_int_equal(fake_clock_wakeups(), 0);
}

static void timer_interrupt(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	out(machine, PM1_EN, 2, TMR);
	assert_int_equal(in(machine, PM1_EN, 2), TMR);
	fake_clock_advance(machine->loop, 2343 * FAKE_MS);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_true(machine->level);
	/* Not acknowledged: no more wake-ups. */
	fake_clock_advance(machine->loop, 60 * FAKE_SECOND);
	assert_int_equal(fake_clock_wakeups(), 1);
	out(machine, PM1_STS, 2, TMR);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, 2344 * FAKE_MS);
	assert_true(machine->level);
	assert_int_equal(machine->edges, 2);
	out(machine, PM1_STS, 4, TMR); /* acknowledges, and disables in one */
	assert_false(machine->level);
	assert_int_equal(fake_clock_armed(), 0);
	fake_clock_advance(machine->loop, 10 * FAKE_SECOND);
	assert_false(machine->level);
	assert_int_equal(in(machine, PM1_STS, 2), TMR);
	out(machine, PM1_EN, 2, TMR); /* enabling what has happened already interrupts at once */
	assert_true(machine->level);
}

static void power_button(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	pm_power_button(fixture->pm);
	assert_int_equal(in(machine, PM1_STS, 2), PWRBTN);
	assert_false(machine->level);
	out(machine, PM1_EN + 1, 1, PWRBTN >> 8);
	assert_int_equal(in(machine, PM1_STS, 4), PWRBTN << 16 | PWRBTN);
	assert_true(machine->level);
	out(machine, PM1_STS, 1, 0xff); /* the other byte */
	assert_true(machine->level);
	out(machine, PM1_STS + 1, 1, PWRBTN >> 8);
	assert_false(machine->level);
	pm_power_button(fixture->pm);
	assert_true(machine->level);
	pm_reset(fixture->pm);
	assert_false(machine->level);
	assert_int_equal(in(machine, PM1_STS, 4), 0);
}

static void soft_off(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	out(machine, PM1_CNT, 2, 5 << 10);
	assert_int_equal(machine->power_offs, 0);
	out(machine, PM1_CNT, 2, 5 << 10 | 1 << 13);
	assert_int_equal(machine->power_offs, 1);
	out(machine, PM1_CNT + 1, 1, (5 << 10 | 1 << 13) >> 8); /* byte-wise */
	assert_int_equal(machine->power_offs, 2);
	out(machine, PM1_CNT, 2, 3 << 10 | 1 << 13); /* S3: not there */
	assert_int_equal(machine->power_offs, 2);
	assert_int_equal(in(machine, PM1_CNT, 2), 3 << 10 | 1);
}

static void reset_register(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	outb(machine, PM_PORT_RESET, 0x02);
	assert_int_equal(machine->resets, 0);
	assert_int_equal(inb(machine, PM_PORT_RESET), 0x02);
	outb(machine, PM_PORT_RESET, PM_RESET_VALUE);
	assert_int_equal(machine->resets, 1);
	outb(machine, PM_PORT_RESET, 0x0e);
	assert_int_equal(machine->resets, 2);
	outb(machine, PM_PORT_RESET, 0x0a);
	assert_int_equal(machine->resets, 2);
	pm_reset(fixture->pm);
	assert_int_equal(inb(machine, PM_PORT_RESET), 0);
}

static void general_purpose_events(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	assert_int_equal(in(machine, GPE0, 4), 0);
	out(machine, GPE0 + 8, 4, 0x12345678);
	out(machine, GPE0 + 15, 1, 0xa5);
	assert_int_equal(in(machine, GPE0 + 8, 4), 0x12345678);
	assert_int_equal(in(machine, GPE0 + 15, 1), 0xa5);
	assert_int_equal(in(machine, GPE0 + 14, 4), 0xffffa500); /* past the end: nobody */
	out(machine, GPE0, 4, 0xffffffff); /* nothing happened: nothing to clear, nothing set */
	assert_int_equal(in(machine, GPE0, 4), 0);
	assert_false(machine->level);
	pm_reset(fixture->pm);
	assert_int_equal(in(machine, GPE0 + 8, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(acpi_mode_from_the_start, start, end),
		cmocka_unit_test_setup_teardown(timer_counts, start, end),
		cmocka_unit_test_setup_teardown(timer_status, start, end),
		cmocka_unit_test_setup_teardown(timer_interrupt, start, end),
		cmocka_unit_test_setup_teardown(power_button, start, end),
		cmocka_unit_test_setup_teardown(soft_off, start, end),
		cmocka_unit_test_setup_teardown(reset_register, start, end),
		cmocka_unit_test_setup_teardown(general_purpose_events, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
