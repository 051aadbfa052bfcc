/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device itself: its BARs, how it is reset, its power, SR-IOV, its interrupts.
 *
 * Sources: Linux Documentation/ABI/testing/sysfs-bus-pci; drivers/pci/pci.c (reset methods: "bus" only for a
 * function alone on its bus), setup-res.c (a device with an unassigned BAR is not enabled);
 * drivers/vfio/pci/vfio_pci_core.c (tokens).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysfs.h"
#include "base/text.h"
#include "host/check-priv.h"
#include "host/guest-map.h"
#include "host/processor-priv.h"

static bool is_memory(const struct host_device *device, unsigned bar)
{
	return device->resource_sizes[bar] && (device->resource_flags[bar] & DEVICE_RESOURCE_MEMORY);
}

/* Only these may stand above 4 GiB: a bridge's window up there is prefetchable. */
static bool is_wide(const struct host_device *device, unsigned bar)
{
	const uint64_t wide = DEVICE_RESOURCE_64BIT | DEVICE_RESOURCE_PREFETCH;

	return (device->resource_flags[bar] & wide) == wide;
}

static bool has_aligned_room(uint64_t size, uint64_t start, uint64_t end)
{
	uint64_t first = (start + size - 1) / size * size;

	return end > start && first < end && end - first >= size;
}

/* Above 4 GiB, in a guest with little or with very much memory. */
static bool fits_above(const struct host *host, uint64_t size)
{
	unsigned bits = processor_address_bits(host);
	uint64_t limit = UINT64_C(1) << (bits && bits < 52 ? bits : 52);
	uint64_t low_end = limit < GUEST_HOLE_START ? limit : GUEST_HOLE_START;

	return has_aligned_room(size, GUEST_MMIO64_START, low_end) ||
	       (limit > GUEST_HOLE_END && has_aligned_room(size, GUEST_HOLE_END, limit) &&
		size <= GUEST_MMIO64_MAX);
}

static bool fits_below(uint64_t size)
{
	return has_aligned_room(size, GUEST_MMIO32_START, GUEST_MMIO32_START + GUEST_MMIO32_SIZE);
}

static void cure_no_room(struct findings *findings)
{
	findings_cure(findings, "switch on Above 4G Decoding in the firmware setup");
	findings_cure(findings, "add pci=realloc " CHECK_SET_PARAMETER);
}

static void check_bar(const struct host *host, const struct host_device *device, unsigned bar,
		      struct findings *findings)
{
	uint64_t bytes = device->resource_sizes[bar];
	char path[PATH_MAX], size[32], room[32];

	text_size(bytes, size, sizeof(size));
	if (device->resource_flags[bar] & DEVICE_RESOURCE_UNSET) {
		findings_obstacle(findings, "bars", ENOSPC,
				  "BAR %u (%s) has no address on this host: its firmware and kernel found no "
				  "room for it, so the device cannot be switched on",
				  bar, size);
		cure_no_room(findings);
		return;
	}
	if (!is_memory(device, bar) || fits_below(bytes) || (is_wide(device, bar) && fits_above(host, bytes)))
		return;
	if (is_wide(device, bar)) {
		findings_obstacle(
			findings, "bars", ENOSPC,
			"BAR %u (%s) is too large for any guest: this processor gives guests %u bits of "
			"address",
			bar, size, processor_address_bits(host));
	} else {
		text_size(GUEST_MMIO32_SIZE, room, sizeof(room));
		findings_obstacle(
			findings, "bars", ENOSPC,
			"BAR %u (%s) is too large for any guest: it has to stand below 4 GiB, where a "
			"guest has %s",
			bar, size, room);
	}
	findings_cure(findings, "a smaller BAR, where the device can: %s    (resourceN_resize)",
		      device_path(host, device->bdf, "", path));
}

/* Sizes are powers of two, so what fits by its sum fits. */
static void check_sum_below(const struct host_device *device, struct findings *findings)
{
	uint64_t sum = 0;
	char text[32], room[32];

	for (unsigned i = 0; i < DEVICE_BARS; i++) {
		if (is_memory(device, i) && !is_wide(device, i))
			sum += device->resource_sizes[i];
	}
	if (sum <= GUEST_MMIO32_SIZE || findings_obstructed(findings))
		return;
	findings_obstacle(
		findings, "bars", ENOSPC,
		"its BARs that have to stand below 4 GiB take %s together, and a guest has %s there",
		text_size(sum, text, sizeof(text)), text_size(GUEST_MMIO32_SIZE, room, sizeof(room)));
}

