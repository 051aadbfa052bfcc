/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/names-priv.h"

#include <pci/pci.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* libpci without its device access: only the name list, loaded at the first look-up. */
#define LOOKUP (PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB)

struct names *names_open(const struct host *host)
{
	struct pci_access *access = pci_alloc();

	if (!access)
		return NULL;
	access->id_lookup_mode = 0; /* neither DNS nor a cache of it */
	if (host->pci_ids) {
		char *path = strdup(host->pci_ids);

		if (path)
			pci_set_name_list_path(access, path, 1);
	}
	return (struct names *)access;
}

void names_close(struct names *names)
{
	if (names)
		pci_cleanup((struct pci_access *)names);
}

const char *names_device(struct names *names, uint16_t vendor, uint16_t device, char *ret_text, size_t size)
{
	struct pci_access *access = (struct pci_access *)names;
	char maker[128], model[128];
	const char *found_maker = NULL, *found_model = NULL;

	if (access) {
		found_maker =
			pci_lookup_name(access, maker, sizeof(maker), PCI_LOOKUP_VENDOR | LOOKUP, vendor);
		found_model = pci_lookup_name(access, model, sizeof(model), PCI_LOOKUP_DEVICE | LOOKUP,
					      vendor, device);
	}
	if (found_maker && found_model)
		(void)snprintf(ret_text, size, "%s %s", found_maker, found_model);
	else if (found_maker)
		(void)snprintf(ret_text, size, "%s device %04x", found_maker, device);
	else
		(void)snprintf(ret_text, size, "vendor %04x device %04x", vendor, device);
	return ret_text;
}

const char *names_class(struct names *names, uint32_t class_code, char *ret_text, size_t size)
{
	char text[128];
	const char *found = NULL;

	if (names)
		found = pci_lookup_name((struct pci_access *)names, text, sizeof(text),
					PCI_LOOKUP_CLASS | LOOKUP, (int)(class_code >> 8));
	if (found)
		(void)text_copy(ret_text, size, found);
	else
		(void)snprintf(ret_text, size, "class %04x", class_code >> 8);
	return ret_text;
}

/* A class without such a subclass goes by the base class's name, with the number behind it in brackets. */
static void base_class(struct pci_access *access, uint32_t class_code, char *ret_text, size_t size)
{
	char text[128];
	const char *found = pci_lookup_name(access, text, sizeof(text), PCI_LOOKUP_CLASS | LOOKUP,
					    (int)(class_code >> 16 << 8 | 0xff));

	(void)text_copy(ret_text, size, found ? found : "");
	ret_text[strcspn(ret_text, "[")] = '\0';
}

bool names_class_has(struct names *names, uint32_t class_code, const char *part)
{
	struct pci_access *access = (struct pci_access *)names;
	char text[128];
	const char *interface = NULL;

	if (strcasestr(names_class(names, class_code, text, sizeof(text)), part))
		return true;
	if (!access)
		return false;
	base_class(access, class_code, text, sizeof(text));
	if (strcasestr(text, part))
		return true;
	interface = pci_lookup_name(access, text, sizeof(text), PCI_LOOKUP_PROGIF | LOOKUP,
				    (int)(class_code >> 8), (int)(class_code & 0xff));
	return interface && strcasestr(interface, part);
}
