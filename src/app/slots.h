/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_SLOTS_H
#define HANDFAST_APP_SLOTS_H

/* Joins the guest physical map to KVM's memory slots: neither of the two rooms knows the other. */
#include "kvm/vm.h"
#include "mem/map.h"

struct slots {
	struct mem_listener listener; /* to be given to mem_map_listen() */
	struct kvm_vm *vm;
};

void slots_init(struct slots *slots, struct kvm_vm *vm);

#endif
