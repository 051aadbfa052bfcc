/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/error.h"
#include "host/list-priv.h"

int list_devices(const struct host *host, const struct list_request *request, const struct grid_style *style,
		 FILE *out)
{
	struct list list;
	int error = list_load(host, request, &list);

	if (error)
		return error_tried("list the PCI devices");
	switch (request->form) {
	case LIST_TABLE:
		error = list_print_table(&list, style, out);
		break;
	case LIST_TREE:
		error = list_print_tree(&list, style, out);
		break;
	case LIST_JSON:
		error = list_print_json(&list, out);
		break;
	}
	list_fini(&list);
	return error;
}
