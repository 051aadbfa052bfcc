/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host, whatever the device.
 *
 * Sources: whether interrupts are remapped has no attribute of its own: the names of the interrupt
 * controllers in /proc/interrupts begin with "IR-" when they are. Huge pages: Linux
 * Documentation/admin-guide/mm/transhuge.rst and hugetlbpage.rst.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/kernel-priv.h"
#include "host/memlock-priv.h"
#include "host/surroundings-priv.h"

static void explain_no_remapping(const struct host *host, struct findings *findings)
{
	bool switched_off = kernel_booted_with_value(host, "intremap", "off");

	findings_obstacle(
		findings, "interrupts", EPERM,
		"the IOMMU does not remap interrupts%s: a guest with a device could raise any interrupt "
		"on this host, so the kernel refuses",
		switched_off ? " (the kernel was started with intremap=off)" : "");
	if (switched_off)
		findings_cure(findings, "remove intremap=off " CHECK_SET_PARAMETER);
	else
		findings_cure(findings, "switch on interrupt remapping (also called x2APIC) in the firmware "
					"setup; dmesg | grep -i remapping    (says why it is off)");
}

void check_interrupt_remapping(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX], unsafe[8] = "";
	auto_free char *text = NULL;

	if (!check_has_iommu(host) ||
	    sysfs_read_file(sysfs_path(path, "%s/interrupts", host->proc), &text, NULL))
		return;
	/* Only PCs have I/O APICs, and only there is remapping a question: an Arm host's interrupt
	 * translation service knows which device writes to it. */
	if (!strstr(text, "IO-APIC")) {
		if (strstr(text, "ITS-"))
			findings_ok(findings, "interrupts", "told apart by device (GIC's ITS)");
		return;
	}
	if (strstr(text, "IR-")) {
		findings_ok(findings, "interrupts", "remapped by the IOMMU");
		return;
	}
	(void)sysfs_read_text(
		sysfs_path(path, "%s/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", host->sys),
		unsafe, sizeof(unsafe));
	if (unsafe[0] == 'Y')
		findings_warning(
			findings, "interrupts",
			"not remapped by the IOMMU, and allow_unsafe_interrupts is set: a guest with a "
			"device can raise any interrupt on this host");
	else
		explain_no_remapping(host, findings);
}

/* Guest memory is anonymous memory with MADV_HUGEPAGE. */
static void check_transparent_pages(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX], modes[64];

	if (sysfs_read_text(sysfs_path(path, "%s/kernel/mm/transparent_hugepage/enabled", host->sys), modes,
			    sizeof(modes))) {
		findings_warning(findings, "hugepages",
				 "this kernel has no transparent huge pages: a guest's memory comes in small "
				 "pages, which is slower, most of all when it is locked for a device");
		findings_cure(findings, "a kernel with CONFIG_TRANSPARENT_HUGEPAGE");
	} else if (strstr(modes, "[never]")) {
		findings_warning(
			findings, "hugepages",
			"transparent huge pages are off: a guest's memory comes in small pages, which "
			"is slower, most of all when it is locked for a device");
		findings_cure(findings, "echo madvise > %s    (as root)", path);
	} else {
		findings_ok(findings, "hugepages", "transparent: %s",
			    strstr(modes, "[always]") ? "always" : "where asked for, as guests do");
	}
}

/* One pool of /sys/kernel/mm/hugepages. */
static void check_pool(const struct host *host, const char *name, struct findings *findings)
{
	char path[PATH_MAX], page[32], size[32];
	uint64_t kilobytes, total = 0, unused = 0;

	if (sscanf(name, "hugepages-%" SCNu64 "kB", &kilobytes) != 1)
		return;
	(void)sysfs_read_u64(sysfs_path(path, "%s/kernel/mm/hugepages/%s/free_hugepages", host->sys, name),
			     &unused);
	if (sysfs_read_u64(sysfs_path(path, "%s/kernel/mm/hugepages/%s/nr_hugepages", host->sys, name),
			   &total) ||
	    !total)
		return;
	text_size(kilobytes * 1024, page, sizeof(page));
	text_size(unused * kilobytes * 1024, size, sizeof(size));
	if (!unused) {
		findings_ok(findings, "hugepages", "hugetlbfs: %" PRIu64 " of %s, all in use", total, page);
		return;
	}
	findings_warning(
		findings, "hugepages",
		"hugetlbfs: %" PRIu64 " of %s, %" PRIu64
		" free: %s that are kept from everything else, and handfast's guests do not use them",
		total, page, unused, size);
	findings_cure(findings, "echo 0 > %s    (as root; if nothing else needs them)", path);
}

static void check_huge_pages(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/kernel/mm/hugepages", host->sys));
	struct dirent *entry;

	check_transparent_pages(host, findings);
	while (dir && (entry = readdir(dir)))
		check_pool(host, entry->d_name, findings);
}

void check_host(const struct host *host, struct findings *findings)
{
	surroundings_check(host, findings);
	check_kvm(host, findings);
	check_iommu(host, findings);
	check_interrupt_remapping(host, findings);
	check_vfio(host, findings);
	memlock_check(host, findings);
	check_huge_pages(host, findings);
}
