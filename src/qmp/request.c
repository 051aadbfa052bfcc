/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/request-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "qmp/dispatch-priv.h"

#define WORDS_MAX 64

static enum qmp_type find_type(const struct qmp_command *command, const char *key)
{
	for (size_t i = 0; command && i < command->argument_count; i++) {
		const char *name = command->arguments[i].name;

		if (name && strcmp(name, key) == 0)
			return command->arguments[i].type;
	}
	return QMP_TYPE_STRING;
}

static struct json_object *read_value(enum qmp_type type, const char *text)
{
	if (type == QMP_TYPE_STRING)
		return qmp_string(text);
	if (type == QMP_TYPE_BOOL && strcmp(text, "on") == 0)
		return json_object_new_boolean(true);
	if (type == QMP_TYPE_BOOL && strcmp(text, "off") == 0)
		return json_object_new_boolean(false);
	return json_tokener_parse(text);
}

static int add_argument(const struct qmp_command *command, const char *word, struct json_object *arguments)
{
	const char *equals = strchr(word, '=');
	struct json_object *value;
	char *key;

	if (!equals || equals == word) {
		error_set(EINVAL, "'%s' is no KEY=VALUE", word);
		return error_try("handfast qmp --commands    (says which keys there are)");
	}
	key = strndup(word, (size_t)(equals - word));
	if (!key)
		return error_sys(ENOMEM, "words");
	value = read_value(find_type(command, key), equals + 1);
	if (value)
		json_object_object_add(arguments, key, value);
	else
		error_set(EINVAL, "the value of '%s' is not of its type", key);
	free(key);
	return value ? 0 : -EINVAL;
}

int request_from_words(const struct qmp_table *table, char *const *words, size_t count,
		       struct json_object **ret_request)
{
	struct json_object *request = json_object_new_object(), *arguments = json_object_new_object();
	bool builtin;
	const struct qmp_command *command = qmp_command_find(table, words[0], &builtin);

	json_object_object_add(request, "execute", qmp_string(words[0]));
	if (count > 1)
		json_object_object_add(request, "arguments", json_object_get(arguments));
	for (size_t i = 1; i < count; i++) {
		int error = add_argument(command, words[i], arguments);

		if (error < 0) {
			json_object_put(arguments);
			json_object_put(request);
			return error;
		}
	}
	json_object_put(arguments);
	*ret_request = request;
	return 0;
}

/* Cuts the next word off, without its quotation marks. Returns NULL at the line's end. */
static char *next_word(char **line)
{
	char *from = *line + strspn(*line, " \t\r"), *to = from, *word = from;
	bool quoted = false;

	if (*from == '\0')
		return NULL;
	for (; *from && (quoted || !strchr(" \t\r", *from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*line = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

int request_from_line(const struct qmp_table *table, char *line, struct json_object **ret_request)
{
	char *words[WORDS_MAX];
	size_t count = 0;

	*ret_request = NULL;
	line += strspn(line, " \t\r");
	if (*line == '{') {
		*ret_request = json_tokener_parse(line);
		return *ret_request ? 0 : error_set(EINVAL, "'%s' is not JSON", line);
	}
	while (count < WORDS_MAX && (words[count] = next_word(&line)))
		count++;
	if (count == WORDS_MAX)
		return error_set(EINVAL, "a line has more than %d words", WORDS_MAX - 1);
	return count ? request_from_words(table, words, count, ret_request) : 0;
}

static int send_line(struct request_lines *lines, char *line, const struct qmp_table *table,
		     struct qmp_peer *peer)
{
	struct json_object *request;
	int error;

	if (request_from_line(table, line, &request) < 0) {
		log_failure(error_get());
		lines->failed = true;
		return 0;
	}
	if (!request)
		return 0;
	error = qmp_peer_send(peer, request);
	json_object_put(request);
	return error < 0 ? error : 1;
}

int request_lines_read(struct request_lines *lines, const struct qmp_table *table, struct qmp_peer *peer)
{
	char *line, *end, *text = realloc(lines->text, lines->size + 4096 + 2);
	int sent = 0;
	ssize_t size;

	if (!text)
		return error_sys(ENOMEM, "lines");
	lines->text = text;
	size = read(STDIN_FILENO, text + lines->size, 4096);
	if (size < 0)
		return errno == EINTR ? 0 : error_sys(errno, "standard input");
	lines->ended = size == 0;
	lines->size += (size_t)size;
	if (lines->ended && lines->size > 0)
		text[lines->size++] = '\n'; /* a last line without its end */
	text[lines->size] = '\0';
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		int result;

		*end = '\0';
		result = send_line(lines, line, table, peer);
		if (result < 0)
			return result;
		sent += result;
	}
	lines->size = strlen(line);
	memmove(text, line, lines->size + 1);
	return sent;
}
