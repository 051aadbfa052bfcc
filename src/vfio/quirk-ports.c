/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Some devices have a register for an address and one for data, by which the guest
 * reaches what must not be reached so. What it writes is remembered, in whole registers of 4 bytes however it
 * came; as long as the address is a harmless one everything goes to the device as it is. An access of the
 * data that would touch what is guarded goes to the guest's view of it instead, and the device hears nothing
 * of it.
 *
 * The function's lock is held from looking at the address to the end of the access, so that no other
 * processor of the guest can change the address in between.
 */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vfio/quirks-priv.h"

/* NVIDIA: whether the address register takes writes; whether the data register does; address; data. */
#define NVIDIA_MASTER  0
#define NVIDIA_ENABLE  1
#define NVIDIA_ADDRESS 2
#define NVIDIA_DATA    3

#define NVIDIA_MIRROR	  0x88000u
#define NVIDIA_MIRROR_OLD 0x1800u

/* Realtek: data; address, of which bit 31 makes a write of it, and 30:16 are what is addressed. */
#define RTL_DATA    0
#define RTL_ADDRESS 1
#define RTL_WRITE   0x80000000u
#define RTL_TYPE    0x7fff0000u
#define RTL_MSIX    0x00010000u
#define RTL_OFFSET  0x00000ffcu

static uint32_t ones(unsigned size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

static uint32_t device_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			    unsigned size)
{
	uint8_t bytes[4] = { 0 };
	struct vfio_device *device = quirks->device;

	if (device->ops->region_read(device, quirk->bar, quirk->offset + offset, bytes, size))
		return ones(size);
	return (bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24) &
	       ones(size);
}

static void device_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			 unsigned size, uint32_t value)
{
	const uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 24) };
	struct vfio_device *device = quirks->device;

	if (device->ops->region_write(device, quirk->bar, quirk->offset + offset, bytes, size))
		log_debug("%s: %s", device->name, error_get()->because);
}

/* The register that offset lies in, with these bytes of it written. */
static uint32_t merged(const struct vfio_quirks *quirks, unsigned offset, unsigned size, uint32_t value)
{
	unsigned shift = 8 * (offset & 3);

	return (quirks->ports[offset / 4] & ~(ones(size) << shift)) | (value & ones(size)) << shift;
}

/* What a register of the device is at the moment. */
enum port {
	PORT_DEVICE,
	PORT_CONFIG,
	PORT_OFF, /* it does not work, as far as the guest has said; what the host has left in it is unknown
		   */
};

/* ret_at: the byte of configuration space that the data register stands for. */
static enum port nvidia_port(const struct vfio_quirks *quirks, unsigned port, unsigned *ret_at)
{
	uint32_t address = quirks->ports[NVIDIA_ADDRESS];

	if (port != NVIDIA_DATA)
		return PORT_DEVICE;
	if (!(quirks->ports[NVIDIA_MASTER] & 1) || !(quirks->ports[NVIDIA_ENABLE] & 1))
		return PORT_OFF;
	if ((address & ~0xfffu) == NVIDIA_MIRROR) {
		*ret_at = address & 0xffc;
		return PORT_CONFIG;
	}
	if ((address & ~0xffu) == NVIDIA_MIRROR_OLD) {
		*ret_at = address & 0xfc;
		return PORT_CONFIG;
	}
	return PORT_DEVICE;
}

static uint32_t nvidia_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			    unsigned size)
{
	uint32_t value = ones(size);
	unsigned at = 0;
	enum port port;

	pthread_mutex_lock(quirks->lock);
	port = nvidia_port(quirks, offset / 4, &at);
	if (port == PORT_DEVICE)
		value = device_read(quirks, quirk, offset, size);
	pthread_mutex_unlock(quirks->lock);
	if (port == PORT_CONFIG)
		value = quirks->config.read(quirks->config.opaque, at + (offset & 3), size);
	return value;
}

