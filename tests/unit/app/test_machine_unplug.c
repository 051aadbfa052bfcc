/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a device leaves a running machine: a real port and loop, with a guest and devices that only count. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"

#define PORT   PCI_DEVFN_OF(2, 0)
#define LISTEN (PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE)
#define BLINK  (LISTEN | PCI_EXP_SLTCTL_PWR_IND_BLINK)
#define SHINE  (LISTEN | PCI_EXP_SLTCTL_PWR_IND_ON)
#define OFF    (LISTEN | PCI_EXP_SLTCTL_PWR_IND_BLINK | PCI_EXP_SLTCTL_PCC)

static struct {
	char story[1024];
	int give_back_error;
	pthread_t main;
	unsigned messages;
	char log[4096];
	int log_fd;
} seen;

static void story(const char *word, const char *what)
{
	size_t used = strlen(seen.story);

	snprintf(seen.story + used, sizeof(seen.story) - used, "%s:%s ", word, what);
}

static void expect(const char *wanted)
{
	assert_string_equal(seen.story, wanted);
	seen.story[0] = '\0';
}

void __wrap_kvm_msi_send(struct kvm_vm *vm, const struct kvm_msi *msi);
void __wrap_kvm_irq_line(struct kvm_vm *vm, uint32_t gsi, bool level);
int __wrap_broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size);
const char *__wrap_vfio_pci_host_name(const struct pci_function *function);

void __wrap_kvm_msi_send(struct kvm_vm *vm, const struct kvm_msi *msi)
{
	seen.messages++;
}

void __wrap_kvm_irq_line(struct kvm_vm *vm, uint32_t gsi, bool level)
{
	seen.messages += level;
}

int __wrap_broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size)
{
	char text[BDF_TEXT_SIZE];

	story("back", bdf_format(bdf, text));
	if (seen.give_back_error) {
		error_set(seen.give_back_error, "the host does not take it");
		return error_tried("give back %s", bdf_format(bdf, text));
	}
	snprintf(ret_driver, size, "nvme");
	return 0;
}

const char *__wrap_vfio_pci_host_name(const struct pci_function *function)
{
	return (function->devfn & 7) == 0 ? "0000:1a:00.0" : "0000:1a:00.1";
}

static uint32_t fake_read(struct pci_function *function, unsigned offset, unsigned size)
{
	return 0;
}

static void fake_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value) {}

static void fake_reset(struct pci_function *function)
{
	story("reset", function->id);
}

static void fake_destroy(struct pci_function *function)
{
	story("close", function->id);
	if (pthread_equal(pthread_self(), seen.main))
		story("close", "on the main thread!");
	pci_function_fini(function);
	free(function);
}

static const struct pci_function_ops fake_ops = {
	.config_read = fake_read,
	.config_write = fake_write,
	.reset = fake_reset,
	.destroy = fake_destroy,
};

/* With a plan that says managed=on for function 0, and one second. */
static struct pci_function *add_at(struct machine *machine, const char *bus, uint8_t devfn, const char *id)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));
	struct pci_function *function = calloc(1, sizeof(*function));

	assert_non_null(function);
	function->ops = &fake_ops;
	function->driver = "vfio-pci";
	function->id = strdup(id);
	function->multifunction = true;
	assert_int_equal(pci_bus_attach(pci_bus_find(machine->root_bus, bus), devfn, function), 0);
	assert_non_null(plan);
	*plan = (struct device_plan){
		.function = function,
		.managed = (devfn & 7) == 0,
		.unplug_seconds = 1,
		.host = host_id_of((struct bdf){ .bus = 0x1a }),
	};
	machine_plan_add(machine, plan);
	return function;
}

/* Behind the port. */
static struct pci_function *add(struct machine *machine, unsigned number, const char *id)
{
	return add_at(machine, "pcie.1", PCI_DEVFN_OF(0, number), id);
}

static void on_deleted(void *opaque, const char *id)
{
	story("deleted", id);
}

static void on_failed(void *opaque, const char *id, const struct error *why)
{
	story("failed", id);
	error_load(why);
}

static struct pci_function *port;

