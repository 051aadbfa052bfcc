/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `check` says of the host, word for word, whatever the device. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/check-priv.h"
#include "host/kernel-priv.h"
#include "host/memlock-priv.h"
#include "host/surroundings-priv.h"

#define SET "in GRUB_CMDLINE_LINUX of /etc/default/grub, then update-grub and reboot"
#define LOG "dmesg | grep -i -e DMAR -e AMD-Vi -e SMMU -e iommu    (says why); or a kernel with its driver "

/* One way to have no IOMMU. NULL: not there. */
struct no_iommu {
	const char *table, *cmdline, *cpuinfo, *config, *story;
};

static const char *no_iommu_story(struct tree *tree, const struct no_iommu *setting)
{
	struct findings findings = { 0 };
	char path[PATH_MAX];

	if (setting->table) {
		snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", setting->table);
		tree_file(tree, path, "x");
	}
	tree_file(tree, "proc/cmdline", "%s\n", setting->cmdline ? setting->cmdline : "quiet");
	tree_file(tree, "proc/cpuinfo", "%s\n", setting->cpuinfo ? setting->cpuinfo : "");
	tree_file(tree, "proc/sys/kernel/osrelease", "6.12.43-amd64\n");
	tree_file(tree, "boot/config-6.12.43-amd64", "#\nCONFIG_PCI=y\n%s\n",
		  setting->config ? setting->config : "");
	if (!setting->config)
		tree_remove(tree, "boot/config-6.12.43-amd64");
	check_iommu(&tree->host, &findings);
	if (setting->table)
		tree_remove(tree, path);
	return tree_story(tree, &findings);
}

static void test_no_iommu_tells_why(void **state)
{
	static const struct no_iommu cases[] = {
		/* The firmware's switch. */
		{ .story =
			  "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table DMAR or "
			  "IVRS) "
			  "[switch on VT-d (Intel) or AMD-Vi (often called IOMMU) in the firmware setup]\n" },
		{ .cpuinfo = "vendor_id : GenuineIntel",
		  .story = "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table DMAR) "
			   "[switch "
			   "on VT-d (Intel's name for it) in the firmware setup]\n" },
		{ .cpuinfo = "vendor_id : AuthenticAMD",
		  .story = "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table IVRS) "
			   "[switch "
			   "on IOMMU (AMD-Vi) in the firmware setup; SVM alone is not it]\n" },
		{ .cpuinfo = "vendor_id : GenuineIntel\nflags : fpu hypervisor",
		  .story = "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table DMAR) "
			   "[on the "
			   "outer host, give this virtual machine a virtual IOMMU (QEMU: -device "
			   "intel-iommu,intremap=on,caching-mode=on)]\n" },
		/* The command line. */
		{ .table = "DMAR",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but the "
			   "kernel was "
			   "started without intel_iommu=on [add intel_iommu=on " SET "]\n" },
		{ .table = "DMAR",
		  .cmdline = "intel_iommu=igfx_off quiet",
		  .config = "CONFIG_INTEL_IOMMU=y\n# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but the "
			   "kernel was "
			   "started without intel_iommu=on [add intel_iommu=on " SET "]\n" },
		{ .table = "IVRS",
		  .cmdline = "amd_iommu=off quiet",
		  .story = "X iommu: the IOMMU is off: the kernel was started with amd_iommu=off [remove "
			   "amd_iommu=off " SET "]\n" },
		{ .table = "DMAR",
		  .cmdline = "intel_iommu=sm_on,off",
		  .story = "X iommu: the IOMMU is off: the kernel was started with intel_iommu=off [remove "
			   "intel_iommu=off " SET "]\n" },
		/* A word for the other maker's IOMMU is not to blame; a virtual machine on AMD may have
		   Intel's. */
		{ .table = "IVRS",
		  .cmdline = "intel_iommu=off",
		  .cpuinfo = "vendor_id : AuthenticAMD",
		  .config = "CONFIG_AMD_IOMMU=y",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table IVRS), but this "
			   "kernel does not drive it [" LOG "(CONFIG_AMD_IOMMU)]\n" },
		{ .cmdline = "intel_iommu=off",
		  .cpuinfo = "vendor_id : AuthenticAMD",
		  .story = "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table IVRS) "
			   "[switch on IOMMU (AMD-Vi) in the firmware setup; SVM alone is not it]\n" },
		{ .table = "DMAR",
		  .cmdline = "intel_iommu=off",
		  .cpuinfo = "vendor_id : AuthenticAMD",
		  .story = "X iommu: the IOMMU is off: the kernel was started with intel_iommu=off [remove "
			   "intel_iommu=off " SET "]\n" },
		/* The kernel. */
		{ .table = "DMAR",
		  .cmdline = "quiet intel_iommu=igfx_off,on",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but this "
			   "kernel "
			   "does not drive it [" LOG "(CONFIG_INTEL_IOMMU)]\n" },
		{ .table = "DMAR",
		  .config = "CONFIG_INTEL_IOMMU=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but this "
			   "kernel "
			   "does not drive it [" LOG "(CONFIG_INTEL_IOMMU)]\n" },
		{ .table = "DMAR",
		  .cmdline = "quiet intel_iommu=on",
		  .config = "# CONFIG_INTEL_IOMMU is not set",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but this "
			   "kernel "
			   "was built without its driver (CONFIG_INTEL_IOMMU) [a kernel with "
			   "CONFIG_INTEL_IOMMU]\n" },
		{ .table = "IVRS",
		  .config = "CONFIG_INTEL_IOMMU=y",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table IVRS), but this "
			   "kernel "
			   "was built without its driver (CONFIG_AMD_IOMMU) [a kernel with "
			   "CONFIG_AMD_IOMMU]\n" },
		{ .table = "IVRS",
		  .config = "CONFIG_AMD_IOMMU=y",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table IVRS), but this "
			   "kernel "
			   "does not drive it [" LOG "(CONFIG_AMD_IOMMU)]\n" },
		{ .table = "VIOT",
		  .config = "CONFIG_VIRTIO_IOMMU=m",
		  .story = "X iommu: the IOMMU is off: the firmware offers one (ACPI table VIOT), but this "
			   "kernel "
			   "does not drive it [" LOG "(CONFIG_VIRTIO_IOMMU)]\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(no_iommu_story(*state, &cases[i]), cases[i].story);
}

