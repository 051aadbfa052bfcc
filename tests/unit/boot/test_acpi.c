/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot/acpi: tables that a guest finds, believes and understands. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "boot/acpi/acpi-priv.h"
#include "machine.h"

#define START 0xe0000u
#define SIZE  0x20000u

static uint8_t memory[SIZE];

/* In place of kvm's: even ids only, so that there are large ones with few processors. */
uint32_t kvm_vcpu_apic_id(const struct kvm_topology *topology, unsigned index)
{
	return 2 * index;
}

static uint64_t get(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static uint8_t *at(uint64_t address)
{
	assert_in_range(address, START, START + SIZE - 1);
	return memory + (address - START);
}

static uint8_t sum(const uint8_t *data, size_t size)
{
	uint8_t sum = 0;

	while (size-- > 0)
		sum = (uint8_t)(sum + *data++);
	return sum;
}

/* A guest's way: from the RSDP through the XSDT. Checks every checksum that it passes. NULL: not there. */
static uint8_t *find(const struct acpi_layout *layout, const char *signature)
{
	uint8_t *rsdp = at(layout->rsdp);
	uint8_t *xsdt = at(get(rsdp + 24, 8));
	uint8_t *found = NULL;

	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(layout->rsdp % 16, 0);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, get(xsdt + 4, 4)), 0);
	for (size_t i = 36; i < get(xsdt + 4, 4); i += 8) {
		uint64_t address = get(xsdt + i, 8);
		uint8_t *table = at(address);
		uint64_t length = get(table + 4, 4);

		assert_int_equal(address % 4, 0);
		assert_in_range(address + length, layout->nvs_end, layout->tables_end);
		assert_int_equal(sum(table, length), 0);
		if (memcmp(table, signature, 4) == 0)
			found = table;
	}
	return found;
}

static struct acpi_layout build(const struct boot_machine *machine)
{
	struct acpi_layout layout = { 0 };

	assert_int_equal(acpi_build(machine, START, memory, SIZE, &layout), 0);
	return layout;
}

static void every_table_is_found_and_sums_to_zero(void **state)
{
	static const char *const signatures[] = { "FACP", "APIC", "MCFG", "SSDT" };
	struct boot_machine machine = test_machine(4);
	struct acpi_layout layout = build(&machine);

	for (size_t i = 0; i < 4; i++)
		assert_non_null(find(&layout, signatures[i]));
	assert_int_equal(layout.nvs_end % 4096, 0);
	assert_int_equal(layout.tables_end % 4096, 0);
}

/* Where two fields of the FADT say the same thing, Linux complains when they do not. */
static void fadt_says_the_same_twice(void **state)
{
	static const struct {
		size_t old;
		size_t length;
		size_t now;
		uint64_t port;
	} blocks[] = {
		{ 56, 88, 148, 0x600 },
		{ 64, 89, 172, 0x604 },
		{ 76, 91, 208, 0x608 },
		{ 80, 92, 220, 0x620 },
	};
	struct boot_machine machine = test_machine(1);
	struct acpi_layout layout = build(&machine);
	uint8_t *fadt = find(&layout, "FACP");
	uint8_t *dsdt = at(get(fadt + 140, 8));
	uint8_t *facs = at(get(fadt + 36, 4));

	assert_int_equal(get(fadt + 4, 4), 276);
	assert_int_equal(fadt[8], 6);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		assert_int_equal(get(fadt + blocks[i].old, 4), blocks[i].port);
		assert_int_equal(fadt[blocks[i].now], 1); /* I/O space */
		assert_int_equal(fadt[blocks[i].now + 1], 8 * fadt[blocks[i].length]);
		assert_int_equal(get(fadt + blocks[i].now + 4, 8), blocks[i].port);
	}
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, get(dsdt + 4, 4)), 0);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(get(facs + 4, 4), 64);
	assert_int_equal(get(fadt + 36, 4) % 64, 0);
	assert_true(get(fadt + 36, 4) + 64 <= layout.nvs_end);
	assert_int_equal(get(fadt + 132, 8), 0);
	assert_int_equal(get(fadt + 46, 2), 9); /* SCI */
	assert_int_equal(get(fadt + 48, 4), 0); /* SMI_CMD */
	assert_int_equal(get(fadt + 120, 8), 0xcf9);
	assert_int_equal(fadt[128], 6);
	/* WBINVD, C1, no sleep button, no RTC wake, reset register; power button fixed, not hardware-reduced.
	 */
	assert_int_equal(get(fadt + 112, 4), 0x465);
	assert_int_equal(get(fadt + 109, 2), 0x5);
	machine.serial = false;
	layout = build(&machine);
	assert_int_equal(get(find(&layout, "FACP") + 109, 2), 0x4);
}

