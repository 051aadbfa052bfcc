/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/keyval.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Cuts the element that starts at text out of the list in place; returns the start of the next, or NULL. */
static char *cut_element(char *text)
{
	char *to = text;

	for (char *from = text;; from++) {
		if (*from == '\0') {
			*to = '\0';
			return NULL;
		}
		if (*from == ',' && from[1] != ',') {
			*to = '\0';
			return from + 1;
		}
		if (*from == ',')
			from++;
		*to++ = *from;
	}
}

int keyvals_parse(const char *text, const char *implied, struct keyvals *ret_keyvals)
{
	struct keyvals keyvals = { .storage = strdup(text) };
	char *next = keyvals.storage;

	if (!keyvals.storage)
		return error_sys(ENOMEM, "options");
	for (bool first = true; next; first = false) {
		char *element = next;
		struct keyval *item = &keyvals.items[keyvals.count];
		char *equals;

		next = cut_element(element);
		if (*element == '\0') {
			error_set(EINVAL, "'%s' has an empty element", text);
			keyvals_free(&keyvals);
			return error_try("remove the comma that separates nothing (a comma inside a value is "
					 "written ,,)");
		}
		if (keyvals.count == KEYVALS_MAX) {
			keyvals_free(&keyvals);
			return error_set(EINVAL, "'%s' has more than %d elements", text, KEYVALS_MAX);
		}
		equals = strchr(element, '=');
		if (equals) {
			*equals = '\0';
			*item = (struct keyval){ element, equals + 1, false };
		} else if (first && implied) {
			*item = (struct keyval){ implied, element, false };
		} else {
			*item = (struct keyval){ element, "on", false };
		}
		keyvals.count++;
	}
	*ret_keyvals = keyvals;
	return 0;
}

void keyvals_free(struct keyvals *keyvals)
{
	free(keyvals->storage);
	*keyvals = (struct keyvals){ 0 };
}

static struct keyval *find(const struct keyvals *keyvals, const char *key)
{
	for (size_t i = 0; i < keyvals->count; i++) {
		if (strcmp(keyvals->items[i].key, key) == 0)
			return (struct keyval *)&keyvals->items[i];
	}
	return NULL;
}

bool keyvals_has(const struct keyvals *keyvals, const char *key)
{
	return find(keyvals, key) != NULL;
}

const char *keyvals_take(struct keyvals *keyvals, const char *key)
{
	struct keyval *item = find(keyvals, key);

	if (!item)
		return NULL;
	item->used = true;
	return item->value;
}

static int about_key(int error, const char *key)
{
	return error < 0 ? error_tried("use %s=", key) : 0;
}

int keyvals_take_bool(struct keyvals *keyvals, const char *key, bool *value)
{
	const char *text = keyvals_take(keyvals, key);

	return text ? about_key(text_to_bool(text, value), key) : 0;
}

int keyvals_take_u64(struct keyvals *keyvals, const char *key, uint64_t max, uint64_t *value)
{
	const char *text = keyvals_take(keyvals, key);

	return text ? about_key(text_to_u64(text, max, value), key) : 0;
}

int keyvals_take_size(struct keyvals *keyvals, const char *key, uint64_t unit, uint64_t *value)
{
	const char *text = keyvals_take(keyvals, key);

	return text ? about_key(text_to_size(text, unit, value), key) : 0;
}

static int refuse_unknown(const char *what, const char *key, const struct keyval_key *keys, size_t count)
{
	char known[512] = "";

	for (size_t i = 0; i < count; i++) {
		if (!keys[i].summary)
			continue;
		if (known[0] != '\0')
			strncat(known, ", ", sizeof(known) - strlen(known) - 1);
		strncat(known, keys[i].name, sizeof(known) - strlen(known) - 1);
	}
	error_set(EINVAL, "%s has no key '%s'", what, key);
	return error_try("one of its keys: %s", known);
}

int keyvals_check(const struct keyvals *keyvals, const char *what, const struct keyval_key *keys,
		  size_t count)
{
	for (size_t i = 0; i < keyvals->count; i++) {
		const char *key = keyvals->items[i].key;
		size_t k = 0;

		while (k < count && strcmp(keys[k].name, key) != 0)
			k++;
		if (k == count)
			return refuse_unknown(what, key, keys, count);
		if (!keys[k].summary) {
			error_set(ENOTSUP, "%s: handfast does not support '%s' yet: %s", what, key,
				  keys[k].refusal);
			return error_try("leave %s= out", key);
		}
		if (find(keyvals, key) != &keyvals->items[i]) {
			error_set(EINVAL, "%s has the key '%s' twice", what, key);
			return error_try("leave one %s= out", key);
		}
	}
	return 0;
}

void keyvals_print_help(const struct keyval_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char left[64];

		if (!keys[i].summary)
			continue;
		snprintf(left, sizeof(left), "%s=%s", keys[i].name, keys[i].syntax);
		printf("  %-28s %s\n", left, keys[i].summary);
	}
}
