/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices that the guest knows, and registers of them that tell whether they are there. */
#include "free.h"

const struct known known_devices[] = {
	/* Its identification. */
	{ .vendor = 0x1234,
	  .device = 0x11e8,
	  .name = "edu",
	  .probes = 1,
	  .probe = { { 0, 0x00, PROBE_FIXED } } },
	/* Version, and the second half of the first MSI-X entry's address. */
	{ .vendor = 0x1b36,
	  .device = 0x0010,
	  .name = "nvme",
	  .probes = 2,
	  .probe = { { 0, 0x08, PROBE_FIXED }, { 0, 0x2004, PROBE_STORE } } },
	/* STATUS, IOADDR, and MSI-X as above. */
	{ .vendor = 0x8086,
	  .device = 0x10d3,
	  .name = "e1000e",
	  .probes = 3,
	  .probe = { { 0, 0x08, PROBE_FIXED }, { 2, 0x00, PROBE_STORE }, { 3, 0x04, PROBE_STORE } } },
	{ .vendor = 0x8086,
	  .device = 0x10c9,
	  .name = "igb",
	  .probes = 3,
	  .probe = { { 0, 0x08, PROBE_FIXED }, { 2, 0x00, PROBE_STORE }, { 3, 0x04, PROBE_STORE } } },
	/* The interrupt mask, and memory. */
	{ .vendor = 0x1af4,
	  .device = 0x1110,
	  .name = "ivshmem",
	  .probes = 2,
	  .probe = { { 0, 0x00, PROBE_STORE }, { 2, 0x1000, PROBE_STORE } } },
	/* A test's name, once one has been chosen. */
	{ .vendor = 0x1b36,
	  .device = 0x0005,
	  .name = "testdev",
	  .probes = 1,
	  .probe = { { 0, 0x10, PROBE_FIXED } },
	  .fragile = true },
	/* Its version and the length of its capabilities, and how long it waits between two interrupts. */
	{ .vendor = 0x1033,
	  .device = 0x0194,
	  .name = "xhci",
	  .probes = 2,
	  .probe = { { 0, 0x00, PROBE_FIXED }, { 0, 0x1024, PROBE_STORE } } },
};

const unsigned known_device_count = sizeof(known_devices) / sizeof(known_devices[0]);
