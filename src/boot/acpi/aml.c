/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi/aml-priv.h"

#include <string.h>

#include "base/check.h"

/* ACPI 6.5, 20.3, "AML Byte Stream Byte Values". */
#define OP_ZERO	      0x00
#define OP_ONE	      0x01
#define OP_NAME	      0x08
#define OP_BYTE	      0x0a
#define OP_WORD	      0x0b
#define OP_DWORD      0x0c
#define OP_STRING     0x0d
#define OP_QWORD      0x0e
#define OP_SCOPE      0x10
#define OP_BUFFER     0x11
#define OP_PACKAGE    0x12
#define OP_METHOD     0x14
#define OP_DUAL_NAME  0x2e
#define OP_MULTI_NAME 0x2f
#define OP_EXTENDED   0x5b
#define OP_ARGUMENT0  0x68
#define OP_DEVICE     0x82 /* extended */
#define OP_NOTIFY     0x86
#define OP_EQUAL      0x93
#define OP_IF	      0xa0

#define METHOD_SERIALIZED 0x08
#define ARGUMENTS_MAX	  7

#define SEGMENT_SIZE	  4
#define PATH_SEGMENTS_MAX 255

/* Resource descriptors: ACPI 6.5, 6.4.2 and 6.4.3. */
#define RESOURCE_IRQ		0x22
#define RESOURCE_IO		0x47
#define RESOURCE_END		0x79
#define RESOURCE_MEMORY32_FIXED 0x86
#define RESOURCE_SPACE32	0x87
#define RESOURCE_SPACE16	0x88
#define RESOURCE_SPACE64	0x8a
#define IO_DECODE16		0x01
#define SPACE_CONSUMER		0x01
#define SPACE_MIN_FIXED		0x04
#define SPACE_MAX_FIXED		0x08
#define MEMORY_WRITABLE		0x01
#define IO_ENTIRE_RANGE		0x03

void aml_init(struct aml *aml, void *data, size_t size)
{
	*aml = (struct aml){ .data = data, .size = size };
}

void aml_bytes(struct aml *aml, const void *data, size_t size)
{
	if (size > aml->size - aml->used) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->data + aml->used, data, size);
	aml->used += size;
}

static void put8(struct aml *aml, uint8_t value)
{
	aml_bytes(aml, &value, sizeof(value));
}

/* The low `size` bytes of value, little-endian. */
static void put(struct aml *aml, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put8(aml, (uint8_t)(value >> (8 * i)));
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		put8(aml, value ? OP_ONE : OP_ZERO);
	} else if (value <= UINT8_MAX) {
		put8(aml, OP_BYTE);
		put(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		put8(aml, OP_WORD);
		put(aml, value, 2);
	} else if (value <= UINT32_MAX) {
		put8(aml, OP_DWORD);
		put(aml, value, 4);
	} else {
		put8(aml, OP_QWORD);
		put(aml, value, 8);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	put8(aml, OP_STRING);
	aml_bytes(aml, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	check(c >= 'A' && c <= 'F');
	return (unsigned)(c - 'A') + 10;
}

/* ACPI 6.5, 19.3.4, "EISAID": three letters of five bits and four hexadecimal digits, big-endian. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t value = 0;

	check(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++) {
		check(id[i] >= 'A' && id[i] <= 'Z');
		value = value << 5 | (unsigned)(id[i] - '@');
	}
	for (unsigned i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	put8(aml, OP_DWORD);
	put(aml, __builtin_bswap32(value), 4);
}

void aml_path(struct aml *aml, const char *path)
{
	size_t segments = 1;

	for (; *path == '\\' || *path == '^'; path++)
		put8(aml, (uint8_t)*path);
	for (const char *c = path; *c; c++)
		segments += *c == '.';
	check(segments <= PATH_SEGMENTS_MAX);
	if (*path == '\0') {
		put8(aml, 0); /* the root itself */
		return;
	}
	if (segments == 2) {
		put8(aml, OP_DUAL_NAME);
	} else if (segments > 2) {
		put8(aml, OP_MULTI_NAME);
		put8(aml, (uint8_t)segments);
	}
	while (segments-- > 0) {
		size_t length = strcspn(path, ".");

		check(length >= 1 && length <= SEGMENT_SIZE);
		aml_bytes(aml, path, length);
		for (size_t i = length; i < SEGMENT_SIZE; i++)
			put8(aml, '_');
		path += length + (segments > 0);
	}
}

void aml_name(struct aml *aml, const char *path)
{
	put8(aml, OP_NAME);
	aml_path(aml, path);
}

void aml_name_integer(struct aml *aml, const char *path, uint64_t value)
{
	aml_name(aml, path);
	aml_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *path, const char *text)
{
	aml_name(aml, path);
	aml_string(aml, text);
}

void aml_name_eisa_id(struct aml *aml, const char *path, const char *id)
{
	aml_name(aml, path);
	aml_eisa_id(aml, id);
}

size_t aml_scope_begin(struct aml *aml, const char *path)
{
	size_t mark;

	put8(aml, OP_SCOPE);
	mark = aml->used;
	aml_path(aml, path);
	return mark;
}

size_t aml_device_begin(struct aml *aml, const char *path)
{
	size_t mark;

	put8(aml, OP_EXTENDED);
	put8(aml, OP_DEVICE);
	mark = aml->used;
	aml_path(aml, path);
	return mark;
}

size_t aml_package_begin(struct aml *aml, uint8_t elements)
{
	size_t mark;

	put8(aml, OP_PACKAGE);
	mark = aml->used;
	put8(aml, elements);
	return mark;
}

