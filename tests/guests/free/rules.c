/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of configuration space may be written, by the specifications: PCI Local Bus 3.0, PCI Power
 * Management 1.2, PCI Express Base 5.0. Later lines win over earlier ones for the same bytes.
 */
#include "rules.h"

#define ALL UINT32_MAX

const struct rule rules[] = {
	/* The header. Decoding is looked at in other tests, and nothing here may master the bus. */
	{ SPACE_HEADER, 0, 0, 64, 0, 0, 0, 0 },
	{ SPACE_HEADER, 0, PCI_COMMAND, 2, 0x0550, PCI_COMMAND_INTX_DISABLE, 0, 0x0007 },
	{ SPACE_HEADER, 0, PCI_STATUS, 2, 0xf900, 0, PCI_STATUS_INTERRUPT, 0 },
	{ SPACE_HEADER, 0, PCI_CACHE_LINE_SIZE, 2, 0xffff, 0, 0, 0 },
	{ SPACE_HEADER, 0, PCI_BASE_ADDRESS_0, 24, ALL, 0, 0, ALL },
	{ SPACE_HEADER, 0, PCI_ROM_ADDRESS, 4, PCI_ROM_ADDRESS_MASK | PCI_ROM_ADDRESS_ENABLE, 0, 0,
	  PCI_ROM_ADDRESS_ENABLE },
	{ SPACE_HEADER, 0, PCI_INTERRUPT_LINE, 1, 0xff, 0xff, 0, 0 },

	/* Power states, resets and modes of interrupts have tests of their own. */
	{ SPACE_STANDARD, PCI_CAP_ID_PM, 0, 8, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_PM, PCI_PM_CTRL, 2, 0x9f00, 0, 0, PCI_PM_CTRL_STATE_MASK },
	{ SPACE_STANDARD, PCI_CAP_ID_VPD, 0, 2, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_VPD, 2, 6, ALL, 0, ALL, ALL },
	{ SPACE_STANDARD, PCI_CAP_ID_MSI, 0, RULE_WHOLE, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_MSI, PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_QSIZE | 0x400, 0, 0,
	  PCI_MSI_FLAGS_ENABLE },
	{ SPACE_STANDARD, PCI_CAP_ID_MSI, PCI_MSI_ADDRESS_LO, 4, 0xfffffffc, 0xfffffffc, 0, 0 },
	{ SPACE_MSI_32, PCI_CAP_ID_MSI, PCI_MSI_DATA_32, 2, 0xffff, 0xffff, 0, 0 },
	{ SPACE_MSI_32, PCI_CAP_ID_MSI, PCI_MSI_MASK_32, 4, ALL, 0, 0, 0 },
	{ SPACE_MSI_64, PCI_CAP_ID_MSI, PCI_MSI_ADDRESS_HI, 4, ALL, ALL, 0, 0 },
	{ SPACE_MSI_64, PCI_CAP_ID_MSI, PCI_MSI_DATA_64, 2, 0xffff, 0xffff, 0, 0 },
	{ SPACE_MSI_64, PCI_CAP_ID_MSI, PCI_MSI_MASK_64, 4, ALL, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_VNDR, 0, 2, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_VNDR, 2, RULE_WHOLE, ALL, 0, ALL, ALL }, /* only its driver knows */
	{ SPACE_STANDARD, PCI_CAP_ID_SSVID, 0, 8, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_EXP, 0, 0x14, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, 2, 0x7fff, 0, 0, PCI_EXP_DEVCTL_BCR_FLR },
	{ SPACE_STANDARD, PCI_CAP_ID_EXP, PCI_EXP_DEVSTA, 2, 0x000f, 0, 0x003f, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, 2, 0xc3cb, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_EXP, PCI_EXP_LNKSTA, 2, 0, 0, 0xffff, 0 },
	{ SPACE_EXPRESS_2, PCI_CAP_ID_EXP, 0x14, 0x28, 0, 0, 0, 0 },
	{ SPACE_EXPRESS_2, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2, 2, 0xe7ff, 0, 0, 0 },
	{ SPACE_EXPRESS_2, PCI_CAP_ID_EXP, PCI_EXP_LNKCTL2, 2, 0xffff, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_MSIX, 0, PCI_CAP_MSIX_SIZEOF, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_MASKALL, PCI_MSIX_FLAGS_MASKALL,
	  0, PCI_MSIX_FLAGS_ENABLE },
	{ SPACE_STANDARD, PCI_CAP_ID_AF, 0, 6, 0, 0, 0, 0 },
	{ SPACE_STANDARD, PCI_CAP_ID_AF, PCI_AF_CTRL, 1, 0, 0, 0, PCI_AF_CTRL_FLR },
	{ SPACE_STANDARD, PCI_CAP_ID_AF, PCI_AF_STATUS, 1, 0, 0, PCI_AF_STATUS_TP, 0 },

	{ SPACE_EXTENDED, PCI_EXT_CAP_ID_DSN, 0, 12, 0, 0, 0, 0 },
	{ SPACE_EXTENDED, PCI_EXT_CAP_ID_VNDR, 0, 8, 0, 0, 0, 0 },
	{ SPACE_EXTENDED, PCI_EXT_CAP_ID_VNDR, 8, RULE_WHOLE, ALL, 0, ALL, ALL },
	{ SPACE_EXTENDED, PCI_EXT_CAP_ID_TPH, 0, 8, 0, 0, 0, 0 },
};

const unsigned rule_count = sizeof(rules) / sizeof(rules[0]);

/* What concerns the host, its links and its IOMMU, and must never be shown where there is none of that. */
const uint16_t hidden_extended[] = {
	PCI_EXT_CAP_ID_ERR,   PCI_EXT_CAP_ID_ACS, PCI_EXT_CAP_ID_ARI,	PCI_EXT_CAP_ID_ATS,
	PCI_EXT_CAP_ID_SRIOV, PCI_EXT_CAP_ID_PRI, PCI_EXT_CAP_ID_REBAR, PCI_EXT_CAP_ID_LTR,
	PCI_EXT_CAP_ID_PASID, PCI_EXT_CAP_ID_DPC, PCI_EXT_CAP_ID_L1SS,	PCI_EXT_CAP_ID_PTM,
};

const unsigned hidden_extended_count = sizeof(hidden_extended) / sizeof(hidden_extended[0]);
