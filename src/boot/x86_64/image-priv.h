/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_X86_64_IMAGE_PRIV_H
#define HANDFAST_BOOT_X86_64_IMAGE_PRIV_H

/*
 * Theory of operation: a format's *_plan() reads the image's headers, checks every number in them against
 * the file and against the guest's memory, and leaves a plan: which bytes of the file go where, and what the
 * kernel claims beyond them. Nothing is written meanwhile. The initial RAM disk then finds its place beside
 * what is claimed. Only a plan that is whole is carried out, and carrying it out can fail no more but for a
 * file that changes or a disk that breaks.
 */
#include <asm/bootparam.h>

#include "boot/boot.h"
#include "boot/file-priv.h"
#include "boot/x86_64/e820-priv.h"

/* Linux's vmlinux has 4 or 5. */
#define IMAGE_SEGMENTS_MAX 32

/* memory_size bytes at address are the kernel's; the first file_size of them come from the file, and the
 * others are cleared if the format promises so. */
struct image_segment {
	gpa_t address;
	uint64_t offset;
	uint64_t file_size;
	uint64_t memory_size;
};

struct image_memory {
	const struct mem_range *ranges;
	size_t count;
};

struct image_plan {
	enum kvm_x86_mode mode;
	gpa_t entry;
	size_t segment_count;
	struct image_segment segments[IMAGE_SEGMENTS_MAX];
	bool clear;		   /* whether what exceeds file_size is cleared */
	uint64_t cmdline_max;	   /* without the terminating zero */
	gpa_t initrd_end;	   /* the first address that the initial RAM disk may not touch */
	gpa_t initrd;		   /* where it goes */
	uint64_t initrd_size;	   /* 0: none */
	struct setup_header setup; /* bzImage only */
};

/* What is written besides the image itself. */
struct image_handover {
	const struct image_plan *plan;
	const struct e820 *map;
	const char *cmdline;
	gpa_t rsdp;
};

/* A file's first bytes, as many of these as there are: enough to know a format by. */
#define IMAGE_HEAD_SIZE 0x206

/* Linux boot protocol: Documentation/arch/x86/boot.rst. -ENOEXEC, -EFBIG. */
bool bzimage_is(const uint8_t *head, size_t size);
int bzimage_plan(const struct boot_file *file, const struct image_memory *memory,
		 struct image_plan *ret_plan);
int bzimage_hand_over(const struct image_handover *handover, struct mem_ram *ram,
		      struct kvm_x86_entry *entry);

/* ELF with a PVH entry note: Xen, docs/misc/pvh.pandoc and include/public/arch-x86/hvm/start_info.h. */
bool pvh_is(const uint8_t *head, size_t size);
int pvh_plan(const struct boot_file *file, const struct image_memory *memory, struct image_plan *ret_plan);
int pvh_hand_over(const struct image_handover *handover, struct mem_ram *ram, struct kvm_x86_entry *entry);

/* Whether [start, start + size) is RAM of one range. */
bool image_memory_has(const struct image_memory *memory, gpa_t start, uint64_t size);
/* Where the RAM below 4 GiB ends. */
gpa_t image_memory_low_end(const struct image_memory *memory);
/* Whether it has holes. */
bool image_memory_in_pieces(const struct image_memory *memory);
/* Where it has holes, adds them to the cause of the failure that is being told. */
void image_say_pieces(const struct image_memory *memory);
/* Refuses what needs RAM up to `end`. -EFBIG with what there is and what it takes. */
int image_too_large(const struct image_memory *memory, const char *what, uint64_t size, uint64_t end);

#endif
