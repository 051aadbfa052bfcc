/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Every bit of the configuration space is either the device's or ours. `passed` has
 * a 1 for each bit that is read from the device at the moment the guest asks; all others stand in
 * `shown`. A write changes our writable bits, and the bytes marked in `through` go on to the device. A
 * byte is never half ours for writing, so nothing needs to be read back and merged, which would trip
 * over bits that clear when written.
 *
 * Who is whose comes from the table in config-table.c, applied once, when the device is opened. Only
 * three things depend on later events: the type in the PCI Express capability (where the function is
 * plugged in), and COMMAND and the BARs, which pci/bars.h follows.
 */
#include "vfio/config-priv.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

#define STANDARD_MAX 48	 /* capabilities that fit below 0x100 */
#define EXTENDED_MAX 960 /* and from there on */
#define HEADER_TYPE  0x7f

#define LINK_END  0x14 /* Link Capabilities to Link Status end here in the PCI Express capability */
#define LINK2_END 0x34 /* and their second set here */

/* A capability as it stands in the device. */
struct found {
	uint16_t offset;
	uint16_t id;
	uint16_t length; /* up to the next one above, or the end of its part */
	bool hidden;
};

static uint32_t image_get(const uint8_t *image, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size && offset + i < PCIE_CONFIG_SIZE; i++)
		value |= (uint32_t)image[offset + i] << 8 * i;
	return value;
}

/* Applies one line of the table at `at`. end: what is behind the capability is not its own. */
static void rule_apply(struct vfio_config *config, const struct vfio_config_rule *rule, const uint8_t *image,
		       unsigned at, unsigned end)
{
	for (unsigned i = 0; (rule->size == VFIO_WHOLE || i < rule->size) && at + i < end; i++) {
		unsigned byte = at + i;
		uint8_t keep = i < 4 ? (uint8_t)(rule->keep >> 8 * i) : 0;
		uint8_t writable = i < 4 ? (uint8_t)(rule->writable >> 8 * i) : 0;

		config->passed[byte] = rule->treatment <= VFIO_READ_ONLY ? 0xff : 0;
		config->through[byte] = rule->treatment == VFIO_PASSED;
		config->shown.data[byte] = rule->treatment == VFIO_VIRTUAL ? image[byte] & keep : 0;
		config->shown.writable[byte] = rule->treatment == VFIO_VIRTUAL ? writable : 0;
	}
}

/* One byte of a list: ours, so that what is left out is left out. */
static void virtual_byte(struct vfio_config *config, unsigned offset, uint8_t value)
{
	config->passed[offset] = 0;
	config->through[offset] = false;
	config->shown.data[offset] = value;
	config->shown.writable[offset] = 0;
}

static void header_apply(struct vfio_config *config, const uint8_t *image)
{
	for (unsigned i = 0; i < vfio_config_rule_count; i++) {
		const struct vfio_config_rule *rule = &vfio_config_rules[i];

		if (rule->space == VFIO_SPACE_HEADER)
			rule_apply(config, rule, image, rule->offset, PCI_STD_HEADER_SIZEOF);
	}
}

static unsigned msi_length(const uint8_t *image, unsigned at)
{
	uint32_t flags = image_get(image, at + PCI_MSI_FLAGS, 2);
	unsigned length = flags & PCI_MSI_FLAGS_64BIT ? 0xe : 0xa;

	return flags & PCI_MSI_FLAGS_MASKBIT ? length + 10 : length;
}

static unsigned express_length(const uint8_t *image, unsigned at)
{
	/* Version 1 ends behind the link registers, or before them where there is no link. */
	if ((image_get(image, at + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS) < 2)
		return LINK_END;
	return 0x3c;
}

static void capability_apply(struct vfio_config *config, enum vfio_space space, const uint8_t *image,
			     struct found *cap)
{
	unsigned end = cap->offset + cap->length;

	for (unsigned i = 0; i < vfio_config_rule_count; i++) {
		const struct vfio_config_rule *rule = &vfio_config_rules[i];

		if (rule->space != space || rule->id != cap->id)
			continue;
		rule_apply(config, rule, image, cap->offset + rule->offset, end);
		if (rule->offset == 0 && rule->treatment == VFIO_HIDDEN)
			cap->hidden = true;
	}
}

static bool seen(const struct found *caps, unsigned count, unsigned offset)
{
	for (unsigned i = 0; i < count; i++) {
		if (caps[i].offset == offset)
			return true;
	}
	return false;
}

/* Each capability ends where the next one above it begins, if not before. */
static void lengths_find(struct found *caps, unsigned count, unsigned end)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned next = end;

		for (unsigned j = 0; j < count; j++) {
			if (caps[j].offset > caps[i].offset && caps[j].offset < next)
				next = caps[j].offset;
		}
		caps[i].length = (uint16_t)(next - caps[i].offset);
	}
}