/* Behind the port: one device, its plan says managed=on and one second. */
static int set_up(void **state)
{
	static const struct machine_unplug_events events = { .deleted = on_deleted, .failed = on_failed };
	const struct pci_root_port_options options = { .id = "pcie.1", .hotplug = true };
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pci_root_port_handles handles;
	char path[] = "/tmp/handfast-test-log-XXXXXX";

	assert_non_null(machine);
	memset(&seen, 0, sizeof(seen));
	seen.main = pthread_self();
	seen.log_fd = mkostemp(path, O_APPEND);
	assert_true(seen.log_fd >= 0);
	unlink(path);
	log_setup(seen.log_fd, LOG_LEVEL_WARNING);
	machine->state = MACHINE_RUNNING;
	lock_init(&machine->lock);
	signals_init(&machine->signals, NULL);
	assert_int_equal(loop_create(&machine->loop), 0);
	assert_int_equal(machine_unplug_create(machine), 0);
	machine_unplug_listen(machine, &events);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root_bus), 0);
	handles = (struct pci_root_port_handles){
		.machine_lock = &machine->lock,
		.mmio = machine->mmio,
		.signals = signals_handle(&machine->signals),
		.slot_changed = machine_unplug_slot_changed,
		.opaque = machine,
	};
	assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
	assert_int_equal(pci_bus_attach(machine->root_bus, PORT, port), 0);
	add(machine, 0, "disk");
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	machine_unplug_destroy(machine);
	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	pci_bus_destroy(machine->root_bus);
	mem_bus_destroy(machine->mmio);
	loop_destroy(machine->loop);
	lock_fini(&machine->lock);
	free(machine);
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(seen.log_fd);
	return 0;
}

static const char *log_text(void)
{
	ssize_t size = pread(seen.log_fd, seen.log, sizeof(seen.log) - 1, 0);

	assert_true(size >= 0);
	seen.log[size] = '\0';
	return seen.log;
}

static void guest(struct machine *machine, uint32_t control)
{
	unsigned offset = pci_config_read(machine->root_bus, 0, PORT, PCI_CAPABILITY_LIST, 1);

	while (offset && pci_config_read(machine->root_bus, 0, PORT, offset, 1) != PCI_CAP_ID_EXP)
		offset = pci_config_read(machine->root_bus, 0, PORT, offset + 1, 1);
	pci_config_write(machine->root_bus, 0, PORT, offset + PCI_EXP_SLTSTA, 2, 0xffff);
	pci_config_write(machine->root_bus, 0, PORT, offset + PCI_EXP_SLTCTL, 2, control);
}

static void stop(void *opaque)
{
	struct machine *machine = opaque;

	loop_stop(machine->loop);
}

/* The main thread's work, until the story has come to that. */
static void run_until(struct machine *machine, const char *wanted)
{
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(loop_post(machine->loop, stop, machine), 0);
		assert_int_equal(loop_run(machine->loop), 0);
		if (strstr(seen.story, wanted))
			return;
		usleep(10000);
	}
	fail_msg("it never came to '%s': %s", wanted, seen.story);
}

static struct pci_function *disk(void)
{
	return pci_bus_function(port->secondary, 0);
}

static void an_orderly_removal(void **state)
{
	struct machine_unplug_progress progress;
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_false(machine_unplug_progress(machine, disk(), &progress));
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(machine_unplug(machine, disk(), false), -EBUSY);
	assert_string_equal(error_get()->because, "Device disk is already in the process of unplug");
	assert_string_equal(error_get()->tried, "");
	assert_true(machine_unplug_progress(machine, disk(), &progress));
	assert_string_equal(progress.phase, "asked");
	assert_int_equal(progress.seconds_left, 1);
	guest(machine, BLINK);
	assert_true(machine_unplug_progress(machine, disk(), &progress));
	assert_string_equal(progress.phase, "leaving");
	guest(machine, OFF);
	run_until(machine, "deleted");
	/* Told when another process could open it, and not before. */
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
	assert_string_equal(log_text(),
			    "handfast: vfio-pci 'disk' (0000:1a:00.0): removed, and given back to nvme\n");
	assert_null(disk());
	assert_int_equal(pci_root_port_slot(port), PCI_SLOT_IDLE);
}

static void all_functions_of_the_slot_leave(void **state)
{
	struct machine *machine = *state;

	add(machine, 1, "net");
	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, pci_bus_function(port->secondary, 1), false), 0);
	guest(machine, OFF);
	run_until(machine, "deleted:disk");
	/* With one of managed=on, the broker hears of all that leave: any may have kept another one here. */
	expect("close:net close:disk back:0000:1a:00.0 back:0000:1a:00.0 deleted:net deleted:disk ");
}

static void a_host_that_does_not_take_it(void **state)
{
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	seen.give_back_error = EIO;
	guest(machine, OFF);
	run_until(machine, "deleted");
	assert_string_equal(log_text(),
			    "handfast: vfio-pci 'disk' (0000:1a:00.0): removed, and not given back yet: that "
			    "is tried once more when another one leaves, or the VM ends\n"
			    "handfast: cannot give back 0000:1a:00.0\n"
			    "  because: the host does not take it\n");
}

