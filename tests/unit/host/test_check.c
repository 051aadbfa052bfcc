/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `check` and a start say, word for word, about everything that can be wrong. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/check-priv.h"
#include "host/group-priv.h"

/* All findings of one run as text: "level topic: what [try: cure]", one a line. */
static const char *story(struct tree *tree, struct findings *findings)
{
	static const char levels[] = { 'o', 'w', 'X' };
	char text[8192] = "";
	size_t used = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%c %s: %s%s%s%s\n",
					 levels[finding->level], finding->topic, finding->what,
					 finding->cure ? " [" : "", finding->cure ? finding->cure : "",
					 finding->cure ? "]" : "");
	}
	findings_fini(findings);
	return tree_plain(tree, text);
}

static const char *device_story(struct tree *tree, const char *bdf)
{
	struct findings findings = { 0 };
	struct host_device device = tree_load(tree, bdf);

	check_assignable(&tree->host, &device, NULL, &findings);
	return story(tree, &findings);
}

static void test_ready_device(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	assert_string_equal(device_story(tree, NVME), "o driver: bound to vfio-pci\n"
						      "o group: IOMMU group 14: the device alone\n"
						      "o node: /dev/vfio/14 can be opened\n"
						      "o reset: flr bus\n");
}

static void test_native_driver_is_named_with_the_cure(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	assert_string_equal(device_story(tree, NVME),
			    "X driver: 0000:01:00.0 is bound to nvme, the host's own driver "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14: the device alone\n"
			    "o reset: flr bus\n");
	tree_bind(tree, NVME, "");
	assert_string_equal(device_story(tree, NVME),
			    "X driver: 0000:01:00.0 is bound to no driver; it has to be vfio-pci "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14: the device alone\n"
			    "o reset: flr bus\n");
}

static void test_culprits_of_the_group_are_named(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	tree_device(tree, "0000:00:01.0", 0x1b36, 0x0c, 0x060400, "pcieport", 14);
	tree_device(tree, "0000:01:00.2", 0x1b36, 0x12, 0x020000, "mlx5_vfio_pci", 14);
	tree_device(tree, "0000:01:00.3", 0x1b36, 0x13, 0x020000, "", 14);
	tree_device(tree, "0000:01:00.4", 0x1b36, 0x14, 0x020000, "pci-stub", 14);
	assert_non_null(
		strstr(device_story(tree, NVME),
		       "X group: IOMMU group 14 is not viable: 0000:01:00.1 is bound to snd_hda_intel "
		       "[handfast bind 0000:01:00.1]\n"));
	tree_bind(tree, "0000:01:00.1", "");
	assert_non_null(
		strstr(device_story(tree, NVME),
		       "o group: IOMMU group 14: with 0000:00:01.0 (pcieport), 0000:01:00.1 (no driver), "
		       "0000:01:00.2 (mlx5_vfio_pci), 0000:01:00.3 (no driver), 0000:01:00.4 (pci-stub)\n"));
}

/* A start that binds devices by itself wants to know before it does what would be in the way after. */
static void test_devices_that_will_be_bound_count_as_bound(void **state)
{
	const struct bdf bound[] = { tree_bdf("0000:01:00.1"), tree_bdf(NVME) };
	const struct check_scope both = { .bound = bound, .bound_count = 2 };
	const struct check_scope first = { .bound = bound, .bound_count = 1 };
	struct tree *tree = *state;
	struct findings findings = { 0 };
	struct host_device device;

	unit_devices(tree);
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	device = tree_load(tree, NVME);
	check_assignable(&tree->host, &device, &both, &findings);
	assert_string_equal(story(tree, &findings),
			    "o driver: bound to vfio-pci before the start\n"
			    "o group: IOMMU group 14: with 0000:01:00.1 (snd_hda_intel)\n"
			    "o reset: flr bus\n");
	check_assignable(&tree->host, &device, &first, &findings);
	assert_string_equal(story(tree, &findings),
			    "X driver: 0000:01:00.0 is bound to nvme, the host's own driver "
			    "[handfast bind 0000:01:00.0]\n"
			    "o group: IOMMU group 14: with 0000:01:00.1 (snd_hda_intel)\n"
			    "o reset: flr bus\n");
	device = tree_load(tree, "0000:01:00.1");
	check_assignable(&tree->host, &device, &first, &findings);
	assert_string_equal(story(tree, &findings),
			    "o driver: bound to vfio-pci before the start\n"
			    "X group: IOMMU group 14 is not viable: 0000:01:00.0 is bound to nvme "
			    "[handfast bind 0000:01:00.0]\n"
			    "o reset: flr bus\n");
}

