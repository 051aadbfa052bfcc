/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slot of a port: the conversation between who wants a device back and the guest's system. */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fake.h"
#include "pci/acpi.h"
#include "pci/root_port.h"

#define REGISTERS 0x640
#define PORT	  PCI_DEVFN_OF(2, 0)
#define TABLE	  0x80000000u
#define PENDING	  (TABLE + 0x800)
#define LINE	  (16 + 2 + 3) /* INTD of slot 2 */
#define LISTEN	  (PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_DLLSCE)
#define ON	  (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_ON)
#define BLINK	  (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_BLINK)
#define OFF	  (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PCC)

struct machine {
	struct lock lock;
	struct mem_bus *mmio;
	struct mem_bus *pio; /* and what follows: with ACPI only */
	struct pci_acpi *acpi;
	unsigned gpes;
	struct pci_bus *root;
	struct pci_function *port;
	struct fake *disk;
	unsigned exp, msix;
	unsigned messages;
	uint64_t address;
	uint32_t data;
	uint32_t line; /* that is pulled */
	unsigned changes;
};

static void on_message(void *opaque, uint64_t address, uint32_t data)
{
	struct machine *machine = opaque;

	machine->messages++;
	machine->address = address;
	machine->data = data;
}

static void on_line(void *opaque, uint32_t gsi, bool pulled)
{
	struct machine *machine = opaque;

	assert_int_equal(machine->line, pulled ? 0 : gsi);
	machine->line = pulled ? gsi : 0;
}

static void on_change(void *opaque, struct pci_function *port)
{
	struct machine *machine = opaque;

	assert_ptr_equal(port, machine->port);
	machine->changes++;
}

static uint32_t get(struct machine *machine, unsigned offset, unsigned size)
{
	return pci_config_read(machine->root, 0, PORT, offset, size);
}

static void put(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(machine->root, 0, PORT, offset, size, value);
}

static unsigned find_capability(struct machine *machine, uint8_t id)
{
	unsigned offset = get(machine, PCI_CAPABILITY_LIST, 1);

	while (offset && get(machine, offset, 1) != id)
		offset = get(machine, offset + 1, 1);
	assert_int_not_equal(offset, 0);
	return offset;
}

static void on_gpe(void *opaque)
{
	struct machine *machine = opaque;

	machine->gpes++;
}

static int make(void **state, bool hotplug, bool fast, bool acpi)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	const struct pci_root_port_options options = {
		.id = "pcie.1", .slot = 5, .hotplug = hotplug, .fast_unplug = fast
	};
	struct pci_root_port_handles handles = {
		.machine_lock = &machine->lock,
		.signals = { on_message, on_line, machine },
		.slot_changed = on_change,
		.opaque = machine,
	};

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	if (acpi) {
		assert_int_equal(mem_bus_create(&machine->lock, &machine->pio), 0);
		assert_int_equal(pci_acpi_create(machine->pio, REGISTERS, on_gpe, machine, &machine->acpi),
				 0);
	}
	handles.mmio = machine->mmio;
	handles.acpi = machine->acpi;
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	assert_int_equal(pci_root_port_create(&handles, &options, &machine->port), 0);
	fake_attach(machine->root, 2, 0, machine->port);
	machine->disk = fake_create("disk", NULL);
	fake_attach(machine->port->secondary, 0, 0, &machine->disk->function);
	machine->exp = find_capability(machine, PCI_CAP_ID_EXP);
	machine->msix = find_capability(machine, PCI_CAP_ID_MSIX);
	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	*state = machine;
	return 0;
}

static int set_up(void **state)
{
	return make(state, true, false, false);
}

static int set_up_fast(void **state)
{
	return make(state, true, true, false);
}

static int set_up_fixed(void **state)
{
	return make(state, false, false, false);
}

static int set_up_acpi(void **state)
{
	return make(state, true, false, true);
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root);
	pci_acpi_destroy(machine->acpi);
	if (machine->pio)
		mem_bus_destroy(machine->pio);
	assert_int_equal(machine->line, 0);
	mem_bus_destroy(machine->mmio);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

static uint32_t status(struct machine *machine)
{
	return get(machine, machine->exp + PCI_EXP_SLTSTA, 2);
}

