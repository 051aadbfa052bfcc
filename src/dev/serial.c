/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 16550A UART (National Semiconductor's data sheet PC16550D).
 *
 * Theory of operation: the line is infinitely fast and the other end's modem signals are always up. What the
 * guest writes goes to the character backend at once, so the transmitter is empty again when the write
 * returns, and its interrupt is pending again: the line stays up rather than being pulsed for each
 * character. Only when the backend's buffer is nearly full does the transmitter stay busy until it is not,
 * as a slow line would (serial->held); what a guest writes regardless is still passed on.
 *
 * Characters come from the backend only while the guest listens: it has the receive interrupt enabled, or
 * polls. Until then they wait where they are (in a pipe, in the terminal), and are not lost when a driver
 * clears the FIFO at its start.
 *
 * Received data are reported as available from the first character, whatever the trigger level: the
 * timeout after which real hardware does so has always passed.
 *
 * serial->mutex guards everything; the interrupt is set under it. Order: this mutex, then the backend's.
 */
#include "dev/serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "dev/chardev.h"
#include "dev/port-priv.h"

#define SERIAL_PORTS	8
#define SERIAL_FIFO	16
#define SERIAL_DIVISOR	12 /* 9600 baud, as firmware leaves it */
#define SERIAL_IIR_FIFO 0xc0
#define SERIAL_IER_BITS (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define SERIAL_MCR_BITS (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)
#define SERIAL_MODEM_UP (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)

/* So many looks at the line status, with no character written between them, are a guest that polls for
 * input: nobody looks that often just before writing. */
#define SERIAL_POLLS 8

struct serial {
	struct mem_bus *pio;
	struct mem_io io;
	struct dev_irq irq;
	struct chardev *chardev; /* or NULL */

	pthread_mutex_t mutex;
	uint8_t ier;
	uint8_t fcr; /* the enable bit is all that matters */
	uint8_t lcr;
	uint8_t mcr;
	uint8_t scr;
	uint8_t dll;
	uint8_t dlm;
	uint8_t msr;	    /* signals and their delta bits */
	uint8_t errors;	    /* of LSR, until it is read */
	bool thri;	    /* the transmitter's interrupt is pending */
	bool held;	    /* the transmitter is busy: the backend has no room */
	bool polled;	    /* the guest polls for input */
	unsigned polls;	    /* looks at LSR since something was written */
	unsigned fifo_head; /* the oldest character */
	unsigned fifo_fill;
	uint8_t fifo[SERIAL_FIFO];
	bool level; /* of the interrupt */
};

static unsigned fifo_size(const struct serial *serial)
{
	return serial->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO : 1;
}

static void fifo_push(struct serial *serial, uint8_t byte)
{
	if (serial->fifo_fill >= fifo_size(serial)) {
		serial->errors |= UART_LSR_OE;
		if (fifo_size(serial) == 1) /* without a FIFO the new character takes the old one's place */
			serial->fifo[serial->fifo_head] = byte;
		return;
	}
	serial->fifo[(serial->fifo_head + serial->fifo_fill++) % SERIAL_FIFO] = byte;
}

/* The interrupt that IIR reports: by priority, the highest of those enabled. */
static uint8_t pending(const struct serial *serial)
{
	if ((serial->ier & UART_IER_RLSI) && serial->errors)
		return UART_IIR_RLSI;
	if ((serial->ier & UART_IER_RDI) && serial->fifo_fill)
		return UART_IIR_RDI;
	if ((serial->ier & UART_IER_THRI) && serial->thri)
		return UART_IIR_THRI;
	if ((serial->ier & UART_IER_MSI) && (serial->msr & UART_MSR_ANY_DELTA))
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* A PC's board passes the interrupt on only while OUT2 is up. Drivers for virtual machines do not all know
 * that, no other monitor insists, and neither does this one. */
static void update_irq(struct serial *serial)
{
	bool level = pending(serial) != UART_IIR_NO_INT;

	if (level == serial->level)
		return;
	serial->level = level;
	serial->irq.set(serial->irq.opaque, level);
}

static bool listening(const struct serial *serial)
{
	if (serial->mcr & UART_MCR_LOOP) /* the input is cut off */
		return false;
	return (serial->ier & UART_IER_RDI) || serial->polled;
}

/* What the guest does has made room for input, or may have. */
static void accept_input(struct serial *serial)
{
	if (serial->chardev && serial->fifo_fill == 0 && listening(serial))
		chardev_accept_input(serial->chardev);
}

static uint8_t modem_signals(const struct serial *serial)
{
	uint8_t signals = 0;

	if (!(serial->mcr & UART_MCR_LOOP))
		return SERIAL_MODEM_UP;
	if (serial->mcr & UART_MCR_RTS)
		signals |= UART_MSR_CTS;
	if (serial->mcr & UART_MCR_DTR)
		signals |= UART_MSR_DSR;
	if (serial->mcr & UART_MCR_OUT1)
		signals |= UART_MSR_RI;
	if (serial->mcr & UART_MCR_OUT2)
		signals |= UART_MSR_DCD;
	return signals;
}

static void update_modem(struct serial *serial)
{
	uint8_t signals = modem_signals(serial);
	uint8_t changed = (serial->msr ^ signals) & 0xf0;
	uint8_t deltas = serial->msr & UART_MSR_ANY_DELTA;

	if (changed & UART_MSR_CTS)
		deltas |= UART_MSR_DCTS;
	if (changed & UART_MSR_DSR)
		deltas |= UART_MSR_DDSR;
	if ((changed & UART_MSR_RI) && !(signals & UART_MSR_RI))
		deltas |= UART_MSR_TERI;
	if (changed & UART_MSR_DCD)
		deltas |= UART_MSR_DDCD;
	serial->msr = signals | deltas;
}

/* Passes the character on; the transmitter is empty again, unless the backend has no room for more. */
static void transmit(struct serial *serial, uint8_t byte)
{
	serial->polls = 0;
	serial->thri = false;
	if (serial->mcr & UART_MCR_LOOP) {
		fifo_push(serial, byte);
	} else if (serial->chardev) {
		chardev_write(serial->chardev, &byte, 1);
		serial->held = !chardev_writable(serial->chardev);
	}
	if (!serial->held)
		serial->thri = true;
}

static void fcr_write(struct serial *serial, uint8_t value)
{
	bool enable = value & UART_FCR_ENABLE_FIFO;
	bool toggled = enable != (serial->fcr & UART_FCR_ENABLE_FIFO);

	serial->fcr = value & UART_FCR_ENABLE_FIFO;
	serial->polls = 0;
	/* Real hardware also drops the one character that waits when FIFOs are switched on. Linux does that
	 * just after it enabled the receive interrupt, when the first character may have come. */
	if ((enable && (value & UART_FCR_CLEAR_RCVR)) || (!enable && toggled)) {
		serial->fifo_fill = 0;
		serial->errors &= (uint8_t)~UART_LSR_OE;
		serial->polled = false; /* whoever polled before is followed by another driver */
	}
	if ((enable && (value & UART_FCR_CLEAR_XMIT)) || toggled)
		serial->thri |= !serial->held;
}

static void ier_write(struct serial *serial, uint8_t value)
{
	uint8_t before = serial->ier;

	serial->ier = value & SERIAL_IER_BITS;
	serial->polls = 0;
	/* Enabling the transmitter's interrupt while it is empty raises it, each time. */
	if (!(before & UART_IER_THRI) && (serial->ier & UART_IER_THRI))
		serial->thri = !serial->held;
}

static void register_write(struct serial *serial, uint64_t index, uint8_t value)
{
	bool divisor = serial->lcr & UART_LCR_DLAB;

	switch (index) {
	case UART_TX:
		if (divisor)
			serial->dll = value;
		else
			transmit(serial, value);
		break;
	case UART_IER:
		if (divisor)
			serial->dlm = value;
		else
			ier_write(serial, value);
		break;
	case UART_FCR:
		fcr_write(serial, value);
		break;
	case UART_LCR:
		serial->lcr = value;
		break;
	case UART_MCR:
		serial->mcr = value & SERIAL_MCR_BITS;
		update_modem(serial);
		break;
	case UART_SCR:
		serial->scr = value;
		break;
	default: /* LSR and MSR are the factory's to write */
		break;
	}
	update_irq(serial);
	accept_input(serial);
}

static uint8_t receive(struct serial *serial)
{
	uint8_t byte = serial->fifo[serial->fifo_head];

	if (serial->fifo_fill == 0)
		return 0;
	serial->fifo_head = (serial->fifo_head + 1) % SERIAL_FIFO;
	serial->fifo_fill--;
	return byte;
}

static uint8_t iir_read(struct serial *serial)
{
	uint8_t value = pending(serial);

	if (value == UART_IIR_THRI)
		serial->thri = false;
	return serial->fcr & UART_FCR_ENABLE_FIFO ? value | SERIAL_IIR_FIFO : value;
}

static uint8_t lsr_read(struct serial *serial)
{
	uint8_t value = serial->errors;

	serial->errors = 0;
	if (serial->fifo_fill)
		value |= UART_LSR_DR;
	if (serial->held)
		return value; /* this guest looks whether it may write */
	if (!serial->fifo_fill && serial->polls < SERIAL_POLLS && ++serial->polls == SERIAL_POLLS)
		serial->polled = true;
	return value | UART_LSR_THRE | UART_LSR_TEMT;
}

static uint8_t msr_read(struct serial *serial)
{
	uint8_t value = serial->msr;

	serial->msr &= (uint8_t)~UART_MSR_ANY_DELTA;
	return value;
}

static uint8_t register_read(struct serial *serial, uint64_t index)
{
	bool divisor = serial->lcr & UART_LCR_DLAB;
	uint8_t value = 0xff;

	switch (index) {
	case UART_RX:
		value = divisor ? serial->dll : receive(serial);
		break;
	case UART_IER:
		value = divisor ? serial->dlm : serial->ier;
		break;
	case UART_IIR:
		value = iir_read(serial);
		break;
	case UART_LCR:
		value = serial->lcr;
		break;
	case UART_MCR:
		value = serial->mcr;
		break;
	case UART_LSR:
		value = lsr_read(serial);
		break;
	case UART_MSR:
		value = msr_read(serial);
		break;
	case UART_SCR:
		value = serial->scr;
		break;
	default:
		return value;
	}
	update_irq(serial);
	accept_input(serial);
	return value;
}

static uint64_t serial_read(void *opaque, uint64_t offset, unsigned size)
{
	struct serial *serial = opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&serial->mutex);
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)register_read(serial, offset + i) << i * 8;
	pthread_mutex_unlock(&serial->mutex);
	return value;
}

