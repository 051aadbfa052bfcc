/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a device comes into a running machine: a real port, loop and thread, with a host that is made up. */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"

#define PORT PCI_DEVFN_OF(2, 0)

static struct {
	pthread_mutex_t lock;
	char story[1024];
	const char *fails; /* that step does */
	sem_t *hold;	   /* opening waits for it */
	struct vfio_progress progress;
	struct error why;
	uint64_t ticket;
	unsigned fresh; /* how often what came was reset */
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void story(const char *word)
{
	size_t used;

	pthread_mutex_lock(&seen.lock);
	used = strlen(seen.story);
	snprintf(seen.story + used, sizeof(seen.story) - used, "%s ", word);
	pthread_mutex_unlock(&seen.lock);
}

static void expect(const char *wanted)
{
	assert_string_equal(seen.story, wanted);
	seen.story[0] = '\0';
}

/* A step of the work, none of which is for the main thread. */
static int step(const char *name)
{
	story(getpid() == gettid() ? "on the main thread!" : name);
	if (seen.fails && strcmp(seen.fails, name) == 0) {
		error_set(EBUSY, "no %s", name);
		return error_tried("plug");
	}
	return 0;
}

int __wrap_broker_memory(struct broker *broker, uint64_t *ret_total, uint64_t *ret_available);
int __wrap_broker_bind_one(struct broker *broker, const struct host_id *id, bool has_token, bool *ret_moved);
int __wrap_broker_device_check(struct broker *broker, const struct host_id *id, bool has_token,
			       struct broker_device *ret_device);
int __wrap_broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size);
void __wrap_vfio_reset_fresh(struct vfio *vfio);
int __wrap_vfio_pci_create(struct vfio *vfio, const struct vfio_pci_options *options,
			   struct pci_function **ret_function);
const char *__wrap_vfio_pci_host_name(const struct pci_function *function);

int __wrap_broker_memory(struct broker *broker, uint64_t *ret_total, uint64_t *ret_available)
{
	*ret_total = *ret_available = UINT64_C(64) << 20;
	return step("memory");
}

int __wrap_broker_bind_one(struct broker *broker, const struct host_id *id, bool has_token, bool *ret_moved)
{
	int error = step("bind");

	*ret_moved = error == 0;
	return error;
}

int __wrap_broker_device_check(struct broker *broker, const struct host_id *id, bool has_token,
			       struct broker_device *ret_device)
{
	*ret_device = (struct broker_device){ .id = *id };
	return step("check");
}

int __wrap_broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size)
{
	story("back");
	snprintf(ret_driver, size, "nvme");
	return 0;
}

static uint32_t fake_read(struct pci_function *function, unsigned offset, unsigned size)
{
	return 0x12345678;
}

static void fake_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value) {}

static void fake_reset(struct pci_function *function) {}

static void fake_destroy(struct pci_function *function)
{
	story("close");
	pci_function_fini(function);
	free(function);
}

static const struct pci_function_ops fake_ops = {
	.config_read = fake_read,
	.config_write = fake_write,
	.reset = fake_reset,
	.destroy = fake_destroy,
};

int __wrap_vfio_pci_create(struct vfio *vfio, const struct vfio_pci_options *options,
			   struct pci_function **ret_function)
{
	struct pci_function *function;

	if (seen.hold)
		sem_wait(seen.hold);
	if (!options->progress.tell(options->progress.opaque, 1 << 20, 1 << 20))
		return error_set(ECANCELED, "not wanted");
	if (step("open"))
		return -EBUSY;
	function = calloc(1, sizeof(*function));
	assert_non_null(function);
	function->ops = &fake_ops;
	function->driver = "vfio-pci";
	function->id = options->id ? strdup(options->id) : NULL;
	function->multifunction = options->multifunction;
	*ret_function = function;
	return 0;
}

/* Whoever comes last to a slot. */
void __wrap_vfio_reset_fresh(struct vfio *vfio)
{
	seen.fresh++;
}

const char *__wrap_vfio_pci_host_name(const struct pci_function *function)
{
	return "0000:1a:00.0";
}

static void on_done(void *opaque, uint64_t ticket, const struct error *why)
{
	seen.ticket = ticket;
	seen.why = why ? *why : (struct error){ 0 };
	story(why ? "failed" : "done");
}

static void on_progress(void *opaque, const char *id, const char *phase, uint64_t done, uint64_t total)
{
	char text[64];

	assert_true(done <= total);
	snprintf(text, sizeof(text), "%s:%s:%u%%", id, phase, (unsigned)(done * 100 / total));
	if (!strstr(seen.story, text))
		story(text);
}

