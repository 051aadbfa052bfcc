/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest never reads the device's ROM itself but a copy, made once when the function is
 * created: from the device, through the kernel, or from a file that has been looked at before. So it makes no
 * difference that devices may decode their ROM and their BARs by turns, that some hang when it is read at the
 * wrong time, or that reading it takes the kernel a while.
 *
 * The copy is one more BAR (PCI_ROM_BAR) and appears, moves and vanishes like the others: a trapped range, on
 * which writes have no effect, and over it, where it fills pages, memory that the guest can read without a
 * trap.
 */
#include "vfio/rom-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#define BAR_MIN 2048u /* the register has no room for less */

static struct vfio_rom *rom_alloc(size_t size)
{
	struct vfio_rom *rom = malloc(sizeof(*rom) + size);

	if (rom)
		rom->size = size;
	return rom;
}

void vfio_rom_free(struct vfio_rom *rom)
{
	free(rom);
}

/* From a file. */

/* The whole of it, but no more than can be good. */
static int file_read(int fd, struct vfio_rom **ret_rom)
{
	struct vfio_rom *rom = rom_alloc(VFIO_ROM_MAX + 1), *fitted;

	if (!rom)
		return error_set(ENOMEM, "no memory for an option ROM");
	rom->size = 0;
	while (rom->size <= VFIO_ROM_MAX) {
		ssize_t got =
			pread(fd, rom->data + rom->size, VFIO_ROM_MAX + 1 - rom->size, (off_t)rom->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int errnum = errno;

			free(rom);
			return error_sys(errnum, "it cannot be read");
		}
		if (got == 0)
			break;
		rom->size += (size_t)got;
	}
	if (rom->size > VFIO_ROM_MAX) {
		free(rom);
		return error_set(EFBIG, "it has more than 16 MiB, and no option ROM can");
	}
	fitted = realloc(rom, sizeof(*rom) + rom->size);
	*ret_rom = fitted ? fitted : rom;
	return 0;
}

static int refuse_file(const char *path, const struct broker_device *which, const struct vfio_rom *rom)
{
	bool begins = rom->size >= 2 && rom->data[0] == 0x55 && rom->data[1] == 0xaa;
	size_t inside = begins ? 0 : vfio_rom_find(rom->data, rom->size);
	char name[HOST_ID_TEXT_SIZE];

	host_id_format(&which->id, name);
	if (inside) {
		error_add("a ROM begins at byte 0x%zx of it: it may be a dump of the whole flash chip",
			  inside);
		error_try("tail -c +%zu %s > rom.bin    (cuts off what is before the ROM)", inside + 1, path);
	}
	error_try("leave romfile= out: the guest sees the device's own ROM then");
	if (!host_id_is_mediated(&which->id))
		error_try("cd /sys/bus/pci/devices/%s && echo 1 > rom && cat rom > /tmp/rom.bin; echo 0 > "
			  "rom    (reads it from the device)",
			  name);
	return error_tried("use the option ROM %s for %s", path, name);
}

static void judge_file(const char *path, const struct broker_device *which, const struct vfio_rom *rom,
		       const struct vfio_rom_facts *facts)
{
	char name[HOST_ID_TEXT_SIZE], size[32];

	host_id_format(&which->id, name);
	log_info("%s: option ROM of %s from %s: %s", name, text_size(rom->size, size, sizeof(size)), path,
		 facts->contents);
	/* A mediated device may have no identifiers before it is opened. */
	if (!facts->fits && which->vendor)
		log_warning(
			"%s is made for %04x:%04x, and %s is %04x:%04x: the guest's firmware may pass it by",
			path, facts->vendor, facts->device, name, which->vendor, which->device);
	if (facts->bad_sum)
		log_warning(
			"%s: the bytes of image %u do not add up to 0: the guest's firmware may pass it by",
			path, facts->bad_sum);
}

int vfio_rom_load(int fd, const char *path, const struct broker_device *which, struct vfio_rom **ret_rom)
{
	struct vfio_rom_facts facts;
	struct vfio_rom *rom = NULL;
	char name[HOST_ID_TEXT_SIZE];
	int error = file_read(fd, &rom);

	if (error) {
		error_tried("use the option ROM %s for %s", path, host_id_format(&which->id, name));
		return error_try_else("name another file, or leave romfile= out");
	}
	error = vfio_rom_look(rom->data, rom->size, which->vendor, which->device, &facts);
	if (error) {
		error = refuse_file(path, which, rom);
		free(rom);
		return error;
	}
	judge_file(path, which, rom, &facts);
	*ret_rom = rom;
	return 0;
}

/* From the device. */

/* Why the guest sees none, and what can be done about it. */
static void warn(const struct vfio_device *device, const char *why, const char *detail)
{
	log_warning("%s: its option ROM %s%s; the guest sees none (romfile=FILE gives it one, rombar=off "
		    "says that "
		    "none is wanted)",
		    device->name, why, detail);
}

static uint32_t config_get(struct vfio_device *device, unsigned offset)
{
	uint32_t value = 0;

	if (device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, offset, &value, sizeof(value)))
		return 0;
	return value;
}

/* Its size in bytes; 0: there is none. The kernel has looked at its first bytes, and has it only where it
 * knows it as a ROM; then the register is what tells that there was something. */
