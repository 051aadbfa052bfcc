/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/x86_64/pvh.c: ELF kernels with a PVH entry, good ones and bad ones. */
#include "unit.h"

#include <elf.h>

#include "image.h"
#include "machine.h"

uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index)
{
	return index;
}

#define ENTRY	  (16 * MIB + 0x123)
#define CODE_SIZE 0x2000

struct note {
	Elf64_Nhdr header;
	char name[4];
	uint64_t entry;
};

/* Two segments, the second with more memory than file, and notes with one of somebody else's in front. */
struct file64 {
	Elf64_Ehdr elf;
	Elf64_Phdr segments[3];
	struct note other;
	struct note note;
	uint8_t code[CODE_SIZE];
};

struct file32 {
	Elf32_Ehdr elf;
	Elf32_Phdr segments[2];
	struct note note;
	uint8_t code[CODE_SIZE];
};

static struct file64 file;

static int good(void **state)
{
	memset(&file, 0, sizeof(file));
	memset(file.code, 0x5a, sizeof(file.code));
	memcpy(file.elf.e_ident, ELFMAG, SELFMAG);
	file.elf.e_ident[EI_CLASS] = ELFCLASS64;
	file.elf.e_ident[EI_DATA] = ELFDATA2LSB;
	file.elf.e_type = ET_EXEC;
	file.elf.e_machine = EM_X86_64;
	file.elf.e_version = EV_CURRENT;
	file.elf.e_phoff = offsetof(struct file64, segments);
	file.elf.e_phentsize = sizeof(Elf64_Phdr);
	file.elf.e_phnum = 3;
	file.segments[0] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = offsetof(struct file64, code),
		.p_vaddr = 0xffffffff81000000,
		.p_paddr = 16 * MIB,
		.p_filesz = 0x1000,
		.p_memsz = 0x1000,
	};
	file.segments[1] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = offsetof(struct file64, code) + 0x1000,
		.p_paddr = 16 * MIB + 0x1000,
		.p_filesz = 0x1000,
		.p_memsz = 0x8000,
	};
	file.segments[2] = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = offsetof(struct file64, other),
		.p_filesz = 2 * sizeof(struct note),
		.p_memsz = 2 * sizeof(struct note),
		.p_align = 4,
	};
	file.other = (struct note){ { 4, 8, 18 }, "GNU", 0xdead };
	file.note = (struct note){ { 4, 8, 18 }, "Xen", ENTRY };
	return 0;
}

static int check_file(void)
{
	return image_check(&file, sizeof(file));
}

static void a_good_image_is_accepted(void **state)
{
	assert_int_equal(check_file(), 0);
	file.elf.e_type = ET_DYN;
	assert_int_equal(check_file(), 0);
	file.segments[2].p_align = 8;
	file.note.header.n_descsz = 4; /* an entry of 4 bytes will do, also as the last ones of the notes */
	file.segments[2].p_filesz -= 4;
	assert_int_equal(check_file(), 0);
}

static void truncated_at_every_byte(void **state)
{
	for (size_t size = 0; size < sizeof(file); size += size < 0x200 ? 1 : 127) {
		char missing[64];

		if (size < SELFMAG) {
			assert_refused(image_check(&file, size), ENOEXEC, "no Linux kernel image");
			continue;
		}
		assert_refused(image_check(&file, size), ENOEXEC, "truncated");
		if (size < offsetof(struct file64, code))
			continue;
		snprintf(missing, sizeof(missing), ": %zu bytes are missing",
			 size < offsetof(struct file64, code) + 0x1000
				 ? offsetof(struct file64, code) + 0x1000 - size
				 : sizeof(file) - size);
		assert_non_null(strstr(error_get()->because, missing));
	}
}

static void other_elf_files_are_named(void **state)
{
	file.elf.e_machine = EM_AARCH64;
	assert_refused(check_file(), ENOEXEC, "another processor");
	good(NULL);
	file.elf.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refused(check_file(), ENOEXEC, "another processor");
	good(NULL);
	file.elf.e_type = ET_REL;
	assert_refused(check_file(), ENOEXEC, "no program");
	good(NULL);
	file.note.name[0] = 'Y';
	assert_refused(check_file(), ENOEXEC, "without a PVH entry note");
	good(NULL);
	file.note.header.n_type = 17;
	assert_refused(check_file(), ENOEXEC, "without a PVH entry note");
	good(NULL);
	file.segments[2].p_type = PT_NULL;
	assert_refused(check_file(), ENOEXEC, "without a PVH entry note");
}

