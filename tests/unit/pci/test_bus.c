/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci/bus.c and pci/dispatch.c: who may sit where, who answers to a bus number, and that a function that
 * left is left alone. */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "fake.h"
#include "pci/bus-priv.h"
#include "pci/root_port.h"

struct machine {
	struct lock lock;
	struct mem_bus *mmio;
	struct pci_bus *root;
};

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	lock_init(&machine->lock);
	assert_int_equal(mem_bus_create(&machine->lock, &machine->mmio), 0);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
	*state = machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	pci_bus_destroy(machine->root);
	mem_bus_destroy(machine->mmio);
	lock_fini(&machine->lock);
	free(machine);
	return 0;
}

static struct fake *add(struct pci_bus *bus, unsigned slot, unsigned number, const char *id)
{
	struct fake *fake = fake_create(id, NULL);

	fake_attach(bus, slot, number, &fake->function);
	return fake;
}

static struct fake *add_multi(struct pci_bus *bus, unsigned slot, unsigned number, const char *id)
{
	struct fake *fake = fake_create(id, NULL);

	fake->function.multifunction = true;
	fake_attach(bus, slot, number, &fake->function);
	return fake;
}

static struct fake *add_bridge(struct machine *machine, struct pci_bus *bus, unsigned slot, const char *id)
{
	struct fake *fake = fake_bridge_create(&machine->lock, id, PCI_SLOTS);

	fake_attach(bus, slot, 0, &fake->function);
	return fake;
}

static struct pci_function *add_port(struct machine *machine, unsigned slot, const char *id)
{
	struct pci_root_port_options options = { .id = id };
	struct pci_root_port_handles handles = { .machine_lock = &machine->lock, .mmio = machine->mmio };
	struct pci_function *port;

	assert_int_equal(pci_root_port_create(&handles, &options, &port), 0);
	fake_attach(machine->root, slot, 0, port);
	return port;
}

static void assert_refused(int ret, int errnum, const char *because, const char *remedy)
{
	assert_int_equal(ret, -errnum);
	assert_string_equal(error_get()->because, because);
	assert_string_equal(error_get()->remedy, remedy);
}

static void buses_and_functions_are_found_by_name(void **state)
{
	struct machine *machine = *state;
	struct fake *bridge = add_bridge(machine, machine->root, 4, "br");
	struct fake *inner = add_bridge(machine, bridge->function.secondary, 7, "inner");
	struct fake *net = add(inner->function.secondary, 31, 0, "net");

	add(machine->root, 1, 0, NULL);
	assert_ptr_equal(pci_bus_find(machine->root, "pcie.0"), machine->root);
	assert_ptr_equal(pci_bus_find(machine->root, "inner"), inner->function.secondary);
	assert_null(pci_bus_find(machine->root, "net"));
	assert_null(pci_bus_find(bridge->function.secondary, "pcie.0"));
	assert_ptr_equal(pci_bus_find_function(machine->root, "net"), &net->function);
	assert_ptr_equal(pci_bus_find_function(machine->root, "br"), &bridge->function);
	assert_null(pci_bus_find_function(machine->root, "nobody"));
	assert_ptr_equal(pci_bus_function(inner->function.secondary, PCI_DEVFN_OF(31, 0)), &net->function);
	assert_null(pci_bus_function(machine->root, PCI_DEVFN_OF(31, 0)));
	assert_ptr_equal(pci_bus_bridge(inner->function.secondary), &inner->function);
	assert_null(pci_bus_bridge(machine->root));
	assert_string_equal(pci_bus_name(inner->function.secondary), "inner");
	assert_int_equal(pci_bus_slots(machine->root), 32);
}

