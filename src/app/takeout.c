/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closing a device resets it and, for the last one, takes the guest's memory out of the IOMMU: tenths of a
 * second in which the main thread has other things to do. So it only takes the functions off their bus, and a
 * thread does the rest: it comes with the removal and goes with it.
 */
#include "app/takeout-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

static void give_back(struct takeout *takeout, struct takeout_device *device)
{
	device->error = broker_give_back(takeout->machine->broker, device->host, device->driver,
					 sizeof(device->driver));
	if (device->error)
		device->why = *error_get();
}

static void *work(void *opaque)
{
	struct takeout *takeout = opaque;

	for (unsigned i = 0; i < takeout->count; i++)
		takeout->device[i].function->ops->destroy(takeout->device[i].function);
	/* All are closed: a group belongs to all of its devices. */
	/* Also one that is none of managed=on may have been what kept another one here. */
	for (unsigned i = 0; i < takeout->count; i++) {
		if (takeout->device[i].managed || takeout->others_managed)
			give_back(takeout, &takeout->device[i]);
	}
	atomic_store(&takeout->done, true);
	takeout->wake(takeout->opaque);
	return NULL;
}

static int note(struct takeout *takeout, struct pci_function *function)
{
	struct device_plan *plan = machine_device_plan(takeout->machine, function);
	struct takeout_device *device = &takeout->device[takeout->count];

	*device = (struct takeout_device){ .function = function, .plan = plan, .managed = plan->managed };
	if (function->id) {
		device->id = strdup(function->id);
		if (!device->id)
			return error_sys(ENOMEM, "taking %s out", function->id);
	}
	machine_device_name(function, device->name);
	device->host = plan->host.bdf;
	takeout->count++;
	return 0;
}

static void detach(struct takeout_device *device)
{
	pci_function_detach(device->function);
	device->plan->function = NULL;
	device->plan->leaving = true;
}

int takeout_start(struct machine *machine, struct pci_bus *bus, const struct pci_function *only,
		  void (*wake)(void *opaque), void *opaque, struct takeout **ret_takeout)
{
	struct takeout *takeout = calloc(1, sizeof(*takeout));
	int error = 0;

	if (!takeout)
		return error_sys(ENOMEM, "taking a device out");
	takeout->machine = machine;
	takeout->wake = wake;
	takeout->opaque = opaque;
	takeout->others_managed = machine->managed;
	/* Function 0 last: by it the slot is known to be occupied. */
	for (unsigned i = PCI_FUNCTIONS; i-- > 0 && !error;) {
		struct pci_function *function = pci_bus_function(bus, PCI_DEVFN_OF(0, i));

		if (function && (!only || only == function))
			error = note(takeout, function);
	}
	if (error) {
		takeout_free(takeout);
		return error;
	}
	for (unsigned i = 0; i < takeout->count; i++)
		detach(&takeout->device[i]);
	*ret_takeout = takeout;
	takeout->threaded = pthread_create(&takeout->thread, NULL, work, takeout) == 0;
	if (!takeout->threaded)
		work(takeout); /* slower for others, but no less done */
	return 0;
}

static void say(const struct takeout_device *device)
{
	if (device->error == -ENODEV) {
		log_notice("%s: removed, and gone from this host", device->name);
	} else if (device->error) {
		log_notice("%s: removed, and not given back yet: that is tried once more when another one "
			   "leaves, or the VM ends",
			   device->name);
		log_failure(&device->why);
	} else if (device->driver[0]) {
		log_notice("%s: removed, and given back to %s", device->name, device->driver);
	} else {
		log_notice("%s: removed", device->name);
	}
}

void takeout_finish(struct takeout *takeout)
{
	if (takeout->threaded)
		pthread_join(takeout->thread, NULL);
	for (unsigned i = 0; i < takeout->count; i++) {
		say(&takeout->device[i]);
		machine_plan_drop(takeout->machine, takeout->device[i].plan);
	}
}

void takeout_free(struct takeout *takeout)
{
	for (unsigned i = 0; i < takeout->count; i++)
		free(takeout->device[i].id);
	free(takeout);
}