static void nvidia_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			 unsigned size, uint32_t value)
{
	unsigned at = 0;
	enum port port;

	pthread_mutex_lock(quirks->lock);
	port = nvidia_port(quirks, offset / 4, &at);
	if (port == PORT_DEVICE) {
		/* An address that the device does not take is not remembered either. */
		if (offset / 4 != NVIDIA_ADDRESS || quirks->ports[NVIDIA_MASTER] & 1)
			quirks->ports[offset / 4] = merged(quirks, offset, size, value);
		device_write(quirks, quirk, offset, size, value);
	}
	pthread_mutex_unlock(quirks->lock);
	if (port == PORT_CONFIG)
		quirks->config.write(quirks->config.opaque, at + (offset & 3), size, value);
}

static bool realtek_is_msix(const struct vfio_quirks *quirks)
{
	return (quirks->ports[RTL_ADDRESS] & RTL_TYPE) == RTL_MSIX;
}

/* 4 bytes of the guest's table, all-ones where there is none. */
static uint32_t table_read(const struct vfio_quirks *quirks)
{
	uint32_t offset = quirks->ports[RTL_ADDRESS] & RTL_OFFSET;
	uint8_t bytes[4] = { 0xff, 0xff, 0xff, 0xff };

	if (quirks->msix->entries && offset + 4 <= vfio_msix_table_size(quirks->msix))
		vfio_msix_table_read(quirks->msix, offset, bytes, 4);
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void table_write(struct vfio_quirks *quirks)
{
	uint32_t offset = quirks->ports[RTL_ADDRESS] & RTL_OFFSET, value = quirks->ports[RTL_DATA];
	const uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 24) };

	if (quirks->msix->entries && offset + 4 <= vfio_msix_table_size(quirks->msix))
		vfio_msix_table_write(quirks->msix, offset, bytes, 4);
}

static uint32_t realtek_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			     unsigned size)
{
	uint32_t value;

	pthread_mutex_lock(quirks->lock);
	if (!realtek_is_msix(quirks))
		value = device_read(quirks, quirk, offset, size);
	else if (offset / 4 == RTL_DATA)
		value = table_read(quirks) >> 8 * (offset & 3);
	else /* bit 31 turns round when it is done, which it is at once */
		value = (quirks->ports[RTL_ADDRESS] ^ RTL_WRITE) >> 8 * (offset & 3);
	pthread_mutex_unlock(quirks->lock);
	return value & ones(size);
}

static void realtek_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			  unsigned size, uint32_t value)
{
	pthread_mutex_lock(quirks->lock);
	if (offset / 4 == RTL_ADDRESS)
		quirks->ports[RTL_ADDRESS] &= ~RTL_WRITE; /* only the byte that holds it starts a write */
	quirks->ports[offset / 4] = merged(quirks, offset, size, value);
	if (offset / 4 == RTL_ADDRESS && realtek_is_msix(quirks)) {
		if (quirks->ports[RTL_ADDRESS] & RTL_WRITE)
			table_write(quirks);
	} else if (offset / 4 == RTL_ADDRESS) {
		/* Whole: the device may have an older address in the bytes that were not written. */
		device_write(quirks, quirk, 4 * RTL_ADDRESS, 4, quirks->ports[RTL_ADDRESS]);
	} else {
		device_write(quirks, quirk, offset, size, value);
	}
	pthread_mutex_unlock(quirks->lock);
}

void vfio_quirk_port_reset(struct vfio_quirks *quirks, const struct vfio_quirk *quirk)
{
	/* What the device has in its registers is unknown: as if it were what is guarded. */
	memset(quirks->ports, 0, sizeof(quirks->ports));
	if (quirk->kind == VFIO_QUIRK_NVIDIA_PORTS)
		quirks->ports[NVIDIA_ADDRESS] = NVIDIA_MIRROR;
	else
		quirks->ports[RTL_ADDRESS] = RTL_MSIX;
}

uint32_t vfio_quirk_port_read(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			      unsigned size)
{
	return quirk->kind == VFIO_QUIRK_NVIDIA_PORTS ? nvidia_read(quirks, quirk, offset, size)
						      : realtek_read(quirks, quirk, offset, size);
}

void vfio_quirk_port_write(struct vfio_quirks *quirks, const struct vfio_quirk *quirk, unsigned offset,
			   unsigned size, uint32_t value)
{
	if (quirk->kind == VFIO_QUIRK_NVIDIA_PORTS)
		nvidia_write(quirks, quirk, offset, size, value);
	else
		realtek_write(quirks, quirk, offset, size, value);
}