static void a_slot_is_taken_once(void **state)
{
	struct machine *machine = *state;

	add(machine->root, 3, 0, "net");
	add(machine->root, 4, 0, NULL);
	assert_refused(pci_bus_can_attach(machine->root, PCI_DEVFN_OF(3, 0), false), EEXIST,
		       "slot 3 function 0 of bus pcie.0 is taken by vfio-pci 'net'",
		       "another slot with addr=, or no addr= for the lowest free one");
	assert_refused(pci_bus_can_attach(machine->root, PCI_DEVFN_OF(4, 0), true), EEXIST,
		       "slot 4 function 0 of bus pcie.0 is taken by vfio-pci",
		       "another slot with addr=, or no addr= for the lowest free one");
	assert_int_equal(pci_bus_can_attach(machine->root, PCI_DEVFN_OF(5, 0), false), 0);
}

static void a_port_has_one_slot(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *bus = add_port(machine, 2, "pcie.1")->secondary;
	unsigned slot = 99;

	assert_refused(pci_bus_can_attach(bus, PCI_DEVFN_OF(1, 0), false), EINVAL,
		       "bus pcie.1 has slot 0 only (it is a PCI Express link), and no slot 1", "addr=0x0");
	assert_int_equal(pci_bus_free_slot(bus, &slot), 0);
	assert_int_equal(slot, 0);
	add(bus, 0, 0, "disk");
	slot = 99;
	assert_refused(
		pci_bus_free_slot(bus, &slot), ENOSPC,
		"the only slot of bus pcie.1 is taken by vfio-pci 'disk'",
		"name another bus with bus=, or add one with -device pcie-root-port,id=NAME,bus=pcie.0");
	assert_int_equal(slot, 99);
}

static void the_lowest_free_slot_is_given(void **state)
{
	struct machine *machine = *state;
	unsigned slot;

	add(machine->root, 0, 0, NULL);
	add_multi(machine->root, 1, 3, NULL); /* any function takes its slot */
	add(machine->root, 3, 0, NULL);
	assert_int_equal(pci_bus_free_slot(machine->root, &slot), 0);
	assert_int_equal(slot, 2);
	for (unsigned i = 4; i < PCI_SLOTS; i++)
		add(machine->root, i, 0, NULL);
	add(machine->root, 2, 0, NULL);
	assert_int_equal(pci_bus_free_slot(machine->root, &slot), -ENOSPC);
	assert_string_equal(error_get()->because, "all 32 slots of bus pcie.0 are taken");
}

static void functions_need_a_function_0_that_says_so(void **state)
{
	struct machine *machine = *state;

	add(machine->root, 3, 0, "net");
	assert_refused(pci_bus_can_attach(machine->root, PCI_DEVFN_OF(3, 1), true), EINVAL,
		       "the guest would never look for function 1 of slot 3 of bus pcie.0: function 0 there, "
		       "vfio-pci "
		       "'net', does not say that there are others",
		       "multifunction=on for vfio-pci 'net'");

	/* Function 0 may come last, as at hot-plug. */
	add(machine->root, 5, 2, "snd");
	assert_refused(pci_bus_can_attach(machine->root, PCI_DEVFN_OF(5, 0), false), EINVAL,
		       "slot 5 of bus pcie.0 has vfio-pci 'snd' as function 2, which the guest would never "
		       "look for: "
		       "function 0 does not say that there are others",
		       "multifunction=on for function 0");
	assert_refused(pci_bus_validate(machine->root), EINVAL,
		       "slot 5 of bus pcie.0 has vfio-pci 'snd' as function 2 and no function 0: the guest "
		       "would never "
		       "look for it",
		       "addr=0x5.0x0 for one of the functions, with multifunction=on where there are more");
	add_multi(machine->root, 5, 0, "gpu");
	assert_int_equal(pci_bus_validate(machine->root), 0);
	add(machine->root, 5, 7, "usb");
	assert_int_equal(pci_bus_validate(machine->root), 0);
}

static void buses_behind_bridges_are_validated_too(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *bus = add_port(machine, 2, "pcie.1")->secondary;

	assert_int_equal(pci_bus_validate(machine->root), 0);
	add(bus, 0, 1, "b");
	assert_int_equal(pci_bus_validate(machine->root), -EINVAL);
	assert_string_equal(error_get()->because,
			    "slot 0 of bus pcie.1 has vfio-pci 'b' as function 1 and no "
			    "function 0: the guest would never look for it");
}

