/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BASE_ERROR_H
#define HANDFAST_BASE_ERROR_H

/*
 * A failure that a person can act on.
 *
 * Functions that can fail return 0 or a negative errno. The negative errno is made here and nowhere
 * else, and with it a record of three parts, one per thread:
 *
 *     tried    what was tried on which object   "assign 0000:01:00.0"
 *     because  why it cannot be                 "IOMMU group 14 is not viable: ..."
 *     remedy   what to do about it              "handfast bind 0000:01:00.1"
 *
 * A leaf names its object and its operation. A caller adds a part only when it knows something the
 * leaf does not. Nobody both logs and returns an error.
 *
 *     error_set(EBUSY, "IOMMU group %u is not viable: %s is bound to %s", group, bdf, driver);
 *     error_tried("assign %s", bdf);
 *     return error_try("handfast bind %s", bdf);
 */
#include <stddef.h>

struct error {
	int errnum;	    /* positive errno, 0: no error recorded */
	char tried[512];    /* completes "cannot ..."; may be empty */
	char because[3072]; /* lines separated by '\n' */
	char remedy[2048]; /* lines separated by '\n', commands to copy: each whole or not there; may be empty
			    */
	unsigned left_out; /* remedies that there was no room for */
};

/* Room for error_format() of any record. */
#define ERROR_TEXT_SIZE 8192

/* Starts this thread's record anew with its cause. Returns -errnum. errnum must be positive. */
int error_set(int errnum, const char *because, ...) __attribute__((format(printf, 2, 3)));

/* The same, with ": " and strerror(errnum) behind the text. Returns -errnum. */
int error_sys(int errnum, const char *because, ...) __attribute__((format(printf, 2, 3)));

/*
 * Says what was tried. Where a callee has said so already, its words move in front of the cause
 * ("cannot open /dev/vfio/14: Permission denied") and these take their place.
 * Returns the record's negative errno.
 */
int error_tried(const char *what, ...) __attribute__((format(printf, 1, 2)));

/* Adds a line, or several, to what can be done about it; a line that there is no room for is left out, and
 * the record says how many were. Returns the record's negative errno. */
int error_try(const char *remedy, ...) __attribute__((format(printf, 1, 2)));

/* The same, where nobody has said yet what can be done. Returns the record's negative errno. */
int error_try_else(const char *remedy, ...) __attribute__((format(printf, 1, 2)));

/* Where lines were left out: how to see them all. Returns the record's negative errno. */
int error_try_rest(const char *remedy, ...) __attribute__((format(printf, 1, 2)));

/* Adds one line to the cause (a list of culprits, say). Returns the record's negative errno. */
int error_add(const char *because, ...) __attribute__((format(printf, 1, 2)));

/* This thread's record; valid until the next error_ call of this thread. */
const struct error *error_get(void);

/* Takes over a record made elsewhere (by the broker's process, by a worker). Returns -errnum. */
int error_load(const struct error *from);

/*
 * Writes the record as a person reads it, without a trailing newline:
 *
 *     cannot assign 0000:01:00.0
 *       because: ...
 *       try:     ...
 */
void error_format(const struct error *error, char *ret_text, size_t size);

#endif
