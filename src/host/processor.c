/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: Linux arch/x86/kernel/cpu/proc.c, arch/arm64/kernel/cpuinfo.c. */
#include "host/processor-priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"

/* The caller frees it; NULL where it cannot be read. */
static char *read_cpuinfo(const struct host *host)
{
	char path[PATH_MAX], *text = NULL;

	(void)sysfs_read_file(sysfs_path(path, "%s/cpuinfo", host->proc), &text, NULL);
	return text;
}

enum processor processor_maker(const struct host *host)
{
	auto_free char *text = read_cpuinfo(host);

	if (!text)
		return PROCESSOR_OTHER;
	if (strstr(text, "GenuineIntel"))
		return PROCESSOR_INTEL;
	if (strstr(text, "AuthenticAMD") || strstr(text, "HygonGenuine"))
		return PROCESSOR_AMD;
	return strstr(text, "CPU implementer") ? PROCESSOR_ARM : PROCESSOR_OTHER;
}

bool processor_has(const struct host *host, const char *flag)
{
	auto_free char *text = read_cpuinfo(host);
	char *line = text ? strstr(text, "flags") : NULL, *next;

	if (!line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	while ((next = strsep(&line, " \t:"))) {
		if (strcmp(next, flag) == 0)
			return true;
	}
	return false;
}

unsigned processor_address_bits(const struct host *host)
{
	auto_free char *text = read_cpuinfo(host);
	const char *line = text ? strstr(text, "address sizes") : NULL;
	unsigned bits;

	line = line ? strchr(line, ':') : NULL;
	return line && sscanf(line, ": %u bits physical", &bits) == 1 ? bits : 0;
}
