/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every register of configuration space is written with patterns by 1, 2 and 4 bytes; what changes is
 * compared with what the specifications allow (rules.c). Before that, the lists of capabilities are walked.
 */
#include "rules.h"

#define SPACE 4096

/* For every byte, what may be done to it; and which bytes a list names. */
static struct {
	uint8_t may[SPACE], must[SPACE], moves[SPACE], skip[SPACE];
	bool named[SPACE];
	unsigned size;
} plan;

struct capability {
	enum space space;
	uint16_t id;
	uint16_t at;
	uint16_t end;
};

static void plan_rule(const struct rule *rule, unsigned at, unsigned end)
{
	for (unsigned i = 0; (rule->size == RULE_WHOLE || i < rule->size) && at + i < end; i++) {
		unsigned shift = 8 * (i % 4);

		plan.may[at + i] = (uint8_t)(rule->may >> shift);
		plan.must[at + i] = (uint8_t)(rule->must >> shift);
		plan.moves[at + i] = (uint8_t)(rule->moves >> shift);
		plan.skip[at + i] = (uint8_t)(rule->skip >> shift);
		plan.named[at + i] = true;
	}
}

static void plan_capability(enum space space, uint16_t id, unsigned at, unsigned end)
{
	for (unsigned i = 0; i < rule_count; i++) {
		if (rules[i].space == space && rules[i].id == id)
			plan_rule(&rules[i], at + rules[i].offset, end);
	}
}

/* Up to where a capability reaches at most: the next one above it. */
static unsigned next_above(const struct capability *list, unsigned count, unsigned at, unsigned end)
{
	for (unsigned i = 0; i < count; i++) {
		if (list[i].at > at && list[i].at < end)
			end = list[i].at;
	}
	return end;
}

static bool is_in(const struct capability *list, unsigned count, unsigned at)
{
	for (unsigned i = 0; i < count; i++) {
		if (list[i].at == at)
			return true;
	}
	return false;
}

static unsigned standard_walk(const struct device *d, struct capability *ret_list)
{
	unsigned at = config_read(d, PCI_CAPABILITY_LIST, 1), count = 0;
	bool listed = config_read(d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST;

	if (listed != (at != 0))
		bad(d->name, "the list of capabilities begins at 0x%x, and STATUS says %u", at, listed);
	while (listed && at) {
		if (at & 3 || at < 0x40 || is_in(ret_list, count, at) || count == 48) {
			bad(d->name, "the list of capabilities goes on at 0x%x", at);
			break;
		}
		ret_list[count].at = (uint16_t)at;
		ret_list[count++].id = (uint16_t)config_read(d, at, 1);
		at = config_read(d, at + 1, 1);
	}
	return count;
}

static unsigned extended_walk(const struct device *d, struct capability *ret_list)
{
	unsigned at = 0x100, count = 0;
	uint32_t header = config_read(d, at, 4);

	plan.size = header == UINT32_MAX ? 256 : SPACE;
	while (header && header != UINT32_MAX) {
		if (at & 3 || is_in(ret_list, count, at) || count == 48) {
			bad(d->name, "the list of extended capabilities goes on at 0x%x", at);
			break;
		}
		ret_list[count].at = (uint16_t)at;
		ret_list[count++].id = (uint16_t)PCI_EXT_CAP_ID(header);
		at = PCI_EXT_CAP_NEXT(header);
		if (!at)
			break;
		if (at < 0x100) {
			bad(d->name, "the list of extended capabilities goes on at 0x%x", at);
			break;
		}
		header = config_read(d, at, 4);
		if (!header || header == UINT32_MAX)
			bad(d->name, "the list of extended capabilities ends in nothing at 0x%x", at);
	}
	return count;
}

static void hidden_check(const struct device *d, const struct capability *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		for (unsigned h = 0; h < hidden_extended_count; h++) {
			if (list[i].id == hidden_extended[h])
				bad(d->name, "extended capability 0x%x is shown", list[i].id);
		}
	}
}

