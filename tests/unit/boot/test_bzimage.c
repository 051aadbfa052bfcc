/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/x86_64/bzimage.c: images by the Linux boot protocol, good ones and bad ones. */
#include "unit.h"

#include <asm/bootparam.h>

#include "image.h"
#include "machine.h"

uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index)
{
	return index;
}

#define SETUP_SECTORS 2
#define SETUP_SIZE    ((SETUP_SECTORS + 1) * 512)
#define CODE_SIZE     (64u << 10)
#define FILE_SIZE     (SETUP_SIZE + CODE_SIZE)

static uint8_t file[FILE_SIZE];
static struct setup_header *header = (struct setup_header *)(file + 0x1f1);

/* A kernel of 64 KiB that needs 8 MiB at 16 MiB. */
static int good(void **state)
{
	memset(file, 0x5a, sizeof(file));
	*header = (struct setup_header){
		.setup_sects = SETUP_SECTORS,
		.syssize = CODE_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0x66eb, /* the header ends at 0x202 + 0x66 */
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = 16 * MIB,
		.init_size = 8 * MIB,
	};
	return 0;
}

static void a_good_image_is_accepted(void **state)
{
	assert_int_equal(image_check(file, sizeof(file)), 0);
	header->version = 0x020c;
	assert_int_equal(image_check(file, sizeof(file)), 0);
	header->relocatable_kernel = 0;
	header->kernel_alignment = 0;
	assert_int_equal(image_check(file, sizeof(file)), 0);
	/* What is appended (a signature, say) does no harm; setup_sects 0 means 4. */
	header->setup_sects = 0;
	header->syssize -= 2 * 512 / 16;
	assert_int_equal(image_check(file, sizeof(file)), 0);
}

/* At every length, and with the number of missing bytes where a header is there to tell. */
static void truncated_at_every_byte(void **state)
{
	for (size_t size = 0; size < sizeof(file); size += size < 0x300 ? 1 : 509) {
		char missing[64];

		if (size < 0x206) {
			assert_refused(image_check(file, size), ENOEXEC, "no Linux kernel image");
			continue;
		}
		assert_refused(image_check(file, size), ENOEXEC, "truncated");
		if (size < 0x268) /* up to the end that the jump tells */
			continue;
		snprintf(missing, sizeof(missing), ": %zu bytes are missing", sizeof(file) - size);
		assert_non_null(strstr(error_get()->because, missing));
		assert_string_equal(error_get()->tried, "boot vmlinuz");
	}
}

static void other_files_are_no_kernels(void **state)
{
	static const uint8_t gzip[0x400] = { 0x1f, 0x8b };
	static const uint8_t zero[0x400];

	assert_refused(image_check(zero, sizeof(zero)), ENOEXEC, "neither a bzImage nor an ELF file");
	assert_refused(image_check(gzip, sizeof(gzip)), ENOEXEC, "neither a bzImage nor an ELF file");
	assert_non_null(strstr(error_get()->remedy, "gzip"));
	header->boot_flag = 0xaa54;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "neither a bzImage nor an ELF file");
}

static void old_and_32_bit_kernels_are_named(void **state)
{
	header->version = 0x020b;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "protocol is 2.11");
	good(NULL);
	header->xloadflags = 0;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "32-bit kernel");
	good(NULL);
	header->loadflags = 0;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "zImage");
}

static void lying_headers_are_refused(void **state)
{
	header->kernel_alignment = 0x300000;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "kernel_alignment");
	header->kernel_alignment = 0;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "kernel_alignment");
	good(NULL);
	header->syssize = UINT32_MAX;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "truncated");
	good(NULL);
	header->syssize = 0;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "no code");
	good(NULL);
	header->syssize = 0x200 / 16;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "64-bit entry");
	good(NULL);
	header->setup_sects = 255;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "truncated");
	good(NULL);
	header->init_size = CODE_SIZE - 1;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "larger than the memory");
	good(NULL);
	header->init_size = 0;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "no code");
	good(NULL);
	header->pref_address = UINT64_MAX - MIB;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "above 4 GiB");
	good(NULL);
	header->relocatable_kernel = 0;
	header->pref_address = 0x1000;
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "below 1 MiB");
	good(NULL);
	header->jump = 0x10eb; /* the header ends before the fields of its version */
	assert_refused(image_check(file, sizeof(file)), ENOEXEC, "shorter than its protocol version");
}

