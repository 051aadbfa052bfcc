/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "kvm/uapi-priv.h"

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
	int ret;

	do
		ret = ioctl(fd, request, argument);
	while (ret < 0 && errno == EINTR);
	return ret;
}

int kvm_ioctl_run(int vcpu_fd)
{
	return ioctl(vcpu_fd, KVM_RUN, NULL);
}

int kvm_extension(int fd, unsigned long capability)
{
	int ret = kvm_ioctl(fd, KVM_CHECK_EXTENSION, kvm_ioctl_number(capability));

	return ret > 0 ? ret : 0;
}
