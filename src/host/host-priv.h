/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_HOST_PRIV_H
#define HANDFAST_HOST_HOST_PRIV_H

/*
 * The machine that this room looks at and changes: where its trees are, and the few acts on it that a
 * test has to be able to watch and to make fail. Everything in the room takes one of these, nothing
 * names /sys by itself, so the tests run on a made-up tree.
 */
#include <stddef.h>
#include <sys/types.h>

struct host;

struct host_ops {
	/* One write to a sysfs attribute. A write that does not come back is given up: -ETIMEDOUT, and it
	 * may still happen later. */
	int (*write)(const struct host *host, const char *path, const char *text);
	/* Loads a kernel module by its name or by a device's modalias. */
	int (*load_module)(const struct host *host, const char *name);
	/* The addresses of a network interface that somebody may talk to (not the link-local ones),
	 * separated by ", "; "" where there are none. */
	void (*addresses)(const struct host *host, const char *interface, char *ret_text, size_t size);
};

struct host {
	const char *sys;	    /* "/sys" */
	const char *proc;	    /* "/proc" */
	const char *dev;	    /* "/dev" */
	const char *state;	    /* the journal's directory, outlives a reboot */
	const char *pci_ids;	    /* NULL: where libpci looks */
	const char *ssh_connection; /* of the caller's session, as sshd sets it; NULL: none */
	char modules[128];	    /* "/lib/modules/<release>" */
	const struct host_ops *ops;
	unsigned write_ms;  /* how long a sysfs write may take */
	unsigned settle_ms; /* between two looks at a device that others still work on */
	void *opaque;	    /* the ops' */
};

/* This machine. */
void host_init(struct host *host);

/* The real ops->write and ops->load_module, for a host whose other parts are made up. */
int host_write(const struct host *host, const char *path, const char *text);
int host_load_module(const struct host *host, const char *name);

#endif
