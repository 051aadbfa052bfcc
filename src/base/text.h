/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_TEXT_H
#define HANDFAST_BASE_TEXT_H

/* Numbers and strings as people write them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a whole unsigned number, decimal or 0x-hexadecimal, of at most max. No sign, no space, nothing
 * behind it. Returns 0, or -EINVAL/-ERANGE with the cause.
 */
int text_to_u64(const char *text, uint64_t max, uint64_t *ret_value);

/* Reads a size: a number and an optional K, M, G or T (powers of 1024, either case); without one, the
 * number counts unit bytes. Returns 0, or -EINVAL/-ERANGE with the cause. */
int text_to_size(const char *text, uint64_t unit, uint64_t *ret_bytes);

/* Reads on|off|true|false|yes|no. */
int text_to_bool(const char *text, bool *ret_value);

/* Writes bytes as "512 MiB", "5 GiB", "1536 KiB", "17 bytes": the largest unit that divides it, or
 * with one decimal where none above KiB does. Returns ret_text. */
const char *text_size(uint64_t bytes, char *ret_text, size_t size);

/* The same in a unit that divides other, too: for two sizes that are to be compared. */
const char *text_size_like(uint64_t bytes, uint64_t other, char *ret_text, size_t size);

/* Copies what fits, always terminated. Returns false where it had to be cut. */
bool text_copy(char *to, size_t size, const char *from);

/* Copies what fits, each control character as '?': for what others chose (a path, a process's name) and
 * what goes to a terminal. */
void text_copy_printable(char *to, size_t size, const char *from);

#endif
