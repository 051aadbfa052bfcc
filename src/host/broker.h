/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_BROKER_H
#define HANDFAST_HOST_BROKER_H

/*
 * Everything of a running VM that needs the host's rights stands behind this interface: a child
 * process, forked before guest memory exists, that looks at sysfs, runs the checks, opens nodes and
 * hands the descriptors over its socket. The VM process itself never opens sysfs or /dev, and never
 * forks again.
 *
 * Calls are answered in order, may be made on any thread (they take turns), may take long, and carry the
 * broker's explained failures over unchanged. A broker that has died is an error like any other (EPIPE).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/host_id.h"

struct broker;

/* Forks. No thread exists yet. The child ends when the socket closes, whatever becomes of the parent;
 * it ignores SIGINT, SIGTERM and SIGHUP so that it can still give back what was taken. */
int broker_start(struct broker **ret_broker);
/*
 * Has the devices that broker_bind_managed() bound given back, closes the socket and reaps the child. The VM
 * has closed its devices. Says so when it takes long, and waits for a minute at most: the child then goes on
 * by itself. Errors: what could not be given back, and how to mend it. NULL is fine.
 */
int broker_stop(struct broker *broker);

/* /dev/kvm, read-write. Errors name the node, its owner and mode, what would change it; or that this
 * processor or kernel has no KVM. */
int broker_open_kvm(struct broker *broker, int *ret_fd);

/* A regular file or block device to read from (kernel, initial RAM disk); what: "kernel image", for
 * messages. Relative paths count from where handfast was started. */
int broker_open_file(struct broker *broker, const char *what, const char *path, int *ret_fd);

/*
 * Which device a path in sysfs stands for (sysfsdev=): a PCI function or a mediated device, whatever way the
 * path takes. Relative paths count from where handfast was started. Errors: it is neither.
 */
int broker_device_find(struct broker *broker, const char *path, struct host_id *ret_id);

/* What the broker found out about a device. */
struct broker_device {
	struct host_id id;
	uint32_t group;	 /* IOMMU group */
	uint16_t vendor; /* of a PCI function; what a mediated one says is only known by opening it */
	uint16_t device;
	char reset_method[24]; /* the kernel's first choice, as sysfs names it: "flr", "pm", "bus"; "": it has
				  none, or does not say (before 5.15), or the device is a mediated one */
};

/*
 * Runs the checks of `handfast check` that a start depends on (device exists, IOMMU, group viable, bound
 * to a VFIO driver, node accessible, not in use by another VM; of a mediated device that it is there, is a
 * PCI device to its user, and the last two) without changing anything. has_token: it is opened with a VF
 * token (vf-token=). Errors: the finding, with its cause and cure.
 */
int broker_device_check(struct broker *broker, const struct host_id *id, bool has_token,
			struct broker_device *ret_device);

/*
 * Devices that the broker binds for this VM and gives back after it (managed=on). broker_manage() only says
 * which; from then on broker_device_check() takes them as bound. broker_bind_managed() binds those that no
 * VFIO driver has yet, all or none, and refuses what `handfast bind` refuses, in its words; the others stay
 * what they are, also in the end. What it bound is given back by broker_stop(), or by the broker alone when
 * the VM process ends in any other way; then what goes wrong is logged.
 */
#define BROKER_MANAGED_MAX 256
int broker_manage(struct broker *broker, const struct bdf *list, size_t count);
int broker_bind_managed(struct broker *broker);

/* "0000:01:00.0 (8086:10d3 Intel Corporation 82574L Gigabit Network Connection)", or
 * "83b8f4f2-509f-382f-3c1e- e6bfe0fa1001 (mtty-2, Dual port serial, on /sys/devices/virtual/mtty/mtty)", for
 * messages: reading pci.ids takes tens of milliseconds, so that is done when something failed. Where the
 * broker cannot say, the name alone; the calling thread's error record stays as it is. Returns ret_text. */
const char *broker_device_title(struct broker *broker, const struct host_id *id, char *ret_text, size_t size);

/* /dev/vfio/vfio. */
int broker_open_container(struct broker *broker, int *ret_fd);
/* /dev/vfio/<group>. EBUSY: the cause names the process that has it open, where it can be seen. */
int broker_open_group(struct broker *broker, uint32_t group, int *ret_fd);

/*
 * The memory-lock limit for a VM that will pin `bytes`: raised where we may (the VM process's limit,
 * by prlimit(2)), nothing done where CAP_IPC_LOCK makes it moot. EPERM: need and limit, and how to
 * raise it.
 */
int broker_allow_memlock(struct broker *broker, uint64_t bytes);

/*
 * The limit on open files for a VM that will have `count` of them: raised where we may (the VM process's
 * limits, by prlimit(2)), nothing done where it is high enough. EPERM: need and limit, and how to raise it.
 */
int broker_allow_descriptors(struct broker *broker, uint64_t count);

/* Memory of this host in bytes (MemTotal and MemAvailable of /proc/meminfo). */
int broker_memory(struct broker *broker, uint64_t *ret_total, uint64_t *ret_available);

/* A stretch of addresses, both ends included. */
struct broker_range {
	uint64_t first, last;
};

/*
 * Addresses at which devices of this host reach no memory of a guest, ascending and apart: what the IOMMU
 * groups reserve, all groups or one, without what lies where no guest has RAM. Where there are more, those of
 * all groups are merged with what lies between them (and that is said); of one group, the first are told.
 */
#define BROKER_RANGES_MAX 24
int broker_reserved(struct broker *broker, struct broker_range ret_list[BROKER_RANGES_MAX],
		    size_t *ret_count);
int broker_group_reserved(struct broker *broker, uint32_t group,
			  struct broker_range ret_list[BROKER_RANGES_MAX], size_t *ret_count);

/*
 * The same for one device more, while the VM runs: checks it as broker_device_check() would if it were bound,
 * and binds it, if no VFIO driver has it: *ret_moved. It is given back with the others, or before by
 * broker_give_back().
 */
int broker_bind_one(struct broker *broker, const struct host_id *id, bool has_token, bool *ret_moved);

/*
 * Gives one of the devices of broker_bind_managed() or broker_bind_one() back while the VM goes on: it has
 * closed it. Waits for no longer than the writes to sysfs may take. ret_driver: who has it now; "" where
 * broker_bind_managed() did not bind it. What could not be given back before, because another device of its
 * group was still in use, is tried once more. Errors: what stands in the way, as
 * broker_stop(), which tries once more; ENODEV: the host has no such device any more.
 */
int broker_give_back(struct broker *broker, struct bdf bdf, char *ret_driver, size_t size);

#endif
