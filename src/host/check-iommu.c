/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether there is an IOMMU, and if not, whose fault that is: the firmware's, the kernel's command line's,
 * or the kernel's.
 *
 * Sources: Linux Documentation/ABI/testing/sysfs-class-iommu and sysfs-kernel-iommu_groups,
 * admin-guide/kernel-parameters.txt; ACPI tables DMAR (Intel VT-d), IVRS (AMD-Vi), IORT (Arm SMMU; Arm DEN
 * 0049, 3.1), VIOT (virtio). /sys/kernel/iommu_groups stands in every kernel that knows of IOMMUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "host/check-priv.h"
#include "host/kernel-priv.h"
#include "host/processor-priv.h"
#include "host/surroundings-priv.h"

/* How the firmware tells of an IOMMU, and what the kernel needs to drive it. */
struct unit_kind {
	const char *table;	/* ACPI's */
	const char *options[2]; /* of the kernel's configuration: any of them */
};

static const struct unit_kind unit_kinds[] = {
	{ "DMAR", { "INTEL_IOMMU" } },
	{ "IVRS", { "AMD_IOMMU" } },
	{ "IORT", { "ARM_SMMU_V3", "ARM_SMMU" } },
	{ "VIOT", { "VIRTIO_IOMMU" } },
};

/* An IORT stands on every Arm server for its interrupts; only these nodes of it are IOMMUs. */
#define IORT_NODE_COUNT	 36
#define IORT_NODE_OFFSET 40
#define IORT_SMMU_V2	 3
#define IORT_SMMU_V3	 4

static uint32_t read32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Tables are root's to read: where this one cannot be, it may name one. */
static bool iort_may_name_smmu(const char *path)
{
	uint8_t table[16384];
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, table, sizeof(table));
	size_t at;

	if (length < IORT_NODE_OFFSET + 4)
		return true;
	at = read32(table + IORT_NODE_OFFSET);
	for (uint32_t left = read32(table + IORT_NODE_COUNT); left && at + 3 <= (size_t)length; left--) {
		size_t size = table[at + 1] | (size_t)table[at + 2] << 8;

		if (table[at] == IORT_SMMU_V2 || table[at] == IORT_SMMU_V3)
			return true;
		if (!size)
			return false;
		at += size;
	}
	/* A longer table than we have read may go on about SMMUs. */
	return at >= sizeof(table);
}

/* What the firmware offers; NULL: nothing. */
static const struct unit_kind *offered_unit(const struct host *host)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(unit_kinds) / sizeof(unit_kinds[0]); i++) {
		const char *table = unit_kinds[i].table;

		sysfs_path(path, "%s/firmware/acpi/tables/%s", host->sys, table);
		if (sysfs_exists(path) && (strcmp(table, "IORT") != 0 || iort_may_name_smmu(path)))
			return &unit_kinds[i];
	}
	return NULL;
}

/* Whether the kernel was certainly built without a driver for it. */
static bool is_built_without(const struct host *host, const struct unit_kind *kind)
{
	for (size_t i = 0; i < sizeof(kind->options) / sizeof(kind->options[0]); i++) {
		if (kind->options[i] && kernel_option(host, kind->options[i]) != KERNEL_OPTION_OFF)
			return false;
	}
	return true;
}

/* A virtual machine on AMD may well have Intel's. */
static enum processor unit_maker(const struct host *host, const struct unit_kind *offered)
{
	if (offered && strcmp(offered->table, "DMAR") == 0)
		return PROCESSOR_INTEL;
	if (offered && strcmp(offered->table, "IVRS") == 0)
		return PROCESSOR_AMD;
	return processor_maker(host);
}

/* The command line has switched it off. */
static bool explain_switched_off(const struct host *host, const struct unit_kind *offered,
				 struct findings *findings)
{
	static const struct {
		const char *name;
		enum processor maker; /* of the IOMMU whose driver takes it; PROCESSOR_OTHER: all do */
	} words[] = {
		{ "intel_iommu", PROCESSOR_INTEL },
		{ "amd_iommu", PROCESSOR_AMD },
		{ "iommu", PROCESSOR_OTHER },
	};
	const enum processor maker = unit_maker(host, offered);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *name = words[i].name;