static void standard_remember(struct vfio_config *config, const uint8_t *image, const struct found *cap)
{
	uint32_t af;

	if (cap->hidden)
		return;
	if (cap->id == PCI_CAP_ID_PM && cap->length >= PCI_PM_SIZEOF)
		config->pm = cap->offset;
	if (cap->id == PCI_CAP_ID_MSI && cap->length >= msi_length(image, cap->offset))
		config->msi = cap->offset;
	if (cap->id == PCI_CAP_ID_MSIX && cap->length >= PCI_CAP_MSIX_SIZEOF)
		config->msix = cap->offset;
	if (cap->id == PCI_CAP_ID_EXP && cap->length >= PCI_EXP_LNKCAP) {
		config->express = cap->offset;
		config->express_length = cap->length;
		config->express_flags = (uint16_t)image_get(image, cap->offset + PCI_EXP_FLAGS, 2);
		/* Intel's 82599 says 0 in its virtual functions, which there is not. */
		if (!(config->express_flags & PCI_EXP_FLAGS_VERS))
			config->express_flags |= 1;
		pci_config_set(&config->shown, cap->offset + PCI_EXP_FLAGS, 2, config->express_flags);
		config->express_flr = image_get(image, cap->offset + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR;
	}
	if (cap->id == PCI_CAP_ID_AF && cap->length >= PCI_CAP_AF_SIZEOF) {
		af = image_get(image, cap->offset + PCI_AF_CAP, 1);
		config->af = cap->offset;
		config->af_flr = (af & PCI_AF_CAP_FLR) && (af & PCI_AF_CAP_TP);
	}
}

static void standard_apply(struct vfio_config *config, const uint8_t *image)
{
	struct found caps[STANDARD_MAX] = { 0 };
	unsigned count = 0, link = PCI_CAPABILITY_LIST;
	unsigned at = image[PCI_STATUS] & PCI_STATUS_CAP_LIST ? image[PCI_CAPABILITY_LIST] & ~3u : 0;

	while (at >= PCI_STD_HEADER_SIZEOF && count < STANDARD_MAX && !seen(caps, count, at)) {
		caps[count++] = (struct found){ .offset = (uint16_t)at, .id = image[at] };
		at = image[at + PCI_CAP_LIST_NEXT] & ~3u;
	}
	lengths_find(caps, count, PCI_CFG_SPACE_SIZE);
	for (unsigned i = 0; i < count; i++) {
		struct found *cap = &caps[i];

		if (cap->id == PCI_CAP_ID_MSI && cap->length > msi_length(image, cap->offset))
			cap->length = (uint16_t)msi_length(image, cap->offset);
		if (cap->id == PCI_CAP_ID_EXP && cap->length > express_length(image, cap->offset))
			cap->length = (uint16_t)express_length(image, cap->offset);
		capability_apply(config, VFIO_SPACE_STANDARD, image, cap);
		standard_remember(config, image, cap);
		if (cap->hidden)
			continue;
		virtual_byte(config, link, (uint8_t)cap->offset);
		virtual_byte(config, cap->offset + PCI_CAP_LIST_ID, (uint8_t)cap->id);
		link = cap->offset + PCI_CAP_LIST_NEXT;
		virtual_byte(config, link, 0);
	}
	/* Whether there is a list is ours too; the bits beside it are the device's. */
	config->passed[PCI_STATUS] &= (uint8_t)~PCI_STATUS_CAP_LIST;
	config->shown.data[PCI_STATUS] = link != PCI_CAPABILITY_LIST ? PCI_STATUS_CAP_LIST : 0;
}

static void extended_header(struct vfio_config *config, unsigned at, uint32_t header)
{
	for (unsigned i = 0; i < 4; i++)
		virtual_byte(config, at + i, (uint8_t)(header >> 8 * i));
}

static void extended_apply(struct vfio_config *config, const uint8_t *image)
{
	struct found caps[EXTENDED_MAX] = { 0 };
	unsigned count = 0, at = PCI_CFG_SPACE_SIZE, last = PCI_CFG_SPACE_SIZE;
	uint32_t shown = 0; /* the last header's identifier and version */

	while (at >= PCI_CFG_SPACE_SIZE && at <= PCIE_CONFIG_SIZE - 4 && count < EXTENDED_MAX &&
	       !seen(caps, count, at)) {
		uint32_t header = image_get(image, at, 4);

		if (header == 0 || header == UINT32_MAX)
			break;
		caps[count++] =
			(struct found){ .offset = (uint16_t)at, .id = (uint16_t)PCI_EXT_CAP_ID(header) };
		at = PCI_EXT_CAP_NEXT(header) & ~3u;
	}
	lengths_find(caps, count, PCIE_CONFIG_SIZE);
	/*
	 * The list begins at 0x100 whatever is there. If that one is hidden, a null capability stands in
	 * its place (PCI Express 5.0, 7.9.28), and an empty list is all zeros.
	 */
	extended_header(config, PCI_CFG_SPACE_SIZE, 0);
	for (unsigned i = 0; i < count; i++) {
		capability_apply(config, VFIO_SPACE_EXTENDED, image, &caps[i]);
		if (caps[i].id == PCI_EXT_CAP_ID_REBAR)
			vfio_config_rebar(config, image, caps[i].offset, caps[i].length);
		if (caps[i].hidden || caps[i].id == 0)
			continue;
		extended_header(config, last,
				shown | (last != caps[i].offset ? (uint32_t)caps[i].offset << 20 : 0));
		last = caps[i].offset;
		shown = image_get(image, last, 4) & 0x000fffff;
		extended_header(config, last, shown);
	}
}

int vfio_config_alive(struct vfio_device *device)
{
	uint16_t vendor;
	int error = device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID, &vendor,
					     sizeof(vendor));

	if (error)
		return error;
	if (vendor != 0xffff)
		return 0;
	error_set(EIO, "%s answers with all-ones: %s", device->name,
		  device->mediated ? "the driver that made it has given it up"
				   : "it has fallen off its bus or is powered down");
	if (device->mediated)
		return error_try("echo 1 > /sys/bus/mdev/devices/%s/remove    (as root; then make it anew)",
				 device->name);
	return error_try(
		"echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > /sys/bus/pci/rescan; if that does not "
		"bring it back, switch the host off and on",
		device->name);
}

