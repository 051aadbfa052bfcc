/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_ROM_H
#define HANDFAST_VFIO_ROM_H

/*
 * Option ROMs from a file, to be shown in place of a device's own (struct vfio_pci_options).
 * Source: PCI Local Bus 3.0, 6.3; PCI Firmware 3.3, 5.
 */
#include <stddef.h>
#include <stdint.h>

#include "host/broker.h"

/* The most that the register can tell (PCI 3.0, 6.2.5.2: eleven of its bits are not the address's). */
#define VFIO_ROM_MAX (16u << 20)

/* Whole images, one after the other, found to be good. */
struct vfio_rom {
	size_t size;
	uint8_t data[];
};

/*
 * Reads the file from fd, which stays the caller's, and looks at all of it. path: for messages. which: the
 * device that it is for; a ROM for others gets a warning, for firmware may pass it by. Errors: ENOEXEC, it is
 * no option ROM; EFBIG; what read(2) says.
 */
int vfio_rom_load(int fd, const char *path, const struct broker_device *which, struct vfio_rom **ret_rom);
void vfio_rom_free(struct vfio_rom *rom);

#endif