/* Its length depends on what it can. */
static void plan_msi(const struct device *d, unsigned at, unsigned end)
{
	uint32_t flags = config_read(d, at + PCI_MSI_FLAGS, 2);
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	unsigned length = (wide ? 14 : 10) + (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0);

	end = end < at + length ? end : at + length;
	plan_capability(SPACE_STANDARD, PCI_CAP_ID_MSI, at, end);
	plan_capability(wide ? SPACE_MSI_64 : SPACE_MSI_32, PCI_CAP_ID_MSI, at, end);
}

static void plan_make(const struct device *d)
{
	static struct capability standard[48], extended[48];
	unsigned standards, extendeds;

	__builtin_memset(&plan, 0, sizeof(plan));
	standards = standard_walk(d, standard);
	extendeds = extended_walk(d, extended);
	hidden_check(d, extended, extendeds);
	verdict(d->name, "lists of %u and %u capabilities", standards, extendeds);
	plan_capability(SPACE_HEADER, 0, 0, 64);
	for (unsigned i = 0; i < standards; i++) {
		unsigned at = standard[i].at, end = next_above(standard, standards, at, 256);

		if (standard[i].id == PCI_CAP_ID_MSI)
			plan_msi(d, at, end);
		else
			plan_capability(SPACE_STANDARD, standard[i].id, at, end);
		if (standard[i].id == PCI_CAP_ID_EXP &&
		    (config_read(d, at + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS) >= 2)
			plan_capability(SPACE_EXPRESS_2, PCI_CAP_ID_EXP, at, end);
	}
	for (unsigned i = 0; i < extendeds; i++)
		plan_capability(SPACE_EXTENDED, extended[i].id, extended[i].at,
				next_above(extended, extendeds, extended[i].at, SPACE));
}

static uint32_t plan_get(const uint8_t *bytes, unsigned at, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)bytes[at + i] << 8 * i;
	return value;
}

/* One write and what came of it. */
static void write_check(const struct device *d, unsigned at, unsigned size, uint32_t pattern)
{
	uint32_t ones = UINT32_MAX >> (32 - 8 * size);
	uint32_t skip = plan_get(plan.skip, at, size), moves = plan_get(plan.moves, at, size);
	uint32_t may = plan_get(plan.may, at, size), must = plan_get(plan.must, at, size);
	uint32_t before = config_read(d, at, size), after, wrong;
	uint32_t value = ((pattern & ~skip) | (before & skip)) & ones;

	config_write(d, at, size, value);
	after = config_read(d, at, size);
	wrong = (before ^ after) & ~may & ~moves & ones;
	if (wrong)
		bad(d->name, "0x%x+%u: 0x%x written, 0x%x is 0x%x: bits 0x%x are read-only", at, size, value,
		    before, after, wrong);
	wrong = (value ^ after) & must & ones;
	if (wrong)
		bad(d->name, "0x%x+%u: 0x%x written reads 0x%x: bits 0x%x are not kept", at, size, value,
		    after, wrong);
	config_write(d, at, size, before);
	after = config_read(d, at, size);
	wrong = (before ^ after) & ~moves & ones;
	/* What clears when written 1 cannot be put back. */
	if (at < PCI_STATUS + 2 && at + size > PCI_STATUS)
		wrong = 0;
	if (wrong)
		bad(d->name, "0x%x+%u: was 0x%x, and is 0x%x after that was written back", at, size, before,
		    after);
}

/* Bytes that no rule names are left alone beyond the header: who knows whose they are. */
static bool all_named(unsigned at, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		if (!plan.named[at + i])
			return false;
	}
	return true;
}

void test_registers(struct device *d)
{
	static const uint32_t patterns[] = { UINT32_MAX, 0, 0x55555555, 0xaaaaaaaa, 0x01234567 };
	unsigned all = 0;

	plan_make(d);
	command_set(d, 0);
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned at = 0; at < plan.size; at += size) {
			if (!all_named(at, size))
				continue;
			for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++, all++)
				write_check(d, at, size, patterns[i]);
		}
	}
	if (!device_home(d))
		bad(d->name, "it does not answer after that");
	verdict(d->name, "%u writes to registers change what the specifications say", all);
}
