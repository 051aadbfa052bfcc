/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_QMP_PARSER_PRIV_H
#define HANDFAST_QMP_PARSER_PRIV_H

/*
 * Cuts a stream of bytes into JSON objects, wherever it is split: several in one read, one in several. What
 * is wrong is reported once, and what follows is found again:
 *
 *   - an object with a fault in it is passed over to its end, or up to a line that begins with '{';
 *   - a control character (but tab, carriage return and line feed), a byte 0xf8 to 0xff, and a line's end
 * within a string are an end to everything: what follows is at the outermost level. (So a client that does
 * not know where it stands sends 0xff first, as for QEMU.)
 *   - what is no object is passed over up to the next '{' or '[' that is not in a string, or the line's end.
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "qmp/number-priv.h"
#include "qmp/utf8-priv.h"

#define QMP_REQUEST_SIZE  65536 /* bytes of one request at most */
#define QMP_REQUEST_DEPTH 32	/* brackets within one another */

struct qmp_parser {
	struct json_tokener *tokener;
	struct utf8 utf8;
	enum number number;
	unsigned depth; /* brackets that are open */
	size_t size_most;
	size_t size;	/* of the object so far */
	size_t values;	/* in it so far, about: an empty object takes far more memory than its bytes */
	bool in_string; /* also in what is passed over */
	bool escaped;	/* behind a backslash in a string */
	bool skipping;	/* a fault was reported, up to the end of the object or line */
	char last;	/* byte looked at; 0 before the first */
};

/* What came out of it: a value, which is the caller's, or a complaint, or neither. */
struct qmp_parsed {
	struct json_object *value; /* an object or an array */
	const char *wrong;	   /* static text */
};

/* size_most: bytes that an object may have; it may have a value for each 16 of them. */
int qmp_parser_init(struct qmp_parser *parser, size_t size_most);
void qmp_parser_fini(struct qmp_parser *parser);

/* Takes bytes up to the first thing to tell, or all. Returns how many. */
size_t qmp_parser_feed(struct qmp_parser *parser, const char *data, size_t size,
		       struct qmp_parsed *ret_parsed);

#endif
