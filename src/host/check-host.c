/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether this host can pass devices through: the IOMMU and why it is not there, interrupt remapping,
 * the VFIO drivers.
 *
 * Sources: Linux Documentation/ABI/testing/sysfs-class-iommu and sysfs-kernel-iommu_groups,
 * admin-guide/kernel-parameters.txt; ACPI tables DMAR (Intel VT-d), IVRS (AMD-Vi), IORT (Arm). Whether
 * interrupts are remapped has no attribute of its own: the names of the interrupt controllers in
 * /proc/interrupts begin with "IR-" when they are.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "host/check-priv.h"
#include "host/memlock-priv.h"

/* Whether the kernel's command line has this word; a word that ends in '=' finds any value. */
static bool booted_with(const struct host *host, const char *word)
{
	char path[PATH_MAX], text[4096];
	char *rest = text, *next;
	size_t length = strlen(word);

	if (sysfs_read_text(sysfs_path(path, "%s/cmdline", host->proc), text, sizeof(text)))
		return false;
	while ((next = strsep(&rest, " \t\n"))) {
		if (strncmp(next, word, length) == 0 && (word[length - 1] == '=' || !next[length]))
			return true;
	}
	return false;
}

/* The names in a folder, as "a, b, c"; returns how many there are. */
static unsigned count_entries(const char *path, char *ret_names, size_t size)
{
	auto_dir DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;
	size_t used = 0;

	ret_names[0] = '\0';
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (used < size)
			used += (size_t)snprintf(ret_names + used, size - used, "%s%s", count ? ", " : "",
						 entry->d_name);
		count++;
	}
	return count;
}

static bool has_table(const struct host *host, const char *table)
{
	char path[PATH_MAX];

	return sysfs_exists(sysfs_path(path, "%s/firmware/acpi/tables/%s", host->sys, table));
}

/* How a word gets onto the kernel's command line; Debian's way, which most distributions share. */
#define SET_PARAMETER "in GRUB_CMDLINE_LINUX of /etc/default/grub, then update-grub and reboot"

/* No group exists: the firmware, the command line or the kernel is why. */
static void explain_no_iommu(const struct host *host, struct findings *findings)
{
	static const char *const off[] = { "intel_iommu=off", "amd_iommu=off", "iommu=off" };
	bool dmar = has_table(host, "DMAR"), ivrs = has_table(host, "IVRS"), iort = has_table(host, "IORT");

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		if (!booted_with(host, off[i]))
			continue;
		findings_obstacle(findings, "iommu", ENODEV,
				  "the IOMMU is off: the kernel was started with %s", off[i]);
		findings_cure(findings, "remove %s " SET_PARAMETER, off[i]);
		return;
	}
	if (dmar && !booted_with(host, "intel_iommu=")) {
		findings_obstacle(
			findings, "iommu", ENODEV,
			"the IOMMU is off: the firmware offers one (ACPI table DMAR), but the kernel "
			"was started without intel_iommu=on");
		findings_cure(findings, "add intel_iommu=on " SET_PARAMETER);
	} else if (dmar || ivrs || iort) {
		findings_obstacle(
			findings, "iommu", ENODEV,
			"the IOMMU is off: the firmware offers one (ACPI table %s), but this kernel "
			"does not drive it",
			dmar ? "DMAR" : (ivrs ? "IVRS" : "IORT"));
		findings_cure(findings,
			      "dmesg | grep -i -e DMAR -e AMD-Vi -e SMMU    (says why); or a kernel "
			      "with its driver (%s)",
			      dmar ? "CONFIG_INTEL_IOMMU"
				   : (ivrs ? "CONFIG_AMD_IOMMU" : "CONFIG_ARM_SMMU_V3"));
	} else {
		findings_obstacle(findings, "iommu", ENODEV,
				  "this host has no IOMMU: the firmware offers none (no ACPI table DMAR or "
				  "IVRS)");
		findings_cure(findings,
			      "switch on VT-d (Intel) or AMD-Vi (often called IOMMU) in the firmware "
			      "setup; inside a virtual machine, give it a virtual IOMMU");
	}
}

