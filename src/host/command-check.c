/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/command-priv.h"
#include "host/commands.h"

/* Prints text with its further lines under the first, `indent` columns in. */
static void print_lines(const char *text, int indent)
{
	const char *end;

	while ((end = strchr(text, '\n'))) {
		printf("%.*s\n%*s", (int)(end - text), text, indent, "");
		text = end + 1;
	}
	printf("%s\n", text);
}

static void print_findings(const struct findings *findings)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok",
		[FINDING_WARNING] = "warning",
		[FINDING_OBSTACLE] = "obstacle",
	};

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		printf("  %-8s  %-10s  ", words[finding->level], finding->topic);
		print_lines(finding->what, 24);
		if (finding->cure) {
			printf("%24stry: ", "");
			print_lines(finding->cure, 29);
		}
	}
}

/* Everything about one device; returns whether it could be handed out as it is. */
static bool check_one(const struct host *host, struct usage *usage, struct bdf bdf)
{
	struct findings findings = { 0 };
	struct host_device device;
	char title[256];
	bool ready;

	bdf_format(bdf, findings.subject);
	if (device_load(host, bdf, &device)) {
		printf("\n%s\n", findings.subject);
		findings_obstacle_error(&findings, "device");
	} else {
		printf("\n%s\n", check_device_title(host, &device, title, sizeof(title)));
		check_device(host, &device, NULL, &findings);
		/* A VFIO driver's users are VMs, and named by check_device(). */
		if (device.driver[0] && !driver_is_vfio(device.driver))
			check_uses(usage, &device, false, &findings);
	}
	print_findings(&findings);
	ready = !findings_obstructed(&findings);
	findings_fini(&findings);
	return ready;
}

static bool check_this_host(const struct host *host)
{
	struct findings findings = { 0 };
	bool ready;

	check_host(host, &findings);
	printf("this host\n");
	print_findings(&findings);
	ready = !findings_obstructed(&findings);
	findings_fini(&findings);
	return ready;
}

int host_command_check(int argc, char **argv)
{
	static const struct command_spec spec = {
		.name = "check",
		.help = "usage: handfast check [BDF...]\n"
			"\n"
			"Says whether this host, and each of the devices named, can be passed through to a "
			"virtual\n"
			"machine, and for everything that stands in the way its cause and the command that "
			"cures\n"
			"it. Changes nothing. Starting a virtual machine makes the same checks.\n"
			"\n"
			"The host: KVM, IOMMU and interrupt remapping, the VFIO drivers, the limit on "
			"locked\n"
			"memory. A device: its driver, its IOMMU group and who in it is in the way, the node "
			"and\n"
			"who may open it, who uses it, how it can be reset.\n"
			"\n"
			"  BDF        the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` "
			"shows it\n"
			"\n"
			"Exit status: 0 no obstacle, 1 at least one obstacle, 2 usage.\n",
		.takes_device = true,
	};
	struct command_words words;
	struct usage *usage = NULL;
	struct host host;
	bool ready;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status))
		return status;
	host_init(&host);
	if (usage_create(&host, &usage)) {
		free(words.devices);
		return command_failed();
	}
	ready = check_this_host(&host);
	for (size_t i = 0; i < words.count; i++)
		ready &= check_one(&host, usage, words.devices[i]);
	usage_destroy(usage);
	free(words.devices);
	printf("\n%s\n", ready ? "no obstacle" : "not possible as things stand: see the obstacles above");
	return ready ? COMMAND_OK : COMMAND_FAILED;
}