/* Bridges and the like cannot be handed out. */
static int type_check(const struct vfio_config *config, const uint8_t *image)
{
	unsigned type = (config->express_flags & PCI_EXP_FLAGS_TYPE) >> 4;

	if ((image[PCI_HEADER_TYPE] & HEADER_TYPE) != PCI_HEADER_TYPE_NORMAL)
		return error_set(ENOTSUP, "%s has a header of type %u: only endpoints can be assigned",
				 config->device->name, image[PCI_HEADER_TYPE] & HEADER_TYPE);
	if (config->express && type != PCI_EXP_TYPE_ENDPOINT && type != PCI_EXP_TYPE_LEG_END &&
	    type != PCI_EXP_TYPE_RC_END)
		return error_set(ENOTSUP,
				 "%s is a PCI Express function of type %u: only endpoints can be assigned",
				 config->device->name, type);
	return 0;
}

/* The kernel's mtty sample has 255 bytes of 256; what is missing reads all-ones. */
static int size_find(struct vfio_config *config, uint64_t size)
{
	if (size < PCI_STD_HEADER_SIZEOF)
		return error_set(ENOTSUP, "%s has a configuration space of %llu bytes, less than a header",
				 config->device->name, (unsigned long long)size);
	if (size < PCI_CFG_SPACE_SIZE)
		config->size = (unsigned)size;
	else
		config->size = size < PCIE_CONFIG_SIZE ? PCI_CFG_SPACE_SIZE : PCIE_CONFIG_SIZE;
	return 0;
}

