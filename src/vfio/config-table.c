/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest sees of an assigned device, register by register. Later lines win over earlier ones for the
 * same bytes. Every capability that <linux/pci_regs.h> knows has a line. What no line names is passed: the
 * kernel's vfio-pci looks at every access once more and keeps its own from the guest
 * (include/uapi/linux/vfio.h, drivers/vfio/pci: what it does not know it hides).
 */
#include <linux/pci_regs.h>

#include "vfio/config-priv.h"

#define ALL 0xffffffffu

/* Capabilities that headers of Debian 12 do not name yet. */
#define EXT_CAP_LNR	  0x1c
#define EXT_CAP_MPCIE	  0x20
#define EXT_CAP_FRS	  0x21
#define EXT_CAP_RTR	  0x22
#define EXT_CAP_VF_REBAR  0x24
#define EXT_CAP_MARGIN	  0x27
#define EXT_CAP_HIERARCHY 0x28
#define EXT_CAP_NPEM	  0x29
#define EXT_CAP_PL_32GT	  0x2a
#define EXT_CAP_ALTERNATE 0x2b
#define EXT_CAP_SFI	  0x2c
#define EXT_CAP_SHADOW	  0x2d
#define EXT_CAP_DEV3	  0x2f
#define EXT_CAP_IDE	  0x30
#define EXT_CAP_PL_64GT	  0x31

#define HEADER(at, bytes, how, kept, guest, what, why, where)                                            \
	{                                                                                                \
		.space = VFIO_SPACE_HEADER, .offset = (at), .size = (bytes), .treatment = (how),         \
		.keep = (kept), .writable = (guest), .name = (what), .reason = (why), .section = (where) \
	}
#define CAPABILITY(cap, at, bytes, how, kept, guest, what, why, where)                                    \
	{                                                                                                 \
		.space = VFIO_SPACE_STANDARD, .id = (cap), .offset = (at), .size = (bytes),               \
		.treatment = (how), .keep = (kept), .writable = (guest), .name = (what), .reason = (why), \
		.section = (where)                                                                        \
	}
#define EXTENDED(cap, at, bytes, how, kept, guest, what, why, where)                                      \
	{                                                                                                 \
		.space = VFIO_SPACE_EXTENDED, .id = (cap), .offset = (at), .size = (bytes),               \
		.treatment = (how), .keep = (kept), .writable = (guest), .name = (what), .reason = (why), \
		.section = (where)                                                                        \
	}