static void test_viability_is_the_kernels(void **state)
{
	static const struct {
		const char *driver;
		bool viable;
	} cases[] = {
		{ "", true },	      { "vfio-pci", true },	{ "pcieport", true },
		{ "pci-stub", true }, { "qat_vfio_pci", true }, { "i801_smbus", false },
		{ "shpchp", false },
	};
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_device(tree, "0000:01:00.1", 1, 1, 0, "", 14);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iommu_group group;

		tree_bind(tree, "0000:01:00.1", cases[i].driver);
		assert_int_equal(group_load(&tree->host, 14, &group), 0);
		assert_int_equal(group.count, 2);
		assert_int_equal(group_is_viable(&group), cases[i].viable);
		group_fini(&group);
	}
}

static void test_bridges_are_refused(void **state)
{
	struct tree *tree = *state;

	tree_device(tree, "0000:00:01.0", 0x1b36, 0x0c, 0x060400, "pcieport", 14);
	assert_string_equal(device_story(tree, "0000:00:01.0"),
			    "X kind: 0000:00:01.0 is a bridge; only devices behind bridges can be assigned "
			    "[handfast list    (shows the devices there are)]\n");
}

static void test_no_iommu_tells_why(void **state)
{
	static const struct {
		const char *table, *cmdline, *story;
	} cases[] = {
		{ NULL, "quiet",
		  "X iommu: this host has no IOMMU: the firmware offers none (no ACPI table DMAR or IVRS) "
		  "[switch on VT-d (Intel) or AMD-Vi (often called IOMMU) in the firmware setup; inside a "
		  "virtual "
		  "machine, give it a virtual IOMMU]\n" },
		{ "DMAR", "quiet",
		  "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but the kernel was "
		  "started without intel_iommu=on [add intel_iommu=on in GRUB_CMDLINE_LINUX of "
		  "/etc/default/grub, then update-grub and reboot]\n" },
		{ "DMAR", "quiet intel_iommu=on",
		  "X iommu: the IOMMU is off: the firmware offers one (ACPI table DMAR), but this kernel "
		  "does not "
		  "drive it [dmesg | grep -i -e DMAR -e AMD-Vi -e SMMU    (says why); or a kernel with its "
		  "driver "
		  "(CONFIG_INTEL_IOMMU)]\n" },
		{ "IVRS", "amd_iommu=off quiet",
		  "X iommu: the IOMMU is off: the kernel was started with amd_iommu=off [remove "
		  "amd_iommu=off in "
		  "GRUB_CMDLINE_LINUX of /etc/default/grub, then update-grub and reboot]\n" },
		{ "IORT", "",
		  "X iommu: the IOMMU is off: the firmware offers one (ACPI table IORT), but this kernel "
		  "does not "
		  "drive it [dmesg | grep -i -e DMAR -e AMD-Vi -e SMMU    (says why); or a kernel with its "
		  "driver "
		  "(CONFIG_ARM_SMMU_V3)]\n" },
	};
	struct tree *tree = *state;
	char path[PATH_MAX];

	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", -1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].table) {
			snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", cases[i].table);
			tree_file(tree, path, "x");
		}
		tree_file(tree, "proc/cmdline", "%s\n", cases[i].cmdline);
		assert_string_equal(device_story(tree, NVME), cases[i].story);
		if (cases[i].table) {
			char full[PATH_MAX + 64];

			snprintf(full, sizeof(full), "%s/%s", tree->root, path);
			assert_int_equal(unlink(full), 0);
		}
	}
}

