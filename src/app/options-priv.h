/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_OPTIONS_PRIV_H
#define HANDFAST_APP_OPTIONS_PRIV_H

/* The options with arguments of their own to read: -machine, -cpu, -smp, -m, -chardev, -serial. Each returns
 * 0 or a negative errno with a cause. */
#include "app/options.h"

int options_read_machine(struct options *options, const char *argument);
int options_read_cpu(struct options *options, const char *argument);
int options_read_smp(struct options *options, const char *argument);
int options_read_memory(struct options *options, const char *argument);
int options_read_accel(struct options *options, const char *argument);

int options_read_chardev(struct options *options, const char *argument);
/* After all options are read: -serial may name a -chardev that comes behind it. */
int options_resolve_serial(struct options *options);

#endif
