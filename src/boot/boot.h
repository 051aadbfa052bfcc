/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_BOOT_BOOT_H
#define HANDFAST_BOOT_BOOT_H

/*
 * What is in guest memory at reset, for direct boot: the Linux image, its initial RAM disk and command
 * line, the memory map, ACPI tables. Written anew at each reset, for the guest may have overwritten it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/vcpu.h"
#include "mem/ram.h"

/* Where the fixed hardware of ACPI stands (dev/platform.h has the numbers; app hands them over). */
struct boot_acpi_ports {
	uint16_t pm_event;   /* PM1a_EVT_BLK, 4 bytes */
	uint16_t pm_control; /* PM1a_CNT_BLK, 2 bytes */
	uint16_t pm_timer;   /* PM_TMR_BLK, 4 bytes */
	uint16_t gpe0;	     /* GPE0_BLK, 16 bytes */
	uint16_t reset_port; /* 8 bits wide */
	uint8_t reset_value;
	uint8_t sci; /* GSI, level-triggered, active high */
	uint8_t s5;  /* SLP_TYP that powers off */
};

/* Where the registers of hot-plug by ACPI stand (pci/acpi.h), as dsdt.asl has it, and the GPE that tells of
 * them. */
#define BOOT_ACPI_SLOTS_PORT  0x640
#define BOOT_ACPI_SLOTS_PORTS 16
#define BOOT_ACPI_SLOTS_GPE   1

/* A slot that is plugged by ACPI. */
struct boot_slot {
	uint8_t port;	 /* of its port on the root bus: device and function */
	uint16_t number; /* of the physical slot */
};

/* What the tables have to say about the machine. */
struct boot_machine {
	struct kvm_topology topology;
	uint64_t ecam_start; /* ECAM of segment 0, buses 0 to 255 */
	uint64_t ecam_size;
	struct mem_range mmio32; /* the root bus's windows, as pci_assign() was given them */
	struct mem_range mmio64; /* size 0: none */
	uint16_t io_start;
	uint16_t io_end;
	bool serial; /* COM1 at 0x3f8, IRQ 4 */
	struct boot_acpi_ports acpi;
	bool acpi_hotplug;	       /* slots are plugged by ACPI where the guest knows of it, */
	const struct boot_slot *slots; /* in the order of the registers' numbers */
	unsigned slot_count;
};

struct boot_linux_options {
	int kernel_fd;		 /* bzImage (boot protocol 2.12 on, 64-bit) or ELF with a PVH entry note */
	int initrd_fd;		 /* -1: none */
	const char *cmdline;	 /* may be "" */
	const char *kernel_path; /* for messages */
	const char *initrd_path;
};

/*
 * Checks the image and the sizes without touching guest memory: for a refusal before anything else is
 * opened. ram: ascending, the first starts at 0, as mem_ram_create() takes them. Errors: ENOEXEC (no kernel
 * image, truncated, 32-bit only), EFBIG (does not fit into that memory), E2BIG (the command line is longer
 * than the kernel takes), EINVAL (a file that is no regular one, an empty initial RAM disk).
 */
int boot_linux_check(const struct boot_linux_options *options, const struct mem_range *ram, size_t ram_count);

/*
 * Writes image, disk, command line, memory map and ACPI tables into RAM and says how to enter. Reads the
 * files by pread(2); a file that shrank meanwhile is an error. Every check of boot_linux_check() is made
 * again before the first byte is written. Main thread, no vCPU running.
 */
int boot_linux_load(const struct boot_linux_options *options, const struct boot_machine *machine,
		    struct mem_ram *ram, struct kvm_x86_entry *ret_entry);

#endif
