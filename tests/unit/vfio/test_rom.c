/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Option ROMs: what is in one, where it comes from, and how the guest sees it. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/pci-priv.h"
#include "vfio/rom-priv.h"

#define SLOT	PCI_DEVFN_OF(3, 0)
#define ADDRESS 0xc0000000u
#define VENDOR	0x1b36
#define DEVICE	0x0010
#define PCIR	0x1c /* where our images have their data structure */
#define X86	0
#define UEFI	3

static struct fake_device fake;
static struct lock machine;
static struct vfio_handles handles;
static struct pci_bus *root;
static struct pci_function *function;
static uint8_t rom[64 << 10];
static int log_fd;

static void sum_up(uint8_t *image)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < image[2] * 512u; i++)
		sum = (uint8_t)(sum + image[i]);
	image[6] = (uint8_t)(image[6] - sum);
}

static uint8_t *image_put(unsigned at, unsigned units, unsigned code, uint16_t vendor, uint16_t device,
			  bool last)
{
	uint8_t *image = rom + at;

	memset(image, 0, units * 512);
	for (unsigned i = 0x40; i < units * 512; i++)
		image[i] = (uint8_t)(i * 7 + at / 512);
	fake_set(image, 0, 2, 0xaa55);
	fake_set(image, 2, 1, units);
	fake_set(image, 0x18, 2, PCIR);
	memcpy(image + PCIR, "PCIR", 4);
	fake_set(image, PCIR + 4, 2, vendor);
	fake_set(image, PCIR + 6, 2, device);
	fake_set(image, PCIR + 0xa, 2, 0x18);
	fake_set(image, PCIR + 0x10, 2, units);
	fake_set(image, PCIR + 0x14, 1, code);
	fake_set(image, PCIR + 0x15, 1, last ? 0x80 : 0);
	if (code == X86)
		sum_up(image);
	return image;
}

/* Two images, as cards have them: 6 KiB, of an 8 KiB BAR. */
static void usual_rom(void)
{
	memset(rom, 0xff, sizeof(rom));
	image_put(0, 4, X86, VENDOR, DEVICE, false);
	image_put(2048, 8, UEFI, VENDOR, DEVICE, true);
}

static void expect_log(const char *expected)
{
	char text[2048];
	ssize_t size = pread(log_fd, text, sizeof(text) - 1, 0);

	assert_true(size >= 0);
	text[size] = '\0';
	assert_string_equal(text, expected);
	assert_int_equal(ftruncate(log_fd, 0), 0);
	assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
}

/* The images. */

static void look_refused(size_t size, const char *because)
{
	struct vfio_rom_facts facts;

	assert_int_equal(vfio_rom_look(rom, size, VENDOR, DEVICE, &facts), -ENOEXEC);
	assert_string_equal(error_get()->because, because);
}

static void test_good_ones(void **state)
{
	struct vfio_rom_facts facts;

	usual_rom();
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.images, 2);
	assert_int_equal(facts.vendor, VENDOR);
	assert_int_equal(facts.device, DEVICE);
	assert_true(facts.fits);
	assert_int_equal(facts.bad_sum, 0);
	assert_string_equal(facts.contents, "x86 BIOS 2 KiB, UEFI 4 KiB");
	/* To the last byte. */
	assert_int_equal(vfio_rom_look(rom, 6144, VENDOR, DEVICE, &facts), 0);
	/* A list that ends where nothing follows, or at the end of the file. */
	rom[2048 + PCIR + 0x15] = 0;
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(vfio_rom_look(rom, 6144, VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.images, 2);
}

