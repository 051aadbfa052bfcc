/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/check-json-priv.h"
#include "host/check-priv.h"
#include "host/command-priv.h"
#include "host/commands.h"
#include "host/grid-priv.h"

#define WHAT_COLUMN 24
#define LEAST_WIDTH 50 /* narrower terminals are left to themselves */

/* Prints text with its further lines under the first, `indent` columns in. On a terminal (width not 0) words
 * that would be cut in two go to the next line; a command that is to be copied stays in one (width 0). */
static void print_lines(FILE *out, const char *text, unsigned indent, unsigned width)
{
	unsigned column = indent;

	while (*text) {
		unsigned blanks = (unsigned)strspn(text, " ");
		unsigned word = (unsigned)strcspn(text + blanks, " \n");

		if (width && column > indent && column + blanks + word > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			text += blanks;
			blanks = 0;
		}
		fprintf(out, "%.*s", (int)(blanks + word), text);
		column += blanks + word;
		text += blanks + word;
		if (*text == '\n') {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			text++;
		}
	}
	fputc('\n', out);
}

static void print_findings(FILE *out, const struct findings *findings)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok",
		[FINDING_WARNING] = "warning",
		[FINDING_OBSTACLE] = "obstacle",
	};
	struct grid_style style;

	grid_style_detect(out, &style);
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		fprintf(out, "  %-8s  %-10s  ", words[finding->level], finding->topic);
		print_lines(out, finding->what, WHAT_COLUMN, style.width > LEAST_WIDTH ? style.width : 0);
		if (finding->cure) {
			fprintf(out, "%*stry: ", WHAT_COLUMN, "");
			print_lines(out, finding->cure, WHAT_COLUMN + 5, 0);
		}
	}
}

/* What one run has found out so far. */
struct run {
	const struct host *host;
	struct usage *usage;
	FILE *out;
	struct json_object *json_devices; /* NULL: text is wanted */
	bool ready;
};

static void check_one(struct run *run, struct bdf bdf)
{
	struct findings findings = { 0 };
	struct host_device device;
	char title[256];
	bool exists;

	bdf_format(bdf, findings.subject);
	(void)text_copy(title, sizeof(title), findings.subject);
	exists = device_load(run->host, bdf, &device) == 0;
	if (exists) {
		check_device_title(run->host, &device, title, sizeof(title));
		check_device(run->host, &device, NULL, &findings);
		/* A VFIO driver's users are VMs, and named by check_device(). */
		if (device.driver[0] && !driver_is_vfio(device.driver))
			check_uses(run->usage, &device, false, &findings);
	} else {
		findings_obstacle_error(&findings, "device");
	}
	run->ready &= !findings_obstructed(&findings);
	if (run->json_devices) {
		json_object_array_add(
			run->json_devices,
			check_json_device(run->host, findings.subject, exists ? &device : NULL, &findings));
	} else {
		fprintf(run->out, "\n%s\n", title);
		print_findings(run->out, &findings);
	}
	findings_fini(&findings);
}

static int check_all(struct run *run, const struct bdf *devices, size_t count)
{
	struct findings findings = { 0 };
	struct json_object *json_host = NULL;

	check_host(run->host, &findings);
	run->ready = !findings_obstructed(&findings);
	if (run->json_devices) {
		json_host = check_json_findings(&findings);
	} else {
		fprintf(run->out, "this host\n");
		print_findings(run->out, &findings);
	}
	findings_fini(&findings);
	for (size_t i = 0; i < count; i++)
		check_one(run, devices[i]);
	if (run->json_devices)
		return check_json_print(check_json(run->ready, json_host, run->json_devices), run->out);
	fprintf(run->out, "\n%s\n",
		run->ready ? "no obstacle" : "not possible as things stand: see the obstacles above");
	return 0;
}

int check_print(const struct host *host, const struct bdf *devices, size_t count, bool as_json, FILE *out,
		bool *ret_ready)
{
	struct run run = { .host = host, .out = out };
	int error = usage_create(host, &run.usage);

	if (error)
		return error;
	run.json_devices = as_json ? json_object_new_array() : NULL;
	error = check_all(&run, devices, count);
	usage_destroy(run.usage);
	*ret_ready = run.ready;
	return error;
}

int host_command_check(int argc, char **argv)
{
	bool as_json = false;
	const struct command_option options[] = {
		{ .name = "--json", .ret_flag = &as_json },
	};
	const struct command_spec spec = {
		.name = "check",
		.help = "usage: handfast check [--json] [BDF...]\n"
			"\n"
			"Says whether this host, and each of the devices named, can be passed through to a "
			"virtual\n"
			"machine, and for everything that stands in the way its cause and the command that "
			"cures\n"
			"it. Changes nothing. Starting a virtual machine makes the same checks.\n"
			"\n"
			"The host: container or virtual machine, processor and KVM, IOMMU, its mode and "
			"interrupt\n"
			"remapping, the VFIO drivers, the limit on locked memory, huge pages. A device: its "
			"driver,\n"
			"its IOMMU group and who in it is in the way, reserved memory, its node and who may "
			"open it,\n"
			"who uses it, SR-IOV, interrupts, whether a guest has room for its BARs, how it is "
			"reset, power.\n"
			"\n"
			"  BDF        the device's address, 0000:01:00.0 or 01:00.0, as `handfast list` "
			"shows it\n"
			"  --json     one JSON object on standard output, for scripts; its keys are in\n"
			"             handfast-check(1)\n"
			"\n"
			"Exit status: 0 no obstacle, 1 at least one obstacle, 2 usage.\n",
		.options = options,
		.option_count = sizeof(options) / sizeof(options[0]),
		.takes_device = true,
	};
	struct command_words words;
	struct host host;
	bool ready = false;
	int status;

	if (!command_parse(&spec, argc, argv, &words, &status))
		return status;
	host_init(&host);
	status = COMMAND_OK;
	if (check_print(&host, words.devices, words.count, as_json, stdout, &ready))
		status = command_failed();
	else if (!ready)
		status = COMMAND_FAILED;
	free(words.devices);
	return status;
}