size_t aml_method_begin(struct aml *aml, const char *path, uint8_t arguments)
{
	size_t mark;

	check(arguments <= ARGUMENTS_MAX);
	put8(aml, OP_METHOD);
	mark = aml->used;
	aml_path(aml, path);
	put8(aml, arguments | METHOD_SERIALIZED);
	return mark;
}

void aml_argument(struct aml *aml, unsigned number)
{
	check(number < ARGUMENTS_MAX);
	put8(aml, (uint8_t)(OP_ARGUMENT0 + number));
}

size_t aml_if_begin(struct aml *aml)
{
	put8(aml, OP_IF);
	return aml->used;
}

void aml_equal(struct aml *aml)
{
	put8(aml, OP_EQUAL);
}

void aml_notify(struct aml *aml, const char *path)
{
	put8(aml, OP_NOTIFY);
	aml_path(aml, path);
}

/*
 * PkgLength (20.2.4) counts itself: one byte holds up to 63, and up to three bytes more hold four bits of
 * the length in the first and eight in each other. The contents move up to make room for it.
 */
void aml_end(struct aml *aml, size_t mark)
{
	size_t contents;
	size_t extra;
	uint8_t length[4];

	if (aml->overflow)
		return;
	contents = aml->used - mark;
	for (extra = 0; extra < 3; extra++) {
		if (contents + extra + 1 < (size_t)1 << (extra ? 4 + 8 * extra : 6))
			break;
	}
	if (extra + 1 > aml->size - aml->used) {
		aml->overflow = true;
		return;
	}
	memmove(aml->data + mark + extra + 1, aml->data + mark, contents);
	contents += extra + 1;
	check(contents < (size_t)1 << 28);
	length[0] = (uint8_t)(extra ? extra << 6 | (contents & 0xf) : contents);
	for (size_t i = 1; i <= extra; i++)
		length[i] = (uint8_t)(contents >> (8 * i - 4));
	memcpy(aml->data + mark, length, extra + 1);
	aml->used += extra + 1;
}

/* Buffer (size) { descriptors }: the size is known at the end only, and takes a word whatever it is. */
size_t aml_resources_begin(struct aml *aml)
{
	size_t mark;

	put8(aml, OP_BUFFER);
	mark = aml->used;
	put8(aml, OP_WORD);
	put(aml, 0, 2);
	return mark;
}

void aml_resources_end(struct aml *aml, size_t mark)
{
	size_t length;

	put8(aml, RESOURCE_END);
	put8(aml, 0); /* checksum: none */
	if (aml->overflow)
		return;
	length = aml->used - mark - 3;
	check(length <= UINT16_MAX);
	aml->data[mark + 1] = (uint8_t)length;
	aml->data[mark + 2] = (uint8_t)(length >> 8);
	aml_end(aml, mark);
}

void aml_resource_io(struct aml *aml, uint16_t port, uint8_t length)
{
	put8(aml, RESOURCE_IO);
	put8(aml, IO_DECODE16);
	put(aml, port, 2); /* lowest and highest start: fixed */
	put(aml, port, 2);
	put8(aml, 1); /* alignment */
	put8(aml, length);
}

void aml_resource_irq(struct aml *aml, unsigned irq)
{
	check(irq < 16);
	put8(aml, RESOURCE_IRQ);
	put(aml, 1u << irq, 2);
}

void aml_resource_memory32_fixed(struct aml *aml, uint32_t start, uint32_t size)
{
	put8(aml, RESOURCE_MEMORY32_FIXED);
	put(aml, 9, 2); /* bytes that follow */
	put8(aml, MEMORY_WRITABLE);
	put(aml, start, 4);
	put(aml, size, 4);
}

static uint8_t space_flags(enum aml_space space)
{
	switch (space) {
	case AML_SPACE_MEMORY:
		return MEMORY_WRITABLE;
	case AML_SPACE_IO:
		return IO_ENTIRE_RANGE;
	case AML_SPACE_BUS:
		break;
	}
	return 0;
}

/* The three widths differ in nothing but that. */
static void put_space(struct aml *aml, uint8_t tag, size_t width, enum aml_space space, enum aml_use use,
		      uint64_t first, uint64_t last)
{
	check(first <= last);
	put8(aml, tag);
	put(aml, 3 + 5 * width, 2); /* bytes that follow */
	put8(aml, (uint8_t)space);
	put8(aml, SPACE_MIN_FIXED | SPACE_MAX_FIXED | (use == AML_USE_CONSUMER ? SPACE_CONSUMER : 0));
	put8(aml, space_flags(space));
	put(aml, 0, width); /* granularity */
	put(aml, first, width);
	put(aml, last, width);
	put(aml, 0, width); /* translation: none */
	put(aml, last - first + 1, width);
}

void aml_resource_space16(struct aml *aml, enum aml_space space, uint16_t first, uint16_t last)
{
	put_space(aml, RESOURCE_SPACE16, 2, space, AML_USE_PRODUCER, first, last);
}

void aml_resource_space32(struct aml *aml, enum aml_space space, uint32_t first, uint32_t last)
{
	put_space(aml, RESOURCE_SPACE32, 4, space, AML_USE_PRODUCER, first, last);
}

void aml_resource_space64(struct aml *aml, enum aml_space space, enum aml_use use, uint64_t first,
			  uint64_t last)
{
	put_space(aml, RESOURCE_SPACE64, 8, space, use, first, last);
}