static void test_device_outside_the_iommu(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_device(tree, "0000:00:02.0", 1, 1, 0, "", -1);
	assert_non_null(strstr(device_story(tree, "0000:00:02.0"),
			       "X group: 0000:00:02.0 has no IOMMU group: it is not behind an IOMMU"));
}

static void test_interrupt_remapping(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	unit_devices(tree);
	tree_file(tree, "proc/cmdline", "quiet\n");
	tree_file(tree, "proc/interrupts", "  0:  1  IR-IO-APIC    2-edge  timer\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(story(tree, &findings), "o interrupts: remapped by the IOMMU\n");

	tree_file(tree, "proc/interrupts", "  0:  1  IO-APIC    2-edge  timer\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(
		story(tree, &findings),
		"X interrupts: the IOMMU does not remap interrupts: a guest with a device could raise "
		"any interrupt on this host, so the kernel refuses [switch on interrupt remapping "
		"(also called x2APIC) in the firmware setup; dmesg | grep -i remapping    (says why it "
		"is off)]\n");

	tree_file(tree, "proc/cmdline", "intremap=off quiet\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_non_null(
		strstr(story(tree, &findings), "(the kernel was started with intremap=off): a guest"));

	tree_file(tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_non_null(strstr(story(tree, &findings), "w interrupts: not remapped by the IOMMU, and"));

	/* An Arm host has no I/O APIC and no such question. */
	tree_file(tree, "proc/interrupts", " 12:  9  ITS-PCI-MSI-0000:01:00.0    0-edge  nvme0q0\n");
	check_interrupt_remapping(&tree->host, &findings);
	assert_string_equal(story(tree, &findings), "");
}

static void test_kvm_tells_which_module(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu svm nx\nbugs : x\n");
	check_kvm(&tree->host, &findings);
	assert_string_equal(
		story(tree, &findings),
		"X kvm: the kernel's KVM is not loaded (/dev/kvm), though the processor has it (SVM) "
		"[modprobe kvm_amd    (as root; if it fails, SVM is locked in the firmware setup)]\n");
	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmx nx\n");
	check_kvm(&tree->host, &findings);
	assert_non_null(strstr(story(tree, &findings), "[modprobe kvm_intel "));
	tree_file(tree, "proc/cpuinfo", "processor : 0\nflags\t\t: fpu vmxish nx\nvmx flags : svm\n");
	check_kvm(&tree->host, &findings);
	assert_string_equal(
		story(tree, &findings),
		"X kvm: this processor offers no virtualisation: no /dev/kvm, and neither vmx nor svm in "
		"/proc/cpuinfo [switch on VT-x (Intel) or SVM (AMD) in the firmware setup; inside a "
		"virtual machine, nested virtualisation on the outer host]\n");
	tree_file(tree, "dev/kvm", "%s", "");
	check_kvm(&tree->host, &findings);
	assert_string_equal(story(tree, &findings), "o kvm: /dev/kvm can be opened\n");
}

static void test_vfio_drivers(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	tree_file(tree, "modules/modules.dep", "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/x.ko.xz\n");
	tree_folder(tree, "sys/module/vfio_iommu_type1");
	check_vfio(&tree->host, &findings);
	assert_string_equal(story(tree, &findings), "o vfio: vfio-pci is a module, loaded when it is needed\n"
						    "o vfio: vfio_iommu_type1 is ready\n");
	tree_file(tree, "modules/modules.dep", "kernel/drivers/x/vfio-pci-core.ko: \n");
	check_vfio(&tree->host, &findings);
	assert_non_null(strstr(story(tree, &findings),
			       "X vfio: this kernel has no vfio-pci: it is neither built in "
			       "nor in /modules [a kernel with CONFIG_VFIO_PCI, and its "
			       "modules installed]\n"));
	tree_file(tree, "modules/modules.builtin", "kernel/drivers/vfio/pci/vfio-pci.ko\n");
	check_vfio(&tree->host, &findings);
	assert_non_null(strstr(story(tree, &findings), "o vfio: vfio-pci is ready\n"));
}

static void test_node_in_use_and_missing(void **state)
{
	struct tree *tree = *state;
	char full[PATH_MAX];

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 4711, "qemu-system-x86", "dev/vfio/14");
	tree_process(tree, 4712, "bystander", "dev/vfio/140");
	assert_non_null(strstr(device_story(tree, NVME),
			       "X use: /dev/vfio/14 is in use by qemu-system-x86 (pid 4711) "
			       "[end that virtual machine first, or unplug the device from it]\n"));
	snprintf(full, sizeof(full), "%s/vfio/14", tree->dev);
	assert_int_equal(unlink(full), 0);
	assert_non_null(
		strstr(device_story(tree, NVME),
		       "X node: /dev/vfio/14 does not exist, though 0000:01:00.0 is bound to vfio-pci: this "
		       "/dev does not show the host's device nodes [run on the host, or give the container "
		       "that node]\n"));
}

static void test_the_asking_process_does_not_count(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };
	struct host_device device;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_process(tree, 4711, "handfast", "dev/vfio/14");
	device = tree_load(tree, NVME);
	check_holders(&tree->host, &device, 4711, &findings);
	assert_int_equal(findings.count, 0);
	check_holders(&tree->host, &device, 4712, &findings);
	assert_int_equal(findings.count, 1);
	findings_fini(&findings);
}

