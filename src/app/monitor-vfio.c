/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-vfio: what there is to know of the assigned devices, those that come and those that leave among them.
 */
#include <stdio.h>

#include "app/machine-priv.h"
#include "app/monitor-priv.h"
#include "base/cleanup.h"
#include "base/sysfs.h"
#include "host/irq-counts.h"
#include "vfio/facts.h"

#define NOT_MAPPED (-1)

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, text ? qmp_string(text) : NULL);
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

static void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

/* The address space that all share. */
static struct json_object *dma(const struct machine *machine)
{
	struct json_object *object = json_object_new_object();
	struct vfio_usage usage;
	bool mapped;

	vfio_usage_get(machine->vfio, &usage);
	mapped = usage.total && usage.mapped == usage.total;
	add_text(object, "state", !usage.mapped ? "none" : mapped ? "mapped" : "partial");
	if (!usage.backend)
		return object;
	add_text(object, "backend", usage.backend);
	add_number(object, "mapped", usage.mapped);
	add_number(object, "total", usage.total);
	add_number(object, "mappings", usage.mappings);
	if (usage.limit)
		add_number(object, "limit", usage.limit);
	return object;
}

static const char *bar_type(enum pci_bar_kind kind)
{
	if (kind == PCI_BAR_ROM)
		return "rom";
	return kind == PCI_BAR_IO ? "io" : "memory";
}

static struct json_object *bar_of(const struct pci_bar *bar, unsigned index,
				  const struct vfio_bar_facts *facts)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "bar", index);
	add_text(object, "type", bar_type(bar->kind));
	add_number(object, "size", bar->size);
	add_number(object, "address", facts->visible ? facts->address : (uint64_t)NOT_MAPPED);
	if (bar->kind == PCI_BAR_MEM32 || bar->kind == PCI_BAR_MEM64) {
		add_bool(object, "prefetch", bar->prefetchable);
		add_bool(object, "mem_type_64", bar->kind == PCI_BAR_MEM64);
	}
	add_number(object, "mappable", facts->mappable);
	add_number(object, "mapped", facts->mapped);
	return object;
}

static struct json_object *bars(const struct pci_function *function, const struct vfio_pci_facts *facts)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		if (function->bars[i].kind != PCI_BAR_NONE)
			json_object_array_add(list, bar_of(&function->bars[i], i, &facts->bar[i]));
	}
	return list;
}

static void add_region(struct json_object *list, const char *region, struct pci_accesses accesses)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "region", region);
	add_number(object, "reads", accesses.reads);
	add_number(object, "writes", accesses.writes);
	json_object_array_add(list, object);
}

static struct json_object *trapped(const struct pci_function *function, const struct vfio_pci_facts *facts)
{
	struct json_object *list = json_object_new_array();

	add_region(list, "config", pci_function_accesses(function));
	for (unsigned i = 0; i < PCI_BARS_AND_ROM; i++) {
		char name[8] = "rom";

		if (function->bars[i].kind == PCI_BAR_NONE)
			continue;
		if (i != PCI_ROM_BAR)
			snprintf(name, sizeof(name), "bar%u", i % PCI_BARS_AND_ROM);
		add_region(list, name, facts->bar[i].trapped);
	}
	return list;
}

/* counted: /proc/interrupts, or NULL. */
static struct json_object *interrupts(const struct vfio_interrupt_facts *facts, const char *name,
				      const char *counted)
{
	struct json_object *object = json_object_new_object();
	uint64_t count;

	add_text(object, "mode", facts->mode);
	add_number(object, "vectors", facts->vectors);
	add_number(object, "in-use", facts->in_use);
	add_number(object, "masked", facts->masked);
	if (counted && irq_counts_find(counted, name, &count))
		add_number(object, "count", count);
	return object;
}

static struct json_object *reset(const struct vfio_reset_facts *facts)
{
	struct json_object *object = json_object_new_object();

	if (facts->available)
		add_text(object, "available", facts->available);
	add_number(object, "count", facts->count);
	if (facts->last) {
		add_text(object, "last", facts->last);
		add_text(object, "by", facts->by);
	}
	return object;
}

/* Its slot has a function 0, and the guest has taken note of that. */
static bool is_announced(const struct pci_function *function)
{
	struct pci_function *port = pci_bus_bridge(function->bus);

	return pci_bus_function(function->bus, function->devfn & (uint8_t)~7) &&
	       (!port || pci_root_port_heard(port));
}

static void add_facts(struct json_object *object, struct pci_function *function, const char *counted)
{
	static const char *const power_states[] = { "D0", "D1", "D2", "D3hot" };
	struct vfio_pci_facts facts;

	vfio_pci_facts_get(function, &facts);
	add_text(object, "backend", facts.backend);
	add_number(object, "group", facts.group);
	add_number(object, "vendor", facts.vendor);
	add_number(object, "device", facts.device);
	add_bool(object, "announced", is_announced(function));
	add_bool(object, "busy", facts.busy);
	if (facts.busy)
		return;
	add_bool(object, "claimed", facts.claimed);
	add_text(object, "power-state", power_states[facts.power_state & 3]);
	json_object_object_add(object, "bars", bars(function, &facts));
	json_object_object_add(object, "interrupts", interrupts(&facts.interrupts, facts.host, counted));
	json_object_object_add(object, "trapped", trapped(function, &facts));
	json_object_object_add(object, "reset", reset(&facts.reset));
}

/* Where it has to leave, how far it is with that. */
static void add_present(struct json_object *object, const struct machine *machine,
			struct pci_function *function, const char *counted)
{
	struct machine_unplug_progress progress;
	struct json_object *value;

	if (machine_unplug_progress(machine, function, &progress)) {
		add_text(object, "state", "leaving");
		value = json_object_new_object();
		add_text(value, "phase", progress.phase);
		add_number(value, "seconds-left", progress.seconds_left);
		json_object_object_add(object, "progress", value);
	} else {
		add_text(object, "state", "present");
	}
	add_facts(object, function, counted);
}

static void add_coming(struct json_object *object, const struct machine *machine,
		       const struct device_plan *plan)
{
	struct machine_plug_progress progress;
	struct json_object *value;

	add_text(object, "state", "coming");
	if (!machine_plug_progress(machine, plan, &progress))
		return;
	value = json_object_new_object();
	add_text(value, "phase", progress.phase);
	if (progress.total) {
		add_number(value, "done", progress.done);
		add_number(value, "total", progress.total);
	}
	json_object_object_add(object, "progress", value);
}

static struct json_object *device(const struct machine *machine, const struct device_plan *plan,
				  const char *counted)
{
	struct json_object *object = json_object_new_object();
	char host[HOST_ID_TEXT_SIZE];

	if (plan->id)
		add_text(object, "id", plan->id);
	if (plan->host_known)
		add_text(object, "host", host_id_format(&plan->host, host));
	else
		add_text(object, "sysfsdev", plan->sysfsdev);
	add_text(object, "bus", plan->bus);
	if (plan->function)
		add_present(object, machine, plan->function, counted);
	else if (plan->leaving)
		add_text(object, "state", "closing");
	else
		add_coming(object, machine, plan);
	return object;
}

struct json_object *monitor_vfio(const struct machine *machine)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();
	auto_free char *counted = NULL;

	(void)sysfs_read_file("/proc/interrupts", &counted, NULL);
	for (const struct device_plan *plan = machine->plans; plan; plan = plan->next) {
		if (plan->kind->host_device)
			json_object_array_add(list, device(machine, plan, counted));
	}
	json_object_object_add(object, "dma", dma(machine));
	json_object_object_add(object, "devices", list);
	return object;
}