/* Where the kernel finds no place for a BAR, it may forget it: the device can be switched on without. */
static void check_lost_bars(const struct host_device *device, struct findings *findings)
{
	for (unsigned i = 0; i < DEVICE_BARS; i++) {
		if (!(device->lost_bars & 1u << i))
			continue;
		findings_warning(
			findings, "bars",
			"BAR %u has no address on this host: its firmware and kernel found no room for "
			"it, and a guest gets the device without it",
			i);
		cure_no_room(findings);
	}
}

void check_bars(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char list[512] = "", size[32];
	size_t used = 0, before = findings->count;

	for (unsigned i = 0; i < DEVICE_BARS; i++) {
		if (!device->resource_sizes[i])
			continue;
		check_bar(host, device, i, findings);
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%sBAR %u %s%s",
						 used ? ", " : "", i,
						 text_size(device->resource_sizes[i], size, sizeof(size)),
						 !is_memory(device, i) ? " of I/O ports"
						 : is_wide(device, i)  ? " (64-bit prefetchable)"
								       : "");
	}
	check_lost_bars(device, findings);
	if (findings->count == before)
		check_sum_below(device, findings);
	if (findings->count == before && used)
		findings_ok(findings, "bars", "%s: a guest has room for them", list);
}

/* A root bus cannot be reset. */
static bool is_behind_bridge(const struct host_device *device)
{
	char path[sizeof(device->real)];
	const char *parent;
	struct bdf bdf;

	(void)text_copy(path, sizeof(path), device->real);
	*strrchr(path, '/') = '\0';
	parent = strrchr(path, '/');
	return parent && bdf_parse(parent + 1, &bdf) == 0;
}

/* The functions that a reset of the device's bus would take along. */
static void list_neighbours(const struct host *host, const struct host_device *device, char *ret_text,
			    size_t size)
{
	struct host_device *list = NULL;
	size_t count = 0, used = 0;

	ret_text[0] = '\0';
	if (!is_behind_bridge(device) || device_load_all(host, &list, &count))
		return;
	for (size_t i = 0; i < count && used < size; i++) {
		if (list[i].bdf.domain == device->bdf.domain && list[i].bdf.bus == device->bdf.bus &&
		    !bdf_equal(list[i].bdf, device->bdf))
			used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "",
						 list[i].text);
	}
	free(list);
}

void check_reset(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char neighbours[256];

	if (device->can_reset) {
		findings_ok(findings, "reset", "%s",
			    device->reset_methods[0] ? device->reset_methods
						     : "possible; this kernel does not say how");
		return;
	}
	list_neighbours(host, device, neighbours, sizeof(neighbours));
	findings_warning(findings, "reset",
			 "the kernel knows no way to reset this device by itself: a guest may meet it as the "
			 "last user left it%s%s",
			 neighbours[0] ? "; a reset of its bus would take along " : "", neighbours);
}

void check_power(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char path[PATH_MAX];

	if (device->is_dead) {
		findings_obstacle(findings, "power", EIO,
				  "%s does not answer: its configuration space reads all ones; it has lost "
				  "power, hangs, or is gone",
				  device->text);
		findings_cure(findings, "echo 1 > %s; echo 1 > %s/bus/pci/rescan    (as root)",
			      device_path(host, device->bdf, "remove", path), host->sys);
		findings_cure(findings, "switch the machine off and on: a restart alone leaves it powered");
	} else if (strcmp(device->power_state, "D3cold") == 0) {
		findings_warning(
			findings, "power",
			"without power (D3cold) while unused; it is woken when it is opened, which some "
			"devices do not survive");
		if (device->d3cold_allowed)
			findings_cure(findings, "echo 0 > %s    (as root; if it does not come back)",
				      device_path(host, device->bdf, "d3cold_allowed", path));
	} else if (device->power_state[0] && strcmp(device->power_state, "unknown") != 0) {
		findings_ok(findings, "power", "%s%s", device->power_state,
			    strcmp(device->power_state, "D3hot") == 0 ? "; woken when it is opened" : "");
	}
}

/* The kernel refuses a token that it has no use for, and says why in dmesg alone:
 * vfio_pci_validate_vf_token() in Linux drivers/vfio/pci/vfio_pci_core.c. */
static void token_unused(const struct host_device *device, struct findings *findings, const char *why)
{
	findings_obstacle(findings, "sriov", EINVAL,
			  "it is to be opened with a token, which the kernel takes for a physical function "
			  "with SR-IOV, and for a virtual one whose physical function is bound to vfio-pci: "
			  "%s",
			  why);
	findings_cure(findings, "-device vfio-pci,host=%s    (leave vf-token= out)", device->text);
}

