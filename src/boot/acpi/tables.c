/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi/acpi-priv.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

/* `unsigned char dsdt_aml_code[]`, from dsdt.asl by iasl; it is nobody's to write to. */
static const
#include "boot/dsdt.hex"

#define PAGE_SIZE 4096
#define FACS_SIZE 64

	/* 5.2.5.3 */
	struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

#define RSDP_REVISION	2
#define RSDP_FIRST_PART 20

/* 5.2.3.2, "Generic Address Structure". */
struct address {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

#define ADDRESS_SPACE_IO     1
#define ADDRESS_ACCESS_BYTE  1
#define ADDRESS_ACCESS_WORD  2
#define ADDRESS_ACCESS_DWORD 3

/* 5.2.9, without the header; names as there. */
struct fadt {
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved_44;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt_blk;
	uint32_t pm1b_evt_blk;
	uint32_t pm1a_cnt_blk;
	uint32_t pm1b_cnt_blk;
	uint32_t pm2_cnt_blk;
	uint32_t pm_tmr_blk;
	uint32_t gpe0_blk;
	uint32_t gpe1_blk;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_blk_len;
	uint8_t gpe1_blk_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat;
	uint16_t p_lvl3_lat;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alrm;
	uint8_t mon_alrm;
	uint8_t century;
	uint16_t iapc_boot_arch;
	uint8_t reserved_111;
	uint32_t flags;
	struct address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct address x_pm1a_evt_blk;
	struct address x_pm1b_evt_blk;
	struct address x_pm1a_cnt_blk;
	struct address x_pm1b_cnt_blk;
	struct address x_pm2_cnt_blk;
	struct address x_pm_tmr_blk;
	struct address x_gpe0_blk;
	struct address x_gpe1_blk;
	struct address sleep_control_reg;
	struct address sleep_status_reg;
	uint64_t hypervisor_vendor;
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "size of the specification");
_Static_assert(ACPI_HEADER_SIZE + sizeof(struct fadt) == 276, "FADT of revision 6");

#define FADT_REVISION	   6
#define FADT_MINOR_VERSION 5

#define IAPC_LEGACY_DEVICES (1u << 0)
#define IAPC_NO_VGA	    (1u << 2)

#define FADT_WBINVD	     (1u << 0)
#define FADT_PROC_C1	     (1u << 2)
#define FADT_NO_SLEEP_BUTTON (1u << 5) /* none in the fixed registers; the power button is there */
#define FADT_NO_RTC_WAKE     (1u << 6) /* none in the fixed registers */
#define FADT_RESET_REG_SUP   (1u << 10)

/* Latencies above 100 and 1000 microseconds: there is no C2, no C3. */
#define NO_C2 0xfff
#define NO_C3 0xfff

#define PM1_EVT_LEN 4
#define PM1_CNT_LEN 2
#define PM_TMR_LEN  4
#define GPE0_LEN    16

/* 5.2.10 */
struct facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));

_Static_assert(sizeof(struct facs) == FACS_SIZE, "size of the specification");

/* PCI Firmware 3.3, 4.1.2. */
struct mcfg {
	uint64_t reserved;
	uint64_t base;
	uint16_t segment;
	uint8_t start_bus;
	uint8_t end_bus;
	uint32_t reserved_2;
} __attribute__((packed));

#define ECAM_BYTES_PER_BUS (UINT64_C(1) << 20)

static struct address io_address(uint16_t port, unsigned bytes, uint8_t access_size)
{
	return (struct address){
		.space = ADDRESS_SPACE_IO,
		.bit_width = (uint8_t)(8 * bytes),
		.access_size = access_size,
		.address = port,
	};
}

/*
 * The old fields and their 64-bit successors say the same. SMI_CMD 0 says that the machine is in ACPI mode
 * and stays there. No 8042 is declared: there is only its reset line, no keyboard to look for. The year's
 * century is not kept in CMOS memory.
 */
