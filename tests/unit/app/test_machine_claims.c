/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is told of a device that nobody in the guest uses: with made-up devices, and a clock of the test's own.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/log.h"
#include "vfio/facts.h"

static struct {
	time_t now;
	time_t timer; /* seconds until it goes off; 0: never */
	bool claimed, heard;
	unsigned begun;
	int log_fd;
	char log[4096];
} seen;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old);
void __wrap_vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts);
void __wrap_vfio_pci_guest_begins(struct pci_function *function);
const char *__wrap_vfio_pci_host_name(const struct pci_function *function);
bool __wrap_pci_root_port_heard(struct pci_function *port);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	*ret_now = (struct timespec){ .tv_sec = seen.now };
	return 0;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	seen.timer = when->it_value.tv_sec;
	return 0;
}

void __wrap_vfio_pci_facts_get(struct pci_function *function, struct vfio_pci_facts *ret_facts)
{
	*ret_facts = (struct vfio_pci_facts){ .vendor = 0x8086, .device = 0x10d3, .claimed = seen.claimed };
}

void __wrap_vfio_pci_guest_begins(struct pci_function *function)
{
	seen.begun++;
}

const char *__wrap_vfio_pci_host_name(const struct pci_function *function)
{
	return "0000:1a:00.0";
}

bool __wrap_pci_root_port_heard(struct pci_function *port)
{
	return seen.heard;
}

static uint32_t fake_read(struct pci_function *function, unsigned offset, unsigned size)
{
	return 0;
}

static void fake_destroy(struct pci_function *function)
{
	pci_function_fini(function);
	free(function);
}

static const struct pci_function_ops fake_ops = { .config_read = fake_read, .destroy = fake_destroy };

static void add(struct machine *machine, const char *argument)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));
	struct pci_function *function = calloc(1, sizeof(*function));
	struct pci_bus *bus;

	assert_int_equal(device_plan_read(argument, plan), 0);
	function->ops = &fake_ops;
	function->driver = "vfio-pci";
	function->multifunction = true;
	function->id = strdup(plan->id);
	bus = pci_bus_find(machine->root_bus, plan->bus);
	assert_int_equal(pci_bus_attach(bus, plan->devfn, function), 0);
	machine_claims_follow(machine);
	plan->function = function;
	machine_plan_add(machine, plan);
	machine_claims_follow(machine);
}

static int set_up(void **state)
{
	const struct pci_root_port_options options = { .id = "pcie.1", .hotplug = true };
	const struct pci_root_port_handles handles = { 0 };
	struct pci_root_port_handles with_lock = handles;
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pci_function *port;
	char path[] = "/tmp/handfast-test-log-XXXXXX";

	memset(&seen, 0, sizeof(seen));
	seen.now = 1000;
	seen.heard = true;
	seen.log_fd = mkstemp(path);
	unlink(path);
	log_setup(seen.log_fd, LOG_LEVEL_WARNING);
	lock_init(&machine->lock);
	signals_init(&machine->signals, NULL);
	with_lock.machine_lock = &machine->lock;
	with_lock.signals = signals_handle(&machine->signals);
	assert_int_equal(loop_create(&machine->loop), 0);
	assert_int_equal(machine_claims_create(machine), 0);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root_bus), 0);
	with_lock.mmio = machine->mmio;
	assert_int_equal(pci_root_port_create(&with_lock, &options, &port), 0);
	assert_int_equal(pci_bus_attach(machine->root_bus, PCI_DEVFN_OF(2, 0), port), 0);
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	machine_claims_destroy(machine);
	pci_bus_destroy(machine->root_bus);
	mem_bus_destroy(machine->mmio);
	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	loop_destroy(machine->loop);
	lock_fini(&machine->lock);
	free(machine);
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	close(seen.log_fd);
	return 0;
}

/* The guest runs, or not, from now on. */
static void become(struct machine *machine, enum machine_state state)
{
	machine->state = state;
	machine_claims_follow(machine);
}

static void pass(struct machine *machine, time_t seconds)
{
	seen.now += seconds;
	machine_claims_follow(machine);
}

static const char *said(void)
{
	ssize_t length = pread(seen.log_fd, seen.log, sizeof(seen.log) - 1, 0);

	assert_true(length >= 0);
	seen.log[length] = '\0';
	assert_int_equal(ftruncate(seen.log_fd, 0), 0);
	lseek(seen.log_fd, 0, SEEK_SET);
	return seen.log;
}

