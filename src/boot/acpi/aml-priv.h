/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_ACPI_AML_PRIV_H
#define HANDFAST_BOOT_ACPI_AML_PRIV_H

/*
 * A writer for ACPI machine language: ACPI 6.5, 20.2 (grammar) and 6.4 (resource descriptors).
 *
 * Terms are written one after the other. What has a length of its own lies between a _begin, which returns
 * a mark, and the matching end, which puts the length in front. Writing past the buffer's end does nothing
 * but set `overflow`, so callers look once, at the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *data;
	size_t size;
	size_t used;
	bool overflow;
};

void aml_init(struct aml *aml, void *data, size_t size);

/* Data. */
void aml_bytes(struct aml *aml, const void *data, size_t size);
void aml_integer(struct aml *aml, uint64_t value); /* in its shortest form */
void aml_string(struct aml *aml, const char *text);
void aml_eisa_id(struct aml *aml, const char *id); /* "PNP0C02" */

/* A path in ASL's spelling, "\\_SB.PCI0": segments of up to four characters, padded with '_'. */
void aml_path(struct aml *aml, const char *path);

/* Name (path, ...): the object follows. */
void aml_name(struct aml *aml, const char *path);
void aml_name_integer(struct aml *aml, const char *path, uint64_t value);
void aml_name_string(struct aml *aml, const char *path, const char *text);
void aml_name_eisa_id(struct aml *aml, const char *path, const char *id);

size_t aml_scope_begin(struct aml *aml, const char *path);
size_t aml_device_begin(struct aml *aml, const char *path);
size_t aml_package_begin(struct aml *aml, uint8_t elements);
size_t aml_method_begin(struct aml *aml, const char *path, uint8_t arguments); /* Serialized */
void aml_end(struct aml *aml, size_t mark);

/* Terms of a method. A call is aml_path() of the method, and its arguments. */
void aml_argument(struct aml *aml, unsigned number); /* ArgN, 0 to 6 */
size_t aml_if_begin(struct aml *aml);		     /* the condition follows, then what is done */
void aml_equal(struct aml *aml);		     /* two terms follow */
void aml_notify(struct aml *aml, const char *path);  /* the value follows */

/* ResourceTemplate () { ... }: only descriptors may be written in it. */
size_t aml_resources_begin(struct aml *aml);
void aml_resources_end(struct aml *aml, size_t mark);

void aml_resource_io(struct aml *aml, uint16_t port, uint8_t length);
void aml_resource_irq(struct aml *aml, unsigned irq); /* edge, active high, exclusive; 0 to 15 */
void aml_resource_memory32_fixed(struct aml *aml, uint32_t start, uint32_t size); /* writable */

enum aml_space {
	AML_SPACE_MEMORY = 0, /* writable, not cacheable */
	AML_SPACE_IO = 1,
	AML_SPACE_BUS = 2,
};

enum aml_use {
	AML_USE_PRODUCER, /* a bridge's window */
	AML_USE_CONSUMER, /* a device's own registers */
};

/* Fixed address spaces, [first, last], in descriptors 16, 32 or 64 bits wide. */
void aml_resource_space16(struct aml *aml, enum aml_space space, uint16_t first, uint16_t last);
void aml_resource_space32(struct aml *aml, enum aml_space space, uint32_t first, uint32_t last);
void aml_resource_space64(struct aml *aml, enum aml_space space, enum aml_use use, uint64_t first,
			  uint64_t last);

#endif
