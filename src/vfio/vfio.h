/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_VFIO_H
#define HANDFAST_VFIO_VFIO_H

/*
 * Passthrough of host devices into one VM.
 *
 * A `struct vfio` is the VM's side of it: one I/O address space that mirrors the guest physical map (it
 * listens to it from the first device on), the groups opened so far, the KVM-VFIO device. Each device
 * becomes a PCI function.
 */
#include "base/host_id.h"
#include "base/loop.h"
#include "host/broker.h"
#include "kvm/vm.h"
#include "mem/bus.h"
#include "mem/map.h"
#include "pci/pci.h"
#include "vfio/rom.h"

struct vfio;

/*
 * What the host's kernel tells of a device. Main thread; the function is on its bus, and may be detached and
 * destroyed from within.
 */
struct vfio_events {
	/* An error that no driver can correct (PCI Express 5.0, 6.2.2.2). Once for each. */
	void (*error)(void *opaque, struct pci_function *function);
	/* The host wants it back. Told again every ten seconds, until it has been destroyed. */
	void (*request)(void *opaque, struct pci_function *function);
	void *opaque;
};

/* The handles a device needs, and no more. All outlive the struct vfio. */
struct vfio_handles {
	struct broker *broker;
	struct kvm_vm *vm;
	struct mem_map *map;
	struct mem_bus *mmio;
	struct mem_bus *pio;
	struct loop *loop; /* the main thread's; NULL: nothing is told */
	struct vfio_events events;
};

int vfio_create(const struct vfio_handles *handles, struct vfio **ret_vfio);
/* All its functions are destroyed already. */
void vfio_destroy(struct vfio *vfio);

/* How many bytes of guest memory have been mapped, of how many; false: to be given up. tell NULL: nobody
 * asks. */
struct vfio_progress {
	bool (*tell)(void *opaque, uint64_t done, uint64_t total);
	void *opaque;
};

struct vfio_pci_options {
	const char *id; /* may be NULL */
	struct host_id host;
	bool multifunction;
	const char *vf_token;	    /* a UUID; NULL: none */
	bool no_p2p;		    /* the other devices of this VM do not reach its BARs by DMA */
	bool no_rom;		    /* no option ROM is shown; the device's own is not read either */
	const struct vfio_rom *rom; /* shown in place of its own; NULL: its own. The caller's, copied */
	struct vfio_progress progress;
};

/*
 * Opens the device, resets it once if opening has not, and makes a PCI function of it, not attached yet.
 * Guest RAM must be in the map already: it is mapped for the device when the first one comes. On failure
 * nothing stays open. Takes long; no lock held. Destroying the function (ops->destroy) resets the device
 * and closes it, the last one of a group its group, the last of all the address space.
 */
int vfio_pci_create(struct vfio *vfio, const struct vfio_pci_options *options,
		    struct pci_function **ret_function);

/*
 * Before a guest sees what was created: resets, with their bus, the devices that the kernel could not reset
 * when it opened them, so that nothing of what the host or another guest left in them comes along. That takes
 * all functions of ours on such a bus, created already, and none of them used by the guest yet. One that
 * stays as it is is named in the log. Takes long; no lock held.
 */
void vfio_reset_fresh(struct vfio *vfio);

/* Its name on the host, for messages: "0000:1a:00.3". A function that vfio_pci_create() made; valid as long
 * as it is. */
const char *vfio_pci_host_name(const struct pci_function *function);

/* Mappings in the I/O address space: guest memory takes one for each 256 MiB of a block, BARs that other
 * devices reach one each. limit: what the kernel allows, 0 where it knows no limit or there is no device.
 * Any thread; waits for nobody. */
struct vfio_usage {
	const char *backend; /* "type1"; NULL: there is no device, and all else is 0 */
	unsigned mappings;
	unsigned limit;
	uint64_t mapped; /* bytes of guest memory that are */
	uint64_t total;	 /* and that are to be; 0: not begun */
};

void vfio_usage_get(struct vfio *vfio, struct vfio_usage *ret_usage);

#endif
