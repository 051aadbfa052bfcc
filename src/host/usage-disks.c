/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands on a device's disks: file systems, swap, and active volumes and arrays, in the order in which
 * they have to go.
 *
 * Source: Linux fs/btrfs/sysfs.c for /sys/fs/btrfs/UUID/devices, since a file system on several devices is
 * mounted under the name of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/usage-parts-priv.h"

#define VOLUMES_NAMED 3

static bool is_root(const struct usage_mount *mount)
{
	return strcmp(mount->target, "/") == 0;
}

/* The marked member of the btrfs that the named block device is a member of too. */
static struct usage_block *find_btrfs_sibling(struct usage *usage, const char *name)
{
	char path[PATH_MAX];
	auto_dir DIR *dir = opendir(sysfs_path(path, "%s/fs/btrfs", usage->host->sys));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !sysfs_exists(sysfs_path(path, "%s/fs/btrfs/%s/devices/%s", usage->host->sys,
					     entry->d_name, name)))
			continue;
		for (size_t i = 0; i < usage->block_count; i++) {
			struct usage_block *block = &usage->blocks[i];

			if (block->marked &&
			    sysfs_exists(sysfs_path(path, "%s/fs/btrfs/%s/devices/%s", usage->host->sys,
						    entry->d_name, block->name)))
				return block;
		}
	}
	return NULL;
}

static struct usage_block *find_mounted(struct usage *usage, const struct usage_mount *mount)
{
	struct usage_block *block = usage_find_block(usage, mount->source, mount->major, mount->minor);

	if (!block && mount->source[0] && strcmp(mount->type, "btrfs") == 0)
		block = find_btrfs_sibling(usage, mount->source);
	return block;
}

static void add_mount(struct usage *usage, const struct usage_mount *mount, struct usage_collection *uses)
{
	bool vital = is_root(mount);
	struct usage_block *block = find_mounted(usage, mount);
	struct use *use = block ? usage_add(uses, USE_MOUNT, vital) : NULL;
	char text[512], word[600];

	if (!use)
		return;
	block->accounted = true;
	usage_print(use->what, sizeof(use->what), "%s is mounted on %s%s",
		    usage_block_text(usage, block, text, sizeof(text)), mount->target,
		    vital ? ", this host's root file system" : "");
	usage_print(use->brief, sizeof(use->brief), "%s", mount->target);
	if (vital)
		usage_cure(use, "another device: this host runs from this one");
	else
		usage_cure(use, "%sumount %s", mount->elsewhere ? "nsenter -t 1 -m " : "",
			   usage_quote(mount->target, word, sizeof(word)));
}

/* Root first, which is vital; the others from the last mounted to the first, as they can be unmounted. */
static void add_mounts(struct usage *usage, struct usage_collection *uses, bool root)
{
	for (size_t i = usage->mount_count; i-- > 0;) {
		if (is_root(&usage->mounts[i]) == root)
			add_mount(usage, &usage->mounts[i], uses);
	}
}

/* The block device that a file lies on, by the longest mount point in front of its path. */
static struct usage_block *block_under(struct usage *usage, const char *path)
{
	const struct usage_mount *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < usage->mount_count; i++) {
		const struct usage_mount *mount = &usage->mounts[i];
		size_t length = strlen(mount->target);
		bool covers = is_root(mount) || usage_is_below(path, mount->target);

		if (covers && length >= longest && !mount->elsewhere) {
			best = mount;
			longest = length;
		}
	}
	return best ? find_mounted(usage, best) : NULL;
}

static void add_swaps(struct usage *usage, struct usage_collection *uses)
{
	for (size_t i = 0; i < usage->swap_count; i++) {
		const struct usage_swap *swap = &usage->swaps[i];
		struct usage_block *block =
			swap->name[0] ? usage_find_block(usage, swap->name, swap->major, swap->minor)
				      : block_under(usage, swap->path);
		struct use *use = block ? usage_add(uses, USE_SWAP, true) : NULL;
		char text[512], word[600];

		if (!use)
			continue;
		block->accounted = true;
		usage_block_text(usage, block, text, sizeof(text));
		if (swap->name[0])
			usage_print(use->what, sizeof(use->what), "this host swaps to %s", text);
		else
			usage_print(use->what, sizeof(use->what), "this host swaps to %s, a file on %s",
				    swap->path, text);
		usage_print(use->brief, sizeof(use->brief), "swap");
		usage_cure(use, "swapoff %s", usage_quote(swap->path, word, sizeof(word)));
	}
}

/* What a volume stands on: below the volumes of its own group, of which LVM makes others. */
static const char *title_below(const struct usage *usage, const struct usage_block *block)
{
	const char *group = block->volume_group;

	for (size_t i = 0; i < usage->block_count && block->below != SIZE_MAX; i++) {
		block = &usage->blocks[block->below];
		if (!group[0] || strcmp(block->volume_group, group) != 0)
			break;
	}
	return block->title;
}

static void add_volume_group(struct usage *usage, const struct usage_block *first,
			     struct usage_collection *uses)
{
	struct use *use = usage_add(uses, USE_VOLUME, false);
	size_t count = 0;

