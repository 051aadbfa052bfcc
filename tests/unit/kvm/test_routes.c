/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvm/routes.c: the table of interrupt routes as the kernel gets it. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kvm/routes-priv.h"

struct both {
	struct kvm_routes *routes;
	struct kvm_irq_routing *table;
};

static void both_init(struct both *both, unsigned max)
{
	assert_int_equal(kvm_routes_create(max, &both->routes), 0);
	both->table = calloc(1, kvm_routes_table_size(both->routes));
	assert_non_null(both->table);
}

static void both_fini(struct both *both)
{
	free(both->table);
	kvm_routes_destroy(both->routes);
}

/* How many entries a GSI has; the last of them, and on how many chips it arrives. */
static unsigned entries_of(const struct kvm_irq_routing *table, uint32_t gsi,
			   const struct kvm_irq_routing_entry **ret_last)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < table->nr; i++) {
		if (table->entries[i].gsi != gsi)
			continue;
		*ret_last = &table->entries[i];
		count++;
	}
	return count;
}

static void lines_are_a_pc(void **state)
{
	const struct kvm_irq_routing_entry *last = NULL;
	struct both both;

	both_init(&both, 4096);
	kvm_routes_fill(both.routes, both.table);
	assert_int_equal(both.table->nr, kvm_arch_lines_count);
	for (uint32_t gsi = 0; gsi < 24; gsi++) {
		unsigned expected = gsi == 2 ? 0 : gsi < 16 ? 2 : 1;

		assert_int_equal(entries_of(both.table, gsi, &last), expected);
		if (expected == 0)
			continue;
		assert_int_equal(last->type, KVM_IRQ_ROUTING_IRQCHIP);
		assert_int_equal(last->u.irqchip.irqchip, KVM_IRQCHIP_IOAPIC);
		assert_int_equal(last->u.irqchip.pin, gsi == 0 ? 2 : gsi);
	}
	for (uint32_t i = 0; i < both.table->nr; i++) {
		const struct kvm_irq_routing_entry *entry = &both.table->entries[i];

		if (entry->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC)
			continue;
		assert_int_equal(entry->u.irqchip.irqchip,
				 entry->gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE);
		assert_int_equal(entry->u.irqchip.pin, entry->gsi % 8);
	}
	both_fini(&both);
}

static void messages_follow_the_lines(void **state)
{
	const struct kvm_msi msi = { 0x1234567fee01000, 0xabcd4041 }, other = { 0xfee02000, 0x33 };
	const struct kvm_irq_routing_entry *last = NULL;
	struct both both;
	uint32_t a, b, c;

	both_init(&both, 4096);
	assert_int_equal(kvm_routes_add(both.routes, &msi, &a), 0);
	assert_int_equal(kvm_routes_add(both.routes, &msi, &b), 0);
	assert_int_equal(a, 24);
	assert_int_equal(b, 25);
	kvm_routes_fill(both.routes, both.table);
	assert_int_equal(both.table->nr, kvm_arch_lines_count + 2);
	assert_int_equal(entries_of(both.table, a, &last), 1);
	assert_int_equal(last->type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(last->u.msi.address_lo, 0x7fee01000 & 0xffffffff);
	assert_int_equal(last->u.msi.address_hi, 0x1234567fee01000 >> 32);
	assert_int_equal(last->u.msi.data, 0xabcd4041);

	kvm_routes_remove(both.routes, a);
	assert_null(kvm_routes_message(both.routes, a));
	kvm_routes_fill(both.routes, both.table);
	assert_int_equal(entries_of(both.table, a, &last), 0);
	assert_int_equal(entries_of(both.table, b, &last), 1);
	assert_int_equal(kvm_routes_add(both.routes, &other, &c), 0);
	assert_int_equal(c, a); /* the lowest free one */
	*kvm_routes_message(both.routes, b) = other;
	kvm_routes_fill(both.routes, both.table);
	assert_int_equal(entries_of(both.table, b, &last), 1);
	assert_int_equal(last->u.msi.data, 0x33);
	assert_null(kvm_routes_message(both.routes, 4));
	assert_null(kvm_routes_message(both.routes, 5000));
	both_fini(&both);
}

static void limits_are_kept(void **state)
{
	const unsigned lines = (unsigned)kvm_arch_lines_count;
	const struct kvm_msi msi = { 0xfee00000, 1 };
	struct both both;
	uint32_t gsi = 0;

	assert_int_equal(kvm_routes_create(0, &both.routes), -ENOTSUP);
	assert_int_equal(kvm_routes_create(lines, &both.routes), -ENOTSUP);
	both_init(&both, lines + 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(kvm_routes_add(both.routes, &msi, &gsi), 0);
	assert_true(gsi < lines + 3); /* the kernel's limit of GSIs is that of entries */
	assert_int_equal(kvm_routes_add(both.routes, &msi, &gsi), -ENOSPC);
	assert_non_null(strstr(error_get()->because, "all 3 "));
	kvm_routes_fill(both.routes, both.table);
	assert_int_equal(both.table->nr, lines + 3);
	kvm_routes_remove(both.routes, 25);
	assert_int_equal(kvm_routes_add(both.routes, &msi, &gsi), 0);
	assert_int_equal(gsi, 25);
	both_fini(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_a_pc),
		cmocka_unit_test(messages_follow_the_lines),
		cmocka_unit_test(limits_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
