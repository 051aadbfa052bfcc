/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "app/machine-priv.h"
#include "base/error.h"
#include "base/log.h"

/* What the host tells of the devices that this machine has. */

#define NAME_SIZE 160

/* "vfio-pci 'net' (0000:1a:00.3)" */
static const char *name_of(const struct pci_function *function, char ret_name[NAME_SIZE])
{
	const char *quote = function->id ? "'" : "";

	snprintf(ret_name, NAME_SIZE, "%s %s%s%s(%s)", function->driver, quote,
		 function->id ? function->id : "", function->id ? "' " : "", vfio_pci_host_name(function));
	return ret_name;
}

static void on_error(void *opaque, struct pci_function *function)
{
	char name[NAME_SIZE];

	error_set(EIO, "it has failed in a way that no driver can correct (a fatal PCI Express error)");
	error_tried("trust %s any more", name_of(function, name));
	error_try("shut the guest down, and start it again");
	error_try("dmesg | grep -A 3 AER    (on the host: says which error)");
	log_failure(error_get());
}

static void on_request(void *opaque, struct pci_function *function)
{
	char name[NAME_SIZE];

	log_warning("the host wants %s back, and waits until this VM ends", name_of(function, name));
}

struct vfio_events machine_device_events(struct machine *machine)
{
	return (struct vfio_events){ .error = on_error, .request = on_request, .opaque = machine };
}
