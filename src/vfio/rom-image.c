/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in an option ROM: images one after the other, each with a header, a data structure that says what
 * it is for and how long it is, and code for one kind of processor or firmware. Source: PCI Local
 * Bus 3.0, 6.3.1; PCI Firmware 3.3, 5.1.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "vfio/rom-priv.h"

#define UNIT 512u /* of lengths */

/* The header. */
#define HEADER_SIZE	 0x1au
#define HEADER_INIT_SIZE 0x02u /* x86: what the sum is made of, in units */
#define HEADER_PCIR	 0x18u /* where the data structure is, from the header on */

/* The data structure. */
#define PCIR_SIZE      0x18u
#define PCIR_VENDOR    0x04u
#define PCIR_DEVICE    0x06u
#define PCIR_LIST      0x08u /* of more devices, from the data structure on; in revision 3 */
#define PCIR_REVISION  0x0cu
#define PCIR_LENGTH    0x10u
#define PCIR_CODE      0x14u
#define PCIR_INDICATOR 0x15u
#define INDICATOR_LAST 0x80u

#define CODE_X86 0

static const char *const code_names[] = { "x86 BIOS", "Open Firmware", "PA-RISC", "UEFI" };

/* One image, of which size bytes of ROM are left. */
struct image {
	const uint8_t *bytes;
	size_t left;
	size_t at; /* in the ROM */
	unsigned number;
	const uint8_t *pcir;
	size_t length;
};

static unsigned get16(const uint8_t *from)
{
	return from[0] | (unsigned)from[1] << 8;
}

static bool signature_is_there(const uint8_t *bytes, size_t left)
{
	return left >= 2 && bytes[0] == 0x55 && bytes[1] == 0xaa;
}

/* Where the data structure is, or NULL. */
static const uint8_t *find_pcir(const uint8_t *bytes, size_t left)
{
	size_t at;

	if (left < HEADER_SIZE || !signature_is_there(bytes, left))
		return NULL;
	at = get16(bytes + HEADER_PCIR);
	if (left < PCIR_SIZE || at > left - PCIR_SIZE || memcmp(bytes + at, "PCIR", 4) != 0)
		return NULL;
	return bytes + at;
}

size_t vfio_rom_find(const uint8_t *bytes, size_t size)
{
	for (size_t at = 1; at < size; at++) {
		if (find_pcir(bytes + at, size - at))
			return at;
	}
	return 0;
}

static const char *code_name(const struct image *image)
{
	unsigned code = image->pcir[PCIR_CODE];

	return code < sizeof(code_names) / sizeof(code_names[0]) ? code_names[code] : "another kind";
}

static int image_read(struct image *image)
{
	char left[32], length[32];

	image->pcir = find_pcir(image->bytes, image->left);
	if (!image->pcir)
		return error_set(
			ENOEXEC,
			"image %u, at byte 0x%zx, has no data structure (PCIR) where its header says",
			image->number, image->at);
	image->length = (size_t)get16(image->pcir + PCIR_LENGTH) * UNIT;
	if (image->length == 0)
		return error_set(ENOEXEC, "image %u (%s), at byte 0x%zx, has the length 0", image->number,
				 code_name(image), image->at);
	if (image->length > image->left)
		return error_set(
			ENOEXEC,
			"image %u (%s), at byte 0x%zx, is %s long, and %s are there: the end is missing",
			image->number, code_name(image), image->at,
			text_size(image->length, length, sizeof(length)),
			text_size(image->left, left, sizeof(left)));
	return 0;
}

/* Whether the image is for that device: its own identifiers, or those in its list. */
static bool image_fits(const struct image *image, uint16_t vendor, uint16_t device)
{
	unsigned offset = get16(image->pcir + PCIR_LIST);

	if (get16(image->pcir + PCIR_VENDOR) != vendor)
		return false;
	if (get16(image->pcir + PCIR_DEVICE) == device)
		return true;
	/* Before revision 3 that was a pointer to something else. */
	if (image->pcir[PCIR_REVISION] < 3 || offset == 0)
		return false;
	for (size_t at = (size_t)(image->pcir - image->bytes) + offset;
	     at + 2 <= image->length && get16(image->bytes + at) != 0; at += 2) {
		if (get16(image->bytes + at) == device)
			return true;
	}
	return false;
}

/* What the BIOS would copy and run adds up to 0. */
static bool sum_is_good(const struct image *image)
{
	size_t size = (size_t)image->bytes[HEADER_INIT_SIZE] * UNIT;
	uint8_t sum = 0;

	if (image->pcir[PCIR_CODE] != CODE_X86)
		return true;
	if (size == 0 || size > image->left)
		return false;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + image->bytes[i]);
	return sum == 0;
}

static void facts_add(struct vfio_rom_facts *facts, const struct image *image, uint16_t vendor,
		      uint16_t device)
{
	size_t used = strlen(facts->contents);
	char length[32];

	if (image->number == 1) {
		facts->vendor = (uint16_t)get16(image->pcir + PCIR_VENDOR);
		facts->device = (uint16_t)get16(image->pcir + PCIR_DEVICE);
	}
	facts->images = image->number;
	facts->fits = facts->fits || image_fits(image, vendor, device);
	if (!facts->bad_sum && !sum_is_good(image))
		facts->bad_sum = image->number;
	snprintf(facts->contents + used, sizeof(facts->contents) - used, "%s%s %s", used ? ", " : "",
		 code_name(image), text_size(image->length, length, sizeof(length)));
}

int vfio_rom_look(const uint8_t *rom, size_t size, uint16_t vendor, uint16_t device,
		  struct vfio_rom_facts *ret_facts)
{
	struct image image = { .bytes = rom, .left = size, .number = 1 };

	*ret_facts = (struct vfio_rom_facts){ 0 };
	if (size < 2)
		return error_set(ENOEXEC, "it is empty");
	if (!signature_is_there(rom, size))
		return error_set(ENOEXEC, "it begins with %02x %02x, and option ROMs begin with 55 aa",
				 rom[0], rom[1]);
	do {
		int error = image_read(&image);

		if (error)
			return error;
		facts_add(ret_facts, &image, vendor, device);
		image.bytes += image.length;
		image.left -= image.length;
		image.at += image.length;
		image.number++;
	} while (!(image.pcir[PCIR_INDICATOR] & INDICATOR_LAST) &&
		 signature_is_there(image.bytes, image.left));
	return 0;
}