static void madt_names_processors_by_id(void **state)
{
	struct boot_machine machine = test_machine(130); /* ids 0, 2, ... 254, 256, 258 */
	struct acpi_layout layout = build(&machine);
	uint8_t *madt = find(&layout, "APIC");
	unsigned old = 0, new = 0, ioapics = 0, overrides = 0, nmis = 0, new_nmis = 0;

	assert_int_equal(get(madt + 36, 4), 0xfee00000);
	assert_int_equal(get(madt + 40, 4), 1);
	for (size_t i = 44; i < get(madt + 4, 4); i += madt[i + 1]) {
		uint8_t *entry = madt + i;

		switch (entry[0]) {
		case 0:
			assert_int_equal(entry[1], 8);
			assert_int_equal(entry[2], old);
			assert_int_equal(entry[3], 2 * old);
			assert_int_equal(get(entry + 4, 4), 1);
			old++;
			break;
		case 9:
			assert_int_equal(entry[1], 16);
			assert_int_equal(get(entry + 4, 4), 2 * (old + new));
			assert_int_equal(get(entry + 8, 4), 1);
			assert_int_equal(get(entry + 12, 4), old + new);
			new ++;
			break;
		case 1:
			assert_int_equal(get(entry + 4, 4), 0xfec00000);
			assert_int_equal(get(entry + 8, 4), 0);
			ioapics++;
			break;
		case 2:
			assert_int_equal(entry[2], 0);
			if (entry[3] == 0) {
				assert_int_equal(get(entry + 4, 4), 2);
				assert_int_equal(get(entry + 8, 2), 0);
			} else {
				assert_int_equal(entry[3], 9);
				assert_int_equal(get(entry + 4, 4), 9);
				assert_int_equal(get(entry + 8, 2), 0xd);
			}
			overrides++;
			break;
		case 4:
			assert_int_equal(entry[1], 6);
			assert_int_equal(entry[2], 0xff);
			assert_int_equal(entry[5], 1);
			nmis++;
			break;
		case 10:
			assert_int_equal(entry[1], 12);
			assert_int_equal(get(entry + 4, 4), 0xffffffff);
			assert_int_equal(entry[8], 1);
			new_nmis++;
			break;
		default:
			fail_msg("unknown entry %u", entry[0]);
		}
	}
	assert_int_equal(old, 128);
	assert_int_equal(new, 2);
	assert_int_equal(ioapics, 1);
	assert_int_equal(overrides, 2);
	assert_int_equal(nmis, 1);
	assert_int_equal(new_nmis, 1);
}

static void mcfg_covers_all_of_ecam(void **state)
{
	struct boot_machine machine = test_machine(1);
	struct acpi_layout layout = build(&machine);
	uint8_t *mcfg = find(&layout, "MCFG");

	assert_int_equal(get(mcfg + 4, 4), 60);
	assert_int_equal(get(mcfg + 44, 8), 0xe0000000);
	assert_int_equal(get(mcfg + 52, 2), 0);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(mcfg[55], 255);
	machine.ecam_size = 0x4000000;
	layout = build(&machine);
	assert_int_equal(find(&layout, "MCFG")[55], 63);
}

