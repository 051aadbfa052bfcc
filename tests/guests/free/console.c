/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said, and how it ends. A character costs a nested guest half a millisecond: few words. */
#include <stdarg.h>

#include "free.h"

#define SERIAL	  0x3f8
#define BAD_LINES 12 /* of one test */

static const char *command_line = "";
static unsigned bad_now, bad_all;

static void put(char c)
{
	while (!(port_in(SERIAL + 5, 1) & 0x20))
		;
	port_out(SERIAL, 1, (uint8_t)c);
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_number(uint64_t value, unsigned base)
{
	char digits[24];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put(digits[--count]);
}

/* %s, %u, %x, and the latter two with an l. */
static void put_format(const char *format, va_list arguments)
{
	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 'l') {
			wide = true;
			format++;
		}
		if (*format == 's')
			put_text(va_arg(arguments, const char *));
		else
			put_number(wide ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned),
				   *format == 'x' ? 16 : 10);
	}
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put_format(format, arguments);
	va_end(arguments);
}

void console_wait(void)
{
	while (!(port_in(SERIAL + 5, 1) & 1))
		wait_us(1000);
	port_in(SERIAL, 1);
}

void bad(const char *who, const char *format, ...)
{
	va_list arguments;

	bad_all++;
	if (++bad_now > BAD_LINES)
		return;
	say("bad: %s: ", who);
	va_start(arguments, format);
	put_format(format, arguments);
	va_end(arguments);
	put('\n');
}

void verdict(const char *who, const char *format, ...)
{
	va_list arguments;

	if (bad_now > BAD_LINES)
		say("bad: %s: and %u more\n", who, bad_now - BAD_LINES);
	if (!bad_now) {
		say("good: %s: ", who);
		va_start(arguments, format);
		put_format(format, arguments);
		va_end(arguments);
		put('\n');
	}
	bad_now = 0;
}

void console_command_line(const char *line)
{
	command_line = line;
}

bool word_given(const char *word)
{
	const char *at = command_line;

	while (*at) {
		const char *w = word;

		while (*at == ' ')
			at++;
		while (*w && *at == *w)
			at++, w++;
		if (!*w && (*at == ' ' || !*at))
			return true;
		while (*at && *at != ' ')
			at++;
	}
	return false;
}

/* ACPI's soft off as handfast has it and as QEMU has it, and where there is neither, a reset. */
_Noreturn void finish(void)
{
	say("guest: status %u\n", bad_all ? 1 : 0);
	port_out(0x604, 2, 0x3400);
	port_out(0x604, 2, 0x2000);
	port_out(0xcf9, 1, 0x06);
	for (;;)
		__asm__ volatile("hlt");
}