static void a_host_that_has_it_no_more(void **state)
{
	struct machine *machine = *state;

	guest(machine, SHINE);
	machine_unplug_for_host(machine, disk());
	seen.give_back_error = ENODEV;
	guest(machine, OFF);
	run_until(machine, "deleted");
	assert_string_equal(log_text(),
			    "handfast: the host wants vfio-pci 'disk' (0000:1a:00.0) back: the guest has 1 "
			    "seconds to let go of it\n"
			    "handfast: vfio-pci 'disk' (0000:1a:00.0): removed, and gone from this host\n");
}

static void a_refusal_is_told_at_once(void **state)
{
	struct machine *machine = *state;

	machine->plans->unplug_seconds = 1000;
	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	guest(machine, BLINK);
	guest(machine, SHINE);
	run_until(machine, "failed");
	expect("failed:disk ");
	assert_string_equal(error_get()->tried, "remove vfio-pci 'disk' (0000:1a:00.0)");
	assert_string_equal(error_get()->because, "the guest has refused to let go of it");
	/* It may be asked again, and may change its mind. */
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	guest(machine, OFF);
	run_until(machine, "deleted");
}

static void silence_has_an_end(void **state)
{
	struct machine_unplug_progress progress;
	struct machine *machine = *state;

	machine_unplug_for_host(machine, disk());
	/* The host repeats itself meanwhile. */
	machine_unplug_for_host(machine, disk());
	run_until(machine, "failed");
	expect("failed:disk ");
	assert_false(machine_unplug_progress(machine, disk(), &progress));
	assert_int_equal(seen.messages, 0);
	assert_string_equal(
		log_text(),
		"handfast: the host wants vfio-pci 'disk' (0000:1a:00.0) back: the guest has 1 seconds to "
		"let "
		"go of it\n"
		"handfast: cannot remove vfio-pci 'disk' (0000:1a:00.0)\n"
		"  because: the guest has not let go of it within 1 seconds\n"
		"           it has no driver at work for the hot-plug slot 'pcie.1' (acpiphp or pciehp in "
		"Linux), or is still on its way there\n"
		"  try:     shut the guest down, or try once more: the device works as before\n");
	/* And again, in vain, with no more words. */
	assert_int_equal(ftruncate(seen.log_fd, 0), 0);
	machine_unplug_for_host(machine, disk());
	run_until(machine, "failed");
	assert_string_equal(log_text(), "");
	expect("failed:disk ");
	/* Somebody asks, and hears it once more. */
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	run_until(machine, "failed");
	assert_non_null(strstr(log_text(), "because: the guest has not let go of it within 1 seconds"));
	expect("failed:disk ");
	/* This time there is somebody. */
	machine_unplug_for_host(machine, disk());
	guest(machine, SHINE);
	assert_int_equal(seen.messages, 1);
	guest(machine, OFF);
	run_until(machine, "deleted");
}

static void a_guest_that_stands_still(void **state)
{
	struct machine *machine = *state;

	machine->state = MACHINE_PAUSED;
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	run_until(machine, "failed");
	assert_string_equal(error_get()->because, "the guest has not let go of it within 1 seconds\n"
						  "it stands still (paused)");
}

static void a_guest_that_hears_and_does_nothing(void **state)
{
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	run_until(machine, "failed");
	assert_non_null(strstr(error_get()->because, "it has been asked, and does not react"));
}

static void what_comes_late_comes(void **state)
{
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	guest(machine, BLINK);
	run_until(machine, "failed");
	assert_non_null(strstr(error_get()->because, "it has begun to: its driver for the device may hang"));
	expect("failed:disk ");
	guest(machine, OFF);
	run_until(machine, "deleted");
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
}

static void a_reset_is_a_yes(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	pci_bus_reset(machine->root_bus);
	machine_unplug_after_reset(machine);
	/* Gone from the bus before anybody looks. */
	assert_null(disk());
	run_until(machine, "deleted");
	expect("reset:disk close:disk back:0000:1a:00.0 deleted:disk ");
	/* And no reset is one where nobody was asked. */
	add(machine, 0, "next");
	pci_bus_reset(machine->root_bus);
	machine_unplug_after_reset(machine);
	assert_non_null(disk());
}

static void the_guests_end_completes_it(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	machine_unplug_complete(machine);
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
	assert_null(disk());
	/* Nobody else is sent away by it. */
	add(machine, 0, "next");
	machine_unplug_complete(machine);
	expect("");
	assert_non_null(disk());
}

static void the_end_of_the_machine_waits_for_it(void **state)
{
	struct machine *machine = *state;

	guest(machine, OFF);
	assert_int_equal(machine_unplug(machine, disk(), false), 0); /* off already: it may go at once */
	seen.story[0] = '\0';
	run_until(machine, "");
	machine_unplug_destroy(machine);
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
}