static void check_virtual_function(const struct host *host, const struct host_device *device, bool has_token,
				   struct findings *findings)
{
	char driver[64] = "", why[160];
	struct bdf physical;

	if (bdf_parse(device->physical_function, &physical) == 0)
		(void)device_driver(host, physical, driver, sizeof(driver));
	if (!driver_is_vfio(driver) && has_token) {
		snprintf(why, sizeof(why), "that of %s is %s, with %s", device->text,
			 device->physical_function, driver[0] ? driver : "no driver");
		token_unused(device, findings, why);
		return;
	}
	if (!driver_is_vfio(driver)) {
		findings_ok(findings, "sriov", "a virtual function of %s (%s)", device->physical_function,
			    driver[0] ? driver : "no driver");
		return;
	}
	if (has_token) {
		findings_ok(findings, "sriov", "a virtual function of %s (%s), to be opened with a token",
			    device->physical_function, driver);
		return;
	}
	findings_obstacle(findings, "sriov", EACCES,
			  "%s is a virtual function of %s, which is bound to %s itself: the kernel asks for "
			  "the token that the physical function's user has set",
			  device->text, device->physical_function, driver);
	findings_cure(findings, "-device vfio-pci,host=%s,vf-token=UUID    (that token)", device->text);
	findings_cure(findings, "handfast unbind %s    (its own driver can then make virtual functions anew)",
		      device->physical_function);
}

void check_sriov(const struct host *host, const struct host_device *device, const struct check_scope *scope,
		 struct findings *findings)
{
	bool has_token = scope && scope->has_token;
	char path[PATH_MAX], why[64];

	if (device->is_virtual_function) {
		check_virtual_function(host, device, has_token, findings);
		return;
	}
	/* It is there for whatever has SR-IOV, with or without virtual functions made. */
	if (has_token && !sysfs_exists(device_path(host, device->bdf, "sriov_totalvfs", path))) {
		snprintf(why, sizeof(why), "%s is neither", device->text);
		token_unused(device, findings, why);
		return;
	}
	if (device->vf_count && driver_is_vfio(device->driver))
		findings_warning(
			findings, "sriov",
			"a physical function with %u virtual functions: while a VM has one of those, "
			"the kernel asks for the token that it was opened with (vf-token=)",
			device->vf_count);
	else if (device->vf_total)
		findings_ok(findings, "sriov", "a physical function, %u of %u virtual functions made",
			    device->vf_count, device->vf_total);
}

/* Whether the list of capabilities has this one; root sees all of it, others nothing behind the header. */
static bool has_capability(const uint8_t *config, uint8_t id)
{
	unsigned at = config[PCI_CAPABILITY_LIST];

	if (!(config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return false;
	for (unsigned left = PCI_CFG_SPACE_SIZE / PCI_CAP_SIZEOF; left && at >= PCI_STD_HEADER_SIZEOF;
	     left--) {
		at &= ~3U;
		if (config[at + PCI_CAP_LIST_ID] == id)
			return true;
		at = config[at + PCI_CAP_LIST_NEXT];
	}
	return false;
}

void check_interrupts(const struct host *host, const struct host_device *device, struct findings *findings)
{
	char path[PATH_MAX], ways[32] = "";
	uint8_t config[PCI_CFG_SPACE_SIZE];
	auto_fd int fd = open(device_path(host, device->bdf, "config", path), O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : pread(fd, config, sizeof(config), 0);
	unsigned pin;

	if (length < PCI_STD_HEADER_SIZEOF || device->is_dead)
		return;
	if (config[PCI_STATUS] & PCI_STATUS_CAP_LIST && length < (ssize_t)sizeof(config))
		return;
	pin = config[PCI_INTERRUPT_PIN];
	(void)snprintf(ways, sizeof(ways), "%s%s", has_capability(config, PCI_CAP_ID_MSIX) ? ", MSI-X" : "",
		       has_capability(config, PCI_CAP_ID_MSI) ? ", MSI" : "");
	if (pin >= 1 && pin <= 4)
		(void)snprintf(ways + strlen(ways), sizeof(ways) - strlen(ways), ", INT%c", 'A' + pin - 1);
	if (ways[0])
		findings_ok(findings, "interrupts", "%s", ways + 2);
	else
		findings_warning(findings, "interrupts",
				 "none (no MSI-X, no MSI, no pin): its driver has to look for itself");
}
