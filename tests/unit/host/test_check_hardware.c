/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `check` and a start say of the device itself: BARs, reset, power, SR-IOV, reserved memory. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "host/check-priv.h"

#define NVME_FOLDER "sys/devices/pci0000:00/" NVME
#define MEM	    "0x0000000000040200" /* as IORESOURCE_ flags */
#define MEM64	    "0x0000000000140204"
#define PREF64	    "0x000000000014220c"
#define UNSET64	    "0x000000002014220c"
#define IO	    "0x0000000000040101"
#define NONE	    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"

/* The story of one that is otherwise ready, with these lines in its "resource". */
static const char *resource_story(struct tree *tree, const char *lines)
{
	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, NVME_FOLDER "/resource", "%s", lines);
	return tree_device_story(tree, NVME);
}

static void test_bars_that_fit(void **state)
{
	struct tree *tree = *state;

	assert_non_null(strstr(
		resource_story(tree, "0xfe800000 0xfe803fff " MEM64 "\n" NONE
				     "0x4000000000 0x43ffffffff " PREF64 "\n" NONE "0xc000 0xc01f " IO "\n"
				     "0x40000000 0x7fffffff " MEM "\n"),
		"o bars: BAR 0 16 KiB, BAR 2 16 GiB (64-bit prefetchable), BAR 4 32 bytes of I/O ports, BAR "
		"5 1 GiB: a guest has room for them\n"));
	assert_null(strstr(tree->text, "X "));
}

static void test_bar_too_large_below_4_gib(void **state)
{
	struct tree *tree = *state;

	/* 64 bits wide, but not prefetchable: below 4 GiB behind any bridge. */
	assert_non_null(
		strstr(resource_story(tree, "0x100000000 0x17fffffff " MEM64 "\n"),
		       "X bars: BAR 0 (2 GiB) is too large for any guest: it has to stand below 4 GiB, "
		       "where a guest has 1536 MiB [a smaller BAR, where the device can: "
		       "/sys/bus/pci/devices/0000:01:00.0    (resourceN_resize)]\n"));
	assert_null(strstr(tree->text, "o bars"));
}

static void test_bars_too_large_together(void **state)
{
	struct tree *tree = *state;

	assert_non_null(
		strstr(resource_story(tree, "0x40000000 0x7fffffff " MEM "\n"
					    "0x80000000 0xbfffffff " MEM "\n"),
		       "X bars: its BARs that have to stand below 4 GiB take 2 GiB together, and a guest "
		       "has 1536 MiB there\n"));
	assert_non_null(strstr(resource_story(tree, "0x40000000 0x7fffffff " MEM "\n"
						    "0x80000000 0x9fffffff " MEM "\n"),
			       "o bars: BAR 0 1 GiB, BAR 1 512 MiB: a guest has room for them\n"));
}

static void test_bar_and_address_bits(void **state)
{
	static const char large[] = "0x4000000000 0x7fffffffff " PREF64 "\n"; /* 256 GiB */
	struct tree *tree = *state;

	tree_file(tree, "proc/cpuinfo", "address sizes\t: 39 bits physical, 48 bits virtual\n");
	assert_non_null(strstr(resource_story(tree, large), "o bars: BAR 0 256 GiB (64-bit prefetchable)"));
	tree_file(tree, "proc/cpuinfo", "address sizes\t: 38 bits physical, 48 bits virtual\n");
	assert_non_null(
		strstr(resource_story(tree, large),
		       "X bars: BAR 0 (256 GiB) is too large for any guest: this processor gives guests "
		       "38 bits of address ["));
	/* A prefetchable one that is small enough may also stand below. */
	tree_file(tree, "proc/cpuinfo", "address sizes\t: 32 bits physical, 48 bits virtual\n");
	assert_null(strstr(resource_story(tree, "0xc0000000 0xcfffffff " PREF64 "\n"), "X bars"));
}

static void test_bar_without_address(void **state)
{
	struct tree *tree = *state;

	assert_non_null(
		strstr(resource_story(tree, NONE "0x0 0xfffffff " UNSET64 "\n"),
		       "X bars: BAR 1 (256 MiB) has no address on this host: its firmware and kernel found "
		       "no room for it, so the device cannot be switched on [switch on Above 4G Decoding "
		       "in the firmware setup\nadd pci=realloc in GRUB_CMDLINE_LINUX of /etc/default/grub, "
		       "then update-grub and reboot]\n"));
}