/* One integer of the byte stream. */
static uint64_t take(const uint8_t **from)
{
	uint8_t op = *(*from)++;
	size_t size = op == 0x0a ? 1 : op == 0x0b ? 2 : op == 0x0c ? 4 : 0;
	uint64_t value = size ? get(*from, size) : op;

	assert_true(size > 0 || op <= 1);
	*from += size;
	return value;
}

/* pci_function_gsi() says the same of the machine. */
static void every_slot_and_pin_is_routed(void **state)
{
	static const uint8_t head[] = { 0x08, '_', 'P', 'R', 'T', 0x12 };
	struct boot_machine machine = test_machine(1);
	struct acpi_layout layout = build(&machine);
	uint8_t *ssdt = find(&layout, "SSDT");
	const uint8_t *from = memmem(ssdt, get(ssdt + 4, 4), head, sizeof(head));

	assert_non_null(from);
	from += sizeof(head);
	from += (*from >> 6) + 1;
	assert_int_equal(*from++, 128);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			assert_int_equal(from[0], 0x12);
			assert_int_equal(from[2], 4);
			from += 3;
			assert_int_equal(take(&from), slot << 16 | 0xffff);
			assert_int_equal(take(&from), pin);
			assert_int_equal(take(&from), 0);
			assert_int_equal(take(&from), 16 + ((slot + pin) & 7));
		}
	}
}

static void too_many_processors_are_refused(void **state)
{
	struct boot_machine machine = test_machine(260);
	struct acpi_layout layout;

	memset(memory, 0xee, SIZE);
	assert_int_equal(acpi_build(&machine, START, memory, 3 * 4096, &layout), -ENOSPC);
	assert_non_null(strstr(error_get()->because, "260 processors"));
	assert_int_equal(memory[3 * 4096], 0xee);
}

static void write_table(const char *folder, const char *name, const uint8_t *table)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, 1, get(table + 4, 4), file), get(table + 4, 4));
	assert_int_equal(fclose(file), 0);
}

static void run(const char *folder, const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line),
		 "cd '%s' && { %s; } >log 2>&1 && ! grep -Ei '(error|warning) +[0-9]+ -|could "
		 "not|invalid|unknown' log",
		 folder, command);
	status = system(line);
	if (status != 0) {
		snprintf(line, sizeof(line), "cat '%s/log' >&2", folder);
		if (system(line) != 0)
			print_error("no log\n");
		fail_msg("%s: status %d", command, status);
	}
}

/*
 * Has iasl take the tables apart and put them together again; any error or warning of its fails.
 * patterns: what `grep` must find in the SSDT as iasl writes it; one that begins with '!' must not be there.
 */
static void check_with_iasl(const struct boot_machine *machine, const char *const *patterns, size_t count)
{
	static const char *const single[] = { "FACP", "APIC", "MCFG" };
	char folder[] = "/tmp/handfast-acpi-XXXXXX";
	struct acpi_layout layout = build(machine);
	char command[512];
	uint8_t *fadt = find(&layout, "FACP");

	assert_non_null(mkdtemp(folder));
	write_table(folder, "dsdt", at(get(fadt + 140, 8)));
	write_table(folder, "ssdt", find(&layout, "SSDT"));
	run(folder, IASL " -vs -d dsdt.dat && " IASL " -vs -we dsdt.dsl");
	run(folder, IASL " -vs -e dsdt.dat -d ssdt.dat && " IASL " -vs -we ssdt.dsl");
	snprintf(command, sizeof(command), "test $(grep -c ACPI0007 ssdt.dsl) = %u", machine->topology.cpus);
	run(folder, command);
	for (size_t i = 0; i < count; i++) {
		bool unwanted = patterns[i][0] == '!';

		snprintf(command, sizeof(command), "%s grep -q '%s' ssdt.dsl", unwanted ? "!" : "",
			 patterns[i] + unwanted);
		run(folder, command);
	}
	for (size_t i = 0; i < 3; i++) {
		write_table(folder, single[i], find(&layout, single[i]));
		/* Back to the same bytes, but for who made them. */
		snprintf(command, sizeof(command),
			 IASL " -vs -d %s.dat && " IASL " -vs -we %s.dsl && cmp -i 36 %s.dat %s.aml",
			 single[i], single[i], single[i], single[i]);
		run(folder, command);
	}
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	assert_int_equal(system(command), 0);
}

