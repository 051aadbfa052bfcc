/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: libedit knows where on the terminal the line stands, how many rows it takes and how to
 * take it away on this kind of terminal, but has no call for taking it away to print something else there. So
 * it is told by a key. What read_key() returns need not have been typed: when there is something to show it
 * returns KEY_SWAP, which is bound to swap(): that sets the line and the prompt aside, and libedit finds that
 * there is an empty row to be drawn. When it wants the next key it has drawn it; read_key() prints, and
 * returns KEY_SWAP once more, which brings back prompt and line.
 *
 * In the middle of a key that sends several characters nothing is looked at but the terminal.
 */
#include "qmp/editor-priv.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/error.h"
#include "qmp/history-priv.h"

#define KEY_SWAP   036 /* Ctrl-^; by hand it does no harm */
#define KEY_ESCAPE 033
#define KEY_PREFIX 030 /* Ctrl-X */
#define KEY_QUOTE  026 /* Ctrl-V: the next one is taken as it is */
#define KEY_TAB	   '\t'

/* Where in a key of several characters. */
enum within {
	WITHIN_NONE,
	WITHIN_ESCAPE,	 /* behind ESC */
	WITHIN_SEQUENCE, /* behind ESC [ or ESC O, as cursor keys send it */
	WITHIN_QUOTE,	 /* behind what makes something else of the next one */
};

struct editor {
	const struct editor_ops *ops;
	void *opaque;
	EditLine *edit;
	History *history;
	FILE *nowhere;	 /* libedit's remarks about the terminal */
	char prompt[16]; /* empty while the line is set aside */
	char *line;	 /* what editor_read() returned */
	enum within within;
	enum editor_result result;
	wchar_t *aside; /* not NULL: the line, while something is shown */
	int aside_cursor;
	bool swapping;		/* KEY_SWAP is on its way to swap() */
	bool tabbed;		/* the last key was a Tab that left several words */
	struct completion list; /* to be shown */
};

static struct editor *editor_of(EditLine *edit)
{
	struct editor *editor = NULL;

	el_get(edit, EL_CLIENTDATA, &editor);
	return editor;
}

static char *get_prompt(EditLine *edit)
{
	return editor_of(edit)->prompt;
}

static void set_prompt(struct editor *editor, const char *text)
{
	snprintf(editor->prompt, sizeof(editor->prompt), "%s", text);
}

static enum within go_on(enum within within, wchar_t key)
{
	switch (within) {
	case WITHIN_NONE:
		if (key == KEY_QUOTE || key == KEY_PREFIX)
			return WITHIN_QUOTE;
		return key == KEY_ESCAPE ? WITHIN_ESCAPE : WITHIN_NONE;
	case WITHIN_ESCAPE:
		return key == '[' || key == 'O' ? WITHIN_SEQUENCE : WITHIN_NONE;
	case WITHIN_SEQUENCE:
		return (key >= '0' && key <= '9') || key == ';' ? WITHIN_SEQUENCE : WITHIN_NONE;
	case WITHIN_QUOTE:
		break;
	}
	return WITHIN_NONE;
}

/* A character of the terminal, in the locale's encoding. Returns as read_key(). */
static int read_character(wchar_t *ret_key)
{
	mbstate_t state = { 0 };

	for (;;) {
		char byte;
		ssize_t size = read(STDIN_FILENO, &byte, 1);
		size_t result;

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return (int)size;
		result = mbrtowc(ret_key, &byte, 1, &state);
		if (result == 0 || result == 1)
			return 1;
		if (result == (size_t)-1)
			state = (mbstate_t){ 0 }; /* such a byte is passed over */
	}
}

/* The words of a completion, in as many columns as there is room for. */
static void print_list(const struct completion *list)
{
	struct winsize window = { 0 };
	size_t width = 1, columns;

	for (size_t i = 0; i < list->count; i++) {
		if (strlen(list->words[i]) >= width)
			width = strlen(list->words[i]) + 2;
	}
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
	columns = width < window.ws_col ? window.ws_col / width : 1;
	for (size_t i = 0; i < list->count; i++) {
		bool last = (i + 1) % columns == 0 || i + 1 == list->count;

		printf("%-*s%s", last ? 0 : (int)width, list->words[i], last ? "\n" : "");
	}
}

