/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two processors and their interrupts. Theory of operation: all vectors go to the same handler, which counts
 * them by processor; a test raises an interrupt and waits for the count. The second processor sleeps on a
 * word in memory until it is given a function. Sources: Intel SDM 3, "Local APIC", "MP initialization";
 * 82093AA I/O APIC.
 */
#include "free.h"

#define LAPIC_ID       0x20
#define LAPIC_EOI      0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_ICR      0x300
#define LAPIC_ICR_HIGH 0x310
#define ICR_INIT       0x4500
#define ICR_STARTUP    0x4600

#define PM_TIMER    0x608 /* 24 bits, 3.579545 MHz; QEMU and handfast both have it there */
#define PM_TIMER_HZ 3579545ul

#define SECOND_AT   0x7000 /* where the second processor begins in real mode */
#define FAR_WINDOW  0xffff800000000000ul
#define IDENTITY    (1ul << 39)
#define PAGE_DEVICE 0x9b /* 1 GiB, present, writable, uncached */

struct gate {
	uint16_t low;
	uint16_t selector;
	uint16_t type;
	uint16_t middle;
	uint32_t high;
	uint32_t zero;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern uint8_t stubs[], second_start[], second_end[];
extern uint64_t far_table[512];
extern void interrupted(uint64_t vector, const uint64_t *frame);
extern void processor_main(unsigned processor);
extern _Noreturn void guest_main(void);

void (*volatile on_interrupt)(unsigned vector);

static struct gate idt[256];
static volatile uint64_t counts[2][VECTOR_COUNT];
static volatile unsigned apic_ids[2];
static volatile bool second_up;
static void (*volatile second_job)(void);
static uint64_t tsc_start, tsc_per_ms;

/* GCC may ask for these. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t size)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
	return start;
}

static uint32_t lapic_in(unsigned at)
{
	return (uint32_t)memory_in(LAPIC + at, 4);
}

static void lapic_out(unsigned at, uint32_t value)
{
	memory_out(LAPIC + at, 4, value);
}

static unsigned processor_here(void)
{
	return lapic_in(LAPIC_ID) >> 24 == apic_ids[0] ? 0 : 1;
}

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void tsc_measure(void)
{
	uint32_t first = port_in(PM_TIMER, 4), ticks = 0;

	tsc_start = tsc();
	while (ticks < PM_TIMER_HZ / 20)
		ticks = (port_in(PM_TIMER, 4) - first) & 0xffffff;
	tsc_per_ms = (tsc() - tsc_start) * (PM_TIMER_HZ / 1000) / ticks;
}

uint64_t now(void)
{
	return (tsc() - tsc_start) * 1000 / tsc_per_ms;
}

void wait_us(uint64_t us)
{
	uint64_t start = now();

	while (now() - start < us)
		__asm__ volatile("pause");
}

unsigned physical_bits(void)
{
	uint32_t eax = 0x80000008, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return eax & 0xff;
}

uintptr_t reach(uint64_t address)
{
	uint64_t gib = address >> 30 << 30;

	if (address < IDENTITY)
		return address;
	far_table[0] = gib | PAGE_DEVICE;
	__asm__ volatile("invlpg (%0)" : : "r"(FAR_WINDOW + (address - gib)) : "memory");
	return FAR_WINDOW + (address - gib);
}

/* frame: what the processor pushed; of some exceptions an error code comes first. */
static void exception(unsigned vector, const uint64_t *frame)
{
	uint64_t cr2;

	__asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
	bad("guest", "exception %u, frame 0x%lx 0x%lx 0x%lx, cr2 0x%lx", vector, frame[0], frame[1], frame[2],
	    cr2);
	finish();
}

void interrupted(uint64_t vector, const uint64_t *frame)
{
	if (vector < 32)
		exception((unsigned)vector, frame);
	if (vector == 0xff)
		return; /* spurious: no end of interrupt */
	if (vector >= VECTOR_FIRST && vector < VECTOR_FIRST + VECTOR_COUNT) {
		void (*act)(unsigned) = on_interrupt;

		counts[processor_here()][vector - VECTOR_FIRST]++;
		if (act)
			act((unsigned)vector);
	} else {
		bad("guest", "a vector that nobody asked for: 0x%lx", vector);
	}
	lapic_out(LAPIC_EOI, 0);
}

uint64_t hits_on(unsigned processor, unsigned vector)
{
	return counts[processor][vector - VECTOR_FIRST];
}

uint64_t hits(unsigned vector)
{
	return hits_on(0, vector) + hits_on(1, vector);
}

uint64_t hits_all(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VECTOR_COUNT; i++)
		sum += hits(VECTOR_FIRST + i);
	return sum;
}

bool hits_reach(unsigned vector, uint64_t count)
{
	uint64_t start = now();

	while (hits(vector) < count) {
		if (now() - start > 1000000)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

static void interrupts_on(unsigned processor)
{
	const struct table_pointer pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
	apic_ids[processor] = lapic_in(LAPIC_ID) >> 24;
	lapic_out(LAPIC_SPURIOUS, 0x1ff);
	__asm__ volatile("sti");
}

static void idt_fill(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uintptr_t stub = (uintptr_t)stubs + 16 * i;

		idt[i] = (struct gate){ .low = (uint16_t)stub,
					.selector = 0x10,
					.type = 0x8e00,
					.middle = (uint16_t)(stub >> 16),
					.high = (uint32_t)(stub >> 32) };
	}
}

static _Noreturn void second_main(void)
{
	interrupts_on(1);
	second_up = true;
	for (;;) {
		void (*job)(void) = second_job;

		if (job) {
			job();
			second_job = NULL;
		}
		__asm__ volatile("pause");
	}
}

/* The legacy interrupt controller would only disturb. */
static void legacy_off(void)
{
	port_out(0x21, 1, 0xff);
	port_out(0xa1, 1, 0xff);
}

void processor_main(unsigned processor)
{
	if (processor == 1)
		second_main();
	legacy_off();
	idt_fill();
	interrupts_on(0);
	tsc_measure();
	guest_main();
}

void processors_start(void)
{
	uint64_t start;

	memcpy((void *)SECOND_AT, second_start, (size_t)(second_end - second_start));
	lapic_out(LAPIC_ICR_HIGH, (apic_ids[0] + 1) << 24);
	lapic_out(LAPIC_ICR, ICR_INIT);
	wait_us(10000);
	lapic_out(LAPIC_ICR_HIGH, (apic_ids[0] + 1) << 24);
	lapic_out(LAPIC_ICR, ICR_STARTUP | SECOND_AT >> 12);
	start = now();
	while (!second_up && now() - start < 5000000)
		__asm__ volatile("pause");
	if (!second_up) {
		bad("guest", "the second processor does not start");
		finish();
	}
}

void second_run(void (*what)(void))
{
	second_wait();
	second_job = what;
}

bool second_done(void)
{
	return !second_job;
}

void second_wait(void)
{
	while (second_job)
		__asm__ volatile("pause");
}

unsigned apic_id(unsigned processor)
{
	return apic_ids[processor];
}

static void ioapic_out(unsigned index, uint32_t value)
{
	memory_out(IOAPIC, 4, index);
	memory_out(IOAPIC + 0x10, 4, value);
}

void ioapic_route(unsigned input, unsigned vector)
{
	ioapic_out(0x11 + 2 * input, apic_ids[0] << 24);
	ioapic_mask(input, vector, !vector);
}

void ioapic_mask(unsigned input, unsigned vector, bool masked)
{
	ioapic_out(0x10 + 2 * input, (uint32_t)masked << 16 | 1u << 15 | vector); /* level */
}
