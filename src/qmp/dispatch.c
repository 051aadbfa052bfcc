/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/dispatch-priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

static const char *const class_names[] = {
	[QMP_GENERIC_ERROR] = "GenericError",	   [QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
	[QMP_DEVICE_NOT_FOUND] = "DeviceNotFound", [QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
	[QMP_KVM_MISSING_CAP] = "KVMMissingCap",
};

static const struct {
	enum json_type json;
	const char *name;
} types[] = {
	[QMP_TYPE_STRING] = { json_type_string, "string" },
	[QMP_TYPE_INT] = { json_type_int, "integer" },
	[QMP_TYPE_BOOL] = { json_type_boolean, "boolean" },
	[QMP_TYPE_ARRAY] = { json_type_array, "array" },
};

struct json_object *qmp_error(enum qmp_error_class error_class, const char *description)
{
	struct json_object *answer = json_object_new_object();
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "class", json_object_new_string(class_names[error_class]));
	json_object_object_add(error, "desc", qmp_string(description));
	json_object_object_add(answer, "error", error);
	return answer;
}

const struct qmp_command *qmp_command_find(const struct qmp_table *table, const char *name, bool *ret_builtin)
{
	for (size_t i = 0; i < qmp_builtin_command_count; i++) {
		if (strcmp(qmp_builtin_commands[i].name, name) == 0) {
			*ret_builtin = true;
			return &qmp_builtin_commands[i];
		}
	}
	*ret_builtin = false;
	for (size_t i = 0; i < table->command_count; i++) {
		if (strcmp(table->commands[i].name, name) == 0)
			return &table->commands[i];
	}
	return NULL;
}

/* A text that is cut where C's would be. */
static bool has_zero(struct json_object *string)
{
	return strlen(json_object_get_string(string)) != (size_t)json_object_get_string_len(string);
}

/* What a request consists of. */
struct request {
	const char *key; /* "execute" or "exec-oob" */
	struct json_object *name;
	struct json_object *arguments; /* NULL: none */
	bool oob;
};

static int take_name(struct request *request, const char *key, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_string) || has_zero(value))
		return error_set(EINVAL, "QMP input member '%s' must be a string", key);
	if (request->name)
		return error_set(EINVAL, "QMP input member '%s' clashes with '%s'", key, request->key);
	request->key = key;
	request->name = value;
	request->oob = strcmp(key, "exec-oob") == 0;
	return 0;
}

/* exec-oob is unknown to a session that has not enabled it. */
static int read_request(const struct qmp_session *session, struct json_object *object,
			struct request *ret_request)
{
	struct request request = { 0 };

	if (!json_object_is_type(object, json_type_object))
		return error_set(EINVAL, "QMP input must be a JSON object");
	json_object_object_foreach(object, key, value)
	{
		int error = 0;

		if (strcmp(key, "execute") == 0 || (strcmp(key, "exec-oob") == 0 && session->oob)) {
			error = take_name(&request, key, value);
		} else if (strcmp(key, "arguments") == 0) {
			if (!json_object_is_type(value, json_type_object))
				error = error_set(EINVAL, "QMP input member 'arguments' must be an object");
			request.arguments = value;
		} else if (strcmp(key, "id") != 0) {
			error = error_set(EINVAL, "QMP input member '%s' is unexpected", key);
		}
		if (error < 0)
			return error;
	}
	if (!request.name)
		return error_set(EINVAL, "QMP input lacks member 'execute'");
	*ret_request = request;
	return 0;
}

static int check_argument(const struct qmp_argument *argument, struct json_object *arguments)
{
	struct json_object *value;

	if (!argument->name)
		return 0;
	if (!json_object_object_get_ex(arguments, argument->name, &value))
		return argument->optional ? 0
					  : error_set(EINVAL, "Parameter '%s' is missing", argument->name);
	if (!json_object_is_type(value, types[argument->type].json))
		return error_set(EINVAL, "Invalid parameter type for '%s', expected: %s", argument->name,
				 types[argument->type].name);
	if (argument->type == QMP_TYPE_STRING && has_zero(value))
		return error_set(EINVAL, "Parameter '%s' has a NUL character in it", argument->name);
	return 0;
}

