/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of the command line choose the tests: bars places registers widths life messages many line; none of
 * these: all of them. With `long` they take their time; with `hold`, `many` waits for somebody at the serial
 * port.
 */
#include "free.h"

/* What the entry got (Xen include/public/arch-x86/hvm/start_info.h). */
struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules;
	uint64_t command_line;
	uint64_t rsdp;
};

static const struct {
	const char *word;
	void (*run)(struct device *d);
} tests[] = {
	{ "bars", test_bars },	   { "places", test_places }, { "registers", test_registers },
	{ "widths", test_widths }, { "life", test_life },     { "messages", test_messages },
	{ "many", test_many },	   { "line", test_line },
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))

extern uint32_t start_info;
extern _Noreturn void guest_main(void);

static uint64_t get(uint64_t at, unsigned size)
{
	return memory_in(reach(at), size);
}

/* ACPI's MCFG, by the RSDT, which every monitor has (ACPI 6.5, 5.2.5). Returns where ECAM begins. */
static uint64_t ecam_find(uint64_t rsdp)
{
	uint64_t root = get(rsdp + 15, 1) >= 2 ? get(rsdp + 24, 8) : 0;
	unsigned width = root ? 8 : 4;

	if (!root)
		root = get(rsdp + 16, 4);
	for (uint64_t at = 36; at + width <= get(root + 4, 4); at += width) {
		uint64_t table = get(root + at, width);

		if (get(table, 4) == 0x4746434d) /* MCFG */
			return get(table + 44, 8);
	}
	return 0;
}

_Noreturn void guest_main(void)
{
	const struct start_info *info = (const struct start_info *)(uintptr_t)start_info;
	bool chosen = false;

	console_command_line(info->command_line ? (const char *)info->command_line : "");
	ecam = info->rsdp ? ecam_find(info->rsdp) : 0;
	if (!ecam) {
		bad("guest", "no ECAM by ACPI");
		finish();
	}
	processors_start();
	pci_find();
	for (unsigned i = 0; i < TESTS; i++)
		chosen = chosen || word_given(tests[i].word);
	for (unsigned i = 0; i < device_count; i++)
		say("found: %s at %u:%x.%u\n", devices[i].name, devices[i].bus, devices[i].devfn >> 3u,
		    devices[i].devfn & 7u);
	verdict("guest", "%u devices", device_count);
	for (unsigned t = 0; t < TESTS; t++) {
		if (chosen && !word_given(tests[t].word))
			continue;
		for (unsigned i = 0; i < device_count; i++)
			tests[t].run(&devices[i]);
	}
	finish();
}
