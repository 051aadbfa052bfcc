/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_MACHINE_PRIV_H
#define HANDFAST_APP_MACHINE_PRIV_H

#include <signal.h>
#include <stdatomic.h>

#include "app/devices.h"
#include "app/layout.h"
#include "app/machine.h"
#include "app/signals.h"
#include "app/slots.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/loop.h"
#include "boot/boot.h"
#include "dev/chardev.h"
#include "dev/platform.h"
#include "dev/serial.h"
#include "host/broker.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "mem/bus.h"
#include "mem/map.h"
#include "mem/ram.h"
#include "pci/acpi.h"
#include "pci/host_bridge.h"
#include "pci/pci.h"
#include "vfio/vfio.h"

/* What a guest, or a vCPU that cannot go on, asks of the main thread: bits of machine.requests. */
#define MACHINE_REQUEST_RESET	  1u
#define MACHINE_REQUEST_POWER_OFF 2u
#define MACHINE_REQUEST_FAILED	  4u
/* And what somebody outside asks for. */
#define MACHINE_REQUEST_HOST_RESET 8u

/* QEMU's run states, of which these are enough: see machine_state_name(). */
enum machine_state {
	MACHINE_PRELAUNCH, /* at its beginning, or reset while it stood still; not started */
	MACHINE_RUNNING,
	MACHINE_PAUSED,
	MACHINE_INTERNAL_ERROR, /* stopped by an error: goes on only after a reset */
	MACHINE_SHUTDOWN,	/* at its end */
};

struct machine {
	const struct options *options;
	struct lock lock;
	struct loop *loop;
	struct broker *broker;
	struct layout_host layout_host;
	struct layout layout;

	struct device_plan *plans; /* of all devices that it has, or is to have; the main thread's */
	bool managed;		   /* some device is bound and given back by the broker, or was */
	int kernel_fd;
	int initrd_fd;
	int kvm_fd;
	int log_fd;

	struct mem_ram *ram;
	atomic_bool populated; /* all of it has been faulted in */
	struct mem_map *map;
	struct mem_region ram_regions[MEM_RAM_BLOCKS_MAX + 2]; /* the first block may be three of them */
	size_t ram_region_count;
	struct mem_bus *mmio;
	struct mem_bus *pio;
	struct kvm_vm *vm;
	struct slots slots;
	struct signals signals;
	struct kvm_vcpu *vcpus[OPTIONS_CPUS_MAX];
	unsigned vcpu_count;

	struct pci_bus *root_bus;
	uint64_t ecam_size;
	struct pci_host_bridge *host_bridge;
	struct pci_acpi *acpi; /* NULL: slots are native only */
	struct vfio *vfio;
	struct plug *plug;
	struct unplug *unplug;
	struct claims *claims;

	struct chardev *chardev;
	struct serial *serial;
	struct rtc *rtc;
	struct pm *pm;
	struct i8042 *i8042;

	enum machine_state state; /* the main thread's */
	struct qmp *qmp;
	const char *reset_reason; /* why somebody outside had it reset, the last time */
	const char *end_reason;	  /* why it ends, for those who listen; NULL: it does not */
	bool end_by_guest;
	atomic_uint requests;
	struct loop_source request_source; /* an eventfd */
	struct loop_source signal_source;  /* a signalfd */
	struct error failure;		   /* of the vCPU that failed; valid after MACHINE_REQUEST_FAILED */
	atomic_flag failed;
	int ended_by_signal;
	bool ended_by_failure;
};

/* machine-attach.c: what the kinds of the device table get. */
struct device_handles machine_device_handles(struct machine *machine);
/* Makes a device and puts it on its bus, as its plan says, before the guest runs. */
int machine_attach(struct machine *machine, struct device_plan *plan);

/* machine-check.c: opens what can be opened and runs every check before anything is changed. Then binds the
 * devices with managed=on. */
int machine_check(struct machine *machine);
/* Its parts that a device which comes later needs too. Any thread. */
int machine_check_pinned_memory(struct machine *machine);
int machine_load_rom(struct machine *machine, struct device_plan *plan, const struct broker_device *device);

/*
 * machine-state.c: does the guest run? Main thread only.
 *
 * machine_pause() stops all vCPUs and returns when they stand still, which an access that is at work may take
 * its time for. A machine that stands still already keeps its state, unless this is an error. What assigned
 * devices do to memory goes on, and so does time: the guest is told that it stood still (KVM_KVMCLOCK_CTRL),
 * so that its watchdogs keep quiet.
 */
void machine_pause(struct machine *machine, enum machine_state state);
/* Lets it go on. Does nothing while it runs. Errors: EBUSY after an error that only a reset mends. */
int machine_resume(struct machine *machine);
/* As power-off and power-on. A guest that runs is started anew; one that stands still is at its beginning
 * then and goes on standing still. */
int machine_reset(struct machine *machine);
/* For good: nothing runs after it. */
void machine_shut_down(struct machine *machine);
/* machine-state-name.c: as QEMU calls it: "running", "paused", ... */
const char *machine_state_name(enum machine_state state);

/* machine-devices.c: the devices that it has or is to have. */
/* "vfio-pci 'net' (0000:1a:00.3)"; returns ret_name. */
#define MACHINE_DEVICE_NAME_SIZE 160
const char *machine_device_name(const struct pci_function *function, char ret_name[MACHINE_DEVICE_NAME_SIZE]);
/* What a function on its bus was made from. */
struct device_plan *machine_device_plan(const struct machine *machine, const struct pci_function *function);
/* The plan is the machine's from now on, at the end of its list. malloc()ed. */
void machine_plan_add(struct machine *machine, struct device_plan *plan);
void machine_plan_drop(struct machine *machine, struct device_plan *plan);