static void control(struct machine *machine, uint32_t value)
{
	put(machine, machine->exp + PCI_EXP_SLTCTL, 2, value);
}

static bool link_up(struct machine *machine)
{
	return get(machine, machine->exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA;
}

static bool behind_answers(struct machine *machine)
{
	return pci_config_read(machine->root, 1, 0, 0, 4) == 0x56781234;
}

static uint32_t table_get(struct machine *machine, unsigned offset)
{
	uint32_t value;

	mem_bus_read(machine->mmio, TABLE + offset, &value, 4);
	return value;
}

static void table_put(struct machine *machine, unsigned offset, uint32_t value)
{
	mem_bus_write(machine->mmio, TABLE + offset, &value, 4);
}

static void msix_control(struct machine *machine, uint32_t value)
{
	put(machine, machine->msix + PCI_MSIX_FLAGS, 2, value);
}

/* As Linux takes a port over. */
static void take_over(struct machine *machine)
{
	put(machine, PCI_BASE_ADDRESS_0, 4, TABLE);
	put(machine, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_control(machine, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	table_put(machine, PCI_MSIX_ENTRY_LOWER_ADDR, 0xfee01000);
	table_put(machine, PCI_MSIX_ENTRY_UPPER_ADDR, 0x2);
	table_put(machine, PCI_MSIX_ENTRY_DATA, 0x4021);
	table_put(machine, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	msix_control(machine, PCI_MSIX_FLAGS_ENABLE);
	put(machine, machine->exp + PCI_EXP_SLTSTA, 2, 0xffff);
	control(machine, ON | LISTEN);
}

static void clear(struct machine *machine, uint32_t events)
{
	put(machine, machine->exp + PCI_EXP_SLTSTA, 2, events);
}

static void take_out(struct machine *machine)
{
	pci_function_detach(&machine->disk->function);
	machine->disk->function.ops->destroy(&machine->disk->function);
	machine->disk = NULL;
	pci_root_port_emptied(machine->port);
}

static void the_slot_says_what_it_has(void **state)
{
	struct machine *machine = *state;

	/* Button, power controller, two indicators, hot-plug, no completions; number 5. */
	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCAP, 4), 5u << 19 | 0x4005b);
	/* Powered, and the indicator says so. */
	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCTL, 2), ON);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS);
	assert_true(link_up(machine));
	/* What the guest may write: no completion interrupt, no latch, no interlock. */
	control(machine, 0xffff);
	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCTL, 2), 0x17eb);
}

static void an_orderly_removal(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_ABP);
	assert_int_equal(machine->messages, 1);
	assert_int_equal(machine->address, 0x2fee01000);
	assert_int_equal(machine->data, 0x4021);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS);
	control(machine, BLINK | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_LEAVING);
	assert_true(behind_answers(machine));
	machine->changes = 0;
	control(machine, BLINK | LISTEN | PCI_EXP_SLTCTL_PCC);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	assert_int_equal(machine->changes, 1);
	/* The link is down, nobody answers, and the device was not reset in vain. */
	assert_false(link_up(machine));
	assert_false(behind_answers(machine));
	assert_int_equal(machine->disk->resets, 0);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(machine->messages, 2);
	clear(machine, PCI_EXP_SLTSTA_DLLSC);
	take_out(machine);
	/* Presence is no interrupt of who listens to the button. */
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDC);
	assert_int_equal(machine->messages, 2);
	control(machine, OFF | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
}

static void asked_is_asked(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_ask(machine->port), -EBUSY);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	control(machine, BLINK | LISTEN);
	assert_int_equal(pci_root_port_ask(machine->port), -EBUSY);
	assert_int_equal(machine->messages, 1);
}

/* The guest has called it off: at once it may be asked again. */
static void a_refusal(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	control(machine, BLINK | LISTEN);
	control(machine, ON | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_REFUSED);
	assert_true(behind_answers(machine));
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(machine->messages, 2);
}

/* It waits for a guest that is not there yet, and is not lost when that one clears what it finds. */
static void a_guest_that_boots(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_WAITING);
	assert_int_equal(machine->messages, 0);
	take_over(machine);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_ABP);
	assert_int_equal(machine->messages, 1);
}

