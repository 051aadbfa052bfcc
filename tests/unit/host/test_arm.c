/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An aarch64 server read right: SMMUs, GIC, no "flags", no false alarm about interrupt remapping. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/check-priv.h"
#include "host/list-priv.h"

#define CPUINFO                                                                                            \
	"processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm aes atomics\nCPU implementer\t: " \
	"0x41\n"                                                                                           \
	"CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n"

/* Two SMMUs; the NVMe disk goes to guests. */
static void arm_host(struct tree *tree)
{
	unit_devices(tree);
	tree_file(tree, "proc/cpuinfo", "%s", CPUINFO);
	tree_file(tree, "proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.12.43-arm64 ro quiet\n");
	tree_file(
		tree, "proc/interrupts",
		"           CPU0       CPU1\n 11:       1234       1200     GICv3  27 Level     arch_timer\n"
		" 42:          9          0  ITS-PCI-MSI-0000:01:00.0   0 Edge      nvme0q0\n"
		"IPI0:         7          8       Rescheduling interrupts\n");
	tree_file(tree, "sys/firmware/acpi/tables/IORT", "x");
	tree_folder(tree, "sys/class/iommu/smmu3.0x0000000009050000");
	tree_file(tree, "sys/kernel/iommu_groups/14/type", "DMA\n");
	tree_file(tree, "sys/kernel/iommu_groups/15/type", "DMA\n");
	tree_file(tree, "sys/kernel/iommu_groups/14/reserved_regions",
		  "0x0000000008000000 0x00000000080fffff msi\n");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
	tree_file(tree, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	tree_file(tree, "dev/kvm", "%s", "");
	tree_bind(tree, NVME, "vfio-pci");
	tree_may_lock(tree);
}

static void test_check_of_the_host(void **state)
{
	struct tree *tree = *state;
	const struct bdf disk = tree_bdf(NVME);
	bool ready = false;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	arm_host(tree);
	assert_int_equal(check_print(&tree->host, &disk, 1, false, out, &ready), 0);
	fclose(out);
	assert_true(ready);
	assert_non_null(
		strstr(text, "  ok        processor   Arm: whether it virtualises, /dev/kvm tells\n"));
	assert_non_null(strstr(text,
			       "  ok        iommu       on (Arm SMMUv3: smmu3.0x0000000009050000), 2 groups\n"
			       "  ok        mode        translated"));
	assert_non_null(strstr(text, "  ok        interrupts  told apart by device (GIC's ITS)\n"));
	assert_non_null(strstr(text, "  ok        reserved    "));
	assert_null(strstr(text, "obstacle  "));
	assert_null(strstr(text, "remap"));
	assert_null(strstr(text, "VT-"));
	free(text);
}

static void test_start_with_a_device(void **state)
{
	struct tree *tree = *state;

	arm_host(tree);
	assert_null(strstr(tree_device_story(tree, NVME), "X "));
	/* An older SMMU, interrupts by another way: still no question of remapping. */
	tree_remove(tree, "sys/class/iommu/smmu3.0x0000000009050000");
	tree_folder(tree, "sys/class/iommu/smmu.0x00000000e0600000");
	tree_file(tree, "proc/interrupts", " 42:  9  GICv2m  0 Edge  nvme0q0\n");
	assert_null(strstr(tree_device_story(tree, NVME), "X "));
	assert_null(strstr(tree->text, "interrupts"));
}

static void test_list(void **state)
{
	const struct list_request request = { .form = LIST_TABLE };
	const struct grid_style plain = { 0 };
	struct tree *tree = *state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	arm_host(tree);
	assert_int_equal(list_devices(&tree->host, &request, &plain, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "0000:01:00.0  14     Non-Volatile memory controller"));
	assert_non_null(strstr(text, "0000:02:00.0  15     Ethernet controller"));
	assert_non_null(strstr(text, "vfio-pci  flr,bus"));
	free(text);
}

/* An IORT, Arm IO Remapping Table: header, where its nodes begin and how many there are, the nodes, each
 * `size` bytes long by its own account. */
static void put_iort_of(struct tree *tree, const uint8_t *types, size_t count, uint16_t size)
{
	uint8_t table[48 + 8 * 16] = "IORT";
	char path[PATH_MAX];
	FILE *file;

	tree_file(tree, "sys/firmware/acpi/tables/IORT", "%s", "");
	table[36] = (uint8_t)count;
	table[40] = 48;
	for (size_t i = 0; i < count; i++) {
		table[48 + 16 * i] = types[i];
		table[48 + 16 * i + 1] = (uint8_t)size;
		table[48 + 16 * i + 2] = (uint8_t)(size >> 8);
	}
	(void)snprintf(path, sizeof(path), "%s/firmware/acpi/tables/IORT", tree->sys);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, 1, 48 + 16 * count, file), 48 + 16 * count);
	fclose(file);
}

