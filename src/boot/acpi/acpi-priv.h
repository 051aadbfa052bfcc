/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_ACPI_ACPI_PRIV_H
#define HANDFAST_BOOT_ACPI_ACPI_PRIV_H

/*
 * The ACPI tables (ACPI 6.5, 5.2): RSDP, XSDT, FADT, FACS, MADT, MCFG, the DSDT that is the same for every
 * machine (dsdt.asl), and an SSDT with this machine's own part.
 */
#include <stddef.h>
#include <stdint.h>

#include "boot/acpi/aml-priv.h"
#include "boot/boot.h"

/* Guest physical addresses. The FACS, which the guest writes to, stands in [start, nvs_end), the tables in
 * [nvs_end, tables_end). Both ends are multiples of 4 KiB. */
struct acpi_layout {
	uint64_t rsdp;
	uint64_t nvs_end;
	uint64_t tables_end;
};

/*
 * Builds all tables for the guest physical address `start` (a multiple of 4 KiB, below 4 GiB) into ret_to.
 * Errors: ENOSPC where they do not fit into size bytes.
 */
int acpi_build(const struct boot_machine *machine, uint64_t start, void *ret_to, size_t size,
	       struct acpi_layout *ret_layout);

#define ACPI_HEADER_SIZE 36 /* bytes, of a table's common header */

/* Fills up to a place where a table may begin. */
void acpi_align(struct aml *out);
/* What makes the sum of all bytes zero. */
uint8_t acpi_checksum(const void *data, size_t size);

/* A table with its common header; the writer's offset 0 is a multiple of 16. Returns where it begins; the
 * end fills in length and checksum. */
size_t acpi_table_begin(struct aml *out, const char *signature, uint8_t revision);
void acpi_table_end(struct aml *out, size_t table);

/* Single tables, at the writer's place. Each returns where its table begins. */
size_t acpi_write_madt(struct aml *out, const struct boot_machine *machine);
size_t acpi_write_ssdt(struct aml *out, const struct boot_machine *machine);

/* What of the host bridge's scope is about hot-plug. */
void acpi_write_slots(struct aml *out, const struct boot_machine *machine);

#endif
