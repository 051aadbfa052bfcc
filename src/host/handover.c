/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources: Linux drivers/vfio/group.c (/dev/vfio/GROUP: made when the group's first device goes to VFIO, gone
 * with the last), drivers/vfio/vfio_main.c (vfio-dev/vfioN below the device); udev(7): rules are applied to a
 * node some time after it appeared, and /run/udev/queue is there as long as events wait; proc(5) (limits).
 */
#include "host/handover-priv.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/group-priv.h"
#include "host/progress-priv.h"

#define UDEV_MS 5000
#define UDEV_NS 100000000

int handover_find_user(const char *text, struct handover_user *ret_user)
{
	struct handover_user user = { 0 };
	const struct passwd *known = getpwnam(text);
	uint64_t number;

	if (!known && isdigit((unsigned char)text[0]) && text_to_u64(text, UINT32_MAX - 1, &number) == 0) {
		user.uid = (uid_t)number;
		known = getpwuid(user.uid);
	} else if (!known) {
		error_set(EINVAL, "there is no user %s on this host", text);
		return error_try("getent passwd    (lists the users)");
	} else {
		user.uid = known->pw_uid;
	}
	(void)text_copy(user.name, sizeof(user.name), known ? known->pw_name : text);
	*ret_user = user;
	return 0;
}

static const char *group_node(const struct host *host, const struct host_device *device,
			      char ret_path[PATH_MAX])
{
	return sysfs_path(ret_path, "%s/vfio/%u", host->dev, device->group);
}

/* The entry of another device of the group that was handed to this user. */
static bool find_sibling(const struct host *host, const struct host_device *device, uid_t user,
			 struct journal_entry *ret_entry)
{
	struct iommu_group group = { 0 };
	bool found = false;

	if (!device->has_group || group_load(host, device->group, &group))
		return false;
	for (size_t i = 0; i < group.count && !found; i++) {
		struct host_device member;
		struct bdf bdf;

		if (!group.members[i].is_pci || bdf_parse(group.members[i].name, &bdf) ||
		    bdf_equal(bdf, device->bdf) || device_load(host, bdf, &member))
			continue;
		found = driver_is_vfio(member.driver) && journal_find(host, &member, ret_entry) &&
			ret_entry->has_user && ret_entry->user == user;
	}
	group_fini(&group);
	return found;
}

void handover_plan(const struct host *host, const struct host_device *device,
		   const struct handover_user *user, struct journal_entry *entry)
{
	char path[PATH_MAX];
	struct journal_entry sibling;
	struct stat status;

	/* One that was handed over before still knows whose it was. */
	if (!entry->has_user) {
		entry->owner_before = stat(group_node(host, device, path), &status) == 0 ? status.st_uid : 0;
		if (find_sibling(host, device, entry->owner_before, &sibling))
			entry->owner_before = sibling.owner_before;
	}
	entry->has_user = true;
	entry->user = user->uid;
}

/* Rules that name an owner for the node would be applied over ours. */
static void wait_for_udev(const struct host *host)
{
	const struct timespec pause = { .tv_nsec = UDEV_NS };
	const uint64_t started = progress_clock_ms();
	char path[PATH_MAX];

	sysfs_path(path, "%s/udev/queue", host->run);
	while (sysfs_exists(path) && progress_clock_ms() - started < UDEV_MS) {
		progress_tick(host->progress, progress_clock_ms() - started);
		(void)nanosleep(&pause, NULL);
	}
	progress_done(host->progress);
}

static int own_all(const struct host *host, const struct host_device *device, uid_t group_owner,
		   uid_t device_owner)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = NULL;
	struct dirent *item;
	int error = host->ops->own(host, group_node(host, device, path), group_owner);

	dir = opendir(device_path(host, device->bdf, "vfio-dev", path));
	while (!error && dir && (item = readdir(dir))) {
		if (item->d_name[0] != '.')
			error = host->ops->own(
				host, sysfs_path(path, "%s/vfio/devices/%s", host->dev, item->d_name),
				device_owner);
	}
	return error;
}

int handover_give(const struct host *host, const struct host_device *device,
		  const struct journal_entry *entry)
{
	progress_step(host->progress, "%s: udev is setting up its nodes", device->text);
	wait_for_udev(host);
	if (own_all(host, device, entry->user, entry->user) == 0)
		return 0;
	return error_tried("give the nodes of %s to user %u", device->text, (unsigned)entry->user);
}

int handover_take_back(const struct host *host, const struct host_device *device,
		       const struct journal_entry *entry)
{
	char path[PATH_MAX];
	struct journal_entry sibling;
	struct stat status;

	if (!entry->has_user || !device->has_group || stat(group_node(host, device, path), &status) ||
	    status.st_uid != entry->user || find_sibling(host, device, entry->user, &sibling))
		return 0;
	if (own_all(host, device, entry->owner_before, 0) == 0)
		return 0;
	return error_tried("take the nodes of %s back from user %u", device->text, (unsigned)entry->user);
}

/* The bytes that a process may lock (its hard limit); false where it is not the user's or has no limit. */
static bool read_limit(const struct host *host, const char *pid, uid_t user, uint64_t *ret_bytes)
{
	static const char uid_key[] = "\nUid:", limit_key[] = "Max locked memory";
	char path[PATH_MAX], hard[32];
	auto_free char *status = NULL;
	auto_free char *limits = NULL;
	unsigned real;
	const char *line;

	if (sysfs_read_file(sysfs_path(path, "%s/%s/status", host->proc, pid), &status, NULL) ||
	    !(line = strstr(status, uid_key)) || sscanf(line + sizeof(uid_key) - 1, "%u", &real) != 1 ||
	    real != user ||
	    sysfs_read_file(sysfs_path(path, "%s/%s/limits", host->proc, pid), &limits, NULL) ||
	    !(line = strstr(limits, limit_key)))
		return false;
	return sscanf(line + sizeof(limit_key) - 1, "%*s %31s", hard) == 1 &&
	       text_to_u64(hard, UINT64_MAX, ret_bytes) == 0;
}

void handover_note_limit(const struct host *host, const struct handover_user *user, FILE *notes)
{
	auto_dir DIR *dir = opendir(host->proc);
	struct dirent *item;
	uint64_t bytes;
	char size[32];

	while (user->uid && dir && (item = readdir(dir))) {
		if (!isdigit((unsigned char)item->d_name[0]) ||
		    !read_limit(host, item->d_name, user->uid, &bytes))
			continue;
		fprintf(notes,
			"note: %s may lock %s of memory (process %s), and a guest with a device locks all of "
			"its own\n"
			"      try: %s - memlock unlimited    (in /etc/security/limits.conf; from the next "
			"login on)\n",
			user->name, text_size(bytes, size, sizeof(size)), item->d_name, user->name);
		return;
	}
}
