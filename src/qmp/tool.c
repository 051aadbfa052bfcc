/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "qmp/dispatch-priv.h"
#include "qmp/peer-priv.h"
#include "qmp/print-priv.h"
#include "qmp/request-priv.h"
#include "qmp/shell-priv.h"

#define FAILED	1
#define MISUSED 2

static const char help[] =
	"usage: handfast qmp SOCKET COMMAND [KEY=VALUE]...   one command; its answer on standard output\n"
	"       handfast qmp SOCKET                          commands from standard input, one a line;\n"
	"                                                    on a terminal a shell: Tab completes, Ctrl-D "
	"leaves\n"
	"       handfast qmp --commands                      what commands and events there are\n"
	"\n"
	"Talks to a running VM. SOCKET is the path behind its -qmp unix:PATH,server,nowait, or tcp:IP:PORT.\n"
	"\n"
	"  --wait EVENT        wait for this event, behind the command if there is one, and print it\n"
	"  --timeout SECONDS   give up after that long\n"
	"  --commands          list commands, their arguments, and events\n"
	"\n"
	"Exit status: 0, 1 the answer is an error or did not come, 2 usage.\n";

struct words {
	const char *socket;
	const char *event; /* --wait */
	uint64_t timeout;  /* seconds, 0: none */
	bool commands;
	char **command; /* COMMAND KEY=VALUE... */
	int command_count;
};

static int misused(void)
{
	error_tried("run handfast qmp");
	error_try_else("handfast qmp --help");
	log_failure(error_get());
	return MISUSED;
}

static int failed(void)
{
	log_failure(error_get());
	return FAILED;
}

/* An option of ours. Returns how many words it took, 0 where it is none, or a negative errno. */
static int read_option(char **words, int count, struct words *ret_words)
{
	if (strcmp(words[0], "--commands") == 0) {
		ret_words->commands = true;
		return 1;
	}
	if (strncmp(words[0], "--", 2) != 0)
		return 0;
	if (strcmp(words[0], "--wait") != 0 && strcmp(words[0], "--timeout") != 0)
		return error_set(EINVAL, "it has no option %s", words[0]);
	if (count < 2)
		return error_set(EINVAL, "%s needs a value", words[0]);
	if (strcmp(words[0], "--wait") == 0)
		ret_words->event = words[1];
	else if (text_to_u64(words[1], 1000000, &ret_words->timeout) < 0 || ret_words->timeout == 0)
		return error_set(EINVAL, "--timeout is a number of seconds, 1 to 1000000, not '%s'",
				 words[1]);
	return 2;
}

/* The command's words come together in front. */
static int read_words(int argc, char **argv, struct words *ret_words)
{
	*ret_words = (struct words){ .command = argv };
	for (int i = 1; i < argc;) {
		int taken = read_option(argv + i, argc - i, ret_words);

		if (taken < 0)
			return taken;
		if (taken > 0) {
			i += taken;
			continue;
		}
		if (!ret_words->socket)
			ret_words->socket = argv[i];
		else
			ret_words->command[ret_words->command_count++] = argv[i];
		i++;
	}
	if (!ret_words->socket && !ret_words->commands)
		return error_set(EINVAL, "it does not say which VM");
	return 0;
}

/* Sends one command and waits for its answer. *seen: the awaited event, if it comes meanwhile. */
static int one_command(struct qmp_peer *peer, const struct words *words, struct json_object *request,
		       struct json_object **seen)
{
	int error = qmp_peer_send(peer, request);

	while (error == 0) {
		struct json_object *object;

		error = qmp_peer_receive(peer, -1, &object);
		if (error < 0)
			break;
		if (!print_is_event(object, NULL)) {
			int status = print_answer(object, PRINT_AS_LINES);

			json_object_put(object);
			return status;
		}
		if (words->event && !*seen && print_is_event(object, words->event))
			*seen = object;
		else
			json_object_put(object);
	}
	error_tried("run %s at %s", words->command[0], peer->name);
	return failed();
}

static int await_event(struct qmp_peer *peer, const char *name, struct json_object *seen)
{
	while (!seen) {
		struct json_object *object;

		if (qmp_peer_receive(peer, -1, &object) < 0) {
			error_tried("wait for %s from %s", name, peer->name);
			return failed();
		}
		if (print_is_event(object, name))
			seen = object;
		else
			json_object_put(object);
	}
	print_object(seen, PRINT_AS_LINES);
	json_object_put(seen);
	return EXIT_SUCCESS;
}

static int run_one(struct qmp_peer *peer, const struct words *words, struct json_object *request)
{
	struct json_object *seen = NULL;
	int status = EXIT_SUCCESS;

	if (request)
		status = one_command(peer, words, request, &seen);
	fflush(stdout); /* who reads the answer knows that the event is waited for */
	if (status == EXIT_SUCCESS && words->event)
		return await_event(peer, words->event, seen);
	json_object_put(seen);
	return status;
}

/* Lines from standard input as they come; answers and events as they come. */
static int run_lines(struct qmp_peer *peer, const struct qmp_table *table)
{
	struct request_lines lines = { 0 };
	unsigned outstanding = 0;
	int status = EXIT_SUCCESS;

	while (!lines.ended || outstanding > 0) {
		struct json_object *object;

		if (qmp_peer_receive(peer, lines.ended ? -1 : STDIN_FILENO, &object) < 0) {
			if (error_get()->errnum == EPIPE && outstanding == 0)
				break;
			error_tried("talk to the VM at %s", peer->name);
			status = failed();
			break;
		}
		if (object && print_is_event(object, NULL)) {
			print_object(object, PRINT_AS_LINE);
		} else if (object) {
			status |= print_answer(object, PRINT_AS_LINE);
			outstanding -= outstanding > 0;
		} else {
			int sent = request_lines_read(&lines, table, peer);

			if (sent < 0) {
				status = failed();
				break;
			}
			outstanding += (unsigned)sent;
		}
		json_object_put(object);
		fflush(stdout);
	}
	free(lines.text);
	return lines.failed ? FAILED : status;
}

/* A person at a terminal gets a shell, a program what it always got. */
static int run_all(struct qmp_peer *peer, const struct qmp_table *table)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? shell_run(peer, table)
							     : run_lines(peer, table);
}

int qmp_tool(int argc, char **argv, const struct qmp_table *table)
{
	struct json_object *request = NULL;
	struct qmp_peer peer;
	struct words words;
	int status;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return EXIT_SUCCESS;
		}
	}
	if (read_words(argc, argv, &words) < 0)
		return misused();
	if (words.commands) {
		print_commands(table);
		return EXIT_SUCCESS;
	}
	if (words.command_count > 0 &&
	    request_from_words(table, words.command, (size_t)words.command_count, &request) < 0)
		return misused();
	if (qmp_peer_connect(words.socket, (int64_t)words.timeout * 1000, &peer) < 0) {
		status = failed();
	} else {
		status = request || words.event ? run_one(&peer, &words, request) : run_all(&peer, table);
		qmp_peer_close(&peer);
	}
	json_object_put(request);
	return status;
}
