/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/text.h"
#include "boot/acpi/acpi-priv.h"
#include "boot/boot.h"
#include "boot/x86_64/image-priv.h"
#include "boot/x86_64/lowmem-priv.h"

#define PAGE_SIZE UINT64_C(4096)

/* An image format: how to know it, how to plan it, how to tell the kernel what it has been given. */
struct format {
	bool (*is)(const uint8_t *head, size_t size);
	int (*plan)(const struct boot_file *file, const struct image_memory *memory,
		    struct image_plan *ret_plan);
	int (*hand_over)(const struct image_handover *handover, struct mem_ram *ram,
			 struct kvm_x86_entry *entry);
};

static const struct format formats[] = {
	{ pvh_is, pvh_plan, pvh_hand_over },
	{ bzimage_is, bzimage_plan, bzimage_hand_over },
};

/* All that is known before the first byte is written. */
struct linux_boot {
	const struct format *format;
	struct boot_file kernel;
	struct boot_file initrd; /* undefined without one */
	struct image_plan plan;
};

static int not_a_kernel(const struct boot_file *file, const uint8_t *head, size_t size)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b };

	if (size < IMAGE_HEAD_SIZE)
		error_set(ENOEXEC, "the file is no Linux kernel image: it has %" PRIu64 " bytes", file->size);
	else
		error_set(ENOEXEC,
			  "the file is no Linux kernel image: neither a bzImage nor an ELF file with a "
			  "PVH entry");
	if (size >= sizeof(gzip) && memcmp(head, gzip, sizeof(gzip)) == 0)
		return error_try("unpack it first: it is compressed by gzip");
	return error_try("give -kernel a file such as /boot/vmlinuz-VERSION");
}

static int find_format(const struct boot_file *file, const struct format **ret_format)
{
	uint8_t head[IMAGE_HEAD_SIZE] = { 0 };
	size_t size = file->size < sizeof(head) ? (size_t)file->size : sizeof(head);
	int error = boot_file_read(file, 0, head, size);

	if (error < 0)
		return error;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].is(head, size)) {
			*ret_format = &formats[i];
			return 0;
		}
	}
	return not_a_kernel(file, head, size);
}

/* The highest place below the limit that no segment of the kernel claims, in the RAM below 4 GiB. */
static bool place_initrd(const struct image_memory *memory, struct image_plan *plan)
{
	for (size_t i = memory->count; i-- > 0;) {
		const struct mem_range *range = &memory->ranges[i];
		uint64_t start = range->start > LOWMEM_END ? range->start : LOWMEM_END;
		uint64_t end = range->start + range->size;
		bool moved = true;

		if (end > plan->initrd_end)
			end = plan->initrd_end;
		while (moved && end > start && end - start >= plan->initrd_size) {
			gpa_t at = (end - plan->initrd_size) & ~(PAGE_SIZE - 1);

			moved = false;
			for (size_t j = 0; j < plan->segment_count; j++) {
				const struct image_segment *segment = &plan->segments[j];

				if (at < segment->address + segment->memory_size &&
				    segment->address < at + plan->initrd_size) {
					end = segment->address;
					moved = true;
					break;
				}
			}
			if (!moved && at >= start) {
				plan->initrd = at;
				return true;
			}
		}
	}
	return false;
}

static int plan_initrd(const struct boot_file *file, const struct image_memory *memory,
		       struct image_plan *plan)
{
	char size_text[32];
	char limit_text[32];
	uint64_t need = PAGE_SIZE; /* room lost to alignment */

	if (file->size == 0) {
		error_set(EINVAL, "the file is empty");
		error_tried("use %s as initial RAM disk", file->path);
		return error_try("leave -initrd out where none is wanted");
	}
	plan->initrd_size = file->size;
	if (place_initrd(memory, plan))
		return 0;
	for (size_t i = 0; i < plan->segment_count; i++) {
		uint64_t end = plan->segments[i].address + plan->segments[i].memory_size;

		if (end > need)
			need = end;
	}
	if (__builtin_add_overflow(need, file->size + PAGE_SIZE, &need) || need > plan->initrd_end ||
	    need <= image_memory_low_end(memory) || image_memory_in_pieces(memory)) {
		/* More memory would not help: it would not be below the limit. */
		error_set(EFBIG, "it has %s, which do not fit beside the kernel below %s",
			  text_size(file->size, size_text, sizeof(size_text)),
			  text_size(plan->initrd_end < image_memory_low_end(memory)
					    ? plan->initrd_end
					    : image_memory_low_end(memory),
				    limit_text, sizeof(limit_text)));
		image_say_pieces(memory);
		error_try("use a smaller initial RAM disk");
	} else {
		image_too_large(memory, "the initial RAM disk", file->size, need);
	}
	return error_tried("use %s as initial RAM disk", file->path);
}

static int check_cmdline(const char *cmdline, const struct image_plan *plan)
{
	size_t length = strlen(cmdline);
	uint64_t most =
		plan->cmdline_max < LOWMEM_CMDLINE_SIZE - 1 ? plan->cmdline_max : LOWMEM_CMDLINE_SIZE - 1;

	if (length <= most)
		return 0;
	error_set(E2BIG, "the command line has %zu characters, and this kernel takes %" PRIu64, length, most);
	return error_try("shorten -append");
}

