/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_TESTS_GUESTS_FREE_H
#define HANDFAST_TESTS_GUESTS_FREE_H

/*
 * A guest without an operating system, which does to assigned devices what no driver does. It is one PVH
 * kernel of two processors, with all memory mapped as it is; it looks for the devices that it knows
 * (devices.c) and reports by the serial port, in lines "good: ..." and "bad: ...". It runs under any monitor:
 * nothing here is handfast's.
 */
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARS 6

/* console.c */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A finding. Of one test the first few are printed, and the rest counted. */
void bad(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The end of a test: a line that says that all was good, unless something was bad since the last one. */
void verdict(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool word_given(const char *word); /* on the command line, which has words and spaces */
/* Until somebody has sent a character by the serial port. */
void console_wait(void);
void console_command_line(const char *line);
_Noreturn void finish(void);

/* cpu.c */

static inline uint32_t port_in(uint16_t port, unsigned size)
{
	uint32_t value = 0;

	if (size == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
	else if (size == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
	return value;
}

static inline void port_out(uint16_t port, unsigned size, uint32_t value)
{
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* One instruction of that width, 1, 2, 4 or 8 bytes, wherever it points to. */
static inline uint64_t memory_in(uintptr_t at, unsigned size)
{
	uint64_t value = 0;

	if (size == 1)
		__asm__ volatile("movb (%1), %b0" : "+r"(value) : "r"(at) : "memory");
	else if (size == 2)
		__asm__ volatile("movw (%1), %w0" : "+r"(value) : "r"(at) : "memory");
	else if (size == 4)
		__asm__ volatile("movl (%1), %k0" : "+r"(value) : "r"(at) : "memory");
	else
		__asm__ volatile("movq (%1), %0" : "+r"(value) : "r"(at) : "memory");
	return value;
}

static inline void memory_out(uintptr_t at, unsigned size, uint64_t value)
{
	if (size == 1)
		__asm__ volatile("movb %b0, (%1)" : : "q"(value), "r"(at) : "memory");
	else if (size == 2)
		__asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(at) : "memory");
	else if (size == 4)
		__asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(at) : "memory");
	else
		__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

#define LAPIC  0xfee00000ul
#define IOAPIC 0xfec00000ul

/* Where to reach a physical address from here. Far ones share one window: the last one asked for is there. */
uintptr_t reach(uint64_t address);
unsigned physical_bits(void);
/* Microseconds since the start, by the ACPI timer. */
uint64_t now(void);
void wait_us(uint64_t us);

#define VECTOR_FIRST 0x40
#define VECTOR_COUNT 16
/* How often this vector has come on this processor, or on both. */
uint64_t hits_on(unsigned processor, unsigned vector);
uint64_t hits(unsigned vector);
uint64_t hits_all(void); /* of all vectors */
/* Until vector has come so often, at most a second: whether it has. */
bool hits_reach(unsigned vector, uint64_t count);
/* Called in the handler of the vector, before its end of interrupt. */
extern void (*volatile on_interrupt)(unsigned vector);

void processors_start(void);
/* Runs a function on the second processor; second_wait() waits for it to be done. */
void second_run(void (*what)(void));
bool second_done(void);
void second_wait(void);
unsigned apic_id(unsigned processor);
/* The input of the I/O APIC goes to the vector, level-triggered, or is masked (vector 0). */
void ioapic_route(unsigned input, unsigned vector);
void ioapic_mask(unsigned input, unsigned vector, bool masked);

/* pci.c */

struct bar {
	bool io;
	bool wide;     /* 64 bits */
	uint32_t type; /* the low bits of its register */
	uint64_t size; /* 0: there is none */
	uint64_t home; /* where it was at the start */
};

enum probe_kind {
	PROBE_FIXED, /* reads the same wherever the BAR is, and neither 0 nor all-ones */
	PROBE_STORE, /* keeps what is written */
};

/* A register that tells whether a BAR is where it should be. */
struct probe {
	uint8_t bar;
	uint16_t offset;
	enum probe_kind kind;
};

#define PROBES 4

struct known {
	uint16_t vendor;
	uint16_t device;
	const char *name;
	struct probe
		probe[PROBES]; /* offset 0 of BAR 0 and fixed: none from here on, but for the first one */
	unsigned probes;
	bool fragile; /* a stray write may change what its probes read */
};

extern const struct known known_devices[];
extern const unsigned known_device_count;

struct device {
	const struct known *known;
	const char *name;
	uint8_t bus;
	uint8_t devfn;
	uint32_t id;
	struct bar bar[BARS];
	uint32_t token[PROBES]; /* what each probe is to read */
};

#define DEVICES_MAX 16
extern struct device devices[DEVICES_MAX];
extern unsigned device_count;
extern uint64_t ecam; /* of bus 0 */

void pci_find(void);
uint64_t config_at(const struct device *d, unsigned offset);
uint32_t config_read(const struct device *d, unsigned offset, unsigned size);
void config_write(const struct device *d, unsigned offset, unsigned size, uint32_t value);
/* The same by the ports 0xcf8 and 0xcfc; size from offset may cross a register. */
uint32_t config_port_read(const struct device *d, unsigned offset, unsigned size);
void config_port_write(const struct device *d, unsigned offset, unsigned size, uint32_t value);
/* Where a capability is, 0: nowhere. */
unsigned capability_find(const struct device *d, uint8_t id);

/* The register and its bit for a function-level reset. 0: it has none. */
unsigned flr_find(const struct device *d, uint32_t *ret_bit);
/* Resets the bus behind the port that the device sits on; its BARs have to be set anew. False: it is on the
 * root bus. */
bool bus_reset(const struct device *d);

/* COMMAND: these bits on, all others off. */
void command_set(const struct device *d, uint32_t bits);
void bar_set(const struct device *d, unsigned bar, uint64_t address);
uint64_t bar_get(const struct device *d, unsigned bar);
/* A register behind an address of the BAR's kind. */
uint32_t bar_read(const struct device *d, unsigned bar, uint64_t address, unsigned offset);
void bar_write(const struct device *d, unsigned bar, uint64_t address, unsigned offset, uint32_t value);
/* Whether the BAR's probes answer at this address; there are some, or it is true. */
bool bar_answers(struct device *d, unsigned bar, uint64_t address);
bool bar_has_probe(const struct device *d, unsigned bar);
/* Whether any of its probes reads there as it last did. */
bool bar_shines_through(const struct device *d, unsigned bar, uint64_t address);
/* All BARs where they were at the start, decoding and nothing else; whether all of them answer. */
bool device_home(struct device *d);
/* An address of that alignment and size from `from` on where nothing is. */
uint64_t place_free(uint64_t from, uint64_t size);

/* The tests. */

void test_bars(struct device *d);      /* bars.c */
void test_places(struct device *d);    /* places.c */
void test_registers(struct device *d); /* registers.c */
void test_widths(struct device *d);    /* widths.c */
void test_life(struct device *d);      /* life.c */
void test_messages(struct device *d);  /* messages.c */
void test_many(struct device *d);      /* many.c */
void test_line(struct device *d);      /* line.c */

#endif
