/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the broker is asked about devices: which one a path stands for, its name, whether a VM can have it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "host/broker-priv.h"
#include "host/check-priv.h"
#include "host/mdev-priv.h"

int broker_answer_find(const struct host *host, const char *path, struct host_id *ret_id)
{
	int error = sysfsdev_find(host, path, ret_id);

	return error ? error_tried("assign sysfsdev=%s", path) : 0;
}

static int title_mdev(const struct host *host, const char *uuid, char *ret_text, size_t size)
{
	struct mdev mdev;
	int error = mdev_load(host, uuid, &mdev);

	if (!error)
		mdev_title(&mdev, ret_text, size);
	return error;
}

static int title_pci(const struct host *host, struct bdf bdf, char *ret_text, size_t size)
{
	struct host_device device;
	int error = device_load(host, bdf, &device);

	if (!error)
		check_device_title(host, &device, ret_text, size);
	return error;
}

int broker_answer_title(const struct host *host, const struct host_id *id, char *ret_text, size_t size)
{
	return host_id_is_mediated(id) ? title_mdev(host, id->uuid, ret_text, size)
				       : title_pci(host, id->bdf, ret_text, size);
}

static int check_one_mdev(const struct host *host, const struct host_id *id, const struct check_scope *scope,
			  struct findings *findings, struct broker_device *ret_device)
{
	struct mdev mdev;
	int error = mdev_load(host, id->uuid, &mdev);

	if (error)
		return error;
	check_mdev(host, &mdev, scope->vm, findings);
	*ret_device = (struct broker_device){ .id = *id, .group = mdev.group };
	return findings_error(findings);
}

static int check_one_pci(const struct host *host, const struct host_id *id, const struct check_scope *scope,
			 struct findings *findings, struct broker_device *ret_device)
{
	struct host_device device;
	int error = device_load(host, id->bdf, &device);

	if (error)
		return error;
	check_assignable(host, &device, scope, findings);
	*ret_device = (struct broker_device){
		.id = *id,
		.group = device.group,
		.vendor = device.vendor,
		.device = device.device,
	};
	snprintf(ret_device->reset_method, sizeof(ret_device->reset_method), "%.*s",
		 (int)strcspn(device.reset_methods, " "), device.reset_methods);
	return findings_error(findings);
}

int broker_answer_check(const struct host *host, const struct host_id *id, const struct check_scope *scope,
			struct broker_device *ret_device)
{
	struct findings findings = { 0 };
	struct broker_device device;
	struct error refusal;
	char text[1024];
	int error = host_id_is_mediated(id) ? check_one_mdev(host, id, scope, &findings, &device)
					    : check_one_pci(host, id, scope, &findings, &device);

	findings_fini(&findings);
	if (!error) {
		*ret_device = device;
		return 0;
	}
	refusal = *error_get();
	if (broker_answer_title(host, id, text, sizeof(text)))
		host_id_format(id, text);
	error_load(&refusal);
	return error_tried("assign %s", text);
}
