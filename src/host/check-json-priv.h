/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_CHECK_JSON_PRIV_H
#define HANDFAST_HOST_CHECK_JSON_PRIV_H

/* What `check --json` prints; its schema stands in docs/json.md and in handfast-check(1), and keys are only
 * ever added. Objects are the caller's to put; NULL where memory is short. */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "host/device-priv.h"
#include "host/findings-priv.h"
#include "host/host-priv.h"

/* What `list --json` says in the same way: BARs, ways to reset (empty: none, or not said), a text's lines
 * (NULL for NULL), a number as "0x8086". */
struct json_object *check_json_bars(const struct host_device *device);
struct json_object *check_json_reset_methods(const struct host_device *device);
struct json_object *check_json_lines(const char *text);
void check_json_add_hex(struct json_object *object, const char *key, unsigned value, int digits);

/* Prints it as both commands do, and puts it. */
int check_json_print(struct json_object *object, FILE *out);

struct json_object *check_json_findings(const struct findings *findings);

/* device NULL: there is no such device. */
struct json_object *check_json_device(const struct host *host, const char *bdf,
				      const struct host_device *device, const struct findings *findings);

/* Takes over host_findings and the array of devices. */
struct json_object *check_json(bool ready, struct json_object *host_findings, struct json_object *devices);

#endif