static void a_refused_function_stays_the_callers(void **state)
{
	struct machine *machine = *state;
	struct fake *second = fake_create("second", NULL);
	unsigned destroyed = 0;

	add(machine->root, 3, 0, "net");
	second->destroyed = &destroyed;
	assert_int_equal(pci_bus_attach(machine->root, PCI_DEVFN_OF(3, 0), &second->function), -EEXIST);
	assert_int_equal(destroyed, 0);
	fake_attach(machine->root, 4, 0, &second->function);
	pci_function_detach(&second->function);
	assert_null(pci_bus_function(machine->root, PCI_DEVFN_OF(4, 0)));
	assert_int_equal(destroyed, 0);
	fake_attach(machine->root, 4, 0, &second->function); /* and may come again */
	pci_bus_destroy(machine->root);
	assert_int_equal(destroyed, 1);
	assert_int_equal(pci_bus_create_root(&machine->lock, "pcie.0", &machine->root), 0);
}

static void nobody_reads_all_ones(void **state)
{
	struct machine *machine = *state;
	struct fake *net = add(machine->root, 3, 0, "net");
	uint8_t devfn = PCI_DEVFN_OF(3, 0);

	assert_int_equal(pci_config_read(machine->root, 0, devfn, 0, 4), 0x56781234);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 1, 2), 0x7812);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 3, 1), 0x56);
	assert_int_equal(pci_config_read(machine->root, 0, devfn + 1, 0, 4), 0xffffffff);
	assert_int_equal(pci_config_read(machine->root, 0, devfn + 8, 0, 2), 0xffff);
	assert_int_equal(pci_config_read(machine->root, 1, devfn, 0, 1), 0xff);
	pci_config_write(machine->root, 1, devfn, 0, 4, 0);

	/* Over the end, and widths that do not exist. */
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 4094, 2), 0);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 4094, 4), 0xffffffff);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 4096, 1), 0xff);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, 0, 3), 0xffffff);
	assert_int_equal(pci_config_read(machine->root, 0, devfn, UINT32_MAX, 4), 0xffffffff);
	pci_config_write(machine->root, 0, devfn, PCI_INTERRUPT_LINE, 3, 0x11);
	pci_config_write(machine->root, 0, devfn, 4095, 4, UINT32_MAX);
	assert_int_equal(net->config.data[PCI_INTERRUPT_LINE], 0);
	pci_config_write(machine->root, 0, devfn, PCI_INTERRUPT_LINE, 1, 0xffffff11);
	assert_int_equal(net->config.data[PCI_INTERRUPT_LINE], 0x11);
}

static void function_0_decides_the_multifunction_bit(void **state)
{
	struct machine *machine = *state;
	struct fake *gpu = add_multi(machine->root, 5, 0, "gpu");
	struct fake *net = add(machine->root, 3, 0, "net");

	add(machine->root, 5, 1, "snd");
	net->config.data[PCI_HEADER_TYPE] = 0x80; /* as the host's device may say */
	gpu->config.data[PCI_HEADER_TYPE] = 0x00;
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(3, 0), PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(5, 0), PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(5, 1), PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(5, 0), PCI_CACHE_LINE_SIZE, 4),
			 0x00800000);
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(5, 0), PCI_LATENCY_TIMER, 2), 0x8000);
	assert_int_equal(pci_config_read(machine->root, 0, PCI_DEVFN_OF(5, 0), PCI_BIST, 1), 0);
}

/* Writes a bridge's secondary and subordinate numbers, on the way that a guest has. */
static void set_numbers(struct machine *machine, uint8_t bus, unsigned slot, uint32_t secondary,
			uint32_t subordinate)
{
	pci_config_write(machine->root, bus, PCI_DEVFN_OF(slot, 0), PCI_PRIMARY_BUS, 4,
			 subordinate << 16 | secondary << 8 | bus);
}

