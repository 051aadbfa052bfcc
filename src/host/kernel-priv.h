/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_KERNEL_PRIV_H
#define HANDFAST_HOST_KERNEL_PRIV_H

/* What can be known of the running kernel: how it was started, how it was built, which drivers it has. */
#include <stdbool.h>

#include "host/host-priv.h"

/* Whether the kernel's command line has this word. */
bool kernel_booted_with(const struct host *host, const char *word);

/* Whether it has "name=...", with value among what follows, commas between; value NULL: whatever follows. */
bool kernel_booted_with_value(const struct host *host, const char *name, const char *value);

enum kernel_option {
	KERNEL_OPTION_UNKNOWN, /* the kernel's configuration cannot be read here */
	KERNEL_OPTION_OFF,
	KERNEL_OPTION_MODULE,
	KERNEL_OPTION_BUILT_IN,
};

/* An option of the kernel's configuration, without its CONFIG_. Looks where distributions put that:
 * /boot/config-RELEASE, /lib/modules/RELEASE/config, /proc/config.gz. */
enum kernel_option kernel_option(const struct host *host, const char *option);

enum kernel_module {
	KERNEL_MODULE_UNKNOWN, /* not there, and this kernel's lists of modules are not here */
	KERNEL_MODULE_NONE,
	KERNEL_MODULE_LOADABLE,
	KERNEL_MODULE_LOADED,
	KERNEL_MODULE_BUILT_IN,
};

/* name: as its file is called; hyphens and underscores are the same. */
enum kernel_module kernel_module(const struct host *host, const char *name);

/* Whether the release is major.minor or later; also where that cannot be read. */
bool kernel_is_since(const struct host *host, unsigned major, unsigned minor);

#endif
