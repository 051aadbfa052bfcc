/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices are the long way round: a device has disks, disks have partitions, either may be held by
 * device mapper or md devices, which have partitions and holders again, and any of these may be mounted,
 * be swap, hold a swap file, or be open in a process. The set is closed first, then everything that
 * names a member of it counts.
 */
#include "host/usage-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

void usage_print(char *ret_text, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_text, size, format, args);
	va_end(args);
}

void *usage_grow(struct usage *usage, void *array_address, size_t *count, size_t size)
{
	void **array = array_address;
	char *more = realloc(*array, (*count + 1) * size);

	if (!more) {
		usage->short_of_memory = true;
		return NULL;
	}
	*array = more;
	memset(more + *count * size, 0, size);
	return more + (*count)++ * size;
}

/* Whether path lies below folder. */
static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

static void load_blocks(struct usage *usage)
{
	char path[PATH_MAX], real[PATH_MAX], number[32];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/class/block", usage->host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct usage_block *block;

		if (entry->d_name[0] == '.' ||
		    !realpath(sysfs_path(path, "%s/class/block/%s", usage->host->sys, entry->d_name), real))
			continue;
		block = usage_grow(usage, &usage->blocks, &usage->block_count, sizeof(*block));
		if (!block)
			return;
		(void)text_copy(block->name, sizeof(block->name), entry->d_name);
		(void)text_copy(block->real, sizeof(block->real), real);
		if (sysfs_read_text(sysfs_path(path, "%s/dev", real), number, sizeof(number)) == 0)
			(void)sscanf(number, "%u:%u", &block->major, &block->minor);
	}
}

static void add_open(void *opaque, const struct process *process, const char *path)
{
	struct usage *usage = opaque;
	struct usage_open *open = usage_grow(usage, &usage->opens, &usage->open_count, sizeof(*open));

	if (!open)
		return;
	open->process = *process;
	(void)text_copy(open->name, sizeof(open->name), path + strlen(usage->host->dev) + 1);
}

int usage_create(const struct host *host, struct usage **ret_usage)
{
	struct usage *usage = calloc(1, sizeof(*usage));
	char prefix[PATH_MAX];

	if (!usage)
		return error_sys(ENOMEM, "who uses which device");
	usage->host = host;
	load_blocks(usage);
	usage_load_mounts(usage);
	usage_load_swaps(usage);
	usage->marks = calloc(usage->block_count + 1, sizeof(*usage->marks));
	process_each_open(host, sysfs_path(prefix, "%s/", host->dev), add_open, usage);
	if (!usage->marks || usage->short_of_memory) {
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
	free(usage->mounts);
	free(usage->swaps);
	free(usage->opens);
	free(usage->marks);
	free(usage);
}

/* NVMe namespaces with several paths live under their subsystem, which names its controllers. */
static bool is_in_subsystem_of(const struct usage *usage, const struct usage_block *block,
			       const struct host_device *device)
{
	static const char middle[] = "/nvme-subsystem/";
	const char *subsystem = strstr(block->real, middle);
	char path[PATH_MAX];
	auto_dir DIR *dir = NULL;
	struct dirent *entry;
	int length;

	if (!subsystem)
		return false;
	subsystem += sizeof(middle) - 1;
	length = (int)strcspn(subsystem, "/");
	dir = opendir(sysfs_path(path, "%s/nvme", device->real));
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' &&
		    sysfs_exists(sysfs_path(path, "%s/class/nvme-subsystem/%.*s/%s", usage->host->sys, length,
					    subsystem, entry->d_name)))
			return true;
	}
	return false;
}

static bool mark_name(struct usage *usage, const char *name)
{
	bool *marks = usage->marks;

	for (size_t i = 0; i < usage->block_count; i++) {
		if (!marks[i] && strcmp(usage->blocks[i].name, name) == 0) {
			marks[i] = true;
			return true;
		}
	}
	return false;
}

