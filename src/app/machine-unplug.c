/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device leaves a running machine in three steps: the guest is asked for it by the
 * slot that it sits in (pci/slot.c), and has a deadline; when it has let go, all functions of the slot are
 * taken out (takeout.c); then it is told that they are gone. Whoever asked hears of the end by struct
 * machine_unplug_events, and so does everybody else: what leaves because the host wants it back is told like
 * what somebody has deleted.
 *
 * A slot changes on vCPU threads and a takeout is done on a thread of its own; both count up one eventfd,
 * upon which the main thread looks at all of them.
 *
 * There is a `struct removal` for each slot (or device that has no slot that it could leave) that anybody
 * ever wanted something from. It lives as long as the machine: it remembers what has been said already, for
 * the host repeats its wish every ten seconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "app/takeout-priv.h"
#include "base/log.h"

struct removal {
	struct removal *next;
	struct machine *machine;
	const struct pci_bus *bus;	     /* the slot's, */
	const struct pci_function *function; /* or on the root bus: the one that cannot leave */
	struct pci_function *port;	     /* NULL: on the root bus */
	struct loop_source timer;	     /* the deadline; -1: nothing is pending */
	unsigned seconds;		     /* until then */
	bool wanted;			     /* the host's wish has been told */
	bool failed;			     /* and that it failed, to those who have asked since */
};

struct unplug {
	struct loop_source source; /* an eventfd */
	struct removal *removals;
	struct takeout *takeouts;
	struct machine_unplug_events events;
};

void machine_unplug_listen(struct machine *machine, const struct machine_unplug_events *events)
{
	machine->unplug->events = *events;
}

/* Any thread. */
static void wake(void *opaque)
{
	struct machine *machine = opaque;

	eventfd_write(machine->unplug->source.fd, 1);
}

void machine_unplug_slot_changed(void *opaque, struct pci_function *port)
{
	wake(opaque);
}

static bool is_pending(const struct removal *removal)
{
	return removal->timer.fd >= 0;
}

static void deadline_off(struct removal *removal)
{
	if (!is_pending(removal))
		return;
	loop_remove(removal->machine->loop, &removal->timer);
	close(removal->timer.fd);
	removal->timer.fd = -1;
}

/* All functions behind a port, or one. */
static int take_out_of(struct machine *machine, struct pci_function *port, const struct pci_function *only)
{
	struct takeout *takeout;
	int error = takeout_start(machine, port->secondary, only, wake, machine, &takeout);

	if (error)
		return error_tried("take out what is behind %s", port->id);
	takeout->next = machine->unplug->takeouts;
	machine->unplug->takeouts = takeout;
	return 0;
}

static void take_out(struct removal *removal)
{
	deadline_off(removal);
	if (take_out_of(removal->machine, removal->port, NULL)) {
		log_failure(error_get());
		return;
	}
	pci_root_port_emptied(removal->port);
	removal->wanted = removal->failed = false;
}

static struct pci_function *first_in_slot(const struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		struct pci_function *function = pci_bus_function(bus, PCI_DEVFN_OF(0, i));

		if (function)
			return function;
	}
	return NULL;
}

/* Tells everybody, with the cause in this thread's record. Every function of the slot stays. */
static void fail(struct removal *removal)
{
	const struct machine_unplug_events *events = &removal->machine->unplug->events;
	struct pci_function *first = first_in_slot(removal->bus);
	char name[MACHINE_DEVICE_NAME_SIZE];
	struct error why;

	if (!first)
		return; /* it has left meanwhile */
	error_tried("remove %s", machine_device_name(first, name));
	error_try("shut the guest down, or try once more: the device works as before");
	why = *error_get();
	if (!removal->failed)
		log_failure(&why);
	else
		log_info("%s is still not removed", name);
	removal->failed = true;
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		const struct pci_function *function = pci_bus_function(removal->bus, PCI_DEVFN_OF(0, i));

		if (function && events->failed)
			events->failed(events->opaque, function->id, &why);
	}
}

static void explain_silence(const struct removal *removal, enum pci_slot_state state)
{
	error_set(ETIMEDOUT, "the guest has not let go of it within %u seconds", removal->seconds);
	if (removal->machine->state != MACHINE_RUNNING)
		error_add("it stands still (%s)", machine_state_name(removal->machine->state));
	else if (state == PCI_SLOT_WAITING)
		error_add("it has no driver at work for the hot-plug slot '%s' (acpiphp or pciehp in Linux), "
			  "or "
			  "is still on its way there",
			  removal->port->id);
	else if (state == PCI_SLOT_ASKED)
		error_add("it has been asked, and does not react: its driver for the slot '%s' (acpiphp or "
			  "pciehp in Linux), or the one for the device, may hang, or it has neither",
			  removal->port->id);
	else if (state == PCI_SLOT_LEAVING)
		error_add("it has begun to: its driver for the device may hang");
}

