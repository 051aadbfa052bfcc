/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "host/command-priv.h"
#include "host/commands.h"
#include "host/list-priv.h"

static const char help[] =
	"usage: handfast list [--tree | --json] [--class CLASS] [--driver NAME] [--group N] [BDF...]\n"
	"\n"
	"Lists this host's PCI devices, or those named, one a line:\n"
	"\n"
	"  BDF        the address, as the other commands and -device vfio-pci,host= take it\n"
	"  GROUP      the IOMMU group: its devices go to virtual machines together; - without IOMMU\n"
	"  CLASS      what kind of device it is\n"
	"  NAME       maker and model, from this host's pci.ids\n"
	"  DRIVER     the driver it is bound to\n"
	"  RESET      how the kernel can reset it between users, best first\n"
	"  USED BY    mount points, swap, volumes, network interfaces, processes, virtual machines;\n"
	"             of other users' processes only root hears\n"
	"\n"
	"  --tree          bridges and what is behind them, with brackets around IOMMU groups\n"
	"  --json          everything there is to say, for programs\n"
	"  --class CLASS   only devices of this class: part of its name (ethernet), or its code (02, 0200)\n"
	"  --driver NAME   only devices bound to this driver; none: to no driver\n"
	"  --group N       only devices of this IOMMU group\n"
	"\n"
	"Exit status: 0, 1 failed, 2 usage.\n";

int host_command_list(int argc, char **argv)
{
	struct list_request request = { 0 };
	bool tree = false, json = false;
	const struct command_option options[] = {
		{ .name = "--tree", .ret_flag = &tree },
		{ .name = "--json", .ret_flag = &json },
		{ .name = "--class", .ret_value = &request.class_part },
		{ .name = "--driver", .ret_value = &request.driver },
		{ .name = "--group", .ret_value = &request.group },
	};
	const struct command_spec spec = {
		.name = "list",
		.help = help,
		.options = options,
		.option_count = sizeof(options) / sizeof(options[0]),
		.takes_device = true,
	};
	struct command_words words;
	struct grid_style style;
	struct host host;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status))
		return status;
	request.form = json ? LIST_JSON : tree ? LIST_TREE : LIST_TABLE;
	request.devices = words.devices;
	request.device_count = words.count;
	if ((tree && json && error_set(EINVAL, "--tree and --json are two forms of one thing")) ||
	    list_check_request(&request)) {
		status = command_misused(&spec);
	} else {
		host_init(&host);
		grid_style_detect(stdout, &style);
		status = list_devices(&host, &request, &style, stdout) ? command_failed() : COMMAND_OK;
	}
	free(words.devices);
	return status;
}