/* What stands on one block device: partitions below it in sysfs, and its holders. */
static bool mark_above(struct usage *usage, const struct usage_block *block)
{
	bool *marks = usage->marks;
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/holders", block->real));
	struct dirent *entry;
	bool more = false;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && mark_name(usage, entry->d_name))
			more = true;
	}
	for (size_t i = 0; i < usage->block_count; i++) {
		if (!marks[i] && is_below(usage->blocks[i].real, block->real)) {
			marks[i] = true;
			more = true;
		}
	}
	return more;
}

/* Marks the block devices that stand on the device: its disks, their partitions and holders (device
 * mapper, md), and theirs. */
static void mark_blocks(struct usage *usage, const struct host_device *device)
{
	bool *marks = usage->marks, more = true;

	for (size_t i = 0; i < usage->block_count; i++) {
		const struct usage_block *block = &usage->blocks[i];

		marks[i] = is_below(block->real, device->real) || is_in_subsystem_of(usage, block, device);
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < usage->block_count; i++) {
			if (marks[i] && mark_above(usage, &usage->blocks[i]))
				more = true;
		}
	}
}

/* The marked block device of this number or name. */
static const struct usage_block *find_block(const struct usage *usage, const char *name, unsigned major,
					    unsigned minor)
{
	for (size_t i = 0; i < usage->block_count; i++) {
		const struct usage_block *block = &usage->blocks[i];

		if (!usage->marks[i])
			continue;
		if ((major && block->major == major && block->minor == minor) ||
		    (name[0] && strcmp(block->name, name) == 0))
			return block;
	}
	return NULL;
}

struct collection {
	struct use *list;
	size_t room, count;
};

/* Room for one more use, or NULL; a vital one takes the last one's place before it is left out. */
static struct use *add_use(struct collection *uses, enum use_kind kind, bool vital)
{
	struct use *use;

	if (uses->count < uses->room)
		uses->count++;
	else if (!vital)
		return NULL;
	use = &uses->list[uses->count - 1];
	*use = (struct use){ .kind = kind, .vital = vital };
	return use;
}

static void add_mounts(const struct usage *usage, struct collection *uses)
{
	for (size_t i = 0; i < usage->mount_count; i++) {
		const struct usage_mount *mount = &usage->mounts[i];
		const struct usage_block *block =
			find_block(usage, mount->source, mount->major, mount->minor);
		bool vital = strcmp(mount->target, "/") == 0;
		struct use *use = block ? add_use(uses, USE_MOUNT, vital) : NULL;

		if (!use)
			continue;
		usage_print(use->what, sizeof(use->what), "%s/%s is mounted on %s%s", usage->host->dev,
			    block->name, mount->target, vital ? ", this host's root file system" : "");
		usage_print(use->brief, sizeof(use->brief), "%s", mount->target);
		if (vital)
			usage_print(use->cure, sizeof(use->cure),
				    "another device: this host runs from this one");
		else
			usage_print(use->cure, sizeof(use->cure), "umount %s", mount->target);
	}
}

/* The block device that a file lies on, by the longest mount point in front of its path. */
static const struct usage_block *block_under(const struct usage *usage, const char *path)
{
	const struct usage_mount *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < usage->mount_count; i++) {
		const struct usage_mount *mount = &usage->mounts[i];
		size_t length = strlen(mount->target);
		bool covers = strcmp(mount->target, "/") == 0 || is_below(path, mount->target);

		if (covers && length >= longest) {
			best = mount;
			longest = length;
		}
	}
	return best ? find_block(usage, best->source, best->major, best->minor) : NULL;
}

static void add_swaps(const struct usage *usage, struct collection *uses)
{
	for (size_t i = 0; i < usage->swap_count; i++) {
		const struct usage_swap *swap = &usage->swaps[i];
		const struct usage_block *block =
			swap->name[0] ? find_block(usage, swap->name, 0, 0) : block_under(usage, swap->path);
		struct use *use = block ? add_use(uses, USE_SWAP, true) : NULL;

		if (!use)
			continue;
		usage_print(use->what, sizeof(use->what), "this host swaps to %s", swap->path);
		usage_print(use->brief, sizeof(use->brief), "swap");
		usage_print(use->cure, sizeof(use->cure), "swapoff %s", swap->path);
	}
}