		if ((maker != PROCESSOR_OTHER && words[i].maker != PROCESSOR_OTHER &&
		     words[i].maker != maker) ||
		    !kernel_booted_with_value(host, name, "off"))
			continue;
		findings_obstacle(findings, "iommu", ENODEV,
				  "the IOMMU is off: the kernel was started with %s=off", name);
		findings_cure(findings, "remove %s=off " CHECK_SET_PARAMETER, name);
		return true;
	}
	return false;
}

/* The firmware has one, and the kernel does nothing with it. */
static void explain_unused(const struct host *host, const struct unit_kind *kind, struct findings *findings)
{
	if (is_built_without(host, kind)) {
		findings_obstacle(
			findings, "iommu", ENODEV,
			"the IOMMU is off: the firmware offers one (ACPI table %s), but this kernel "
			"was built without its driver (CONFIG_%s)",
			kind->table, kind->options[0]);
		findings_cure(findings, "a kernel with CONFIG_%s", kind->options[0]);
		return;
	}
	if (strcmp(kind->table, "DMAR") == 0 && !kernel_booted_with_value(host, "intel_iommu", "on") &&
	    kernel_option(host, "INTEL_IOMMU_DEFAULT_ON") != KERNEL_OPTION_BUILT_IN) {
		findings_obstacle(
			findings, "iommu", ENODEV,
			"the IOMMU is off: the firmware offers one (ACPI table DMAR), but the kernel "
			"was started without intel_iommu=on");
		findings_cure(findings, "add intel_iommu=on " CHECK_SET_PARAMETER);
		return;
	}
	findings_obstacle(findings, "iommu", ENODEV,
			  "the IOMMU is off: the firmware offers one (ACPI table %s), but this kernel does "
			  "not drive it",
			  kind->table);
	findings_cure(
		findings,
		"dmesg | grep -i -e DMAR -e AMD-Vi -e SMMU -e iommu    (says why); or a kernel with its "
		"driver (CONFIG_%s)",
		kind->options[0]);
}

static void explain_not_offered(const struct host *host, struct findings *findings)
{
	static const struct {
		const char *what, *cure, *virtual;
	} words[] = {
		[PROCESSOR_OTHER] = { "no ACPI table DMAR or IVRS",
				      "switch on VT-d (Intel) or AMD-Vi (often called IOMMU) in the firmware "
				      "setup",
				      "a virtual IOMMU" },
		[PROCESSOR_INTEL] = { "no ACPI table DMAR",
				      "switch on VT-d (Intel's name for it) in the firmware setup",
				      "a virtual IOMMU (QEMU: -device "
				      "intel-iommu,intremap=on,caching-mode=on)" },
		[PROCESSOR_AMD] = { "no ACPI table IVRS",
				    "switch on IOMMU (AMD-Vi) in the firmware setup; SVM alone is not it",
				    "a virtual IOMMU (QEMU: -device intel-iommu,intremap=on,caching-mode=on, "
				    "on "
				    "AMD too)" },
		[PROCESSOR_ARM] = { "no SMMU in the ACPI table IORT, nor one that the kernel drives",
				    "switch on the SMMU in the firmware setup, if this machine has one",
				    "a virtual IOMMU (QEMU: -machine virt,iommu=smmuv3)" },
	};
	enum processor maker = processor_maker(host);
	char machine[160];

	findings_obstacle(findings, "iommu", ENODEV, "this host has no IOMMU: the firmware offers none (%s)",
			  words[maker].what);
	if (surroundings_machine(host, machine, sizeof(machine)))
		findings_cure(findings, "on the outer host, give this virtual machine %s",
			      words[maker].virtual);
	else
		findings_cure(findings, "%s", words[maker].cure);
}

/* Groups that vfio makes up for devices without IOMMU are not what we mean. */
static bool is_real_group(const struct host *host, const char *number)
{
	char path[PATH_MAX], name[32] = "";

	(void)sysfs_read_text(sysfs_path(path, "%s/kernel/iommu_groups/%s/name", host->sys, number), name,
			      sizeof(name));
	return strcmp(name, "vfio-noiommu") != 0;
}

/* The group that a mediated device has to itself: there is no IOMMU behind it, and none is missing. */
static bool is_mediated_group(const struct host *host, const char *number)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/kernel/iommu_groups/%s/devices", host->sys, number));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (uuid_valid(entry->d_name))
			return true;
	}
	return false;
}

struct groups {
	unsigned count, made_up, translated, passed;
};