static void test_kernel_that_knows_no_iommu(void **state)
{
	const struct no_iommu setting = { .table = "IVRS", .cpuinfo = "vendor_id : AuthenticAMD" };
	struct tree *tree = *state;

	tree_remove(tree, "sys/kernel/iommu_groups");
	assert_string_equal(no_iommu_story(tree, &setting),
			    "X iommu: this kernel was built without support for IOMMUs (no "
			    "/sys/kernel/iommu_groups) [a kernel with CONFIG_AMD_IOMMU]\n");
}

/* The same refusal stops a start. */
static void test_a_start_says_why_too(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };
	char said[2048];

	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", -1);
	tree_file(tree, "sys/firmware/acpi/tables/DMAR", "x");
	check_iommu(&tree->host, &findings);
	snprintf(said, sizeof(said), "%s", tree_story(tree, &findings));
	assert_string_equal(tree_device_story(tree, NVME), said);
}

static void test_groups_without_iommu_do_not_count(void **state)
{
	const struct no_iommu setting = { .cpuinfo = "vendor_id : GenuineIntel" };
	struct tree *tree = *state;

	unit_devices(tree);
	tree_file(tree, "sys/kernel/iommu_groups/14/name", "vfio-noiommu\n");
	tree_file(tree, "sys/kernel/iommu_groups/15/name", "vfio-noiommu\n");
	assert_non_null(strstr(no_iommu_story(tree, &setting),
			       "X iommu: this host has no IOMMU: the firmware offers none"));
	assert_non_null(strstr(no_iommu_story(tree, &setting),
			       "w iommu: vfio runs without IOMMU here (enable_unsafe_noiommu_mode): a device "
			       "could write to all of the host's memory, so handfast does not use that\n"));
	assert_non_null(strstr(tree_device_story(tree, NVME), "X iommu: this host has no IOMMU"));
}