static int set_up(void **state)
{
	static const struct machine_plug_events events = { .done = on_done, .progress = on_progress };
	static const struct mem_range ram = { 0, 1 << 20 };
	static struct options options = { .memory = 1 << 20 };
	struct machine *machine = calloc(1, sizeof(*machine));
	struct pci_function *port;

	assert_non_null(machine);
	seen.story[0] = '\0';
	seen.fails = NULL;
	seen.hold = NULL;
	log_setup(STDERR_FILENO, LOG_LEVEL_ERROR);
	machine->options = &options;
	lock_init(&machine->lock);
	signals_init(&machine->signals, NULL);
	assert_int_equal(mem_ram_create(&ram, 1, &machine->ram), 0);
	assert_int_equal(loop_create(&machine->loop), 0);
	assert_int_equal(machine_unplug_create(machine), 0);
	assert_int_equal(machine_plug_create(machine), 0);
	machine_plug_listen(machine, &events);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root_bus), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct device_plan *plan = calloc(1, sizeof(*plan));
		const struct device_handles handles = machine_device_handles(machine);

		assert_int_equal(
			device_plan_read(i ? "pcie-root-port,id=pcie.2" : "pcie-root-port,id=pcie.1", plan),
			0);
		assert_int_equal(plan->kind->create(&handles, plan, &port), 0);
		assert_int_equal(pci_bus_attach(machine->root_bus, (uint8_t)(PORT + 8 * i), port), 0);
		plan->function = port;
		machine_plan_add(machine, plan);
	}
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	machine_plug_destroy(machine);
	machine_unplug_destroy(machine);
	pci_bus_destroy(machine->root_bus);
	mem_bus_destroy(machine->mmio);
	while (machine->plans)
		machine_plan_drop(machine, machine->plans);
	mem_ram_destroy(machine->ram);
	loop_destroy(machine->loop);
	lock_fini(&machine->lock);
	free(machine);
	log_setup(STDERR_FILENO, LOG_LEVEL_WARNING);
	return 0;
}

static int plug(struct machine *machine, const char *argument, uint64_t ticket)
{
	struct device_plan *plan = calloc(1, sizeof(*plan));
	int error;

	assert_int_equal(device_plan_read(argument, plan), 0);
	error = machine_plug(machine, plan, ticket);
	if (error) {
		device_plan_free(plan);
		free(plan);
	}
	return error;
}

static void stop(void *opaque)
{
	struct machine *machine = opaque;

	loop_stop(machine->loop);
}

static void run_until(struct machine *machine, const char *wanted)
{
	for (unsigned i = 0; i < 500; i++) {
		bool found;

		assert_int_equal(loop_post(machine->loop, stop, machine), 0);
		assert_int_equal(loop_run(machine->loop), 0);
		pthread_mutex_lock(&seen.lock);
		found = strstr(seen.story, wanted);
		pthread_mutex_unlock(&seen.lock);
		if (found)
			return;
		usleep(10000);
	}
	fail_msg("it never came to '%s': %s", wanted, seen.story);
}

static unsigned slot_status(struct machine *machine)
{
	unsigned at = pci_config_read(machine->root_bus, 0, PORT, PCI_CAPABILITY_LIST, 1);

	while (pci_config_read(machine->root_bus, 0, PORT, at, 1) != PCI_CAP_ID_EXP)
		at = pci_config_read(machine->root_bus, 0, PORT, at + 1, 1);
	return pci_config_read(machine->root_bus, 0, PORT, at + PCI_EXP_SLTSTA, 2);
}

static struct pci_function *behind(struct machine *machine, unsigned function)
{
	return pci_bus_function(pci_bus_find(machine->root_bus, "pcie.1"), PCI_DEVFN_OF(0, function));
}

static void it_comes_when_all_is_done(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=disk,bus=pcie.1", 7), 0);
	run_until(machine, "done");
	assert_int_equal(seen.ticket, 7);
	assert_non_null(behind(machine, 0));
	assert_ptr_equal(machine_device_plan(machine, behind(machine, 0))->function, behind(machine, 0));
	assert_int_equal(slot_status(machine) & (PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC),
			 PCI_EXP_SLTSTA_PDS | PCI_EXP_SLTSTA_PDC);
	assert_non_null(strstr(seen.story, "memory check ")); /* progress may be told in between */
	assert_true(strstr(seen.story, "open ") > strstr(seen.story, "check "));
	assert_non_null(strstr(seen.story, "disk:map:100%"));
	assert_null(strstr(seen.story, "main thread"));
	/* The next one finds the memory where it has to be. */
	seen.story[0] = '\0';
	assert_int_equal(plug(machine, "vfio-pci,host=1b:00.0,id=net,bus=pcie.2", 8), 0);
	run_until(machine, "done");
	assert_null(strstr(seen.story, "memory"));
	assert_null(strstr(seen.story, "populate"));
}

