/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device comes into a running machine in three steps. Its plan is placed and enters
 * the machine's list, by which its name, its slot and its device of the host are taken, however many ask at
 * the same time. A thread does what takes long (intake.c). Then the main thread puts the function on its bus
 * and tells the slot; only from here on does the guest know of it, and only now is whoever asked answered.
 * What the guest makes of it is not waited for.
 *
 * Threads count up an eventfd, upon which the main thread looks at all of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/intake-priv.h"
#include "app/machine-priv.h"
#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

struct plug {
	struct loop_source source; /* an eventfd */
	struct intake *intakes;
	struct machine_plug_events events;
};

void machine_plug_listen(struct machine *machine, const struct machine_plug_events *events)
{
	machine->plug->events = *events;
}

/* Any thread. */
static void wake(void *opaque)
{
	struct machine *machine = opaque;

	eventfd_write(machine->plug->source.fd, 1);
}

int machine_plug(struct machine *machine, struct device_plan *plan, uint64_t ticket)
{
	struct intake *intake;
	int error = device_plan_place_plugged(machine->plans, plan);

	if (error < 0)
		return error;
	error = intake_start(machine, plan, wake, machine, &intake);
	if (error < 0)
		return error;
	machine_plan_add(machine, plan);
	intake->ticket = ticket;
	intake->next = machine->plug->intakes;
	machine->plug->intakes = intake;
	return 0;
}

static int attach(struct machine *machine, struct device_plan *plan, struct pci_function *function)
{
	struct pci_bus *bus = pci_bus_find(machine->root_bus, plan->bus);
	char name[MACHINE_DEVICE_NAME_SIZE];
	int error;

	check(bus);					    /* device_plan_place_plugged() has seen to it, */
	error = pci_bus_attach(bus, plan->devfn, function); /* and to this */
	if (error < 0)
		return error;
	machine_claims_follow(machine); /* the time up to here is not the new one's */
	plan->function = function;
	log_notice("%s: plugged into '%s'", machine_device_name(function, name), plan->bus);
	if (PCI_DEVFN_OF(0, 0) == plan->devfn)
		pci_root_port_filled(pci_bus_bridge(bus));
	machine_claims_follow(machine);
	return 0;
}

/* Nobody gets to see it. Closing it waits for nobody but the host. */
static void discard(struct machine *machine, struct intake *intake, struct pci_function *function)
{
	const struct device_plan *plan = intake->plan;
	char driver[64];

	function->ops->destroy(function);
	if (plan->managed && broker_give_back(machine->broker, plan->host.bdf, driver, sizeof(driver)))
		log_failure(error_get());
}

static void finish(struct machine *machine, struct intake *intake)
{
	const struct machine_plug_events *events = &machine->plug->events;
	struct pci_function *function;
	int error = intake_finish(intake, &function);

	if (error == 0) {
		error = attach(machine, intake->plan, function);
		if (error) {
			struct error why = *error_get();

			discard(machine, intake, function);
			error_load(&why);
		}
	}
	if (events->done)
		events->done(events->opaque, intake->ticket, error ? error_get() : NULL);
	if (error)
		machine_plan_drop(machine, intake->plan);
	intake_free(intake);
}

static const char *const phases[] = {
	[INTAKE_CHECKS] = "checks",
	[INTAKE_POPULATE] = "populate",
	[INTAKE_MAP] = "map",
};

bool machine_plug_progress(const struct machine *machine, const struct device_plan *plan,
			   struct machine_plug_progress *ret_progress)
{
	const struct intake *intake = machine->plug->intakes;

	while (intake && intake->plan != plan)
		intake = intake->next;
	if (!intake)
		return false;
	*ret_progress = (struct machine_plug_progress){
		.phase = phases[atomic_load(&intake->phase)],
		.done = atomic_load(&intake->done_bytes),
		.total = atomic_load(&intake->total_bytes),
	};
	return true;
}

static void tell_progress(struct machine *machine, const struct intake *intake)
{
	const struct machine_plug_events *events = &machine->plug->events;
	int phase = atomic_load(&intake->phase);

	if (phase != INTAKE_CHECKS && events->progress)
		events->progress(events->opaque, intake->plan->id, phases[phase],
				 atomic_load(&intake->done_bytes), atomic_load(&intake->total_bytes));
}

static void on_wake(struct loop_source *source, uint32_t events)
{
	struct machine *machine = source->opaque;
	struct intake **link = &machine->plug->intakes;
	eventfd_t count;

	(void)eventfd_read(source->fd, &count);
	while (*link) {
		struct intake *intake = *link;

		tell_progress(machine, intake);
		if (!atomic_load(&intake->done)) {
			link = &intake->next;
			continue;
		}
		*link = intake->next;
		finish(machine, intake);
	}
}

int machine_plug_create(struct machine *machine)
{
	struct plug *plug = calloc(1, sizeof(*plug));
	int error;

	if (!plug)
		return error_sys(ENOMEM, "machine");
	plug->source = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = on_wake,
		.opaque = machine,
	};
	error = plug->source.fd < 0 ? error_sys(errno, "events of devices that come")
				    : loop_add(machine->loop, &plug->source, EPOLLIN);
	if (error) {
		if (plug->source.fd >= 0)
			close(plug->source.fd);
		free(plug);
		return error;
	}
	machine->plug = plug;
	return 0;
}

void machine_plug_destroy(struct machine *machine)
{
	struct plug *plug = machine->plug;

	if (!plug)
		return;
	for (struct intake *intake = plug->intakes; intake; intake = intake->next)
		atomic_store(&intake->cancelled, true);
	while (plug->intakes) {
		struct intake *intake = plug->intakes;
		struct pci_function *function;

		plug->intakes = intake->next;
		if (intake_finish(intake, &function) == 0)
			discard(machine, intake, function);
		error_set(ECANCELED, "the VM has ended");
		error_tried("plug %s in", intake->plan->kind->name);
		if (plug->events.done)
			plug->events.done(plug->events.opaque, intake->ticket, error_get());
		intake_free(intake);
	}
	loop_remove(machine->loop, &plug->source);
	close(plug->source.fd);
	free(plug);
	machine->plug = NULL;
}
