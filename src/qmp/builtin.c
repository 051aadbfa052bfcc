/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that concern the protocol itself. Their opaque is the session. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "qmp/dispatch-priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* handfast's own version, under the name that clients look for. */
static struct json_object *version(void)
{
	struct json_object *object = json_object_new_object();
	struct json_object *numbers = json_object_new_object();
	int major = 0, minor = 0, micro = 0;

	(void)sscanf(HANDFAST_VERSION, "%d.%d.%d", &major, &minor, &micro);
	json_object_object_add(numbers, "micro", json_object_new_int(micro));
	json_object_object_add(numbers, "minor", json_object_new_int(minor));
	json_object_object_add(numbers, "major", json_object_new_int(major));
	json_object_object_add(object, "qemu", numbers);
	json_object_object_add(object, "package", json_object_new_string("handfast-" HANDFAST_VERSION));
	return object;
}

struct json_object *qmp_greeting(void)
{
	struct json_object *object = json_object_new_object();
	struct json_object *greeting = json_object_new_object();
	struct json_object *capabilities = json_object_new_array();

	json_object_array_add(capabilities, json_object_new_string("oob"));
	json_object_object_add(greeting, "version", version());
	json_object_object_add(greeting, "capabilities", capabilities);
	json_object_object_add(object, "QMP", greeting);
	return object;
}

static int capabilities(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct qmp_session *session = opaque;
	struct json_object *enable;
	bool oob = false;

	if (session->negotiated) {
		answer->error_class = QMP_COMMAND_NOT_FOUND;
		return error_set(EINVAL, "Capabilities negotiation is already complete, command ignored");
	}
	if (json_object_object_get_ex(arguments, "enable", &enable)) {
		for (size_t i = 0; i < json_object_array_length(enable); i++) {
			struct json_object *name = json_object_array_get_idx(enable, i);

			if (!json_object_is_type(name, json_type_string))
				return error_set(EINVAL,
						 "Invalid parameter type for 'enable[%zu]', expected: string",
						 i);
			if (strcmp(json_object_get_string(name), "oob") != 0)
				return error_set(EINVAL, "Parameter 'enable[%zu]' does not accept value '%s'",
						 i, json_object_get_string(name));
			oob = true;
		}
	}
	session->negotiated = true;
	session->oob = oob;
	return 0;
}

static int query_version(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	answer->value = version();
	return 0;
}

static void add_name(struct json_object *list, const char *name)
{
	struct json_object *entry = json_object_new_object();

	json_object_object_add(entry, "name", json_object_new_string(name));
	json_object_array_add(list, entry);
}

static int query_commands(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct qmp_session *session = opaque;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < qmp_builtin_command_count; i++)
		add_name(list, qmp_builtin_commands[i].name);
	for (size_t i = 0; i < session->table->command_count; i++)
		add_name(list, session->table->commands[i].name);
	answer->value = list;
	return 0;
}

static int query_events(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct qmp_session *session = opaque;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < session->table->event_count; i++)
		add_name(list, session->table->events[i].name);
	answer->value = list;
	return 0;
}

static const char *fd_name(struct json_object *arguments)
{
	struct json_object *name;

	json_object_object_get_ex(arguments, "fdname", &name);
	return json_object_get_string(name);
}

static int getfd(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	struct qmp_session *session = opaque;
	const char *name = fd_name(arguments);
	int fd = session->fd;

	if (fd < 0)
		return error_set(ENOENT, "No file descriptor supplied via SCM_RIGHTS");
	if (name[0] >= '0' && name[0] <= '9') { /* would be a number where a name is wanted */
		qmp_fd_drop(&session->fd);
		return error_set(EINVAL, "Parameter 'fdname' expects a name not starting with a digit");
	}
	session->fd = -1;
	return qmp_fds_add(session->fds, name, fd);
}

static int closefd(void *opaque, struct json_object *arguments, struct qmp_answer *answer)
{
	const struct qmp_session *session = opaque;
	int fd = qmp_fds_take(session->fds, fd_name(arguments));

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static const struct qmp_argument capabilities_arguments[] = {
	{ "enable", QMP_TYPE_ARRAY, true },
};

static const struct qmp_argument fd_arguments[] = {
	{ "fdname", QMP_TYPE_STRING, false },
};

const struct qmp_command qmp_builtin_commands[] = {
	{ "qmp_capabilities", "says which capabilities the client uses; not needed", capabilities_arguments,
	  COUNT(capabilities_arguments), false, capabilities },
	{ "query-version", "handfast's version", NULL, 0, true, query_version },
	{ "query-commands", "the names of all commands", NULL, 0, true, query_commands },
	{ "query-events", "the names of all events", NULL, 0, true, query_events },
	{ "getfd", "keeps the descriptor that came with the request (SCM_RIGHTS)", fd_arguments,
	  COUNT(fd_arguments), false, getfd },
	{ "closefd", "closes one that getfd has kept", fd_arguments, COUNT(fd_arguments), false, closefd },
};
const size_t qmp_builtin_command_count = COUNT(qmp_builtin_commands);
