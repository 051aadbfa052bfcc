/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/x86_64/image-priv.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "boot/x86_64/lowmem-priv.h"

/* Offsets and values of the boot protocol; field names are those of struct setup_header. */
#define SETUP_HEADER	      0x1f1
#define BOOT_FLAG	      0x1fe
#define BOOT_FLAG_VALUE	      0xaa55
#define JUMP_LENGTH	      0x201 /* the header ends this many bytes behind the next one */
#define MAGIC		      0x202
#define MAGIC_VALUE	      0x53726448u /* "HdrS" */
#define VERSION_LEAST	      0x020c	  /* xloadflags, Linux 3.8 */
#define SECTOR		      512
#define SETUP_SECTORS_DEFAULT 4
#define PARAGRAPH	      16
#define ENTRY_64	      0x200
#define LOADER_UNDEFINED      0xff

#define FOUR_GIB (UINT64_C(1) << 32)

/* A header of protocol 2.12 is at least this long (up to and with handover_offset). */
#define SETUP_HEADER_LEAST (offsetof(struct setup_header, handover_offset) + sizeof(__u32))

_Static_assert(offsetof(struct boot_params, hdr) == SETUP_HEADER, "the header's place in the zero page");
_Static_assert(sizeof(struct boot_params) == 4096, "the zero page is one page");
_Static_assert(E820_ENTRIES_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "the zero page holds the memory map");

static int damaged(const char *what)
{
	error_set(ENOEXEC, "the file is damaged: %s", what);
	return error_try("copy or build the file again");
}

bool bzimage_is(const uint8_t *head, size_t size)
{
	uint16_t flag;
	uint32_t magic;

	_Static_assert(MAGIC + sizeof(magic) <= IMAGE_HEAD_SIZE, "the head holds both marks");
	if (size < MAGIC + sizeof(magic))
		return false;
	memcpy(&flag, head + BOOT_FLAG, sizeof(flag));
	memcpy(&magic, head + MAGIC, sizeof(magic));
	return flag == BOOT_FLAG_VALUE && magic == MAGIC_VALUE;
}

static int read_header(const struct boot_file *file, struct setup_header *ret_header)
{
	struct setup_header header = { 0 };
	uint8_t jump_length;
	uint64_t length;
	int error;

	error = boot_file_expect(file, SETUP_HEADER, SETUP_HEADER_LEAST, "its setup header");
	if (error < 0)
		return error;
	error = boot_file_read(file, JUMP_LENGTH, &jump_length, sizeof(jump_length));
	if (error < 0)
		return error;
	length = MAGIC + jump_length - SETUP_HEADER;
	/* Newer protocols may have fields that this struct does not know. */
	if (length > sizeof(header))
		length = sizeof(header);
	error = boot_file_expect(file, SETUP_HEADER, length, "its setup header");
	if (error < 0)
		return error;
	error = boot_file_read(file, SETUP_HEADER, &header, length);
	if (error < 0)
		return error;

	if (header.version < VERSION_LEAST) {
		error_set(ENOEXEC,
			  "its boot protocol is %u.%02u, and 2.12 is the least that has a 64-bit entry",
			  header.version >> 8, header.version & 0xffu);
		return error_try("use a kernel of Linux 3.8 or later");
	}
	if (length < SETUP_HEADER_LEAST)
		return damaged("its setup header is shorter than its protocol version demands");
	*ret_header = header;
	return 0;
}

static int check_header(const struct setup_header *header)
{
	if (!(header->loadflags & LOADED_HIGH)) {
		error_set(ENOEXEC, "it is a zImage, which loads below 1 MiB");
		return error_try("use a bzImage");
	}
	if (!(header->xloadflags & XLF_KERNEL_64)) {
		error_set(ENOEXEC, "it is a 32-bit kernel: its header offers no 64-bit entry");
		return error_try("use a kernel built for x86_64");
	}
	if (header->relocatable_kernel &&
	    (header->kernel_alignment == 0 || (header->kernel_alignment & (header->kernel_alignment - 1))))
		return damaged("its kernel_alignment is no power of two");
	if (header->init_size == 0 || header->syssize == 0)
		return damaged("its header says that it has no code");
	return 0;
}

/*
 * The kernel goes to the lowest place at or above the one it prefers: further below it could be put, but
 * would move itself up there. Where no RAM is large enough the error tells what would do.
 */
