/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Reads the digits in front; returns what follows them, or NULL with a cause. */
static const char *read_number(const char *text, uint64_t *ret_value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	char *end;

	if (!(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits))) {
		error_set(EINVAL, "'%s' is not a number", text);
		return NULL;
	}
	errno = 0;
	*ret_value = strtoull(digits, &end, hex ? 16 : 10);
	if (errno == ERANGE) {
		error_set(ERANGE, "'%s' is too large", text);
		return NULL;
	}
	return end;
}

int text_to_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	const char *end = read_number(text, &value);

	if (!end)
		return -error_get()->errnum;
	if (*end != '\0')
		return error_set(EINVAL, "'%s' is not a number", text);
	if (value > max)
		return error_set(ERANGE, "%s is too large: at most %" PRIu64, text, max);
	*ret_value = value;
	return 0;
}

int text_to_size(const char *text, uint64_t unit, uint64_t *ret_bytes)
{
	static const char suffixes[] = "KMGT";
	uint64_t value;
	const char *end = read_number(text, &value);

	if (!end)
		return -error_get()->errnum;
	if (*end != '\0') {
		const char *suffix = strchr(suffixes, toupper((unsigned char)*end));

		if (!suffix || end[1] != '\0')
			return error_set(EINVAL, "'%s' is not a size: a number, then K, M, G, T or nothing",
					 text);
		unit = UINT64_C(1) << (10 * (suffix - suffixes + 1));
	}
	if (unit != 0 && value > UINT64_MAX / unit)
		return error_set(ERANGE, "'%s' is too large", text);
	*ret_bytes = value * unit;
	return 0;
}

int text_to_bool(const char *text, bool *ret_value)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "on", true },	    { "off", false }, { "true", true },
		{ "false", false }, { "yes", true },  { "no", false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret_value = words[i].value;
			return 0;
		}
	}
	return error_set(EINVAL, "'%s' is neither on nor off", text);
}

static const char *const size_units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };

/* The largest one that divides bytes. */
static unsigned exact_unit(uint64_t bytes)
{
	unsigned unit = 0;

	while (unit < 4 && bytes != 0 && (bytes >> (10 * unit)) % 1024 == 0)
		unit++;
	return unit;
}

const char *text_size(uint64_t bytes, char *ret_text, size_t size)
{
	unsigned exact = exact_unit(bytes), largest = 0;

	while (largest < 4 && bytes >> (10 * (largest + 1)) != 0)
		largest++;
	/* 5120 MiB reads well as 5 GiB; 1537 KiB would not gain by 1.5 MiB; 1234567 bytes do. */
	if (exact + 1 >= largest)
		snprintf(ret_text, size, "%" PRIu64 " %s", bytes >> (10 * exact), size_units[exact]);
	else
		snprintf(ret_text, size, "%.1f %s", (double)bytes / (double)(UINT64_C(1) << (10 * largest)),
			 size_units[largest]);
	return ret_text;
}

const char *text_size_like(uint64_t bytes, uint64_t other, char *ret_text, size_t size)
{
	unsigned unit = exact_unit(bytes | other);

	snprintf(ret_text, size, "%" PRIu64 " %s", bytes >> (10 * unit), size_units[unit]);
	return ret_text;
}

bool text_copy(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);
	bool fits = length < size;

	if (!fits)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
	return fits;
}

void text_copy_printable(char *to, size_t size, const char *from)
{
	(void)text_copy(to, size, from);
	for (unsigned char *at = (unsigned char *)to; *at; at++) {
		/* U+0080 to U+009F are control characters too: C2 and one byte in UTF-8. */
		if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
		else if (*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}
