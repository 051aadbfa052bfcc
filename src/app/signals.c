/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "app/signals.h"

#include "base/check.h"

static void message(void *opaque, uint64_t address, uint32_t data)
{
	struct signals *signals = opaque;

	kvm_msi_send(signals->vm, &(struct kvm_msi){ .address = address, .data = data });
}

static void line(void *opaque, uint32_t gsi, bool pulled)
{
	struct signals *signals = opaque;
	bool was_up;

	check(gsi < SIGNALS_LINES);
	pthread_mutex_lock(&signals->lock);
	was_up = signals->pulls[gsi] > 0;
	signals->pulls[gsi] += pulled ? 1u : -1u;
	if (was_up != (signals->pulls[gsi] > 0))
		kvm_irq_line(signals->vm, gsi, !was_up);
	pthread_mutex_unlock(&signals->lock);
}

void signals_init(struct signals *signals, struct kvm_vm *vm)
{
	*signals = (struct signals){ .vm = vm };
	pthread_mutex_init(&signals->lock, NULL);
}

struct pci_signals signals_handle(struct signals *signals)
{
	return (struct pci_signals){ .message = message, .line = line, .opaque = signals };
}