/* Registers: 64-bit prefetchable, its upper half, I/O, one that is nowhere; the kernel knows only the second.
 */
static void test_bar_that_the_kernel_gave_up(void **state)
{
	static const unsigned char header[64] = {
		[0x10] = 0x0c, [0x14] = 0x0c, [0x18] = 0x01, [0x20] = 0x00
	};
	struct tree *tree = *state;
	char path[PATH_MAX];
	FILE *file;

	unit_devices(tree);
	(void)snprintf(path, sizeof(path), "%s/" NVME_FOLDER "/config", tree->root);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(header, 1, sizeof(header), file), sizeof(header));
	fclose(file);
	assert_non_null(
		strstr(resource_story(tree, NONE NONE "0xc000 0xc01f " IO "\n"),
		       "w bars: BAR 0 has no address on this host: its firmware and kernel found no room for "
		       "it, and a guest gets the device without it [switch on Above 4G Decoding in the "
		       "firmware setup\nadd pci=realloc in GRUB_CMDLINE_LINUX of /etc/default/grub, then "
		       "update-grub and reboot]\n"));
	assert_null(strstr(tree->text, "BAR 1"));
	assert_null(strstr(tree->text, "BAR 2 has"));
	assert_null(strstr(tree->text, "BAR 4"));
}

static void test_reset(void **state)
{
	struct tree *tree = *state;
	char target[PATH_MAX], group[PATH_MAX];

	unit_devices(tree);
	(void)snprintf(group, sizeof(group), "%s/kernel/iommu_groups/14", tree->sys);
	tree_bind(tree, NVME, "vfio-pci");
	assert_non_null(strstr(tree_device_story(tree, NVME), "o reset: flr bus\n"));
	tree_remove(tree, NVME_FOLDER "/reset_method");
	assert_non_null(
		strstr(tree_device_story(tree, NVME), "o reset: possible; this kernel does not say how\n"));
	tree_remove(tree, NVME_FOLDER "/reset");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "w reset: the kernel knows no way to reset this device by itself: a guest may meet it "
		       "as the last user left it\n"));
	/* Its neighbours on a root bus have nothing to fear: that is never reset. */
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "", 16);
	tree_device(tree, "0001:01:00.1", 0x1b36, 0x11, 0x040300, "", 17);
	assert_null(strstr(tree_device_story(tree, NVME), "take along"));
	(void)snprintf(target, sizeof(target), "%s/sys/devices/pci0000:00/0000:00:01.0/" NVME, tree->root);
	tree_folder(tree, "sys/devices/pci0000:00/0000:00:01.0/" NVME);
	tree_link(tree, "sys/devices/pci0000:00/0000:00:01.0/" NVME "/iommu_group", group);
	tree_link(tree, "sys/bus/pci/devices/" NVME, target);
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "as the last user left it; a reset of its bus would take along 0000:01:00.1\n"));
}

static void test_power(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, NVME_FOLDER "/power_state", "D0\n");
	assert_non_null(strstr(tree_device_story(tree, NVME), "o power: D0\n"));
	tree_file(tree, NVME_FOLDER "/power_state", "D3hot\n");
	assert_non_null(strstr(tree_device_story(tree, NVME), "o power: D3hot; woken when it is opened\n"));
	tree_file(tree, NVME_FOLDER "/power_state", "unknown\n");
	assert_null(strstr(tree_device_story(tree, NVME), " power: "));
	tree_file(tree, NVME_FOLDER "/power_state", "D3cold\n");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "w power: without power (D3cold) while unused; it is woken when it is opened, "
			       "which some devices do not survive\n"));
	tree_file(tree, NVME_FOLDER "/d3cold_allowed", "1\n");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "do not survive [echo 0 > /sys/bus/pci/devices/0000:01:00.0/d3cold_allowed    (as "
		       "root; if it does not come back)]\n"));
}

/* Not a bridge, though its header type is not a device's either. */
static void test_device_that_does_not_answer(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, NVME_FOLDER "/config", "%s",
		  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X power: 0000:01:00.0 does not answer: its configuration space reads all ones; it "
		       "has lost power, hangs, or is gone [echo 1 > /sys/bus/pci/devices/0000:01:00.0/"
		       "remove; echo 1 > /sys/bus/pci/rescan    (as root)\nswitch the machine off and "
		       "on: a restart alone leaves it powered]\n"));
	assert_null(strstr(tree->text, "bridge"));
}

