/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"

#include <stdlib.h>
#include <time.h>

#include "dev/platform.h"
#include "dev/rtc-priv.h"

#include "fake_clock.h"
#include "machine.h"

/* 2024-02-28 23:59:57 UTC, a Wednesday, before a leap day. */
#define START 1709164797ULL

struct fixture {
	struct machine machine;
	struct rtc *rtc;
};

static int start(void **state)
{
	static struct fixture fixture;

	fake_clock_start(START * FAKE_SECOND);
	machine_start(&fixture.machine);
	assert_int_equal(rtc_create(fixture.machine.pio, fixture.machine.loop, machine_irq(&fixture.machine),
				    &fixture.rtc),
			 0);
	*state = &fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	rtc_destroy(fixture->rtc);
	machine_end(&fixture->machine);
	return 0;
}

static uint8_t get(struct machine *machine, uint8_t index)
{
	outb(machine, 0x70, index);
	return inb(machine, 0x71);
}

static void set(struct machine *machine, uint8_t index, uint8_t value)
{
	outb(machine, 0x70, index);
	outb(machine, 0x71, value);
}

static void assert_time(struct machine *machine, const uint8_t expected[8])
{
	static const uint8_t index[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (unsigned i = 0; i < 8; i++) {
		uint8_t value = get(machine, index[i]);

		if (value != expected[i])
			fail_msg("register %02x: %02x, expected %02x", index[i], value, expected[i]);
	}
}

static void set_time(struct machine *machine, const uint8_t values[8])
{
	static const uint8_t index[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (unsigned i = 0; i < 8; i++)
		set(machine, index[i], values[i]);
}

static void tells_the_time(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	assert_time(machine, (uint8_t[]){ 0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x59, 0x57 });
	fake_clock_advance(machine->loop, 3 * FAKE_SECOND);
	assert_time(machine, (uint8_t[]){ 0x20, 0x24, 0x02, 0x29, 5, 0x00, 0x00, 0x00 });
	fake_clock_advance(machine->loop, 86400 * FAKE_SECOND);
	assert_time(machine, (uint8_t[]){ 0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00 });
	assert_int_equal(fake_clock_wakeups(), 0);
	assert_int_equal(get(machine, RTC_REG_D), 0x80);
	set(machine, RTC_REG_D, 0);
	assert_int_equal(get(machine, RTC_REG_D), 0x80);
	assert_int_equal(inb(machine, 0x70), 0xff);
}

static void forms(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_DM);
	assert_time(machine, (uint8_t[]){ 20, 24, 2, 28, 4, 23, 59, 57 });
	set(machine, RTC_REG_B, RTC_B_DM);
	assert_time(machine, (uint8_t[]){ 20, 24, 2, 28, 4, 0x80 | 11, 59, 57 });
	set(machine, RTC_REG_B, 0);
	assert_time(machine, (uint8_t[]){ 0x20, 0x24, 0x02, 0x28, 4, 0x80 | 0x11, 0x59, 0x57 });
	fake_clock_advance(machine->loop, 3 * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_HOURS), 0x12); /* midnight is 12 AM */
	fake_clock_advance(machine->loop, 12 * 3600 * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_HOURS), 0x92); /* noon is 12 PM */
	set(machine, RTC_REG_B, RTC_B_24H);
	assert_int_equal(get(machine, RTC_HOURS), 0x12);
}

/* As Linux does it: SET, divider reset, registers, and back in the same order. */
static void set_as_linux_does(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;
	uint8_t b = get(machine, RTC_REG_B);
	uint8_t a = get(machine, RTC_REG_A);

	fake_clock_advance(machine->loop, 300 * FAKE_MS);
	set(machine, RTC_REG_B, b | RTC_B_SET);
	set(machine, RTC_REG_A, a | 0x70);
	set_time(machine, (uint8_t[]){ 0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58 });
	fake_clock_advance(machine->loop, 7 * FAKE_SECOND); /* the clock stands */
	assert_time(machine, (uint8_t[]){ 0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58 });
	set(machine, RTC_REG_B, b);
	set(machine, RTC_REG_A, a);
	assert_int_equal(get(machine, RTC_SECONDS), 0x58);
	fake_clock_advance(machine->loop, 499 * FAKE_MS); /* the first second has half its length */
	assert_int_equal(get(machine, RTC_SECONDS), 0x58);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_int_equal(get(machine, RTC_SECONDS), 0x59);
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_time(machine, (uint8_t[]){ 0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00 });
}

