/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X, and MSI with one message (PCI 3.0, 6.8). None may be lost, whatever is done to its vector meanwhile,
 * and none may come twice: between raises everyone waits for the last one.
 */
#include "raise.h"

#define MASTERING (PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define SPARE	  (VECTOR_FIRST + VECTOR_COUNT - 1)
#define EACH	  20
#define CYCLES	  50
#define SHOTS	  300

/* The device under test. */
static struct {
	struct device *d;
	const struct raiser *raiser;
	unsigned cap;
	uint64_t table;
	uint64_t pending;
	unsigned vectors;
} it;

static void raise_one(unsigned vector)
{
	it.raiser->raise(it.d, vector);
}

static void control(uint32_t bits)
{
	config_write(it.d, it.cap + PCI_MSIX_FLAGS, 2, bits);
}

static void entry_mask(unsigned vector, bool masked)
{
	memory_out(reach(it.table + 16 * vector + 12), 4, masked);
}

static void entry_write(unsigned vector, unsigned processor, unsigned to)
{
	memory_out(reach(it.table + 16 * vector), 4, LAPIC | apic_id(processor) << 12);
	memory_out(reach(it.table + 16 * vector + 4), 4, 0);
	memory_out(reach(it.table + 16 * vector + 8), 4, to);
}

static bool is_pending(unsigned vector)
{
	return memory_in(reach(it.pending + vector / 32 * 4), 4) >> vector % 32 & 1;
}

static bool pending_within_a_second(unsigned vector)
{
	uint64_t start = now();

	while (!is_pending(vector)) {
		if (now() - start > 1000000)
			return false;
	}
	return true;
}

/* Each vector to its own number on this processor. */
static void table_home(void)
{
	for (unsigned i = 0; i < it.vectors; i++) {
		entry_mask(i, true);
		entry_write(i, 0, VECTOR_FIRST + i);
		entry_mask(i, false);
	}
}

/* More interrupts since then, from a device that does not repeat them. */
static bool too_many(uint64_t since, uint64_t wanted)
{
	if (it.raiser->repeats)
		wait_us(500);
	return hits_all() > since + wanted && !it.raiser->repeats;
}

/* Each raised by itself comes once. */
static void each(const char *when)
{
	for (unsigned i = 0; i < it.vectors; i++) {
		for (unsigned n = 0; n < EACH; n++) {
			uint64_t all = hits_all(), before = hits(VECTOR_FIRST + i);

			raise_one(i);
			if (!hits_reach(VECTOR_FIRST + i, before + 1))
				bad(it.d->name, "vector %u does not come %s", i, when);
			if (too_many(all, 1))
				bad(it.d->name, "vector %u came %lu times %s", i, hits_all() - all, when);
		}
	}
}

static void masked(void)
{
	for (unsigned i = 0; i < it.vectors; i++) {
		unsigned to = i & 2 ? SPARE : VECTOR_FIRST + i;
		uint64_t all = hits_all(), before = hits(to);

		entry_mask(i, true);
		if (is_pending(i))
			bad(it.d->name, "vector %u is pending without cause", i);
		for (unsigned n = 0; n < 3; n++)
			raise_one(i);
		if (!pending_within_a_second(i))
			bad(it.d->name, "vector %u, masked and raised, is not pending", i);
		wait_us(20000);
		if (too_many(all, 0))
			bad(it.d->name, "vector %u came although it is masked", i);
		/* Its message may change meanwhile. */
		entry_write(i, i & 1, to);
		entry_mask(i, false);
		if (!hits_reach(to, before + 1))
			bad(it.d->name, "vector %u does not come when it is unmasked", i);
		wait_us(20000);
		if (too_many(all, 1))
			bad(it.d->name, "vector %u came %lu times when it was unmasked", i, hits_all() - all);
		if (is_pending(i))
			bad(it.d->name, "vector %u is still pending", i);
	}
	table_home();
	each("after masking");
	verdict(it.d->name, "MSI-X vectors masked, pending, changed and unmasked");
}

