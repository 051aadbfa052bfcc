/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this processor, kernel and user can run a virtual machine at all. */
#include <errno.h>
#include <limits.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "host/check-priv.h"
#include "host/kernel-priv.h"
#include "host/node-priv.h"
#include "host/processor-priv.h"

struct extension {
	const char *flag, *name, *module, *option, *locked;
};

/* What the processor has for virtual machines; NULL: nothing that /proc/cpuinfo would show. */
static const struct extension *processor_extension(const struct host *host)
{
	static const struct extension extensions[] = {
		{ "svm", "SVM", "kvm_amd", "KVM_AMD", "SVM is locked" },
		{ "vmx", "VMX", "kvm_intel", "KVM_INTEL", "VT-x is locked" },
	};

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (processor_has(host, extensions[i].flag))
			return &extensions[i];
	}
	return NULL;
}

static int extension_unused(const struct host *host, const char *path, const struct extension *extension)
{
	if (kernel_module(host, extension->module) == KERNEL_MODULE_NONE) {
		error_set(ENOENT, "this kernel has no KVM (%s), though the processor has %s", path,
			  extension->name);
		return error_try("a kernel with CONFIG_%s, and its modules installed", extension->option);
	}
	error_set(ENOENT, "the kernel's KVM is not loaded (%s), though the processor has it (%s)", path,
		  extension->name);
	return error_try("modprobe %s    (as root; if it fails, %s in the firmware setup)", extension->module,
			 extension->locked);
}

static int kvm_missing(const struct host *host, const char *path)
{
	const struct extension *extension = processor_extension(host);

	if (extension)
		return extension_unused(host, path, extension);
	/* An Arm processor shows no flag: what counts is the exception level the kernel was started in. */
	if (processor_maker(host) == PROCESSOR_ARM) {
		error_set(ENOENT,
			  "no %s: this kernel was built without KVM, or not started in the hypervisor's "
			  "exception level (EL2)",
			  path);
		error_try("dmesg | grep -i kvm    (says which)");
		return error_try("inside a virtual machine, nested virtualisation on the outer host");
	}
	error_set(ENOENT,
		  "this processor offers no virtualisation: no %s, and neither vmx nor svm in "
		  "%s/cpuinfo",
		  path, host->proc);
	return error_try("switch on VT-x (Intel) or SVM (AMD) in the firmware setup; inside a virtual "
			 "machine, nested virtualisation on the outer host");
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

/* Where it has nothing to show and KVM is missing, that is one obstacle, not two: check_kvm()'s. */
static void check_processor(const struct host *host, bool has_kvm, struct findings *findings)
{
	const struct extension *extension = processor_extension(host);

	if (extension)
		findings_ok(findings, "processor", "virtualises (%s)", extension->name);
	else if (processor_maker(host) == PROCESSOR_ARM)
		findings_ok(findings, "processor", "Arm: whether it virtualises, /dev/kvm tells");
	else if (has_kvm)
		findings_ok(findings, "processor",
			    "shows neither vmx nor svm, but the kernel offers KVM all the same");
}

void check_kvm(const struct host *host, struct findings *findings)
{
	char path[PATH_MAX];
	int error = node_check(sysfs_path(path, "%s/kvm", host->dev));

	check_processor(host, !error, findings);
	if (!error) {
		findings_ok(findings, "kvm", "%s can be opened", path);
		return;
	}
	(void)check_kvm_denied(host, path, -error);
	findings_obstacle_error(findings, "kvm");
}