static void lying_headers_are_refused(void **state)
{
	file.elf.e_ident[EI_CLASS] = 3;
	assert_refused(check_file(), ENOEXEC, "class");
	good(NULL);
	file.elf.e_version = 2;
	assert_refused(check_file(), ENOEXEC, "version");
	good(NULL);
	file.elf.e_phentsize--;
	assert_refused(check_file(), ENOEXEC, "unknown size");
	good(NULL);
	file.elf.e_phnum = 0;
	assert_refused(check_file(), ENOEXEC, "number of its program headers");
	file.elf.e_phnum = UINT16_MAX;
	assert_refused(check_file(), ENOEXEC, "number of its program headers");
	good(NULL);
	file.elf.e_phoff = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "damaged");
	file.elf.e_phoff = sizeof(file);
	assert_refused(check_file(), ENOEXEC, "truncated");
}

static void lying_segments_are_refused(void **state)
{
	Elf64_Phdr *segment = &file.segments[0];

	segment->p_offset = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "damaged");
	good(NULL);
	segment->p_filesz = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "damaged");
	good(NULL);
	segment->p_filesz++;
	assert_refused(check_file(), ENOEXEC, "more bytes in the file than in memory");
	good(NULL);
	segment->p_memsz = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "end of the address space");
	good(NULL);
	segment->p_memsz = 4 * GIB;
	assert_refused(check_file(), ENOEXEC, "above 4 GiB");
	good(NULL);
	segment->p_paddr = MIB - 1;
	assert_refused(check_file(), ENOEXEC, "below 1 MiB");
	good(NULL);
	segment->p_memsz++;
	assert_refused(check_file(), ENOEXEC, "overlap");
	good(NULL);
	file.segments[1].p_memsz = 250 * MIB - 0x1000; /* the kernel is what is too large, not its segment */
	assert_refused(check_file(), EFBIG, "takes 250 MiB");
	assert_non_null(strstr(error_get()->remedy, "-m 266M"));
	good(NULL);
	file.note.entry = 16 * MIB + 0x2000; /* in what is only cleared */
	assert_refused(check_file(), ENOEXEC, "none of its segments");
	file.note.entry = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "none of its segments");
	good(NULL);
	segment->p_type = PT_NULL;
	file.segments[1].p_type = PT_NULL;
	assert_refused(check_file(), ENOEXEC, "none of its segments");
}

static void lying_notes_are_refused(void **state)
{
	file.other.header.n_namesz = UINT32_MAX;
	assert_refused(check_file(), ENOEXEC, "end of its notes");
	good(NULL);
	file.other.header.n_descsz = UINT32_MAX;
	assert_refused(check_file(), ENOEXEC, "end of its notes");
	good(NULL);
	file.note.header.n_descsz++;
	assert_refused(check_file(), ENOEXEC, "end of its notes");
	good(NULL);
	file.segments[2].p_filesz = UINT64_MAX;
	assert_refused(check_file(), ENOEXEC, "damaged");
	good(NULL);
	file.segments[2].p_offset = 0;
	file.segments[2].p_filesz = sizeof(file);
	assert_int_not_equal(check_file(), 0);
}

/* A note segment as large as the file is costs no time and no memory. */
static void endless_notes_are_refused(void **state)
{
	static uint8_t large[1 << 20];

	file.segments[2].p_offset = sizeof(file);
	file.segments[2].p_filesz = sizeof(large) - sizeof(file);
	memcpy(large, &file, sizeof(file));
	assert_refused(image_check(large, sizeof(large)), ENOEXEC, "longer than any kernel's");
}

static void a_32_bit_file_is_accepted(void **state)
{
	struct file32 small = { 0 };

	memcpy(&small.elf, &file.elf, EI_NIDENT);
	small.elf.e_ident[EI_CLASS] = ELFCLASS32;
	small.elf.e_type = ET_EXEC;
	small.elf.e_machine = EM_386;
	small.elf.e_version = EV_CURRENT;
	small.elf.e_phoff = offsetof(struct file32, segments);
	small.elf.e_phentsize = sizeof(Elf32_Phdr);
	small.elf.e_phnum = 2;
	small.segments[0] = (Elf32_Phdr){
		.p_type = PT_NOTE,
		.p_offset = offsetof(struct file32, note),
		.p_filesz = sizeof(struct note),
	};
	small.segments[1] = (Elf32_Phdr){
		.p_type = PT_LOAD,
		.p_offset = offsetof(struct file32, code),
		.p_paddr = 16 * MIB,
		.p_filesz = CODE_SIZE,
		.p_memsz = CODE_SIZE,
	};
	small.note = file.note;
	assert_int_equal(image_check(&small, sizeof(small)), 0);
	for (size_t size = SELFMAG; size < sizeof(small); size += 13)
		assert_refused(image_check(&small, size), ENOEXEC, "truncated");
}

