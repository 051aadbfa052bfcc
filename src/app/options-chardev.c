/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/keyval.h"
#include "app/options-priv.h"
#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct keyval_key chardev_keys[] = {
	{ "backend", "stdio|pty|file|socket|null", "where characters go and come from", NULL },
	{ "id", "ID", "its name, for chardev:ID", NULL },
	{ "path", "PATH", "the file or unix socket", NULL },
	{ "server", "on", "sockets: handfast listens", NULL },
	{ "wait", "on|off", "sockets: wait for the first client before the guest starts (default: on)",
	  NULL },
	{ "nowait", "on", "the same as wait=off", NULL },
	{ "signal", "on", "stdio: the terminal's signal keys go to handfast", NULL },
	{ "mux", "off", "a backend serves one device", NULL },
	{ "host", "IP", "sockets of QMP: an address to listen on, with port=", NULL },
	{ "port", "N", "and its TCP port", NULL },
	{ "logfile", NULL, NULL, "there is no copy of a character stream" },
	{ "append", NULL, NULL, "a file is emptied first" },
	{ "reconnect", NULL, NULL, "handfast does not connect to sockets, it listens" },
};

static const struct {
	const char *name;
	enum chardev_kind kind;
	bool path; /* needs one */
} backends[] = {
	{ "stdio", CHARDEV_STDIO, false },   { "pty", CHARDEV_PTY, false },
	{ "file", CHARDEV_FILE, true },	     { "null", CHARDEV_NULL, false },
	{ "socket", CHARDEV_SOCKET, false },
};

/* A unix socket has a path, a TCP socket an address and a port. */
static int read_socket_place(struct keyvals *keyvals, struct options_chardev *chardev)
{
	const char *host = keyvals_take(keyvals, "host");
	uint64_t port = 0;
	int error = keyvals_take_u64(keyvals, "port", UINT16_MAX, &port);

	if (error < 0)
		return error;
	if (chardev->path && *chardev->path && !host && port == 0)
		return 0;
	if (chardev->path || !host || *host == '\0' || port == 0) {
		error_set(EINVAL, chardev->path && *chardev->path
					  ? "a socket has a path, or an address and a port"
				  : host ? "a socket needs an address and a port"
					 : "the backend 'socket' needs a path");
		return error_try(host ? "host=127.0.0.1,port=4444" : "add path=PATH");
	}
	chardev->host = strdup(host);
	chardev->port = (uint16_t)port;
	return chardev->host ? 0 : error_sys(ENOMEM, "options");
}

static int read_socket(struct keyvals *keyvals, struct options_chardev *chardev)
{
	struct chardev_options *options = &chardev->options;
	bool server = false, nowait = false;
	int error = read_socket_place(keyvals, chardev);

	if (error < 0)
		return error;

	options->wait = true;
	error = keyvals_take_bool(keyvals, "server", &server);
	if (error == 0)
		error = keyvals_take_bool(keyvals, "wait", &options->wait);
	if (error == 0)
		error = keyvals_take_bool(keyvals, "nowait", &nowait);
	if (error < 0)
		return error;
	if (nowait)
		options->wait = false;
	if (!server) {
		error_set(ENOTSUP, "handfast listens on sockets, it does not connect to them");
		return error_try("add server=on,wait=off");
	}
	return 0;
}

/* Reads what keyvals say of one backend named by its key "backend". */
static int read_backend(struct keyvals *keyvals, const char *what, struct options_chardev *ret_chardev)
{
	const char *backend, *path;
	size_t i = 0;
	bool flag = false;
	int error = keyvals_check(keyvals, what, chardev_keys, COUNT(chardev_keys));

	if (error < 0)
		return error;
	backend = keyvals_take(keyvals, "backend");
	while (i < COUNT(backends) && (!backend || strcmp(backend, backends[i].name) != 0))
		i++;
	if (i == COUNT(backends)) {
		error_set(EINVAL, "there is no character backend '%s'", backend ? backend : "");
		return error_try("one of: stdio, pty, file, socket, null");
	}
	ret_chardev->options.kind = backends[i].kind;
	path = keyvals_take(keyvals, "path");
	if (backends[i].path && (!path || *path == '\0')) {
		error_set(EINVAL, "the backend '%s' needs a path", backend);
		return error_try("add path=PATH");
	}
	if (path) {
		ret_chardev->path = strdup(path);
		if (!ret_chardev->path)
			return error_sys(ENOMEM, "options");
		ret_chardev->options.path = ret_chardev->path;
	}
	error = keyvals_take_bool(keyvals, "mux", &flag);
	if (error == 0 && flag)
		return error_set(ENOTSUP,
				 "a character backend serves one device; multiplexing is not supported");
	flag = true;
	if (error == 0)
		error = keyvals_take_bool(keyvals, "signal", &flag);
	if (error == 0 && !flag)
		return error_set(ENOTSUP, "the terminal's signal keys always go to handfast");
	if (error == 0 && backends[i].kind == CHARDEV_SOCKET)
		error = read_socket(keyvals, ret_chardev);
	return error;
}