static bool is_called(const struct qmp_argument *argument, const char *key)
{
	return !argument->name || strcmp(argument->name, key) == 0;
}

static int check_arguments(const struct qmp_command *command, struct json_object *arguments)
{
	for (size_t i = 0; i < command->argument_count; i++) {
		int error = check_argument(&command->arguments[i], arguments);

		if (error < 0)
			return error;
	}
	json_object_object_foreach(arguments, key, value)
	{
		size_t i = 0;

		(void)value;
		while (i < command->argument_count && !is_called(&command->arguments[i], key))
			i++;
		if (i == command->argument_count)
			return error_set(EINVAL, "Parameter '%s' is unexpected", key);
	}
	return 0;
}

static int run(struct qmp_session *session, const struct request *request, struct qmp_answer *answer)
{
	const char *name = json_object_get_string(request->name);
	bool builtin;
	const struct qmp_command *command = qmp_command_find(session->table, name, &builtin);
	struct json_object *none, *arguments = request->arguments;
	int error;

	if (!command) {
		answer->error_class = QMP_COMMAND_NOT_FOUND;
		return error_set(ENOENT, "The command %s has not been found", name);
	}
	if (request->oob && !command->oob)
		return error_set(EINVAL, "The command %s does not support OOB", name);
	none = json_object_new_object();
	if (!arguments)
		arguments = none;
	error = check_arguments(command, arguments);
	if (error == 0) {
		error = command->run(builtin ? session : session->opaque, arguments, answer);
		check(error <= 0 || (error == QMP_LATER && !command->oob));
	}
	json_object_put(none);
	return error;
}

/* The cause alone where that is all, as for QEMU's own texts; else with what was tried and what to do. */
static struct json_object *failure(enum qmp_error_class error_class, const struct error *why)
{
	char text[ERROR_TEXT_SIZE];

	error_format(why, text, sizeof(text));
	return qmp_error(error_class, text);
}

static struct json_object *success(struct json_object *value)
{
	struct json_object *reply = json_object_new_object();

	json_object_object_add(reply, "return", value ? value : json_object_new_object());
	return reply;
}

static void echo_id(struct json_object *request, struct json_object *reply)
{
	struct json_object *id;

	if (json_object_is_type(request, json_type_object) && json_object_object_get_ex(request, "id", &id))
		json_object_object_add(reply, "id", json_object_get(id));
}

bool qmp_is_oob(const struct qmp_session *session, struct json_object *request)
{
	return session->oob && json_object_is_type(request, json_type_object) &&
	       json_object_object_get_ex(request, "exec-oob", NULL) &&
	       !json_object_object_get_ex(request, "execute", NULL);
}

bool qmp_is_getfd(struct json_object *request)
{
	struct json_object *name;

	return json_object_is_type(request, json_type_object) &&
	       json_object_object_get_ex(request, "execute", &name) &&
	       json_object_is_type(name, json_type_string) &&
	       strcmp(json_object_get_string(name), "getfd") == 0;
}

struct json_object *qmp_reply(struct json_object *request, struct json_object *value, const struct error *why)
{
	struct json_object *reply = why ? failure(QMP_GENERIC_ERROR, why) : success(value);

	if (why)
		json_object_put(value);
	echo_id(request, reply);
	return reply;
}

struct json_object *qmp_dispatch(struct qmp_session *session, struct json_object *object, uint64_t ticket)
{
	struct qmp_answer answer = { .ticket = ticket };
	struct json_object *reply;
	struct request request = { 0 };
	int result = read_request(session, object, &request);

	if (result == 0)
		result = run(session, &request, &answer);
	if (result == 0) {
		reply = success(answer.value);
	} else {
		json_object_put(answer.value);
		if (result == QMP_LATER)
			return NULL;
		reply = failure(answer.error_class, error_get());
	}
	echo_id(object, reply);
	return reply;
}
