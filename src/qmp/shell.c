/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: what comes from the VM is taken by receive(), wherever it is waited for. Answers to
 * questions that the shell itself has asked bear its own ids and are put away; all else is queued, and
 * printed when the terminal is ready for it: at once while an answer is awaited, through the editor while a
 * line is typed. Who does not want to wait for an answer gets the prompt back by Ctrl-C, and the answer
 * later.
 */
#include "qmp/shell-priv.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "qmp/dispatch-priv.h"
#include "qmp/editor-priv.h"
#include "qmp/history-priv.h"
#include "qmp/print-priv.h"
#include "qmp/request-priv.h"

/* What the shell asks for itself. The type is that of the answers' ids, too. */
enum question {
	QUESTION_COMMANDS,
	QUESTION_PROPERTIES,
	QUESTION_DEVICES,
	QUESTION_COUNT,
};

static const struct {
	const char *id;
	const char *request;
	const char *member; /* that has the name; in a list, */
	const char *list;   /* which is this member of the answer, or (NULL) the answer */
} questions[QUESTION_COUNT] = {
	[QUESTION_COMMANDS] = { "handfast-shell-commands", "{\"execute\":\"query-commands\"}", "name", NULL },
	[QUESTION_PROPERTIES] = { "handfast-shell-properties",
				  "{\"execute\":\"device-list-properties\","
				  "\"arguments\":{\"typename\":\"vfio-pci\"}}",
				  "name", NULL },
	[QUESTION_DEVICES] = { "handfast-shell-devices", "{\"execute\":\"query-vfio\"}", "id", "devices" },
};

struct shell {
	struct qmp_peer *peer;
	const struct qmp_table *table;
	struct editor *editor;
	char *history;				   /* file, or NULL */
	struct json_object *queue;		   /* to be printed, in order */
	struct json_object *names[QUESTION_COUNT]; /* NULL: not known */
	bool awaited[QUESTION_COUNT];
	unsigned outstanding; /* answers to what was typed */
	bool ending;	      /* it was told to end, or said that it does */
};

static int failed(void)
{
	log_failure(error_get());
	return EXIT_FAILURE;
}

/* The names in the answer to a question of ours, as an array of strings; NULL: it is an error. */
static struct json_object *names_in(struct json_object *answer, enum question question)
{
	struct json_object *list, *names, *name;

	if (!json_object_object_get_ex(answer, "return", &list))
		return NULL;
	if (questions[question].list && !json_object_object_get_ex(list, questions[question].list, &list))
		return NULL;
	if (!json_object_is_type(list, json_type_array))
		return NULL;
	names = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (json_object_object_get_ex(json_object_array_get_idx(list, i), questions[question].member,
					      &name) &&
		    json_object_is_type(name, json_type_string))
			json_object_array_add(names, json_object_get(name));
	}
	return names;
}

/* Whether it answers a question of ours. */
static bool take_names(struct shell *shell, struct json_object *answer)
{
	struct json_object *id;

	if (!json_object_object_get_ex(answer, "id", &id) || !json_object_is_type(id, json_type_string))
		return false;
	for (enum question i = 0; i < QUESTION_COUNT; i++) {
		if (!shell->awaited[i] || strcmp(json_object_get_string(id), questions[i].id) != 0)
			continue;
		shell->awaited[i] = false;
		json_object_put(shell->names[i]);
		shell->names[i] = names_in(answer, i);
		return true;
	}
	return false;
}

/* One object, or the other descriptor (or -1) first, as qmp_peer_receive(). Returns 1 where there is
 * something to print, 0 where not. */
static int receive(struct shell *shell, int other_fd, bool *ret_other)
{
	struct json_object *object;
	int error = qmp_peer_receive(shell->peer, other_fd, &object);

	if (error < 0)
		return error;
	*ret_other = object == NULL;
	if (!object)
		return 0;
	if (take_names(shell, object)) {
		json_object_put(object);
		return 0;
	}
	if (print_is_event(object, "SHUTDOWN"))
		shell->ending = true;
	if (!print_is_event(object, NULL))
		shell->outstanding -= shell->outstanding > 0;
	json_object_array_add(shell->queue, object);
	return 1;
}

/* What has come. Standard output goes first: errors go another way. */
static void print_queue(struct shell *shell)
{
	for (size_t i = 0; i < json_object_array_length(shell->queue); i++) {
		struct json_object *object = json_object_array_get_idx(shell->queue, i);

		fflush(stdout);
		if (print_is_event(object, NULL))
			print_object(object, PRINT_AS_LINE);
		else
			(void)print_answer(object, PRINT_AS_LINES);
	}
	json_object_array_del_idx(shell->queue, 0, json_object_array_length(shell->queue));
	fflush(stdout);
}

/* A VM that is gone is found out by the one who reads, who has what it said before. */
static int send_request(struct shell *shell, struct json_object *request)
{
	int error = qmp_peer_send(shell->peer, request);

	return error == -EPIPE || error == -ECONNRESET ? 0 : error;
}

static void ask(struct shell *shell, enum question question)
{
	struct json_object *request = json_tokener_parse(questions[question].request);

	json_object_object_add(request, "id", qmp_string(questions[question].id));
	shell->awaited[question] = send_request(shell, request) == 0;
	json_object_put(request);
}

/* The devices that there are now, unless the VM takes longer than the next key. */
static void ask_for_devices(struct shell *shell)
{
	bool key = false;

	/* Behind an answer that takes its time, this one would, too. */
	if (shell->outstanding > 0 || shell->awaited[QUESTION_DEVICES])
		return;
	ask(shell, QUESTION_DEVICES);
	while (shell->awaited[QUESTION_DEVICES] && !key) {
		if (receive(shell, STDIN_FILENO, &key) < 0)
			return; /* and so will the next one */
	}
}