static void on_deadline(struct loop_source *source, uint32_t events)
{
	struct removal *removal = source->opaque;
	enum pci_slot_state state = pci_root_port_slot(removal->port);

	pci_root_port_withdraw(removal->port);
	if (pci_root_port_slot(removal->port) == PCI_SLOT_RELEASED) {
		take_out(removal);
		return;
	}
	deadline_off(removal);
	explain_silence(removal, state);
	fail(removal);
}

static int deadline_on(struct removal *removal)
{
	const struct itimerspec when = { .it_value = { .tv_sec = removal->seconds } };
	int error;

	removal->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (removal->timer.fd < 0)
		return error_sys(errno, "a timer for its removal");
	if (timerfd_settime(removal->timer.fd, 0, &when, NULL))
		error = error_sys(errno, "a timer for its removal");
	else
		error = loop_add(removal->machine->loop, &removal->timer, EPOLLIN);
	if (error) {
		close(removal->timer.fd);
		removal->timer.fd = -1;
	}
	return error;
}

/* What a slot has come to. */
static void look(struct removal *removal)
{
	if (!removal->port)
		return;
	switch (pci_root_port_slot(removal->port)) {
	case PCI_SLOT_RELEASED:
		if (!is_pending(removal))
			log_info("the guest lets go of what is behind %s after all", removal->port->id);
		take_out(removal);
		break;
	case PCI_SLOT_REFUSED:
		pci_root_port_withdraw(removal->port);
		deadline_off(removal);
		error_set(EBUSY, "the guest has refused to let go of it");
		fail(removal);
		break;
	case PCI_SLOT_IDLE:
	case PCI_SLOT_WAITING:
	case PCI_SLOT_ASKED:
	case PCI_SLOT_LEAVING:
		break;
	}
}

static void finish(struct machine *machine, struct takeout *takeout)
{
	const struct machine_unplug_events *events = &machine->unplug->events;

	takeout_finish(takeout);
	for (unsigned i = 0; i < takeout->count && events->deleted; i++)
		events->deleted(events->opaque, takeout->device[i].id);
	takeout_free(takeout);
}

static void on_wake(struct loop_source *source, uint32_t events)
{
	struct machine *machine = source->opaque;
	struct unplug *unplug = machine->unplug;
	struct takeout **link = &unplug->takeouts;
	eventfd_t count;

	(void)eventfd_read(source->fd, &count);
	for (struct removal *removal = unplug->removals; removal; removal = removal->next)
		look(removal);
	while (*link) {
		struct takeout *takeout = *link;

		if (!atomic_load(&takeout->done)) {
			link = &takeout->next;
			continue;
		}
		*link = takeout->next;
		finish(machine, takeout);
	}
}

static int removal_create(struct machine *machine, const struct pci_function *function,
			  struct removal **ret_removal)
{
	struct removal *removal = calloc(1, sizeof(*removal));

	if (!removal)
		return error_sys(ENOMEM, "the removal of a device");
	removal->machine = machine;
	removal->bus = function->bus;
	removal->port = pci_bus_bridge(function->bus);
	removal->function = removal->port ? NULL : function;
	removal->timer = (struct loop_source){ .fd = -1, .ready = on_deadline, .opaque = removal };
	removal->next = machine->unplug->removals;
	machine->unplug->removals = removal;
	*ret_removal = removal;
	return 0;
}

/* Of a function's slot. */
static int removal_of(struct machine *machine, const struct pci_function *function,
		      struct removal **ret_removal)
{
	for (struct removal *removal = machine->unplug->removals; removal; removal = removal->next) {
		if (removal->port ? removal->bus == function->bus : removal->function == function) {
			*ret_removal = removal;
			return 0;
		}
	}
	return removal_create(machine, function, ret_removal);
}

static int cannot_leave(void)
{
	error_try("shut the guest down");
	return error_try(
		"put it behind a port the next time: -device pcie-root-port,id=pcie.1, and bus=pcie.1 for "
		"the device");
}

static int start(struct removal *removal, const struct pci_function *function)
{
	int error;

	if (!removal->port) {
		error_set(
			ENOTSUP,
			"Bus '%s' does not support hotplugging: it is the root bus, from which no guest lets "
			"a device go",
			pci_bus_name(removal->bus));
		return cannot_leave();
	}
	if (is_pending(removal))
		return error_set(EBUSY, "Device %s is already in the process of unplug",
				 function->id ? function->id : vfio_pci_host_name(function));
	removal->seconds = machine_device_plan(removal->machine, function)->unplug_seconds;
	error = deadline_on(removal);
	if (error)
		return error;
	error = pci_root_port_ask(removal->port);
	if (error) {
		deadline_off(removal);
		return error == -ENOTSUP ? cannot_leave() : error;
	}
	return 0;
}

/* Without the guest. */
static int tear_out(struct removal *removal)
{
	int error = removal->port
			    ? pci_root_port_tear_out(removal->port)
			    : error_set(ENOTSUP, "it sits on the root bus, where the guest would not notice");

	if (error)
		return cannot_leave();
	take_out(removal);
	return 0;
}