static bool answers(struct machine *machine, uint8_t bus, unsigned slot)
{
	return pci_config_read(machine->root, bus, PCI_DEVFN_OF(slot, 0), 0, 4) != UINT32_MAX;
}

static void bus_numbers_are_the_guests(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *one = add_bridge(machine, machine->root, 1, "one")->function.secondary;
	struct pci_bus *two = add_bridge(machine, machine->root, 2, "two")->function.secondary;
	struct pci_bus *inner = add_bridge(machine, one, 4, "inner")->function.secondary;

	add(inner, 9, 0, "deep");
	add(two, 8, 0, "flat");
	for (unsigned bus = 1; bus < 256; bus++)
		assert_false(answers(machine, (uint8_t)bus, 8));

	set_numbers(machine, 0, 1, 1, 2);
	set_numbers(machine, 0, 2, 3, 3);
	assert_true(answers(machine, 1, 4));
	assert_false(answers(machine, 2, 9)); /* the inner one knows no number yet */
	set_numbers(machine, 1, 4, 2, 2);
	assert_true(answers(machine, 2, 9));
	assert_true(answers(machine, 3, 8));

	/* Moved far away: found there, and no longer here. */
	set_numbers(machine, 0, 1, 0x80, 0xff);
	assert_false(answers(machine, 1, 4));
	assert_true(answers(machine, 0x80, 4));
	assert_false(answers(machine, 2, 9)); /* no bridge above forwards 2 */
	set_numbers(machine, 0x80, 4, 0xff, 0xff);
	assert_true(answers(machine, 0xff, 9));
}

static void nonsense_in_bus_numbers_is_harmless(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *one = add_bridge(machine, machine->root, 1, "one")->function.secondary;
	struct pci_bus *two = add_bridge(machine, machine->root, 2, "two")->function.secondary;
	struct pci_bus *inner = add_bridge(machine, one, 4, "inner")->function.secondary;

	add(machine->root, 9, 0, "shallow");
	add(two, 8, 0, "flat");
	add(inner, 8, 0, "deep");

	/* Subordinate below secondary forwards nothing; secondary 0 never hides the root bus. */
	set_numbers(machine, 0, 1, 5, 4);
	assert_false(answers(machine, 5, 4));
	assert_false(answers(machine, 4, 4));
	set_numbers(machine, 0, 1, 1, 2);
	set_numbers(machine, 1, 4, 2, 2);
	assert_true(answers(machine, 2, 8));
	set_numbers(machine, 0, 1, 0, 0xff);
	assert_true(answers(machine, 0, 9));
	assert_false(answers(machine, 2, 8));
	assert_false(answers(machine, 7, 4));

	/* The same number twice: the first bridge has it, and with it all that it forwards. */
	set_numbers(machine, 0, 1, 1, 3);
	set_numbers(machine, 0, 2, 1, 3);
	assert_true(answers(machine, 1, 4));
	assert_false(answers(machine, 1, 8));
	set_numbers(machine, 0, 2, 3, 3);
	assert_false(answers(machine, 3, 8));

	/* A bridge that claims its own parent's number: the parent's bus answers. */
	set_numbers(machine, 1, 4, 1, 1);
	assert_true(answers(machine, 1, 4));
	assert_false(answers(machine, 1, 8));

	/* Every value of both registers, seen from every number. */
	for (unsigned i = 0; i < 65536; i += 257 * 3 / 2) {
		set_numbers(machine, 0, 1, i & 0xff, i >> 8);
		set_numbers(machine, (uint8_t)i, 4, i >> 8, i & 0xff);
		for (unsigned bus = 1; bus < 256; bus++)
			pci_config_read(machine->root, (uint8_t)bus, PCI_DEVFN_OF(8, 0), 0, 4);
		assert_true(answers(machine, 0, 9));
	}
}

