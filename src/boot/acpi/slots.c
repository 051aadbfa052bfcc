/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi/acpi-priv.h"

#include <stdio.h>

/*
 * The slots that are plugged by ACPI. A guest's ACPI driver takes a device object with _EJ0 behind a port for
 * a slot that can be plugged, and looks at all functions in it. The methods only name the slot; what they do
 * with that stands in dsdt.asl.
 */

/* What the registers tell of (pci/acpi.h), and what the guest is notified of: ACPI 6.5, table 5.186. */
#define EVENT_CHECK	     1
#define EVENT_EJECT	     3
#define NOTIFY_BUS_CHECK     0
#define NOTIFY_EJECT_REQUEST 3

/* "S20": the port at device 4, function 0. ret_name has room for it. */
static const char *port_name(const struct boot_slot *slot, char ret_name[8])
{
	snprintf(ret_name, 8, "S%02X", slot->port);
	return ret_name;
}

/* What has become of a notification. */
static void write_ost(struct aml *out, unsigned number)
{
	size_t method = aml_method_begin(out, "_OST", 3);

	aml_path(out, "PHPO");
	aml_integer(out, number);
	aml_argument(out, 0);
	aml_argument(out, 1);
	aml_end(out, method);
}

/* _EJ0 (ACPI 6.5, 6.3.3) and _OST (6.3.5). */
static void write_answers(struct aml *out, unsigned number)
{
	size_t method = aml_method_begin(out, "_EJ0", 1);

	aml_path(out, "PHPJ");
	aml_integer(out, number);
	aml_end(out, method);
	write_ost(out, number);
}

static void write_slot(struct aml *out, const struct boot_slot *slot, unsigned number)
{
	size_t port, device;
	char name[8];

	port = aml_device_begin(out, port_name(slot, name));
	aml_name_integer(out, "_ADR", (uint64_t)(slot->port >> 3) << 16 | (slot->port & 7));
	write_ost(out, number);
	device = aml_device_begin(out, "SLOT");
	aml_name_integer(out, "_ADR", 0);
	aml_name_integer(out, "_SUN", slot->number);
	write_answers(out, number);
	aml_end(out, device);
	aml_end(out, port);
}

/* If (both arguments are these) Notify (object, value): ACPI 6.5, 5.6.6. */
static void write_notification(struct aml *out, unsigned number, unsigned what, const char *object,
			       unsigned value)
{
	size_t slot = aml_if_begin(out), event;

	aml_equal(out);
	aml_argument(out, 0);
	aml_integer(out, number);
	event = aml_if_begin(out);
	aml_equal(out);
	aml_argument(out, 1);
	aml_integer(out, what);
	aml_notify(out, object);
	aml_integer(out, value);
	aml_end(out, event);
	aml_end(out, slot);
}

/*
 * Who has come or gone is found by a bus check of the port: by a device check of the slot Linux would find
 * only who has come. An eject is requested from the slot.
 */
static void write_notifications(struct aml *out, const struct boot_slot *slot, unsigned number)
{
	char name[8], object[32];

	snprintf(object, sizeof(object), "\\_SB.PCI0.%s", port_name(slot, name));
	write_notification(out, number, EVENT_CHECK, object, NOTIFY_BUS_CHECK);
	snprintf(object, sizeof(object), "\\_SB.PCI0.%s.SLOT", port_name(slot, name));
	write_notification(out, number, EVENT_EJECT, object, NOTIFY_EJECT_REQUEST);
}

void acpi_write_slots(struct aml *out, const struct boot_machine *machine)
{
	unsigned count = machine->acpi_hotplug ? machine->slot_count : 0;
	size_t method;

	aml_name_integer(out, "PHPE", machine->acpi_hotplug);
	for (unsigned i = 0; i < count; i++)
		write_slot(out, &machine->slots[i], i);
	/* PHPN (number, event) */
	method = aml_method_begin(out, "PHPN", 2);
	for (unsigned i = 0; i < count; i++)
		write_notifications(out, &machine->slots[i], i);
	aml_end(out, method);
}
