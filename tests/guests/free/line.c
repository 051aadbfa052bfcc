/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt line: pulled until the device is told to let go, whoever has acknowledged what
 * (PCI 3.0, 2.2.6). */
#include "raise.h"

#define LINES	   8 /* of the I/O APIC: 16 to 23 */
#define FIRST_LINE 16
#define COMMAND	   (PCI_COMMAND_MEMORY | PCI_COMMAND_IO)
#define AGAIN	   5

static const struct device *pulls;
static const struct raiser *by;
static volatile unsigned left; /* interrupts until the device is told to let go */

static void acknowledge(unsigned vector)
{
	(void)vector;
	if (!left || --left == 0)
		by->quiet(pulls);
}

static bool comes(uint64_t count)
{
	uint64_t start = now();

	while (hits_all() < count && now() - start < 1000000)
		__asm__ volatile("pause");
	return hits_all() >= count;
}

static bool status(const struct device *d)
{
	return config_read(d, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT;
}

static void level(struct device *d)
{
	for (unsigned n = 0; n < AGAIN; n++) {
		uint64_t before = hits_all();

		left = AGAIN;
		by->raise(d, 0);
		if (!comes(before + AGAIN))
			bad(d->name, "%lu interrupts of %u while the line is pulled", hits_all() - before,
			    AGAIN);
		by->quiet(d);
		wait_us(20000);
		if (status(d))
			bad(d->name, "STATUS says that it still pulls its line");
		before = hits_all();
		wait_us(20000);
		if (hits_all() != before)
			bad(d->name, "interrupts after it has let go");
	}
	verdict(d->name, "its line, pulled until it is acknowledged");
}

static void disabled(struct device *d)
{
	for (unsigned n = 0; n < AGAIN; n++) {
		uint64_t before = hits_all();

		left = 1;
		command_set(d, COMMAND | PCI_COMMAND_INTX_DISABLE);
		by->raise(d, 0);
		wait_us(30000);
		if (hits_all() != before)
			bad(d->name, "interrupts with Interrupt Disable");
		if (!status(d))
			bad(d->name, "STATUS says nothing of an interrupt that is disabled");
		command_set(d, COMMAND);
		if (!comes(before + 1))
			bad(d->name, "no interrupt when Interrupt Disable is cleared");
		wait_us(20000);
		if (status(d) || hits_all() != before + 1)
			bad(d->name, "%lu interrupts for one, STATUS %u", hits_all() - before, status(d));
	}
	verdict(d->name, "Interrupt Disable holds its line back, and STATUS is truthful");
}

/* Masked in the I/O APIC, an interrupt waits there. */
static void masked(struct device *d)
{
	uint64_t before = hits_all();

	left = 1;
	for (unsigned i = 0; i < LINES; i++)
		ioapic_mask(FIRST_LINE + i, VECTOR_FIRST + i, true);
	by->raise(d, 0);
	wait_us(30000);
	if (hits_all() != before)
		bad(d->name, "interrupts of a line that is masked");
	for (unsigned i = 0; i < LINES; i++)
		ioapic_mask(FIRST_LINE + i, VECTOR_FIRST + i, false);
	if (!comes(before + 1))
		bad(d->name, "no interrupt when its line is unmasked");
	verdict(d->name, "its line masked and unmasked");
}

void test_line(struct device *d)
{
	by = raiser_of(d);
	pulls = d;
	if (!by || by->vectors)
		return;
	by->quiet(d);
	command_set(d, COMMAND | PCI_COMMAND_MASTER);
	by->setup(d);
	command_set(d, COMMAND);
	for (unsigned i = 0; i < LINES; i++)
		ioapic_route(FIRST_LINE + i, VECTOR_FIRST + i);
	on_interrupt = acknowledge;
	level(d);
	disabled(d);
	masked(d);
	on_interrupt = NULL;
	for (unsigned i = 0; i < LINES; i++)
		ioapic_route(FIRST_LINE + i, 0);
	device_home(d);
}
