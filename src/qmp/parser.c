/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a scanner looks at every byte, but only for brackets, strings and line ends; it knows
 * where an object begins and ends, and how to go on after a fault. What lies in between goes to json-c's
 * tokener in slices, as it comes: nothing is kept twice.
 *
 * Where the stream is split makes no difference to what is reported: a '{' that begins a line within an
 * object goes to the tokener at once, because whether it is right there decides whether it begins a request.
 */
#include "qmp/parser-priv.h"

#include <errno.h>

#include "base/error.h"

/* The parser counts brackets itself; the tokener's own count must not come first. */
#define TOKENER_DEPTH (QMP_REQUEST_DEPTH + 8)

#define BYTES_PER_VALUE 16

enum scan {
	SCAN_NOTHING,
	SCAN_BEGIN, /* this byte begins an object */
	SCAN_DOUBT, /* this byte, '{', begins a line within one */
	SCAN_END,   /* this byte ends it */
	SCAN_WRONG, /* parser->skipping, or back at the outermost level */
};

int qmp_parser_init(struct qmp_parser *parser, size_t size_most)
{
	*parser = (struct qmp_parser){
		.tokener = json_tokener_new_ex(TOKENER_DEPTH),
		.size_most = size_most,
	};
	if (!parser->tokener)
		return error_sys(ENOMEM, "a JSON parser");
	json_tokener_set_flags(parser->tokener, JSON_TOKENER_STRICT);
	return 0;
}

void qmp_parser_fini(struct qmp_parser *parser)
{
	if (parser->tokener)
		json_tokener_free(parser->tokener);
	parser->tokener = NULL;
}

static void start_over(struct qmp_parser *parser)
{
	parser->utf8 = (struct utf8){ 0 };
	parser->number = NUMBER_NONE;
	parser->depth = 0;
	parser->size = 0;
	parser->values = 0;
	parser->in_string = false;
	parser->escaped = false;
	parser->skipping = false;
}

static enum scan begin(struct qmp_parser *parser)
{
	start_over(parser);
	json_tokener_reset(parser->tokener);
	parser->depth = 1;
	parser->size = 1;
	return SCAN_BEGIN;
}

/* Ends the fault that was reported, or says what this one is. */
static enum scan cut_off(struct qmp_parser *parser, const char *why, const char **ret_why)
{
	bool told = parser->skipping;

	start_over(parser);
	if (told)
		return SCAN_NOTHING;
	*ret_why = why;
	return SCAN_WRONG;
}

static enum scan scan_string(struct qmp_parser *parser, char byte, const char **ret_why)
{
	if (byte == '\n')
		return cut_off(parser, "JSON parse error, a line ends within a string", ret_why);
	if (parser->escaped)
		parser->escaped = false;
	else if (byte == '\\')
		parser->escaped = true;
	else if (byte == '"')
		parser->in_string = false;
	return SCAN_NOTHING;
}

/* At the outermost level. */
static enum scan scan_outside(struct qmp_parser *parser, char byte, const char **ret_why)
{
	bool told = parser->skipping;

	if (byte == '{' || byte == '[')
		return begin(parser);
	if (byte == '\n') {
		parser->skipping = false;
		return SCAN_NOTHING;
	}
	if (byte == ' ' || byte == '\t' || byte == '\r')
		return SCAN_NOTHING;
	parser->in_string = byte == '"';
	parser->skipping = true;
	*ret_why = "JSON parse error, a request begins with '{'";
	return told ? SCAN_NOTHING : SCAN_WRONG;
}

static enum scan scan_inside(struct qmp_parser *parser, char byte, bool was_skipping, const char **ret_why)
{
	if (byte == '"') {
		parser->in_string = true;
	} else if (byte == '{' || byte == '[') {
		if (byte == '{' && parser->last == '\n' && was_skipping)
			return begin(parser);
		parser->depth++;
		if (parser->depth > QMP_REQUEST_DEPTH && !parser->skipping) {
			parser->skipping = true;
			*ret_why = "JSON nesting depth limit exceeded";
			return SCAN_WRONG;
		}
		if (byte == '{' && parser->last == '\n')
			return SCAN_DOUBT;
	} else if (byte == '}' || byte == ']') {
		if (--parser->depth > 0)
			return SCAN_NOTHING;
		if (!parser->skipping)
			return SCAN_END;
		start_over(parser);
	}
	return SCAN_NOTHING;
}

