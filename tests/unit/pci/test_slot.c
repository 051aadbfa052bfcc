/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slot of a port: the conversation between who wants a device back and the guest's system. */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fake.h"
#include "pci/root_port.h"

#define PORT   PCI_DEVFN_OF(2, 0)
#define LINE   (16 + 2 + 3) /* INTD of slot 2 */
#define LISTEN (PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_DLLSCE)
#define ON     (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_ON)
#define BLINK  (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_BLINK)
#define OFF    (PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PCC)

struct machine {
	struct lock lock;
	struct pci_bus *root;
	struct pci_function *port;
	struct fake *disk;
	unsigned exp, msi;
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

static int make(void **state, bool hotplug, bool fast)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	const struct pci_root_port_options options = {
		.id = "pcie.1", .slot = 5, .hotplug = hotplug, .fast_unplug = fast
	};
	const struct pci_root_port_handles handles = {
		.machine_lock = &machine->lock,
		.signals = { on_message, on_line, machine },
		.slot_changed = on_change,
		.opaque = machine,
	};

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	assert_int_equal(pci_root_port_create(&handles, &options, &machine->port), 0);
	fake_attach(machine->root, 2, 0, machine->port);
	machine->disk = fake_create("disk", NULL);
	fake_attach(machine->port->secondary, 0, 0, &machine->disk->function);
	machine->exp = find_capability(machine, PCI_CAP_ID_EXP);
	machine->msi = find_capability(machine, PCI_CAP_ID_MSI);
	put(machine, PCI_PRIMARY_BUS, 4, 0x00010100);
	*state = machine;
	return 0;
}

static int set_up(void **state)
{
	return make(state, true, false);
}

static int set_up_fast(void **state)
{
	return make(state, true, true);
}

static int set_up_fixed(void **state)
{
	return make(state, false, false);
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root);
	assert_int_equal(machine->line, 0);
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

/* As Linux takes a port over. */
static void take_over(struct machine *machine)
{
	put(machine, machine->msi + PCI_MSI_ADDRESS_LO, 4, 0xfee01000);
	put(machine, machine->msi + PCI_MSI_ADDRESS_HI, 4, 0x2);
	put(machine, machine->msi + PCI_MSI_DATA_64, 2, 0x4021);
	put(machine, machine->msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
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
	put(machine, machine->msi + PCI_MSI_MASK_64, 4, 0xffffffff);
	assert_int_equal(get(machine, machine->msi + PCI_MSI_MASK_64, 4), 1);
	assert_int_equal(pci_root_port_ask(machine->port), 0);
	assert_int_equal(machine->messages, 0);
	assert_int_equal(get(machine, machine->msi + PCI_MSI_PENDING_64, 4), 1);
	put(machine, machine->msi + PCI_MSI_MASK_64, 4, 0);
	assert_int_equal(machine->messages, 1);
	assert_int_equal(get(machine, machine->msi + PCI_MSI_PENDING_64, 4), 0);
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

int main(void)
{
#define slot_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
		slot_test(a_guest_without_messages),
		slot_test(a_line_is_not_left_pulled),
		cmocka_unit_test_setup_teardown(fast_is_as_if_torn_out, set_up_fast, tear_down),
		cmocka_unit_test_setup_teardown(fast_and_nobody_cares, set_up_fast, tear_down),
		cmocka_unit_test_setup_teardown(without_hot_plug, set_up_fixed, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
