/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"

#include <linux/serial_reg.h>
#include <string.h>

#include "dev/chardev.h"
#include "dev/serial.h"

#include "machine.h"

#define PORT 0x3f8
#define FIFO 16

/* A backend that a test looks into, in place of the room's own. */
struct chardev {
	char output[4096];
	size_t written;
	bool writable;
	unsigned accepts;
	size_t (*room)(void *opaque);
	void (*input)(void *opaque, const void *data, size_t size);
	void (*on_writable)(void *opaque);
	void *opaque;
};

void chardev_write(struct chardev *chardev, const void *data, size_t size)
{
	assert_true(chardev->written + size < sizeof(chardev->output));
	memcpy(chardev->output + chardev->written, data, size);
	chardev->written += size;
}

bool chardev_writable(const struct chardev *chardev)
{
	return chardev->writable;
}

void chardev_accept_input(struct chardev *chardev)
{
	chardev->accepts++;
}

void chardev_connect(struct chardev *chardev, size_t (*room)(void *opaque),
		     void (*input)(void *opaque, const void *data, size_t size), void *opaque)
{
	chardev->room = room;
	chardev->input = input;
	chardev->opaque = opaque;
}

void chardev_on_writable(struct chardev *chardev, void (*writable)(void *opaque))
{
	chardev->on_writable = writable;
}

void chardev_disconnect(struct chardev *chardev)
{
	chardev->room = NULL;
}

struct fixture {
	struct machine machine;
	struct chardev chardev;
	struct serial *serial;
};

static int start(void **state)
{
	static struct fixture fixture;

	fixture.chardev = (struct chardev){ .writable = true };
	machine_start(&fixture.machine);
	assert_int_equal(serial_create(fixture.machine.pio, PORT, machine_irq(&fixture.machine),
				       &fixture.chardev, &fixture.serial),
			 0);
	*state = &fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	serial_destroy(fixture->serial);
	assert_null(fixture->chardev.room);
	machine_end(&fixture->machine);
	return 0;
}

static uint8_t get(struct fixture *fixture, uint16_t index)
{
	return inb(&fixture->machine, PORT + index);
}

static void set(struct fixture *fixture, uint16_t index, uint8_t value)
{
	outb(&fixture->machine, PORT + index, value);
}

/* Delivers as a backend does: no more than there is room for. Returns how much that was. */
static size_t type(struct fixture *fixture, const char *text)
{
	size_t room = fixture->chardev.room(fixture->chardev.opaque);
	size_t size = strlen(text) < room ? strlen(text) : room;

	if (size)
		fixture->chardev.input(fixture->chardev.opaque, text, size);
	return size;
}

static void listen(struct fixture *fixture)
{
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO);
	set(fixture, UART_IER, UART_IER_RDI);
}

/* Each step by which Linux tells a 16550A from every relative it knows. */
static void linux_finds_16550a(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, UART_IER, 0);
	assert_int_equal(get(fixture, UART_IER) & 0x0f, 0);
	set(fixture, UART_IER, 0x0f);
	assert_int_equal(get(fixture, UART_IER) & 0x0f, 0x0f);
	set(fixture, UART_IER, 0x40); /* no XScale */
	assert_int_equal(get(fixture, UART_IER), 0);

	set(fixture, UART_MCR, UART_MCR_LOOP | 0x0a);
	assert_int_equal(get(fixture, UART_MSR) & 0xf0, 0x90);
	set(fixture, UART_MCR, 0);

	set(fixture, UART_LCR, 0xbf); /* no EFR */
	set(fixture, UART_FCR, 0);
	set(fixture, UART_LCR, 0);
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(get(fixture, UART_IIR) >> 6, 3);
	set(fixture, UART_LCR, 0xbf);
	assert_int_not_equal(get(fixture, UART_FCR), 0);

	set(fixture, UART_LCR, 0); /* no NatSemi "super" chip: its bank is not there */
	set(fixture, UART_LCR, 0xe0);
	assert_int_equal(get(fixture, 2) & UART_MCR_LOOP, 0);

	set(fixture, UART_LCR, 0); /* no 16750: 64 bytes are not to be had */
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(get(fixture, UART_IIR) >> 5, 6);
	set(fixture, UART_LCR, 0x80);
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(get(fixture, UART_IIR) >> 5, 6);
	set(fixture, UART_LCR, 0);

	set(fixture, UART_SCR, 0x5a);
	assert_int_equal(get(fixture, UART_SCR), 0x5a);
}

