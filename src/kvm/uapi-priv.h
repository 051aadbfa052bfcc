/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_UAPI_PRIV_H
#define HANDFAST_KVM_UAPI_PRIV_H

/*
 * The kernel's interface, and the only way to it.
 *
 * <linux/kvm.h> has a struct kvm_msi of its own, which would meet the one of kvm/vm.h: here it is called
 * kvm_uapi_msi. To be included before kvm/vm.h or after, but instead of <linux/kvm.h>.
 */
#define kvm_msi kvm_uapi_msi
#include <linux/kvm.h>
#undef kvm_msi

/* An ioctl's number holds the size of its argument, so this one has to name the renamed structure. */
#undef KVM_SIGNAL_MSI
#define KVM_SIGNAL_MSI _IOW(KVMIO, 0xa5, struct kvm_uapi_msi)

/* Newer than the oldest headers this builds with. */
#ifndef KVM_DEV_VFIO_FILE
#define KVM_DEV_VFIO_FILE     KVM_DEV_VFIO_GROUP
#define KVM_DEV_VFIO_FILE_ADD KVM_DEV_VFIO_GROUP_ADD
#define KVM_DEV_VFIO_FILE_DEL KVM_DEV_VFIO_GROUP_DEL
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39 /* Linux 6.8 */
#endif

/*
 * ioctl(2), taken up again where a signal interrupted it; arguments that are numbers are cast. Returns
 * what the kernel returns, with errno. Everything but KVM_RUN goes through here.
 */
int kvm_ioctl(int fd, unsigned long request, void *argument);

/* KVM_RUN, for which being interrupted is the point. */
int kvm_ioctl_run(int vcpu_fd);

/* KVM_CHECK_EXTENSION on /dev/kvm or a VM: 0 where the kernel lacks it. */
int kvm_extension(int fd, unsigned long capability);

static inline void *kvm_ioctl_number(unsigned long number)
{
	return (void *)number;
}

#endif
