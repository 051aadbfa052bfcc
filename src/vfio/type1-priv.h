/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_TYPE1_PRIV_H
#define HANDFAST_VFIO_TYPE1_PRIV_H

#include "kvm/vm.h"
#include "vfio/iospace.h"
#include "vfio/sys-priv.h"

/* A container, to be filled with groups. The handles outlive it. */
int vfio_type1_create(const struct vfio_sys *sys, struct broker *broker, struct kvm_vm *vm,
		      struct vfio_iospace **ret_space);

#endif