static void add_processes(const struct usage *usage, struct collection *uses)
{
	for (size_t i = 0; i < usage->open_count; i++) {
		const struct usage_open *open = &usage->opens[i];
		const struct usage_block *block = find_block(usage, open->name, 0, 0);
		struct use *use = block ? add_use(uses, USE_PROCESS, false) : NULL;

		if (!use)
			continue;
		usage_print(use->what, sizeof(use->what), "%s/%s is open in %s (pid %d)", usage->host->dev,
			    block->name, open->process.name, (int)open->process.pid);
		usage_print(use->brief, sizeof(use->brief), "%s (pid %d)", open->process.name,
			    (int)open->process.pid);
		usage_print(use->cure, sizeof(use->cure), "end %s", open->process.name);
	}
}

/* Who a VFIO device's group is open in. */
static void add_machines(const struct usage *usage, const struct host_device *device, struct collection *uses)
{
	char node[64];

	(void)snprintf(node, sizeof(node), "vfio/%u", device->group);
	for (size_t i = 0; device->has_group && i < usage->open_count; i++) {
		const struct usage_open *open = &usage->opens[i];
		struct use *use = strcmp(open->name, node) == 0 ? add_use(uses, USE_PROCESS, false) : NULL;

		if (!use)
			continue;
		usage_print(use->what, sizeof(use->what), "%s/%s is open in %s (pid %d)", usage->host->dev,
			    node, open->process.name, (int)open->process.pid);
		usage_print(use->brief, sizeof(use->brief), "%s (pid %d)", open->process.name,
			    (int)open->process.pid);
		usage_print(use->cure, sizeof(use->cure),
			    "end that virtual machine first, or unplug the device from it");
	}
}

static void add_functions(const struct usage *usage, const struct host_device *device,
			  struct collection *uses)
{
	char path[PATH_MAX];
	uint64_t number = 0;
	struct use *use;

	(void)sysfs_read_u64(device_path(usage->host, device->bdf, "sriov_numvfs", path), &number);
	use = number ? add_use(uses, USE_FUNCTIONS, false) : NULL;
	if (!use)
		return;
	usage_print(use->what, sizeof(use->what),
		    "%s has %u virtual functions, which vanish when its driver lets it go", device->text,
		    (unsigned)number);
	usage_print(use->brief, sizeof(use->brief), "%u VFs", (unsigned)number);
	usage_print(use->cure, sizeof(use->cure), "echo 0 > %s", path);
}

/*
 * The kernel itself knows who claimed a block device exclusively, also where we cannot see it: a file
 * system in another mount namespace, the other disks of a pool. It tells by EBUSY for O_EXCL.
 */
static void add_claims(const struct usage *usage, struct collection *uses)
{
	for (size_t i = 0; i < usage->block_count; i++) {
		char path[PATH_MAX];
		struct stat status;
		struct use *use;
		auto_fd int fd = -1;

		sysfs_path(path, "%s/%s", usage->host->dev, usage->blocks[i].name);
		if (!usage->marks[i] || stat(path, &status) || !S_ISBLK(status.st_mode))
			continue;
		fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
		use = fd < 0 && errno == EBUSY ? add_use(uses, USE_UNKNOWN, false) : NULL;
		if (!use)
			continue;
		usage_print(use->what, sizeof(use->what),
			    "the kernel holds %s for a file system, volume or array that is not visible here",
			    path);
		usage_print(use->brief, sizeof(use->brief), "busy");
		usage_print(use->cure, sizeof(use->cure), "lsblk %s    (shows what stands on it)", path);
		return;
	}
}

size_t usage_of(struct usage *usage, const struct host_device *device, struct use *ret_list, size_t room)
{
	struct collection uses = { .list = ret_list, .room = room };

	mark_blocks(usage, device);
	add_mounts(usage, &uses);
	add_swaps(usage, &uses);
	add_processes(usage, &uses);
	if (!uses.count)
		add_claims(usage, &uses);
	add_machines(usage, device, &uses);
	uses.count += usage_of_network(usage, device, uses.list + uses.count, uses.room - uses.count);
	if (uses.count < uses.room && usage_framebuffer(usage->host, device, &uses.list[uses.count]))
		uses.count++;
	add_functions(usage, device, &uses);
	return uses.count;
}