static void test_own_character_device_in_use(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_folder(tree, "sys/devices/pci0000:00/" NVME "/vfio-dev/vfio3");
	tree_process(tree, 4711, "qemu-system-x86", "dev/vfio/devices/vfio3");
	tree_busy(tree, "dev/vfio/14"); /* the kernel opens a group or its devices' own nodes, not both */
	assert_non_null(strstr(device_story(tree, NVME),
			       "X use: /dev/vfio/devices/vfio3 is in use by qemu-system-x86 (pid 4711)"));
}

static void test_reset_and_power_are_warnings(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_remove(tree, "sys/devices/pci0000:00/" NVME "/reset_method");
	assert_non_null(
		strstr(device_story(tree, NVME), "o reset: possible; this kernel does not say how\n"));
	tree_remove(tree, "sys/devices/pci0000:00/" NVME "/reset");
	tree_file(tree, "sys/devices/pci0000:00/" NVME "/power_state", "D3cold\n");
	assert_non_null(
		strstr(device_story(tree, NVME),
		       "w reset: the kernel knows no way to reset this device by itself: a guest may meet it "
		       "as the last user left it\nw power: in D3cold; it is woken when it is opened\n"));
}

static void test_obstacles_become_one_error(void **state)
{
	struct tree *tree = *state;
	struct findings findings = { 0 };

	findings_ok(&findings, "a", "fine");
	assert_int_equal(findings_error(&findings), 0);
	assert_false(findings_obstructed(&findings));
	findings_obstacle(&findings, "b", EBUSY, "first");
	findings_cure(&findings, "do %d", 1);
	findings_cure(&findings, "or %d", 2);
	findings_warning(&findings, "c", "not this");
	findings_cure(&findings, "nor this");
	findings_obstacle(&findings, "d", ENODEV, "second");
	findings_cure(&findings, "do 3");
	assert_true(findings_obstructed(&findings));
	assert_int_equal(findings_error(&findings), -EBUSY);
	assert_string_equal(tree_error(tree),
			    "first\nsecond\n  try:     do 1\n           or 2\n           do 3");
	findings_fini(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_ready_device),
		unit(test_native_driver_is_named_with_the_cure),
		unit(test_culprits_of_the_group_are_named),
		unit(test_devices_that_will_be_bound_count_as_bound),
		unit(test_viability_is_the_kernels),
		unit(test_bridges_are_refused),
		unit(test_no_iommu_tells_why),
		unit(test_device_outside_the_iommu),
		unit(test_interrupt_remapping),
		unit(test_kvm_tells_which_module),
		unit(test_vfio_drivers),
		unit(test_node_in_use_and_missing),
		unit(test_the_asking_process_does_not_count),
		unit(test_own_character_device_in_use),
		unit(test_reset_and_power_are_warnings),
		unit(test_obstacles_become_one_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
