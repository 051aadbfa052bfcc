/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_ROM_PRIV_H
#define HANDFAST_VFIO_ROM_PRIV_H

#include <stdbool.h>

#include "vfio/bars-priv.h"
#include "vfio/rom.h"
#include "vfio/vfio.h"

/* What an option ROM says of itself. */
struct vfio_rom_facts {
	unsigned images;
	uint16_t vendor; /* of the first image */
	uint16_t device;
	bool fits;	    /* an image names the device that was asked about */
	unsigned bad_sum;   /* the number of an x86 image whose bytes do not add up to 0; 0: none */
	char contents[128]; /* "x86 BIOS 62 KiB, UEFI 180 KiB"; cut where there are many */
};

/*
 * Looks at all images. A list that does not say where it ends does so where nothing follows, as for the
 * kernel. Errors: ENOEXEC with what is wrong (signature, data structure, a length) in which image and where;
 * ret_facts is of the images before it then.
 */
int vfio_rom_look(const uint8_t *rom, size_t size, uint16_t vendor, uint16_t device,
		  struct vfio_rom_facts *ret_facts);

/* The offset, not 0, of the first ROM in there; 0: none. Dumps of whole flash chips have something in front.
 */
size_t vfio_rom_find(const uint8_t *bytes, size_t size);

/*
 * Shows the ROM that options ask for, the device's own where they do not say, as the BAR PCI_ROM_BAR of bars.
 * ret_bar: for the register; untouched where there is none. The device's own is read here, which may take
 * long; a broken one is not shown, with a warning. It may be left with memory decoding on. Errors: ENOMEM.
 */
int vfio_rom_setup(struct vfio_bars *bars, const struct vfio_pci_options *options, struct pci_bar *ret_bar);

#endif
