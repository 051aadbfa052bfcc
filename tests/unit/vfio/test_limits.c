/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The largest that there may be: BARs that the processor may map by gigabytes, all vectors of MSI-X. */
#include "../unit.h"
#include "fake.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "base/error.h"
#include "vfio/bars-priv.h"
#include "vfio/kernel-device-priv.h"

#define VECTORS_MAX 2048u /* PCI 6.8.2.3: the table's size has 11 bits */

/* Where the BAR's bytes are in this process: aligned like its address in the guest can be, up to 1 GiB. */
static void align_is(uint64_t size, uint64_t align)
{
	struct fake_device fake;
	struct lock machine;
	struct mem_bus *mmio, *pio;
	struct mem_map *map;
	struct vfio_msix msix = { 0 };
	struct vfio_bars bars;
	struct pci_bar table[PCI_BARS];
	uint64_t sizes[PCI_BARS];
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	fake_device_init(&fake);
	fake_bar_set(&fake, 0, size, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	lock_init(&machine);
	assert_int_equal(mem_bus_create(&machine, &mmio), 0);
	assert_int_equal(mem_bus_create(&machine, &pio), 0);
	assert_int_equal(mem_map_create(&machine, NULL, 0, &map), 0);
	assert_int_equal(vfio_bars_probe(&fake.device, table, sizes), 0);
	assert_int_equal(vfio_bars_init(&bars, &fake.device, table, &msix, &lock,
					&(struct vfio_bars_place){ .map = map, .mmio = mmio, .pio = pio }),
			 0);
	assert_non_null(bars.bar[0].reserved);
	assert_int_equal((uintptr_t)bars.bar[0].reserved & (align - 1), 0);
	vfio_bars_fini(&bars);
	mem_map_destroy(map);
	mem_bus_destroy(mmio);
	mem_bus_destroy(pio);
	lock_fini(&machine);
	fake_device_fini(&fake);
}

static void test_addresses(void **state)
{
	const uint64_t mib = 1 << 20, gib = 1 << 30;

	align_is(64 << 10, 64 << 10);
	align_is(2 * mib, 2 * mib);
	align_is(256 * mib, 256 * mib);
	align_is(gib, gib);
	align_is(2 * gib, gib);
}

static uint32_t asked;

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	if (request == VFIO_DEVICE_GET_INFO) {
		struct vfio_device_info *info = argument;

		info->flags = VFIO_DEVICE_FLAGS_PCI;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		info->num_irqs = VFIO_PCI_NUM_IRQS;
	}
	if (request == VFIO_DEVICE_SET_IRQS) {
		const struct vfio_irq_set *set = argument;
		const int32_t *fds = (const int32_t *)set->data;

		asked = set->count;
		for (unsigned i = 0; i < set->count; i++)
			assert_int_equal(fds[i], i);
	}
	return 0;
}

static void test_vectors(void **state)
{
	static const struct vfio_sys sys = { .ioctl = fake_ioctl };
	static int fds[VECTORS_MAX + 1];
	struct vfio_device *device;

	for (unsigned i = 0; i <= VECTORS_MAX; i++)
		fds[i] = (int)i;
	assert_int_equal(vfio_kernel_device_create(&sys, 3, &(struct host_id){ .bdf.bus = 1 }, &device), 0);
	assert_int_equal(device->ops->irq_set(device, VFIO_PCI_MSIX_IRQ_INDEX, 0, VECTORS_MAX, fds), 0);
	assert_int_equal(asked, VECTORS_MAX);
	/* There is no such device; what says so is not to run into our stack. */
	assert_true(device->ops->irq_set(device, VFIO_PCI_MSIX_IRQ_INDEX, 0, VECTORS_MAX + 1, fds) < 0);
	device->ops->destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