/* It has come before the function 0 of its slot, so that the guest does not know of it. */
static bool is_unknown_to_guest(const struct pci_function *function)
{
	return pci_bus_bridge(function->bus) && !pci_bus_function(function->bus, PCI_DEVFN_OF(0, 0));
}

int machine_unplug(struct machine *machine, struct pci_function *function, bool force)
{
	char name[MACHINE_DEVICE_NAME_SIZE];
	struct removal *removal;
	int error;

	if (is_unknown_to_guest(function))
		return take_out_of(machine, pci_bus_bridge(function->bus), function);
	error = removal_of(machine, function, &removal);
	if (!error) {
		removal->failed = false; /* whoever asks hears why not */
		error = force ? tear_out(removal) : start(removal, function);
	}
	/* That one has words of its own, which clients know from QEMU. */
	if (error == -EBUSY)
		return error;
	return error ? error_tried("remove %s", machine_device_name(function, name)) : 0;
}

void machine_unplug_for_host(struct machine *machine, struct pci_function *function)
{
	char name[MACHINE_DEVICE_NAME_SIZE];
	struct removal *removal = NULL;
	int error;

	machine_device_name(function, name);
	if (is_unknown_to_guest(function)) {
		log_notice("the host wants %s back, of which the guest does not know yet", name);
		if (take_out_of(machine, pci_bus_bridge(function->bus), function) < 0)
			log_failure(error_get());
		return;
	}
	error = removal_of(machine, function, &removal);
	if (!error && is_pending(removal))
		return;
	if (!error)
		error = start(removal, function);
	if (error) {
		error_tried("give %s back to the host, which wants it", name);
		if (!removal || !removal->wanted)
			log_failure(error_get());
	} else if (!removal->wanted) {
		log_notice("the host wants %s back: the guest has %u seconds to let go of it", name,
			   removal->seconds);
	} else {
		log_info("the host still wants %s back: the guest is asked once more", name);
	}
	if (removal)
		removal->wanted = true;
}

void machine_unplug_after_reset(struct machine *machine)
{
	for (struct removal *removal = machine->unplug->removals; removal; removal = removal->next) {
		if (is_pending(removal))
			take_out(removal);
	}
}

static const struct removal *removal_pending(const struct machine *machine,
					     const struct pci_function *function)
{
	const struct removal *removal = machine->unplug->removals;

	while (removal && !(is_pending(removal) && removal->bus == function->bus))
		removal = removal->next;
	return removal;
}

bool machine_unplug_progress(const struct machine *machine, const struct pci_function *function,
			     struct machine_unplug_progress *ret_progress)
{
	static const char *const phases[] = {
		[PCI_SLOT_IDLE] = "asked",	[PCI_SLOT_WAITING] = "waiting",
		[PCI_SLOT_ASKED] = "asked",	[PCI_SLOT_LEAVING] = "leaving",
		[PCI_SLOT_REFUSED] = "leaving", [PCI_SLOT_RELEASED] = "leaving",
	};
	const struct removal *removal = removal_pending(machine, function);
	struct itimerspec left = { 0 };

	if (!removal)
		return false;
	(void)timerfd_gettime(removal->timer.fd, &left);
	*ret_progress = (struct machine_unplug_progress){
		.phase = phases[pci_root_port_slot(removal->port)],
		.seconds_left = (unsigned)left.it_value.tv_sec + (left.it_value.tv_nsec > 0),
	};
	return true;
}

int machine_unplug_create(struct machine *machine)
{
	struct unplug *unplug = calloc(1, sizeof(*unplug));
	int error;

	if (!unplug)
		return error_sys(ENOMEM, "machine");
	unplug->source = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = on_wake,
		.opaque = machine,
	};
	error = unplug->source.fd < 0 ? error_sys(errno, "events of slots")
				      : loop_add(machine->loop, &unplug->source, EPOLLIN);
	if (error) {
		if (unplug->source.fd >= 0)
			close(unplug->source.fd);
		free(unplug);
		return error;
	}
	machine->unplug = unplug;
	return 0;
}

void machine_unplug_complete(struct machine *machine)
{
	struct unplug *unplug = machine->unplug;

	for (struct removal *removal = unplug->removals; removal; removal = removal->next) {
		if (is_pending(removal))
			take_out(removal);
	}
	while (unplug->takeouts) {
		struct takeout *takeout = unplug->takeouts;

		unplug->takeouts = takeout->next;
		finish(machine, takeout);
	}
}

void machine_unplug_destroy(struct machine *machine)
{
	struct unplug *unplug = machine->unplug;

	if (!unplug)
		return;
	machine_unplug_complete(machine);
	while (unplug->removals) {
		struct removal *removal = unplug->removals;

		unplug->removals = removal->next;
		deadline_off(removal);
		free(removal);
	}
	loop_remove(machine->loop, &unplug->source);
	close(unplug->source.fd);
	free(unplug);
	machine->unplug = NULL;
}