/* The message has what the kernel needs, what there is, and what to ask for. */
static void too_large_for_memory(void **state)
{
	assert_int_equal(image_check_sized(file, sizeof(file), 24 * MIB, ""), 0);
	assert_refused(image_check_sized(file, sizeof(file), 24 * MIB - 4096, ""), EFBIG, "8 MiB");
	assert_non_null(strstr(error_get()->because, "24 MiB"));
	assert_non_null(strstr(error_get()->because, "24572 KiB"));
	assert_non_null(strstr(error_get()->remedy, "-m 24M"));
	header->relocatable_kernel = 0;
	assert_refused(image_check_sized(file, sizeof(file), 24 * MIB - 4096, ""), EFBIG, "24 MiB");
	header->init_size = UINT32_MAX;
	assert_refused(image_check_sized(file, sizeof(file), 64 * GIB, ""), EFBIG, "up to");
	header->relocatable_kernel = 1;
	assert_refused(image_check_sized(file, sizeof(file), 64 * GIB, ""), EFBIG, "up to");
	header->kernel_alignment = 0x80000000;
	assert_refused(image_check_sized(file, sizeof(file), 64 * GIB, ""), EFBIG, "up to");
}

/* Memory that continues above 4 GiB is as large below as it gets: more of it is no advice. */
static void too_large_for_any_memory(void **state)
{
	static const struct mem_range ram[] = { { 0, 2 * GIB }, { 4 * GIB, GIB } };
	struct boot_linux_options options = {
		.initrd_fd = -1,
		.cmdline = "",
		.kernel_path = "vmlinuz",
	};

	header->pref_address = 2 * GIB;
	options.kernel_fd = image_file(file, sizeof(file));
	assert_refused(boot_linux_check(&options, ram, 2), EFBIG, "8 MiB");
	assert_null(strstr(error_get()->remedy, "-m "));
	close(options.kernel_fd);
}

/* It goes to where there is room; its own place may be one where the host reserves something. */
static void memory_with_holes(void **state)
{
	static const struct mem_range low[] = { { 0, 16 * MIB },
						{ 18 * MIB, 4 * MIB },
						{ 32 * MIB, 8 * MIB } };
	static const struct mem_range high[] = { { 0, 16 * MIB }, { 18 * MIB, 4 * MIB }, { 4 * GIB, GIB } };
	struct boot_linux_options options = { .initrd_fd = -1, .cmdline = "", .kernel_path = "vmlinuz" };
	struct boot_machine machine = test_machine(1);
	struct kvm_x86_entry entry;
	struct mem_ram *ram;

	options.kernel_fd = image_file(file, sizeof(file));
	assert_int_equal(mem_ram_create(low, 3, &ram), 0);
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);
	assert_int_equal(entry.rip, 32 * MIB + 0x200);
	mem_ram_destroy(ram);
	close(options.kernel_fd);

	assert_refused(
		image_check_ranges(file, sizeof(file), high, 3, ""), EFBIG,
		"the kernel takes 8 MiB of memory in one piece, from 0x1000000 on\n"
		"the guest's memory below 4 GiB is in 2 pieces, around what the host's IOMMU reserves; the "
		"largest has 16 MiB, at 0x0");
	assert_string_equal(
		error_get()->remedy,
		"grep . /sys/kernel/iommu_groups/*/reserved_regions    (shows what is reserved, for whom)");
	/* There may be more room behind the last piece. */
	assert_int_equal(image_check_ranges(file, sizeof(file), high, 2, ""), -EFBIG);
	assert_non_null(strstr(error_get()->remedy, "-m"));
}

static void the_command_line_has_a_limit(void **state)
{
	char cmdline[0x10000 + 1];

	memset(cmdline, 'a', sizeof(cmdline) - 1);
	cmdline[sizeof(cmdline) - 1] = '\0';
	header->cmdline_size = UINT32_MAX;
	assert_refused(image_check_sized(file, sizeof(file), 256 * MIB, cmdline), E2BIG, "65535");
	cmdline[2048] = '\0';
	assert_int_equal(image_check_sized(file, sizeof(file), 256 * MIB, cmdline), 0);
	header->cmdline_size = 2047;
	assert_refused(image_check_sized(file, sizeof(file), 256 * MIB, cmdline), E2BIG, "2047");
	cmdline[2047] = '\0';
	assert_int_equal(image_check_sized(file, sizeof(file), 256 * MIB, cmdline), 0);
}