static void iasl_reads_a_small_machine(void **state)
{
	static const char *const patterns[] = { "!COM1", "!QWordMemory", "Device (C000)", "!Device (C001)" };
	struct boot_machine machine = test_machine(1);

	machine.serial = false;
	machine.mmio64.size = 0;
	check_with_iasl(&machine, patterns, sizeof(patterns) / sizeof(patterns[0]));
}

static void iasl_reads_a_large_machine(void **state)
{
	static const char *const patterns[] = {
		"Device (C103)",
		"_S5",
		"COM1",
		"0x03F8, *// Range Min",
		"{4}",
		"0x0600, *// Range Min",
		"0x0604, *// Range Min",
		"0x0608, *// Range Min",
		"0x0620, *// Range Min",
		"0xE0000000, *// Address Base",
		"0x10000000, *// Address Length",
		"0x00FF, *// Range Max", /* buses */
		"0x0CF8, *// Range Min",
		"0x1000, *// Range Min",
		"0xFFFF, *// Range Max",
		"0x80000000, *// Range Min",
		"0xDFFFFFFF, *// Range Max",
		"0x0000000200000000, *// Range Min",
		"0x00000041FFFFFFFF, *// Range Max",
	};
	struct boot_machine machine = test_machine(260);

	check_with_iasl(&machine, patterns, sizeof(patterns) / sizeof(patterns[0]));
}

static void iasl_reads_an_ecam_above_4_gib(void **state)
{
	static const char *const patterns[] = {
		"!Memory32Fixed",
		"QWordMemory (ResourceConsumer",
		"0x0000000100000000, *// Range Min",
		"0x000000010FFFFFFF, *// Range Max",
	};
	struct boot_machine machine = test_machine(1);

	machine.ecam_start = 0x100000000;
	check_with_iasl(&machine, patterns, sizeof(patterns) / sizeof(patterns[0]));
}

static void iasl_reads_slots(void **state)
{
	static const char *const patterns[] = {
		"Name (PHPE, One)",
		"Device (S20)",
		"Name (_ADR, 0x00040000)",
		"Device (S29)",
		"Name (_ADR, 0x00050001)",
		"Device (SLOT)",
		"Name (_SUN, 0x07D0)",
		"Method (_EJ0, 1, Serialized)",
		"PHPJ (One)",
		"Method (_OST, 3, Serialized)",
		"PHPO (One, Arg0, Arg1)",
		"Method (PHPN, 2, Serialized)",
		"If ((Arg0 == One))",
		"If ((Arg1 == 0x03))",
		"Notify (.*S29, Zero)",
		"Notify (.*S29.SLOT, 0x03)",
		"0x0640, *// Range Min",
	};
	static const char *const none[] = { "Name (PHPE, Zero)", "Method (PHPN, 2, Serialized)", "!_EJ0",
					    "!0x0640, *// Range Min" };
	static const struct boot_slot slots[] = { { 0x20, 3 }, { 0x29, 2000 } };
	struct boot_machine machine = test_machine(1);

	machine.slots = slots;
	machine.slot_count = 2;
	check_with_iasl(&machine, none, sizeof(none) / sizeof(none[0]));
	machine.acpi_hotplug = true;
	check_with_iasl(&machine, patterns, sizeof(patterns) / sizeof(patterns[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_is_found_and_sums_to_zero),
		cmocka_unit_test(fadt_says_the_same_twice),
		cmocka_unit_test(madt_names_processors_by_id),
		cmocka_unit_test(mcfg_covers_all_of_ecam),
		cmocka_unit_test(every_slot_and_pin_is_routed),
		cmocka_unit_test(too_many_processors_are_refused),
		cmocka_unit_test(iasl_reads_a_small_machine),
		cmocka_unit_test(iasl_reads_a_large_machine),
		cmocka_unit_test(iasl_reads_slots),
		cmocka_unit_test(iasl_reads_an_ecam_above_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