static void set_keeps_the_fraction(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	fake_clock_advance(machine->loop, 900 * FAKE_MS);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_SET);
	set_time(machine, (uint8_t[]){ 0x21, 0x00, 0x02, 0x28, 1, 0x23, 0x59, 0x59 });
	set(machine, RTC_REG_B, RTC_B_24H);
	fake_clock_advance(machine->loop, 99 * FAKE_MS);
	assert_int_equal(get(machine, RTC_SECONDS), 0x59);
	fake_clock_advance(machine->loop, FAKE_MS);
	/* 2100 is no leap year. */
	assert_time(machine, (uint8_t[]){ 0x21, 0x00, 0x03, 0x01, 2, 0x00, 0x00, 0x00 });
}

static void set_while_ticking(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	set(machine, RTC_MINUTES, 0x30);
	assert_time(machine, (uint8_t[]){ 0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x30, 0x57 });
	fake_clock_advance(machine->loop, 3 * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_MINUTES), 0x31);
}

static void host_clock_is_set(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	set(machine, RTC_HOURS, 0x13); /* ten hours less than the host */
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	get(machine, RTC_REG_C);
	fake_clock_set(machine->loop, (START + 3600) * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_HOURS), 0x14);
	get(machine, RTC_REG_C);
	fake_clock_set(machine->loop, START * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_HOURS), 0x13);
	get(machine, RTC_REG_C);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_SECOND); /* not an hour later */
	assert_true(machine->level);
}

static void update_in_progress(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	assert_int_equal(get(machine, RTC_REG_A), 0x26);
	fake_clock_advance(machine->loop, 997 * FAKE_MS);
	assert_int_equal(get(machine, RTC_REG_A), 0x26);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_int_equal(get(machine, RTC_REG_A), 0xa6);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_SET);
	assert_int_equal(get(machine, RTC_REG_A), 0x26);
	set(machine, RTC_REG_B, RTC_B_24H);
	fake_clock_advance(machine->loop, 2 * FAKE_MS);
	assert_int_equal(get(machine, RTC_REG_A), 0x26);
	set(machine, RTC_REG_A, 0xaf); /* UIP cannot be written */
	assert_int_equal(get(machine, RTC_REG_A), 0x2f);
}

static void update_interrupt(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	fake_clock_advance(machine->loop, 250 * FAKE_MS);
	get(machine, RTC_REG_C);
	assert_int_equal(fake_clock_armed(), 0);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	assert_int_equal(fake_clock_armed(), 1);
	fake_clock_advance(machine->loop, 749 * FAKE_MS);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_true(machine->level);
	fake_clock_advance(machine->loop, 100 * FAKE_SECOND); /* nobody answers: no more wake-ups */
	assert_int_equal(fake_clock_wakeups(), 1);
	assert_int_equal(get(machine, RTC_REG_C) & (RTC_C_IRQF | RTC_C_UF), RTC_C_IRQF | RTC_C_UF);
	assert_false(machine->level);
	assert_int_equal(get(machine, RTC_REG_C), 0);
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_true(machine->level);
	get(machine, RTC_REG_C);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_UIE | RTC_B_SET); /* SET clears UIE */
	assert_int_equal(get(machine, RTC_REG_B), RTC_B_24H | RTC_B_SET);
	fake_clock_advance(machine->loop, 5 * FAKE_SECOND);
	assert_false(machine->level);
	assert_int_equal(machine->edges, 2);
}