static void put_iort(struct tree *tree, const uint8_t *types, size_t count)
{
	put_iort_of(tree, types, count, 16);
}

static const char *iommu_story(struct tree *tree)
{
	struct findings findings = { 0 };

	check_iommu(&tree->host, &findings);
	return tree_story(tree, &findings);
}

static void test_no_smmu(void **state)
{
	static const uint8_t its_and_root[] = { 0, 2 }, with_smmu[] = { 0, 4, 2 },
			     with_old_smmu[] = { 0, 2, 3 };
	static const char none[] =
		"X iommu: this host has no IOMMU: the firmware offers none (no SMMU in the ACPI "
		"table IORT, nor one that the kernel drives) [switch on the SMMU in the firmware "
		"setup, if this machine has one]\n";
	static const char unused[] =
		"X iommu: the IOMMU is off: the firmware offers one (ACPI table IORT), but this "
		"kernel does not drive it [";
	struct tree *tree = *state;

	tree_file(tree, "proc/cpuinfo", "%s", CPUINFO);
	assert_string_equal(iommu_story(tree), none); /* as on a board with a device tree */
	/* Every server has an IORT, for its interrupts. */
	put_iort(tree, its_and_root, 2);
	assert_string_equal(iommu_story(tree), none);
	put_iort(tree, with_smmu, 3);
	assert_non_null(strstr(iommu_story(tree), unused));
	put_iort(tree, with_old_smmu, 3);
	assert_non_null(strstr(iommu_story(tree), unused));
	/* Broken ones, and one that goes on behind what is read of it. */
	put_iort_of(tree, with_smmu, 3, 0);
	assert_string_equal(iommu_story(tree), none);
	put_iort_of(tree, with_smmu, 3, 1000);
	assert_string_equal(iommu_story(tree), none);
	put_iort_of(tree, with_smmu, 3, 20000);
	assert_non_null(strstr(iommu_story(tree), unused));
	put_iort(tree, with_smmu, 3);
	tree_file(tree, "modules/config", "#\nCONFIG_PCI=y\n# CONFIG_ARM_SMMU_V3 is not set\n");
	assert_non_null(strstr(iommu_story(tree),
			       "was built without its driver (CONFIG_ARM_SMMU_V3) [a kernel with "
			       "CONFIG_ARM_SMMU_V3]\n"));
	tree_file(tree, "modules/config", "#\nCONFIG_PCI=y\nCONFIG_ARM_SMMU=y\n");
	assert_non_null(strstr(iommu_story(tree), unused));
	/* A virtual machine has no setup to go to. */
	put_iort(tree, its_and_root, 2);
	tree_file(tree, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	assert_non_null(strstr(iommu_story(tree),
			       "[on the outer host, give this virtual machine a virtual IOMMU (QEMU: "
			       "-machine virt,iommu=smmuv3)]\n"));
}

static void test_no_kvm(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "proc/cpuinfo", "%s", CPUINFO);
	check_kvm(&tree->host, &findings);
	assert_string_equal(
		tree_story(tree, &findings),
		"o processor: Arm: whether it virtualises, /dev/kvm tells\n"
		"X kvm: no /dev/kvm: this kernel was built without KVM, or not started in the "
		"hypervisor's exception level (EL2) [dmesg | grep -i kvm    (says which)\ninside a "
		"virtual machine, nested virtualisation on the outer host]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_check_of_the_host),
		unit(test_start_with_a_device),
		unit(test_list),
		unit(test_no_smmu),
		unit(test_no_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
