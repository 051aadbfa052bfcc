/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the parts together: what a device's disks carry (usage-disks.c), who has its nodes open
 * (usage-nodes.c), who talks through it (usage-network.c, usage-ssh.c), the boot console
 * (usage-framebuffer.c), and the virtual functions that it lends out. Everything that is the same for all
 * devices is read once, so a list of all devices costs little more than one.
 */
#include "host/usage-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "host/usage-parts-priv.h"

#define USES_USUAL 16

const char *use_kind_name(enum use_kind kind)
{
	static const char *const names[] = {
		[USE_MOUNT] = "mount",
		[USE_SWAP] = "swap",
		[USE_VOLUME] = "volume",
		[USE_NETWORK] = "network",
		[USE_PROCESS] = "process",
		[USE_MACHINE] = "machine",
		[USE_FRAMEBUFFER] = "framebuffer",
		[USE_FUNCTIONS] = "functions",
		[USE_UNKNOWN] = "unknown",
	};

	return names[kind];
}

int usage_create(const struct host *host, struct usage **ret_usage)
{
	struct usage *usage = calloc(1, sizeof(*usage));

	if (!usage)
		return error_sys(ENOMEM, "who uses which device");
	usage->host = host;
	usage_load_blocks(usage);
	usage_load_mounts(usage);
	usage_load_swaps(usage);
	usage_load_nodes(usage);
	usage_load_opens(usage);
	usage_load_ssh(usage);
	if (usage->short_of_memory) {
		usage_destroy(usage);
		return error_sys(ENOMEM, "who uses which device");
	}
	*ret_usage = usage;
	return 0;
}

void usage_destroy(struct usage *usage)
{
	if (!usage)
		return;
	free(usage->blocks);
	free(usage->edges);
	free(usage->mounts);
	free(usage->swaps);
	free(usage->nodes);
	free(usage->opens);
	free(usage->ssh_sockets);
	free(usage->ssh_locals);
	free(usage);
}

/* The first use of one of the device's virtual functions, with its name. */
static bool use_of_function(struct usage *usage, const char *path, char ret_name[BDF_TEXT_SIZE],
			    struct use *ret_use)
{
	struct host_device function;
	char name[64];
	struct bdf bdf;

	if (sysfs_read_link(path, name, sizeof(name)) || bdf_parse(name, &bdf) ||
	    device_load(usage->host, bdf, &function))
		return false;
	bdf_format(bdf, ret_name);
	return usage_of(usage, &function, ret_use, 1) == 1;
}

/* The virtual functions have to go first, and are asked first: that marks the block devices anew. */
static void add_functions(struct usage *usage, const struct host_device *device,
			  struct usage_collection *uses)
{
	char path[PATH_MAX], name[BDF_TEXT_SIZE], remove[256];
	size_t used = 0;
	struct use *use = device->vf_count ? usage_add(uses, USE_FUNCTIONS, false) : NULL;

	if (!use)
		return;
	usage_print(use->what, sizeof(use->what),
		    "%s has %u virtual functions, which have to go before it can change its driver",
		    device->text, device->vf_count);
	usage_print(use->brief, sizeof(use->brief), "%u VFs", device->vf_count);
	usage_print(remove, sizeof(remove), "echo 0 > %s",
		    device_path(usage->host, device->bdf, "sriov_numvfs", path));
	for (unsigned i = 0; i < device->vf_count; i++) {
		char attribute[32];
		struct use inner;

		(void)snprintf(attribute, sizeof(attribute), "virtfn%u", i);
		if (!use_of_function(usage, device_path(usage->host, device->bdf, attribute, path), name,
				     &inner))
			continue;
		use->vital |= inner.vital;
		if (used++)
			continue;
		usage_append(use->what, sizeof(use->what), "; %s is in use: %s", name, inner.what);
		/* Whole lines only. */
		if (inner.cure[0] && strlen(inner.cure) + 1 + strlen(remove) < sizeof(use->cure))
			usage_print(use->cure, sizeof(use->cure), "%s\n", inner.cure);
	}
	usage_append(use->cure, sizeof(use->cure), "%s", remove);
	if (used > 1)
		usage_append(use->what, sizeof(use->what), "; and %zu more of them", used - 1);
}

size_t usage_of(struct usage *usage, const struct host_device *device, struct use *ret_list, size_t room)
{
	struct usage_collection uses = { .list = ret_list, .room = room };

	if (device->is_bridge)
		return 0;
	add_functions(usage, device, &uses);
	usage_mark_blocks(usage, device);
	usage_of_disks(usage, &uses);
	usage_of_nodes(usage, device, &uses);
	usage_of_claims(usage, &uses);
	usage_of_network(usage, device, &uses);
	if (uses.count < uses.room && usage_framebuffer(usage->host, device, &uses.list[uses.count]))
		uses.count++;
	return uses.count;
}

int usage_all(struct usage *usage, const struct host_device *device, struct use **ret_list, size_t *ret_count)
{
	struct use *list = NULL;
	size_t room = USES_USUAL, count;

	for (;; room *= 2) {
		free(list);
		list = calloc(room, sizeof(*list));
		if (!list)
			return error_sys(ENOMEM, "who uses %s", device->text);
		count = usage_of(usage, device, list, room);
		if (count < room)
			break;
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}
