/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kvm/routes-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

struct route {
	bool used;
	struct kvm_msi msi;
};

struct kvm_routes {
	unsigned max;  /* messages at most */
	unsigned next; /* no free one below */
	struct route routes[];
};

int kvm_routes_create(unsigned entries_max, struct kvm_routes **ret_routes)
{
	struct kvm_routes *routes;
	unsigned max;

	if (entries_max <= kvm_arch_lines_count)
		return error_set(ENOTSUP,
				 "KVM's table of interrupt routes holds %u entries, and the lines "
				 "alone need %zu",
				 entries_max, kvm_arch_lines_count);
	/* The entries of all lines are more than their GSIs, so both limits are kept by this one. */
	max = entries_max - (unsigned)kvm_arch_lines_count;
	routes = calloc(1, sizeof(*routes) + max * sizeof(routes->routes[0]));
	if (!routes)
		return error_sys(ENOMEM, "allocating %u interrupt routes", max);
	routes->max = max;
	*ret_routes = routes;
	return 0;
}

void kvm_routes_destroy(struct kvm_routes *routes)
{
	free(routes);
}

size_t kvm_routes_table_size(const struct kvm_routes *routes)
{
	return sizeof(struct kvm_irq_routing) +
	       (kvm_arch_lines_count + routes->max) * sizeof(struct kvm_irq_routing_entry);
}

int kvm_routes_add(struct kvm_routes *routes, const struct kvm_msi *msi, uint32_t *ret_gsi)
{
	unsigned i = routes->next;

	while (i < routes->max && routes->routes[i].used)
		i++;
	if (i == routes->max)
		return error_set(ENOSPC, "all %u interrupt routes that KVM allows are in use", routes->max);
	routes->routes[i] = (struct route){ .used = true, .msi = *msi };
	routes->next = i + 1;
	*ret_gsi = KVM_ROUTES_LINES + i;
	return 0;
}

void kvm_routes_remove(struct kvm_routes *routes, uint32_t gsi)
{
	check(kvm_routes_message(routes, gsi));
	routes->routes[gsi - KVM_ROUTES_LINES].used = false;
	if (gsi - KVM_ROUTES_LINES < routes->next)
		routes->next = gsi - KVM_ROUTES_LINES;
}

struct kvm_msi *kvm_routes_message(struct kvm_routes *routes, uint32_t gsi)
{
	if (gsi < KVM_ROUTES_LINES || gsi - KVM_ROUTES_LINES >= routes->max ||
	    !routes->routes[gsi - KVM_ROUTES_LINES].used)
		return NULL;
	return &routes->routes[gsi - KVM_ROUTES_LINES].msi;
}

void kvm_routes_fill(const struct kvm_routes *routes, struct kvm_irq_routing *ret_table)
{
	struct kvm_irq_routing_entry *entry = ret_table->entries;

	for (size_t i = 0; i < kvm_arch_lines_count; i++) {
		memset(entry, 0, sizeof(*entry));
		entry->gsi = kvm_arch_lines[i].gsi;
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = kvm_arch_lines[i].chip;
		entry->u.irqchip.pin = kvm_arch_lines[i].pin;
		entry++;
	}
	for (unsigned i = 0; i < routes->max; i++) {
		const struct route *route = &routes->routes[i];

		if (!route->used)
			continue;
		memset(entry, 0, sizeof(*entry));
		entry->gsi = KVM_ROUTES_LINES + i;
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi.address_lo = (uint32_t)route->msi.address;
		entry->u.msi.address_hi = (uint32_t)(route->msi.address >> 32);
		entry->u.msi.data = route->msi.data;
		entry++;
	}
	ret_table->nr = (uint32_t)(entry - ret_table->entries);
	ret_table->flags = 0;
}