/* What the kernel finds at its 64-bit entry. */
static void a_loaded_image_finds_its_parameters(void **state)
{
	static const struct mem_range ranges[] = { { 0, 64 * MIB }, { 4 * GIB, 16 * MIB } };
	struct boot_machine machine = test_machine(2);
	struct kvm_x86_entry entry;
	struct boot_params *params;
	struct mem_ram *ram;
	uint8_t initrd[5000];
	uint64_t *table;
	uint64_t *gdt;

	memset(initrd, 0x77, sizeof(initrd));
	header->setup_data = 0x123456;
	header->pref_address = 16 * MIB + 4096;
	struct boot_linux_options options = {
		.kernel_fd = image_file(file, sizeof(file)),
		.initrd_fd = image_file(initrd, sizeof(initrd)),
		.cmdline = "console=ttyS0",
		.kernel_path = "vmlinuz",
		.initrd_path = "initrd",
	};
	assert_int_equal(mem_ram_create(ranges, 2, &ram), 0);
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);

	assert_int_equal(entry.mode, KVM_X86_MODE_LONG);
	assert_int_equal(entry.rip, 18 * MIB + 0x200);
	assert_memory_equal(mem_ram_at(ram, 18 * MIB, CODE_SIZE), file + SETUP_SIZE, CODE_SIZE);
	params = mem_ram_at(ram, entry.rsi, sizeof(*params));
	assert_non_null(params);
	assert_int_equal(params->sentinel, 0);
	assert_int_equal(params->hdr.header, 0x53726448);
	assert_int_equal(params->hdr.version, 0x020f);
	assert_int_equal(params->hdr.init_size, 8 * MIB);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.code32_start, 18 * MIB);
	assert_int_equal(params->hdr.setup_data, 0);
	assert_string_equal(mem_ram_at(ram, params->hdr.cmd_line_ptr, 64), "console=ttyS0");
	assert_int_equal(params->hdr.ramdisk_size, sizeof(initrd));
	assert_int_equal(params->hdr.ramdisk_image, 64 * MIB - 8192);
	assert_memory_equal(mem_ram_at(ram, params->hdr.ramdisk_image, sizeof(initrd)), initrd,
			    sizeof(initrd));
	assert_memory_equal(mem_ram_at(ram, params->acpi_rsdp_addr, 36), "RSD PTR ", 8);
	assert_int_equal(params->e820_entries, 9);
	assert_int_equal(params->e820_table[5].addr, MIB);
	assert_int_equal(params->e820_table[5].size, 63 * MIB);
	assert_int_equal(params->e820_table[5].type, 1);
	assert_int_equal(params->e820_table[8].addr, 4 * GIB);

	/* The BIOS data area knows the serial port and where usable memory ends. */
	assert_memory_equal(mem_ram_at(ram, 0x400, 2), "\xf8\x03", 2);
	assert_memory_equal(mem_ram_at(ram, 0x40e, 2), "\xc0\x9f", 2);
	assert_memory_equal(mem_ram_at(ram, 0x413, 2), "\x7f\x02", 2);

	/* 4 GiB mapped to themselves, flat segments at the protocol's selectors. */
	table = mem_ram_at(ram, entry.cr3, 4096);
	table = mem_ram_at(ram, table[0] & ~UINT64_C(0xfff), 4096);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t *directory = mem_ram_at(ram, table[i] & ~UINT64_C(0xfff), 4096);

		for (unsigned j = 0; j < 512; j++)
			assert_int_equal(directory[j], (i * GIB + j * 2 * MIB) | 0x83);
	}
	assert_int_equal(table[4], 0);
	assert_int_equal(entry.cs, 0x10);
	assert_int_equal(entry.ds, 0x18);
	gdt = mem_ram_at(ram, entry.gdt, entry.gdt_limit + 1u);
	assert_int_equal(gdt[0], 0);
	assert_int_equal(gdt[2], 0x00af9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);

	/* A second load over a used guest's memory gives the same: nothing old remains in the first MiB. */
	memset(mem_ram_at(ram, 0, MIB), 0xee, MIB);
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);
	assert_int_equal(params->sentinel, 0);
	assert_int_equal(params->e820_entries, 9);

	mem_ram_destroy(ram);
	close(options.kernel_fd);
	close(options.initrd_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_image_is_accepted, good),
		cmocka_unit_test_setup(truncated_at_every_byte, good),
		cmocka_unit_test_setup(other_files_are_no_kernels, good),
		cmocka_unit_test_setup(old_and_32_bit_kernels_are_named, good),
		cmocka_unit_test_setup(lying_headers_are_refused, good),
		cmocka_unit_test_setup(too_large_for_memory, good),
		cmocka_unit_test_setup(too_large_for_any_memory, good),
		cmocka_unit_test_setup(memory_with_holes, good),
		cmocka_unit_test_setup(the_command_line_has_a_limit, good),
		cmocka_unit_test_setup(a_loaded_image_finds_its_parameters, good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