/* Function Mask. */
static void masked_all(void)
{
	uint64_t before[VECTOR_COUNT], all = hits_all();

	for (unsigned i = 0; i < it.vectors; i++)
		before[i] = hits(VECTOR_FIRST + i);
	control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned i = 0; i < it.vectors; i++)
		raise_one(i);
	for (unsigned i = 0; i < it.vectors; i++) {
		if (!pending_within_a_second(i))
			bad(it.d->name, "vector %u is not pending under Function Mask", i);
	}
	if (too_many(all, 0))
		bad(it.d->name, "vectors come under Function Mask");
	/* One of them is masked by itself when the others come. */
	entry_mask(0, true);
	control(PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 1; i < it.vectors; i++) {
		if (!hits_reach(VECTOR_FIRST + i, before[i] + 1))
			bad(it.d->name, "vector %u does not come after Function Mask", i);
	}
	wait_us(20000);
	if (too_many(all, it.vectors - 1) || !is_pending(0))
		bad(it.d->name, "%lu interrupts after Function Mask, pending %u", hits_all() - all,
		    is_pending(0));
	entry_mask(0, false);
	if (!hits_reach(VECTOR_FIRST, before[0] + 1))
		bad(it.d->name, "vector 0 does not come at last");
	verdict(it.d->name, "MSI-X Function Mask");
}

/* Raised before they were ever unmasked. */
static void fresh(void)
{
	control(0);
	for (unsigned i = 0; i < it.vectors; i++) {
		entry_mask(i, true);
		entry_write(i, 0, VECTOR_FIRST + i);
	}
	control(PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i < it.vectors; i++) {
		uint64_t all = hits_all(), before = hits(VECTOR_FIRST + i);

		raise_one(i);
		if (!pending_within_a_second(i))
			bad(it.d->name, "vector %u, raised before it was ever unmasked, is not pending", i);
		if (too_many(all, 0))
			bad(it.d->name, "vector %u came before it was ever unmasked", i);
		entry_mask(i, false);
		if (!hits_reach(VECTOR_FIRST + i, before + 1))
			bad(it.d->name, "vector %u does not come when it is first unmasked", i);
	}
	each("after they were first unmasked");
	verdict(it.d->name, "MSI-X vectors raised before they were ever unmasked");
}

static void cycles(void)
{
	for (unsigned n = 0; n < CYCLES; n++) {
		uint64_t all = hits_all(), before;
		unsigned i = n % it.vectors;

		control(n & 1 ? 0 : PCI_MSIX_FLAGS_MASKALL);
		if (n & 2)
			config_write(it.d, PCI_COMMAND, 2, MASTERING & ~PCI_COMMAND_MASTER);
		if (n & 4)
			table_home();
		command_set(it.d, MASTERING);
		if (too_many(all, 0))
			bad(it.d->name, "interrupts came while MSI-X was switched off");
		control(PCI_MSIX_FLAGS_ENABLE);
		before = hits(VECTOR_FIRST + i);
		raise_one(i);
		if (!hits_reach(VECTOR_FIRST + i, before + 1))
			bad(it.d->name, "vector %u does not come after MSI-X was off and on", i);
	}
	each("after cycles");
	verdict(it.d->name, "MSI-X off and on %u times", CYCLES);
}

/* What the second processor shoots, one shot after the other has come in. */
static struct {
	volatile uint64_t shots, lost;
	volatile bool go_on;
} fire;

static void shooter(void)
{
	for (unsigned n = 0; n < SHOTS; n++) {
		uint64_t before = hits_all(), start;

		raise_one(it.vectors ? n % it.vectors : 0);
		fire.shots++;
		start = now();
		while (hits_all() == before && now() - start < 2000000)
			__asm__ volatile("pause");
		fire.lost += hits_all() == before;
	}
}

/* While that goes on, vectors wander between processors and numbers, as with a driver's change of affinity.
 */
static void under_fire(void)
{
	uint64_t before = hits_all(), moves = 0, extra;

	fire.shots = fire.lost = 0;
	second_run(shooter);
	while (!second_done()) {
		for (unsigned i = 0; i < it.vectors; i++, moves++) {
			entry_mask(i, true);
			entry_write(i, (unsigned)(moves ^ i) & 1,
				    VECTOR_FIRST + (unsigned)(moves % VECTOR_COUNT));
			entry_mask(i, false);
		}
		if (moves % 3 == 0) {
			control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
			control(PCI_MSIX_FLAGS_ENABLE);
		}
	}
	wait_us(50000);
	extra = hits_all() - before - (fire.shots - fire.lost);
	if (fire.lost)
		bad(it.d->name, "%lu of %lu interrupts were lost in %lu moves of vectors", fire.lost,
		    fire.shots, moves);
	if (extra && !it.raiser->repeats)
		bad(it.d->name, "%lu interrupts came that nobody raised", extra);
	table_home();
	each("after moves");
	verdict(it.d->name, "%u interrupts while MSI-X vectors move: none lost", SHOTS);
}