int vfio_config_init(struct vfio_config *config, struct vfio_device *device)
{
	uint8_t image[PCIE_CONFIG_SIZE] = { 0 };
	struct vfio_region region;
	int error;

	memset(config, 0, sizeof(*config));
	config->device = device;
	error = vfio_config_alive(device);
	if (error)
		return error;
	error = device->ops->region_info(device, VFIO_PCI_CONFIG_REGION_INDEX, &region);
	if (error)
		return error;
	error = size_find(config, region.size);
	if (error)
		return error;
	error = device->ops->region_read(device, VFIO_PCI_CONFIG_REGION_INDEX, 0, image, config->size);
	if (error)
		return error;
	memset(config->passed, 0xff, config->size);
	memset(config->through, true, config->size);
	header_apply(config, image);
	standard_apply(config, image);
	if (config->size > PCI_CFG_SPACE_SIZE)
		extended_apply(config, image);
	return type_check(config, image);
}

/* Zeros, or the device's own registers again. */
static void link_registers(struct vfio_config *config, unsigned from, unsigned to, bool passed)
{
	for (unsigned i = from; i < to && i < config->express_length; i++) {
		config->passed[config->express + i] = passed ? 0xff : 0;
		config->shown.data[config->express + i] = 0;
	}
}

static void link_place(struct vfio_config *config, bool root_bus, bool second_set)
{
	/* One lane of 2.5 GT/s for what has no link of its own: the least that a link can be. */
	const uint32_t least = PCI_EXP_LNKCAP_SLS_2_5GB | 1u << 4;
	bool integrated = (config->express_flags & PCI_EXP_FLAGS_TYPE) >> 4 == PCI_EXP_TYPE_RC_END;

	link_registers(config, PCI_EXP_LNKCAP, LINK_END, !root_bus && !integrated);
	if (second_set)
		link_registers(config, PCI_EXP_LNKCAP2, LINK2_END, !root_bus && !integrated);
	if (root_bus || !integrated || config->express_length < LINK_END)
		return;
	pci_config_set(&config->shown, config->express + PCI_EXP_LNKCAP, 4, least);
	pci_config_set(&config->shown, config->express + PCI_EXP_LNKSTA, 2, least);
}

void vfio_config_place(struct vfio_config *config, bool root_bus)
{
	unsigned type = root_bus ? PCI_EXP_TYPE_RC_END : PCI_EXP_TYPE_ENDPOINT;
	bool version2 = (config->express_flags & PCI_EXP_FLAGS_VERS) >= 2;
	unsigned own = (config->express_flags & PCI_EXP_FLAGS_TYPE) >> 4;

	if (!config->express)
		return;
	/* An integrated endpoint of version 1 has no room for a link's registers, and stays what it is. */
	if (own == PCI_EXP_TYPE_RC_END && !version2)
		return;
	if (own == PCI_EXP_TYPE_LEG_END && !root_bus)
		type = PCI_EXP_TYPE_LEG_END;
	pci_config_set(&config->shown, config->express + PCI_EXP_FLAGS, 2,
		       (config->express_flags & ~(uint32_t)(PCI_EXP_FLAGS_TYPE | PCI_EXP_FLAGS_SLOT)) |
			       type << 4);
	link_place(config, root_bus, version2);
}

void vfio_config_hide(struct vfio_config *config, unsigned offset, unsigned length)
{
	uint8_t next = config->shown.data[offset + PCI_CAP_LIST_NEXT];
	unsigned link = PCI_CAPABILITY_LIST;

	while (config->shown.data[link] && config->shown.data[link] != offset)
		link = config->shown.data[link] + PCI_CAP_LIST_NEXT;
	if (config->shown.data[link] != offset)
		return;
	config->shown.data[link] = next;
	for (unsigned i = offset; i < offset + length && i < PCI_CFG_SPACE_SIZE; i++)
		virtual_byte(config, i, 0);
	if (!config->shown.data[PCI_CAPABILITY_LIST])
		config->shown.data[PCI_STATUS] &= (uint8_t)~PCI_STATUS_CAP_LIST;
	if (config->msi == offset)
		config->msi = 0;
	if (config->msix == offset)
		config->msix = 0;
}

void vfio_config_fix(struct vfio_config *config, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && offset + i < PCIE_CONFIG_SIZE; i++)
		virtual_byte(config, offset + i, (uint8_t)(value >> 8 * i));
}

void vfio_config_hide_pin(struct vfio_config *config)
{
	virtual_byte(config, PCI_INTERRUPT_PIN, 0);
}

