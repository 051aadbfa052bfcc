/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything about a new device that takes its time happens here, on a thread that holds no lock of the
 * machine: the guest runs, and others are answered. Nobody but this thread knows of the device until it is
 * done.
 */
#include "app/intake-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define TELL_MS 500 /* progress, that often at most */

static long long ms_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000LL + (to->tv_nsec - from->tv_nsec) / 1000000;
}

static void show_progress(struct intake *intake, enum intake_phase phase, uint64_t done, uint64_t total)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&intake->done_bytes, done);
	atomic_store(&intake->total_bytes, total);
	atomic_store(&intake->phase, (int)phase);
	if (done != total && ms_between(&intake->told, &now) < TELL_MS)
		return;
	intake->told = now;
	intake->wake(intake->opaque);
}

static bool on_populated(void *opaque, uint64_t done, uint64_t total)
{
	struct intake *intake = opaque;

	show_progress(intake, INTAKE_POPULATE, done, total);
	return !atomic_load(&intake->cancelled);
}

static bool on_mapped(void *opaque, uint64_t done, uint64_t total)
{
	struct intake *intake = opaque;

	show_progress(intake, INTAKE_MAP, done, total);
	return !atomic_load(&intake->cancelled);
}

/* Faulted in on all processors first, memory is pinned much faster than by the kernel's own single thread. */
static int populate(struct intake *intake)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct machine *machine = intake->machine;
	int error = 0;

	if (!atomic_load(&machine->populated))
		error = mem_ram_populate(machine->ram, processors > 0 ? (unsigned)processors : 1,
					 on_populated, intake);
	if (error == 0)
		atomic_store(&machine->populated, true);
	return error;
}

/* All that is refused is refused here; what comes after it fails by accident. */
static int check_all(struct intake *intake)
{
	struct broker *broker = intake->machine->broker;
	struct device_plan *plan = &intake->own;
	struct broker_device device;
	int error = device_plan_find(plan, broker);

	if (error == 0 && !atomic_load(&intake->machine->populated))
		error = machine_check_pinned_memory(intake->machine);
	/* What somebody else of this VM has had bound is not given back for a failure here. */
	if (error == 0 && plan->managed)
		error = broker_bind_one(broker, &plan->host, plan->vf_token != NULL, &intake->bound);
	if (error == 0)
		error = broker_device_check(broker, &plan->host, plan->vf_token != NULL, &device);
	if (error == 0)
		error = machine_load_rom(intake->machine, plan, &device);
	return error;
}

static int open_device(struct intake *intake)
{
	struct device_handles handles = machine_device_handles(intake->machine);
	int error;

	handles.progress = (struct vfio_progress){ on_mapped, intake };
	error = intake->own.kind->create(&handles, &intake->own, &intake->function);
	/* Its function 0 is the last to come to a slot. */
	if (!error && (intake->own.devfn & 7) == 0)
		vfio_reset_fresh(handles.vfio);
	return error;
}

static void give_back(struct intake *intake)
{
	char driver[64];

	if (broker_give_back(intake->machine->broker, intake->own.host.bdf, driver, sizeof(driver)))
		log_failure(error_get());
}

static void *work(void *opaque)
{
	struct intake *intake = opaque;
	int error = check_all(intake);

	if (error == 0)
		error = populate(intake);
	if (error == 0)
		error = open_device(intake);
	if (error) {
		intake->why = *error_get();
		if (intake->bound)
			give_back(intake);
	}
	atomic_store(&intake->done, true);
	intake->wake(intake->opaque);
	return NULL;
}

int intake_start(struct machine *machine, struct device_plan *plan, void (*wake)(void *opaque), void *opaque,
		 struct intake **ret_intake)
{
	struct intake *intake = calloc(1, sizeof(*intake));
	int error;

	if (!intake)
		return error_sys(ENOMEM, "the work for it");
	intake->machine = machine;
	intake->plan = plan;
	intake->own = *plan;
	intake->wake = wake;
	intake->opaque = opaque;
	error = pthread_create(&intake->thread, NULL, work, intake);
	if (error) {
		free(intake);
		return error_sys(error, "a thread for it");
	}
	*ret_intake = intake;
	return 0;
}

int intake_finish(struct intake *intake, struct pci_function **ret_function)
{
	pthread_join(intake->thread, NULL);
	/* The words of the plan are the machine's still. */
	intake->plan->host = intake->own.host;
	intake->plan->host_known = intake->own.host_known;
	intake->plan->rom = intake->own.rom;
	*ret_function = intake->function;
	return intake->function ? 0 : error_load(&intake->why);
}

void intake_free(struct intake *intake)
{
	free(intake);
}
