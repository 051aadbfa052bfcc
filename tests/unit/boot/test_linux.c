/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/linux.c: the initial RAM disk's place, files that are none, and that a refusal writes nothing. */
#include "unit.h"

#include <asm/bootparam.h>
#include <fcntl.h>

#include "image.h"
#include "machine.h"

uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index)
{
	return index;
}

#define SETUP_SIZE (5 * 512)
#define CODE_SIZE  4096
#define PAGE	   4096u

static uint8_t kernel[SETUP_SIZE + CODE_SIZE];
static struct setup_header *header = (struct setup_header *)(kernel + 0x1f1);
static struct boot_linux_options options;

/* A kernel that claims [16 MiB, 24 MiB), and a disk whose size each test sets. */
static int start(void **state)
{
	memset(kernel, 0x5a, sizeof(kernel));
	*header = (struct setup_header){
		.syssize = CODE_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb,
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
	options = (struct boot_linux_options){
		.kernel_fd = image_file(kernel, sizeof(kernel)),
		.initrd_fd = memfd_create("initrd", MFD_CLOEXEC),
		.cmdline = "",
		.kernel_path = "vmlinuz",
		.initrd_path = "initrd.img",
	};
	return options.initrd_fd < 0;
}

static int stop(void **state)
{
	close(options.kernel_fd);
	close(options.initrd_fd);
	return 0;
}

static void rewrite_kernel(void)
{
	assert_int_equal(pwrite(options.kernel_fd, kernel, sizeof(kernel), 0), sizeof(kernel));
}

static int check_with(uint64_t initrd_size, const struct mem_range *ram, size_t count)
{
	assert_int_equal(ftruncate(options.initrd_fd, (off_t)initrd_size), 0);
	return boot_linux_check(&options, ram, count);
}

/* Loads and tells where the disk went. */
static uint64_t load_with(uint64_t initrd_size, const struct mem_range *ranges, size_t count)
{
	struct boot_machine machine = test_machine(1);
	const struct boot_params *params;
	struct kvm_x86_entry entry;
	struct mem_ram *ram;
	uint64_t address;

	assert_int_equal(ftruncate(options.initrd_fd, (off_t)initrd_size), 0);
	assert_int_equal(mem_ram_create(ranges, count, &ram), 0);
	assert_int_equal(boot_linux_load(&options, &machine, ram, &entry), 0);
	params = mem_ram_at(ram, entry.rsi, sizeof(*params));
	assert_int_equal(params->hdr.ramdisk_size, initrd_size);
	address = params->hdr.ramdisk_image;
	mem_ram_destroy(ram);
	return address;
}

static void the_disk_goes_as_high_as_it_may(void **state)
{
	static const struct mem_range ram[] = { { 0, 2 * GIB }, { 4 * GIB, GIB } };

	assert_int_equal(load_with(PAGE, ram, 2), 2 * GIB - PAGE);
	assert_int_equal(load_with(PAGE + 1, ram, 2), 2 * GIB - 2 * PAGE);
	header->initrd_addr_max = 0x37ffffff;
	rewrite_kernel();
	assert_int_equal(load_with(PAGE, ram, 2), 0x38000000 - PAGE);
	/* Kernels that take it anywhere have no limit but ours. */
	header->xloadflags |= XLF_CAN_BE_LOADED_ABOVE_4G;
	rewrite_kernel();
	assert_int_equal(load_with(PAGE, ram, 2), 2 * GIB - PAGE);
}

/* Memory above the kernel first, then the 15 MiB between it and the first MiB. */
static void the_disk_never_touches_the_kernel(void **state)
{
	static const struct mem_range ram[] = { { 0, 32 * MIB } };

	assert_int_equal(load_with(8 * MIB, ram, 1), 24 * MIB);
	assert_int_equal(load_with(8 * MIB + 1, ram, 1), 8 * MIB - PAGE);
	assert_int_equal(load_with(15 * MIB, ram, 1), MIB);
	assert_int_equal(check_with(15 * MIB + 1, ram, 1), -EFBIG);
	assert_refused(check_with(16 * MIB, ram, 1), EFBIG, "16 MiB");
}

static void a_disk_too_large_says_what_it_takes(void **state)
{
	static const struct mem_range ram[] = { { 0, 64 * MIB } };
	static const struct mem_range large[] = { { 0, 2 * GIB }, { 4 * GIB, 4 * GIB } };

	assert_int_equal(check_with(40 * MIB, ram, 1), 0);
	assert_refused(check_with(41 * MIB, ram, 1), EFBIG, "41 MiB");
	assert_non_null(strstr(error_get()->because, "64 MiB"));
	assert_non_null(strstr(error_get()->remedy, "-m 66M"));
	assert_string_equal(error_get()->tried, "use initrd.img as initial RAM disk");
	assert_int_equal(check_with(41 * MIB, (struct mem_range[]){ { 0, 66 * MIB } }, 1), 0);
	/* More memory would not help here, and is not what is advised. */
	assert_refused(check_with(3 * GIB, large, 2), EFBIG, "below 2 GiB");
	assert_null(strstr(error_get()->remedy, "-m "));
	assert_refused(check_with(INT64_MAX, large, 2), EFBIG, "do not fit");
	header->initrd_addr_max = 0;
	rewrite_kernel();
	assert_refused(check_with(PAGE, ram, 1), EFBIG, "below 1 bytes");
}

static void memory_with_holes(void **state)
{
	static const struct mem_range ram[] = { { 0, 32 * MIB }, { 48 * MIB, 16 * MIB }, { 4 * GIB, GIB } };

	assert_int_equal(load_with(8 * MIB, ram, 3), 56 * MIB);
	/* Too much for the last piece: above the kernel in the first one, or below it. */
	assert_int_equal(load_with(15 * MIB, ram, 2), 49 * MIB);
	assert_int_equal(load_with(8 * MIB, ram, 1), 24 * MIB);
	assert_refused(check_with(17 * MIB, ram, 3), EFBIG,
		       "it has 17 MiB, which do not fit beside the kernel below 64 MiB\n"
		       "the guest's memory below 4 GiB is in 2 pieces");
}

static void odd_files_are_refused(void **state)
{
	static const struct mem_range ram[] = { { 0, 64 * MIB } };
	int kernel_fd = options.kernel_fd;
	int pipes[2];

	assert_refused(check_with(0, ram, 1), EINVAL, "empty");
	assert_int_equal(pipe(pipes), 0);
	options.kernel_fd = pipes[0];
	assert_refused(boot_linux_check(&options, ram, 1), EINVAL, "not a regular file");
	assert_string_equal(error_get()->tried, "read vmlinuz");
	options.kernel_fd = kernel_fd;
	close(options.initrd_fd);
	options.initrd_fd = open("/", O_RDONLY | O_DIRECTORY);
	assert_refused(boot_linux_check(&options, ram, 1), EINVAL, "not a regular file");
	assert_string_equal(error_get()->tried, "read initrd.img");
	close(pipes[0]);
	close(pipes[1]);
}

/* Whatever is wrong, it is found before the first byte is written, and the entry stays as it was. */
static void a_refusal_writes_nothing(void **state)
{
	static const struct mem_range range = { 0, 64 * MIB };
	struct boot_machine machine = test_machine(1);
	struct kvm_x86_entry entry = { .rip = 0x1234 };
	struct mem_ram *ram;
	const uint8_t *bytes;

	assert_int_equal(mem_ram_create(&range, 1, &ram), 0);
	assert_int_equal(ftruncate(options.initrd_fd, 128 << 20), 0);
	assert_refused(boot_linux_load(&options, &machine, ram, &entry), EFBIG, "128 MiB");
	assert_int_equal(ftruncate(options.initrd_fd, 4096), 0);
	assert_int_equal(ftruncate(options.kernel_fd, sizeof(kernel) - 1), 0);
	assert_refused(boot_linux_load(&options, &machine, ram, &entry), ENOEXEC, ": 1 bytes are missing");
	bytes = mem_ram_at(ram, 0, range.size);
	for (uint64_t i = 0; i < range.size; i++) {
		if (bytes[i] != 0)
			fail_msg("byte at %#llx was written", (unsigned long long)i);
	}
	assert_int_equal(entry.rip, 0x1234);
	mem_ram_destroy(ram);
}

static void an_empty_kernel_is_refused(void **state)
{
	static const struct mem_range ram[] = { { 0, 64 * MIB } };

	assert_int_equal(ftruncate(options.kernel_fd, 0), 0);
	assert_refused(check_with(PAGE, ram, 1), ENOEXEC, "0 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_disk_goes_as_high_as_it_may, start, stop),
		cmocka_unit_test_setup_teardown(the_disk_never_touches_the_kernel, start, stop),
		cmocka_unit_test_setup_teardown(a_disk_too_large_says_what_it_takes, start, stop),
		cmocka_unit_test_setup_teardown(memory_with_holes, start, stop),
		cmocka_unit_test_setup_teardown(odd_files_are_refused, start, stop),
		cmocka_unit_test_setup_teardown(a_refusal_writes_nothing, start, stop),
		cmocka_unit_test_setup_teardown(an_empty_kernel_is_refused, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