static bool is_interrupt(uint8_t byte)
{
	return (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte >= 0xf8;
}

/* What the tokener would let pass, or not in every split alike. */
static const char *find_fault(struct qmp_parser *parser, char byte)
{
	if (!utf8_step(&parser->utf8, (uint8_t)byte))
		return "JSON parse error, invalid UTF-8 sequence";
	if (++parser->size > parser->size_most)
		return "JSON token size limit exceeded";
	if (parser->in_string)
		return NULL;
	if (byte == '\'')
		return "JSON parse error, strings stand in double quotes";
	/* NaN and Infinity, which are json-c's, but not JSON's. */
	if (byte >= 'A' && byte <= 'Z' && byte != 'E')
		return "JSON parse error, invalid keyword";
	if ((byte == ',' || byte == '{' || byte == '[') &&
	    ++parser->values > parser->size_most / BYTES_PER_VALUE)
		return "JSON token count limit exceeded";
	parser->number = number_step(parser->number, byte);
	if (parser->number == NUMBER_BAD)
		return "JSON parse error, invalid number";
	return NULL;
}

/* What a byte means. Faults that pass over the rest of an object say so before the byte is looked at, so that
 * it still counts as the bracket or quotation mark that it is. */
static enum scan scan(struct qmp_parser *parser, char byte, const char **ret_why)
{
	bool was_skipping = parser->skipping;
	const char *fault = NULL;
	enum scan result;

	if (is_interrupt((uint8_t)byte)) {
		start_over(parser);
		*ret_why = "JSON parse error, stray control character";
		return SCAN_WRONG;
	}
	if (parser->depth > 0 && !parser->skipping) {
		fault = find_fault(parser, byte);
		parser->skipping = fault != NULL;
	}
	if (parser->in_string)
		result = scan_string(parser, byte, ret_why);
	else if (parser->depth > 0)
		result = scan_inside(parser, byte, was_skipping, ret_why);
	else
		result = scan_outside(parser, byte, ret_why);
	if (fault) {
		*ret_why = fault;
		return SCAN_WRONG;
	}
	return result;
}

static const char *complaint(enum json_tokener_error error)
{
	static const struct {
		enum json_tokener_error error;
		const char *text;
	} texts[] = {
		{ json_tokener_error_parse_object_key_name, "JSON parse error, invalid member name" },
		{ json_tokener_error_parse_object_key_sep, "JSON parse error, missing : in object pair" },
		{ json_tokener_error_parse_object_value_sep,
		  "JSON parse error, expected separator in object" },
		{ json_tokener_error_parse_array, "JSON parse error, expected separator in list" },
		{ json_tokener_error_parse_string, "JSON parse error, invalid escape sequence in string" },
		{ json_tokener_error_parse_number, "JSON parse error, invalid number" },
		{ json_tokener_error_parse_null, "JSON parse error, invalid keyword" },
		{ json_tokener_error_parse_boolean, "JSON parse error, invalid keyword" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error)
			return texts[i].text;
	}
	return "JSON parse error, expecting value";
}

/* Hands a slice of the object to the tokener. Returns NULL, or what it has to complain about. ret_value: NULL
 * where the object cannot be complete yet. */
static const char *tokenise(struct qmp_parser *parser, const char *slice, size_t size,
			    struct json_object **ret_value)
{
	enum json_tokener_error error;
	struct json_object *value;

	if (size == 0)
		return NULL;
	value = json_tokener_parse_ex(parser->tokener, slice, (int)size);
	error = json_tokener_get_error(parser->tokener);
	if (error == json_tokener_continue)
		return NULL;
	if (error == json_tokener_success && ret_value) {
		*ret_value = value;
		return NULL;
	}
	json_object_put(value);
	return complaint(error);
}

/* The object is complete. */
static void finish(struct qmp_parser *parser, const char *slice, size_t size, struct qmp_parsed *ret_parsed)
{
	ret_parsed->wrong = tokenise(parser, slice, size, &ret_parsed->value);
	if (!ret_parsed->wrong && !ret_parsed->value)
		ret_parsed->wrong = "JSON parse error, invalid object";
	start_over(parser);
}

size_t qmp_parser_feed(struct qmp_parser *parser, const char *data, size_t size,
		       struct qmp_parsed *ret_parsed)
{
	size_t start = 0; /* of what the tokener has not seen, in an object */

	*ret_parsed = (struct qmp_parsed){ 0 };
	for (size_t i = 0; i < size; i++) {
		bool open = parser->depth > 0 && !parser->skipping;
		const char *why = NULL, *earlier;
		enum scan result = scan(parser, data[i], &why);

		parser->last = data[i];
		switch (result) {
		case SCAN_NOTHING:
			break;
		case SCAN_BEGIN:
			start = i;
			break;
		case SCAN_DOUBT:
			ret_parsed->wrong = tokenise(parser, data + start, i + 1 - start, NULL);
			start = i + 1;
			if (!ret_parsed->wrong)
				break;
			start_over(parser); /* and it is looked at again, as the first of a request */
			return i;
		case SCAN_END:
			finish(parser, data + start, i + 1 - start, ret_parsed);
			return i + 1;
		case SCAN_WRONG:
			/* What the tokener would have said before comes first, wherever the data are split.
			 */
			earlier = open ? tokenise(parser, data + start, i - start, NULL) : NULL;
			ret_parsed->wrong = earlier ? earlier : why;
			return earlier && is_interrupt((uint8_t)data[i]) ? i : i + 1;
		}
	}
	if (parser->depth > 0 && !parser->skipping)
		ret_parsed->wrong = tokenise(parser, data + start, size - start, NULL);
	parser->skipping |= ret_parsed->wrong != NULL;
	return size;
}
