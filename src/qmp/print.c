/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/print-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

void print_object(struct json_object *object, int form)
{
	puts(json_object_to_json_string_ext(object, form));
}

void print_command(const struct qmp_command *command)
{
	static const char *const types[] = {
		[QMP_TYPE_STRING] = "string",
		[QMP_TYPE_INT] = "integer",
		[QMP_TYPE_BOOL] = "boolean",
		[QMP_TYPE_ARRAY] = "array",
	};

	printf("%-20s %s\n", command->name, command->summary);
	for (size_t i = 0; i < command->argument_count; i++) {
		const struct qmp_argument *argument = &command->arguments[i];

		if (argument->name)
			printf("  %s (%s%s)\n", argument->name, types[argument->type],
			       argument->optional ? ", optional" : "");
		else
			puts("  and the properties of what it is about");
	}
}

void print_commands(const struct qmp_table *table)
{
	puts("commands:");
	for (size_t i = 0; i < qmp_builtin_command_count; i++)
		print_command(&qmp_builtin_commands[i]);
	for (size_t i = 0; i < table->command_count; i++)
		print_command(&table->commands[i]);
	puts("\nevents:");
	for (size_t i = 0; i < table->event_count; i++)
		printf("%-20s %s\n", table->events[i].name, table->events[i].summary);
}

bool print_is_event(struct json_object *object, const char *name)
{
	struct json_object *event;

	return json_object_object_get_ex(object, "event", &event) &&
	       (!name || strcmp(json_object_get_string(event), name) == 0);
}

int print_answer(struct json_object *answer, int form)
{
	struct json_object *part, *text, *class;

	if (json_object_object_get_ex(answer, "return", &part)) {
		print_object(part, form);
		return EXIT_SUCCESS;
	}
	if (json_object_object_get_ex(answer, "error", &part) &&
	    json_object_object_get_ex(part, "desc", &text) &&
	    json_object_object_get_ex(part, "class", &class))
		error_set(EPROTO, "%s: %s", json_object_get_string(class), json_object_get_string(text));
	else
		error_set(EPROTO, "what it says is not QMP: %s",
			  json_object_to_json_string_ext(answer, PRINT_AS_LINE));
	log_failure(error_get());
	return EXIT_FAILURE;
}