static void show(struct editor *editor)
{
	print_list(&editor->list);
	complete_fini(&editor->list);
	editor->ops->show(editor->opaque);
	fflush(stdout);
}

/* Whether there is something to show (1) or a key (0), or an error. */
static int wait_for_key(struct editor *editor)
{
	bool lost = editor->swapping; /* who reads keys just now, a search say, took it for one of its own */

	editor->swapping = false;
	if (editor->aside || editor->list.count > 0)
		return 1;
	return lost || editor->within != WITHIN_NONE ? 0 : editor->ops->wait(editor->opaque);
}

/* EL_GETCFN: 1 and a key, 0 at the end, -1 on failure. */
static int read_key(EditLine *edit, wchar_t *ret_key)
{
	struct editor *editor = editor_of(edit);
	int result = wait_for_key(editor);

	if (result < 0) {
		editor->result = EDITOR_FAILED;
		return -1;
	}
	if (result > 0) {
		if (editor->aside)
			show(editor);
		editor->swapping = true;
		*ret_key = KEY_SWAP;
		return 1;
	}
	result = read_character(ret_key);
	editor->within = go_on(editor->within, *ret_key);
	if (*ret_key != KEY_TAB)
		editor->tabbed = false;
	return result;
}

/* Replaces prompt and line by nothing, or nothing by prompt and line. */
static unsigned char swap(EditLine *edit, int key)
{
	struct editor *editor = editor_of(edit);
	const LineInfoW *line = el_wline(edit);
	int size = (int)(line->lastchar - line->buffer);

	editor->swapping = false;
	if (editor->aside) {
		set_prompt(editor, "(handfast) ");
		el_winsertstr(edit, editor->aside);
		el_cursor(edit, editor->aside_cursor - (int)wcslen(editor->aside));
		free(editor->aside);
		editor->aside = NULL;
		return CC_REFRESH;
	}
	editor->aside = calloc((size_t)size + 1, sizeof(*editor->aside));
	if (!editor->aside)
		return CC_ERROR;
	wmemcpy(editor->aside, line->buffer, (size_t)size);
	editor->aside_cursor = (int)(line->cursor - line->buffer);
	set_prompt(editor, "");
	el_cursor(edit, size - editor->aside_cursor);
	el_deletestr(edit, size);
	return CC_REFRESH;
}

/* Inserts what can only follow; a second Tab shows what there is to choose from. */
static unsigned char insert(struct editor *editor, const struct completion *completion)
{
	bool whole = completion->count == 1;
	char *text;
	int length;

	if (completion->count == 0)
		return CC_REFRESH_BEEP;
	length = asprintf(&text, "%.*s%s", (int)(completion->common - completion->typed),
			  completion->words[0] + completion->typed, whole ? completion->end : "");
	if (length < 0)
		return CC_ERROR;
	if (length > 0)
		el_insertstr(editor->edit, text);
	free(text);
	editor->tabbed = !whole;
	return length > 0 ? CC_REFRESH : CC_REFRESH_BEEP;
}

static unsigned char complete(EditLine *edit, int key)
{
	struct editor *editor = editor_of(edit);
	const LineInfo *info = el_line(edit);
	size_t cursor = (size_t)(info->cursor - info->buffer);
	char *line = strndup(info->buffer, (size_t)(info->lastchar - info->buffer));
	struct completion completion;
	bool again = editor->tabbed;
	unsigned char result;

	editor->tabbed = false;
	if (!line || editor->ops->complete(editor->opaque, line, cursor, &completion) < 0) {
		free(line);
		return CC_ERROR;
	}
	free(line);
	if (again && completion.count > 1 && completion.common == completion.typed) {
		complete_fini(&editor->list);
		editor->list = completion; /* read_key() sees to it */
		return CC_NORM;
	}
	result = insert(editor, &completion);
	complete_fini(&completion);
	return result;
}

/* Ctrl-C. */
static unsigned char interrupt(EditLine *edit, int key)
{
	const LineInfoW *line = el_wline(edit);

	if (line->lastchar == line->buffer)
		return CC_EOF;
	editor_of(edit)->result = EDITOR_DROPPED;
	el_cursor(edit, (int)(line->lastchar - line->cursor));
	el_insertstr(edit, "^C");
	el_push(edit, "\n");
	return CC_REFRESH;
}