static void test_iommu_and_its_mode(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	unit_devices(tree);
	check_iommu(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "o iommu: on (of unknown kind), 2 groups\n");

	tree_folder(tree, "sys/class/iommu/dmar0");
	tree_file(tree, "sys/kernel/iommu_groups/14/type", "DMA-FQ\n");
	tree_file(tree, "sys/kernel/iommu_groups/15/type", "DMA\n");
	check_iommu(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o iommu: on (Intel VT-d: dmar0), 2 groups\n"
			    "o mode: translated: the host's own devices reach only what their drivers map "
			    "(iommu=pt would be faster for them)\n");
	tree_file(tree, "sys/kernel/iommu_groups/15/type", "identity\n");
	check_iommu(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings),
			       "o mode: translated for 1 of the host's groups, passthrough for 1; a guest's "
			       "devices are always translated\n"));
	tree_file(tree, "sys/kernel/iommu_groups/14/type", "blocked\n"); /* a VM has it */
	check_iommu(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings),
			       "o mode: passthrough (iommu=pt): the host's own devices are not translated; a "
			       "guest's always are\n"));
}

static void test_interrupt_remapping(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	unit_devices(tree);
	tree_file(tree, "proc/cmdline", "quiet\n");
	tree_file(tree, "proc/interrupts", "  0:  1  IR-IO-APIC    2-edge  timer\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "o interrupts: remapped by the IOMMU\n");

	tree_file(tree, "proc/interrupts", "  0:  1  IO-APIC    2-edge  timer\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(
		tree_story(tree, &findings),
		"X interrupts: the IOMMU does not remap interrupts: a guest with a device could raise "
		"any interrupt on this host, so the kernel refuses [switch on interrupt remapping "
		"(also called x2APIC) in the firmware setup; dmesg | grep -i remapping    (says why it "
		"is off)]\n");

	tree_file(tree, "proc/cmdline", "intremap=off quiet\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings), "(the kernel was started with intremap=off): a guest"));

	tree_file(tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings), "w interrupts: not remapped by the IOMMU, and"));

	/* Neither IOMMU nor I/O APIC: no such question. */
	tree_file(tree, "proc/interrupts", " 12:  9  GICv3  27 Level  arch_timer\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
}

static void test_kvm_tells_which_module(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu svm nx\nbugs : x\n");
	check_kvm(&tree->host, &findings);
	assert_string_equal(
		tree_story(tree, &findings),
		"o processor: virtualises (SVM)\n"
		"X kvm: the kernel's KVM is not loaded (/dev/kvm), though the processor has it (SVM) "
		"[modprobe kvm_amd    (as root; if it fails, SVM is locked in the firmware setup)]\n");
	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmx nx\n");
	check_kvm(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings), "[modprobe kvm_intel "));
	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmxish nx\nvmx flags : svm\n");
	check_kvm(&tree->host, &findings);
	assert_string_equal(
		tree_story(tree, &findings),
		"X kvm: this processor offers no virtualisation: no /dev/kvm, and neither vmx nor svm in "
		"/proc/cpuinfo [switch on VT-x (Intel) or SVM (AMD) in the firmware setup; inside a "
		"virtual machine, nested virtualisation on the outer host]\n");
	tree_file(tree, "dev/kvm", "%s", "");
	check_kvm(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o processor: shows neither vmx nor svm, but the kernel offers KVM all the same\n"
			    "o kvm: /dev/kvm can be opened\n");
	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmx nx\n");
	check_kvm(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o processor: virtualises (VMX)\no kvm: /dev/kvm can be opened\n");
}

static void test_kernel_without_kvm(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmx nx\n");
	tree_file(tree, "modules/modules.dep", "kernel/arch/x86/kvm/kvm-amd.ko.xz: kernel/x.ko.xz\n");
	check_kvm(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings),
			       "X kvm: this kernel has no KVM (/dev/kvm), though the processor has VMX "
			       "[a kernel with CONFIG_KVM_INTEL, and its modules installed]\n"));
}

static void test_vfio_drivers(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "modules/modules.dep", "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/x.ko.xz\n");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
	check_vfio(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings),
			    "o vfio: vfio-pci is a module, loaded when it is needed\n"
			    "o vfio: vfio_iommu_type1 is loaded\n"
			    "o iommufd: no /dev/iommu; handfast does not need it\n");
	tree_file(tree, "dev/iommu", "%s", "");
	tree_file(tree, "modules/modules.dep",
		  "kernel/drivers/x/vfio-pci-core.ko: kernel/y/my-vfio-pci.ko\n");
	check_vfio(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings),
			       "X vfio: this kernel has no vfio-pci: it is neither built in "
			       "nor in /modules [a kernel with CONFIG_VFIO_PCI, and its "
			       "modules installed]\n"));
	assert_non_null(strstr(tree->text, "o iommufd: /dev/iommu is there; handfast does not need it\n"));
	tree_file(tree, "modules/modules.builtin", "kernel/drivers/vfio/pci/vfio-pci.ko\n");
	check_vfio(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings), "o vfio: vfio-pci is built in\n"));
	tree_remove(tree, "modules/modules.builtin");
	tree_driver(tree, "vfio-pci");
	check_vfio(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings), "o vfio: vfio-pci is loaded\n"));
}