static bool table_find(void)
{
	uint32_t place, pending;

	it.cap = capability_find(it.d, PCI_CAP_ID_MSIX);
	if (!it.cap)
		return false;
	place = config_read(it.d, it.cap + PCI_MSIX_TABLE, 4);
	pending = config_read(it.d, it.cap + PCI_MSIX_PBA, 4);
	it.table = it.d->bar[place & 7].home + (place & ~7u);
	it.pending = it.d->bar[pending & 7].home + (pending & ~7u);
	it.vectors = (config_read(it.d, it.cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (it.vectors > it.raiser->vectors)
		it.vectors = it.raiser->vectors;
	return true;
}

static void msix(void)
{
	if (!it.raiser->vectors || !table_find())
		return;
	command_set(it.d, MASTERING);
	table_home();
	control(PCI_MSIX_FLAGS_ENABLE);
	it.raiser->setup(it.d);
	each("at first");
	verdict(it.d->name, "%u MSI-X vectors, each by itself", it.vectors);
	masked();
	masked_all();
	fresh();
	cycles();
	under_fire();
	control(0);
	device_home(it.d);
}

/* MSI. */

static unsigned data_at(void)
{
	return it.cap + (config_read(it.d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_64BIT
				 ? PCI_MSI_DATA_64
				 : PCI_MSI_DATA_32);
}

static void msi_once(unsigned vector, const char *when)
{
	uint64_t all = hits_all(), before = hits(vector);

	raise_one(0);
	if (!hits_reach(vector, before + 1))
		bad(it.d->name, "MSI does not come %s", when);
	if (hits_all() > all + 1)
		bad(it.d->name, "MSI came %lu times %s", hits_all() - all, when);
	it.raiser->quiet(it.d);
}

static void msi_switch(bool on)
{
	config_write(it.d, it.cap + PCI_MSI_FLAGS, 2, on ? PCI_MSI_FLAGS_ENABLE : 0);
}

/* It has no mask, so all that can change in one write is the number. */
static void msi_under_fire(void)
{
	uint64_t before = hits_all(), moves = 0, extra;

	fire.shots = fire.lost = 0;
	second_run(shooter);
	while (!second_done())
		config_write(it.d, data_at(), 2, VECTOR_FIRST + (unsigned)(moves++ % VECTOR_COUNT));
	wait_us(50000);
	extra = hits_all() - before - (fire.shots - fire.lost);
	if (fire.lost)
		bad(it.d->name, "%lu of %lu MSIs were lost in %lu moves", fire.lost, fire.shots, moves);
	if (extra)
		bad(it.d->name, "%lu MSIs came that nobody raised", extra);
	it.raiser->quiet(it.d);
	verdict(it.d->name, "%u MSIs while their number changes: none lost", SHOTS);
}

static void msi(void)
{
	it.cap = capability_find(it.d, PCI_CAP_ID_MSI);
	it.vectors = 0;
	if (!it.cap || it.raiser->vectors)
		return;
	command_set(it.d, MASTERING);
	config_write(it.d, it.cap + PCI_MSI_ADDRESS_LO, 4, LAPIC | apic_id(0) << 12);
	if (config_read(it.d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_64BIT)
		config_write(it.d, it.cap + PCI_MSI_ADDRESS_HI, 4, 0);
	config_write(it.d, data_at(), 2, VECTOR_FIRST);
	it.raiser->setup(it.d);
	msi_switch(true);
	for (unsigned n = 0; n < EACH; n++)
		msi_once(VECTOR_FIRST, "at first");
	for (unsigned n = 0; n < CYCLES; n++) {
		msi_switch(false);
		config_write(it.d, data_at(), 2, VECTOR_FIRST + n % VECTOR_COUNT);
		config_write(it.d, it.cap + PCI_MSI_ADDRESS_LO, 4, LAPIC | apic_id(n & 1) << 12);
		msi_switch(true);
		msi_once(VECTOR_FIRST + n % VECTOR_COUNT, "after it was off and on");
	}
	verdict(it.d->name, "MSI off and on %u times", CYCLES);
	msi_under_fire();
	msi_switch(false);
	device_home(it.d);
}

void test_messages(struct device *d)
{
	it.d = d;
	it.raiser = raiser_of(d);
	if (!it.raiser)
		return;
	msix();
	msi();
}