static void flags_without_interrupts(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	get(machine, RTC_REG_C);
	set(machine, RTC_SECONDS_ALARM, 0x00);
	set(machine, RTC_MINUTES_ALARM, 0x00);
	set(machine, RTC_HOURS_ALARM, 0x00);
	set(machine, RTC_REG_A, 0x20); /* no periodic interrupt */
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_int_equal(get(machine, RTC_REG_C), RTC_C_UF);
	fake_clock_advance(machine->loop, 2 * FAKE_SECOND);
	assert_int_equal(get(machine, RTC_REG_C), RTC_C_UF | RTC_C_AF);
	set(machine, RTC_REG_A, 0x2f);
	fake_clock_advance(machine->loop, 500 * FAKE_MS);
	assert_int_equal(get(machine, RTC_REG_C), RTC_C_PF);
	/* What has happened interrupts when it is enabled afterwards. */
	fake_clock_advance(machine->loop, FAKE_SECOND);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	assert_true(machine->level);
	assert_int_equal(fake_clock_wakeups(), 0);
}

static void alarm_interrupt(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	set(machine, RTC_SECONDS_ALARM, 0x02);
	set(machine, RTC_MINUTES_ALARM, 0x00);
	set(machine, RTC_HOURS_ALARM, 0x00);
	get(machine, RTC_REG_C);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	fake_clock_advance(machine->loop, 4999 * FAKE_MS);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_true(machine->level);
	assert_int_equal(fake_clock_wakeups(), 1);
	assert_int_equal(get(machine, RTC_REG_C) & (RTC_C_IRQF | RTC_C_AF), RTC_C_IRQF | RTC_C_AF);
	fake_clock_advance(machine->loop, 86399 * FAKE_SECOND);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_SECOND); /* the next day */
	assert_true(machine->level);
	get(machine, RTC_REG_C);
	set(machine, RTC_SECONDS_ALARM, 0xff); /* every second of the minute 00:00 */
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_true(machine->level);
	get(machine, RTC_REG_C);
	set(machine, RTC_MINUTES_ALARM, 0x61); /* never */
	fake_clock_advance(machine->loop, 2 * 86400 * FAKE_SECOND);
	assert_false(machine->level);
	assert_int_equal(machine->edges, 3);
}

static void periodic_interrupt(void **state)
{
	struct machine *machine = &((struct fixture *)*state)->machine;

	set(machine, RTC_REG_A, 0x26); /* 1024 Hz */
	get(machine, RTC_REG_C);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	for (int i = 0; i < 1024; i++) {
		fake_clock_advance(machine->loop, FAKE_SECOND / 1024 + 1);
		assert_true(machine->level);
		assert_true(get(machine, RTC_REG_C) & RTC_C_PF);
	}
	assert_int_equal(machine->edges, 1024);
	set(machine, RTC_REG_A, 0x2f); /* 2 Hz */
	get(machine, RTC_REG_C);
	fake_clock_advance(machine->loop, 499 * FAKE_MS);
	assert_false(machine->level);
	fake_clock_advance(machine->loop, FAKE_MS);
	assert_true(machine->level);
	get(machine, RTC_REG_C);
	set(machine, RTC_REG_A, 0x20);
	fake_clock_advance(machine->loop, 10 * FAKE_SECOND);
	assert_false(machine->level);
	assert_int_equal(fake_clock_armed(), 0);
}

static void memory(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	for (unsigned i = 0x0e; i < 0x80; i++) {
		if (i != RTC_CENTURY)
			set(machine, (uint8_t)i, (uint8_t)(i * 3));
	}
	set(machine, 0x80 | 0x40, 0x77); /* the NMI mask is no part of the index */
	out(machine, 0x70, 2, 0x9941);	 /* both ports in one access */
	rtc_reset(fixture->rtc);
	for (unsigned i = 0x0e; i < 0x80; i++) {
		if (i != RTC_CENTURY && i != 0x40 && i != 0x41)
			assert_int_equal(get(machine, (uint8_t)i), (uint8_t)(i * 3));
	}
	assert_int_equal(get(machine, 0x40), 0x77);
	outb(machine, 0x70, 0x41);
	assert_int_equal(in(machine, 0x70, 2), 0x99ff);
}

static void reset_pin(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	set(machine, RTC_HOURS, 0x05);
	set(machine, RTC_REG_B, RTC_B_24H | RTC_B_UIE | RTC_B_AIE | RTC_B_PIE | RTC_B_SQWE);
	fake_clock_advance(machine->loop, FAKE_SECOND);
	assert_true(machine->level);
	rtc_reset(fixture->rtc);
	assert_false(machine->level);
	assert_int_equal(fake_clock_armed(), 0);
	assert_int_equal(get(machine, RTC_REG_B), RTC_B_24H);
	assert_int_equal(get(machine, RTC_REG_C), 0);
	assert_int_equal(get(machine, RTC_HOURS), 0x05);
}

