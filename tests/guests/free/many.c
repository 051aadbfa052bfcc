/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI with several messages (PCI 3.0, 6.8.1): the function puts the number of a message into the low bits of
 * the data. Theory of operation: `wanted` says how often each vector is to have come on each processor since
 * the start; a test raises, adds to it, and settle() compares all vectors of both processors with it. So a
 * message that is lost, comes twice or comes as another one is seen, whoever it was meant for.
 */
#include "raise.h"

#define MASTERING  (PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define LINES	   8 /* of the I/O APIC: 16 to 23 */
#define FIRST_LINE 16
#define EACH	   10
#define CYCLES	   50
#define SOME	   8
#define SHOTS	   300
#define QUIET	   300	 /* microseconds in which nothing else may come */
#define LONG_QUIET 20000 /* and at the end of a test */

/* The device under test, and where its messages go now. */
static struct {
	struct device *d;
	const struct raiser *raiser;
	unsigned cap;
	unsigned messages; /* that it can have */
	unsigned count;	   /* that it has */
	unsigned base;	   /* the vector of message 0 */
	unsigned processor;
} it;

static uint64_t wanted[2][VECTOR_COUNT];
static uint64_t patience; /* microseconds to wait for one; less after each that did not come */

/* What has come until now is as it should be. */
static void start_over(void)
{
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned i = 0; i < VECTOR_COUNT; i++)
			wanted[p][i] = hits_on(p, VECTOR_FIRST + i);
	}
}

static bool all_there(void)
{
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned i = 0; i < VECTOR_COUNT; i++) {
			if (hits_on(p, VECTOR_FIRST + i) < wanted[p][i])
				return false;
		}
	}
	return true;
}

static void settle(uint64_t quiet_us, const char *when)
{
	uint64_t start = now();

	while (!all_there() && now() - start < patience)
		__asm__ volatile("pause");
	if (!all_there() && patience > LONG_QUIET)
		patience /= 2;
	wait_us(quiet_us);
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned i = 0; i < VECTOR_COUNT; i++) {
			uint64_t came = hits_on(p, VECTOR_FIRST + i);

			if (came == wanted[p][i])
				continue;
			bad(it.d->name, "vector 0x%x on processor %u: %lu too %s %s (%u messages from 0x%x)",
			    VECTOR_FIRST + i, p,
			    came > wanted[p][i] ? came - wanted[p][i] : wanted[p][i] - came,
			    came > wanted[p][i] ? "many" : "few", when, it.count, it.base);
			wanted[p][i] = came;
		}
	}
}

/* Which message a function sends when it has fewer than it asked for is its own choice. Of those in raise.c
 * the choice is the remainder. */
static void raise_one(unsigned message)
{
	wanted[it.processor][it.base - VECTOR_FIRST + message % it.count]++;
	it.raiser->raise(it.d, message);
}

