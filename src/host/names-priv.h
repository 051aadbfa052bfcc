/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_NAMES_PRIV_H
#define HANDFAST_HOST_NAMES_PRIV_H

/* What people call devices and classes, from the pci.ids file on this host; never over the network. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host-priv.h"

struct names;

/* NULL where memory is short: the calls below then give numbers. */
struct names *names_open(const struct host *host);
void names_close(struct names *names); /* NULL is fine */

/* "Intel Corporation 82574L Gigabit Network Connection"; numbers for what the file does not know.
 * Both return ret_text. */
const char *names_device(struct names *names, uint16_t vendor, uint16_t device, char *ret_text, size_t size);
/* class_code: base class, subclass, interface, as in sysfs. "Ethernet controller" */
const char *names_class(struct names *names, uint32_t class_code, char *ret_text, size_t size);

/* Whether part, in any case, stands in the name of the class, of its base class ("Network controller") or of
 * its interface ("NVM Express"). */
bool names_class_has(struct names *names, uint32_t class_code, const char *part);

#endif
