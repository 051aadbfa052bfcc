/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this processor, kernel and user can run a virtual machine at all. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "host/check-priv.h"
#include "host/node-priv.h"

/* Whether the first "flags" line of /proc/cpuinfo has the word. */
static bool cpu_has(const struct host *host, const char *word)
{
	char path[PATH_MAX];
	auto_free char *text = NULL;
	char *line, *next;

	if (sysfs_read_file(sysfs_path(path, "%s/cpuinfo", host->proc), &text, NULL))
		return false;
	line = strstr(text, "flags");
	if (!line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	while ((next = strsep(&line, " \t:"))) {
		if (strcmp(next, word) == 0)
			return true;
	}
	return false;
}

static int kvm_missing(const struct host *host, const char *path)
{
	int error;

	if (cpu_has(host, "svm")) {
		error_set(ENOENT, "the kernel's KVM is not loaded (%s), though the processor has it (SVM)",
			  path);
		error = error_try(
			"modprobe kvm_amd    (as root; if it fails, SVM is locked in the firmware setup)");
	} else if (cpu_has(host, "vmx")) {
		error_set(ENOENT, "the kernel's KVM is not loaded (%s), though the processor has it (VMX)",
			  path);
		error = error_try(
			"modprobe kvm_intel    (as root; if it fails, VT-x is locked in the firmware "
			"setup)");
	} else {
		error_set(ENOENT,
			  "this processor offers no virtualisation: no %s, and neither vmx nor svm in "
			  "%s/cpuinfo",
			  path, host->proc);
		error = error_try(
			"switch on VT-x (Intel) or SVM (AMD) in the firmware setup; inside a virtual "
			"machine, nested virtualisation on the outer host");
	}
	return error;
}

int check_kvm_denied(const struct host *host, const char *path, int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return kvm_missing(host, path);
	case EACCES:
	case EPERM:
		return node_denied(path, errnum);
	default:
		return error_sys(errnum, "%s", path);
	}
}

void check_kvm(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];
	int error = node_check(sysfs_path(path, "%s/kvm", host->dev));

	if (!error) {
		findings_ok(findings, "kvm", "%s can be opened", path);
		return;
	}
	(void)check_kvm_denied(host, path, -error);
	findings_obstacle_error(findings, "kvm");
}
