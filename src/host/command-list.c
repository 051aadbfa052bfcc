/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "host/command-priv.h"
#include "host/commands.h"
#include "host/device-priv.h"
#include "host/names-priv.h"
#include "host/usage-priv.h"

#define USES_SHOWN 8

enum {
	COLUMN_BDF,
	COLUMN_GROUP,
	COLUMN_CLASS,
	COLUMN_NAME,
	COLUMN_DRIVER,
	COLUMN_RESET,
	COLUMN_USE,
	COLUMNS
};

struct row {
	char cells[COLUMNS][128];
};

static const struct row headings = {
	.cells = { "BDF", "GROUP", "CLASS", "NAME", "DRIVER", "RESET", "USED BY" },
};

static void fill_use(struct usage *usage, const struct host_device *device, char *ret_text, size_t size)
{
	struct use uses[USES_SHOWN];
	size_t count = usage_of(usage, device, uses, USES_SHOWN), used = 0;

	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "", uses[i].brief);
}

/* A dash for what there is none of, so that columns stay columns for awk too. */
static void fill_row(struct names *names, struct usage *usage, const struct host_device *device,
		     struct row *row)
{
	*row = (struct row){ 0 };
	(void)text_copy(row->cells[COLUMN_BDF], sizeof(row->cells[0]), device->text);
	if (device->has_group)
		(void)snprintf(row->cells[COLUMN_GROUP], sizeof(row->cells[0]), "%u", device->group);
	names_class(names, device->class_code, row->cells[COLUMN_CLASS], sizeof(row->cells[0]));
	names_device(names, device->vendor, device->device, row->cells[COLUMN_NAME], sizeof(row->cells[0]));
	(void)text_copy(row->cells[COLUMN_DRIVER], sizeof(row->cells[0]), device->driver);
	if (device->can_reset)
		(void)text_copy(row->cells[COLUMN_RESET], sizeof(row->cells[0]),
				device->reset_methods[0] ? device->reset_methods : "yes");
	for (char *at = row->cells[COLUMN_RESET]; *at; at++) {
		if (*at == ' ')
			*at = ',';
	}
	fill_use(usage, device, row->cells[COLUMN_USE], sizeof(row->cells[0]));
	for (size_t i = 0; i < COLUMNS; i++) {
		if (!row->cells[i][0])
			(void)text_copy(row->cells[i], sizeof(row->cells[i]), "-");
	}
}

static void measure(const struct row *row, size_t widths[COLUMNS])
{
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t length = strlen(row->cells[i]);

		if (length > widths[i])
			widths[i] = length;
	}
}

static void print_row(const struct row *row, const size_t widths[COLUMNS])
{
	for (size_t i = 0; i + 1 < COLUMNS; i++)
		printf("%-*s  ", (int)widths[i], row->cells[i]);
	printf("%s\n", row->cells[COLUMNS - 1]);
}

static int list_devices(const struct host *host)
{
	auto_free struct host_device *devices = NULL;
	auto_free struct row *rows = NULL;
	size_t widths[COLUMNS] = { 0 }, count;
	struct usage *usage;
	struct names *names;

	if (device_load_all(host, &devices, &count) || usage_create(host, &usage))
		return error_tried("list the PCI devices");
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows) {
		usage_destroy(usage);
		return error_sys(ENOMEM, "the list of PCI devices");
	}
	names = names_open(host);
	measure(&headings, widths);
	for (size_t i = 0; i < count; i++) {
		fill_row(names, usage, &devices[i], &rows[i]);
		measure(&rows[i], widths);
	}
	names_close(names);
	usage_destroy(usage);
	print_row(&headings, widths);
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], widths);
	return 0;
}

int host_command_list(int argc, char **argv)
{
	static const struct command_spec spec = {
		.name = "list",
		.help = "usage: handfast list\n"
			"\n"
			"Lists this host's PCI devices, one a line:\n"
			"\n"
			"  BDF        the address, as the other commands and -device vfio-pci,host= take it\n"
			"  GROUP      the IOMMU group: its devices go to virtual machines together; - "
			"without IOMMU\n"
			"  CLASS      what kind of device it is\n"
			"  NAME       maker and model, from this host's pci.ids\n"
			"  DRIVER     the driver it is bound to\n"
			"  RESET      how the kernel can reset it between users, best first\n"
			"  USED BY    mount points, swap, network interfaces, processes, virtual machines\n"
			"\n"
			"Exit status: 0, 1 failed, 2 usage.\n",
	};
	struct command_words words;
	struct host host;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status))
		return status;
	free(words.devices);
	host_init(&host);
	return list_devices(&host) ? command_failed() : COMMAND_OK;
}
