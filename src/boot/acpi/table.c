/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "boot/acpi/acpi-priv.h"

#define TABLE_ALIGNMENT 16

/* What every table begins with: ACPI 6.5, 5.2.6. */
struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == ACPI_HEADER_SIZE, "size of the specification");

/* What makes the sum of all bytes zero. */
uint8_t acpi_checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

void acpi_align(struct aml *out)
{
	static const uint8_t zero;

	while (out->used % TABLE_ALIGNMENT != 0 && !out->overflow)
		aml_bytes(out, &zero, 1);
}

size_t acpi_table_begin(struct aml *out, const char *signature, uint8_t revision)
{
	struct header header = {
		.revision = revision,
		.oem_id = { 'H', 'N', 'D', 'F', 'S', 'T' },
		.oem_table_id = { 'H', 'A', 'N', 'D', 'F', 'A', 'S', 'T' },
		.oem_revision = 1,
		.creator_id = { 'H', 'F', 'S', 'T' },
		.creator_revision = 1,
	};
	size_t table;

	acpi_align(out);
	table = out->used;
	memcpy(header.signature, signature, sizeof(header.signature));
	aml_bytes(out, &header, sizeof(header));
	return table;
}

void acpi_table_end(struct aml *out, size_t table)
{
	struct header header;

	if (out->overflow)
		return;
	memcpy(&header, out->data + table, sizeof(header));
	header.length = (uint32_t)(out->used - table);
	memcpy(out->data + table, &header, sizeof(header));
	header.checksum = acpi_checksum(out->data + table, header.length);
	memcpy(out->data + table, &header, sizeof(header));
}
