/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_APP_DEVICES_PRIV_H
#define HANDFAST_APP_DEVICES_PRIV_H

/* The kinds, each from a file of its own, for the table in devices.c. */
#include "app/devices.h"

#define KEYS_OF_EVERY_DEVICE                                                                              \
	{ "id", "ID", "its name", NULL }, { "bus", "BUS", "the bus it sits on (default: pcie.0)", NULL }, \
		{ "addr", "SLOT[.FUNCTION]",                                                              \
		  "where on that bus, 0x3 or 0x03.0x0 (default: the first free slot)", NULL },            \
	{                                                                                                 \
		"multifunction", "on|off", "function 0 of several (default: off)", NULL                   \
	}

extern const struct device_kind device_kind_root_port;
extern const struct device_kind device_kind_vfio_pci;

#endif
