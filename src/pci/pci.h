/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_PCI_PCI_H
#define HANDFAST_PCI_PCI_H

/*
 * PCI as the guest sees it: buses, the functions on them, and how configuration accesses find them.
 * Register names and values are those of <linux/pci_regs.h>.
 */
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

#define PCI_BARS		     6
#define PCI_ROM_BAR		     PCI_BARS /* the expansion ROM's number in tables of BARs, */
#define PCI_BARS_AND_ROM	     7	      /* which have so many entries */
#define PCI_SLOTS		     32
#define PCI_FUNCTIONS		     8
#define PCI_DEVFN_OF(slot, function) ((uint8_t)((slot) << 3 | (function)))
#define PCI_CONFIG_SIZE		     256
#define PCIE_CONFIG_SIZE	     4096

struct pci_bus;
struct pci_function;

enum pci_bar_kind {
	PCI_BAR_NONE, /* not there, or the upper half of a 64-bit one */
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64,
	PCI_BAR_ROM, /* below 4 GiB, switched on by a bit of its own register too; of entry PCI_ROM_BAR only
		      */
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size; /* a power of two; of a ROM 2 KiB to 16 MiB */
};

struct pci_function_ops {
	/*
	 * offset + size <= 4096, size 1, 2 or 4, any alignment. Any vCPU thread, several at once: the
	 * function takes its own lock. Called without the machine lock; may take long.
	 */
	uint32_t (*config_read)(struct pci_function *function, unsigned offset, unsigned size);
	void (*config_write)(struct pci_function *function, unsigned offset, unsigned size, uint32_t value);
	/*
	 * To the state after power-on. May take long. Either all vCPUs are stopped (reset of the machine),
	 * or one of them calls (a bridge's secondary bus reset) while others may be in config_read or
	 * config_write of this very function: the function's own lock decides.
	 */
	void (*reset)(struct pci_function *function);
	/* It sits on its bus (function->bus, devfn) from now on. Main thread. NULL: it need not know. */
	void (*attached)(struct pci_function *function);
	/* It is off its bus for good, no access is at work; destroy comes next, on whatever thread. Main
	 * thread. NULL: it need not know. */
	void (*detached)(struct pci_function *function);
	/* Off the bus already; no access is at work. Frees it. */
	void (*destroy)(struct pci_function *function);
};

/* How often somebody has reached into a function. */
struct pci_accesses {
	uint64_t reads;
	uint64_t writes;
};

/* Embedded at the start of each kind of function. The fields up to the blank line are set by its maker
 * before pci_bus_attach() and do not change after. */
struct pci_function {
	const struct pci_function_ops *ops;
	char *id;	    /* as the user named it, or NULL; freed by pci_function_fini() */
	const char *driver; /* "vfio-pci", "pcie-root-port", ...: for messages */
	bool multifunction;
	struct pci_bar bars[PCI_BARS_AND_ROM];
	struct pci_bus *secondary; /* the bus behind it, for a bridge */
	/* AtomicOps of its that the root port above it is to say it completes, as bits of that one's Device
	 * Capabilities 2 (PCI Express 5.0, 6.15 and 7.5.3.15). */
	uint32_t atomics;

	/* pci/bus.c's own */
	struct pci_bus *bus;
	uint8_t devfn;
	unsigned busy; /* configuration accesses and resets at work */
	struct pci_accesses accesses;
	sem_t *drained; /* posted when busy comes down to 0 after a detach */
};

/* Frees what struct pci_function owns itself: its id, and the bus behind it with all functions there. */
void pci_function_fini(struct pci_function *function);

/*
 * Buses. The root bus is named "pcie.0"; a bridge's bus has the bridge's id.
 */
int pci_bus_create_root(struct lock *machine_lock, const char *name, struct pci_bus **ret_bus);
/* The bus behind a bridge, created with the bridge and entered as bridge->secondary; slots: 1 behind a
 * PCI Express port. */
int pci_bus_create_secondary(struct lock *machine_lock, const char *name, struct pci_function *bridge,
			     unsigned slots, struct pci_bus **ret_bus);
/*
 * Room behind a bridge, in bytes, for devices that may come later: I/O ports, memory below 4 GiB,
 * prefetchable memory above. PCI_RESERVE_AUTO: as pci_assign() thinks fit. Before the guest runs.
 */
#define PCI_RESERVE_AUTO UINT64_MAX
void pci_bus_set_reserve(struct pci_bus *bus, uint64_t io, uint64_t mem, uint64_t pref64);
/* Detaches and destroys all functions on it, buses behind them included. */
void pci_bus_destroy(struct pci_bus *bus);

const char *pci_bus_name(const struct pci_bus *bus);
struct pci_function *pci_bus_bridge(const struct pci_bus *bus); /* NULL: the root bus */
unsigned pci_bus_slots(const struct pci_bus *bus);
/* The bus named so below this one (itself included), or NULL. */
struct pci_bus *pci_bus_find(struct pci_bus *root, const char *name);
/* The function there, or NULL. Main thread, or vCPUs stopped. */
struct pci_function *pci_bus_function(const struct pci_bus *bus, uint8_t devfn);
/* The function with this id on this bus or below, or NULL. */
struct pci_function *pci_bus_find_function(struct pci_bus *root, const char *id);
/* The lowest slot with no function in it, or -ENOSPC with the cause. */
int pci_bus_free_slot(const struct pci_bus *bus, unsigned *ret_slot);

/*
 * Whether a function could be attached there, without doing it: slot in range, free, and the
 * multifunction rules (PCI 3.0, 3.2.2.3.4: function 0 carries the bit; functions other than 0 only
 * beside such a function 0 or before it comes). Errors: EINVAL, EEXIST; the cause names the slot and
 * who sits there.
 */
int pci_bus_can_attach(const struct pci_bus *bus, uint8_t devfn, bool multifunction);
/* Takes ownership on success. The guest sees it at once. */
int pci_bus_attach(struct pci_bus *bus, uint8_t devfn, struct pci_function *function);
/* Off the bus; waits until no configuration access is at work. Ownership returns to the caller. Not from
 * one of the function's own operations, no lock held. */
void pci_function_detach(struct pci_function *function);

/* After all functions are attached, before the guest runs: every slot with functions has a function 0,
 * and that one says multifunction where there are others. The cause names the slot. */
int pci_bus_validate(const struct pci_bus *bus);

/* Calls ops->reset for every function of this bus and below. Any thread, no lock held. */
void pci_bus_reset(struct pci_bus *bus);

/*
 * Configuration accesses by the guest's bus numbers, from the host bridge. bus_number is matched
 * against the bridges' secondary and subordinate registers. size 1, 2 or 4. Nobody there: all-ones.
 * The multifunction bit of the header type is put in here.
 */
uint32_t pci_config_read(struct pci_bus *root, uint8_t bus_number, uint8_t devfn, unsigned offset,
			 unsigned size);
void pci_config_write(struct pci_bus *root, uint8_t bus_number, uint8_t devfn, unsigned offset, unsigned size,
		      uint32_t value);

/* How many of these there were for the function since it was attached or they were last forgotten. Its own
 * operations called by others do not count. Any thread, no lock held. */
struct pci_accesses pci_function_accesses(const struct pci_function *function);
void pci_function_accesses_forget(struct pci_function *function);

/* The interrupt line (GSI 16 to 23) that this function's pin (1: INTA to 4: INTD) is wired to, through
 * the bridges above it (PCI-to-PCI Bridge 1.2, 9.1). The DSDT says the same to the guest. */
uint32_t pci_function_gsi(const struct pci_function *function, unsigned pin);

#endif