static void serial_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->mutex);
	for (unsigned i = 0; i < size && offset + i < SERIAL_PORTS; i++)
		register_write(serial, offset + i, (uint8_t)(value >> i * 8));
	pthread_mutex_unlock(&serial->mutex);
}

static const struct mem_io_ops serial_ops = { serial_read, serial_write };

static size_t serial_room(void *opaque)
{
	struct serial *serial = opaque;
	size_t room = 0;

	pthread_mutex_lock(&serial->mutex);
	if (listening(serial) && serial->fifo_fill < fifo_size(serial))
		room = fifo_size(serial) - serial->fifo_fill;
	pthread_mutex_unlock(&serial->mutex);
	return room;
}

static void serial_input(void *opaque, const void *data, size_t size)
{
	struct serial *serial = opaque;
	const uint8_t *bytes = data;

	pthread_mutex_lock(&serial->mutex);
	for (size_t i = 0; i < size; i++)
		fifo_push(serial, bytes[i]);
	update_irq(serial);
	pthread_mutex_unlock(&serial->mutex);
}

/* The backend takes characters again. */
static void serial_writable(void *opaque)
{
	struct serial *serial = opaque;

	pthread_mutex_lock(&serial->mutex);
	if (serial->held) {
		serial->held = false;
		serial->thri = true;
		update_irq(serial);
	}
	pthread_mutex_unlock(&serial->mutex);
}