/* It stands where it stands. */
static void memory_with_holes(void **state)
{
	static const struct mem_range around[] = { { 0, 2 * MIB },
						   { 16 * MIB, 48 * MIB },
						   { 96 * MIB, 32 * MIB } };
	static const struct mem_range within[] = { { 0, 16 * MIB }, { 18 * MIB, 46 * MIB } };

	assert_int_equal(image_check_ranges(&file, sizeof(file), around, 3, ""), 0);
	assert_refused(image_check_ranges(&file, sizeof(file), within, 2, ""), EFBIG,
		       "in one piece, from 0x1000000 on\nthe guest's memory below 4 GiB is in 2 pieces");
	assert_non_null(strstr(error_get()->remedy, "use its bzImage"));
}

static uint64_t get(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

/* What the kernel finds at its PVH entry: struct hvm_start_info, by offsets. */
static void a_loaded_image_finds_its_start_info(void **state)
{
	static const struct mem_range ranges[] = { { 0, 64 * MIB }, { 4 * GIB, 16 * MIB } };
	struct boot_machine machine = test_machine(2);
	struct kvm_x86_entry entry;
	struct mem_ram *ram;
	uint8_t initrd[5000];
	uint8_t *info, *module, *map;
	uint64_t *gdt;

	memset(initrd, 0x77, sizeof(initrd));
	struct boot_linux_options options = {
		.kernel_fd = image_file(&file, sizeof(file)),
		.initrd_fd = image_file(initrd, sizeof(initrd)),
		.cmdline = "quiet",
		.kernel_path = "vmlinux",
		.initrd_path = "initrd",
	};
	assert_int_equal(mem_ram_create(ranges, 2, &ram), 0);
	memset(mem_ram_at(ram, 16 * MIB, MIB), 0xee, MIB);
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);

	assert_int_equal(entry.mode, KVM_X86_MODE_PROTECTED);
	assert_int_equal(entry.rip, ENTRY);
	assert_memory_equal(mem_ram_at(ram, 16 * MIB, CODE_SIZE), file.code, CODE_SIZE);
	for (uint8_t *at = mem_ram_at(ram, 16 * MIB + 0x2000, 0x7000), *end = at + 0x7000; at < end; at++)
		assert_int_equal(*at, 0);
	assert_int_equal(*(uint8_t *)mem_ram_at(ram, 16 * MIB + 0x9000, 1), 0xee);

	info = mem_ram_at(ram, entry.rbx, 56);
	assert_non_null(info);
	assert_int_equal(get(info, 4), 0x336ec578);
	assert_int_equal(get(info + 4, 4), 1);
	assert_int_equal(get(info + 8, 4), 0);
	assert_int_equal(get(info + 12, 4), 1);
	module = mem_ram_at(ram, get(info + 16, 8), 32);
	assert_non_null(module);
	assert_int_equal(get(module + 8, 8), sizeof(initrd));
	assert_memory_equal(mem_ram_at(ram, get(module, 8), sizeof(initrd)), initrd, sizeof(initrd));
	assert_string_equal(mem_ram_at(ram, get(info + 24, 8), 16), "quiet");
	assert_memory_equal(mem_ram_at(ram, get(info + 32, 8), 36), "RSD PTR ", 8);
	assert_int_equal(get(info + 48, 4), 9);
	map = mem_ram_at(ram, get(info + 40, 8), 9 * 24);
	assert_non_null(map);
	assert_int_equal(get(map + 5 * 24, 8), MIB);
	assert_int_equal(get(map + 5 * 24 + 8, 8), 63 * MIB);
	assert_int_equal(get(map + 5 * 24 + 16, 4), 1);
	assert_int_equal(get(map + 8 * 24, 8), 4 * GIB);
	gdt = mem_ram_at(ram, entry.gdt, entry.gdt_limit + 1u);
	assert_int_equal(gdt[entry.cs / 8], 0x00cf9b000000ffff);
	assert_int_equal(gdt[entry.ds / 8], 0x00cf93000000ffff);

	close(options.initrd_fd);
	options.initrd_fd = -1;
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);
	assert_int_equal(get(info + 12, 4), 0);
	assert_int_equal(get(info + 16, 8), 0);
	close(options.kernel_fd);
	mem_ram_destroy(ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_image_is_accepted, good),
		cmocka_unit_test_setup(truncated_at_every_byte, good),
		cmocka_unit_test_setup(other_elf_files_are_named, good),
		cmocka_unit_test_setup(lying_headers_are_refused, good),
		cmocka_unit_test_setup(lying_segments_are_refused, good),
		cmocka_unit_test_setup(lying_notes_are_refused, good),
		cmocka_unit_test_setup(endless_notes_are_refused, good),
		cmocka_unit_test_setup(a_32_bit_file_is_accepted, good),
		cmocka_unit_test_setup(memory_with_holes, good),
		cmocka_unit_test_setup(a_loaded_image_finds_its_start_info, good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