int options_read_chardev(struct options *options, const char *argument)
{
	struct options_chardev *chardev = &options->chardevs[options->chardev_count];
	struct keyvals keyvals;
	const char *id;
	int error;

	if (options->chardev_count == OPTIONS_CHARDEVS_MAX)
		return error_set(EINVAL, "there are more than %d -chardev", OPTIONS_CHARDEVS_MAX);
	error = keyvals_parse(argument, "backend", &keyvals);
	if (error < 0)
		return error_tried("use -chardev %s", argument);
	options->chardev_count++; /* from here on options_free() cleans up */
	error = read_backend(&keyvals, "-chardev", chardev);
	id = keyvals_take(&keyvals, "id");
	if (error == 0 && (!id || *id == '\0')) {
		error_set(EINVAL, "it has no id");
		error = error_try("add id=NAME");
	}
	for (unsigned i = 0; error == 0 && i + 1 < options->chardev_count; i++) {
		if (strcmp(options->chardevs[i].id, id) == 0)
			error = error_set(EEXIST, "there is a chardev '%s' already", id);
	}
	if (error == 0)
		chardev->id = strdup(id);
	keyvals_free(&keyvals);
	return error < 0 ? error_tried("use -chardev %s", argument) : 0;
}

/* "tcp:IP:PORT,..." as keys; "[...]" around an IPv6 address. NULL: no memory, or not of that form. */
static char *spell_tcp(const char *text)
{
	const char *rest = text + strcspn(text, ",");
	const char *colon = memrchr(text, ':', (size_t)(rest - text));
	const char *host = text;
	char *spelled;
	int length;

	if (!colon)
		return NULL;
	length = (int)(colon - text);
	if (length >= 2 && host[0] == '[' && colon[-1] == ']') {
		host++;
		length -= 2;
	}
	if (asprintf(&spelled, "socket,host=%.*s,port=%.*s%s", length, host, (int)(rest - colon - 1),
		     colon + 1, rest) < 0)
		return NULL;
	return spelled;
}

/* QEMU's "file:PATH" and "unix:PATH,server,nowait" beside StratoVirt's "file,path=PATH" and
 * "socket,path=PATH,server,nowait". */
int options_parse_backend(const char *text, const char *what, struct options_chardev *ret_chardev)
{
	struct keyvals keyvals;
	char *spelled = NULL;
	int error;

	if (strcmp(text, "none") == 0)
		text = "null";
	if (strncmp(text, "file:", 5) == 0 && asprintf(&spelled, "file,path=%s", text + 5) < 0)
		return error_sys(ENOMEM, "options");
	if (strncmp(text, "unix:", 5) == 0 && asprintf(&spelled, "socket,path=%s", text + 5) < 0)
		return error_sys(ENOMEM, "options");
	if (strncmp(text, "tcp:", 4) == 0) {
		spelled = spell_tcp(text + 4);
		if (!spelled) {
			error_set(EINVAL, "a TCP socket needs an address and a port");
			return error_try("tcp:127.0.0.1:4444,server,nowait");
		}
	}
	error = keyvals_parse(spelled ? spelled : text, "backend", &keyvals);
	free(spelled);
	if (error == 0) {
		error = read_backend(&keyvals, what, ret_chardev);
		keyvals_free(&keyvals);
	}
	return error;
}

int options_use_chardev(struct options *options, const char *id, const struct options_chardev **ret_chardev)
{
	for (unsigned i = 0; i < options->chardev_count; i++) {
		struct options_chardev *chardev = &options->chardevs[i];

		if (strcmp(chardev->id, id) != 0)
			continue;
		if (chardev->used) {
			error_set(EBUSY, "the chardev '%s' serves something else already", id);
			return error_try("a -chardev of its own");
		}
		chardev->used = true;
		*ret_chardev = chardev;
		return 0;
	}
	error_set(ENOENT, "there is no chardev '%s'", id);
	return error_try("-chardev stdio,id=%s", id);
}

static int resolve_serial(struct options *options, const char *text)
{
	const struct options_chardev *chardev = &options->serial;
	int error;

	if (strncmp(text, "mon:", 4) == 0) {
		error_set(ENOTSUP, "there is no monitor to share the terminal with");
		return error_try("-serial %s", text + 4);
	}
	error = strncmp(text, "chardev:", 8) == 0 ? options_use_chardev(options, text + 8, &chardev)
						  : options_parse_backend(text, "-serial", &options->serial);
	if (error == 0 && chardev->host)
		return error_set(ENOTSUP, "character devices over TCP are not there yet; use a unix socket");
	options->serial.options = chardev->options;
	return error;
}

int options_resolve_serial(struct options *options)
{
	const char *text = options->serial_text;

	if (!text)
		text = options->nographic ? "stdio" : "none";
	return resolve_serial(options, text) < 0 ? error_tried("use -serial %s", text) : 0;
}

int options_check_chardevs(const struct options *options)
{
	for (unsigned i = 0; i < options->chardev_count; i++) {
		if (!options->chardevs[i].used) {
			error_set(EINVAL, "nothing uses it");
			error_tried("use -chardev ...,id=%s", options->chardevs[i].id);
			return error_try("add -serial chardev:%s, or leave the -chardev out",
					 options->chardevs[i].id);
		}
	}
	return 0;
}

void options_chardev_free(struct options_chardev *chardev)
{
	free(chardev->id);
	free(chardev->path);
	free(chardev->host);
}
