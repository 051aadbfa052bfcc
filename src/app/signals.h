/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_SIGNALS_H
#define HANDFAST_APP_SIGNALS_H

/* Joins the interrupts of emulated PCI functions to KVM: neither of the two rooms knows the other. Lines may
 * be shared: one is up while anybody pulls it. */
#include <pthread.h>

#include "kvm/vm.h"
#include "pci/signals.h"

#define SIGNALS_LINES 24

struct signals {
	struct kvm_vm *vm;
	pthread_mutex_t lock;
	unsigned pulls[SIGNALS_LINES];
};

void signals_init(struct signals *signals, struct kvm_vm *vm);
/* To be handed to functions; signals outlives them. */
struct pci_signals signals_handle(struct signals *signals);

#endif