const struct vfio_config_rule vfio_config_rules[] = {
	/* The header. */
	HEADER(PCI_VENDOR_ID, 4, VFIO_READ_ONLY, 0, 0, "Vendor ID, Device ID",
	       "drivers bind by them; the kernel fills them in for virtual functions", "PCI 6.2.1"),
	HEADER(PCI_COMMAND, 2, VFIO_VIRTUAL, 0,
	       PCI_COMMAND_MASTER | PCI_COMMAND_INVALIDATE | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		       PCI_COMMAND_INTX_DISABLE,
	       "Command",
	       "decoding follows the guest's BARs, which are ours; what the guest wrote is brought to the "
	       "device "
	       "after our mapping has followed, or before, as the direction demands",
	       "PCI 6.2.2"),
	HEADER(PCI_STATUS, 2, VFIO_PASSED, 0, 0, "Status", "errors are the device's own", "PCI 6.2.3"),
	HEADER(PCI_CLASS_REVISION, 4, VFIO_READ_ONLY, 0, 0, "Revision ID, Class Code", "the device's",
	       "PCI 6.2.1"),
	HEADER(PCI_CACHE_LINE_SIZE, 2, VFIO_PASSED, 0, 0, "Cache Line Size, Latency Timer", "harmless",
	       "PCI 6.2.4"),
	HEADER(PCI_HEADER_TYPE, 1, VFIO_VIRTUAL, 0x7f, 0, "Header Type",
	       "the multifunction bit is a matter of the guest's slot", "PCI 6.2.1"),
	HEADER(PCI_BIST, 1, VFIO_HIDDEN, 0, 0, "BIST", "a self-test may take the device off the bus",
	       "PCI 6.2.4"),
	HEADER(PCI_BASE_ADDRESS_0, 24, VFIO_VIRTUAL, 0, 0, "Base Address Registers",
	       "the guest's addresses are not the host's; type and writable bits come from the region's size",
	       "PCI 6.2.5.1"),
	HEADER(PCI_CARDBUS_CIS, 4, VFIO_READ_ONLY, 0, 0, "CardBus CIS Pointer", "the device's", "PCI 6.2.4"),
	HEADER(PCI_SUBSYSTEM_VENDOR_ID, 4, VFIO_READ_ONLY, 0, 0, "Subsystem IDs", "drivers look at them",
	       "PCI 6.2.4"),
	HEADER(PCI_ROM_ADDRESS, 4, VFIO_VIRTUAL, 0, 0, "Expansion ROM Base Address",
	       "like a BAR; behind it is a copy (rom.c)", "PCI 6.2.5.2"),
	HEADER(PCI_CAPABILITY_LIST, 1, VFIO_VIRTUAL, 0, 0, "Capabilities Pointer", "some are left out",
	       "PCI 6.7"),
	HEADER(PCI_CAPABILITY_LIST + 1, 7, VFIO_HIDDEN, 0, 0, "reserved", "reserved", "PCI 6.1"),
	HEADER(PCI_INTERRUPT_LINE, 1, VFIO_VIRTUAL, 0, 0xff, "Interrupt Line",
	       "scratch space between the guest's firmware and its system", "PCI 6.2.4"),
	HEADER(PCI_INTERRUPT_PIN, 1, VFIO_READ_ONLY, 0, 0, "Interrupt Pin",
	       "the device's; hidden where the kernel does not signal it, as of virtual functions",
	       "PCI 6.2.4"),
	HEADER(PCI_MIN_GNT, 2, VFIO_READ_ONLY, 0, 0, "Min_Gnt, Max_Lat", "the device's", "PCI 6.2.4"),

	/* Capabilities. */
	CAPABILITY(PCI_CAP_ID_PM, 0, PCI_PM_SIZEOF, VFIO_PASSED, 0, 0, "Power Management",
		   "PME is the kernel's, which keeps it from the guest", "PM 1.2 3.2"),
	CAPABILITY(PCI_CAP_ID_PM, PCI_PM_PMC, 2, VFIO_READ_ONLY, 0, 0, "Power Management Capabilities",
		   "read-only", "PM 1.2 3.2.3"),
	CAPABILITY(PCI_CAP_ID_PM, PCI_PM_CTRL, 1, VFIO_VIRTUAL, ~(uint32_t)PCI_PM_CTRL_STATE_MASK,
		   PCI_PM_CTRL_STATE_MASK, "Power State, No_Soft_Reset",
		   "the device is kept in D0; the function behaves as in the state that the guest wrote, and "
		   "is reset "
		   "where that would have reset it (power.c)",
		   "PM 1.2 3.2.4"),
	CAPABILITY(PCI_CAP_ID_AGP, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "AGP", "the guest has no AGP port",
		   "AGP 3.0"),
	CAPABILITY(PCI_CAP_ID_VPD, 0, PCI_CAP_VPD_SIZEOF, VFIO_PASSED, 0, 0, "Vital Product Data",
		   "the kernel makes the accesses, one at a time", "PCI appendix I"),
	CAPABILITY(PCI_CAP_ID_SLOTID, 0, 4, VFIO_HIDDEN, 0, 0, "Slot Numbering", "of the host's chassis",
		   "P2P 13"),
	CAPABILITY(PCI_CAP_ID_MSI, 0, VFIO_WHOLE, VFIO_VIRTUAL, 0, 0, "MSI",
		   "messages are routed by KVM; the host's own are the kernel's. What the guest may write "
		   "depends "
		   "on the capability's size (msi.c)",
		   "PCI 6.8.1"),
	CAPABILITY(PCI_CAP_ID_MSI, PCI_MSI_FLAGS, 2, VFIO_VIRTUAL,
		   PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 0,
		   "MSI Message Control", "as many messages as the host has for the device (msi.c)",
		   "PCI 6.8.1.3"),
	CAPABILITY(PCI_CAP_ID_CHSWP, 0, 4, VFIO_HIDDEN, 0, 0, "CompactPCI Hot Swap", "the host's to handle",
		   "PICMG 2.1"),
	CAPABILITY(PCI_CAP_ID_PCIX, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "PCI-X",
		   "drivers choose how much is read at once; harmless", "PCI-X 2.0 7.2"),
	CAPABILITY(PCI_CAP_ID_HT, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "HyperTransport",
		   "the fabric is the host's, and so is where it takes messages for interrupts", "HT 3.1 7"),
	CAPABILITY(PCI_CAP_ID_VNDR, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "Vendor Specific",
		   "only its driver knows", "PCI 6.7"),
	CAPABILITY(PCI_CAP_ID_DBG, 0, 4, VFIO_READ_ONLY, 0, 0, "Debug Port",
		   "says where in a BAR it is, which the guest has", "EHCI 1.0 appendix C"),
	CAPABILITY(PCI_CAP_ID_CCRC, 0, 4, VFIO_HIDDEN, 0, 0, "CompactPCI Central Resource Control",
		   "the host's to handle", "PICMG 2.13"),
	CAPABILITY(PCI_CAP_ID_SHPC, 0, 8, VFIO_HIDDEN, 0, 0, "Hot-Plug Controller", "of bridges", "SHPC 1.0"),
	CAPABILITY(PCI_CAP_ID_SSVID, 0, 8, VFIO_HIDDEN, 0, 0, "Bridge Subsystem IDs", "of bridges",
		   "P2P 1.2 3.2.5.13"),
	CAPABILITY(PCI_CAP_ID_AGP3, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "AGP 8x", "the guest has no AGP port",
		   "AGP 3.0"),
	CAPABILITY(PCI_CAP_ID_SECDEV, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Secure Device",
		   "registers of the host's IOMMU", "AMD IOMMU 3.2"),
	CAPABILITY(PCI_CAP_ID_EXP, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "PCI Express",
		   "the kernel keeps payload size and read request size safe", "PCIe 7.5.3"),
	CAPABILITY(PCI_CAP_ID_EXP, PCI_EXP_FLAGS, 2, VFIO_VIRTUAL, ALL, 0, "PCI Express Capabilities",
		   "the type depends on where in the guest the function sits", "PCIe 7.5.3.2"),
	CAPABILITY(PCI_CAP_ID_EXP, PCI_EXP_DEVCAP, 4, VFIO_READ_ONLY, 0, 0, "Device Capabilities",
		   "read-only", "PCIe 7.5.3.3"),
	CAPABILITY(PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, 2, VFIO_READ_ONLY, 0, 0, "Link Control",
		   "the physical link is the host's", "PCIe 7.5.3.7"),
	CAPABILITY(PCI_CAP_ID_MSIX, 0, PCI_CAP_MSIX_SIZEOF, VFIO_READ_ONLY, 0, 0, "MSI-X",
		   "places of the table and the pending bits", "PCI 6.8.2"),
	CAPABILITY(PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS, 2, VFIO_VIRTUAL, PCI_MSIX_FLAGS_QSIZE,
		   PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, "MSI-X Message Control",
		   "messages are routed by KVM; the host's own are the kernel's", "PCI 6.8.2.3"),
	CAPABILITY(PCI_CAP_ID_SATA, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "SATA Data/Index",
		   "another way to registers of its BARs", "SATA AHCI 1.3 2.4"),
	CAPABILITY(PCI_CAP_ID_AF, 0, PCI_CAP_AF_SIZEOF, VFIO_PASSED, 0, 0, "Advanced Features",
		   "the kernel makes the function-level reset", "AF ECN"),
	CAPABILITY(PCI_CAP_ID_EA, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Enhanced Allocation",
		   "fixed host addresses mean nothing to the guest", "PCIe 7.8.5"),

	/* Extended capabilities. A hidden one's size is the most that it can be. */
	EXTENDED(PCI_EXT_CAP_ID_ERR, 0, 0x48, VFIO_HIDDEN, 0, 0, "Advanced Error Reporting",
		 "the host's AER driver owns these registers, and no error message reaches the guest",
		 "PCIe 7.8.4"),
	EXTENDED(PCI_EXT_CAP_ID_VC, 0, 0x70, VFIO_READ_ONLY, 0, 0, "Virtual Channel",
		 "traffic classes are mapped for the host's whole path; the kernel takes no writes",
		 "PCIe 7.9.1"),
	EXTENDED(PCI_EXT_CAP_ID_DSN, 0, PCI_EXT_CAP_DSN_SIZEOF, VFIO_READ_ONLY, 0, 0, "Device Serial Number",
		 "the device's; licences and names hang on it", "PCIe 7.9.3"),
	EXTENDED(PCI_EXT_CAP_ID_PWR, 0, PCI_EXT_CAP_PWR_SIZEOF, VFIO_PASSED, 0, 0, "Power Budgeting",
		 "what the device may draw, looked up by a selector; nothing changes by it", "PCIe 7.8.1"),
	EXTENDED(PCI_EXT_CAP_ID_RCLD, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Root Complex Link Declaration",
		 "of the host's root complex", "PCIe 7.9.8"),
	EXTENDED(PCI_EXT_CAP_ID_RCILC, 0, 0xc, VFIO_HIDDEN, 0, 0, "Root Complex Internal Link Control",
		 "of the host's root complex", "PCIe 7.9.9"),
	EXTENDED(PCI_EXT_CAP_ID_RCEC, 0, 0xc, VFIO_HIDDEN, 0, 0, "Root Complex Event Collector",
		 "of the host's root complex", "PCIe 7.9.10"),
	EXTENDED(PCI_EXT_CAP_ID_MFVC, 0, 0x70, VFIO_READ_ONLY, 0, 0, "Multi-Function Virtual Channel",
		 "traffic classes are mapped for the host's whole path; the kernel takes no writes",
		 "PCIe 7.9.2"),
	EXTENDED(PCI_EXT_CAP_ID_VC9, 0, 0x70, VFIO_READ_ONLY, 0, 0, "Virtual Channel (beside MFVC)",
		 "traffic classes are mapped for the host's whole path; the kernel takes no writes",
		 "PCIe 7.9.1"),
	EXTENDED(PCI_EXT_CAP_ID_RCRB, 0, 0x14, VFIO_HIDDEN, 0, 0, "Root Complex Register Block",
		 "of the host's root complex", "PCIe 7.9.7"),
	EXTENDED(PCI_EXT_CAP_ID_VNDR, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "Vendor-Specific",
		 "only its driver knows", "PCIe 7.9.5"),
	EXTENDED(PCI_EXT_CAP_ID_CAC, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Configuration Access Correlation",
		 "obsolete: of a way of trusted access that no host has", "TCONFIG ECN"),
	EXTENDED(PCI_EXT_CAP_ID_ACS, 0, 0x28, VFIO_HIDDEN, 0, 0, "Access Control Services",
		 "what devices may reach is decided by the host", "PCIe 7.7.8"),
	EXTENDED(PCI_EXT_CAP_ID_ARI, 0, 8, VFIO_HIDDEN, 0, 0, "Alternative Routing-ID",
		 "function numbers are the guest's slot's", "PCIe 7.8.7"),
	EXTENDED(PCI_EXT_CAP_ID_ATS, 0, 8, VFIO_HIDDEN, 0, 0, "Address Translation Services",
		 "the guest has no IOMMU", "PCIe 10.5.1"),
	EXTENDED(PCI_EXT_CAP_ID_SRIOV, 0, PCI_EXT_CAP_SRIOV_SIZEOF, VFIO_HIDDEN, 0, 0,
		 "Single Root I/O Virtualization", "virtual functions are made on the host", "PCIe 9.3.3"),
	EXTENDED(PCI_EXT_CAP_ID_MRIOV, 0, 0x30, VFIO_HIDDEN, 0, 0, "Multi-Root I/O Virtualization",
		 "the host's to handle", "MR-IOV 1.0"),
	EXTENDED(PCI_EXT_CAP_ID_MCAST, 0, 0x30, VFIO_HIDDEN, 0, 0, "Multicast",
		 "its windows are addresses on the host's buses", "PCIe 7.9.11"),
	EXTENDED(PCI_EXT_CAP_ID_PRI, 0, PCI_EXT_CAP_PRI_SIZEOF, VFIO_HIDDEN, 0, 0, "Page Request Interface",
		 "the guest has no IOMMU", "PCIe 10.5.2"),
	EXTENDED(PCI_EXT_CAP_ID_AMD_XXX, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "reserved for AMD",
		 "nobody says what it does", "Linux pci_regs.h"),
	EXTENDED(PCI_EXT_CAP_ID_REBAR, 0, 0x34, VFIO_VIRTUAL, 0, 0, "Resizable BAR",
		 "a BAR has the size that the host gave it: the only one on offer (rebar.c)", "PCIe 7.8.6"),
	EXTENDED(PCI_EXT_CAP_ID_DPA, 0, 0x30, VFIO_HIDDEN, 0, 0, "Dynamic Power Allocation",
		 "what a device may draw is the host's to say; the kernel takes no writes", "PCIe 7.9.12"),
	EXTENDED(PCI_EXT_CAP_ID_TPH, 0, 0x8c, VFIO_HIDDEN, 0, 0, "TPH Requester",
		 "steering tags name processors of the host; the kernel takes no writes", "PCIe 7.9.13"),
	EXTENDED(PCI_EXT_CAP_ID_LTR, 0, PCI_EXT_CAP_LTR_SIZEOF, VFIO_HIDDEN, 0, 0,
		 "Latency Tolerance Reporting", "latencies of the host's root complex", "PCIe 7.8.2"),
	EXTENDED(PCI_EXT_CAP_ID_SECPCI, 0, 0x4c, VFIO_HIDDEN, 0, 0, "Secondary PCI Express",
		 "the physical link is the host's", "PCIe 7.7.3"),
	EXTENDED(PCI_EXT_CAP_ID_PMUX, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Protocol Multiplexing",
		 "the physical link is the host's", "PCIe appendix G"),
	EXTENDED(PCI_EXT_CAP_ID_PASID, 0, PCI_EXT_CAP_PASID_SIZEOF, VFIO_HIDDEN, 0, 0,
		 "Process Address Space ID", "the guest has no IOMMU", "PCIe 7.8.8"),
	EXTENDED(EXT_CAP_LNR, 0, 8, VFIO_HIDDEN, 0, 0, "LN Requester",
		 "cache lines are registered with the host's root complex", "PCIe 7.9.14"),
	EXTENDED(PCI_EXT_CAP_ID_DPC, 0, 0x34, VFIO_HIDDEN, 0, 0, "Downstream Port Containment", "of ports",
		 "PCIe 7.9.15"),
	EXTENDED(PCI_EXT_CAP_ID_L1SS, 0, 0x14, VFIO_HIDDEN, 0, 0, "L1 PM Substates",
		 "the physical link is the host's", "PCIe 7.8.3"),
	EXTENDED(PCI_EXT_CAP_ID_PTM, 0, 0xc, VFIO_HIDDEN, 0, 0, "Precision Time Measurement",
		 "the guest's port has no time source", "PCIe 7.9.16"),
	EXTENDED(EXT_CAP_MPCIE, 0, 0x1c, VFIO_HIDDEN, 0, 0, "PCI Express over M-PHY",
		 "the physical link is the host's", "M-PCIe ECN"),
	EXTENDED(EXT_CAP_FRS, 0, 0x10, VFIO_HIDDEN, 0, 0, "FRS Queueing", "of ports", "PCIe 7.8.9"),
	EXTENDED(EXT_CAP_RTR, 0, 0xc, VFIO_HIDDEN, 0, 0, "Readiness Time Reporting",
		 "resets are made by the kernel, which waits by its own rules", "PCIe 7.9.17"),
	EXTENDED(PCI_EXT_CAP_ID_DVSEC, 0, VFIO_WHOLE, VFIO_PASSED, 0, 0, "Designated Vendor-Specific",
		 "only its driver knows", "PCIe 7.9.6"),
	EXTENDED(EXT_CAP_VF_REBAR, 0, 0x34, VFIO_HIDDEN, 0, 0, "VF Resizable BAR",
		 "virtual functions are made on the host", "PCIe 9.3.7"),
	EXTENDED(PCI_EXT_CAP_ID_DLF, 0, 0xc, VFIO_HIDDEN, 0, 0, "Data Link Feature",
		 "the physical link is the host's", "PCIe 7.7.4"),
	EXTENDED(PCI_EXT_CAP_ID_PL_16GT, 0, 0x40, VFIO_HIDDEN, 0, 0, "Physical Layer 16 GT/s",
		 "the physical link is the host's", "PCIe 7.7.5"),
	EXTENDED(EXT_CAP_MARGIN, 0, 0x88, VFIO_HIDDEN, 0, 0, "Lane Margining",
		 "the physical link is the host's", "PCIe 7.7.7"),
	EXTENDED(EXT_CAP_HIERARCHY, 0, 0x20, VFIO_HIDDEN, 0, 0, "Hierarchy ID",
		 "names the host's hierarchy, not the guest's", "PCIe 7.9.18"),
	EXTENDED(EXT_CAP_NPEM, 0, 0x10, VFIO_HIDDEN, 0, 0, "Native PCIe Enclosure Management",
		 "the lamps of the host's enclosure", "PCIe 7.9.19"),
	EXTENDED(EXT_CAP_PL_32GT, 0, 0x40, VFIO_HIDDEN, 0, 0, "Physical Layer 32 GT/s",
		 "the physical link is the host's", "PCIe 7.7.6"),
	EXTENDED(EXT_CAP_ALTERNATE, 0, 0x14, VFIO_HIDDEN, 0, 0, "Alternate Protocol",
		 "the physical link is the host's", "PCIe 7.9.20"),
	EXTENDED(EXT_CAP_SFI, 0, 0x14, VFIO_HIDDEN, 0, 0, "System Firmware Intermediary", "of ports",
		 "PCIe 7.9.22"),
	EXTENDED(EXT_CAP_SHADOW, 0, 0x1c, VFIO_HIDDEN, 0, 0, "Shadow Functions",
		 "function numbers are the guest's slot's", "PCIe 6.0 7.9.25"),
	EXTENDED(PCI_EXT_CAP_ID_DOE, 0, 0x18, VFIO_HIDDEN, 0, 0, "Data Object Exchange",
		 "attestation and encryption concern the physical device", "PCIe DOE ECN"),
	EXTENDED(EXT_CAP_DEV3, 0, 0x10, VFIO_HIDDEN, 0, 0, "Device 3", "the physical link is the host's",
		 "PCIe 6.0 7.7.9"),
	EXTENDED(EXT_CAP_IDE, 0, VFIO_WHOLE, VFIO_HIDDEN, 0, 0, "Integrity and Data Encryption",
		 "attestation and encryption concern the physical device", "PCIe IDE ECN"),
	EXTENDED(EXT_CAP_PL_64GT, 0, 0x20, VFIO_HIDDEN, 0, 0, "Physical Layer 64 GT/s",
		 "the physical link is the host's", "PCIe 6.0 7.7.7"),
};

const unsigned vfio_config_rule_count = sizeof(vfio_config_rules) / sizeof(vfio_config_rules[0]);