/*
 * machine-host-events.c: what becomes of what the host's kernel tells of a device. An error: what
 * x-err-action= says is done, who listens is told, and it is logged. The host wants it back: it is removed.
 */
struct vfio_events machine_device_events(struct machine *machine);

/* machine-plug.c: devices come while the machine runs. Main thread. */
struct machine_plug_events {
	/* What a request has come to; why NULL: the guest has the device. */
	void (*done)(void *opaque, uint64_t ticket, const struct error *why);
	/* How far memory is: phase "populate" or "map", bytes. id: the device's; NULL: it has none. */
	void (*progress)(void *opaque, const char *id, const char *phase, uint64_t done, uint64_t total);
	void *opaque;
};
void machine_plug_listen(struct machine *machine, const struct machine_plug_events *events);
/*
 * Has the device opened and put where the plan says. The plan is malloc()ed, and the machine's if this
 * returns 0; events.done() tells the end, whatever it is, with this ticket. Errors: what the request alone is
 * refused for.
 */
int machine_plug(struct machine *machine, struct device_plan *plan, uint64_t ticket);
/* How far a device is with coming: bytes of a phase ("checks", which has none, "populate", "map"). False: it
 * is not coming. */
struct machine_plug_progress {
	const char *phase;
	uint64_t done, total;
};
bool machine_plug_progress(const struct machine *machine, const struct device_plan *plan,
			   struct machine_plug_progress *ret_progress);
int machine_plug_create(struct machine *machine);
/* Waits for what is on its way in, which is given up. NULL machine->plug is fine. */
void machine_plug_destroy(struct machine *machine);

/* machine-unplug.c: devices leave while the machine runs. Main thread, except where it says so. */

/* Told of every device that leaves, or was to leave, whoever wanted it. id: its name; NULL: it has none. */
struct machine_unplug_events {
	/* Another process could open it now. */
	void (*deleted)(void *opaque, const char *id);
	/* The guest has refused, or not reacted in time: why. The device works as before, and may leave
	 * still. */
	void (*failed)(void *opaque, const char *id, const struct error *why);
	void *opaque;
};
void machine_unplug_listen(struct machine *machine, const struct machine_unplug_events *events);
/*
 * Asks the guest to let go of an assigned device, with all functions of its slot. What comes of it is told by
 * the events. force: it is taken out without asking, also while the guest is being asked. Errors: ENOTSUP
 * where it cannot leave (the root bus, hotplug=off), EBUSY while an earlier request is pending.
 */
int machine_unplug(struct machine *machine, struct pci_function *function, bool force);
/* The same for the host, which repeats itself. What is to be said is logged, once. */
void machine_unplug_for_host(struct machine *machine, struct pci_function *function);
/* How far a device is with leaving: "waiting" (the guest cannot hear it yet), "asked", or "leaving" (it has
 * begun), and how long it may still take for that. False: nobody is waiting for it to leave. */
struct machine_unplug_progress {
	const char *phase;
	unsigned seconds_left;
};
bool machine_unplug_progress(const struct machine *machine, const struct pci_function *function,
			     struct machine_unplug_progress *ret_progress);
/* After a reset of all functions, before the guest runs: who was to leave is not asked any more. */
void machine_unplug_after_reset(struct machine *machine);
/* For pci_root_port_create(); opaque is the machine. Any thread. */
void machine_unplug_slot_changed(void *opaque, struct pci_function *port);
int machine_unplug_create(struct machine *machine);
/* The guest has ended: who was to leave leaves. Waits for all that are on their way out, and tells of them.
 */
void machine_unplug_complete(struct machine *machine);
/* vCPUs are gone. NULL machine->unplug is fine. */
void machine_unplug_destroy(struct machine *machine);

/*
 * machine-claims.c: looks after each assigned device until the guest has run with it for a minute, and says
 * so once where no driver has been seen at it. Main thread. NULL machine->claims: nobody looks.
 */
int machine_claims_create(struct machine *machine);
void machine_claims_destroy(struct machine *machine);
/* The guest runs or stands still from now on, or a device has come. */
void machine_claims_follow(struct machine *machine);
/* It begins: what has been done to its devices up to here was not its doing. No vCPU runs. */
void machine_claims_restart(struct machine *machine);

/* machine-load.c: memory and processors as at power-on. No vCPU runs. */
int machine_load(struct machine *machine);

/* machine-requests.c: what is to become of the machine, asked from anywhere, done by the main thread's loop.
 */
/* Has the main thread do what these MACHINE_REQUEST_ bits say, soon. Any thread; never blocks. */
void machine_request(struct machine *machine, unsigned bits);
/* Has the machine reset, soon; reason: for the event (QEMU's ShutdownCause). Main thread. */
void machine_ask_reset(struct machine *machine, const char *reason);
/* Ends machine_run(), soon, with this failure. Main thread. */
void machine_fail(struct machine *machine, const struct error *failure);
/* Ends machine_run(), soon; the first reason is the one that is told (QEMU's ShutdownCause). Main thread. */
void machine_end(struct machine *machine, bool by_guest, const char *reason);
/* The signals that end it. */
void machine_ending_signals(sigset_t *ret_signals);
/* They wait from here on, for machine_die_if_signalled() or machine_run(). Before threads exist. */
void machine_hold_signals(void);
/* For long work before machine_run(): an ending signal that has come takes its default action now, after
 * managed devices have been given back. No device is open. */
void machine_die_if_signalled(struct machine *machine);

/* machine-run.c: the main thread's loop, and what devices and vCPUs call. */
extern const struct dev_machine_ops machine_dev_ops;
extern const struct kvm_vcpu_ops machine_vcpu_ops;
int machine_watch(struct machine *machine); /* signals and requests */
void machine_unwatch(struct machine *machine);

#endif