static void what_fails_leaves_nothing(void **state)
{
	static const struct {
		const char *step, *story;
	} cases[] = {
		{ "memory", "memory failed " },
		{ "bind", "memory bind failed " },
		{ "check", "memory bind check back failed " },
	};
	struct machine *machine = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seen.fails = cases[i].step;
		assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=disk,bus=pcie.1,managed=on", 9 + i),
				 0);
		run_until(machine, "failed");
		expect(cases[i].story);
		assert_int_equal(seen.ticket, 9 + i);
		assert_memory_equal(seen.why.because, "no ", 3);
		assert_null(behind(machine, 0));
	}
	seen.fails = "open";
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=disk,bus=pcie.1,managed=on", 20), 0);
	run_until(machine, "failed");
	assert_non_null(strstr(seen.story, "open back "));
	/* Its names and places are free again. */
	seen.fails = NULL;
	seen.story[0] = '\0';
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=disk,bus=pcie.1,managed=on", 21), 0);
	run_until(machine, "done");
}

static const struct device_plan *plan_of(const struct machine *machine, const char *id)
{
	const struct device_plan *plan = machine->plans;

	while (strcmp(plan->id, id) != 0)
		plan = plan->next;
	return plan;
}

static void while_it_comes_its_place_is_taken(void **state)
{
	struct machine_plug_progress progress;
	struct machine *machine = *state;
	sem_t hold;

	sem_init(&hold, 0, 0);
	seen.hold = &hold;
	seen.fresh = 0;
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.1,id=one,bus=pcie.1,addr=0.1", 1), 0);
	run_until(machine, "one:populate:100%");
	assert_true(machine_plug_progress(machine, plan_of(machine, "one"), &progress));
	assert_string_equal(progress.phase, "populate");
	assert_int_equal(progress.done, progress.total);
	assert_false(machine_plug_progress(machine, plan_of(machine, "pcie.1"), &progress));
	assert_int_equal(plug(machine, "vfio-pci,host=1b:00.0,id=one,bus=pcie.2", 2), -EEXIST);
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.1,id=two,bus=pcie.2", 2), -EEXIST);
	assert_int_equal(plug(machine, "vfio-pci,host=1b:00.0,id=two,bus=pcie.1,addr=0.1", 2), -EEXIST);
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=zero,bus=pcie.1,multifunction=on", 2),
			 -EBUSY);
	sem_post(&hold);
	run_until(machine, "done");
	assert_int_equal(seen.fresh, 0);
	assert_non_null(behind(machine, 1));
	/* The guest is not told before function 0 is there. */
	assert_int_equal(slot_status(machine) & PCI_EXP_SLTSTA_PDC, 0);
	seen.fresh = 0;
	seen.story[0] = '\0';
	sem_post(&hold);
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=zero,bus=pcie.1,multifunction=on", 3), 0);
	run_until(machine, "done");
	assert_int_not_equal(slot_status(machine) & PCI_EXP_SLTSTA_PDC, 0);
	assert_int_equal(seen.fresh, 1);
	sem_destroy(&hold);
}

static void the_end_of_the_machine_gives_it_up(void **state)
{
	struct machine *machine = *state;
	sem_t hold;

	sem_init(&hold, 0, 0);
	seen.hold = &hold;
	assert_int_equal(plug(machine, "vfio-pci,host=1a:00.0,id=one,bus=pcie.1,managed=on", 1), 0);
	sem_post(&hold); /* whenever it comes there */
	machine_plug_destroy(machine);
	assert_non_null(strstr(seen.story, "back failed "));
	assert_string_equal(seen.why.because, "the VM has ended");
	assert_null(behind(machine, 0));
	sem_destroy(&hold);
}

int main(void)
{
#define plug_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		plug_test(it_comes_when_all_is_done),
		plug_test(what_fails_leaves_nothing),
		plug_test(while_it_comes_its_place_is_taken),
		plug_test(the_end_of_the_machine_gives_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