static void pins_are_swizzled_at_each_bridge(void **state)
{
	struct machine *machine = *state;
	struct pci_bus *port = add_port(machine, 6, "pcie.1")->secondary;
	struct pci_bus *outer = add_bridge(machine, machine->root, 3, "outer")->function.secondary;
	struct pci_bus *inner = add_bridge(machine, outer, 2, "inner")->function.secondary;
	struct fake *net = add(machine->root, 3 + 8, 0, "net");
	struct fake *behind = add(port, 0, 0, "behind");
	struct fake *deep = add(inner, 5, 0, "deep");

	assert_int_equal(pci_function_gsi(&net->function, 1), 16 + 3);
	assert_int_equal(pci_function_gsi(&net->function, 2), 16 + 4);
	assert_int_equal(pci_function_gsi(&net->function, 4), 16 + 6);
	/* Slot 0 changes no pin: as the port itself. */
	assert_int_equal(pci_function_gsi(&behind->function, 1), 16 + 6);
	assert_int_equal(pci_function_gsi(&behind->function, 3), 16 + 0);
	/* INTA of slot 5 is INTB of the inner bridge in slot 2, that INTD of the outer one in slot 3. */
	assert_int_equal(pci_function_gsi(&deep->function, 1), 16 + (3 + 3) % 8);
	assert_int_equal(pci_function_gsi(&deep->function, 2), 16 + (3 + 0) % 8);
}

static void reset_reaches_everyone_once(void **state)
{
	struct machine *machine = *state;
	struct fake *outer = add_bridge(machine, machine->root, 3, "outer");
	struct fake *net = add(machine->root, 4, 0, "net");
	struct fake *deep = add(outer->function.secondary, 31, 0, "deep");

	pci_bus_reset(machine->root);
	assert_int_equal(outer->resets, 1);
	assert_int_equal(net->resets, 1);
	assert_int_equal(deep->resets, 1);
	pci_bus_reset(outer->function.secondary);
	assert_int_equal(outer->resets, 1);
	assert_int_equal(net->resets, 1);
	assert_int_equal(deep->resets, 2);
}

/* An access that stays inside its function until it is let go. */
struct gate {
	sem_t inside;
	sem_t go;
};

static void wait_at_gate(struct fake *fake)
{
	struct gate *gate = fake->opaque;

	sem_post(&gate->inside);
	while (sem_wait(&gate->go) < 0)
		assert_int_equal(errno, EINTR);
}

static void *read_vendor(void *opaque)
{
	struct machine *machine = opaque;

	return (void *)(uintptr_t)pci_config_read(machine->root, 0, PCI_DEVFN_OF(3, 0), 0, 4);
}

static void *detach(void *opaque)
{
	pci_function_detach(opaque);
	return NULL;
}

static bool is_there(struct machine *machine, uint8_t devfn)
{
	bool there;

	lock_take(&machine->lock);
	there = pci_bus_function(machine->root, devfn) != NULL;
	lock_drop(&machine->lock);
	return there;
}

static void detach_waits_for_the_access_at_work(void **state)
{
	struct machine *machine = *state;
	struct fake *net = add(machine->root, 3, 0, "net");
	pthread_t reader, leaver;
	struct gate gate;
	void *value;

	sem_init(&gate.inside, 0, 0);
	sem_init(&gate.go, 0, 0);
	net->opaque = &gate;
	net->linger = wait_at_gate;
	assert_int_equal(pthread_create(&reader, NULL, read_vendor, machine), 0);
	while (sem_wait(&gate.inside) < 0)
		assert_int_equal(errno, EINTR);

	assert_int_equal(pthread_create(&leaver, NULL, detach, &net->function), 0);
	while (is_there(machine, PCI_DEVFN_OF(3, 0)))
		usleep(100);
	assert_false(answers(machine, 0, 3));
	usleep(20000);
	assert_int_equal(pthread_tryjoin_np(leaver, NULL), EBUSY);
	sem_post(&gate.go);
	assert_int_equal(pthread_join(leaver, NULL), 0);
	assert_int_equal(pthread_join(reader, &value), 0);
	assert_int_equal((uintptr_t)value, 0x56781234);
	net->function.ops->destroy(&net->function);
	sem_destroy(&gate.inside);
	sem_destroy(&gate.go);
}