/* Registers as after power-on; the interrupt line is left to update_irq(). */
static void set_defaults(struct serial *serial)
{
	serial->ier = 0;
	serial->fcr = 0;
	serial->lcr = UART_LCR_WLEN8;
	serial->mcr = 0;
	serial->scr = 0;
	serial->dll = SERIAL_DIVISOR;
	serial->dlm = 0;
	serial->msr = SERIAL_MODEM_UP;
	serial->errors = 0;
	serial->thri = false;
	serial->held = serial->chardev && !chardev_writable(serial->chardev);
	serial->polled = false;
	serial->polls = 0;
	serial->fifo_head = 0;
	serial->fifo_fill = 0;
}

int serial_create(struct mem_bus *pio, uint16_t port, struct dev_irq irq, struct chardev *chardev,
		  struct serial **ret_serial)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial)
		return error_sys(ENOMEM, "serial port");
	serial->pio = pio;
	serial->irq = irq;
	serial->chardev = chardev;
	pthread_mutex_init(&serial->mutex, NULL);
	set_defaults(serial);
	if (chardev) {
		chardev_connect(chardev, serial_room, serial_input, serial);
		chardev_on_writable(chardev, serial_writable);
	}
	dev_port_add(pio, &serial->io, port, SERIAL_PORTS, &serial_ops, serial, "serial");
	*ret_serial = serial;
	return 0;
}

void serial_destroy(struct serial *serial)
{
	if (!serial)
		return;
	dev_port_remove(serial->pio, &serial->io);
	if (serial->chardev)
		chardev_disconnect(serial->chardev);
	pthread_mutex_destroy(&serial->mutex);
	free(serial);
}

void serial_reset(struct serial *serial)
{
	pthread_mutex_lock(&serial->mutex);
	set_defaults(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->mutex);
}
