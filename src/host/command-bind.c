/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "host/bind-priv.h"
#include "host/command-priv.h"
#include "host/commands.h"
#include "host/persist-priv.h"

static const char bind_help[] =
	"usage: handfast bind [OPTION]... BDF...\n"
	"       handfast bind --persist [OPTION]...\n"
	"\n"
	"Gives PCI devices to VFIO, so that a virtual machine can have them: to the VFIO driver made for\n"
	"the device, where modules.alias names one, else to vfio-pci. The driver is loaded where it is not\n"
	"there yet. All of the devices or none: a failure halfway puts everything back.\n"
	"\n"
	"Refused while the host uses a device: a file system mounted from it (also through partitions,\n"
	"device mapper and RAID), swap on it, a network interface that is up and has an address, a process\n"
	"that has its disk open, the boot console's framebuffer.\n"
	"\n"
	"  BDF            the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` shows it\n"
	"  --group        also the other devices of its IOMMU group; bridges stay as they are\n"
	"  --user NAME    give the nodes below /dev/vfio to this user (a name or a number), so that the\n"
	"                 virtual machine can run without root\n"
	"  --force        bind it though it is in use; the root file system and swap stay refused, and\n"
	"                 so does a device that has virtual functions\n"
	"  --driver NAME  bind it to this VFIO driver\n"
	"  --wait         wait for slow drivers as long as it takes, and say how long it takes\n"
	"  --persist      bind it now and at each boot; without BDF: bind what was recorded so\n"
	"\n"
	"The driver each device came from is remembered in /var/lib/handfast, where it outlives a crash and\n"
	"a reboot; `handfast unbind` gives the device back to it. All devices of an IOMMU group go to\n"
	"virtual machines together: what else has to be bound is noted.\n"
	"\n"
	"Exit status: 0 bound (or bound before), 1 refused or failed, 2 usage.\n";

static const char unbind_help[] =
	"usage: handfast unbind [OPTION]... BDF...\n"
	"       handfast unbind --persist [OPTION]...\n"
	"\n"
	"Gives PCI devices back to the drivers they came from when `handfast bind` took them; where nothing\n"
	"is remembered (somebody bound them by hand), to the driver that modules.alias names. Clears the\n"
	"driver override. Also finishes what an interrupted bind or unbind left behind.\n"
	"\n"
	"Refused while a virtual machine has one of the devices. After that, each device that can be given\n"
	"back is, and the others are named with the reason.\n"
	"\n"
	"  BDF            the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` shows it\n"
	"  --group        also the other devices of its IOMMU group; bridges stay as they are\n"
	"  --driver NAME  give it to this driver of the host\n"
	"  --remove-id    take back the identity that somebody gave vfio-pci through new_id\n"
	"  --wait         wait for slow drivers as long as it takes, and say how long it takes\n"
	"  --persist      give it back and do not bind it at boot any more; without BDF: all that are\n"
	"                 recorded\n"
	"\n"
	"Exit status: 0 given back (or never taken), 1 refused or failed, 2 usage.\n";

/* Only what is recorded can be meant without naming it. */
static bool names_enough(const struct command_spec *spec, struct command_words *words, bool persist,
			 bool group, int *ret_status)
{
	if (words->count || (persist && !group))
		return true;
	free(words->devices);
	error_set(EINVAL, "it needs the address of at least one device");
	*ret_status = command_misused(spec);
	return false;
}

int host_command_bind(int argc, char **argv)
{
	struct bind_options how = { 0 };
	bool persist = false;
	const struct command_option options[] = {
		{ .name = "--group", .ret_flag = &how.group },
		{ .name = "--user", .ret_value = &how.user },
		{ .name = "--force", .ret_flag = &how.force },
		{ .name = "--driver", .ret_value = &how.driver },
		{ .name = "--wait", .ret_flag = &how.wait },
		{ .name = "--persist", .ret_flag = &persist },
	};
	const struct command_spec spec = {
		.name = "bind",
		.help = bind_help,
		.options = options,
		.option_count = sizeof(options) / sizeof(options[0]),
		.takes_device = true,
	};
	struct command_words words;
	struct host host;
	int status, error;

	if (!command_parse(&spec, argc, argv, &words, &status) ||
	    !names_enough(&spec, &words, persist, how.group, &status))
		return status;
	host_init(&host);
	if (!persist)
		error = bind_devices(&host, words.devices, words.count, &how, stdout, stderr);
	else if (words.count)
		error = persist_bind(&host, words.devices, words.count, &how, stdout, stderr);
	else
		error = persist_bind_recorded(&host, &how, stdout, stderr);
	free(words.devices);
	return error ? command_failed() : COMMAND_OK;
}

int host_command_unbind(int argc, char **argv)
{
	struct unbind_options how = { 0 };
	bool persist = false;
	const struct command_option options[] = {
		{ .name = "--group", .ret_flag = &how.group },
		{ .name = "--driver", .ret_value = &how.driver },
		{ .name = "--remove-id", .ret_flag = &how.remove_id },
		{ .name = "--wait", .ret_flag = &how.wait },
		{ .name = "--persist", .ret_flag = &persist },
	};
	const struct command_spec spec = {
		.name = "unbind",
		.help = unbind_help,
		.options = options,
		.option_count = sizeof(options) / sizeof(options[0]),
		.takes_device = true,
	};
	struct command_words words;
	struct host host;
	int status, error;

	if (!command_parse(&spec, argc, argv, &words, &status) ||
	    !names_enough(&spec, &words, persist, how.group, &status))
		return status;
	host_init(&host);
	if (!persist)
		error = unbind_devices(&host, words.devices, words.count, &how, stdout, stderr);
	else if (words.count)
		error = persist_unbind(&host, words.devices, words.count, &how, stdout, stderr);
	else
		error = persist_unbind_recorded(&host, &how, stdout, stderr);
	free(words.devices);
	return error ? command_failed() : COMMAND_OK;
}
