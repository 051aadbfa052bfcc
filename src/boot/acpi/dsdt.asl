/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is the same on every machine. The SSDT (ssdt.c) adds processors, the host bridge's windows and
 * interrupt lines, slots, the motherboard's resources, the serial port and how to power off.
 */
DefinitionBlock ("", "DSDT", 2, "HNDFST", "HANDFAST", 1)
{
	/* Of the SSDT (slots.c): whether slots are plugged by ACPI; the notification of one of them. */
	External (\_SB.PCI0.PHPE, IntObj)
	External (\_SB.PCI0.PHPN, MethodObj)

	/* The guest tells here whether it uses the 8259s (0) or the IOAPIC (1). PCI's lines reach the IOAPIC only. */
	Name (PICM, 0)
	Method (_PIC, 1, NotSerialized)
	{
		PICM = Arg0
	}

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)

			/*
			 * Who drives which feature of PCI Express: PCI Firmware 3.3, 4.5.1. Firmware keeps nothing for
			 * itself, so whatever the guest asks for it is given: hot-plug, power management events, advanced
			 * error reporting, the capability structure, latency tolerance, containment. Where slots are plugged
			 * by ACPI, hot-plug is not among them; that the guest has been here says that it knows of ACPI.
			 */
			Method (_OSC, 4, Serialized)
			{
				CreateDWordField (Arg3, 0, STAT)

				If (Arg0 != ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))
				{
					STAT |= 0x04 /* unknown UUID */
					Return (Arg3)
				}
				If (Arg1 != 1)
				{
					STAT |= 0x08 /* unknown revision */
					Return (Arg3)
				}
				If (Arg2 >= 3)
				{
					CreateDWordField (Arg3, 8, CTRL)

					Local0 = CTRL & 0xBF
					If (PHPE)
					{
						Local0 &= 0xBE
						OSCE = 1
					}
					If (Local0 != CTRL)
					{
						STAT |= 0x10 /* something asked for is unknown */
						CTRL = Local0
					}
				}
				Return (Arg3)
			}

			/* The registers of hot-plug (pci/acpi.h). */
			OperationRegion (PHPR, SystemIO, 0x0640, 16)
			Field (PHPR, DWordAcc, NoLock, WriteAsZeros)
			{
				EVNT, 32,
				EJCT, 32,
				OSTS, 32,
				OSCE, 32
			}

			/* A slot's number: it is empty, as far as the guest is concerned. */
			Method (PHPJ, 1, Serialized)
			{
				EJCT = Arg0
			}

			/* A slot's number, what the guest was notified of, what has come of it. */
			Method (PHPO, 3, Serialized)
			{
				OSTS = (Arg0 | ((Arg1 & 0xFFFF) << 8) | ((Arg2 & 0xFF) << 24))
			}

			/* What has happened in the slots, one after the other. */
			Method (PHPS, 0, Serialized)
			{
				Local0 = EVNT
				While (Local0)
				{
					PHPN ((Local0 & 0xFF), (Local0 >> 8))
					Local0 = EVNT
				}
			}
		}

		Device (PIC0)
		{
			Name (_HID, EisaId ("PNP0000"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x20, 0x20, 1, 2)
				IO (Decode16, 0xA0, 0xA0, 1, 2)
				IO (Decode16, 0x4D0, 0x4D0, 1, 2)
				IRQNoFlags () { 2 }
			})
		}

		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x40, 0x40, 1, 4)
				IRQNoFlags () { 0 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x70, 0x70, 1, 2)
				IRQNoFlags () { 8 }
			})
		}
	}

	Scope (\_GPE)
	{
		Method (_E01, 0, Serialized)
		{
			If (\_SB.PCI0.PHPE)
			{
				\_SB.PCI0.PHPS ()
			}
		}
	}
}
