/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_DEVICES_H
#define HANDFAST_APP_DEVICES_H

/*
 * The kinds of device that -device knows: one table, from which creation, `-device help` and the man page
 * come. A device is planned first (its words read, its place found, nothing touched) and created later.
 */
#include <stdbool.h>
#include <stdint.h>

#include "app/keyval.h"
#include "pci/pci.h"
#include "pci/root_port.h"
#include "vfio/vfio.h"

#define DEVICE_UNPLUG_SECONDS 30

struct device_kind;
struct json_object;

/* What becomes of the guest when the host tells that a device has failed (x-err-action=). */
enum device_err_action {
	DEVICE_ERR_PAUSE,
	DEVICE_ERR_LOG,
	DEVICE_ERR_RESET,
	DEVICE_ERR_QUIT,
};

/* What one -device, or device_add, asks for. */
struct device_plan {
	struct device_plan *next; /* of the same machine */
	struct pci_function
		*function; /* what has been made of it and sits on its bus; NULL: nothing yet, or */
	bool leaving;	   /* it has left its bus and is being closed */
	const struct device_kind *kind;
	char *id;  /* NULL: none given */
	char *bus; /* name of the bus */
	bool placed;
	uint8_t devfn; /* valid where placed */
	bool multifunction;
	struct pci_root_port_options root_port;
	char *sysfsdev; /* NULL: named by host= */
	struct host_id host;
	bool host_known; /* by host=, or found (device_plan_find()) */
	bool managed;	 /* bound before the start, given back after the end */
	bool no_p2p;
	enum device_err_action err_action;
	char *vf_token;		 /* NULL: none */
	bool no_rom;		 /* the guest sees no option ROM */
	char *romfile;		 /* NULL: the device's own */
	struct vfio_rom *rom;	 /* what is in romfile; NULL until machine_check() has read it */
	unsigned unplug_seconds; /* that the guest has to let go of it */
	uint64_t watched_ns;	 /* how long the guest has run with it, */
	bool watched_out;	 /* and whether nobody looks at that any more (machine-claims.c) */
};

/* Handles that creation may use. */
struct device_handles {
	struct pci_root_port_handles port;
	struct vfio *vfio;
	struct vfio_progress progress;
};

struct device_kind {
	const char *name;
	const char *summary;
	const struct keyval_key *keys;
	size_t key_count;
	bool host_device; /* plan->host is a device of the host */
	/* Reads the kind's own keys. */
	int (*plan)(struct keyvals *keyvals, struct device_plan *plan);
	int (*create)(const struct device_handles *handles, const struct device_plan *plan,
		      struct pci_function **ret_function);
};

/* argument: what stands behind -device, words or an object of JSON. Errors name the key. */
int device_plan_read(const char *argument, struct device_plan *ret_plan);
/* The same as an object of JSON, which stays the caller's: "driver" and the keys of that driver, their values
 * strings, booleans or whole numbers. Errors are in QEMU's words. */
int device_plan_read_json(struct json_object *object, struct device_plan *ret_plan);
/* The same in pieces: the driver's name, NULL with a cause on record where there is none such; its keys,
 * which are used up. */
const struct device_kind *device_kind_find(const char *name);
/* All kinds, counted from 0; NULL: no more. */
const struct device_kind *device_kind_at(size_t index);
int device_plan_fill(const struct device_kind *kind, struct keyvals *keyvals, struct device_plan *ret_plan);
void device_plan_free(struct device_plan *plan);

/*
 * Looks at all plans together and gives a place to those without one: ids unique, buses there, slots in
 * range and free, multifunction rules, no host device twice as far as they are known. Touches nothing.
 */
int device_plans_place(struct device_plan *plans);

/*
 * The same for one that is to be plugged into the machine of those plans, and is not among them: its bus has
 * to be a port's with a slot that can be plugged, and function 0 of a slot comes last. Errors name what there
 * is instead.
 */
int device_plan_place_plugged(const struct device_plan *plans, struct device_plan *plan);

/* Finds out which device of the host it means where it names one by sysfsdev=, and whether the other keys go
 * with that. Has to be done before anything else is asked of the broker about it. */
int device_plan_find(struct device_plan *plan, struct broker *broker);

/* No host device twice: of all plans, or of one and those before it in the list (all, if it is not in there).
 */
int device_plan_check_host(const struct device_plan *plans, const struct device_plan *plan);
int device_plans_check_hosts(const struct device_plan *plans);

/* "0x3", "3", "05", "0x03.0x0", "8.2", "1f.3": a slot and a function. A bare number that reads differently as
 * decimal (StratoVirt) and hexadecimal (QEMU) is refused. */
int device_addr_parse(const char *text, uint8_t *ret_devfn);

/* For `-device help` and `-device DRIVER,help`: prints and returns 1 (-EINVAL: no such driver); 0 where
 * the argument asks for no help. */
int device_print_help(const char *argument);

/* "pause", ... as behind x-err-action=. */
const char *device_err_action_name(enum device_err_action action);

/* "vfio-pci 'net'", or without an id "vfio-pci 0000:1a:00.3", or "vfio-pci /sys/..."; returns ret_text. */
const char *device_plan_name(const struct device_plan *plan, char *ret_text, size_t size);

#endif