static void the_interrupt_alone_is_not_enough(void **state)
{
	struct machine *machine = *state;

	control(machine, ON | PCI_EXP_SLTCTL_HPIE);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_WAITING);
	control(machine, ON | PCI_EXP_SLTCTL_ABPE);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_WAITING);
	control(machine, ON | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
}

/* A guest that switches a slot on blinks too, and would take the press for "no". */
static void no_press_while_it_blinks(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	control(machine, BLINK | LISTEN);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_WAITING);
	control(machine, ON | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
}

static void a_guest_that_never_reacts(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	pci_root_port_withdraw(machine->port);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_true(behind_answers(machine));
	/* A second try. */
	clear(machine, PCI_EXP_SLTSTA_ABP);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(machine->messages, 2);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	/* It begins, and takes longer than anybody waits. */
	control(machine, BLINK | LISTEN);
	pci_root_port_withdraw(machine->port);
	/* A third try does not call the second off. */
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_LEAVING);
	assert_int_equal(machine->messages, 2);
	pci_root_port_withdraw(machine->port);
	/* What comes late comes all the same. */
	control(machine, OFF | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	pci_root_port_withdraw(machine->port);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
}

static void what_the_guest_never_heard_of_is_forgotten(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(pci_root_port_ask(machine->port), 0);
	pci_root_port_withdraw(machine->port);
	take_over(machine);
	assert_int_equal(machine->messages, 0);
	control(machine, OFF | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
}

/* Nobody has asked: the card stays in its slot, loses what it knew, and works again with the power. */
static void power_is_the_guests_own(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	control(machine, OFF | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_int_equal(machine->disk->resets, 1);
	assert_false(link_up(machine));
	assert_false(behind_answers(machine));
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(machine->messages, 1);
	clear(machine, PCI_EXP_SLTSTA_DLLSC);
	control(machine, ON | LISTEN);
	assert_true(link_up(machine));
	assert_true(behind_answers(machine));
	assert_int_equal(machine->messages, 2);
	assert_int_equal(machine->disk->resets, 1);
	/* Off already, it need not be asked for. */
	control(machine, OFF | LISTEN);
	machine->changes = 0;
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	assert_int_equal(machine->changes, 1);
}

static void power_comes_back_too_late(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	control(machine, OFF | LISTEN);
	control(machine, ON | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	assert_false(link_up(machine));
	assert_false(behind_answers(machine));
	take_out(machine);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_int_equal(status(machine) & PCI_EXP_SLTSTA_PDS, 0);
}

static void a_reset_forgets_all(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	control(machine, BLINK | LISTEN);
	pci_bus_reset(machine->root);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCTL, 2), ON);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS);
	/* Nor is the guest's next power off what the one before was asked for. */
	control(machine, OFF | LISTEN);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
}