static void test_vfio_drivers_out_of_sight(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	check_drivers(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings),
		       "w vfio: vfio-pci is not loaded, and whether it can be is not to be seen here: "
		       "/modules is missing [modprobe vfio-pci    (as root, on the host)]\n"));
	tree_file(tree, "modules/config", "#\nCONFIG_PCI=y\nCONFIG_IOMMUFD_VFIO_CONTAINER=y\n");
	check_drivers(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings), "o vfio: iommufd stands in for vfio_iommu_type1\n"));
}

static void test_kernel_configuration(void **state)
{
	struct tree *tree = *state;
	char command[256];

	assert_int_equal(kernel_option(&tree->host, "PCI"), KERNEL_OPTION_UNKNOWN);
	tree_file(tree, "proc/config", "#\nCONFIG_PCI=y\nCONFIG_KVM=m\n# CONFIG_XEN is not set\n");
	snprintf(command, sizeof(command), "gzip %s/config", tree->proc);
	assert_int_equal(system(command), 0);
	assert_int_equal(kernel_option(&tree->host, "PCI"), KERNEL_OPTION_BUILT_IN);
	assert_int_equal(kernel_option(&tree->host, "KVM"), KERNEL_OPTION_MODULE);
	assert_int_equal(kernel_option(&tree->host, "XEN"), KERNEL_OPTION_OFF);
	assert_int_equal(kernel_option(&tree->host, "KV"), KERNEL_OPTION_OFF);
	tree_file(tree, "proc/config.gz", "not gzip's\n");
	assert_int_equal(kernel_option(&tree->host, "PCI"), KERNEL_OPTION_UNKNOWN);
}

static void test_huge_pages(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	check_host(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings),
		       "w hugepages: this kernel has no transparent huge pages: a guest's memory comes in "
		       "small pages, which is slower, most of all when it is locked for a device [a kernel "
		       "with CONFIG_TRANSPARENT_HUGEPAGE]\n"));
	tree_file(tree, "sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	check_host(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings),
		       "w hugepages: transparent huge pages are off: a guest's memory comes in small pages, "
		       "which is slower, most of all when it is locked for a device [echo madvise > "
		       "/sys/kernel/mm/transparent_hugepage/enabled    (as root)]\n"));
	tree_file(tree, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	tree_file(tree, "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	tree_file(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
	check_host(&tree->host, &findings);
	assert_non_null(strstr(tree_story(tree, &findings),
			       "o hugepages: transparent: where asked for, as guests do\n"
			       "o hugepages: hugetlbfs: 512 of 2 MiB, all in use\n"));
	tree_file(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "256\n");
	check_host(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings),
		       "w hugepages: hugetlbfs: 512 of 2 MiB, 256 free: 512 MiB that are kept from "
		       "everything else, and handfast's guests do not use them [echo 0 > "
		       "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages    (as root; if nothing else "
		       "needs them)]\n"));
}