static unsigned count_groups(const struct host *host)
{
	char path[PATH_MAX], names[8];

	return count_entries(sysfs_path(path, "%s/kernel/iommu_groups", host->sys), names, sizeof(names));
}

void check_iommu(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX], units[256];
	unsigned count = count_groups(host);

	if (!count) {
		explain_no_iommu(host, findings);
		return;
	}
	count_entries(sysfs_path(path, "%s/class/iommu", host->sys), units, sizeof(units));
	findings_ok(findings, "iommu", "on (%s), %u group%s", units[0] ? units : "of unknown kind", count,
		    count == 1 ? "" : "s");
}

void check_interrupt_remapping(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX], unsafe[8] = "";
	auto_free char *text = NULL;

	if (!count_groups(host))
		return;
	/* Only PCs have I/O APICs, and only there is remapping a question: elsewhere the interrupt
	 * translation service does it by design. */
	if (sysfs_read_file(sysfs_path(path, "%s/interrupts", host->proc), &text, NULL) ||
	    !strstr(text, "IO-APIC"))
		return;
	if (strstr(text, "IR-")) {
		findings_ok(findings, "interrupts", "remapped by the IOMMU");
		return;
	}
	(void)sysfs_read_text(
		sysfs_path(path, "%s/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", host->sys),
		unsafe, sizeof(unsafe));
	if (unsafe[0] == 'Y') {
		findings_warning(
			findings, "interrupts",
			"not remapped by the IOMMU, and allow_unsafe_interrupts is set: a guest with a "
			"device can raise any interrupt on this host");
		return;
	}
	findings_obstacle(
		findings, "interrupts", EPERM,
		"the IOMMU does not remap interrupts%s: a guest with a device could raise any interrupt "
		"on this host, so the kernel refuses",
		booted_with(host, "intremap=off") ? " (the kernel was started with intremap=off)" : "");
	if (booted_with(host, "intremap=off"))
		findings_cure(findings, "remove intremap=off " SET_PARAMETER);
	else
		findings_cure(findings, "switch on interrupt remapping (also called x2APIC) in the firmware "
					"setup; dmesg | grep -i remapping    (says why it is off)");
}

/* Whether a list of the kernel's modules (modules.dep, modules.builtin) names this one. */
static bool listed(const struct host *host, const char *list, const char *module)
{
	char path[PATH_MAX], file[64];
	auto_free char *text = NULL;

	if (sysfs_read_file(sysfs_path(path, "%s/%s", host->modules, list), &text, NULL))
		return false;
	(void)snprintf(file, sizeof(file), "/%s.ko", module);
	return strstr(text, file) != NULL;
}

/* One driver: there; a module that can be loaded; or in this kernel's gift no more. */
static void check_module(const struct host *host, struct findings *findings, const char *module,
			 const char *present, const char *option)
{
	if (sysfs_exists(present) || listed(host, "modules.builtin", module)) {
		findings_ok(findings, "vfio", "%s is ready", module);
	} else if (listed(host, "modules.dep", module)) {
		findings_ok(findings, "vfio", "%s is a module, loaded when it is needed", module);
	} else {
		findings_obstacle(findings, "vfio", ENOENT,
				  "this kernel has no %s: it is neither built in nor in %s", module,
				  host->modules);
		findings_cure(findings, "a kernel with CONFIG_%s, and its modules installed", option);
	}
}

void check_vfio(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];

	check_module(host, findings, "vfio-pci", sysfs_path(path, "%s/bus/pci/drivers/vfio-pci", host->sys),
		     "VFIO_PCI");
	check_module(host, findings, "vfio_iommu_type1",
		     sysfs_path(path, "%s/module/vfio_iommu_type1", host->sys), "VFIO_IOMMU_TYPE1");
}

void check_host(const struct host *host, struct findings *findings)
{
	check_kvm(host, findings);
	check_iommu(host, findings);
	check_interrupt_remapping(host, findings);
	check_vfio(host, findings);
	memlock_check(host, findings);
}
