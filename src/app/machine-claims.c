/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Where a guest has no driver for a device, nothing fails: it just is not there for its
 * user, who looks for the reason everywhere else. So each assigned device is watched until the guest has run
 * with it for a minute. Then it has been claimed, as far as can be seen (vfio/facts.h), or somebody is told.
 *
 * Each plan counts the time for itself, because time in which the guest stands still does not count. All are
 * brought up to date whenever it begins or ceases to run or a device comes, and when the first of them has
 * its minute full: for that, and for as long as there is one, a timer runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "app/machine-priv.h"
#include "base/log.h"
#include "vfio/facts.h"

#define SECOND	   UINT64_C(1000000000)
#define PATIENCE_S 60u

struct claims {
	struct loop_source timer;
	uint64_t since; /* up to when time has been counted */
	bool running;	/* and whether that now goes on */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static bool is_watched(const struct device_plan *plan)
{
	return plan->kind->host_device && plan->function && !plan->watched_out;
}

/* A function that is not to be seen without its function 0 has not come yet. */
static bool has_come(const struct pci_function *function)
{
	return pci_bus_function(function->bus, function->devfn & (uint8_t)~7) != NULL;
}

static bool was_heard(const struct pci_function *function)
{
	struct pci_function *port = pci_bus_bridge(function->bus);

	return !port || pci_root_port_heard(port);
}

static void say(const struct pci_function *function, const struct vfio_pci_facts *facts)
{
	char name[MACHINE_DEVICE_NAME_SIZE];

	machine_device_name(function, name);
	if (was_heard(function))
		log_warning("%s, %04x:%04x: nothing in the guest has used it in the %u s that the guest has "
			    "had it: "
			    "its kernel most likely has no driver for it (lspci -nnk in the guest tells)",
			    name, facts->vendor, facts->device, PATIENCE_S);
	else
		log_warning("%s, %04x:%04x: the guest has not taken note of it in %u s: most likely its "
			    "kernel has "
			    "no driver for hot-plug slots (acpiphp or pciehp in Linux), or it still boots",
			    name, facts->vendor, facts->device, PATIENCE_S);
}

static void judge(struct device_plan *plan)
{
	struct vfio_pci_facts facts;

	vfio_pci_facts_get(plan->function, &facts);
	/* What is just being reset or set up has somebody who uses it. */
	plan->watched_out = true;
	if (!facts.claimed && !facts.busy)
		say(plan->function, &facts);
}

/* Looks at all, and returns when next; 0: nobody is left. */
static uint64_t count(struct machine *machine, uint64_t elapsed)
{
	uint64_t next = 0;

	for (struct device_plan *plan = machine->plans; plan; plan = plan->next) {
		uint64_t left;

		if (!is_watched(plan) || !has_come(plan->function))
			continue;
		plan->watched_ns += elapsed;
		if (plan->watched_ns >= PATIENCE_S * SECOND) {
			judge(plan);
			continue;
		}
		left = PATIENCE_S * SECOND - plan->watched_ns;
		next = next && next < left ? next : left;
	}
	return next;
}

/* nanoseconds 0: never. */
static void timer_set(struct claims *claims, uint64_t nanoseconds)
{
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(nanoseconds / SECOND),
						       .tv_nsec = (long)(nanoseconds % SECOND) } };

	(void)timerfd_settime(claims->timer.fd, 0, &when, NULL);
}

void machine_claims_follow(struct machine *machine)
{
	struct claims *claims = machine->claims;
	uint64_t now, next;

	if (!claims)
		return;
	now = now_ns();
	next = count(machine, claims->running ? now - claims->since : 0);
	claims->since = now;
	claims->running = machine->state == MACHINE_RUNNING;
	timer_set(claims, claims->running ? next : 0);
}

void machine_claims_restart(struct machine *machine)
{
	for (struct device_plan *plan = machine->plans; plan; plan = plan->next) {
		if (!plan->kind->host_device || !plan->function)
			continue;
		plan->watched_ns = 0;
		plan->watched_out = false;
		pci_function_accesses_forget(plan->function);
		vfio_pci_guest_begins(plan->function);
	}
	if (machine->claims)
		machine->claims->since = now_ns();
	machine_claims_follow(machine);
}

static void on_timer(struct loop_source *source, uint32_t events)
{
	uint64_t expirations;

	if (read(source->fd, &expirations, sizeof(expirations)) > 0)
		machine_claims_follow(source->opaque);
}

int machine_claims_create(struct machine *machine)
{
	struct claims *claims = calloc(1, sizeof(*claims));
	int error;

	if (!claims)
		return error_sys(ENOMEM, "machine");
	claims->timer = (struct loop_source){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.ready = on_timer,
		.opaque = machine,
	};
	error = claims->timer.fd < 0 ? error_sys(errno, "a timer for devices")
				     : loop_add(machine->loop, &claims->timer, EPOLLIN);
	if (error) {
		if (claims->timer.fd >= 0)
			close(claims->timer.fd);
		free(claims);
		return error;
	}
	machine->claims = claims;
	return 0;
}

void machine_claims_destroy(struct machine *machine)
{
	struct claims *claims = machine->claims;

	if (!claims)
		return;
	loop_remove(machine->loop, &claims->timer);
	close(claims->timer.fd);
	free(claims);
	machine->claims = NULL;
}
