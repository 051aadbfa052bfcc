/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/x86_64/image-priv.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "boot/x86_64/lowmem-priv.h"

#define FOUR_GIB (UINT64_C(1) << 32)

/* The ELF note that holds the 32-bit entry point's physical address. */
#define NOTE_OWNER	  "Xen"
#define NOTE_PHYS32_ENTRY 18

/* Program headers and note bytes that are looked at: far more than any kernel has, so that a hostile file
 * costs no time. */
#define PROGRAM_HEADERS_MAX 128
#define NOTES_SIZE_MAX	    (64u << 10)

/* start_info.h: version 1, the first with a memory map. */
#define START_INFO_MAGIC   0x336ec578u
#define START_INFO_VERSION 1

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t memory_map;
	uint32_t memory_map_entries;
	uint32_t reserved;
};

struct start_module {
	uint64_t address;
	uint64_t size;
	uint64_t cmdline;
	uint64_t reserved;
};

struct start_memory {
	uint64_t address;
	uint64_t size;
	uint32_t type; /* as in e820 */
	uint32_t reserved;
};

_Static_assert(sizeof(struct start_info) == 56, "start info is the guest's");
_Static_assert(E820_ENTRIES_MAX * sizeof(struct start_memory) <= LOWMEM_MEMORY_MAP_SIZE, "the map has room");

/* What both ELF classes say alike. */
struct elf {
	const struct boot_file *file;
	bool is_64;
	uint64_t headers;
	unsigned header_count;
	unsigned header_size;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset;
	uint64_t address;
	uint64_t file_size;
	uint64_t memory_size;
	uint64_t alignment;
};

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static int damaged(const char *what)
{
	error_set(ENOEXEC, "the file is damaged: %s", what);
	return error_try("copy or build the file again");
}

bool pvh_is(const uint8_t *head, size_t size)
{
	return size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int check_machine(unsigned data, unsigned version, unsigned type, unsigned machine)
{
	if (data != ELFDATA2LSB || (machine != EM_X86_64 && machine != EM_386)) {
		error_set(ENOEXEC, "it is an ELF file for another processor (machine %u)", machine);
		return error_try("use a kernel built for x86_64");
	}
	if (version != EV_CURRENT)
		return damaged("its ELF version is unknown");
	if (type != ET_EXEC && type != ET_DYN) {
		error_set(ENOEXEC, "it is an ELF file, but no program (type %u)", type);
		return error_try("use the linked kernel, vmlinux");
	}
	return 0;
}

/* Reads the ELF header and checks that the program headers are in the file. */
static int elf_open(const struct boot_file *file, struct elf *ret_elf)
{
	unsigned char ident[EI_NIDENT];
	struct elf elf = { .file = file };
	unsigned entry_size;
	int error;

	error = boot_file_expect(file, 0, sizeof(ident), "its ELF header");
	if (error < 0)
		return error;
	error = boot_file_read(file, 0, ident, sizeof(ident));
	if (error < 0)
		return error;
	if (ident[EI_CLASS] != ELFCLASS64 && ident[EI_CLASS] != ELFCLASS32)
		return damaged("its ELF class is neither 32 nor 64 bits");
	elf.is_64 = ident[EI_CLASS] == ELFCLASS64;
	error = boot_file_expect(file, 0, elf.is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr),
				 "its ELF header");
	if (error < 0)
		return error;

	if (elf.is_64) {
		Elf64_Ehdr header;

		error = boot_file_read(file, 0, &header, sizeof(header));
		if (error < 0)
			return error;
		error = check_machine(ident[EI_DATA], header.e_version, header.e_type, header.e_machine);
		elf.headers = header.e_phoff;
		elf.header_count = header.e_phnum;
		entry_size = header.e_phentsize;
		elf.header_size = sizeof(Elf64_Phdr);
	} else {
		Elf32_Ehdr header;

		error = boot_file_read(file, 0, &header, sizeof(header));
		if (error < 0)
			return error;
		error = check_machine(ident[EI_DATA], header.e_version, header.e_type, header.e_machine);
		elf.headers = header.e_phoff;
		elf.header_count = header.e_phnum;
		entry_size = header.e_phentsize;
		elf.header_size = sizeof(Elf32_Phdr);
	}
	if (error < 0)
		return error;
	if (entry_size != elf.header_size)
		return damaged("its program headers have an unknown size");
	if (elf.header_count == 0 || elf.header_count > PROGRAM_HEADERS_MAX)
		return damaged("the number of its program headers makes no sense");
	error = boot_file_expect(file, elf.headers, (uint64_t)elf.header_count * elf.header_size,
				 "its table of program headers");
	if (error < 0)
		return error;
	*ret_elf = elf;
	return 0;
}