static int place_kernel(const struct setup_header *header, const struct image_memory *memory,
			gpa_t *ret_address)
{
	uint64_t alignment = header->relocatable_kernel ? header->kernel_alignment : 1;
	uint64_t preferred = header->pref_address;
	uint64_t need = header->init_size;
	uint64_t least;

	if (preferred > FOUR_GIB)
		return damaged("its header asks for an address above 4 GiB");
	if (!header->relocatable_kernel) {
		if (preferred < LOWMEM_END)
			return damaged("its header asks for an address below 1 MiB");
		if (!image_memory_has(memory, preferred, need) || preferred + need > FOUR_GIB)
			return image_too_large(memory, "the kernel", need, preferred + need);
		*ret_address = preferred;
		return 0;
	}
	if (preferred < LOWMEM_END)
		preferred = LOWMEM_END;
	least = (preferred + alignment - 1) & ~(alignment - 1);
	for (size_t i = 0; i < memory->count; i++) {
		uint64_t start = memory->ranges[i].start > least ? memory->ranges[i].start : least;

		start = (start + alignment - 1) & ~(alignment - 1);
		if (image_memory_has(memory, start, need) && start + need <= FOUR_GIB) {
			*ret_address = start;
			return 0;
		}
	}
	return image_too_large(memory, "the kernel", need, least + need);
}

int bzimage_plan(const struct boot_file *file, const struct image_memory *memory, struct image_plan *ret_plan)
{
	struct setup_header header;
	uint64_t setup_size;
	uint64_t code_size;
	gpa_t address = 0;
	int error;

	error = read_header(file, &header);
	if (error < 0)
		return error;
	error = check_header(&header);
	if (error < 0)
		return error;
	setup_size =
		(uint64_t)((header.setup_sects ? header.setup_sects : SETUP_SECTORS_DEFAULT) + 1) * SECTOR;
	code_size = (uint64_t)header.syssize * PARAGRAPH;
	error = boot_file_expect(file, setup_size, code_size, "its code");
	if (error < 0)
		return error;
	if (code_size > header.init_size)
		return damaged("its code is larger than the memory that its header asks for");
	if (code_size <= ENTRY_64)
		return damaged("its code ends before its 64-bit entry");
	error = place_kernel(&header, memory, &address);
	if (error < 0)
		return error;

	*ret_plan = (struct image_plan){
		.mode = KVM_X86_MODE_LONG,
		.entry = address + ENTRY_64,
		.segment_count = 1,
		.segments = { {
			.address = address,
			.offset = setup_size,
			.file_size = code_size,
			.memory_size = header.init_size,
		} },
		.cmdline_max = header.cmdline_size,
		.initrd_end = header.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G
				      ? FOUR_GIB
				      : (uint64_t)header.initrd_addr_max + 1,
		.setup = header,
	};
	return 0;
}

/* The zero page: the setup header as it stands in the file, with the loader's fields filled in. */
static void fill_boot_params(const struct image_handover *handover, struct boot_params *params)
{
	const struct image_plan *plan = handover->plan;
	struct setup_header *header = &params->hdr;

	*header = plan->setup;
	header->type_of_loader = LOADER_UNDEFINED;
	header->code32_start = (uint32_t)plan->segments[0].address;
	header->cmd_line_ptr = LOWMEM_CMDLINE;
	header->setup_data = 0;
	header->ramdisk_image = (uint32_t)plan->initrd;
	header->ramdisk_size = (uint32_t)plan->initrd_size;
	params->ext_ramdisk_image = (uint32_t)(plan->initrd >> 32);
	params->ext_ramdisk_size = (uint32_t)(plan->initrd_size >> 32);
	params->acpi_rsdp_addr = handover->rsdp;
	params->e820_entries = (uint8_t)handover->map->count;
	for (size_t i = 0; i < handover->map->count; i++) {
		params->e820_table[i].addr = handover->map->entries[i].start;
		params->e820_table[i].size = handover->map->entries[i].size;
		params->e820_table[i].type = handover->map->entries[i].type;
	}
}

int bzimage_hand_over(const struct image_handover *handover, struct mem_ram *ram, struct kvm_x86_entry *entry)
{
	struct boot_params params = { 0 };

	fill_boot_params(handover, &params);
	entry->rip = handover->plan->entry;
	entry->rsi = LOWMEM_BOOT_PARAMS;
	return mem_ram_write(ram, LOWMEM_BOOT_PARAMS, &params, sizeof(params));
}
