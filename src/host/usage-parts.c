/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of usage.c share: texts that uses are told in, arrays that grow, the list of uses. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/usage-parts-priv.h"

void usage_print(char *ret_text, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_text, size, format, args);
	va_end(args);
}

void usage_cure(struct use *use, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(use->cure, sizeof(use->cure), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(use->cure))
		use->cure[0] = '\0';
}

void usage_append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

const char *usage_quote(const char *word, char *ret_word, size_t size)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
	size_t used = 0;

	if (word[0] && word[strspn(word, plain)] == '\0') {
		(void)text_copy(ret_word, size, word);
		return ret_word;
	}
	ret_word[used++] = '\'';
	for (; *word && used + 6 < size; word++) {
		const char *piece = *word == '\'' ? "'\\''" : (const char[]){ *word, '\0' };

		used += (size_t)snprintf(ret_word + used, size - used, "%s", piece);
	}
	(void)text_copy(ret_word + used, size - used, "'");
	return ret_word;
}

bool usage_is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

void *usage_grow(struct usage *usage, void *array_address, size_t *count, size_t size)
{
	void **array = array_address;
	char *more = realloc(*array, (*count + 1) * size);

	if (!more) {
		usage->short_of_memory = true;
		return NULL;
	}
	*array = more;
	memset(more + *count * size, 0, size);
	return more + (*count)++ * size;
}

struct use *usage_add(struct usage_collection *uses, enum use_kind kind, bool vital)
{
	struct use *use;

	if (uses->count == uses->room)
		return NULL;
	use = &uses->list[uses->count++];
	*use = (struct use){ .kind = kind, .vital = vital };
	return use;
}
