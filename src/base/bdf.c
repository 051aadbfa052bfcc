/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bdf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Reads `least` to `most` hexadecimal digits up to the character `end`; returns what follows it, or NULL. */
static const char *read_hex(const char *text, unsigned least, unsigned most, char end, uint32_t *ret_value)
{
	uint32_t value = 0;
	unsigned digits = 0;

	for (; isxdigit((unsigned char)*text); text++) {
		int digit = isdigit((unsigned char)*text) ? *text - '0'
							  : tolower((unsigned char)*text) - 'a' + 10;

		if (++digits > most)
			return NULL;
		value = value << 4 | (uint32_t)digit;
	}
	if (digits < least || *text != end)
		return NULL;
	*ret_value = value;
	return end == '\0' ? text : text + 1;
}

static int not_a_bdf(const char *text)
{
	error_set(EINVAL, "'%s' is not a PCI address", text);
	return error_try(
		"write it as DDDD:BB:DD.F, in hexadecimal, like 0000:1a:00.3 (`handfast list` shows them)");
}

int bdf_parse(const char *text, struct bdf *ret_bdf)
{
	const char *colon = strchr(text, ':');
	bool with_domain = colon && strchr(colon + 1, ':');
	const char *rest = text;
	uint32_t domain = 0, bus = 0, device = 0, function = 0;

	if (with_domain)
		rest = read_hex(rest, 1, 8, ':', &domain);
	if (rest)
		rest = read_hex(rest, 1, 2, ':', &bus);
	if (rest)
		rest = read_hex(rest, 1, 2, '.', &device);
	if (rest)
		rest = read_hex(rest, 1, 1, '\0', &function);
	if (!rest || device > 31 || function > 7)
		return not_a_bdf(text);
	*ret_bdf = (struct bdf){ domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return 0;
}

const char *bdf_format(struct bdf bdf, char ret_text[BDF_TEXT_SIZE])
{
	snprintf(ret_text, BDF_TEXT_SIZE, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.device & 31u,
		 bdf.function & 7u);
	return ret_text;
}

bool bdf_equal(struct bdf a, struct bdf b)
{
	return a.domain == b.domain && a.bus == b.bus && a.device == b.device && a.function == b.function;
}
