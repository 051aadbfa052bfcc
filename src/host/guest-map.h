/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HANDFAST_HOST_GUEST_MAP_H
#define HANDFAST_HOST_GUEST_MAP_H

/*
 * What a guest of handfast has room for, so that the checks can say before any guest exists whether it could
 * hold a device. app/layout.c, which makes the guest's map, holds itself to these numbers.
 */
#include <stdint.h>

#define GUEST_LOW_RAM_MAX  UINT64_C(0x80000000) /* RAM from 0 on; more of it begins at 4 GiB */
#define GUEST_BASE_END	   UINT64_C(0xa0000)	/* below, every guest has RAM and uses it */
#define GUEST_LEGACY_END   UINT64_C(0x100000)	/* up to here, memory that no driver does DMA to */
#define GUEST_MMIO32_START UINT64_C(0x80000000) /* BARs below 4 GiB */
#define GUEST_MMIO32_SIZE  UINT64_C(0x60000000)
#define GUEST_MMIO64_START UINT64_C(0x100000000) /* at the earliest: behind RAM */
#define GUEST_MMIO64_MAX   UINT64_C(0x10000000000)
#define GUEST_HOLE_START   UINT64_C(0xfd00000000) /* kept free: AMD's HyperTransport */
#define GUEST_HOLE_END	   UINT64_C(0x10000000000)
#define GUEST_ADDRESS_END  (UINT64_C(1) << 52) /* no processor has more */

#endif