static uint32_t capability(struct machine *machine, unsigned offset)
{
	unsigned at = pci_config_read(machine->root_bus, 0, PORT, PCI_CAPABILITY_LIST, 1);

	while (pci_config_read(machine->root_bus, 0, PORT, at, 1) != PCI_CAP_ID_EXP)
		at = pci_config_read(machine->root_bus, 0, PORT, at + 1, 1);
	return pci_config_read(machine->root_bus, 0, PORT, at + offset, 2);
}

static void by_force_it_is_torn_out(void **state)
{
	const uint32_t torn = PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC;
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	assert_int_equal(machine_unplug(machine, disk(), true), 0);
	assert_int_equal(capability(machine, PCI_EXP_SLTSTA) & (torn | PCI_EXP_SLTSTA_PDS), torn);
	assert_int_equal(capability(machine, PCI_EXP_LNKSTA) & PCI_EXP_LNKSTA_DLLLA, 0);
	assert_null(disk());
	run_until(machine, "deleted");
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
	/* The guest switches the empty slot off: nobody's business any more. */
	guest(machine, LISTEN | PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PCC);
	add(machine, 0, "next");
	pci_root_port_filled(port);
	assert_int_equal(capability(machine, PCI_EXP_SLTSTA) & (torn | PCI_EXP_SLTSTA_PDS),
			 PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_PDS);
	guest(machine, SHINE);
	assert_int_equal(capability(machine, PCI_EXP_SLTSTA) & torn, PCI_EXP_SLTSTA_DLLSC);
	assert_int_not_equal(capability(machine, PCI_EXP_LNKSTA) & PCI_EXP_LNKSTA_DLLLA, 0);
	run_until(machine, "");
	assert_non_null(disk());
}

static void whom_the_guest_does_not_know_leaves_alone(void **state)
{
	struct machine *machine = *state;

	guest(machine, SHINE);
	assert_int_equal(machine_unplug(machine, disk(), false), 0);
	guest(machine, OFF);
	run_until(machine, "deleted");
	expect("close:disk back:0000:1a:00.0 deleted:disk ");
	add(machine, 1, "one");
	add(machine, 2, "two");
	assert_int_equal(machine_unplug(machine, pci_bus_function(port->secondary, 1), false), 0);
	run_until(machine, "deleted");
	expect("close:one back:0000:1a:00.0 deleted:one ");
	assert_non_null(pci_bus_function(port->secondary, 2));
	/* The host gets it at once as well. */
	machine_unplug_for_host(machine, pci_bus_function(port->secondary, 2));
	run_until(machine, "deleted");
	expect("close:two back:0000:1a:00.0 deleted:two ");
}

static void on_the_root_bus_nothing_leaves(void **state)
{
	struct machine *machine = *state;
	struct pci_function *fixed = add_at(machine, "pcie.0", PCI_DEVFN_OF(3, 0), "fixed");

	assert_int_equal(machine_unplug(machine, fixed, false), -ENOTSUP);
	assert_int_equal(machine_unplug(machine, fixed, true), -ENOTSUP);
	machine_unplug_for_host(machine, fixed);
	machine_unplug_for_host(machine, fixed);
	assert_string_equal(
		log_text(),
		"handfast: cannot give vfio-pci 'fixed' (0000:1a:00.0) back to the host, which wants it\n"
		"  because: Bus 'pcie.0' does not support hotplugging: it is the root bus, from which no "
		"guest "
		"lets a device go\n"
		"  try:     shut the guest down\n"
		"           put it behind a port the next time: -device pcie-root-port,id=pcie.1, and "
		"bus=pcie.1 "
		"for the device\n");
}

int main(void)
{
#define unplug_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		unplug_test(an_orderly_removal),
		unplug_test(all_functions_of_the_slot_leave),
		unplug_test(a_host_that_does_not_take_it),
		unplug_test(a_host_that_has_it_no_more),
		unplug_test(a_refusal_is_told_at_once),
		unplug_test(silence_has_an_end),
		unplug_test(a_guest_that_stands_still),
		unplug_test(a_guest_that_hears_and_does_nothing),
		unplug_test(what_comes_late_comes),
		unplug_test(a_reset_is_a_yes),
		unplug_test(the_guests_end_completes_it),
		unplug_test(the_end_of_the_machine_waits_for_it),
		unplug_test(by_force_it_is_torn_out),
		unplug_test(whom_the_guest_does_not_know_leaves_alone),
		unplug_test(on_the_root_bus_nothing_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