/* editor_ops */

static int wait_for_key(void *opaque)
{
	struct shell *shell = opaque;
	bool key = false;

	while (!key) {
		int result =
			json_object_array_length(shell->queue) > 0 ? 1 : receive(shell, STDIN_FILENO, &key);

		if (result != 0)
			return result;
	}
	return 0;
}

static void show(void *opaque)
{
	print_queue(opaque);
}

static int complete(void *opaque, const char *line, size_t cursor, struct completion *ret_completion)
{
	struct shell *shell = opaque;
	struct complete_names names;

	if (strncmp(line + strspn(line, " \t"), "device_del", 10) == 0)
		ask_for_devices(shell);
	names = (struct complete_names){
		.commands = shell->names[QUESTION_COMMANDS],
		.properties = shell->names[QUESTION_PROPERTIES],
		.ids = shell->names[QUESTION_DEVICES],
	};
	return complete_line(shell->table, &names, line, cursor, ret_completion);
}

static const struct editor_ops ops = { wait_for_key, show, complete };

/* Ctrl-C ends the waiting, not the shell: it comes by a descriptor. Returns that, or -1. */
static int block_interrupt(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void unblock_interrupt(int fd, const sigset_t *before)
{
	struct signalfd_siginfo info;

	while (fd >= 0 && read(fd, &info, sizeof(info)) > 0)
		;
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* Answers to all that was typed, and events, as they come. */
static int await_answers(struct shell *shell)
{
	bool interrupted = false;
	sigset_t before;
	int fd = block_interrupt(&before), result = 0;

	while (shell->outstanding > 0 && !interrupted && result >= 0) {
		result = receive(shell, fd, &interrupted);
		print_queue(shell);
	}
	unblock_interrupt(fd, &before);
	if (interrupted)
		puts("\nthe answer comes when the VM gives it");
	return result < 0 ? result : 0;
}

static bool is_quit(struct json_object *request)
{
	struct json_object *name;

	return json_object_object_get_ex(request, "execute", &name) &&
	       strcmp(json_object_get_string(name), "quit") == 0;
}

/* name: "" for all. */
static void help_on(const struct qmp_table *table, const char *name)
{
	const struct qmp_command *command;
	bool builtin;

	if (name[0] == '\0') {
		print_commands(table);
		return;
	}
	command = qmp_command_find(table, name, &builtin);
	if (command) {
		print_command(command);
		return;
	}
	error_set(ENOENT, "there is no command '%s'", name);
	error_try("help    (says which there are)");
	(void)failed();
}

/* `help` and `help COMMAND` are the shell's own. */
static bool is_help(const struct qmp_table *table, const char *line)
{
	char name[64] = "", more[2] = "";

	line += strspn(line, " \t");
	if (strncmp(line, "help", 4) != 0 || !strchr(" \t", line[4]))
		return false;
	(void)sscanf(line + 4, " %63s %1s", name, more);
	if (more[0] != '\0')
		return false; /* the VM's, if it has such a command */
	help_on(table, name);
	return true;
}

/* Errors: the VM is gone. What else is wrong with the line is said. */
static int run_line(struct shell *shell, char *line)
{
	struct json_object *request;
	int error;

	if (is_help(shell->table, line))
		return 0;
	if (request_from_line(shell->table, line, &request) < 0) {
		(void)failed();
		return 0;
	}
	if (!request)
		return 0;
	shell->ending |= is_quit(request);
	error = send_request(shell, request);
	json_object_put(request);
	if (error < 0)
		return error;
	shell->outstanding++;
	return await_answers(shell);
}

/* The connection is at its end, with its cause on record. */
static int say_goodbye(struct shell *shell)
{
	struct error why = *error_get();

	print_queue(shell);
	if (why.errnum == EPIPE && shell->ending) {
		puts("the VM has ended");
		return EXIT_SUCCESS;
	}
	error_load(&why);
	error_tried("talk to the VM at %s", shell->peer->name);
	return failed();
}

static int run_lines(struct shell *shell)
{
	for (;;) {
		enum editor_result result;
		char *line;

		result = editor_read(shell->editor, &line);
		if (result == EDITOR_DROPPED)
			continue;
		if (result != EDITOR_LINE)
			putchar('\n');
		if (result == EDITOR_LEFT)
			return EXIT_SUCCESS;
		if (result == EDITOR_FAILED)
			return say_goodbye(shell);
		if (line[strspn(line, " \t")] == '\0')
			continue;
		editor_remember(shell->editor, line);
		history_add(shell->history, line);
		if (run_line(shell, line) < 0)
			return say_goodbye(shell);
	}
}

static void recall(struct shell *shell)
{
	struct history_lines lines;

	shell->history = history_path();
	history_load(shell->history, &lines);
	for (size_t i = 0; i < lines.count; i++)
		editor_remember(shell->editor, lines.lines[i]);
	history_fini(&lines);
}

int shell_run(struct qmp_peer *peer, const struct qmp_table *table)
{
	struct shell shell = { .peer = peer, .table = table, .queue = json_object_new_array() };
	int status;

	setlocale(LC_CTYPE, ""); /* how wide characters are */
	if (editor_create(&ops, &shell, &shell.editor) < 0) {
		status = failed();
	} else {
		recall(&shell);
		ask(&shell, QUESTION_COMMANDS);
		ask(&shell, QUESTION_PROPERTIES);
		puts("Tab completes, `help` lists the commands, Ctrl-D leaves.");
		status = run_lines(&shell);
	}
	editor_destroy(shell.editor);
	for (enum question i = 0; i < QUESTION_COUNT; i++)
		json_object_put(shell.names[i]);
	json_object_put(shell.queue);
	free(shell.history);
	return status;
}
