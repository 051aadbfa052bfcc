/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does by hand what a guest's drivers do with a slot, and what Linux's never do: to refuse, and to be late.
 *
 *   slot-hand refuse SLOT    by ACPI: _OST of an eject request that has failed. SLOT counts the ports that
 * can be slot-hand eject SLOT     plugged from 0. And _EJ0 slot-hand listen PORT    by the registers of the
 * port, 0000:00:04.0 say: its slot is to interrupt for its button slot-hand asked PORT     whether the button
 * was pressed, by status 0 or 1; it counts as seen then slot-hand blink PORT     the power indicator: who is
 * in there is about to leave, slot-hand shine PORT     or stays, slot-hand off PORT       or has left, and
 * the power is off
 *
 * Status 2 where that could not be done. The registers of ACPI are handfast's: src/pci/acpi.h,
 * src/boot/acpi/dsdt.asl. Those of the port: PCI Express 5.0, 7.5.3.10 and 7.5.3.11. ACPI: 6.5, 6.3.5,
 * tables 6.14 and 6.15.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#define REGISTERS      0x640
#define REGISTER_EJECT (REGISTERS + 4)
#define REGISTER_OST   (REGISTERS + 8)
#define REGISTERS_SIZE 16

#define OST_EJECT_REQUEST 0x003
#define OST_FAILURE	  0x01

static void die(const char *what)
{
	fprintf(stderr, "slot-hand: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int usage(void)
{
	fprintf(stderr, "usage: slot-hand refuse|eject SLOT, slot-hand listen|asked|blink|shine|off PORT\n");
	return 2;
}

static void acpi_write(unsigned short at, unsigned value)
{
	if (ioperm(REGISTERS, REGISTERS_SIZE, 1))
		die("ioperm");
	outl(value, at);
}

static unsigned config_read(int fd, unsigned at, size_t size)
{
	uint16_t value = 0; /* little-endian, as the registers */

	if (pread(fd, &value, size, at) != (ssize_t)size)
		die("reading configuration space");
	return value;
}

static void config_write(int fd, unsigned at, unsigned value)
{
	uint16_t word = (uint16_t)value;

	if (pwrite(fd, &word, sizeof(word), at) != sizeof(word))
		die("writing configuration space");
}

static int port_open(const char *port)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", port);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* Where the PCI Express capability is. */
static unsigned port_express(int fd)
{
	unsigned at = config_read(fd, PCI_CAPABILITY_LIST, 1);

	for (unsigned i = 0; at >= PCI_STD_HEADER_SIZEOF && i < 48; i++) {
		if (config_read(fd, at + PCI_CAP_LIST_ID, 1) == PCI_CAP_ID_EXP)
			return at;
		at = config_read(fd, at + PCI_CAP_LIST_NEXT, 1);
	}
	errno = ENOTSUP;
	die("no PCI Express capability");
	return 0;
}

static void control(int fd, unsigned express, unsigned clear, unsigned set)
{
	unsigned at = express + PCI_EXP_SLTCTL;

	config_write(fd, at, (config_read(fd, at, 2) & ~clear) | set);
}

/* Nobody serves its line: only messages, of which it has none. */
static void listen_to(int fd, unsigned express)
{
	config_write(fd, PCI_COMMAND, config_read(fd, PCI_COMMAND, 2) | PCI_COMMAND_INTX_DISABLE);
	control(fd, express, 0, PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_HPIE);
}

static int was_asked(int fd, unsigned express)
{
	unsigned at = express + PCI_EXP_SLTSTA;

	if (!(config_read(fd, at, 2) & PCI_EXP_SLTSTA_ABP))
		return 1;
	config_write(fd, at, PCI_EXP_SLTSTA_ABP); /* written 1 clears */
	return 0;
}

static int by_port(const char *what, const char *port)
{
	int fd = port_open(port);
	unsigned express = port_express(fd);

	if (strcmp(what, "listen") == 0)
		listen_to(fd, express);
	else if (strcmp(what, "asked") == 0)
		return was_asked(fd, express);
	else if (strcmp(what, "blink") == 0)
		control(fd, express, PCI_EXP_SLTCTL_PIC, PCI_EXP_SLTCTL_PWR_IND_BLINK);
	else if (strcmp(what, "shine") == 0)
		control(fd, express, PCI_EXP_SLTCTL_PIC, PCI_EXP_SLTCTL_PWR_IND_ON);
	else if (strcmp(what, "off") == 0)
		control(fd, express, PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_PCC,
			PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF);
	else
		return usage();
	return 0;
}

int main(int argc, char **argv)
{
	unsigned slot;

	if (argc != 3)
		return usage();
	slot = (unsigned)strtoul(argv[2], NULL, 10) & 0xff;
	if (strcmp(argv[1], "refuse") == 0)
		acpi_write(REGISTER_OST, slot | OST_EJECT_REQUEST << 8 | (unsigned)OST_FAILURE << 24);
	else if (strcmp(argv[1], "eject") == 0)
		acpi_write(REGISTER_EJECT, slot);
	else
		return by_port(argv[1], argv[2]);
	return 0;
}
