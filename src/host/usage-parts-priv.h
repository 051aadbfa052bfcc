/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_USAGE_PARTS_PRIV_H
#define HANDFAST_HOST_USAGE_PARTS_PRIV_H

/* What usage.c puts together: each part is an array that its loader allocates and usage.c frees. */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/host-priv.h"
#include "host/process-priv.h"
#include "host/usage-priv.h"

enum usage_stack {
	STACK_NONE, /* a disk or a partition */
	STACK_LVM,
	STACK_CRYPT,
	STACK_MULTIPATH,
	STACK_MAPPER, /* device mapper for another purpose */
	STACK_ARRAY,  /* md */
};

struct usage_block {
	char name[64];	   /* as under /sys/class/block and /dev */
	char real[512];	   /* its folder in sysfs, links resolved */
	char title[256];   /* as people know it: "/dev/nvme0n1p1", "/dev/mapper/vg-root" */
	char mapping[128]; /* device mapper's name for it; "" where it is none of those */
	char volume_group[128];
	enum usage_stack stack;
	unsigned major, minor;
	/* The device asked about: */
	bool marked;	/* stands on it */
	bool held;	/* and on another block device, not as a partition */
	bool accounted; /* its user is named */
	size_t below;	/* what it stands on, SIZE_MAX: the device itself */
	unsigned depth; /* how many times something stands on something in between */
};

/* That one block device stands on another. */
struct usage_edge {
	size_t lower, upper;
	bool partition;
};

struct usage_mount {
	unsigned major, minor;
	char source[128]; /* the block device's name where it is one, else "" */
	char type[32];
	char target[1024];
	bool elsewhere; /* only process 1 sees it: the target is no path of ours */
};

struct usage_swap {
	char path[1024];
	char name[128];	       /* the block device's name, "" for a file */
	unsigned major, minor; /* 0, 0 where that cannot be found out */
};

/* A character device. */
struct usage_node {
	char name[64]; /* below /dev */
	char real[512];
	unsigned major, minor;
};

struct usage_open {
	struct process process;
	char name[64]; /* of what is open, below /dev */
	size_t block;  /* which block device it is, SIZE_MAX: none */
	size_t node;   /* which character device it is, SIZE_MAX: none that we know */
};

struct usage {
	const struct host *host;
	struct usage_block *blocks;
	struct usage_edge *edges;
	struct usage_mount *mounts;
	struct usage_swap *swaps;
	struct usage_node *nodes;
	struct usage_open *opens;
	unsigned long *ssh_sockets;  /* inodes of what SSH servers have open */
	struct in6_addr *ssh_locals; /* our end of each established SSH connection */
	size_t block_count, edge_count, mount_count, swap_count, node_count, open_count;
	size_t ssh_socket_count, ssh_local_count;
	bool short_of_memory;
};

/* Where the uses of one device are gathered. */
struct usage_collection {
	struct use *list;
	size_t room, count;
};

/* Room for one more use, or NULL. */
struct use *usage_add(struct usage_collection *uses, enum use_kind kind, bool vital);

/* Grows an array by one zeroed element and returns that; NULL and short_of_memory where it cannot. */
void *usage_grow(struct usage *usage, void *array_address, size_t *count, size_t size);

/* Writes what fits: for texts that are only shown. */
void usage_print(char *ret_text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The use's cure; none where it does not fit, since half a command may be another command. */
void usage_cure(struct use *use, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same as usage_print(), behind what stands there. */
void usage_append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A word as a shell takes it: in quotes where it has to be. Returns ret_word. */
const char *usage_quote(const char *word, char *ret_word, size_t size);

bool usage_is_below(const char *path, const char *folder);

/* Whether something in sysfs is the device's: below it, or below the NVMe subsystem it is a path to. */
bool usage_belongs(const struct usage *usage, const char *real, const struct host_device *device);

/* /proc/self/mountinfo and /proc/swaps. */
void usage_load_mounts(struct usage *usage);
void usage_load_swaps(struct usage *usage);

/* The block devices, and which stands on which. */
void usage_load_blocks(struct usage *usage);
/* Marks those that stand on the device. */
void usage_mark_blocks(struct usage *usage, const struct host_device *device);
/* The marked block device of this number, or of this name, the kernel's or device mapper's; or NULL. */
struct usage_block *usage_find_block(struct usage *usage, const char *name, unsigned major, unsigned minor);
/* "/dev/mapper/vg-root (LVM volume on /dev/nvme0n1p2)"; returns ret_text. */
const char *usage_block_text(const struct usage *usage, const struct usage_block *block, char *ret_text,
			     size_t size);

/* What stands on the marked block devices: file systems, swap, active volumes, and what the kernel claims
 * for purposes that it does not show (to be asked when all others have been). */
void usage_of_disks(struct usage *usage, struct usage_collection *uses);
void usage_of_claims(struct usage *usage, struct usage_collection *uses);

/* The character devices, and who has which node open (after usage_load_blocks). */
void usage_load_nodes(struct usage *usage);
void usage_load_opens(struct usage *usage);
void usage_of_nodes(struct usage *usage, const struct host_device *device, struct usage_collection *uses);

/* The network interfaces of a device that somebody may be talking through. */
void usage_of_network(const struct usage *usage, const struct host_device *device,
		      struct usage_collection *uses);

/* Established SSH connections to this host (after usage_load_opens). */
void usage_load_ssh(struct usage *usage);

enum usage_ssh {
	SSH_NONE,
	SSH_SOMEBODY, /* somebody is connected through the interface */
	SSH_CALLER,   /* the caller is */
};

/* Whether one comes in over an interface with these addresses ("10.0.0.2, fd00::1"). */
enum usage_ssh usage_ssh_over(const struct usage *usage, const char *interface, const char *addresses);

#endif
