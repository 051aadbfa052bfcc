/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/irq-counts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/host_id.h"

/* " 33:       7      0   PCI-MSIX-0000:1a:00.3   1-edge   vfio-msix[1](0000:1a:00.3)": a number for each
 * processor, the controller, the interrupt, and its handlers. */
static uint64_t line_sum(const char *line)
{
	uint64_t sum = 0;
	const char *at = line + strcspn(line, ":\n");

	at += strspn(at, ": ");
	while (isdigit((unsigned char)*at)) {
		size_t digits = strspn(at, "0123456789");

		if (at[digits] != ' ')
			break; /* the controller's name */
		sum += strtoull(at, NULL, 10);
		at += digits + strspn(at + digits, " ");
	}
	return sum;
}

/* Whether one of the handlers is vfio-pci's, for the device. */
static bool line_has(const char *line, size_t size, const char *owner)
{
	const char *vfio = memmem(line, size, "vfio-", strlen("vfio-"));

	return vfio && memmem(vfio, size - (size_t)(vfio - line), owner, strlen(owner));
}

bool irq_counts_find(const char *text, const char *name, uint64_t *ret_count)
{
	char owner[HOST_ID_TEXT_SIZE + 2];
	uint64_t sum = 0;
	bool found = false;

	snprintf(owner, sizeof(owner), "(%s)", name);
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');

		if (line_has(line, (size_t)(end - line), owner)) {
			sum += line_sum(line);
			found = true;
		}
		line = *end ? end + 1 : end;
	}
	if (found)
		*ret_count = sum;
	return found;
}
