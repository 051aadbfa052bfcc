/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_HOST_PRIV_H
#define HANDFAST_HOST_HOST_PRIV_H

/*
 * The machine that this room looks at and changes: where its trees are, and the few acts on it that a
 * test has to be able to watch and to make fail. Everything in the room takes one of these, nothing
 * names /sys by itself, so the tests run on a made-up tree.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

struct host;
struct progress;

struct host_ops {
	/* One write to a sysfs attribute. A write that does not come back is given up: -ETIMEDOUT, and it
	 * may still happen later. *ret_writer: then the process that sits in it, 0 where none is known. */
	int (*write)(const struct host *host, const char *path, const char *text, pid_t *ret_writer);
	/* Loads a kernel module by its name or by a device's modalias. -ETIMEDOUT as above. */
	int (*load_module)(const struct host *host, const char *name);
	/* Gives a device node to a user; its group and mode stay. */
	int (*own)(const struct host *host, const char *path, uid_t user);
	/* The addresses of a network interface that somebody may talk to (not the link-local ones),
	 * separated by ", "; "" where there are none. */
	void (*addresses)(const struct host *host, const char *interface, char *ret_text, size_t size);
};

struct host {
	const char *sys;	    /* "/sys" */
	const char *proc;	    /* "/proc" */
	const char *dev;	    /* "/dev" */
	const char *root;	    /* "": stands before every other path (/run, /boot) */
	const char *state;	    /* the journal's directory, outlives a reboot */
	const char *pci_ids;	    /* NULL: where libpci looks */
	const char *ssh_connection; /* of the caller's session, as sshd sets it; NULL: none */
	char modules[128];	    /* "/lib/modules/<release>" */
	const struct host_ops *ops;
	const char *run;    /* "/run" */
	unsigned write_ms;  /* how long a sysfs write may take; 0: as long as it wants, or until Ctrl-C */
	unsigned settle_ms; /* between two looks at a device that others still work on */
	void *opaque;	    /* the ops' */
	struct progress *progress; /* of what takes long; or NULL */
};

/* This machine. */
void host_init(struct host *host);

/* The real ones of the ops, for a host whose other parts are made up. */
int host_write(const struct host *host, const char *path, const char *text, pid_t *ret_writer);
int host_load_module(const struct host *host, const char *name);
int host_own(const struct host *host, const char *path, uid_t user);

/*
 * Runs work(opaque), which leaves its failure in the error record, in a child that holds nothing of ours, and
 * waits for it no longer than `ms` (0: until it is done), or until Ctrl-C once it has lasted a second (where
 * that signal is held). Then -ETIMEDOUT: the child was killed, but one that is stuck in the kernel stays;
 * *ret_child: its process. Returns what work() returned.
 */
int host_in_child(const struct host *host, unsigned ms, int (*work)(const void *opaque), const void *opaque,
		  pid_t *ret_child);

/*
 * Ctrl-C between two writes would leave a device between two drivers: it waits until host_release_signals().
 * Signals that are ignored stay so.
 */
void host_hold_signals(sigset_t *ret_before);
void host_release_signals(const sigset_t *before);

#endif