static unsigned msi_at(unsigned narrow, unsigned wide)
{
	return it.cap + (config_read(it.d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_64BIT ? wide : narrow);
}

static void send_to(unsigned processor)
{
	it.processor = processor;
	config_write(it.d, it.cap + PCI_MSI_ADDRESS_LO, 4, LAPIC | apic_id(processor) << 12);
}

/* Whatever the low bits of the data are, the function has its own. */
static void number_from(unsigned base, unsigned low_bits)
{
	it.base = base;
	config_write(it.d, msi_at(PCI_MSI_DATA_32, PCI_MSI_DATA_64), 2, base | (low_bits & (it.count - 1)));
}

static void off(void)
{
	config_write(it.d, it.cap + PCI_MSI_FLAGS, 2, 0);
}

static void on(void)
{
	config_write(it.d, it.cap + PCI_MSI_FLAGS, 2,
		     PCI_MSI_FLAGS_ENABLE | (uint32_t)__builtin_ctz(it.count) << 4);
}

/* The n-th block of as many vectors as there are messages; it begins anew behind the last one. */
static unsigned block(unsigned n)
{
	return VECTOR_FIRST + n * it.count % VECTOR_COUNT;
}

/* Switched off, and on again with so many messages, in that block of vectors, to that processor. */
static void become(unsigned count, unsigned n, unsigned processor)
{
	off();
	it.count = count;
	send_to(processor);
	number_from(block(n), n & 1 ? UINT32_MAX : 0);
	on();
}

static void each(unsigned times, const char *when)
{
	for (unsigned i = 0; i < it.count; i++) {
		for (unsigned n = 0; n < times; n++) {
			raise_one(i);
			settle(QUIET, when);
		}
	}
	settle(LONG_QUIET, when);
}

/* All of them at once; then those that it asked for and did not get. */
static void all_at_once(void)
{
	for (unsigned i = it.count; i--;)
		raise_one(i);
	settle(LONG_QUIET, "of all at once");
	for (unsigned i = it.count; i < it.messages; i++) {
		raise_one(i);
		settle(QUIET, "beyond those that it got");
	}
}

static void counts(void)
{
	unsigned cases = 0;

	for (unsigned count = 1; count <= it.messages; count *= 2) {
		for (unsigned n = 0; n < 4; n++, cases++) {
			become(count, n / 2 ? VECTOR_COUNT / count - 1 : 0, n & 1);
			settle(QUIET, "when it was switched on");
			each(EACH, "of one by one");
			all_at_once();
		}
	}
	off();
	verdict(it.d->name, "MSI with 1 to %u messages, %u cases: each comes once, and as itself",
		it.messages, cases);
}

/* Up and down, as many as it can have at most. */
static unsigned some_count(unsigned n)
{
	static const unsigned some[SOME] = { 16, 1, 4, 2, 8, 4, 16, 2 };

	return some[n % SOME] < it.messages ? some[n % SOME] : it.messages;
}

static void cycles(void)
{
	for (unsigned n = 0; n < CYCLES; n++) {
		become(some_count(n), n, n >> 1 & 1);
		settle(QUIET, "when it was switched on");
		raise_one(n % it.count);
		settle(QUIET, "after it was off and on");
	}
	each(1, "after cycles");
	off();
	verdict(it.d->name, "MSI off and on %u times, with other messages each time", CYCLES);
}

/* One register at a time, while it is on: who gets them, their vectors, and how many there are. */
static void changes(void)
{
	for (unsigned n = 0; n < SOME; n++) {
		it.count = some_count(n);
		number_from(VECTOR_FIRST, 0);
		on();
		each(1, "after another count");
		all_at_once();
		send_to(!it.processor);
		each(1, "after another processor");
		number_from(block(1), UINT32_MAX);
		each(1, "after other vectors");
	}
	off();
	verdict(it.d->name, "MSI changed while it is on: count, processor, vectors");
}

/* What the second processor shoots, one shot after the other has come in. */
static struct {
	uint64_t shots, lost;
} fire;

static void shooter(void)
{
	for (unsigned n = 0; n < SHOTS; n++) {
		uint64_t before = hits_all(), start;

		it.raiser->raise(it.d, n % it.count);
		fire.shots++;
		start = now();
		while (hits_all() == before && now() - start < 2000000)
			__asm__ volatile("pause");
		fire.lost += hits_all() == before;
	}
}

/* While that goes on, they all wander between processors and blocks of vectors: each write leaves something
 * valid. */
static void under_fire(void)
{
	uint64_t before = hits_all(), extra;
	unsigned moves = 0;

	become(it.messages < 4 ? it.messages : 4, 0, 0);
	fire.shots = fire.lost = 0;
	second_run(shooter);
	for (; !second_done(); moves++) {
		send_to(moves & 1);
		number_from(block(moves), 0);
	}
	wait_us(50000);
	extra = hits_all() - before - (fire.shots - fire.lost);
	if (fire.lost)
		bad(it.d->name, "%lu of %lu MSIs were lost in %u moves", fire.lost, fire.shots, moves);
	if (extra)
		bad(it.d->name, "%lu MSIs came that nobody raised", extra);
	start_over();
	each(1, "after moves");
	off();
	verdict(it.d->name, "%u MSIs of %u messages while they move: none lost", SHOTS, it.count);
}

static bool is_pending(unsigned message)
{
	return config_read(it.d, msi_at(PCI_MSI_PENDING_32, PCI_MSI_PENDING_64), 4) >> message & 1;
}

static bool pending_within_a_second(unsigned message)
{
	uint64_t start = now();

	while (!is_pending(message)) {
		if (now() - start > 1000000)
			return false;
	}
	return true;
}

static void mask(uint32_t bits)
{
	config_write(it.d, msi_at(PCI_MSI_MASK_32, PCI_MSI_MASK_64), 4, bits);
}

/* One message held back, whose vector and processor may change meanwhile, while the others come. */
static void mask_one(unsigned i)
{
	mask(1u << i);
	if (is_pending(i))
		bad(it.d->name, "message %u is pending without cause", i);
	for (unsigned n = 0; n < 3; n++)
		it.raiser->raise(it.d, i);
	if (!pending_within_a_second(i))
		bad(it.d->name, "message %u, masked and raised, is not pending", i);
	settle(LONG_QUIET, "of one that is masked");
	for (unsigned n = 0; n < it.count; n++) {
		if (n != i)
			raise_one(n);
	}
	settle(QUIET, "while one is masked");
	send_to(!it.processor);
	number_from(block(i + 1), 0);
	wanted[it.processor][it.base - VECTOR_FIRST + i]++;
	mask(0);
	settle(LONG_QUIET, "when it was unmasked");
	if (is_pending(i))
		bad(it.d->name, "message %u is still pending", i);
}

static void masks(void)
{
	if (!(config_read(it.d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_MASKBIT))
		return;
	for (unsigned count = 1; count <= it.messages; count *= 2) {
		become(count, 0, 0);
		for (unsigned i = 0; i < 4 || i < count; i++)
			mask_one(i % count);
		each(1, "after masking");
	}
	off();
	verdict(it.d->name, "MSI messages masked, pending, moved and unmasked");
}

static void acknowledge(unsigned vector)
{
	(void)vector;
	it.raiser->quiet(it.d);
}

/* By its line, which comes to processor 0 as the first vector, and back. */
static void line_and_back(void)
{
	for (unsigned n = 0; n < 4; n++) {
		off();
		for (unsigned i = 0; i < LINES; i++)
			ioapic_route(FIRST_LINE + i, VECTOR_FIRST);
		on_interrupt = acknowledge;
		command_set(it.d, MASTERING & ~PCI_COMMAND_INTX_DISABLE);
		settle(QUIET, "before its line");
		for (unsigned i = 0; i < EACH; i++) {
			wanted[0][0]++;
			it.raiser->raise(it.d, 0);
			settle(LONG_QUIET, "of its line");
		}
		/* With its line still allowed, which is a driver's right: nothing may come by it now. */
		become(n & 2 ? it.messages : 1, n, n & 1);
		each(1, "after its line");
		on_interrupt = NULL;
		for (unsigned i = 0; i < LINES; i++)
			ioapic_route(FIRST_LINE + i, 0);
		command_set(it.d, MASTERING);
	}
	off();
	verdict(it.d->name, "from MSI to its line and back");
}

/* Its registers after a reset, and as many messages as before when it is set up again. */
static void after_reset(unsigned count, const char *when)
{
	uint32_t flags;

	flags = config_read(it.d, it.cap + PCI_MSI_FLAGS, 2);
	if (flags & (PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE))
		bad(it.d->name, "MSI control is 0x%x %s", flags, when);
	if (!device_home(it.d))
		bad(it.d->name, "it does not answer %s", when);
	settle(LONG_QUIET, when);
	command_set(it.d, MASTERING);
	become(count, 0, 1);
	it.raiser->setup(it.d);
	each(1, when);
}

static void resets(void)
{
	uint32_t bit = 0;
	unsigned at = flr_find(it.d, &bit);
	unsigned bus = 0;

	for (unsigned count = it.messages; count; count /= 2) {
		become(count, 0, 0);
		if (at) {
			config_write(it.d, at, 2, config_read(it.d, at, 2) | bit);
			wait_us(100000);
			after_reset(count, "after a function-level reset");
		}
		if (bus_reset(it.d)) {
			bus++;
			after_reset(count, "after a reset of its bus");
		}
	}
	off();
	if (at || bus)
		verdict(it.d->name, "MSI messages after %s",
			bus ? "resets of its bus" : "function-level resets");
}

/* Stands still at each count, so that others can look how many vectors the host has given; a character on the
 * serial port lets it go on. */
static void hold(void)
{
	for (unsigned count = 1; count <= it.messages; count *= 2) {
		become(count, 0, 0);
		say("hold: %u\n", count);
		console_wait();
	}
	off();
	say("hold: off\n");
	console_wait();
	become(it.messages, 0, 0);
	each(1, "after that");
	off();
	verdict(it.d->name, "MSI held at each number of messages");
}

static bool messages_find(void)
{
	it.cap = capability_find(it.d, PCI_CAP_ID_MSI);
	if (!it.cap) {
		bad(it.d->name, "it has no MSI");
		return false;
	}
	it.messages = 1u << ((config_read(it.d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_QMASK) >> 1);
	if (it.messages != it.raiser->messages)
		bad(it.d->name, "it can have %u messages, and should have %u", it.messages,
		    it.raiser->messages);
	return it.messages <= it.raiser->messages;
}

void test_many(struct device *d)
{
	it.d = d;
	it.raiser = message_raiser_of(d);
	if (!it.raiser || !messages_find())
		return;
	off();
	command_set(d, MASTERING);
	it.raiser->setup(d);
	if (config_read(d, it.cap + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_64BIT)
		config_write(d, it.cap + PCI_MSI_ADDRESS_HI, 4, 0);
	start_over();
	patience = 4000000;
	if (word_given("hold")) {
		hold();
	} else {
		counts();
		cycles();
		under_fire();
		masks();
		line_and_back();
		resets();
		changes(); /* the last one: QEMU as the monitor ends here */
	}
	it.raiser->quiet(d);
	device_home(d);
}