struct readers {
	struct machine *machine;
	atomic_bool stop;
	atomic_uint seen;
};

static void *read_all_the_time(void *opaque)
{
	struct readers *readers = opaque;
	struct pci_bus *root = readers->machine->root;

	for (uint8_t bus = 0; !atomic_load(&readers->stop); bus ^= 1) {
		uint32_t value = pci_config_read(root, bus, PCI_DEVFN_OF(bus ? 0 : 3, 0), 0, 4);

		if (value != UINT32_MAX && value != 0x56781234)
			return "a value that nobody has";
		if (value == 0x56781234)
			atomic_fetch_add(&readers->seen, 1);
		pci_config_write(root, bus, PCI_DEVFN_OF(bus ? 0 : 3, 0), PCI_INTERRUPT_LINE, 1, value);
		pci_config_write(root, 0, PCI_DEVFN_OF(6, 0), PCI_SUBORDINATE_BUS, 1, 1 + (value & 1));
	}
	return NULL;
}

/* Freed memory touched by a late access is what the sanitizers are for. */
static void functions_come_and_go_under_fire(void **state)
{
	struct machine *machine = *state;
	struct readers readers = { .machine = machine };
	struct pci_bus *behind = add_port(machine, 6, "pcie.1")->secondary;
	pthread_t threads[3];
	void *complaint;

	set_numbers(machine, 0, 6, 1, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &readers), 0);
	for (unsigned i = 0; i < 2000 || atomic_load(&readers.seen) < 1000; i++) {
		struct fake *net = add(machine->root, 3, 0, "net");
		struct fake *disk = add(behind, 0, 0, "disk");

		if (i % 16 == 0)
			usleep(50);
		pci_function_detach(&net->function);
		net->function.ops->destroy(&net->function);
		pci_function_detach(&disk->function);
		disk->function.ops->destroy(&disk->function);
	}
	atomic_store(&readers.stop, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], &complaint), 0);
		assert_null(complaint);
	}
}

static void accesses_are_counted(void **state)
{
	struct machine *machine = *state;
	struct fake *fake = add(machine->root, 3, 0, "net");

	for (unsigned i = 0; i < 3; i++)
		(void)pci_config_read(machine->root, 0, PCI_DEVFN_OF(3, 0), 0, 4);
	pci_config_write(machine->root, 0, PCI_DEVFN_OF(3, 0), 4, 2, 0);
	/* What nobody carries out, who is not the guest, and resets do not count. */
	pci_config_write(machine->root, 0, PCI_DEVFN_OF(3, 0), 4, 3, 0);
	(void)fake->function.ops->config_read(&fake->function, 0, 4);
	pci_bus_reset(machine->root);
	assert_int_equal(pci_function_accesses(&fake->function).reads, 3);
	assert_int_equal(pci_function_accesses(&fake->function).writes, 1);
	pci_function_accesses_forget(&fake->function);
	assert_int_equal(pci_function_accesses(&fake->function).reads, 0);
}

int main(void)
{
#define bus_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		bus_test(buses_and_functions_are_found_by_name),
		bus_test(a_slot_is_taken_once),
		bus_test(a_port_has_one_slot),
		bus_test(the_lowest_free_slot_is_given),
		bus_test(functions_need_a_function_0_that_says_so),
		bus_test(buses_behind_bridges_are_validated_too),
		bus_test(a_refused_function_stays_the_callers),
		bus_test(nobody_reads_all_ones),
		bus_test(function_0_decides_the_multifunction_bit),
		bus_test(bus_numbers_are_the_guests),
		bus_test(nonsense_in_bus_numbers_is_harmless),
		bus_test(pins_are_swizzled_at_each_bridge),
		bus_test(reset_reaches_everyone_once),
		bus_test(detach_waits_for_the_access_at_work),
		bus_test(functions_come_and_go_under_fire),
		bus_test(accesses_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
