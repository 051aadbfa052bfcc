/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi/acpi-priv.h"

#include "kvm/vcpu.h"

/* Who is interrupted by what: ACPI 6.5, 5.2.12. */
#define LOCAL_APIC_ADDRESS 0xfee00000u
#define IOAPIC_ADDRESS	   0xfec00000u

#define MADT_REVISION	 5
#define MADT_PCAT_COMPAT 1u /* there is a pair of 8259s, to be switched off */
#define CPU_ENABLED	 1u

/* Local APIC ids that an entry of the old form can name; 255 is the broadcast. */
#define LOCAL_APIC_ID_MAX 254u

#define UID_ALL	       0xffu
#define UID_ALL_X2APIC 0xffffffffu
#define LINT1	       1

/* Flags of an interrupt, 5.2.12.5. */
#define INTERRUPT_AS_BUS	    0x0u /* ISA: edge-triggered, active high */
#define INTERRUPT_LEVEL_ACTIVE_HIGH 0xdu

struct madt {
	uint32_t local_apic_address;
	uint32_t flags;
} __attribute__((packed));

struct madt_local_apic {
	uint8_t type; /* 0 */
	uint8_t length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type; /* 1 */
	uint8_t length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt_override {
	uint8_t type; /* 2 */
	uint8_t length;
	uint8_t bus; /* 0: ISA */
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_local_nmi {
	uint8_t type; /* 4 */
	uint8_t length;
	uint8_t uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct madt_x2apic {
	uint8_t type; /* 9 */
	uint8_t length;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t uid;
} __attribute__((packed));

struct madt_x2apic_nmi {
	uint8_t type; /* 10 */
	uint8_t length;
	uint16_t flags;
	uint32_t uid;
	uint8_t lint;
	uint8_t reserved[3];
} __attribute__((packed));

/* Returns whether its id takes an entry of the new form. */
static bool write_cpu(struct aml *out, uint32_t uid, uint32_t apic_id)
{
	struct madt_local_apic local = {
		.type = 0,
		.length = sizeof(local),
		.uid = (uint8_t)uid,
		.apic_id = (uint8_t)apic_id,
		.flags = CPU_ENABLED,
	};
	struct madt_x2apic x2apic = {
		.type = 9,
		.length = sizeof(x2apic),
		.apic_id = apic_id,
		.flags = CPU_ENABLED,
		.uid = uid,
	};

	if (apic_id <= LOCAL_APIC_ID_MAX) {
		aml_bytes(out, &local, sizeof(local));
		return false;
	}
	aml_bytes(out, &x2apic, sizeof(x2apic));
	return true;
}

static void write_override(struct aml *out, uint8_t source, uint32_t gsi, uint16_t flags)
{
	struct madt_override override = {
		.type = 2,
		.length = sizeof(override),
		.source = source,
		.gsi = gsi,
		.flags = flags,
	};

	aml_bytes(out, &override, sizeof(override));
}

size_t acpi_write_madt(struct aml *out, const struct boot_machine *machine)
{
	struct madt madt = { .local_apic_address = LOCAL_APIC_ADDRESS, .flags = MADT_PCAT_COMPAT };
	struct madt_ioapic ioapic = { .type = 1, .length = sizeof(ioapic), .address = IOAPIC_ADDRESS };
	struct madt_local_nmi nmi = { .type = 4, .length = sizeof(nmi), .uid = UID_ALL, .lint = LINT1 };
	struct madt_x2apic_nmi nmi_x2apic = {
		.type = 10,
		.length = sizeof(nmi_x2apic),
		.uid = UID_ALL_X2APIC,
		.lint = LINT1,
	};
	size_t table = acpi_table_begin(out, "APIC", MADT_REVISION);
	bool any_x2apic = false;

	aml_bytes(out, &madt, sizeof(madt));
	for (unsigned i = 0; i < machine->topology.cpus; i++)
		any_x2apic |= write_cpu(out, i, kvm_vcpu_apic_id(&machine->topology, i));
	aml_bytes(out, &ioapic, sizeof(ioapic));
	write_override(out, 0, 2, INTERRUPT_AS_BUS); /* the PIT, on pin 2 as on every PC */
	write_override(out, machine->acpi.sci, machine->acpi.sci, INTERRUPT_LEVEL_ACTIVE_HIGH);
	aml_bytes(out, &nmi, sizeof(nmi));
	if (any_x2apic)
		aml_bytes(out, &nmi_x2apic, sizeof(nmi_x2apic));
	acpi_table_end(out, table);
	return table;
}
