/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_OPTIONS_PRIV_H
#define HANDFAST_APP_OPTIONS_PRIV_H

/* The options with arguments of their own to read: -machine, -cpu, -smp, -m, -chardev, -serial, -qmp,
 * -mon. Each returns
 * 0 or a negative errno with a cause. */
#include "app/options.h"

int options_read_machine(struct options *options, const char *argument);
int options_read_cpu(struct options *options, const char *argument);
int options_read_smp(struct options *options, const char *argument);
int options_read_memory(struct options *options, const char *argument);
int options_read_accel(struct options *options, const char *argument);

/* options-global.c */
int options_read_global(struct options *options, const char *argument);

int options_read_chardev(struct options *options, const char *argument);
int options_read_qmp(struct options *options, const char *argument);
int options_read_mon(struct options *options, const char *argument);

/* After all options are read: -serial and -mon may name a -chardev that comes behind them. */
int options_resolve_serial(struct options *options);
int options_resolve_monitors(struct options *options);
/* And then every -chardev has to be of use. */
int options_check_chardevs(const struct options *options);

/* A backend in short: "stdio", "file:PATH", "unix:PATH,server,nowait", "tcp:IP:PORT,server,nowait", or as
 * behind -chardev. what: the option, for messages. */
int options_parse_backend(const char *text, const char *what, struct options_chardev *ret_chardev);
/* The -chardev of that id, used from now on, by nobody else. Errors: ENOENT, EBUSY. */
int options_use_chardev(struct options *options, const char *id, const struct options_chardev **ret_chardev);
void options_chardev_free(struct options_chardev *chardev);

#endif