static void test_containers(void **state)
{
	static const struct {
		const char *file, *text, *kind;
	} cases[] = {
		{ "run/systemd/container", "lxc\n", "w container: inside a container (lxc): " },
		{ "proc/1/environ", "container=podman", "w container: inside a container (podman): " },
		{ ".dockerenv", "", "w container: inside a container (docker): " },
		{ "run/.containerenv", "", "w container: inside a container (podman): " },
	};
	struct tree *tree = *state;
	struct findings findings = { 0 };

	surroundings_check(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
	/* An image's root that was booted. */
	tree_file(tree, ".dockerenv", "%s", "");
	surroundings_check(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
	tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
	tree_link(tree, "proc/self/ns/uts", "uts:[4026531838]");
	tree_link(tree, "proc/self/ns/ipc", "ipc:[4026531839]");
	surroundings_check(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
	tree_remove(tree, ".dockerenv");
	tree_remove(tree, "proc/self/ns/uts");
	tree_link(tree, "proc/self/ns/uts", "uts:[4026532191]");
	tree_file(tree, "proc/1/environ", "%s", "mycontainer=no");
	surroundings_check(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tree_file(tree, cases[i].file, "%s", cases[i].text);
		surroundings_check(&tree->host, &findings);
		assert_non_null(strstr(tree_story(tree, &findings), cases[i].kind));
		tree_remove(tree, cases[i].file);
	}
}

static void test_virtual_machines(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
	surroundings_check(&tree->host, &findings);
	assert_string_equal(tree_story(tree, &findings), "");
	tree_file(tree, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	tree_file(tree, "sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n");
	surroundings_check(&tree->host, &findings);
	assert_string_equal(
		tree_story(tree, &findings),
		"w machine: inside a virtual machine (QEMU, Standard PC (Q35 + ICH9, 2009)): guests here "
		"are nested and slower, and only devices that the outer host hands in, behind a virtual "
		"IOMMU, can be passed on\n");
	tree_file(tree, "sys/class/dmi/id/sys_vendor", "\n");
	tree_file(tree, "sys/class/dmi/id/product_name", "\n");
	tree_file(tree, "proc/cpuinfo", "flags : fpu hypervisor\n");
	surroundings_check(&tree->host, &findings);
	assert_non_null(
		strstr(tree_story(tree, &findings), "w machine: inside a virtual machine: guests here"));
}

/* NULL: this process may not set that limit. */
static const char *memlock_story(struct tree *tree, uint64_t limit)
{
	const struct rlimit set = { .rlim_cur = 0, .rlim_max = limit };
	struct findings findings = { 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &set))
		return NULL;
	memlock_check(&tree->host, &findings);
	return tree_story(tree, &findings);
}

/* Stands last: a limit that was lowered may stay so. */
static void test_memory_lock_limit(void **state)
{
	struct tree *tree = *state;
	const char *story;
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/status", (int)getpid());
	tree_file(tree, path, "Name:\tx\nCapEff:\t0000000000000000\n");
	story = memlock_story(tree, UINT64_C(8) << 30);
	if (story) /* root's to set where the limit is lower */
		assert_string_equal(story, "o memlock: guests of up to 8 GiB can be locked in memory\n");
	story = memlock_story(tree, UINT64_C(256) << 20);
	if (story)
		assert_non_null(strstr(
			story, "w memlock: only 256 MiB can be locked in memory: no guest with a "
			       "device will be larger [prlimit --memlock=1073741824:1073741824 --pid "
			       "PID    (as root; PID: the shell it starts from)\nLimitMEMLOCK=infinity"));
	story = memlock_story(tree, 65536);
	if (!story)
		skip();
	/* In the way of a VM whose memory the command line does not even say; a start says the same of it. */
	assert_non_null(strstr(story,
			       "X memlock: a device can reach all of the guest's memory, so all of it is "
			       "locked: that needs 256 MiB, and the limit on locked memory is 64 KiB for "));
	assert_non_null(strstr(story,
			       "\n256 MiB is what a guest has where -m does not say; the limit is enough "
			       "for one of up to 64 KiB ["));
	assert_non_null(
		strstr(story, " [prlimit --memlock=268435456:268435456 --pid PID    (as root; PID: the shell "
			      "it starts from)\nLimitMEMLOCK=infinity"));
	tree_file(tree, path, "Name:\tx\nCapEff:\t0000000000004000\n");
	assert_string_equal(memlock_story(tree, 65536),
			    "o memlock: guest memory of any size can be locked\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_no_iommu_tells_why),
		unit(test_kernel_that_knows_no_iommu),
		unit(test_a_start_says_why_too),
		unit(test_groups_without_iommu_do_not_count),
		unit(test_iommu_and_its_mode),
		unit(test_interrupt_remapping),
		unit(test_kvm_tells_which_module),
		unit(test_kernel_without_kvm),
		unit(test_vfio_drivers),
		unit(test_vfio_drivers_out_of_sight),
		unit(test_kernel_configuration),
		unit(test_huge_pages),
		unit(test_containers),
		unit(test_virtual_machines),
		unit(test_memory_lock_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
