/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_BOOT_MACHINE_H
#define HANDFAST_TESTS_BOOT_MACHINE_H

/* A machine as app describes it, for the tests of this folder. */
#include "boot/boot.h"

static inline struct boot_machine test_machine(unsigned cpus)
{
	return (struct boot_machine){
		.topology = { .cpus = cpus, .sockets = cpus, .dies = 1, .cores = 1, .threads = 1 },
		.ecam_start = 0xe0000000,
		.ecam_size = 0x10000000,
		.mmio32 = { 0x80000000, 0x60000000 },
		.mmio64 = { 0x200000000, 0x4000000000 },
		.io_start = 0x1000,
		.io_end = 0xffff,
		.serial = true,
		.acpi = {
			.pm_event = 0x600,
			.pm_control = 0x604,
			.pm_timer = 0x608,
			.gpe0 = 0x620,
			.reset_port = 0xcf9,
			.reset_value = 6,
			.sci = 9,
			.s5 = 5,
		},
	};
}

#endif
