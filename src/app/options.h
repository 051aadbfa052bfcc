/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_OPTIONS_H
#define HANDFAST_APP_OPTIONS_H

/* The command line of a VM, read and checked as far as it goes without looking at the host. */
#include <stdbool.h>
#include <stdint.h>

#include "dev/chardev.h"
#include "kvm/vcpu.h"

#define OPTIONS_DEVICES_MAX  256
#define OPTIONS_CHARDEVS_MAX 16
#define OPTIONS_MONITORS_MAX 16
#define OPTIONS_CPUS_MAX     64

struct options_chardev {
	char *id;
	char *path; /* owned; what options.path points to */
	struct chardev_options options;
	char *host; /* owned; of a TCP socket, with port; else NULL */
	uint16_t port;
	bool used;
};

/* A place where QMP is spoken. */
struct options_monitor {
	const char *text; /* into argv: what stands behind -qmp, or behind -mon */
	bool mon;
	struct options_chardev own;
	const struct options_chardev *socket; /* own, or one of the -chardev */
};

struct options {
	uint64_t memory; /* bytes */
	bool prealloc;
	bool dump_guest_core;
	bool fast_unplug;    /* of all ports */
	bool native_hotplug; /* slots are not plugged by ACPI, whatever the guest knows of */
	struct kvm_topology topology;
	bool pmu;
	const char *kernel; /* these point into argv */
	const char *initrd;
	const char *append;
	const char *log_path;
	const char *name;
	bool no_reboot;
	bool start_paused;

	const char *devices[OPTIONS_DEVICES_MAX]; /* arguments of -device, in order */
	unsigned device_count;
	struct options_chardev chardevs[OPTIONS_CHARDEVS_MAX];
	unsigned chardev_count;
	struct options_monitor monitors[OPTIONS_MONITORS_MAX];
	unsigned monitor_count;
	struct options_chardev serial; /* kind CHARDEV_NULL: not connected */

	/* While reading. */
	const char *serial_text;
	bool nographic;
};

/*
 * argv[0] is the first option. Returns 0; 1 where help or the version was asked for and printed; or a
 * negative errno. options_free() in any case.
 */
int options_parse(int argc, char **argv, struct options *ret_options);
void options_free(struct options *options);

/* Prints what -help prints. */
void options_print_help(void);

#endif