static void after_a_minute_it_is_said_once(void **state)
{
	struct machine *machine = *state;

	add(machine, "vfio-pci,host=1a:00.0,id=net,addr=3");
	assert_int_equal(seen.timer, 0);
	seen.now += 500; /* before the guest begins */
	become(machine, MACHINE_RUNNING);
	assert_int_equal(seen.timer, 60);
	pass(machine, 59);
	assert_string_equal(said(), "");
	assert_int_equal(seen.timer, 1);
	pass(machine, 1);
	assert_non_null(
		strstr(said(), "vfio-pci 'net' (0000:1a:00.0), 8086:10d3: nothing in the guest has used"));
	assert_non_null(strstr(seen.log, "no driver for it"));
	assert_int_equal(seen.timer, 0);
	pass(machine, 1000);
	assert_string_equal(said(), "");
}

static void who_is_claimed_is_not_spoken_of(void **state)
{
	struct machine *machine = *state;

	add(machine, "vfio-pci,host=1a:00.0,id=net,addr=3");
	become(machine, MACHINE_RUNNING);
	seen.claimed = true;
	pass(machine, 100);
	assert_string_equal(said(), "");
	assert_int_equal(seen.timer, 0);
}

static void time_in_which_it_stands_still_does_not_count(void **state)
{
	struct machine *machine = *state;

	add(machine, "vfio-pci,host=1a:00.0,id=net,addr=3");
	become(machine, MACHINE_RUNNING);
	seen.now += 40;
	become(machine, MACHINE_PAUSED);
	assert_int_equal(seen.timer, 0);
	pass(machine, 1000);
	become(machine, MACHINE_RUNNING);
	assert_int_equal(seen.timer, 20);
	pass(machine, 19);
	assert_string_equal(said(), "");
	pass(machine, 1);
	assert_string_not_equal(said(), "");
}

static void each_has_its_own_minute(void **state)
{
	struct machine *machine = *state;

	add(machine, "vfio-pci,host=1a:00.0,id=one,addr=3");
	become(machine, MACHINE_RUNNING);
	seen.now += 50;
	add(machine, "vfio-pci,host=1a:00.1,id=two,addr=4");
	assert_int_equal(seen.timer, 10);
	pass(machine, 10);
	assert_non_null(strstr(said(), "'one'"));
	assert_null(strstr(seen.log, "'two'"));
	assert_int_equal(seen.timer, 50);
	/* One that has left is nobody's concern. */
	machine->plans->next->leaving = true;
	pci_function_detach(machine->plans->next->function);
	fake_destroy(machine->plans->next->function);
	machine->plans->next->function = NULL;
	pass(machine, 50);
	assert_string_equal(said(), "");
}

static void a_reset_starts_over(void **state)
{
	struct machine *machine = *state;

	add(machine, "vfio-pci,host=1a:00.0,id=net,addr=3");
	become(machine, MACHINE_RUNNING);
	pass(machine, 50);
	seen.now += 5;
	machine_claims_restart(machine);
	assert_int_equal(seen.begun, 1);
	assert_int_equal(seen.timer, 60);
	pass(machine, 59);
	assert_string_equal(said(), "");
	pass(machine, 1);
	assert_string_not_equal(said(), "");
	/* Also one that has been spoken of. */
	machine_claims_restart(machine);
	pass(machine, 60);
	assert_string_not_equal(said(), "");
}

static void who_waits_for_its_function_0_has_not_come(void **state)
{
	struct machine *machine = *state;

	become(machine, MACHINE_RUNNING);
	add(machine, "vfio-pci,host=1a:00.1,id=one,bus=pcie.1,addr=0.1");
	assert_int_equal(seen.timer, 0);
	pass(machine, 100);
	assert_string_equal(said(), "");
	add(machine, "vfio-pci,host=1a:00.0,id=zero,bus=pcie.1,addr=0.0");
	assert_int_equal(seen.timer, 60);
	/* And a guest that does not look is not without a driver for the device. */
	seen.heard = false;
	pass(machine, 60);
	assert_non_null(
		strstr(said(), "'one' (0000:1a:00.0), 8086:10d3: the guest has not taken note of it"));
	assert_non_null(strstr(seen.log, "'zero'"));
	assert_null(strstr(seen.log, "no driver for it"));
}

int main(void)
{
#define claims_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		claims_test(after_a_minute_it_is_said_once),
		claims_test(who_is_claimed_is_not_spoken_of),
		claims_test(time_in_which_it_stands_still_does_not_count),
		claims_test(each_has_its_own_minute),
		claims_test(a_reset_starts_over),
		claims_test(who_waits_for_its_function_0_has_not_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
