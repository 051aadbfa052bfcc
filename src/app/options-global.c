/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/options-priv.h"
#include "base/error.h"

/* -global DRIVER.PROPERTY=VALUE: what QEMU and StratoVirt set for all devices of a kind, as far as there is
 * such a thing here. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int set_fast_unplug(struct options *options, bool on)
{
	options->fast_unplug = on;
	return 0;
}

static int set_acpi_hotplug(struct options *options, bool on)
{
	options->native_hotplug = !on;
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct options *options, bool on);
} table[] = {
	{ "pcie-root-port.fast-unplug", set_fast_unplug },
	{ "ICH9-LPC.acpi-pci-hotplug-with-bridge-support", set_acpi_hotplug },
};

static int read_switch(const char *text, bool *ret_on)
{
	static const struct {
		const char *text;
		bool on;
	} words[] = { { "on", true }, { "off", false }, { "1", true }, { "0", false } };

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(text, words[i].text) == 0) {
			*ret_on = words[i].on;
			return 0;
		}
	}
	error_set(EINVAL, "'%s' is neither on (1) nor off (0)", text);
	return error_try("on or off");
}

static int unknown(const char *argument)
{
	char known[256] = "";

	for (size_t i = 0; i < COUNT(table); i++) {
		strncat(known, i ? ", " : "", sizeof(known) - strlen(known) - 1);
		strncat(known, table[i].name, sizeof(known) - strlen(known) - 1);
	}
	error_set(EINVAL, "there is no such property; there are: %s", known);
	error_tried("use -global %s", argument);
	return error_try("the property itself with each -device (-device DRIVER,help lists them)");
}

int options_read_global(struct options *options, const char *argument)
{
	const char *value = strchr(argument, '=');

	for (size_t i = 0; value && i < COUNT(table); i++) {
		bool on = false;
		int error;

		if (strlen(table[i].name) != (size_t)(value - argument) ||
		    strncmp(table[i].name, argument, strlen(table[i].name)) != 0)
			continue;
		error = read_switch(value + 1, &on);
		if (error == 0)
			error = table[i].set(options, on);
		return error < 0 ? error_tried("use -global %s", argument) : 0;
	}
	return unknown(argument);
}
