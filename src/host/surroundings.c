/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: systemd's container interface (/run/systemd/container, container= in the environment of process
 * 1); Docker's /.dockerenv, Podman's /run/.containerenv; Linux include/linux/proc_ns.h (PROC_PID_INIT_INO
 * and its like, the numbers of the first namespaces); the processor's "hypervisor" flag (CPUID leaf 1,
 * ECX bit 31), which every hypervisor sets; DMI as the firmware fills it in; Xen's /sys/hypervisor/type.
 */
#include "host/surroundings-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/processor-priv.h"

/* The value of container= in the environment of process 1, which only root may read. */
static bool read_environment(const struct host *host, char *ret_kind, size_t size)
{
	static const char key[] = "container=";
	char path[PATH_MAX];
	auto_free char *text = NULL;
	size_t length;

	if (sysfs_read_file(sysfs_path(path, "%s/1/environ", host->proc), &text, &length))
		return false;
	for (size_t at = 0; at < length; at += strlen(text + at) + 1) {
		if (strncmp(text + at, key, sizeof(key) - 1) == 0) {
			(void)text_copy(ret_kind, size, text + at + sizeof(key) - 1);
			return true;
		}
	}
	return false;
}

/* Docker leaves its file in the image's root, which may be copied to a disk or shared with a virtual machine
 * and booted there. A container has a namespace of its own; the host's first ones have numbers that never
 * change. */
static bool is_in_own_namespace(const struct host *host)
{
	static const char *const first[][2] = {
		{ "pid", "pid:[4026531836]" },
		{ "uts", "uts:[4026531838]" },
		{ "ipc", "ipc:[4026531839]" },
	};
	char path[PATH_MAX], name[64];

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		if (sysfs_read_link(sysfs_path(path, "%s/self/ns/%s", host->proc, first[i][0]), name,
				    sizeof(name)) == 0 &&
		    strcmp(name, first[i][1]) != 0)
			return true;
	}
	return false;
}

bool surroundings_container(const struct host *host, char *ret_kind, size_t size)
{
	static const struct {
		const char *file, *kind;
		bool outlives; /* the container */
	} marks[] = {
		{ "/.dockerenv", "docker", true },
		{ "/run/.containerenv", "podman", false },
	};
	char path[PATH_MAX];

	ret_kind[0] = '\0';
	if (sysfs_read_text(sysfs_path(path, "%s/run/systemd/container", host->root), ret_kind, size) == 0)
		return true;
	if (read_environment(host, ret_kind, size))
		return true;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (sysfs_exists(sysfs_path(path, "%s%s", host->root, marks[i].file)) &&
		    (!marks[i].outlives || is_in_own_namespace(host))) {
			(void)text_copy(ret_kind, size, marks[i].kind);
			return true;
		}
	}
	return false;
}

/* What the firmware of well-known hypervisors calls its maker or product. */
static bool is_made_by_hypervisor(const char *vendor, const char *product)
{
	static const char *const names[] = {
		"QEMU",		"KVM",	       "VMware",	  "Xen",   "VirtualBox",
		"innotek GmbH", "Bochs",       "Parallels",	  "BHYVE", "Virtual Machine",
		"OpenStack",	"Firecracker", "Cloud Hypervisor"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(vendor, names[i]) || strstr(product, names[i]))
			return true;
	}
	return false;
}

bool surroundings_machine(const struct host *host, char *ret_name, size_t size)
{
	char path[PATH_MAX], vendor[64] = "", product[64] = "", type[32] = "";

	(void)sysfs_read_text(sysfs_path(path, "%s/class/dmi/id/sys_vendor", host->sys), vendor,
			      sizeof(vendor));
	(void)sysfs_read_text(sysfs_path(path, "%s/class/dmi/id/product_name", host->sys), product,
			      sizeof(product));
	(void)sysfs_read_text(sysfs_path(path, "%s/hypervisor/type", host->sys), type, sizeof(type));
	(void)snprintf(ret_name, size, "%s%s%s", vendor, vendor[0] && product[0] ? ", " : "", product);
	/* Xen's first domain is the host itself, without the flag, and is no place for KVM either. */
	return processor_has(host, "hypervisor") || is_made_by_hypervisor(vendor, product) || type[0];
}

static void check_container(const struct host *host, struct findings *findings)
{
	char kind[64], path[PATH_MAX];
	bool fixed;

	if (!surroundings_container(host, kind, sizeof(kind)))
		return;
	fixed = faccessat(AT_FDCWD, sysfs_path(path, "%s/bus/pci/drivers_probe", host->sys), W_OK,
			  AT_EACCESS) &&
		errno == EROFS;
	findings_warning(findings, "container",
			 "inside a container%s%s%s: it shows the host's PCI devices, but only those nodes of "
			 "/dev that it was given, and it has its own limit on locked memory%s",
			 kind[0] ? " (" : "", kind, kind[0] ? ")" : "",
			 fixed ? "; /sys is read-only in it, so bind and unbind cannot work" : "");
	findings_cure(findings, "run check, bind and unbind on the host");
	findings_cure(findings,
		      "give the container /dev/kvm, /dev/vfio/vfio and the group's node, and no "
		      "limit on locked memory: docker run --device=/dev/kvm --device=/dev/vfio/vfio "
		      "--device=/dev/vfio/GROUP --ulimit memlock=-1");
}

void surroundings_check(const struct host *host, struct findings *findings)
{
	char name[160];

	check_container(host, findings);
	if (!surroundings_machine(host, name, sizeof(name)))
		return;
	findings_warning(
		findings, "machine",
		"inside a virtual machine%s%s%s: guests here are nested and slower, and only devices "
		"that the outer host hands in, behind a virtual IOMMU, can be passed on",
		name[0] ? " (" : "", name, name[0] ? ")" : "");
}