static void events_are_latched_until_they_can_be_told(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(machine->messages, 1);
	/* Off and on again with the event still there: it is told again. */
	control(machine, ON);
	control(machine, ON | LISTEN);
	assert_int_equal(machine->messages, 2);
	/* Another event while one stands is no new message. */
	control(machine, OFF | LISTEN);
	assert_int_equal(machine->messages, 2);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	assert_int_equal(machine->messages, 2);
	clear(machine, PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(status(machine) & (PCI_EXP_SLTSTA_DLLSC | PCI_EXP_SLTSTA_ABP), 0);
}

static void a_masked_message_is_pending(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	/* By the vector's own bit, and by the function's. */
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			msix_control(machine, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
		else
			table_put(machine, PCI_MSIX_ENTRY_VECTOR_CTRL, 0xffffffff);
		assert_int_equal(table_get(machine, PCI_MSIX_ENTRY_VECTOR_CTRL), !i);
		assert_int_equal(table_get(machine, PENDING - TABLE), 0);
		assert_int_equal(pci_root_port_ask(machine->port), 0);
		assert_int_equal(machine->messages, i);
		assert_int_equal(table_get(machine, PENDING - TABLE), 1);
		table_put(machine, PENDING - TABLE, 0);
		assert_int_equal(table_get(machine, PENDING - TABLE), 1);
		if (i)
			msix_control(machine, PCI_MSIX_FLAGS_ENABLE);
		else
			table_put(machine, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
		assert_int_equal(machine->messages, i + 1);
		assert_int_equal(table_get(machine, PENDING - TABLE), 0);
		pci_root_port_withdraw(machine->port);
		clear(machine, PCI_EXP_SLTSTA_ABP);
	}
	/* Switched off, it has nothing to say any more. */
	msix_control(machine, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	msix_control(machine, PCI_MSIX_FLAGS_MASKALL);
	assert_int_equal(table_get(machine, PENDING - TABLE), 0);
	assert_int_equal(machine->messages, 2);
}

/* The table by every width, where the guest has put it and nowhere else. */
static void the_table(void **state)
{
	struct machine *machine = *state;
	uint64_t value = 0;

	assert_int_equal(get(machine, machine->msix + PCI_MSIX_FLAGS, 2), 0);
	put(machine, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	assert_int_equal(get(machine, PCI_BASE_ADDRESS_0, 4), 0xfffff000);
	put(machine, PCI_BASE_ADDRESS_0, 4, TABLE);
	mem_bus_read(machine->mmio, TABLE, &value, 8);
	assert_true(value == UINT64_MAX);
	put(machine, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(table_get(machine, PCI_MSIX_ENTRY_VECTOR_CTRL), 1);
	mem_bus_write(machine->mmio, TABLE, &(uint64_t){ 0x123456789abcdeff }, 8);
	mem_bus_write(machine->mmio, TABLE + 9, &(uint8_t){ 0x40 }, 1);
	mem_bus_write(machine->mmio, TABLE + 12, &(uint64_t){ UINT64_MAX << 32 }, 8);
	mem_bus_read(machine->mmio, TABLE, &value, 8);
	assert_true(value == 0x123456789abcdefc);
	assert_int_equal(table_get(machine, PCI_MSIX_ENTRY_DATA), 0x4000);
	assert_int_equal(table_get(machine, PCI_MSIX_ENTRY_VECTOR_CTRL), 0);
	assert_int_equal(table_get(machine, 16), 0);
	mem_bus_read(machine->mmio, TABLE + 0xffc, &value, 8);
	assert_true(value == 0);
	/* It moves, and goes with a reset. */
	put(machine, PCI_BASE_ADDRESS_0, 4, TABLE + 0x1000);
	assert_int_equal(table_get(machine, 0), 0xffffffff);
	assert_int_equal(table_get(machine, 0x1000), 0x9abcdefc);
	pci_bus_reset(machine->root);
	assert_int_equal(table_get(machine, 0x1000), 0xffffffff);
	put(machine, PCI_BASE_ADDRESS_0, 4, TABLE);
	put(machine, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(table_get(machine, 0), 0);
	assert_int_equal(table_get(machine, PCI_MSIX_ENTRY_VECTOR_CTRL), 1);
}

static void a_guest_without_messages(void **state)
{
	struct machine *machine = *state;

	control(machine, ON | LISTEN);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(machine->line, LINE);
	assert_true(get(machine, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	/* For as long as there is something. */
	put(machine, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(machine->line, 0);
	assert_true(get(machine, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	put(machine, PCI_COMMAND, 2, 0);
	assert_int_equal(machine->line, LINE);
	clear(machine, PCI_EXP_SLTSTA_ABP);
	assert_int_equal(machine->line, 0);
	assert_int_equal(get(machine, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	control(machine, OFF | LISTEN);
	assert_int_equal(machine->line, LINE);
	assert_int_equal(machine->messages, 0);
	/* Messages switched on instead: the line is let go, and what stands is told. */
	take_over(machine);
	assert_int_equal(machine->line, 0);
}

/* A port that goes while its line is pulled lets it go (tear_down looks). */
static void a_line_is_not_left_pulled(void **state)
{
	struct machine *machine = *state;

	control(machine, ON | LISTEN);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_not_equal(machine->line, 0);
}

static void fast_is_as_if_torn_out(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_false(link_up(machine));
	assert_int_equal(machine->messages, 1);
	clear(machine, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	control(machine, ON | LISTEN | PCI_EXP_SLTCTL_PCC);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	take_out(machine);
	assert_int_equal(status(machine), 0);
	assert_int_equal(machine->messages, 1);
}

static void fast_and_nobody_cares(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	clear(machine, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	pci_root_port_withdraw(machine->port);
	/* It is back, and that is told. */
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_true(link_up(machine));
	assert_int_equal(machine->messages, 2);
}

static void without_hot_plug(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCAP, 4), 5u << 19);
	control(machine, 0xffff);
	assert_int_equal(get(machine, machine->exp + PCI_EXP_SLTCTL, 2), PCI_EXP_SLTCTL_DLLSCE);
	assert_true(link_up(machine));
	assert_int_equal(pci_root_port_ask(machine->port), -ENOTSUP);
	assert_string_equal(error_get()->because, "its slot cannot be plugged (hotplug=off)");
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	assert_int_equal(machine->messages, 0);
}

static void put_in(struct machine *machine)
{
	machine->disk = fake_create("disk", NULL);
	fake_attach(machine->port->secondary, 0, 0, &machine->disk->function);
	pci_root_port_filled(machine->port);
}

/* As Linux does it, which listens to the link where there is a button. */
static void a_device_comes(void **state)
{
	struct machine *machine = *state;

	take_out(machine);
	take_over(machine);
	control(machine, OFF | LISTEN);
	clear(machine, 0xffff);
	put_in(machine);
	assert_int_equal(machine->messages, 1);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_false(link_up(machine));
	clear(machine, 0xffff);
	control(machine, BLINK | LISTEN);
	assert_int_equal(machine->messages, 2); /* its own: the link */
	assert_true(link_up(machine));
	control(machine, ON | LISTEN);
	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	assert_true(behind_answers(machine));
}

/* It listens to presence, or to nothing but the button. */
static void a_device_comes_to_others(void **state)
{
	static const struct {
		uint32_t listens, told;
	} cases[] = {
		{ PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE | PCI_EXP_SLTCTL_ABPE,
		  PCI_EXP_SLTSTA_PDC },
		{ PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_ABP },
		{ 0, PCI_EXP_SLTSTA_PDC },
	};
	struct machine *machine = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take_out(machine);
		take_over(machine);
		control(machine, OFF | cases[i].listens);
		clear(machine, 0xffff);
		machine->messages = 0;
		put_in(machine);
		assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | cases[i].told);
		assert_int_equal(machine->messages, cases[i].listens ? 1 : 0);
	}
}

/* A guest that has switched the power off forgets what happens until it lets the indicator go out. */
static void the_next_one_waits_for_the_guest(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	control(machine, BLINK | LISTEN | PCI_EXP_SLTCTL_PCC);
	take_out(machine);
	put_in(machine);
	clear(machine, 0xffff);
	machine->messages = 0;
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS);
	control(machine, OFF | LISTEN);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(machine->messages, 1);
	/* Once. */
	clear(machine, 0xffff);
	control(machine, OFF | LISTEN | PCI_EXP_SLTCTL_ATTN_IND_ON);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS);
}

/* While the slot has power, which a guest has not taken over or is about to see go. */
static void a_device_comes_to_a_slot_with_power(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_tear_out(machine->port), 0);
	take_out(machine);
	clear(machine, 0xffff);
	machine->messages = 0;
	put_in(machine);
	assert_int_equal(status(machine), PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(machine->messages, 1);
	assert_true(link_up(machine));
}

/* What the methods of the tables do. */
static void acpi_write(struct machine *machine, unsigned offset, uint32_t value)
{
	mem_bus_write(machine->pio, REGISTERS + offset, &value, 4);
}

static uint32_t acpi_event(struct machine *machine)
{
	uint32_t event;

	mem_bus_read(machine->pio, REGISTERS, &event, 4);
	return event;
}

static void acpi_asks_and_the_guest_ejects(void **state)
{
	struct machine *machine = *state;

	acpi_write(machine, 12, 1); /* _OSC */
	assert_int_equal(machine->gpes, 0);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(pci_root_port_ask(machine->port), -EBUSY);
	assert_int_equal(machine->gpes, 1);
	assert_int_equal(acpi_event(machine), 0x300);
	assert_int_equal(acpi_event(machine), 0);
	machine->changes = 0;
	acpi_write(machine, 4, 0); /* _EJ0 */
	assert_int_equal(machine->changes, 1);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	assert_false(behind_answers(machine));
	acpi_write(machine, 8, 0x3 << 8); /* _OST: it went well */
	take_out(machine);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	put_in(machine);
	assert_int_equal(machine->gpes, 2);
	assert_int_equal(acpi_event(machine), 0x100);
	assert_true(behind_answers(machine));
	assert_int_equal(machine->messages, 0);
}

static void acpi_is_refused(void **state)
{
	/* Of an eject request, and of an eject that its own user asked for. */
	static const uint32_t refusals[] = { 0x01000300, 0x82010300, 0x81000300 };
	struct machine *machine = *state;

	acpi_write(machine, 12, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pci_root_port_ask(machine->port), 0);
		assert_int_equal(acpi_event(machine), 0x300);
		acpi_write(machine, 8, 0x84u << 24 | 0x103 << 8);     /* it is at work on it */
		acpi_write(machine, 8, 0x80u << 24 | 0x001 << 8);     /* of a device check */
		acpi_write(machine, 8, 0x81u << 24 | 0x003 << 8 | 1); /* of another slot */
		assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
		acpi_write(machine, 8, refusals[i]);
		assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_REFUSED);
	}
	/* What it does by itself is its own business; and behind a refusal, too. */
	acpi_write(machine, 4, 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_REFUSED);
	assert_true(behind_answers(machine));
	/* Whom the deadline has passed over is taken at its word. */
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(acpi_event(machine), 0x300);
	pci_root_port_withdraw(machine->port);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	acpi_write(machine, 4, 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
}

/* What happened before the guest has got there is told then. */
static void acpi_waits_for_the_guest(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_WAITING);
	assert_int_equal(acpi_event(machine), 0);
	assert_int_equal(machine->gpes, 0);
	acpi_write(machine, 12, 1);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(machine->gpes, 1);
	acpi_write(machine, 12, 1);
	assert_int_equal(machine->gpes, 1);
	assert_int_equal(acpi_event(machine), 0x300);
	/* A reset forgets all. */
	pci_bus_reset(machine->root);
	pci_acpi_reset(machine->acpi);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	take_out(machine);
	put_in(machine);
	assert_int_equal(machine->gpes, 1);
	acpi_write(machine, 12, 1);
	assert_int_equal(machine->gpes, 2);
	assert_int_equal(acpi_event(machine), 0x100);
}

/* A guest that never asks ACPI, or does and then drives the slot itself (pcie_ports=native). */
static void acpi_is_there_and_nobody_cares(void **state)
{
	struct machine *machine = *state;

	take_over(machine);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(machine->messages, 1);
	assert_int_equal(acpi_event(machine), 0);
	acpi_write(machine, 12, 1);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
	assert_int_equal(acpi_event(machine), 0);
	/* Nonsense. */
	acpi_write(machine, 4, 1);
	acpi_write(machine, 4, UINT32_MAX);
	acpi_write(machine, 8, UINT32_MAX);
	acpi_write(machine, 0, 7);
	mem_bus_write(machine->pio, REGISTERS + 15, "word", 4);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_ASKED);
}

static void acpi_tells_of_what_was_torn_out(void **state)
{
	struct machine *machine = *state;

	acpi_write(machine, 12, 1);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(pci_root_port_tear_out(machine->port), 0);
	assert_int_equal(acpi_event(machine), 0x100);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
	assert_false(behind_answers(machine));
	/* It is not asked any more for what has gone. */
	pci_root_port_emptied(machine->port);
	assert_int_equal(acpi_event(machine), 0);
}

/* One that has not heard the request in time has not been asked. */
static void acpi_takes_back_what_was_not_heard(void **state)
{
	struct machine *machine = *state;

	acpi_write(machine, 12, 1);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	pci_root_port_withdraw(machine->port);
	assert_int_equal(acpi_event(machine), 0);
	acpi_write(machine, 4, 0); /* its own business */
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_IDLE);
	/* And one that has may still let go of it. */
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(acpi_event(machine), 0x300);
	pci_root_port_withdraw(machine->port);
	acpi_write(machine, 4, 0);
	assert_int_equal(pci_root_port_slot(machine->port), PCI_SLOT_RELEASED);
}

/* Torn out, and another one in its place before the guest has looked: it is shown none in between. */
static void acpi_shows_an_empty_slot_in_between(void **state)
{
	struct machine *machine = *state;

	acpi_write(machine, 12, 1);
	assert_true(behind_answers(machine));
	assert_int_equal(pci_root_port_tear_out(machine->port), 0);
	pci_root_port_emptied(machine->port);
	pci_root_port_filled(machine->port);
	assert_false(behind_answers(machine));
	assert_false(pci_root_port_heard(machine->port));
	acpi_write(machine, 8, 0); /* an earlier check is done: this one is not heard yet */
	assert_false(behind_answers(machine));
	assert_int_equal(acpi_event(machine), 0x100);
	assert_false(behind_answers(machine));
	acpi_write(machine, 8, 0);
	assert_true(behind_answers(machine));
	assert_int_equal(acpi_event(machine), 0x100); /* and it is told once more */
	assert_true(pci_root_port_heard(machine->port));
	acpi_write(machine, 8, 0);
	assert_true(behind_answers(machine));
	/* A reset shows it as well. */
	assert_int_equal(pci_root_port_tear_out(machine->port), 0);
	pci_root_port_emptied(machine->port);
	pci_root_port_filled(machine->port);
	assert_false(behind_answers(machine));
	pci_bus_reset(machine->root);
	pci_config_write(machine->root, 0, PORT, PCI_SECONDARY_BUS, 2, 0x0101);
	assert_true(behind_answers(machine));
}

/* The guest clears what it was told; later events are none of the device's coming. */
static void who_comes_is_heard_of(void **state)
{
	struct machine *machine = *state;

	assert_true(pci_root_port_heard(machine->port)); /* there from the beginning */
	take_over(machine);
	pci_root_port_filled(machine->port);
	assert_false(pci_root_port_heard(machine->port));
	clear(machine, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_true(pci_root_port_heard(machine->port));
	pci_root_port_filled(machine->port);
	assert_false(pci_root_port_heard(machine->port));
	pci_bus_reset(machine->root);
	assert_true(pci_root_port_heard(machine->port));
}

static void acpi_tells_who_comes(void **state)
{
	struct machine *machine = *state;
	uint32_t event = 0;

	pci_root_port_filled(machine->port);
	assert_false(pci_root_port_heard(machine->port));
	mem_bus_write(machine->pio, REGISTERS + 12, &(uint32_t){ 1 }, 4);
	assert_false(pci_root_port_heard(machine->port));
	mem_bus_read(machine->pio, REGISTERS, &event, 4);
	assert_int_equal(event >> 8, 1);
	assert_true(pci_root_port_heard(machine->port));
}

int main(void)
{
#define slot_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define acpi_test(name) cmocka_unit_test_setup_teardown(name, set_up_acpi, tear_down)
	const struct CMUnitTest tests[] = {
		slot_test(the_slot_says_what_it_has),
		slot_test(an_orderly_removal),
		slot_test(asked_is_asked),
		slot_test(a_refusal),
		slot_test(a_guest_that_boots),
		slot_test(the_interrupt_alone_is_not_enough),
		slot_test(no_press_while_it_blinks),
		slot_test(a_guest_that_never_reacts),
		slot_test(what_the_guest_never_heard_of_is_forgotten),
		slot_test(power_is_the_guests_own),
		slot_test(power_comes_back_too_late),
		slot_test(a_reset_forgets_all),
		slot_test(events_are_latched_until_they_can_be_told),
		slot_test(a_masked_message_is_pending),
		slot_test(the_table),
		slot_test(a_guest_without_messages),
		slot_test(a_line_is_not_left_pulled),
		slot_test(a_device_comes),
		slot_test(a_device_comes_to_others),
		slot_test(the_next_one_waits_for_the_guest),
		slot_test(a_device_comes_to_a_slot_with_power),
		acpi_test(acpi_asks_and_the_guest_ejects),
		acpi_test(acpi_is_refused),
		acpi_test(acpi_waits_for_the_guest),
		acpi_test(acpi_is_there_and_nobody_cares),
		acpi_test(acpi_tells_of_what_was_torn_out),
		acpi_test(acpi_takes_back_what_was_not_heard),
		acpi_test(acpi_shows_an_empty_slot_in_between),
		slot_test(who_comes_is_heard_of),
		acpi_test(acpi_tells_who_comes),
		cmocka_unit_test_setup_teardown(fast_is_as_if_torn_out, set_up_fast, tear_down),
		cmocka_unit_test_setup_teardown(fast_and_nobody_cares, set_up_fast, tear_down),
		cmocka_unit_test_setup_teardown(without_hot_plug, set_up_fixed, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
