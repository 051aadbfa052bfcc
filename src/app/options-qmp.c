/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where QMP is spoken: -qmp, and -mon with a -chardev. */
#include <errno.h>
#include <string.h>

#include "app/keyval.h"
#include "app/options-priv.h"
#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct keyval_key mon_keys[] = {
	{ "chardev", "ID", "the -chardev socket that it is spoken on", NULL },
	{ "mode", "control", "QMP", NULL },
	{ "id", "ID", "a name, which nothing asks for", NULL },
	{ "pretty", "off", "one answer a line", NULL },
};

static int add_monitor(struct options *options, const char *argument, bool mon)
{
	if (options->monitor_count == OPTIONS_MONITORS_MAX)
		return error_set(EINVAL, "there are more than %d -qmp and -mon", OPTIONS_MONITORS_MAX);
	options->monitors[options->monitor_count++] =
		(struct options_monitor){ .text = argument, .mon = mon };
	return 0;
}

int options_read_qmp(struct options *options, const char *argument)
{
	return add_monitor(options, argument, false);
}

int options_read_mon(struct options *options, const char *argument)
{
	return add_monitor(options, argument, true);
}

static int resolve_mon(struct options *options, struct keyvals *keyvals,
		       const struct options_chardev **ret_socket)
{
	const char *mode, *chardev;
	bool pretty = false;
	int error = keyvals_check(keyvals, "-mon", mon_keys, COUNT(mon_keys));

	if (error == 0)
		error = keyvals_take_bool(keyvals, "pretty", &pretty);
	if (error < 0)
		return error;
	if (pretty)
		return error_set(ENOTSUP, "answers come one a line; `handfast qmp` shows them laid out");
	mode = keyvals_take(keyvals, "mode");
	if (!mode || strcmp(mode, "control") != 0) {
		error_set(ENOTSUP, "there is no monitor for people, only the protocol for programs");
		return error_try("add mode=control, and use `handfast qmp`");
	}
	chardev = keyvals_take(keyvals, "chardev");
	if (!chardev) {
		error_set(EINVAL, "it does not say which chardev it is spoken on");
		return error_try("-chardev socket,id=mon,path=PATH,server=on,wait=off "
				 "-mon chardev=mon,mode=control");
	}
	return options_use_chardev(options, chardev, ret_socket);
}

static int check_socket(const struct options_chardev *socket)
{
	if (socket->options.kind != CHARDEV_SOCKET) {
		error_set(ENOTSUP, "QMP is spoken on sockets only");
		return error_try("unix:PATH,server,nowait");
	}
	if (socket->options.wait) {
		error_set(ENOTSUP, "handfast does not wait for a client before it starts");
		return error_try("add nowait (or wait=off), and -S if the guest is to wait for a command");
	}
	return 0;
}

static int resolve(struct options *options, struct options_monitor *monitor)
{
	struct keyvals keyvals;
	int error;

	monitor->socket = &monitor->own;
	if (strncmp(monitor->text, "chardev:", 8) == 0 && !monitor->mon) {
		error = options_use_chardev(options, monitor->text + 8, &monitor->socket);
	} else if (!monitor->mon) {
		error = options_parse_backend(monitor->text, "-qmp", &monitor->own);
	} else {
		error = keyvals_parse(monitor->text, "chardev", &keyvals);
		if (error == 0) {
			error = resolve_mon(options, &keyvals, &monitor->socket);
			keyvals_free(&keyvals);
		}
	}
	return error == 0 ? check_socket(monitor->socket) : error;
}

int options_resolve_monitors(struct options *options)
{
	for (unsigned i = 0; i < options->monitor_count; i++) {
		struct options_monitor *monitor = &options->monitors[i];

		if (resolve(options, monitor) < 0)
			return error_tried("use -%s %s", monitor->mon ? "mon" : "qmp", monitor->text);
	}
	if (options->start_paused && options->monitor_count == 0) {
		error_set(EINVAL, "nothing could ever start the guest");
		error_tried("use -S");
		return error_try("add -qmp unix:PATH,server,nowait");
	}
	return 0;
}