uint32_t vfio_config_read(const struct vfio_config *config, unsigned offset, unsigned size)
{
	uint8_t own[4] = { 0xff, 0xff, 0xff, 0xff };
	unsigned inside = offset < config->size ? config->size - offset : 0;
	uint32_t value = 0;
	bool needed = false;

	if (inside > size)
		inside = size;
	for (unsigned i = 0; i < inside; i++)
		needed = needed || config->passed[offset + i];
	if (needed && config->device->ops->region_read(config->device, VFIO_PCI_CONFIG_REGION_INDEX, offset,
						       own, inside))
		memset(own, 0xff, sizeof(own));
	for (unsigned i = 0; i < size; i++) {
		uint8_t passed = i < inside ? config->passed[offset + i] : 0xff;
		uint8_t shown = i < inside ? config->shown.data[offset + i] : 0;

		value |= (uint32_t)((own[i] & passed) | (shown & ~passed)) << 8 * i;
	}
	return value;
}

void vfio_config_write(struct vfio_config *config, unsigned offset, unsigned size, uint32_t value)
{
	struct vfio_device *device = config->device;
	uint8_t bytes[4];
	unsigned from = 0;

	if (offset >= config->size)
		return;
	if (size > config->size - offset)
		size = config->size - offset;
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	pci_config_guest_write(&config->shown, offset, size, value);
	/* Stretches that go to the device, each in one write, as wide as the guest made it. */
	while (from < size) {
		unsigned to = from;

		while (to < size && config->through[offset + to])
			to++;
		/* A device that does not take it has failed, which its driver sees soon enough. */
		if (to > from && device->ops->region_write(device, VFIO_PCI_CONFIG_REGION_INDEX,
							   offset + from, bytes + from, to - from))
			log_debug("%s: %s", device->name, error_get()->because);
		from = to + 1;
	}
}

void vfio_config_command(struct vfio_config *config)
{
	uint32_t command = pci_config_get(&config->shown, PCI_COMMAND, 2);
	uint8_t bytes[2];

	if (vfio_config_power_state(config) != 0)
		command &= ~(uint32_t)PCI_COMMAND_MASTER;
	if (config->line == VFIO_LINE_CLOSED)
		command |= PCI_COMMAND_INTX_DISABLE;
	if (config->line == VFIO_LINE_OPEN)
		command &= ~(uint32_t)PCI_COMMAND_INTX_DISABLE;
	bytes[0] = (uint8_t)command;
	bytes[1] = (uint8_t)(command >> 8);
	if (config->device->ops->region_write(config->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
					      bytes, 2))
		log_failure(error_get());
}

void vfio_config_line(struct vfio_config *config, enum vfio_line line)
{
	config->line = line;
	vfio_config_command(config);
}

/* Whether [offset, offset + size) holds that byte; ret_byte: what is written there. */
static bool byte_written(unsigned offset, unsigned size, uint32_t value, unsigned byte, uint8_t *ret_byte)
{
	if (byte < offset || byte - offset >= size)
		return false;
	*ret_byte = (uint8_t)(value >> 8 * (byte - offset));
	return true;
}

bool vfio_config_is_flr(const struct vfio_config *config, unsigned offset, unsigned size, uint32_t value)
{
	uint8_t byte;

	if (config->express_flr &&
	    byte_written(offset, size, value, config->express + PCI_EXP_DEVCTL + 1, &byte) &&
	    byte & PCI_EXP_DEVCTL_BCR_FLR >> 8)
		return true;
	return config->af_flr && byte_written(offset, size, value, config->af + PCI_AF_CTRL, &byte) &&
	       byte & PCI_AF_CTRL_FLR;
}

unsigned vfio_config_power_state(const struct vfio_config *config)
{
	return config->pm
		       ? pci_config_get(&config->shown, config->pm + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK
		       : 0;
}

bool vfio_config_awake(const struct vfio_config *config)
{
	uint16_t control = 0;

	if (!config->pm)
		return true;
	if (config->device->ops->region_read(config->device, VFIO_PCI_CONFIG_REGION_INDEX,
					     config->pm + PCI_PM_CTRL, &control, sizeof(control)))
		return false;
	return (control & PCI_PM_CTRL_STATE_MASK) == 0;
}

void vfio_config_reset(struct vfio_config *config)
{
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++)
		config->shown.data[i] &= (uint8_t)~config->shown.writable[i];
}
