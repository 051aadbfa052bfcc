/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's IVRS for a lab host with "--no-iommu --devices nvme,e1000e --device '-device amd-iommu,intremap=on'",
 * and one block at the end that QEMU has not: all devices want to reach 0x10000000 to 0x17ffffff at all times.
 * Linux takes it in place of QEMU's because of its higher revision (lab/run --acpi).
 * Source: AMD I/O Virtualization Technology Specification 3.00, 5.2.2.2.
 */
[0004] Signature : "IVRS"    [I/O Virtualization Reporting Structure]
[0004] Table Length : 00000118
[0001] Revision : 01
[0001] Checksum : 2B
[0006] Oem ID : "BOCHS "
[0008] Oem Table ID : "BXPC    "
[0004] Oem Revision : 00000002
[0004] Asl Compiler ID : "BXPC"
[0004] Asl Compiler Revision : 00000001

[0004] Virtualization Info : 00002801
[0008] Reserved : 0000000000000000

[0001] Subtable Type : 10 [Hardware Definition Block]
[0001] Flags : D1
[0002] Length : 005C
[0002] DeviceId : 0008

[0002] Capability Offset : 0040
[0008] Base Address : 00000000FED80000
[0002] PCI Segment Group : 0000
[0002] Virtualization Info : 0000
[0004] Feature Reporting : 00000044

[0001] Entry Type : 02
[0002] Device ID : 0000
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0008
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0080
[0001] Data Setting : 00

[0001] Entry Type : 03
[0002] Device ID : 0100
[0001] Data Setting : 00

[0001] Entry Type : 04
[0002] Device ID : 01FF
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0088
[0001] Data Setting : 00

[0001] Entry Type : 03
[0002] Device ID : 0200
[0001] Data Setting : 00

[0001] Entry Type : 04
[0002] Device ID : 02FF
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00D8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00E0
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00E8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00F0
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00F8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00FA
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00FB
[0001] Data Setting : 00

[0001] Entry Type : 48
[0002] Device ID : 0000
[0001] Data Setting : 00
[0001] Handle : 00
[0002] Source Used Device ID : 00A0
[0001] Variety : 01

[0001] Subtable Type : 11 [Hardware Definition Block]
[0001] Flags : 11
[0002] Length : 006C
[0002] DeviceId : 0008

[0002] Capability Offset : 0040
[0008] Base Address : 00000000FED80000
[0002] PCI Segment Group : 0000
[0002] Virtualization Info : 0000
[0004] Attributes : 00000000
[0008] EFR Image : 00000000000029D3
[0008] Reserved : 0000000000000000

[0001] Entry Type : 02
[0002] Device ID : 0000
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0008
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0080
[0001] Data Setting : 00

[0001] Entry Type : 03
[0002] Device ID : 0100
[0001] Data Setting : 00

[0001] Entry Type : 04
[0002] Device ID : 01FF
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 0088
[0001] Data Setting : 00

[0001] Entry Type : 03
[0002] Device ID : 0200
[0001] Data Setting : 00

[0001] Entry Type : 04
[0002] Device ID : 02FF
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00D8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00E0
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00E8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00F0
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00F8
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00FA
[0001] Data Setting : 00

[0001] Entry Type : 02
[0002] Device ID : 00FB
[0001] Data Setting : 00

[0001] Entry Type : 48
[0002] Device ID : 0000
[0001] Data Setting : 00
[0001] Handle : 00
[0002] Source Used Device ID : 00A0
[0001] Variety : 01

[0001] Subtable Type : 20 [Memory Definition Block]
[0001] Flags : 07
[0002] Length : 0020
[0002] DeviceId : 0000

[0002] Auxiliary Data : 0000
[0008] Reserved : 0000000000000000
[0008] Start Address : 0000000010000000
[0008] Memory Length : 0000000008000000