/* Checks everything there is to check and touches nothing. */
static int prepare(const struct boot_linux_options *options, const struct image_memory *memory,
		   struct linux_boot *ret_boot)
{
	struct linux_boot boot = { 0 };
	int error;

	error = boot_file_init(options->kernel_fd, options->kernel_path, &boot.kernel);
	if (error < 0)
		return error;
	if (options->initrd_fd >= 0) {
		error = boot_file_init(options->initrd_fd, options->initrd_path, &boot.initrd);
		if (error < 0)
			return error;
	}
	error = find_format(&boot.kernel, &boot.format);
	if (error == 0)
		error = boot.format->plan(&boot.kernel, memory, &boot.plan);
	if (error == 0)
		error = check_cmdline(options->cmdline, &boot.plan);
	if (error < 0)
		return error_tried("boot %s", options->kernel_path);
	if (options->initrd_fd >= 0) {
		error = plan_initrd(&boot.initrd, memory, &boot.plan);
		if (error < 0)
			return error;
	}
	*ret_boot = boot;
	return 0;
}

int boot_linux_check(const struct boot_linux_options *options, const struct mem_range *ram, size_t ram_count)
{
	struct image_memory memory = { .ranges = ram, .count = ram_count };
	struct linux_boot boot;

	return prepare(options, &memory, &boot);
}

/* The image and the disk, from the files straight into guest memory. */
static int load_files(const struct linux_boot *boot, struct mem_ram *ram)
{
	const struct image_plan *plan = &boot->plan;
	int error;

	for (size_t i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uint8_t *to = mem_ram_at(ram, segment->address, segment->memory_size);

		check(to != NULL); /* the plan said so */
		error = boot_file_read(&boot->kernel, segment->offset, to, segment->file_size);
		if (error < 0)
			return error;
		if (plan->clear)
			memset(to + segment->file_size, 0, segment->memory_size - segment->file_size);
	}
	if (plan->initrd_size > 0) {
		void *to = mem_ram_at(ram, plan->initrd, plan->initrd_size);

		check(to != NULL);
		error = boot_file_read(&boot->initrd, 0, to, plan->initrd_size);
		if (error < 0)
			return error;
	}
	return 0;
}

static size_t ranges_of(const struct mem_ram *ram, struct mem_range ranges[MEM_RAM_BLOCKS_MAX])
{
	const struct mem_ram_block *blocks;
	size_t count = mem_ram_blocks(ram, &blocks);

	check(count <= MEM_RAM_BLOCKS_MAX);
	for (size_t i = 0; i < count; i++)
		ranges[i] = (struct mem_range){ .start = blocks[i].start, .size = blocks[i].size };
	return count;
}

/* Everything that the kernel finds beside itself, and how it is entered. */
static int write_handover(const struct linux_boot *boot, const struct image_handover *handover,
			  const void *tables, bool serial, struct mem_ram *ram,
			  struct kvm_x86_entry *ret_entry)
{
	struct kvm_x86_entry entry;
	int error;

	error = mem_ram_write(ram, LOWMEM_TABLES, tables, LOWMEM_TABLES_SIZE);
	if (error < 0)
		return error;
	error = mem_ram_write(ram, LOWMEM_CMDLINE, handover->cmdline, strlen(handover->cmdline) + 1);
	if (error < 0)
		return error;
	error = lowmem_write(ram, boot->plan.mode, serial, &entry);
	if (error < 0)
		return error;
	error = boot->format->hand_over(handover, ram, &entry);
	if (error < 0)
		return error;
	*ret_entry = entry;
	return 0;
}

/* tables: LOWMEM_TABLES_SIZE bytes to build them in. */
static int load(const struct boot_linux_options *options, const struct boot_machine *machine,
		struct mem_ram *ram, void *tables, struct kvm_x86_entry *ret_entry)
{
	struct mem_range ranges[MEM_RAM_BLOCKS_MAX];
	struct image_memory memory = { .ranges = ranges, .count = ranges_of(ram, ranges) };
	struct image_handover handover = { .cmdline = options->cmdline };
	struct acpi_layout acpi;
	struct linux_boot boot;
	struct e820 map;
	int error;

	error = prepare(options, &memory, &boot);
	if (error < 0)
		return error;
	error = acpi_build(machine, LOWMEM_TABLES, tables, LOWMEM_TABLES_SIZE, &acpi);
	if (error < 0)
		return error;
	e820_make(ranges, memory.count, machine, &acpi, &map);
	handover.plan = &boot.plan;
	handover.map = &map;
	handover.rsdp = acpi.rsdp;

	/* From here on guest memory is written. */
	error = load_files(&boot, ram);
	if (error < 0)
		return error;
	return write_handover(&boot, &handover, tables, machine->serial, ram, ret_entry);
}

int boot_linux_load(const struct boot_linux_options *options, const struct boot_machine *machine,
		    struct mem_ram *ram, struct kvm_x86_entry *ret_entry)
{
	void *tables = malloc(LOWMEM_TABLES_SIZE);
	int error;

	if (!tables)
		return error_sys(ENOMEM, "no memory for the ACPI tables");
	error = load(options, machine, ram, tables, ret_entry);
	free(tables);
	return error;
}