/* What the SR-IOV part of a start with a token comes to. */
static int token_story(struct tree *tree)
{
	struct host_device device = tree_load(tree, NVME);
	struct findings findings = { 0 };
	int error;

	check_sriov(&tree->host, &device, &(struct check_scope){ .has_token = true }, &findings);
	error = findings_error(&findings);
	findings_fini(&findings);
	return error;
}

static void test_sriov(void **state)
{
	struct findings findings = { 0 };
	struct host_device device;
	bool with_token = false;
	struct tree *tree = *state;
	char target[PATH_MAX];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, "sys/devices/pci0000:00/" NIC "/sriov_totalvfs", "8\n");
	tree_file(tree, "sys/devices/pci0000:00/" NIC "/sriov_numvfs", "2\n");
	assert_non_null(strstr(tree_device_story(tree, NIC),
			       "o sriov: a physical function, 2 of 8 virtual functions made\n"));
	snprintf(target, sizeof(target), "%s/bus/pci/devices/" NIC, tree->sys);
	tree_link(tree, NVME_FOLDER "/physfn", target);
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "o sriov: a virtual function of 0000:02:00.0 (e1000e)\n"));
	assert_null(strstr(tree->text, "X "));

	tree_bind(tree, NIC, "vfio-pci");
	assert_non_null(strstr(tree_device_story(tree, NIC),
			       "w sriov: a physical function with 2 virtual functions: while a VM has one of "
			       "those, the kernel asks for the token that it was opened with (vf-token=)\n"));
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X sriov: 0000:01:00.0 is a virtual function of 0000:02:00.0, which is bound to "
		       "vfio-pci itself: the kernel asks for the token that the physical function's user "
		       "has set [-device vfio-pci,host=0000:01:00.0,vf-token=UUID    (that token)\n"
		       "handfast unbind 0000:02:00.0    (its own driver can then make virtual functions "
		       "anew)]\n"));
	/* As a start with a token finds it. */
	device = tree_load(tree, NVME);
	check_device(&tree->host, &device, &(struct check_scope){ .has_token = true }, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		if (strcmp(findings.list[i].topic, "sriov") == 0)
			with_token = findings.list[i].level == FINDING_OK;
	}
	assert_true(with_token);
	findings_fini(&findings);
}

/* The kernel would refuse to open these, without a word. */
static void test_token_for_nothing(void **state)
{
	struct tree *tree = *state;
	char target[PATH_MAX];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	assert_int_equal(token_story(tree), -EINVAL);
	assert_string_equal(error_get()->because,
			    "it is to be opened with a token, which the kernel takes for a physical function "
			    "with SR-IOV, and for a virtual one whose physical function is bound to "
			    "vfio-pci: 0000:01:00.0 is neither");
	assert_string_equal(error_get()->remedy,
			    "-device vfio-pci,host=0000:01:00.0    (leave vf-token= out)");
	/* Virtual functions need not be made yet, nor allowed. */
	tree_file(tree, NVME_FOLDER "/sriov_totalvfs", "0\n");
	assert_int_equal(token_story(tree), 0);
	tree_remove(tree, NVME_FOLDER "/sriov_totalvfs");
	/* A virtual one of a physical function that is the host's. */
	snprintf(target, sizeof(target), "%s/bus/pci/devices/" NIC, tree->sys);
	tree_link(tree, NVME_FOLDER "/physfn", target);
	assert_int_equal(token_story(tree), -EINVAL);
	assert_non_null(strstr(error_get()->because, ": that of 0000:01:00.0 is 0000:02:00.0, with e1000e"));
	assert_non_null(strstr(error_get()->remedy, "(leave vf-token= out)"));
	tree_bind(tree, NIC, "vfio-pci");
	assert_int_equal(token_story(tree), 0);
}

#define REGIONS "sys/kernel/iommu_groups/14/reserved_regions"

static void test_direct_regions(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, REGIONS,
		  "0x00000000000e8000 0x00000000000e8fff direct\n"
		  "0x00000000fee00000 0x00000000feefffff msi\n");
	tree_file(tree, "proc/sys/kernel/osrelease", "6.12.43+deb13-amd64\n");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X reserved: the firmware wants the devices of IOMMU group 14 to reach its memory "
		       "at 0xe8000 to 0xe8fff (a direct mapping) at all times, so the kernel hands them to "
		       "nobody else [newer firmware, or its switch for this: pre-boot DMA protection, "
		       "shared memory or remote management of this slot\nanother device, or another slot "
		       "for this one]\n"));
	/* Before 6.6 only VT-d refused. */
	tree_file(tree, "proc/sys/kernel/osrelease", "6.5.0\n");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "w reserved: the firmware wants the devices of IOMMU group 14 to reach 0xe8000 to "
		       "0xe8fff; this kernel hands them out all the same\n"));
	assert_null(strstr(tree->text, "X "));
	tree_folder(tree, "sys/class/iommu/dmar0");
	assert_non_null(strstr(tree_device_story(tree, NVME), "0xe8fff (an RMRR) at all times"));
}

