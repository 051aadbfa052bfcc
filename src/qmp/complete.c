/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/complete-priv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "qmp/dispatch-priv.h"

#define BLANKS " \t\r"

/* The line up to the cursor, as far as it is of interest. */
struct place {
	const char *line;
	const char *command; /* the first word */
	size_t command_size;
	const char *word; /* the one that the cursor is at the end of */
	size_t word_size;
	size_t words; /* before it */
};

/* Returns false where there is nothing to complete: in JSON, and with quotation marks. */
static bool find_place(const char *line, size_t cursor, struct place *ret_place)
{
	struct place place = { .line = line };
	size_t at = strspn(line, BLANKS);

	if (line[at] == '{')
		return false;
	if (cursor > strlen(line))
		cursor = strlen(line);
	for (;;) {
		size_t size;

		at += strspn(line + at, BLANKS);
		if (at > cursor)
			at = cursor;
		size = strcspn(line + at, BLANKS);
		if (size > cursor - at)
			size = cursor - at;
		if (memchr(line + at, '"', size))
			return false;
		place.word = line + at;
		place.word_size = size;
		if (at + size == cursor)
			break;
		if (place.words++ == 0) {
			place.command = place.word;
			place.command_size = size;
		}
		at += size;
	}
	*ret_place = place;
	return true;
}

/* Takes a word where the line's begins it. ending: what belongs to it behind its name. */
static int add(struct completion *completion, const struct place *place, const char *before, const char *name,
	       const char *ending)
{
	char *word, **words;

	if (!name)
		return 0;
	if (asprintf(&word, "%s%s%s", before, name, ending) < 0)
		return error_sys(ENOMEM, "words");
	if (strncmp(word, place->word, place->word_size) != 0) {
		free(word);
		return 0;
	}
	words = realloc(completion->words, (completion->count + 1) * sizeof(*words));
	if (!words) {
		free(word);
		return error_sys(ENOMEM, "words");
	}
	completion->words = words;
	words[completion->count++] = word;
	return 0;
}

/* names: an array of strings, or NULL. */
static int add_names(struct completion *completion, const struct place *place, const char *before,
		     struct json_object *names, const char *ending)
{
	size_t count = names ? json_object_array_length(names) : 0;
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++)
		error = add(completion, place, before,
			    json_object_get_string(json_object_array_get_idx(names, i)), ending);
	return error;
}

static int add_commands(struct completion *completion, const struct place *place,
			const struct qmp_table *table, struct json_object *names)
{
	int error = 0;

	if (names)
		return add_names(completion, place, "", names, "");
	for (size_t i = 0; i < qmp_builtin_command_count && error == 0; i++)
		error = add(completion, place, "", qmp_builtin_commands[i].name, "");
	for (size_t i = 0; i < table->command_count && error == 0; i++)
		error = add(completion, place, "", table->commands[i].name, "");
	return error;
}

static int add_keys(struct completion *completion, const struct place *place,
		    const struct qmp_command *command, const struct complete_names *names)
{
	int error = 0;

	for (size_t i = 0; i < command->argument_count && error == 0; i++) {
		if (command->arguments[i].name)
			error = add(completion, place, "", command->arguments[i].name, "=");
		else
			error = add_names(completion, place, "", names->properties, "=");
	}
	return error;
}

/* Values of a boolean, and of device_del's id=. */
static int add_values(struct completion *completion, const struct place *place,
		      const struct qmp_command *command, const struct complete_names *names)
{
	size_t key_size = (size_t)((char *)memchr(place->word, '=', place->word_size) - place->word);

	for (size_t i = 0; i < command->argument_count; i++) {
		const struct qmp_argument *argument = &command->arguments[i];
		int error;

		if (!argument->name || argument->type != QMP_TYPE_BOOL ||
		    strlen(argument->name) != key_size || strncmp(argument->name, place->word, key_size) != 0)
			continue;
		error = add(completion, place, argument->name, "=on", "");
		return error < 0 ? error : add(completion, place, argument->name, "=off", "");
	}
	if (strcmp(command->name, "device_del") == 0)
		return add_names(completion, place, "id=", names->ids, "");
	return 0;
}

static int add_arguments(struct completion *completion, const struct place *place,
			 const struct qmp_table *table, const struct complete_names *names)
{
	char *name = strndup(place->command, place->command_size);
	const struct qmp_command *command;
	bool builtin;

	if (!name)
		return error_sys(ENOMEM, "words");
	command = qmp_command_find(table, name, &builtin);
	free(name);
	if (!command)
		return 0;
	if (memchr(place->word, '=', place->word_size))
		return add_values(completion, place, command, names);
	completion->end = "";
	return add_keys(completion, place, command, names);
}

static int fill(struct completion *completion, const struct place *place, const struct qmp_table *table,
		const struct complete_names *names)
{
	bool help = place->command_size == 4 && strncmp(place->command, "help", 4) == 0;
	int error;

	if (place->words > 0 && !help)
		return add_arguments(completion, place, table, names);
	if (place->words > 1)
		return 0;
	error = add_commands(completion, place, table, names->commands);
	if (error == 0 && place->words == 0)
		error = add(completion, place, "", "help", "");
	return error;
}

/* Whether "KEY=" stands on the line before the cursor's word. */
static bool is_given(const struct place *place, const char *key)
{
	size_t size = strlen(key);

	if (key[size - 1] != '=')
		return false;
	for (const char *at = place->line; (at = strstr(at, key)) && at < place->word; at++) {
		if (at > place->line && strchr(BLANKS, at[-1]))
			return true;
	}
	return false;
}

static int compare(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* In order, each once, no key a second time. */
static void tidy(struct completion *completion, const struct place *place)
{
	size_t kept = 0;

	if (completion->count > 0)
		qsort(completion->words, completion->count, sizeof(*completion->words), compare);
	for (size_t i = 0; i < completion->count; i++) {
		char *word = completion->words[i];

		if ((kept > 0 && strcmp(completion->words[kept - 1], word) == 0) || is_given(place, word))
			free(word);
		else
			completion->words[kept++] = word;
	}
	completion->count = kept;
}

static size_t common_size(const struct completion *completion)
{
	size_t size = completion->count ? strlen(completion->words[0]) : 0;

	for (size_t i = 1; i < completion->count; i++) {
		size_t same = 0;

		while (same < size && completion->words[i][same] == completion->words[0][same])
			same++;
		size = same;
	}
	return size;
}

int complete_line(const struct qmp_table *table, const struct complete_names *names, const char *line,
		  size_t cursor, struct completion *ret_completion)
{
	static const struct complete_names none;
	struct completion completion = { .end = " " };
	struct place place;
	int error;

	*ret_completion = completion;
	if (!find_place(line, cursor, &place))
		return 0;
	error = fill(&completion, &place, table, names ? names : &none);
	if (error < 0) {
		complete_fini(&completion);
		return error;
	}
	tidy(&completion, &place);
	completion.typed = completion.count ? place.word_size : 0;
	completion.common = common_size(&completion);
	*ret_completion = completion;
	return 0;
}

void complete_fini(struct completion *completion)
{
	for (size_t i = 0; i < completion->count; i++)
		free(completion->words[i]);
	free(completion->words);
	*completion = (struct completion){ .end = "" };
}
