/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/host_id.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

struct host_id host_id_of(struct bdf bdf)
{
	return (struct host_id){ .bdf = bdf };
}

bool host_id_is_mediated(const struct host_id *id)
{
	return id->uuid[0] != '\0';
}

bool host_id_equal(const struct host_id *a, const struct host_id *b)
{
	if (host_id_is_mediated(a) || host_id_is_mediated(b))
		return strcmp(a->uuid, b->uuid) == 0;
	return bdf_equal(a->bdf, b->bdf);
}

const char *host_id_format(const struct host_id *id, char ret_text[HOST_ID_TEXT_SIZE])
{
	if (!host_id_is_mediated(id))
		return bdf_format(id->bdf, ret_text);
	(void)text_copy(ret_text, HOST_ID_TEXT_SIZE, id->uuid);
	return ret_text;
}

bool uuid_valid(const char *text)
{
	for (unsigned i = 0; i < UUID_TEXT_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return text[UUID_TEXT_SIZE - 1] == '\0';
}
