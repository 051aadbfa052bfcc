/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/utf8-priv.h"

#include <stdlib.h>
#include <string.h>

#include "qmp/qmp.h"

static bool begin(struct utf8 *utf8, uint8_t left, uint8_t low, uint8_t high)
{
	*utf8 = (struct utf8){ left, low, high };
	return true;
}

bool utf8_step(struct utf8 *utf8, uint8_t byte)
{
	if (utf8->left) {
		bool good = byte >= utf8->low && byte <= utf8->high;

		*utf8 = (struct utf8){ good ? (uint8_t)(utf8->left - 1) : 0, 0x80, 0xbf };
		return good;
	}
	if (byte < 0x80)
		return true;
	if (byte >= 0xc2 && byte <= 0xdf)
		return begin(utf8, 1, 0x80, 0xbf);
	if ((byte & 0xf0) == 0xe0) /* e0: nothing overlong; ed: no surrogates */
		return begin(utf8, 2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf);
	if (byte >= 0xf0 && byte <= 0xf4) /* nothing overlong, nothing above U+10FFFF */
		return begin(utf8, 3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf);
	return false;
}

/* The length of the character at text, 0 where there is none. */
static size_t character(const char *text)
{
	struct utf8 utf8 = { 0 };

	for (size_t i = 0; utf8_step(&utf8, (uint8_t)text[i]); i++) {
		if (utf8.left == 0)
			return i + 1;
	}
	return 0;
}

struct json_object *qmp_string(const char *text)
{
	char *clean = strdup(text);
	struct json_object *string;
	size_t at = 0;

	if (!clean)
		return json_object_new_string("");
	while (clean[at]) {
		size_t length = character(clean + at);

		if (length == 0)
			clean[at] = '?';
		at += length ? length : 1;
	}
	string = json_object_new_string(clean);
	free(clean);
	return string;
}