static void test_other_regions(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, REGIONS,
		  "0x000000007b800000 0x000000007f7fffff direct-relaxable\n"
		  "0x00000000fee00000 0x00000000feefffff msi\n"
		  "0x000000fd00000000 0x000000ffffffffff reserved\n");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "o reserved: 3 regions, none where guests have memory\n"));
	tree_file(tree, REGIONS, "0x0000000060000000 0x000000006fffffff reserved\n");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "o reserved: guests' memory is laid out around:\n"
			       "0x60000000 to 0x6fffffff (reserved)\n"));
	/* Not this one: every guest has memory there. */
	tree_file(tree, REGIONS, "0x0000000000007000 0x0000000000007fff reserved\n");
	assert_non_null(
		strstr(tree_device_story(tree, NVME),
		       "X reserved: devices of IOMMU group 14 do not reach 0x7000 to 0x7fff (reserved), and "
		       "every guest has memory there, in its first 640 KiB [another slot for the device, or "
		       "newer firmware]\n"));
	/* Handed out by an old kernel: around that as well. */
	tree_file(tree, "proc/sys/kernel/osrelease", "6.5.0\n");
	tree_file(tree, REGIONS, "0x00000000000e8000 0x00000000000e8fff direct\n");
	assert_non_null(strstr(tree_device_story(tree, NVME),
			       "o reserved: guests' memory is laid out around:\n"
			       "0xe8000 to 0xe8fff (direct)\n"));
	tree_remove(tree, "proc/sys/kernel/osrelease");
	tree_file(tree, REGIONS, "%s", "");
	assert_non_null(strstr(tree_device_story(tree, NVME), "o reserved: none\n"));
}

static void give_config(struct tree *tree, const uint8_t *config, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/" NVME_FOLDER "/config", tree->root);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, size, file), size);
	fclose(file);
}

static void test_interrupts(void **state)
{
	struct tree *tree = *state;
	/* INTB, MSI at 0x50, and behind it MSI-X at 0xb0. */
	uint8_t config[256] = {
		[0x06] = 0x10, [0x34] = 0x50, [0x3d] = 2, [0x50] = 0x05, [0x51] = 0xb0, [0xb0] = 0x11
	};

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	assert_null(strstr(tree_device_story(tree, NVME), " interrupts: ")); /* nothing to read */
	give_config(tree, config, sizeof(config));
	assert_non_null(strstr(tree_device_story(tree, NVME), "o interrupts: MSI-X, MSI, INTB\n"));
	give_config(tree, config, 64); /* as others than root see it */
	assert_null(strstr(tree_device_story(tree, NVME), " interrupts: "));
	config[0x51] = 0;
	give_config(tree, config, sizeof(config));
	assert_non_null(strstr(tree_device_story(tree, NVME), "o interrupts: MSI, INTB\n"));
	config[0x51] = 0x50; /* in a circle */
	give_config(tree, config, sizeof(config));
	assert_non_null(strstr(tree_device_story(tree, NVME), "o interrupts: MSI, INTB\n"));
	config[0x06] = 0; /* no list at all */
	give_config(tree, config, 64);
	assert_non_null(strstr(tree_device_story(tree, NVME), "o interrupts: INTB\n"));
	config[0x3d] = 0;
	give_config(tree, config, 64);
	assert_non_null(
		strstr(tree_device_story(tree, NVME), "w interrupts: none (no MSI-X, no MSI, no pin)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_bars_that_fit),
		unit(test_bar_too_large_below_4_gib),
		unit(test_bars_too_large_together),
		unit(test_bar_and_address_bits),
		unit(test_bar_without_address),
		unit(test_bar_that_the_kernel_gave_up),
		unit(test_reset),
		unit(test_power),
		unit(test_device_that_does_not_answer),
		unit(test_sriov),
		unit(test_token_for_nothing),
		unit(test_direct_regions),
		unit(test_other_regions),
		unit(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