/* Ctrl-Z. libedit's handler gives the terminal back, and takes it again later. */
static unsigned char stop(EditLine *edit, int key)
{
	raise(SIGTSTP);
	return CC_REDISPLAY;
}

static void bind_keys(EditLine *edit)
{
	el_set(edit, EL_EDITOR, "emacs");
	el_set(edit, EL_EDITMODE, 1); /* also where libedit does not on its own: TERM=emacs */
	el_set(edit, EL_ADDFN, "shell-swap", "shows what happens", swap);
	el_set(edit, EL_ADDFN, "shell-complete", "completes the word", complete);
	el_set(edit, EL_ADDFN, "shell-interrupt", "drops the line, or leaves", interrupt);
	el_set(edit, EL_ADDFN, "shell-stop", "stops this program", stop);
	el_set(edit, EL_BIND, "^^", "shell-swap", NULL);
	el_set(edit, EL_BIND, "^I", "shell-complete", NULL);
	el_set(edit, EL_BIND, "^C", "shell-interrupt", NULL);
	el_set(edit, EL_BIND, "\\ex", "ed-unassigned", NULL); /* libedit's own commands: not here */
	el_set(edit, EL_BIND, "\\eX", "ed-unassigned", NULL);
	el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(edit, EL_BIND, "^Z", "shell-stop", NULL);
	el_set(edit, EL_SETTY, "-d", "-isig", NULL); /* Ctrl-C is a key while a line is typed */
}

static int set_up(struct editor *editor)
{
	HistEvent event;

	editor->nowhere = fopen("/dev/null", "we");
	if (!editor->nowhere)
		return error_sys(errno, "open /dev/null");
	editor->edit = el_init("handfast", stdin, stdout, editor->nowhere);
	editor->history = history_init();
	if (!editor->edit || !editor->history)
		return error_set(ENOMEM, "libedit does not like this terminal");
	el_set(editor->edit, EL_CLIENTDATA, editor);
	el_set(editor->edit, EL_PROMPT, get_prompt);
	el_set(editor->edit, EL_SIGNAL, 1); /* its size may change, we may be stopped or killed */
	el_set(editor->edit, EL_GETCFN, read_key);
	el_set(editor->edit, EL_HIST, history, editor->history);
	history(editor->history, &event, H_SETSIZE, HISTORY_LINES_MAX);
	history(editor->history, &event, H_SETUNIQUE, 1);
	bind_keys(editor->edit);
	return 0;
}

int editor_create(const struct editor_ops *ops, void *opaque, struct editor **ret_editor)
{
	struct editor *editor = calloc(1, sizeof(*editor));
	int error;

	if (!editor)
		return error_sys(ENOMEM, "a line editor");
	editor->ops = ops;
	editor->opaque = opaque;
	error = set_up(editor);
	if (error < 0) {
		editor_destroy(editor);
		return error;
	}
	*ret_editor = editor;
	return 0;
}

void editor_destroy(struct editor *editor)
{
	if (!editor)
		return;
	if (editor->edit)
		el_end(editor->edit);
	if (editor->history)
		history_end(editor->history);
	if (editor->nowhere)
		fclose(editor->nowhere);
	complete_fini(&editor->list);
	free(editor->aside);
	free(editor->line);
	free(editor);
}

enum editor_result editor_read(struct editor *editor, char **ret_line)
{
	const char *line;
	int size;

	editor->result = EDITOR_LINE;
	editor->within = WITHIN_NONE;
	editor->tabbed = editor->swapping = false;
	set_prompt(editor, "(handfast) ");
	el_set(editor->edit, EL_PREP_TERM, 1); /* else the prompt is there first, and a Ctrl-D may be lost */
	line = el_gets(editor->edit, &size);
	if (editor->result != EDITOR_LINE)
		return editor->result;
	if (!line || size <= 0)
		return EDITOR_LEFT;
	while (size > 0 && strchr(" \t\r\n", line[size - 1]))
		size--;
	free(editor->line);
	editor->line = strndup(line, (size_t)size);
	if (!editor->line)
		return EDITOR_LEFT;
	*ret_line = editor->line;
	return EDITOR_LINE;
}

void editor_remember(struct editor *editor, const char *line)
{
	HistEvent event;

	history(editor->history, &event, H_ENTER, line);
}