static int elf_segment(const struct elf *elf, unsigned index, struct elf_segment *ret_segment)
{
	uint64_t at = elf->headers + (uint64_t)index * elf->header_size;
	Elf64_Phdr wide;
	Elf32_Phdr narrow;
	int error;

	if (elf->is_64) {
		error = boot_file_read(elf->file, at, &wide, sizeof(wide));
		if (error == 0)
			*ret_segment = (struct elf_segment){ wide.p_type,   wide.p_offset, wide.p_paddr,
							     wide.p_filesz, wide.p_memsz,  wide.p_align };
	} else {
		error = boot_file_read(elf->file, at, &narrow, sizeof(narrow));
		if (error == 0)
			*ret_segment =
				(struct elf_segment){ narrow.p_type,   narrow.p_offset, narrow.p_paddr,
						      narrow.p_filesz, narrow.p_memsz,	narrow.p_align };
	}
	return error;
}

/* One PT_LOAD, checked against the file and the segments before it. */
static int plan_segment(const struct elf *elf, const struct elf_segment *segment, struct image_plan *plan)
{
	uint64_t end;
	int error;

	if (segment->memory_size == 0)
		return 0;
	error = boot_file_expect(elf->file, segment->offset, segment->file_size, "one of its segments");
	if (error < 0)
		return error;
	if (segment->file_size > segment->memory_size)
		return damaged("a segment has more bytes in the file than in memory");
	if (__builtin_add_overflow(segment->address, segment->memory_size, &end))
		return damaged("a segment reaches past the end of the address space");
	if (segment->address < LOWMEM_END)
		return damaged("a segment is to be loaded below 1 MiB");
	if (end > FOUR_GIB)
		return damaged("a segment reaches above 4 GiB, out of reach of the 32-bit entry");
	for (size_t i = 0; i < plan->segment_count; i++) {
		const struct image_segment *other = &plan->segments[i];

		if (segment->address < other->address + other->memory_size && other->address < end)
			return damaged("two of its segments overlap");
	}
	if (plan->segment_count == IMAGE_SEGMENTS_MAX)
		return damaged("it has more segments than any kernel");
	plan->segments[plan->segment_count++] = (struct image_segment){
		.address = segment->address,
		.offset = segment->offset,
		.file_size = segment->file_size,
		.memory_size = segment->memory_size,
	};
	return 0;
}

/*
 * Looks for the entry among one segment's notes. *ret_found and *ret_entry are set where it stands there.
 * A note is its header, its name and its value; value and next note are aligned. Source: System V gABI 4.1,
 * "Note Section".
 */
static int find_entry(const struct elf *elf, const struct elf_segment *segment, bool *ret_found,
		      gpa_t *ret_entry)
{
	uint64_t align = segment->alignment == 8 ? 8 : 4;
	uint64_t size = segment->file_size;
	uint64_t at = 0;
	int error;

	error = boot_file_expect(elf->file, segment->offset, size, "the segment of its notes");
	if (error < 0)
		return error;
	if (size > NOTES_SIZE_MAX)
		return damaged("its notes are longer than any kernel's");
	while (at < size && size - at >= sizeof(Elf64_Nhdr)) { /* both classes have the same */
		uint64_t name_at = segment->offset + at + sizeof(Elf64_Nhdr);
		char name[sizeof(NOTE_OWNER)];
		uint64_t value = 0;
		uint64_t value_at;
		Elf64_Nhdr note;

		error = boot_file_read(elf->file, segment->offset + at, &note, sizeof(note));
		if (error < 0)
			return error;
		/* No overflow: 32-bit sizes behind an offset of at most NOTES_SIZE_MAX. */
		value_at = align_up(at + sizeof(note) + note.n_namesz, align);
		at = align_up(value_at + note.n_descsz, align); /* the last one may lack its padding */
		if (value_at + note.n_descsz > size)
			return damaged("a note reaches past the end of its notes");
		if (note.n_type != NOTE_PHYS32_ENTRY || note.n_namesz != sizeof(name) ||
		    (note.n_descsz != sizeof(uint32_t) && note.n_descsz != sizeof(uint64_t)))
			continue;
		error = boot_file_read(elf->file, name_at, name, sizeof(name));
		if (error == 0)
			error = boot_file_read(elf->file, segment->offset + value_at, &value, note.n_descsz);
		if (error < 0)
			return error;
		if (memcmp(name, NOTE_OWNER, sizeof(name)) == 0) {
			*ret_found = true;
			*ret_entry = value;
		}
	}
	return 0;
}

