/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "host/bind-priv.h"
#include "host/command-priv.h"
#include "host/commands.h"

static bool named_devices(const struct command_spec *spec, struct command_words *words, int *ret_status)
{
	if (words->count)
		return true;
	free(words->devices);
	error_set(EINVAL, "it needs the address of at least one device");
	*ret_status = command_misused(spec);
	return false;
}

int host_command_bind(int argc, char **argv)
{
	struct bind_options how = { 0 };
	const struct command_option options[] = {
		{ .name = "--force", .ret_flag = &how.force },
	};
	const struct command_spec spec = {
		.name = "bind",
		.help = "usage: handfast bind [--force] BDF...\n"
			"\n"
			"Gives PCI devices to the driver vfio-pci, so that a virtual machine can have them. "
			"All of\n"
			"the devices named or none: a failure halfway puts everything back. vfio-pci is "
			"loaded\n"
			"where it is a module that is not there yet.\n"
			"\n"
			"Refused while the host uses a device: a file system mounted from it (also through\n"
			"partitions, device mapper and RAID), swap on it, a network interface that is up and "
			"has\n"
			"an address, a process that has its disk open.\n"
			"\n"
			"  BDF        the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` "
			"shows it\n"
			"  --force    bind it though it is in use; the root file system and swap stay "
			"refused\n"
			"\n"
			"The driver each device came from is remembered in /var/lib/handfast, where it "
			"outlives a\n"
			"crash and a reboot; `handfast unbind` gives the device back to it. All devices of "
			"an IOMMU\n"
			"group go to virtual machines together: what else has to be bound is noted.\n"
			"\n"
			"Exit status: 0 bound (or bound before), 1 refused or failed, 2 usage.\n",
		.options = options,
		.option_count = sizeof(options) / sizeof(options[0]),
		.takes_device = true,
	};
	struct command_words words;
	struct host host;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status) || !named_devices(&spec, &words, &status))
		return status;
	host_init(&host);
	status = COMMAND_OK;
	if (bind_devices(&host, words.devices, words.count, &how, stdout, stderr))
		status = command_failed();
	free(words.devices);
	return status;
}

int host_command_unbind(int argc, char **argv)
{
	static const struct command_spec spec = {
		.name = "unbind",
		.help = "usage: handfast unbind BDF...\n"
			"\n"
			"Gives PCI devices back to the drivers they came from when `handfast bind` took "
			"them; where\n"
			"nothing is remembered (somebody bound them by hand), to whichever driver of this "
			"kernel\n"
			"claims them. Clears the driver override. Also finishes what an interrupted bind or "
			"unbind\n"
			"left behind.\n"
			"\n"
			"Refused while a virtual machine has one of the devices. After that, each device "
			"that can\n"
			"be given back is, and the others are named with the reason.\n"
			"\n"
			"  BDF        the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` "
			"shows it\n"
			"\n"
			"Exit status: 0 given back (or never taken), 1 refused or failed, 2 usage.\n",
		.takes_device = true,
	};
	const struct unbind_options how = { 0 };
	struct command_words words;
	struct host host;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status) || !named_devices(&spec, &words, &status))
		return status;
	host_init(&host);
	status = COMMAND_OK;
	if (unbind_devices(&host, words.devices, words.count, &how, stdout, stderr))
		status = command_failed();
	free(words.devices);
	return status;
}
