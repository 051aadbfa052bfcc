/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_LIST_PRIV_H
#define HANDFAST_HOST_LIST_PRIV_H

/* What `handfast list` shows, and the three forms of it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"
#include "host/device-priv.h"
#include "host/grid-priv.h"
#include "host/host-priv.h"
#include "host/usage-priv.h"

enum list_form {
	LIST_TABLE,
	LIST_TREE,
	LIST_JSON,
};

struct list_request {
	enum list_form form;
	/* Filters; a device has to pass all that are set. */
	const char *class_part;	   /* part of the class's name, or its code: 02, 0200, 010802; NULL: any */
	const char *driver;	   /* "none": without one; NULL: any */
	const char *group;	   /* its number; NULL: any */
	const struct bdf *devices; /* these only, where there are any */
	size_t device_count;
};

struct list_entry {
	struct host_device device;
	char class_name[128];
	char name[256];
	bool shown;	    /* passes the filters */
	bool visible;	    /* in a tree: is shown, or above one that is */
	size_t parent;	    /* the bridge above it, SIZE_MAX: none */
	char root[32];	    /* its host bridge, as sysfs calls it: "pci0000:00" */
	char progress[160]; /* of a bind or unbind that has not come to its end; "" none */
	size_t use_count;
	struct use *uses;
};

struct list {
	struct list_entry *entries;
	size_t count;
};

/* -EINVAL: the request cannot be understood; nothing has been looked at. */
int list_check_request(const struct list_request *request);

int list_load(const struct host *host, const struct list_request *request, struct list *ret_list);
void list_fini(struct list *list); /* also of a zeroed one */

/* What a table has room for: "/srv, LVM vg0"; "" where nobody uses it. */
void list_use_text(const struct list_entry *entry, char *ret_text, size_t size);
enum grid_tone list_use_tone(const struct list_entry *entry);
enum grid_tone list_driver_tone(const struct list_entry *entry);

int list_print_table(const struct list *list, const struct grid_style *style, FILE *out);
int list_print_tree(const struct list *list, const struct grid_style *style, FILE *out);
/* docs/json.md describes it. */
int list_print_json(const struct list *list, FILE *out);

/* All of it. */
int list_devices(const struct host *host, const struct list_request *request, const struct grid_style *style,
		 FILE *out);

#endif