static uint64_t device_rom_size(struct vfio_device *device)
{
	struct vfio_region region;

	if (device->ops->region_info(device, VFIO_PCI_ROM_REGION_INDEX, &region)) {
		warn(device, "cannot be read: ", error_get()->because);
		return 0;
	}
	if (region.size == 0 || !region.readable) {
		if (config_get(device, PCI_ROM_ADDRESS) & (uint32_t)PCI_ROM_ADDRESS_MASK)
			warn(device, "cannot be read by the host's kernel, or there is nothing in it", "");
		return 0;
	}
	if (region.size > VFIO_ROM_MAX) {
		warn(device, "has more than 16 MiB", "");
		return 0;
	}
	return region.size;
}

/* The kernel reads it only while the device decodes memory. */
static int device_read(struct vfio_device *device, struct vfio_rom *rom)
{
	const uint8_t command[2] = { PCI_COMMAND_MEMORY, PCI_COMMAND_INTX_DISABLE >> 8 };
	int error = device->ops->region_write(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, command,
					      sizeof(command));

	if (error)
		return error;
	return device->ops->region_read(device, VFIO_PCI_ROM_REGION_INDEX, 0, rom->data, rom->size);
}

/* ret_rom: NULL where it has none that is any good. */
static int rom_of_device(struct vfio_device *device, struct vfio_rom **ret_rom)
{
	uint64_t size = device_rom_size(device);
	struct vfio_rom_facts facts = { 0 };
	struct vfio_rom *rom;
	uint32_t ids;
	char text[32];
	int error;

	*ret_rom = NULL;
	if (!size)
		return 0;
	rom = rom_alloc(size);
	if (!rom)
		return error_set(ENOMEM, "no memory for the option ROM of %s", device->name);
	ids = config_get(device, PCI_VENDOR_ID);
	error = device_read(device, rom);
	if (!error)
		error = vfio_rom_look(rom->data, rom->size, (uint16_t)ids, (uint16_t)(ids >> 16), &facts);
	if (error && !facts.images) {
		warn(device, "is broken: ", error_get()->because);
		free(rom);
		return 0;
	}
	if (error)
		log_warning("%s: its option ROM is broken behind image %u: %s; the guest sees it as it is",
			    device->name, facts.images, error_get()->because);
	/* Firmware knows what to make of a ROM whose identifiers or sums are odd: it is the device's own. */
	log_info("%s: option ROM of %s: %s%s%s", device->name, text_size(size, text, sizeof(text)),
		 facts.contents, facts.fits ? "" : ", for another device",
		 facts.bad_sum ? ", with a wrong sum" : "");
	*ret_rom = rom;
	return 0;
}

/* To the guest. */

static uint64_t rom_io_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vfio_bar *bar = opaque;
	const uint8_t *bytes = bar->reserved;
	uint64_t value = 0;

	vfio_bar_count(&bar->reads);
	for (unsigned i = 0; i < size; i++) {
		uint64_t byte = offset + i < bar->size ? bytes[offset + i] : 0xff;

		value |= byte << 8 * i;
	}
	return value;
}

static void rom_io_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct vfio_bar *bar = opaque;

	vfio_bar_count(&bar->writes);
}

static const struct mem_io_ops rom_io_ops = {
	.read = rom_io_read,
	.write = rom_io_write,
};

static int copy_make(struct vfio_bar *bar, const struct vfio_rom *rom)
{
	uint8_t *copy = mmap(NULL, bar->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copy == MAP_FAILED)
		return error_sys(errno, "no memory for the %s", bar->name);
	memcpy(copy, rom->data, rom->size);
	memset(copy + rom->size, 0xff, bar->size - rom->size);
	bar->reserved = copy;
	bar->reserved_size = bar->size;
	mprotect(copy, bar->size,
		 PROT_READ); /* nobody writes to it any more: a help for who looks for bugs */
	return 0;
}

static int rom_show(struct vfio_bars *bars, const struct vfio_rom *rom)
{
	struct vfio_bar *bar = &bars->bar[PCI_ROM_BAR];
	int error;

	bar->bars = bars;
	bar->index = PCI_ROM_BAR;
	snprintf(bar->name, sizeof(bar->name), "option ROM of %s", bars->device->name);
	bar->size = BAR_MIN;
	while (bar->size < rom->size)
		bar->size <<= 1;
	error = copy_make(bar, rom);
	if (error)
		return error;
	bar->io = (struct mem_io){ .size = bar->size, .ops = &rom_io_ops, .opaque = bar, .name = bar->name };
	/* Less than a page cannot be in the map: it stays trapped. */
	if (bar->size % (uint64_t)sysconf(_SC_PAGESIZE))
		return 0;
	bar->piece = calloc(1, sizeof(*bar->piece));
	if (!bar->piece)
		return error_set(ENOMEM, "no memory for the %s", bar->name);
	bar->piece[0].region = (struct mem_region){
		.size = bar->size, .host = bar->reserved, .kind = MEM_KIND_ROM, .name = bar->name
	};
	bar->pieces = 1;
	return 0;
}

int vfio_rom_setup(struct vfio_bars *bars, const struct vfio_pci_options *options, struct pci_bar *ret_bar)
{
	struct vfio_rom *own = NULL;
	int error = 0;

	if (options->no_rom)
		return 0;
	if (!options->rom)
		error = rom_of_device(bars->device, &own);
	if (error || (!options->rom && !own))
		return error;
	error = rom_show(bars, own ? own : options->rom);
	vfio_rom_free(own);
	if (!error)
		*ret_bar = (struct pci_bar){ .kind = PCI_BAR_ROM, .size = bars->bar[PCI_ROM_BAR].size };
	return error;
}