/* All of it at once: a kernel with its second segment out of reach is not told what the first one needs. */
static int check_memory(const struct image_memory *memory, const struct image_plan *plan)
{
	uint64_t start = UINT64_MAX;
	uint64_t end = 0;
	bool fits = true;

	for (size_t i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];

		fits &= image_memory_has(memory, segment->address, segment->memory_size);
		if (segment->address < start)
			start = segment->address;
		if (segment->address + segment->memory_size > end)
			end = segment->address + segment->memory_size;
	}
	if (fits)
		return 0;
	(void)image_too_large(memory, "the kernel", end - start, end);
	/* It stands where it was linked to. */
	return image_memory_in_pieces(memory) ? error_try("use its bzImage, which goes where there is room")
					      : -EFBIG;
}

static bool has_entry(const struct image_plan *plan)
{
	for (size_t i = 0; i < plan->segment_count; i++) {
		if (plan->entry >= plan->segments[i].address &&
		    plan->entry - plan->segments[i].address < plan->segments[i].file_size)
			return true;
	}
	return false;
}

int pvh_plan(const struct boot_file *file, const struct image_memory *memory, struct image_plan *ret_plan)
{
	struct image_plan plan = {
		.mode = KVM_X86_MODE_PROTECTED,
		.clear = true,
		.cmdline_max = LOWMEM_CMDLINE_SIZE - 1,
		.initrd_end = FOUR_GIB,
	};
	struct elf_segment segment;
	struct elf elf = { 0 };
	bool found = false;
	int error;

	error = elf_open(file, &elf);
	if (error < 0)
		return error;
	/* The note first: a program that is no kernel is told so, whatever else is wrong with it. */
	for (unsigned i = 0; i < elf.header_count; i++) {
		error = elf_segment(&elf, i, &segment);
		if (error == 0 && segment.type == PT_NOTE)
			error = find_entry(&elf, &segment, &found, &plan.entry);
		if (error < 0)
			return error;
	}
	if (!found) {
		error_set(ENOEXEC, "it is an ELF file without a PVH entry note");
		return error_try("use the bzImage, or a vmlinux built with CONFIG_PVH");
	}
	for (unsigned i = 0; i < elf.header_count; i++) {
		error = elf_segment(&elf, i, &segment);
		if (error == 0 && segment.type == PT_LOAD)
			error = plan_segment(&elf, &segment, &plan);
		if (error < 0)
			return error;
	}
	error = check_memory(memory, &plan);
	if (error < 0)
		return error;
	if (!has_entry(&plan))
		return damaged("its PVH entry lies in none of its segments");
	*ret_plan = plan;
	return 0;
}

int pvh_hand_over(const struct image_handover *handover, struct mem_ram *ram, struct kvm_x86_entry *entry)
{
	const struct image_plan *plan = handover->plan;
	const struct e820 *map = handover->map;
	struct start_memory memory[E820_ENTRIES_MAX] = { 0 };
	struct start_module module = { .address = plan->initrd, .size = plan->initrd_size };
	struct start_info info = {
		.magic = START_INFO_MAGIC,
		.version = START_INFO_VERSION,
		.module_count = plan->initrd_size > 0 ? 1 : 0,
		.modules = plan->initrd_size > 0 ? LOWMEM_MODULES : 0,
		.cmdline = LOWMEM_CMDLINE,
		.rsdp = handover->rsdp,
		.memory_map = LOWMEM_MEMORY_MAP,
		.memory_map_entries = (uint32_t)map->count,
	};
	int error;

	for (size_t i = 0; i < map->count; i++) {
		memory[i].address = map->entries[i].start;
		memory[i].size = map->entries[i].size;
		memory[i].type = map->entries[i].type;
	}
	error = mem_ram_write(ram, LOWMEM_MEMORY_MAP, memory, sizeof(memory));
	if (error == 0)
		error = mem_ram_write(ram, LOWMEM_MODULES, &module, sizeof(module));
	if (error == 0)
		error = mem_ram_write(ram, LOWMEM_START_INFO, &info, sizeof(info));
	entry->rip = plan->entry;
	entry->rbx = LOWMEM_START_INFO;
	return error;
}