	if (!use)
		return;
	usage_print(use->what, sizeof(use->what), "LVM volume group %s is active on %s:", first->volume_group,
		    title_below(usage, first));
	for (size_t i = 0; i < usage->block_count; i++) {
		const struct usage_block *block = &usage->blocks[i];

		if (!block->marked || strcmp(block->volume_group, first->volume_group) != 0)
			continue;
		if (count < VOLUMES_NAMED)
			usage_append(use->what, sizeof(use->what), "%s %s", count ? "," : "", block->title);
		count++;
	}
	if (count > VOLUMES_NAMED)
		usage_append(use->what, sizeof(use->what), " and %zu more", count - VOLUMES_NAMED);
	usage_print(use->brief, sizeof(use->brief), "LVM %s", first->volume_group);
	usage_cure(use, "vgchange -an %s", first->volume_group);
}

static void add_volume(struct usage *usage, const struct usage_block *block, struct usage_collection *uses)
{
	static const struct {
		const char *what, *does, *brief, *command;
	} texts[] = {
		[STACK_NONE] = { "", "stands", "", "lsblk" },
		[STACK_CRYPT] = { "the encrypted volume ", "is open", "crypt ", "cryptsetup close" },
		[STACK_MULTIPATH] = { "the multipath device ", "stands", "multipath ", "multipath -f" },
		[STACK_MAPPER] = { "the device mapper volume ", "stands", "dm ", "dmsetup remove" },
		[STACK_ARRAY] = { "the array ", "runs", "", "mdadm --stop" },
	};
	const char *name = block->mapping[0] ? block->mapping : block->title;
	struct use *use;
	char word[600];

	if (block->stack == STACK_LVM) {
		add_volume_group(usage, block, uses);
		return;
	}
	use = usage_add(uses, USE_VOLUME, false);
	if (!use)
		return;
	usage_print(use->what, sizeof(use->what), "%s%s %s on %s", texts[block->stack].what, block->title,
		    texts[block->stack].does, title_below(usage, block));
	usage_print(use->brief, sizeof(use->brief), "%s%s", texts[block->stack].brief,
		    block->mapping[0] ? block->mapping : block->name);
	usage_cure(use, "%s %s%s", texts[block->stack].command, usage_quote(name, word, sizeof(word)),
		   block->stack == STACK_NONE ? "    (shows what it is)" : "");
}

/* A group is told of once: at the highest of its volumes, the first of those. */
static bool is_told(const struct usage *usage, size_t index)
{
	const struct usage_block *block = &usage->blocks[index];

	for (size_t i = 0; i < usage->block_count && block->stack == STACK_LVM; i++) {
		const struct usage_block *other = &usage->blocks[i];

		if (other->marked && other->stack == STACK_LVM &&
		    strcmp(other->volume_group, block->volume_group) == 0 &&
		    (other->depth > block->depth || (other->depth == block->depth && i < index)))
			return true;
	}
	return false;
}

/* From the top to the bottom, as they can be stopped. */
static void add_volumes(struct usage *usage, struct usage_collection *uses)
{
	unsigned depth = 0;

	for (size_t i = 0; i < usage->block_count; i++) {
		if (usage->blocks[i].marked && usage->blocks[i].depth > depth)
			depth = usage->blocks[i].depth;
	}
	for (; depth > 0; depth--) {
		for (size_t i = 0; i < usage->block_count; i++) {
			const struct usage_block *block = &usage->blocks[i];

			if (block->marked && block->held && block->depth == depth && !is_told(usage, i))
				add_volume(usage, block, uses);
		}
	}
}

void usage_of_disks(struct usage *usage, struct usage_collection *uses)
{
	size_t before = uses->count;
	bool root;

	add_mounts(usage, uses, true);
	root = uses->count > before;
	add_swaps(usage, uses);
	add_mounts(usage, uses, false);
	if (!root) /* else nobody can stop what is below */
		add_volumes(usage, uses);
}

/* A root file system on devices that the kernel does not name anywhere: it may be any that it claims. */
static const char *pooled_root(const struct usage *usage)
{
	static const char *const types[] = { "zfs", "bcachefs" };

	for (size_t i = 0; i < usage->mount_count; i++) {
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
			if (is_root(&usage->mounts[i]) && strcmp(usage->mounts[i].type, types[k]) == 0)
				return types[k];
		}
	}
	return NULL;
}

static bool is_claimed(const char *path)
{
	struct stat status;
	auto_fd int fd = -1;

	if (stat(path, &status) || !S_ISBLK(status.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

/* Whether partitions or holders say already why it is claimed, or are to be asked themselves. */
static bool carries_others(const struct usage *usage, size_t index)
{
	for (size_t i = 0; i < usage->edge_count; i++) {
		if (usage->edges[i].lower == index)
			return true;
	}
	return false;
}

/*
 * The kernel claims a block device for itself without any of the other signs: a volume of ZFS, a mount in
 * another mount namespace, an array being assembled. It tells by EBUSY for O_EXCL.
 */
void usage_of_claims(struct usage *usage, struct usage_collection *uses)
{
	const char *root = pooled_root(usage);

	for (size_t i = 0; i < usage->block_count; i++) {
		const struct usage_block *block = &usage->blocks[i];
		char path[PATH_MAX];
		struct use *use;

		sysfs_path(path, "%s/%s", usage->host->dev, block->name);
		if (!block->marked || block->accounted || carries_others(usage, i) || !is_claimed(path))
			continue;
		use = usage_add(uses, USE_UNKNOWN, root != NULL);
		if (!use)
			return;
		usage_print(use->what, sizeof(use->what),
			    "the kernel holds %s for a file system, volume or array that is not visible here",
			    path);
		if (root)
			usage_append(use->what, sizeof(use->what),
				     "; this host's root file system is %s and may be on it", root);
		usage_print(use->brief, sizeof(use->brief), "busy");
		usage_cure(use, "lsblk %s    (shows what stands on it)", path);
	}
}
