/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "boot/x86_64/image-priv.h"
#include "boot/x86_64/lowmem-priv.h"

#define MIB (UINT64_C(1) << 20)

bool image_memory_has(const struct image_memory *memory, gpa_t start, uint64_t size)
{
	for (size_t i = 0; i < memory->count; i++) {
		const struct mem_range *range = &memory->ranges[i];

		if (start >= range->start && start - range->start < range->size &&
		    size <= range->size - (start - range->start))
			return true;
	}
	return false;
}

/* The pieces of RAM below 4 GiB, and the largest of them. */
static size_t low_pieces(const struct image_memory *memory, struct mem_range *ret_largest)
{
	size_t count = 0;

	*ret_largest = (struct mem_range){ 0, 0 };
	for (; count < memory->count && memory->ranges[count].start < LOWMEM_MAPPED_END; count++) {
		if (memory->ranges[count].size > ret_largest->size)
			*ret_largest = memory->ranges[count];
	}
	return count;
}

gpa_t image_memory_low_end(const struct image_memory *memory)
{
	struct mem_range largest;
	size_t count = low_pieces(memory, &largest);
	uint64_t end = count > 0 ? memory->ranges[count - 1].start + memory->ranges[count - 1].size : 0;

	return end < LOWMEM_MAPPED_END ? end : LOWMEM_MAPPED_END;
}

bool image_memory_in_pieces(const struct image_memory *memory)
{
	struct mem_range largest;

	return low_pieces(memory, &largest) > 1;
}

/* Where memory has holes, that belongs to the cause. */
void image_say_pieces(const struct image_memory *memory)
{
	struct mem_range largest;
	size_t count = low_pieces(memory, &largest);
	char size[32];

	if (count < 2)
		return;
	error_add(
		"the guest's memory below 4 GiB is in %zu pieces, around what the host's IOMMU reserves; the "
		"largest has %s, at 0x%" PRIx64,
		count, text_size(largest.size, size, sizeof(size)), largest.start);
	error_try("grep . /sys/kernel/iommu_groups/*/reserved_regions    (shows what is reserved, for whom)");
}

/* In one piece of RAM from its start on, or in no piece at all. */
static int too_large_for_pieces(const struct image_memory *memory, const char *what, uint64_t size,
				uint64_t start)
{
	char text[32];

	error_set(EFBIG, "%s takes %s of memory in one piece, from 0x%" PRIx64 " on", what,
		  text_size(size, text, sizeof(text)), start);
	image_say_pieces(memory);
	if (memory->ranges[memory->count - 1].start < LOWMEM_MAPPED_END)
		return error_try("give the guest more memory with -m");
	return -EFBIG;
}

int image_too_large(const struct image_memory *memory, const char *what, uint64_t size, uint64_t end)
{
	uint64_t have = image_memory_low_end(memory);
	char size_text[32];
	char end_text[32];
	char have_text[32];

	if (image_memory_in_pieces(memory))
		return too_large_for_pieces(memory, what, size, end - size);
	error_set(EFBIG, "%s takes %s of memory and needs it to reach up to %s, but the guest's ends at %s",
		  what, text_size(size, size_text, sizeof(size_text)),
		  text_size(end, end_text, sizeof(end_text)), text_size(have, have_text, sizeof(have_text)));
	/* Memory in several ranges is as large below 4 GiB as it ever gets. */
	if (memory->count > 1 || end > LOWMEM_MAPPED_END)
		return error_try("use a smaller one: a guest's memory below 4 GiB never reaches that far");
	return error_try("give the guest more memory: -m %" PRIu64 "M at least",
			 end / MIB + (end % MIB != 0));
}
