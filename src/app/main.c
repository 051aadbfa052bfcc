/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/machine.h"
#include "app/monitor.h"
#include "app/options.h"
#include "base/error.h"
#include "base/log.h"
#include "host/commands.h"
#include "qmp/tool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int run_qmp(int argc, char **argv)
{
	return qmp_tool(argc, argv, &monitor_table);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "check", host_command_check },
	{ "list", host_command_list },
	{ "bind", host_command_bind },
	{ "unbind", host_command_unbind },
	{ "qmp", run_qmp },
};

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

/* Where messages go (-D) and how many (HANDFAST_LOG). */
static int set_up_log(const struct options *options)
{
	const char *wanted = getenv("HANDFAST_LOG");
	enum log_level level = LOG_LEVEL_WARNING;
	int fd = STDERR_FILENO;

	if (wanted && *wanted) {
		size_t i = 0;

		while (i < COUNT(levels) && strcmp(levels[i].name, wanted) != 0)
			i++;
		if (i == COUNT(levels)) {
			error_set(EINVAL, "'%s' is no log level", wanted);
			error_tried("use the environment variable HANDFAST_LOG");
			return error_try("error, warning, info or debug");
		}
		level = levels[i].level;
	}
	if (options->log_path) {
		fd = open(options->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0) {
			error_sys(errno, "it cannot be opened for writing");
			error_tried("log to %s", options->log_path);
			return error_try("another file behind -D");
		}
	}
	log_setup(fd, level);
	return 0;
}

/* What was asked for has to have arrived; else the status says so. has_output: somebody gave us a standard
 * output. */
static int finish_output(int status, bool has_output)
{
	bool failed = ferror(stdout);

	if (fflush(stdout))
		error_sys(errno, "what it was to say could not be written");
	else if (failed || !has_output)
		error_set(EBADF, "what it was to say could not be written%s",
			  has_output ? "" : ": standard output is closed");
	else
		return status;
	error_tried("write to standard output");
	error_try("another place for it: handfast ... > FILE");
	log_failure(error_get());
	return status ? status : EXIT_FAILURE;
}

/* Ends the way the signal would have ended us, so that a shell or systemd sees it. */
static int die_by(int signal_number)
{
	sigset_t signals;

	signal(signal_number, SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	return 128 + signal_number;
}

static int run_vm(int argc, char **argv, bool has_output)
{
	struct options options;
	struct machine *machine = NULL;
	int ended_by = 0;
	int error = options_parse(argc, argv, &options);

	if (error > 0) {
		options_free(&options);
		return finish_output(EXIT_SUCCESS, has_output);
	}
	if (error == 0)
		error = set_up_log(&options);
	if (error == 0 && options.name)
		prctl(PR_SET_NAME, options.name);
	if (error == 0)
		error = machine_create(&options, &machine);
	if (error == 0)
		error = machine_run(machine, &ended_by);
	if (error < 0) {
		if (error_get()->tried[0] == '\0')
			error_tried("start the VM");
		log_failure(error_get());
	}
	if (machine_destroy(machine) < 0) {
		log_failure(error_get());
		/* Whoever waits for our end must not take it for a good one. */
		error = -error_get()->errnum;
		ended_by = 0;
	}
	options_free(&options);
	if (ended_by)
		return die_by(ended_by);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int unknown_command(const char *word)
{
	error_set(EINVAL, "'%s' is neither an option nor a command", word);
	error_tried("run handfast %s", word);
	error_try(
		"handfast check, list, bind, unbind or qmp; or options that begin with '-' (handfast -help)");
	log_failure(error_get());
	return EXIT_FAILURE;
}

/* Nothing that is opened later may become standard input, output or error by accident. Returns whether there
 * was a standard output. */
static bool open_standard_descriptors(void)
{
	bool has_output = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return has_output;
}

int main(int argc, char **argv)
{
	bool has_output = open_standard_descriptors();

	if (argc < 2) {
		options_print_help();
		return EXIT_FAILURE;
	}
	if (strcmp(argv[1], "help") == 0) {
		options_print_help();
		return finish_output(EXIT_SUCCESS, has_output);
	}
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return finish_output(commands[i].run(argc - 1, argv + 1), has_output);
	}
	if (argv[1][0] != '-')
		return unknown_command(argv[1]);
	return run_vm(argc - 1, argv + 1, has_output);
}