/* The calendar against the C library's, over eight centuries, in every form; and garbage gives some time. */
static void calendar(void **state)
{
	uint8_t ram[RTC_RAM_SIZE] = { 0 };

	for (int64_t time = -6000000000; time < 20000000000; time += 86400 * 5 + 3601) {
		time_t seconds = (time_t)time;
		struct tm tm;

		ram[RTC_REG_B] = (uint8_t)((time & 3) << 1);
		rtc_time_encode(ram, time);
		assert_int_equal(rtc_time_decode(ram), time);
		assert_non_null(gmtime_r(&seconds, &tm));
		if (!(ram[RTC_REG_B] & RTC_B_DM))
			continue;
		assert_int_equal(ram[RTC_DAY_OF_WEEK], tm.tm_wday + 1);
		assert_int_equal(ram[RTC_DAY_OF_MONTH], tm.tm_mday);
		assert_int_equal(ram[RTC_MONTH], tm.tm_mon + 1);
		assert_int_equal(ram[RTC_YEAR] + ram[RTC_CENTURY] * 100, tm.tm_year + 1900);
	}
	srand(1);
	for (int i = 0; i < 100000; i++) {
		for (unsigned j = 0; j < RTC_RAM_SIZE; j++)
			ram[j] = (uint8_t)rand();
		rtc_time_encode(ram, rtc_time_decode(ram));
		assert_true(rtc_alarm_next(ram, rtc_time_decode(ram)) > rtc_time_decode(ram));
	}
}

/* Against looking at every second of two days. */
static void alarm_search(void **state)
{
	static const uint8_t fields[][3] = {
		{ 0, 0, 0 },	   { 59, 59, 23 },    { 0xff, 0xff, 0xff },
		{ 5, 0xff, 0xff }, { 0xff, 7, 0xc0 }, { 0xff, 0xff, 13 },
		{ 30, 0xff, 4 },   { 0xff, 59, 23 },  { 60, 0xff, 0xff },
	};
	uint8_t ram[RTC_RAM_SIZE] = { [RTC_REG_B] = RTC_B_24H | RTC_B_DM };

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		ram[RTC_SECONDS_ALARM] = fields[i][0];
		ram[RTC_MINUTES_ALARM] = fields[i][1];
		ram[RTC_HOURS_ALARM] = fields[i][2];
		for (int64_t after = (int64_t)START - 5; after < (int64_t)START + 86400; after += 4999) {
			int64_t expected = RTC_NEVER;

			for (int64_t t = after + 1; t <= after + 86400 && expected == RTC_NEVER; t++) {
				if ((fields[i][0] >= 0xc0 || fields[i][0] == t % 60) &&
				    (fields[i][1] >= 0xc0 || fields[i][1] == t / 60 % 60) &&
				    (fields[i][2] >= 0xc0 || fields[i][2] == t / 3600 % 24))
					expected = t;
			}
			assert_int_equal(rtc_alarm_next(ram, after), expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_the_time, start, end),
		cmocka_unit_test_setup_teardown(forms, start, end),
		cmocka_unit_test_setup_teardown(set_as_linux_does, start, end),
		cmocka_unit_test_setup_teardown(set_keeps_the_fraction, start, end),
		cmocka_unit_test_setup_teardown(set_while_ticking, start, end),
		cmocka_unit_test_setup_teardown(host_clock_is_set, start, end),
		cmocka_unit_test_setup_teardown(update_in_progress, start, end),
		cmocka_unit_test_setup_teardown(update_interrupt, start, end),
		cmocka_unit_test_setup_teardown(flags_without_interrupts, start, end),
		cmocka_unit_test_setup_teardown(alarm_interrupt, start, end),
		cmocka_unit_test_setup_teardown(periodic_interrupt, start, end),
		cmocka_unit_test_setup_teardown(memory, start, end),
		cmocka_unit_test_setup_teardown(reset_pin, start, end),
		cmocka_unit_test(calendar),
		cmocka_unit_test(alarm_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
