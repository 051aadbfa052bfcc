/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_KVM_ROUTES_PRIV_H
#define HANDFAST_KVM_ROUTES_PRIV_H

/*
 * The table of interrupt routes: which GSI reaches which pin or sends which message. No ioctls here, and
 * no locking. GSIs below KVM_ROUTES_LINES are the PC's lines, the others messages.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/uapi-priv.h"
#include "kvm/vm.h"

#define KVM_ROUTES_LINES 24U

struct kvm_routes;

/* entries_max: what the kernel's table holds at most (KVM_CAP_IRQ_ROUTING), also its highest GSI less 1. */
int kvm_routes_create(unsigned entries_max, struct kvm_routes **ret_routes);
void kvm_routes_destroy(struct kvm_routes *routes);

/* Bytes of the kernel's structure for the fullest table. */
size_t kvm_routes_table_size(const struct kvm_routes *routes);

/* Takes the lowest free GSI. Returns 0 or -ENOSPC with the cause. */
int kvm_routes_add(struct kvm_routes *routes, const struct kvm_msi *msi, uint32_t *ret_gsi);
void kvm_routes_remove(struct kvm_routes *routes, uint32_t gsi);

/* The message behind a GSI in use; NULL: not in use, or a line. */
struct kvm_msi *kvm_routes_message(struct kvm_routes *routes, uint32_t gsi);

/* Writes all of it as the kernel wants it, into kvm_routes_table_size() bytes. */
void kvm_routes_fill(const struct kvm_routes *routes, struct kvm_irq_routing *ret_table);

/* The lines: where each GSI below KVM_ROUTES_LINES goes. The processor's own part. */
extern const struct kvm_route_line {
	uint32_t gsi;
	uint32_t chip;
	uint32_t pin;
} kvm_arch_lines[];
extern const size_t kvm_arch_lines_count;

#endif
