/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_VFIO_CONFIG_PRIV_H
#define HANDFAST_VFIO_CONFIG_PRIV_H

/*
 * The configuration space of an assigned function: which bits are the device's own and which are ours.
 * Guarded by the function's lock.
 */
#include <stdbool.h>
#include <stdint.h>

#include "pci/config.h"
#include "vfio/device.h"

enum vfio_treatment {
	VFIO_PASSED,	/* read from the device, writes go to the device (and the kernel looks at them) */
	VFIO_READ_ONLY, /* read from the device, writes go nowhere */
	VFIO_VIRTUAL,	/* handfast's: the device's value at first, the guest may change some bits */
	VFIO_HIDDEN,	/* reads 0, writes go nowhere; a capability is left out of its list */
};

enum vfio_space {
	VFIO_SPACE_HEADER,   /* offset counts from 0 */
	VFIO_SPACE_STANDARD, /* a capability below 0x100; offset counts from its start */
	VFIO_SPACE_EXTENDED, /* one from 0x100 on */
};

/* Interrupt Disable in the device. */
enum vfio_line {
	VFIO_LINE_CLOSED, /* set: nobody listens to its interrupt line, which may be shared with others */
	VFIO_LINE_GUEST,  /* as the guest has it */
	VFIO_LINE_OPEN,	  /* clear */
};

#define VFIO_WHOLE 0xffff /* a capability to its end */

/* One line of the table that says what a guest sees of a device (config-table.c). */
struct vfio_config_rule {
	enum vfio_space space;
	uint16_t id; /* of the capability; 0 in the header */
	uint16_t offset;
	uint16_t size; /* bytes, or VFIO_WHOLE */
	enum vfio_treatment treatment;
	uint32_t keep;	   /* VFIO_VIRTUAL: bits of the device's value that are shown */
	uint32_t writable; /* VFIO_VIRTUAL: bits that the guest may write */
	const char *name;
	const char *reason;
	const char *section; /* of the specification: PCI Local Bus 3.0, or PCI Express Base 5.0 */
};

extern const struct vfio_config_rule vfio_config_rules[];
extern const unsigned vfio_config_rule_count;

struct vfio_config {
	struct vfio_device *device;
	unsigned size;			  /* 256 or 4096; above it reads all-ones */
	struct pci_config shown;	  /* our bits, and which of them the guest may write */
	uint8_t passed[PCIE_CONFIG_SIZE]; /* 1 bits are read from the device */
	bool through[PCIE_CONFIG_SIZE];	  /* a write of this byte goes to the device */
	/* Where the capabilities that need more than the table stand; 0: not there, or hidden. */
	unsigned pm;
	unsigned express;
	unsigned msi;
	unsigned msix;
	unsigned af;
	unsigned express_length;
	uint16_t express_flags; /* as the device has it */
	bool express_flr;
	bool af_flr;
	enum vfio_line line;
};

/* Whether two stretches of configuration space share a byte. */
static inline bool vfio_config_touches(unsigned offset, unsigned size, unsigned at, unsigned length)
{
	return offset < at + length && at < offset + size;
}

/* Reads the device's registers and lays out what the guest sees. Errors: EIO where the device does not
 * answer (all-ones), ENOTSUP where it is no endpoint. */
int vfio_config_init(struct vfio_config *config, struct vfio_device *device);

/* On the root bus an endpoint is shown as one integrated into the root complex, behind a port an integrated
 * one as an endpoint with a link (PCI Express 5.0, 7.5.3.2, 1.3.2.3). */
void vfio_config_place(struct vfio_config *config, bool root_bus);

/* Hides a standard capability after all: its list is mended. */
void vfio_config_hide(struct vfio_config *config, unsigned offset, unsigned length);

/* Lays out the capability of resizable BARs at `at`, of `length` bytes: of the sizes, those that they have
 * (rebar.c). */
void vfio_config_rebar(struct vfio_config *config, const uint8_t *image, unsigned at, unsigned length);

/* A register is wrong in the device: the guest reads this, and its writes go nowhere. */
void vfio_config_fix(struct vfio_config *config, unsigned offset, unsigned size, uint32_t value);

uint32_t vfio_config_read(const struct vfio_config *config, unsigned offset, unsigned size);
/* The guest's write: into our bits, and on to the device what goes there. COMMAND does not: see
 * vfio_config_command(). */
void vfio_config_write(struct vfio_config *config, unsigned offset, unsigned size, uint32_t value);

/* Brings COMMAND of the device to what the guest has written; outside D0 it does not master the bus. */
void vfio_config_command(struct vfio_config *config);

/* And Interrupt Disable in it to `line`. */
void vfio_config_line(struct vfio_config *config, enum vfio_line line);

/* The function has no interrupt pin after all. */
void vfio_config_hide_pin(struct vfio_config *config);

/* Whether this write asks for a function-level reset, by PCI Express or Advanced Features. */
bool vfio_config_is_flr(const struct vfio_config *config, unsigned offset, unsigned size, uint32_t value);

/* The power state that the guest sees, 0 (D0) to 3 (D3hot). */
unsigned vfio_config_power_state(const struct vfio_config *config);
/* Whether the device answers and is in D0, where it always is but for accidents. */
bool vfio_config_awake(const struct vfio_config *config);

/* Our bits to their state after reset. */
void vfio_config_reset(struct vfio_config *config);

/* -EIO with the cause where the device answers all-ones. */
int vfio_config_alive(struct vfio_device *device);

#endif
