/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `handfast qmp` remembers of what was typed. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmp/history-priv.h"

static char home[64];

static int set_up(void **state)
{
	strcpy(home, "/tmp/handfast-history.XXXXXX");
	if (!mkdtemp(home))
		return -1;
	setenv("HOME", home, 1);
	unsetenv("XDG_STATE_HOME");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", home);
	return system(command);
}

static void expect_lines(const char *path, const char *wanted)
{
	struct history_lines lines;
	char text[256] = "";

	history_load(path, &lines);
	for (size_t i = 0; i < lines.count; i++) {
		strcat(text, lines.lines[i]);
		strcat(text, "|");
	}
	assert_string_equal(text, wanted);
	history_fini(&lines);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_paths(void **state)
{
	char wanted[128], *path = history_path();

	snprintf(wanted, sizeof(wanted), "%s/.local/state/handfast/qmp-history", home);
	assert_string_equal(path, wanted);
	free(path);
	setenv("XDG_STATE_HOME", "relative", 1); /* is to be ignored, says the specification */
	path = history_path();
	assert_string_equal(path, wanted);
	free(path);
	setenv("XDG_STATE_HOME", "/state", 1);
	path = history_path();
	assert_string_equal(path, "/state/handfast/qmp-history");
	free(path);
	unsetenv("HOME");
	assert_null(history_path());
	history_add(NULL, "stop");
	expect_lines(NULL, "");
}

static void test_lines(void **state)
{
	char *path = history_path();
	struct stat status;

	expect_lines(path, "");
	history_add(path, "stop");
	history_add(path, "cont");
	history_add(path, "cont");
	history_add(path, "");
	history_add(path, "device_add driver=vfio-pci vf-token=1-2-3");
	history_add(path, "{\"execute\":\"$(quit)\"}");
	expect_lines(path, "stop|cont|{\"execute\":\"$(quit)\"}|");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	free(path);
}

static void test_no_more_than(void **state)
{
	char *path = history_path(), line[32];
	struct history_lines lines;

	for (unsigned i = 0; i < HISTORY_LINES_MAX + 2; i++) {
		snprintf(line, sizeof(line), "line %u", i);
		history_add(path, line);
	}
	history_load(path, &lines);
	assert_int_equal(lines.count, HISTORY_LINES_MAX);
	assert_string_equal(lines.lines[0], "line 2");
	assert_string_equal(lines.lines[HISTORY_LINES_MAX - 1], line);
	history_fini(&lines);
	free(path);
}

/* What somebody else has made of the file. */
static void test_strange_files(void **state)
{
	char *path = history_path(), other[128], *longest = malloc(HISTORY_LINE_SIZE + 1);

	snprintf(other, sizeof(other), "%s/other", home);
	history_add(path, "first");
	memset(longest, 'x', HISTORY_LINE_SIZE);
	longest[HISTORY_LINE_SIZE] = '\0';
	history_add(path, longest);
	history_add(path, "a\nb");
	expect_lines(path, "first|");
	write_text(path, "good\n\033]0;evil\007\n\nno end");
	expect_lines(path, "good|no end|");
	/* not ours to follow */
	write_text(other, "secret\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(other, path), 0);
	expect_lines(path, "");
	history_add(path, "mine");
	expect_lines(path, "mine|");
	expect_lines(other, "secret|");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_lines(path, "");
	free(longest);
	free(path);
}

/* Where nothing can be written, nothing is, and nothing is left behind. */
static void test_no_place(void **state)
{
	char folder[128], *path;

	snprintf(folder, sizeof(folder), "%s/.local", home);
	write_text(folder, "a file\n");
	path = history_path();
	history_add(path, "stop");
	expect_lines(path, "");
	expect_lines(folder, "a file|");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_more_than, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strange_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