static void test_for_which_device(void **state)
{
	struct vfio_rom_facts facts;

	usual_rom();
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, 0x11, &facts), 0);
	assert_false(facts.fits);
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), 0x8086, DEVICE, &facts), 0);
	assert_false(facts.fits);
	/* The second image is for that one. */
	fake_set(rom, 2048 + PCIR + 6, 2, 0x11);
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, 0x11, &facts), 0);
	assert_true(facts.fits);
	/* A list of devices, of which revision 3 has a meaning. */
	fake_set(rom, 2048 + PCIR + 8, 2, 0x20);
	fake_set(rom, 2048 + PCIR + 0x20, 4, 0x00130012);
	fake_set(rom, 2048 + PCIR + 0x24, 2, 0);
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, 0x13, &facts), 0);
	assert_false(facts.fits);
	fake_set(rom, 2048 + PCIR + 0xc, 1, 3);
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, 0x13, &facts), 0);
	assert_true(facts.fits);
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, 0x14, &facts), 0);
	assert_false(facts.fits);
	/* One that runs out of the image. */
	fake_set(rom, 2048 + PCIR + 8, 2, 4096 - PCIR - 4);
	fake_set(rom, 2048 + 4092, 4, 0x00160015);
	assert_int_equal(vfio_rom_look(rom, 6144, VENDOR, 0x17, &facts), 0);
	assert_false(facts.fits);
	fake_set(rom, 2048 + PCIR + 8, 2, 0xffff);
	assert_int_equal(vfio_rom_look(rom, 6144, VENDOR, 0x17, &facts), 0);
	assert_false(facts.fits);
}

static void test_sums(void **state)
{
	struct vfio_rom_facts facts;

	usual_rom();
	rom[100]++;
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.bad_sum, 1);
	usual_rom();
	rom[2] = 0;
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.bad_sum, 1);
	rom[2] = 200;
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.bad_sum, 1);
	/* UEFI's have none. */
	usual_rom();
	rom[3000]++;
	assert_int_equal(vfio_rom_look(rom, sizeof(rom), VENDOR, DEVICE, &facts), 0);
	assert_int_equal(facts.bad_sum, 0);
}

static void test_bad_ones(void **state)
{
	usual_rom();
	look_refused(0, "it is empty");
	look_refused(1, "it is empty");
	look_refused(0x19, "image 1, at byte 0x0, has no data structure (PCIR) where its header says");
	look_refused(1024, "image 1 (x86 BIOS), at byte 0x0, is 2 KiB long, and 1 KiB are there: the end is "
			   "missing");
	look_refused(6000,
		     "image 2 (UEFI), at byte 0x800, is 4 KiB long, and 3952 bytes are there: the end is "
		     "missing");
	look_refused(2048 + 0x30,
		     "image 2, at byte 0x800, has no data structure (PCIR) where its header says");
	fake_set(rom, 2048 + PCIR + 0x10, 2, 0);
	look_refused(sizeof(rom), "image 2 (UEFI), at byte 0x800, has the length 0");
	fake_set(rom, 0x18, 2, 0xfffe);
	look_refused(sizeof(rom), "image 1, at byte 0x0, has no data structure (PCIR) where its header says");
	fake_set(rom, 0, 2, 0x4e56);
	look_refused(sizeof(rom), "it begins with 56 4e, and option ROMs begin with 55 aa");
}

/* Whatever is in a file, it is looked at without a step out of it (the sanitizers watch). */
static void test_noise(void **state)
{
	uint32_t seed = 1;

	for (unsigned i = 0; i < 3000; i++) {
		size_t size = 64 + i % 8000;
		uint8_t *copy = malloc(size);
		struct vfio_rom_facts facts;

		assert_non_null(copy);
		usual_rom();
		memcpy(copy, rom, size);
		for (unsigned k = 0; k < 3; k++) {
			seed = seed * 1664525 + 1013904223;
			copy[(seed >> 8) % (i % 2 ? 64 : size)] = (uint8_t)(seed >> 4);
		}
		(void)vfio_rom_look(copy, size, VENDOR, DEVICE, &facts);
		(void)vfio_rom_find(copy, size);
		free(copy);
	}
}

/* From a file. */

static struct broker_device which;