static void at_power_on(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(get(fixture, UART_IER), 0);
	assert_int_equal(get(fixture, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(get(fixture, UART_MCR), 0);
	assert_int_equal(get(fixture, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(get(fixture, UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	assert_int_equal(get(fixture, UART_RX), 0);
}

static void divisor_latch(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(fixture, UART_DLL, 0x34);
	set(fixture, UART_DLM, 0x12);
	assert_int_equal(get(fixture, UART_DLL), 0x34);
	assert_int_equal(get(fixture, UART_DLM), 0x12);
	assert_int_equal(get(fixture, UART_LCR), UART_LCR_DLAB | UART_LCR_WLEN8);
	set(fixture, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(get(fixture, UART_IER), 0);
	assert_int_equal(fixture->chardev.written, 0);
}

static void transmits(void **state)
{
	struct fixture *fixture = *state;

	for (const char *c = "Hello"; *c; c++) {
		assert_int_equal(get(fixture, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
		set(fixture, UART_TX, (uint8_t)*c);
	}
	assert_int_equal(fixture->chardev.written, 5);
	assert_memory_equal(fixture->chardev.output, "Hello", 5);
	assert_int_equal(fixture->machine.changes, 0); /* polled: the interrupt line is never touched */
}

static void transmit_interrupt(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 2; i++) { /* each time it is enabled while empty: Linux tests for that */
		set(fixture, UART_IER, UART_IER_THRI);
		assert_true(fixture->machine.level);
		assert_int_equal(get(fixture, UART_IIR), UART_IIR_THRI); /* reading clears it */
		assert_false(fixture->machine.level);
		assert_int_equal(get(fixture, UART_IIR), UART_IIR_NO_INT);
		set(fixture, UART_IER, 0);
	}
	set(fixture, UART_IER, UART_IER_THRI);
	get(fixture, UART_IIR);
	fixture->machine.changes = 0;
	for (int i = 0; i < 16; i++)
		set(fixture, UART_TX, 'x');
	assert_true(fixture->machine.level);
	assert_int_equal(fixture->machine.changes, 1); /* once for the FIFO, not once for each character */
	assert_int_equal(get(fixture, UART_IIR), UART_IIR_THRI);
	set(fixture, UART_IER, 0);
	assert_false(fixture->machine.level);
}

static void holds_back(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, UART_IER, UART_IER_THRI);
	get(fixture, UART_IIR);
	fixture->chardev.writable = false;
	set(fixture, UART_TX, 'a');
	assert_int_equal(get(fixture, UART_LSR), 0);
	assert_false(fixture->machine.level);
	set(fixture, UART_IER, 0);
	set(fixture, UART_IER, UART_IER_THRI);
	assert_false(fixture->machine.level);
	set(fixture, UART_TX, 'b'); /* written regardless: passed on */
	assert_int_equal(fixture->chardev.written, 2);
	fixture->chardev.writable = true;
	fixture->chardev.on_writable(fixture->chardev.opaque);
	assert_true(fixture->machine.level);
	assert_int_equal(get(fixture, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(get(fixture, UART_IIR), UART_IIR_THRI);
	fixture->chardev.on_writable(fixture->chardev.opaque); /* nothing was held: nothing happens */
	assert_false(fixture->machine.level);
}

static void receives(void **state)
{
	struct fixture *fixture = *state;

	listen(fixture);
	assert_int_equal(type(fixture, "0123456789abcdefg"), FIFO);
	assert_true(fixture->machine.level);
	assert_int_equal(get(fixture, UART_IIR), 0xc0 | UART_IIR_RDI);
	assert_int_equal(type(fixture, "g"), 0);
	fixture->chardev.accepts = 0;
	for (int i = 0; i < FIFO; i++) {
		assert_true(fixture->machine.level);
		assert_true(get(fixture, UART_LSR) & UART_LSR_DR);
		assert_int_equal(get(fixture, UART_RX), "0123456789abcdef"[i]);
	}
	assert_true(fixture->chardev.accepts > 0);
	assert_false(fixture->machine.level);
	assert_false(get(fixture, UART_LSR) & UART_LSR_DR);
	assert_int_equal(type(fixture, "g"), 1);
	assert_int_equal(get(fixture, UART_RX), 'g');
	set(fixture, UART_FCR, 0); /* without FIFOs there is room for one */
	assert_int_equal(type(fixture, "hi"), 1);
	assert_int_equal(get(fixture, UART_IIR), UART_IIR_RDI);
	assert_int_equal(get(fixture, UART_RX), 'h');
}

static void input_waits_for_a_listener(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(type(fixture, "early"), 0);
	for (int i = 0; i < 100; i++) { /* a guest that prints by polling does not listen */
		get(fixture, UART_LSR);
		get(fixture, UART_LSR);
		set(fixture, UART_TX, 'x');
	}
	assert_int_equal(type(fixture, "early"), 0);
	fixture->chardev.accepts = 0;
	for (int i = 0; i < 8; i++) /* one that only looks does */
		get(fixture, UART_LSR);
	assert_true(fixture->chardev.accepts > 0);
	assert_int_equal(type(fixture, "x"), 1);
	assert_true(get(fixture, UART_LSR) & UART_LSR_DR);
	assert_int_equal(get(fixture, UART_RX), 'x');
	set(fixture, UART_TX, 'x');
	assert_int_equal(type(fixture, "y"), 1); /* it still does while it echoes */
	get(fixture, UART_RX);
	/* The next driver starts. As Linux: clear FIFOs, off, enable the interrupt, FIFOs on. */
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO);
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	set(fixture, UART_FCR, 0);
	assert_int_equal(type(fixture, "z"), 0);
	fixture->chardev.accepts = 0;
	set(fixture, UART_IER, UART_IER_RDI | UART_IER_RLSI);
	assert_true(fixture->chardev.accepts > 0);
	assert_int_equal(type(fixture, "z"), 1);
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(get(fixture, UART_RX), 'z'); /* not lost */
}

static void clears_fifo(void **state)
{
	struct fixture *fixture = *state;

	listen(fixture);
	type(fixture, "abc");
	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(get(fixture, UART_LSR) & UART_LSR_DR);
	assert_false(fixture->machine.level);
	type(fixture, "abc");
	set(fixture, UART_FCR, 0);
	assert_false(get(fixture, UART_LSR) & UART_LSR_DR);
}

static void loopback(void **state)
{
	struct fixture *fixture = *state;

	listen(fixture);
	set(fixture, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(type(fixture, "cut off"), 0);
	for (int i = 0; i < FIFO; i++)
		set(fixture, UART_TX, (uint8_t)('A' + i));
	assert_int_equal(get(fixture, UART_LSR) & UART_LSR_OE, 0);
	set(fixture, UART_TX, '!'); /* overrun: the FIFO keeps what it has */
	assert_int_equal(get(fixture, UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	assert_int_equal(get(fixture, UART_LSR) & UART_LSR_OE, 0); /* reading clears it */
	for (int i = 0; i < FIFO; i++)
		assert_int_equal(get(fixture, UART_RX), 'A' + i);
	set(fixture, UART_FCR, 0);
	set(fixture, UART_TX, 'a');
	set(fixture, UART_TX, 'b'); /* without FIFOs the newer one stays */
	assert_int_equal(get(fixture, UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	assert_int_equal(get(fixture, UART_RX), 'b');
	assert_int_equal(fixture->chardev.written, 0);
	fixture->chardev.accepts = 0;
	set(fixture, UART_MCR, 0);
	assert_true(fixture->chardev.accepts > 0);
}

static void modem_status(void **state)
{
	struct fixture *fixture = *state;

	get(fixture, UART_MSR);
	set(fixture, UART_IER, UART_IER_MSI);
	assert_false(fixture->machine.level);
	set(fixture, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_RTS);
	assert_true(fixture->machine.level);
	assert_int_equal(get(fixture, UART_IIR), UART_IIR_MSI);
	assert_int_equal(get(fixture, UART_MSR), UART_MSR_RI | UART_MSR_CTS | UART_MSR_DDSR | UART_MSR_DDCD);
	assert_false(fixture->machine.level);
	assert_int_equal(get(fixture, UART_MSR), UART_MSR_RI | UART_MSR_CTS);
	set(fixture, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT2);
	assert_int_equal(get(fixture, UART_MSR), UART_MSR_DSR | UART_MSR_DCD | UART_MSR_DDSR | UART_MSR_DDCD |
							 UART_MSR_DCTS | UART_MSR_TERI);
	assert_int_equal(get(fixture, UART_MCR), UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT2);
}

static void priorities(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, UART_FCR, UART_FCR_ENABLE_FIFO);
	set(fixture, UART_MCR, UART_MCR_LOOP);
	for (int i = 0; i < FIFO + 1; i++)
		set(fixture, UART_TX, 'x');
	set(fixture, UART_IER, UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_RLSI);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_RLSI); /* until LSR is read */
	get(fixture, UART_LSR);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_RDI);
	for (int i = 0; i < FIFO; i++)
		get(fixture, UART_RX);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_THRI);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_MSI);
	get(fixture, UART_MSR);
	assert_int_equal(get(fixture, UART_IIR) & 0x0f, UART_IIR_NO_INT);
	assert_int_equal(fixture->machine.edges, 1); /* the line was up all the time */
}

static void reset(void **state)
{
	struct fixture *fixture = *state;

	listen(fixture);
	set(fixture, UART_SCR, 1);
	set(fixture, UART_LCR, UART_LCR_DLAB);
	type(fixture, "abc");
	assert_true(fixture->machine.level);
	serial_reset(fixture->serial);
	assert_false(fixture->machine.level);
	at_power_on(state);
	assert_int_equal(get(fixture, UART_SCR), 0);
}

static void wide_accesses(void **state)
{
	struct fixture *fixture = *state;

	out(&fixture->machine, PORT + UART_LCR, 2, 0x0903);
	assert_int_equal(get(fixture, UART_LCR), 0x03);
	assert_int_equal(get(fixture, UART_MCR), 0x09);
	assert_int_equal(in(&fixture->machine, PORT + UART_LCR, 2), 0x0903);
	assert_int_equal(in(&fixture->machine, PORT + UART_SCR, 4), 0xffffff00); /* past the end */
	out(&fixture->machine, PORT + UART_SCR, 4, 0x41414142);
	assert_int_equal(get(fixture, UART_SCR), 0x42);
	assert_int_equal(fixture->chardev.written, 0);
}

static void without_backend(void **state)
{
	struct machine machine;
	struct serial *serial;

	machine_start(&machine);
	assert_int_equal(serial_create(machine.pio, PORT, machine_irq(&machine), NULL, &serial), 0);
	outb(&machine, PORT + UART_IER, UART_IER_THRI | UART_IER_RDI);
	outb(&machine, PORT + UART_TX, 'x');
	assert_true(machine.level);
	assert_int_equal(inb(&machine, PORT + UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	serial_reset(serial);
	serial_destroy(serial);
	serial_destroy(NULL);
	assert_int_equal(inb(&machine, PORT + UART_LSR), 0xff);
	machine_end(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(linux_finds_16550a, start, end),
		cmocka_unit_test_setup_teardown(at_power_on, start, end),
		cmocka_unit_test_setup_teardown(divisor_latch, start, end),
		cmocka_unit_test_setup_teardown(transmits, start, end),
		cmocka_unit_test_setup_teardown(transmit_interrupt, start, end),
		cmocka_unit_test_setup_teardown(holds_back, start, end),
		cmocka_unit_test_setup_teardown(receives, start, end),
		cmocka_unit_test_setup_teardown(input_waits_for_a_listener, start, end),
		cmocka_unit_test_setup_teardown(clears_fifo, start, end),
		cmocka_unit_test_setup_teardown(loopback, start, end),
		cmocka_unit_test_setup_teardown(modem_status, start, end),
		cmocka_unit_test_setup_teardown(priorities, start, end),
		cmocka_unit_test_setup_teardown(reset, start, end),
		cmocka_unit_test_setup_teardown(wide_accesses, start, end),
		cmocka_unit_test(without_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
