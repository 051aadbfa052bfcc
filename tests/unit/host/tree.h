/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_UNIT_HOST_TREE_H
#define HANDFAST_TESTS_UNIT_HOST_TREE_H

/*
 * A made-up host: /sys, /proc, /dev and the journal's folder below a temporary one, and a kernel that
 * reacts to writes to driver_override, unbind and drivers_probe as Linux does. It counts the writes,
 * and can make any of them fail, hang, or end the process.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/error.h"
#include "base/host_id.h"
#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/host-priv.h"

struct tree {
	char root[64];
	char sys[80], proc[80], dev[80], state[80], run[80];
	struct host host;
	unsigned writes;	  /* so far */
	unsigned fail_at;	  /* the write that fails (1: the first); 0: none */
	int fail_errno;		  /* how: an errno; 0: the process ends there as if killed */
	bool fail_after;	  /* it takes effect all the same, before it fails */
	pid_t writer;		  /* who is left in a write that hangs (ETIMEDOUT) */
	bool dynamic_id;	  /* new_id told vfio-pci to take whatever has no override */
	unsigned probes_lost;	  /* this many probes do nothing */
	const char *refuses;	  /* a driver whose probe takes no device; or NULL */
	const char *module;	  /* a driver that load_module() brings; or NULL */
	const char *alias_module; /* the one that it brings for any device's modalias; or NULL */
	void (*step)(void);	  /* called before and after everything that is done to the host; or NULL */
	bool inside;		  /* the made-up kernel is at work */
	const char *parent; /* the folder that tree_device() puts devices in: a host bridge's or a bridge's */
	const char *addresses; /* of every network interface; or "eth0=10.0.0.2;br0=..." of each */
	char text[ERROR_TEXT_SIZE];
};

void tree_create(struct tree *tree);
void tree_destroy(struct tree *tree);

/* Paths are below the root ("sys/class/net"); folders are made as needed. */
void tree_file(struct tree *tree, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void tree_link(struct tree *tree, const char *path, const char *target);
void tree_folder(struct tree *tree, const char *path);
void tree_remove(struct tree *tree, const char *path); /* a file, or an empty folder */
bool tree_has(struct tree *tree, const char *path);
/* The text of a file, trailing newline gone; "" where there is none. */
const char *tree_read(struct tree *tree, const char *path);

void tree_driver(struct tree *tree, const char *driver);
/* An endpoint below tree->parent (pci0000:00), bound to its native driver ("": has none), in a group (< 0:
 * none). */
void tree_device(struct tree *tree, const char *bdf, unsigned vendor, unsigned device, unsigned class_code,
		 const char *driver, int group);
/* What the device is bound to now, "" for none. */
const char *tree_driver_of(struct tree *tree, const char *bdf);
void tree_bind(struct tree *tree, const char *bdf, const char *driver);
/* This process may lock any amount of memory, whatever the machine says that runs the tests. */
void tree_may_lock(struct tree *tree);
/* The node is there and cannot be opened, as a group that another process has. */
void tree_busy(struct tree *tree, const char *node);
/* A process with one open file; a VFIO node is busy then. */
void tree_process(struct tree *tree, unsigned pid, const char *name, const char *open);
/* A block device of that number below a folder of sysfs ("sys/devices/..."). */
void tree_block(struct tree *tree, const char *parent, const char *name, const char *number);
/* A character device below a folder of sysfs, and its name below /dev. */
void tree_node(struct tree *tree, const char *parent, const char *name, const char *number, const char *node);
/* A network interface below a folder of sysfs. */
void tree_interface(struct tree *tree, const char *parent, const char *name, const char *flags);

struct bdf tree_bdf(const char *text);
/* The same as the broker wants it; good until the next call. */
const struct host_id *tree_id(const char *text);
struct host_device tree_load(struct tree *tree, const char *bdf);

/* A text as a golden test wants it: the root cut out wherever it stands. Valid until the next call. */
const char *tree_plain(struct tree *tree, const char *text);
/* All findings as text, and freed: "level topic: what [cure]", one a line; level o, w or X. */
const char *tree_story(struct tree *tree, struct findings *findings);
/* What a start finds out about a device. */
const char *tree_device_story(struct tree *tree, const char *bdf);
/* This thread's error record, formatted and plain. */
const char *tree_error(struct tree *tree);

#endif