static int load(size_t size, struct vfio_rom **ret_rom)
{
	int fd = memfd_create("rom", MFD_CLOEXEC), error;

	assert_int_equal(write(fd, rom, size), size);
	which.id = host_id_of((struct bdf){ .bus = 1 });
	which.vendor = VENDOR;
	which.device = DEVICE;
	error = vfio_rom_load(fd, "card.rom", &which, ret_rom);
	close(fd);
	return error;
}

static void load_refused(size_t size, int error, const char *golden)
{
	struct vfio_rom *none = NULL;
	char text[ERROR_TEXT_SIZE];

	assert_int_equal(load(size, &none), error);
	assert_null(none);
	error_format(error_get(), text, sizeof(text));
	assert_string_equal(text, golden);
}

static void test_file(void **state)
{
	struct vfio_rom *loaded;

	usual_rom();
	assert_int_equal(load(6144, &loaded), 0);
	assert_int_equal(loaded->size, 6144);
	assert_memory_equal(loaded->data, rom, 6144);
	vfio_rom_free(loaded);
	expect_log("");
	fake_set(rom, PCIR + 6, 2, 0x99);
	fake_set(rom, 2048 + PCIR + 6, 2, 0x99);
	assert_int_equal(load(6144, &loaded), 0);
	vfio_rom_free(loaded);
	expect_log("handfast: warning: card.rom is made for 1b36:0099, and 0000:01:00.0 is 1b36:0010: the "
		   "guest's "
		   "firmware may pass it by\n"
		   "handfast: warning: card.rom: the bytes of image 1 do not add up to 0: the guest's "
		   "firmware may "
		   "pass it by\n");
}

#define READ_IT                                                                                              \
	"leave romfile= out: the guest sees the device's own ROM then\n"                                     \
	"           cd /sys/bus/pci/devices/0000:01:00.0 && echo 1 > rom && cat rom > /tmp/rom.bin; echo 0 " \
	"> "                                                                                                 \
	"rom    (reads it from the device)"

static void test_file_refused(void **state)
{
	int fd = memfd_create("rom", MFD_CLOEXEC);
	struct vfio_rom *none;

	memset(rom, 0, sizeof(rom));
	load_refused(sizeof(rom), -ENOEXEC,
		     "cannot use the option ROM card.rom for 0000:01:00.0\n"
		     "  because: it begins with 00 00, and option ROMs begin with 55 aa\n"
		     "  try:     " READ_IT);
	image_put(0x600, 4, X86, VENDOR, DEVICE, true);
	load_refused(sizeof(rom), -ENOEXEC,
		     "cannot use the option ROM card.rom for 0000:01:00.0\n"
		     "  because: it begins with 00 00, and option ROMs begin with 55 aa\n"
		     "           a ROM begins at byte 0x600 of it: it may be a dump of the whole flash chip\n"
		     "  try:     tail -c +1537 card.rom > rom.bin    (cuts off what is before the ROM)\n"
		     "           " READ_IT);
	load_refused(0, -ENOEXEC,
		     "cannot use the option ROM card.rom for 0000:01:00.0\n"
		     "  because: it is empty\n"
		     "  try:     " READ_IT);
	assert_int_equal(ftruncate(fd, (16 << 20) + 1), 0);
	assert_int_equal(vfio_rom_load(fd, "card.rom", &which, &none), -EFBIG);
	assert_string_equal(error_get()->because, "it has more than 16 MiB, and no option ROM can");
	assert_int_equal(vfio_rom_load(-1, "card.rom", &which, &none), -EBADF);
	assert_string_equal(error_get()->because, "it cannot be read: Bad file descriptor");
	close(fd);
}

/* To the guest. */

static int heard_add(struct mem_listener *listener, struct mem_region *region)
{
	if (region->kind == MEM_KIND_ROM)
		story_add("rom[%llx+%llx] ", (unsigned long long)region->start,
			  (unsigned long long)region->size);
	return 0;
}

static void heard_remove(struct mem_listener *listener, struct mem_region *region)
{
	if (region->kind == MEM_KIND_ROM)
		story_add("unrom[%llx] ", (unsigned long long)region->start);
}

