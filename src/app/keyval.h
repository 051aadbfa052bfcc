/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_KEYVAL_H
#define HANDFAST_APP_KEYVAL_H

/*
 * `word,key=value,flag` as QEMU and StratoVirt write option arguments. ",," is a comma in a value; a bare
 * word means "on", but the first one may stand for the value of an implied key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYVALS_MAX 32

struct keyval {
	const char *key;
	const char *value;
	bool used;
};

struct keyvals {
	struct keyval items[KEYVALS_MAX];
	size_t count;
	char *storage; /* what keys and values point into */
};

/* One key that an option or device takes: for parsing, for `help`, for the man page. */
struct keyval_key {
	const char *name;
	const char *syntax;  /* "DDDD:BB:DD.F", "on|off" */
	const char *summary; /* for help; NULL where the key is known but not supported */
	const char *refusal; /* why it is not supported, for those */
};

/* implied: the key that a first bare word is the value of, or NULL. Errors: EINVAL. */
int keyvals_parse(const char *text, const char *implied, struct keyvals *ret_keyvals);
void keyvals_free(struct keyvals *keyvals);

/* The value of a key, now used; NULL where absent. */
const char *keyvals_take(struct keyvals *keyvals, const char *key);
bool keyvals_has(const struct keyvals *keyvals, const char *key);

/* The same, read. An absent key leaves the output as it is. Errors name the key. */
int keyvals_take_bool(struct keyvals *keyvals, const char *key, bool *value);
int keyvals_take_u64(struct keyvals *keyvals, const char *key, uint64_t max, uint64_t *value);
int keyvals_take_size(struct keyvals *keyvals, const char *key, uint64_t unit, uint64_t *value);

/* Every key must be in the table, supported, and there once. what: "-device vfio-pci". Errors name the key
 * and, for an unknown one, the keys that exist. */
int keyvals_check(const struct keyvals *keyvals, const char *what, const struct keyval_key *keys,
		  size_t count);

/* Prints the supported keys, one a line. */
void keyvals_print_help(const struct keyval_key *keys, size_t count);

#endif