static void count_group(const struct host *host, const char *number, struct groups *groups)
{
	char path[PATH_MAX], type[32] = "";

	if (!is_real_group(host, number)) {
		groups->made_up += !is_mediated_group(host, number);
		return;
	}
	groups->count++;
	(void)sysfs_read_text(sysfs_path(path, "%s/kernel/iommu_groups/%s/type", host->sys, number), type,
			      sizeof(type));
	groups->passed += strcmp(type, "identity") == 0;
	groups->translated += strncmp(type, "DMA", 3) == 0;
}

static struct groups count_groups(const struct host *host)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/kernel/iommu_groups", host->sys));
	struct groups groups = { 0 };
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			count_group(host, entry->d_name, &groups);
	}
	return groups;
}

bool check_has_iommu(const struct host *host)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/kernel/iommu_groups", host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && is_real_group(host, entry->d_name))
			return true;
	}
	return false;
}

static void explain_no_iommu(const struct host *host, const struct groups *groups, struct findings *findings)
{
	char path[PATH_MAX];
	const struct unit_kind *offered = offered_unit(host);

	if (explain_switched_off(host, offered, findings))
		return;
	if (!sysfs_exists(sysfs_path(path, "%s/kernel/iommu_groups", host->sys))) {
		findings_obstacle(findings, "iommu", ENODEV,
				  "this kernel was built without support for IOMMUs (no %s)", path);
		findings_cure(findings, "a kernel with CONFIG_%s",
			      processor_maker(host) == PROCESSOR_AMD   ? "AMD_IOMMU"
			      : processor_maker(host) == PROCESSOR_ARM ? "ARM_SMMU_V3"
								       : "INTEL_IOMMU");
	} else if (offered) {
		explain_unused(host, offered, findings);
	} else {
		explain_not_offered(host, findings);
	}
	if (groups->made_up)
		findings_warning(findings, "iommu",
				 "vfio runs without IOMMU here (enable_unsafe_noiommu_mode): a device could "
				 "write to all of the host's memory, so handfast does not use that");
}

/* "Intel VT-d: dmar0, dmar1" */
static void describe_units(const struct host *host, char *ret_text, size_t size)
{
	static const struct {
		const char *prefix, *kind;
	} kinds[] = {
		{ "dmar", "Intel VT-d" },  { "ivhd", "AMD-Vi" },	 { "smmu3.", "Arm SMMUv3" },
		{ "smmu.", "Arm SMMUv2" }, { "virtio", "virtio-iommu" },
	};
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/iommu", host->sys));
	struct dirent *entry;
	const char *kind = NULL;
	char names[160] = "";
	size_t used = 0, count = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !kind; i++) {
			if (strncmp(entry->d_name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
				kind = kinds[i].kind;
		}
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 count ? ", " : "", entry->d_name);
		count++;
	}
	if (!count)
		(void)snprintf(ret_text, size, "of unknown kind");
	else if (used >= sizeof(names))
		(void)snprintf(ret_text, size, "%s, %zu units", kind ? kind : "of unknown kind", count);
	else
		(void)snprintf(ret_text, size, "%s%s%s", kind ? kind : "", kind ? ": " : "", names);
}

/* How the host's own devices go through the IOMMU; a guest's are always translated. */
static void check_mode(const struct groups *groups, struct findings *findings)
{
	if (groups->translated && groups->passed)
		findings_ok(
			findings, "mode",
			"translated for %u of the host's groups, passthrough for %u; a guest's devices are "
			"always translated",
			groups->translated, groups->passed);
	else if (groups->translated)
		findings_ok(findings, "mode",
			    "translated: the host's own devices reach only what their "
			    "drivers map (iommu=pt would be faster for them)");
	else if (groups->passed)
		findings_ok(findings, "mode",
			    "passthrough (iommu=pt): the host's own devices are not "
			    "translated; a guest's always are");
}

void check_iommu(const struct host *host, struct findings *findings)
{
	struct groups groups = count_groups(host);
	char units[256];

	if (!groups.count) {
		explain_no_iommu(host, &groups, findings);
		return;
	}
	describe_units(host, units, sizeof(units));
	findings_ok(findings, "iommu", "on (%s), %u group%s", units, groups.count,
		    groups.count == 1 ? "" : "s");
	check_mode(&groups, findings);
}