static size_t write_fadt(struct aml *out, const struct boot_machine *machine, uint64_t facs, uint64_t dsdt)
{
	const struct boot_acpi_ports *ports = &machine->acpi;
	struct fadt fadt = {
		.firmware_ctrl = (uint32_t)facs,
		.dsdt = (uint32_t)dsdt,
		.sci_int = ports->sci,
		.pm1a_evt_blk = ports->pm_event,
		.pm1a_cnt_blk = ports->pm_control,
		.pm_tmr_blk = ports->pm_timer,
		.gpe0_blk = ports->gpe0,
		.pm1_evt_len = PM1_EVT_LEN,
		.pm1_cnt_len = PM1_CNT_LEN,
		.pm_tmr_len = PM_TMR_LEN,
		.gpe0_blk_len = GPE0_LEN,
		.p_lvl2_lat = NO_C2,
		.p_lvl3_lat = NO_C3,
		.iapc_boot_arch = (uint16_t)(IAPC_NO_VGA | (machine->serial ? IAPC_LEGACY_DEVICES : 0)),
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE |
			 FADT_RESET_REG_SUP,
		.reset_reg = io_address(ports->reset_port, 1, ADDRESS_ACCESS_BYTE),
		.reset_value = ports->reset_value,
		.minor_version = FADT_MINOR_VERSION,
		.x_dsdt = dsdt,
		.x_pm1a_evt_blk = io_address(ports->pm_event, PM1_EVT_LEN, ADDRESS_ACCESS_WORD),
		.x_pm1a_cnt_blk = io_address(ports->pm_control, PM1_CNT_LEN, ADDRESS_ACCESS_WORD),
		.x_pm_tmr_blk = io_address(ports->pm_timer, PM_TMR_LEN, ADDRESS_ACCESS_DWORD),
		.x_gpe0_blk = io_address(ports->gpe0, GPE0_LEN, ADDRESS_ACCESS_BYTE),
	};
	size_t table = acpi_table_begin(out, "FACP", FADT_REVISION);

	aml_bytes(out, &fadt, sizeof(fadt));
	acpi_table_end(out, table);
	return table;
}

static size_t write_mcfg(struct aml *out, const struct boot_machine *machine)
{
	struct mcfg mcfg = {
		.base = machine->ecam_start,
		.end_bus = (uint8_t)(machine->ecam_size / ECAM_BYTES_PER_BUS - 1),
	};
	size_t table = acpi_table_begin(out, "MCFG", 1);

	aml_bytes(out, &mcfg, sizeof(mcfg));
	acpi_table_end(out, table);
	return table;
}

static size_t write_dsdt(struct aml *out)
{
	size_t table;

	acpi_align(out);
	table = out->used;
	aml_bytes(out, dsdt_aml_code, sizeof(dsdt_aml_code));
	return table;
}

static size_t write_xsdt(struct aml *out, const uint64_t *tables, size_t count)
{
	size_t table = acpi_table_begin(out, "XSDT", 1);

	aml_bytes(out, tables, count * sizeof(*tables));
	acpi_table_end(out, table);
	return table;
}

static void write_rsdp(void *to, uint64_t xsdt)
{
	struct rsdp rsdp = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = { 'H', 'N', 'D', 'F', 'S', 'T' },
		.revision = RSDP_REVISION,
		.length = sizeof(rsdp),
		.xsdt = xsdt,
	};

	rsdp.checksum = acpi_checksum(&rsdp, RSDP_FIRST_PART);
	rsdp.extended_checksum = acpi_checksum(&rsdp, sizeof(rsdp));
	memcpy(to, &rsdp, sizeof(rsdp));
}

int acpi_build(const struct boot_machine *machine, uint64_t start, void *ret_to, size_t size,
	       struct acpi_layout *ret_layout)
{
	struct facs facs = { .signature = { 'F', 'A', 'C', 'S' }, .length = sizeof(facs), .version = 2 };
	uint8_t *to = ret_to;
	uint64_t base = start + PAGE_SIZE; /* behind the FACS, which has a page of its own */
	uint64_t tables[4];
	struct aml out;
	uint64_t dsdt;
	uint64_t xsdt;

	check(start % PAGE_SIZE == 0 && start < UINT32_MAX - size && size > PAGE_SIZE + sizeof(struct rsdp));
	memset(to, 0, size);
	memcpy(to, &facs, sizeof(facs));
	aml_init(&out, to + PAGE_SIZE, size - PAGE_SIZE);
	out.used = sizeof(struct rsdp); /* written last, when it is known where the others are */

	dsdt = base + write_dsdt(&out);
	tables[0] = base + write_fadt(&out, machine, start, dsdt);
	tables[1] = base + acpi_write_madt(&out, machine);
	tables[2] = base + write_mcfg(&out, machine);
	tables[3] = base + acpi_write_ssdt(&out, machine);
	xsdt = base + write_xsdt(&out, tables, sizeof(tables) / sizeof(tables[0]));
	if (out.overflow)
		return error_set(ENOSPC, "the ACPI tables of %u processors do not fit into %zu bytes",
				 machine->topology.cpus, size);
	write_rsdp(to + PAGE_SIZE, xsdt);
	*ret_layout = (struct acpi_layout){
		.rsdp = base,
		.nvs_end = base,
		.tables_end = base + (out.used + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE,
	};
	return 0;
}
