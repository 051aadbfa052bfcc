/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "app/devices.h"
#include "base/error.h"
#include "host/broker.h"

/*
 * Which device of the host each -device means. One that is named by a path in sysfs (sysfsdev=) can be the
 * same as one that is named by its address, and it can be a mediated device, for which some keys mean
 * nothing.
 */

static int refuse_key(const struct device_plan *plan, const char *key)
{
	char host[HOST_ID_TEXT_SIZE];

	error_tried("assign %s", host_id_format(&plan->host, host));
	return error_try("leave %s= out", key);
}

static int check_mediated(const struct device_plan *plan)
{
	if (plan->managed) {
		error_set(EINVAL, "it is a mediated device, whose driver has made it for guests: there is no "
				  "other one to take it from or to give it back to, as managed=on asks");
		return refuse_key(plan, "managed");
	}
	if (plan->vf_token) {
		error_set(EINVAL, "it is a mediated device: only virtual functions (SR-IOV) have a VF token");
		return refuse_key(plan, "vf-token");
	}
	return 0;
}

int device_plan_find(struct device_plan *plan, struct broker *broker)
{
	int error;

	if (!plan->kind->host_device || plan->host_known)
		return 0;
	error = broker_device_find(broker, plan->sysfsdev, &plan->host);
	if (error < 0)
		return error;
	plan->host_known = true;
	return host_id_is_mediated(&plan->host) ? check_mediated(plan) : 0;
}

static bool same_host(const struct device_plan *a, const struct device_plan *b)
{
	return a->host_known && b->host_known && host_id_equal(&a->host, &b->host);
}

int device_plan_check_host(const struct device_plan *plans, const struct device_plan *plan)
{
	char host[HOST_ID_TEXT_SIZE], name[96];

	for (const struct device_plan *other = plans; other && other != plan; other = other->next) {
		if (!same_host(plan, other))
			continue;
		error_set(EEXIST, "%s has it already", device_plan_name(other, name, sizeof(name)));
		error_tried("assign %s twice", host_id_format(&plan->host, host));
		return error_try("name each device of the host once");
	}
	return 0;
}

int device_plans_check_hosts(const struct device_plan *plans)
{
	int error = 0;

	for (const struct device_plan *plan = plans; error == 0 && plan; plan = plan->next)
		error = device_plan_check_host(plans, plan);
	return error;
}