static struct mem_listener listener = { .add = heard_add, .remove = heard_remove };

static void release(void *opaque, struct vfio_device *device) {}

static int reset_bus(void *opaque)
{
	return 1;
}

static void create(bool no_rom, const struct vfio_rom *from_file)
{
	const struct vfio_pci_owner owner = { .release = release, .reset_bus = reset_bus };
	const struct vfio_pci_options options = { .no_rom = no_rom, .rom = from_file };

	assert_int_equal(vfio_pci_function_create(&handles, &fake.device, &options, &owner, &function), 0);
	assert_int_equal(pci_bus_attach(root, SLOT, function), 0);
}

static int setup(void **state)
{
	fake_device_init(&fake);
	usual_rom();
	fake.rom = rom;
	fake.rom_size = 8192;
	fake.msi = (struct vfio_irq){ .count = 1, .eventfd = true, .noresize = true };
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(log_fd, LOG_LEVEL_WARNING);
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &handles.mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &handles.pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &handles.map), 0);
	assert_int_equal(mem_map_listen(handles.map, &listener), 0);
	return pci_bus_create_root(&machine, "pcie.0", &root);
}

static int teardown(void **state)
{
	pci_bus_destroy(root);
	mem_map_destroy(handles.map);
	mem_bus_destroy(handles.mmio);
	mem_bus_destroy(handles.pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(log_fd);
	return 0;
}

static uint32_t get(unsigned offset, unsigned size)
{
	return pci_config_read(root, 0, SLOT, offset, size);
}

static void set(unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(root, 0, SLOT, offset, size, value);
}

/* As Linux does it: with memory decoding on, the enable bit. */
static void enable(void)
{
	set(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	set(PCI_ROM_ADDRESS, 4, ADDRESS | PCI_ROM_ADDRESS_ENABLE);
}

static void expect_content(const uint8_t *expected, size_t size)
{
	for (size_t at = 0; at < size; at += 4) {
		uint32_t value = 0;

		mem_bus_read(handles.mmio, ADDRESS + at, &value, 4);
		assert_int_equal(value, fake_get(expected, (unsigned)at, 4));
	}
}

static uint32_t size_mask(void)
{
	uint32_t before = get(PCI_ROM_ADDRESS, 4), mask;

	set(PCI_ROM_ADDRESS, 4, (uint32_t)PCI_ROM_ADDRESS_MASK);
	mask = get(PCI_ROM_ADDRESS, 4);
	set(PCI_ROM_ADDRESS, 4, before);
	return mask;
}

static void test_own(void **state)
{
	uint64_t value = 0;

	create(false, NULL);
	/* The kernel wants memory decoded while it reads; then the device is brought to rest. */
	story_expect("config[4+2]=402 config[4+2]=400 ");
	/* The host's address is not the guest's. */
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(size_mask(), 0xffffe000);
	assert_int_equal(function->bars[PCI_ROM_BAR].size, 8192);
	/* The device is not read again. */
	fake.rom_size = 0;
	enable();
	story_expect("config[4+2]=402 rom[c0000000+2000] ");
	expect_content(rom, 8192);
	mem_bus_read(handles.mmio, ADDRESS + 8190, &value, 4);
	assert_int_equal(value & 0xffffffff, 0xffffffff);
	/* It cannot be written. */
	mem_bus_write(handles.mmio, ADDRESS + 4, &(uint32_t){ 0x12345678 }, 4);
	expect_content(rom, 8192);
	set(PCI_ROM_ADDRESS, 4, ADDRESS);
	story_expect("unrom[c0000000] ");
	mem_bus_read(handles.mmio, ADDRESS, &value, 4);
	assert_int_equal(value & 0xffffffff, 0xffffffff);
	expect_log("");
}

static void test_life(void **state)
{
	create(false, NULL);
	enable();
	story_forget();
	pci_bus_reset(root);
	story_expect("unrom[c0000000] config[4+2]=400 reset ");
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	enable();
	expect_content(rom, 8192);
	story_forget();
	/* Asleep it decodes nothing. */
	set(FAKE_PM + PCI_PM_CTRL, 2, 3);
	story_expect("config[45+1]=0 config[4+2]=402 unrom[c0000000] ");
	set(FAKE_PM + PCI_PM_CTRL, 2, 0);
	story_expect("config[45+1]=0 config[4+2]=400 reset ");
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	enable();
	expect_content(rom, 8192);
	story_forget();
	set(FAKE_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	story_expect("unrom[c0000000] config[4+2]=400 config[78+2]=8000 flr ");
	assert_int_equal(get(PCI_ROM_ADDRESS, 4), 0);
	enable();
	expect_content(rom, 8192);
}

static void test_from_file(void **state)
{
	struct vfio_rom *loaded;

	image_put(0, 3, UEFI, VENDOR, DEVICE, true);
	assert_int_equal(load(1536, &loaded), 0);
	usual_rom();
	create(false, loaded);
	/* The device's own is not touched. */
	story_expect("config[4+2]=400 ");
	vfio_rom_free(loaded);
	image_put(0, 3, UEFI, VENDOR, DEVICE, true);
	memset(rom + 1536, 0xff, 512);
	assert_int_equal(size_mask(), 0xfffff800);
	enable();
	/* Less than a page is trapped. */
	story_expect("config[4+2]=402 ");
	expect_content(rom, 2048);
}

static void test_none(void **state)
{
	create(true, NULL);
	story_expect("config[4+2]=400 ");
	assert_int_equal(size_mask(), 0);
	assert_int_equal(function->bars[PCI_ROM_BAR].kind, PCI_BAR_NONE);
	enable();
	story_expect("config[4+2]=402 ");
	expect_log("");
}

#define AND_NOW "; the guest sees none (romfile=FILE gives it one, rombar=off says that none is wanted)\n"

static void test_unreadable(void **state)
{
	fake.rom_size = 0;
	create(false, NULL);
	assert_int_equal(size_mask(), 0);
	expect_log("handfast: warning: 0000:01:00.0: its option ROM cannot be read by the host's kernel, or "
		   "there is "
		   "nothing in it" AND_NOW);
}

static void test_without(void **state)
{
	fake.rom_size = 0;
	fake_set(fake.config, PCI_ROM_ADDRESS, 4, 0);
	create(false, NULL);
	assert_int_equal(size_mask(), 0);
	expect_log("");
}

static void test_broken(void **state)
{
	rom[0] = 0;
	create(false, NULL);
	assert_int_equal(size_mask(), 0);
	expect_log("handfast: warning: 0000:01:00.0: its option ROM is broken: it begins with 00 aa, and "
		   "option ROMs "
		   "begin with 55 aa" AND_NOW);
}

/* What is good of it is of use; and what is not, the guest's firmware finds out as well. */
static void test_broken_behind(void **state)
{
	rom[2048 + PCIR] = 0;
	create(false, NULL);
	assert_int_equal(size_mask(), 0xffffe000);
	expect_log(
		"handfast: warning: 0000:01:00.0: its option ROM is broken behind image 1: image 2, at byte "
		"0x800, has no data structure (PCIR) where its header says; the guest sees it as it is\n");
}

static void test_too_large(void **state)
{
	fake.rom_size = 32 << 20;
	create(false, NULL);
	assert_int_equal(size_mask(), 0);
	expect_log("handfast: warning: 0000:01:00.0: its option ROM has more than 16 MiB" AND_NOW);
}

int main(void)
{
#define rom_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones),
		cmocka_unit_test(test_for_which_device),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bad_ones),
		cmocka_unit_test(test_noise),
		rom_test(test_file),
		rom_test(test_file_refused),
		rom_test(test_own),
		rom_test(test_life),
		rom_test(test_from_file),
		rom_test(test_none),
		rom_test(test_unreadable),
		rom_test(test_without),
		rom_test(test_broken),
		rom_test(test_broken_behind),
		rom_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
