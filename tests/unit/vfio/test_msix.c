/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/error.h"
#include "vfio/msix-priv.h"

#define ENABLE	 PCI_MSIX_FLAGS_ENABLE
#define MASK_ALL (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)

static struct fake_device fake;
static struct vfio_msix msix;
static const uint64_t bar_size[PCI_BARS] = { 0x4000, 0, 0x20, 0x100, 0, 0 };

static int init(void)
{
	return vfio_msix_init(&msix, &fake.device, NULL, FAKE_VECTORS - 1, 0x2000, 0x3000, bar_size);
}

static int setup(void **state)
{
	fake_device_init(&fake);
	assert_int_equal(init(), 0);
	return 0;
}

static int teardown(void **state)
{
	vfio_msix_fini(&msix);
	assert_int_equal(fake_kvm()->routes, 0);
	assert_int_equal(fake_kvm()->irqfds, 0);
	fake_device_fini(&fake);
	return 0;
}

/* As interrupts.c decides. */
static void control(uint32_t value)
{
	vfio_msix_control(&msix, value);
	if (msix.live != msix.enable)
		vfio_msix_live(&msix, msix.enable);
}

static void entry_write(unsigned vector, unsigned offset, uint32_t value)
{
	uint8_t bytes[4];

	memcpy(bytes, &value, 4);
	vfio_msix_table_write(&msix, vector * 16 + offset, bytes, 4);
}

static uint32_t entry_read(unsigned vector, unsigned offset)
{
	uint32_t value;

	vfio_msix_table_read(&msix, vector * 16 + offset, (uint8_t *)&value, 4);
	return value;
}

/* As a driver does: message while masked, then unmask. */
static void entry_use(unsigned vector, uint32_t address, uint32_t data)
{
	entry_write(vector, 0, address);
	entry_write(vector, 4, 0);
	entry_write(vector, 8, data);
	entry_write(vector, 12, 0);
}

static uint8_t pending(void)
{
	uint8_t byte;

	vfio_msix_pba_read(&msix, 0, &byte, 1);
	return byte;
}

static void test_enable_then_use(void **state)
{
	control(MASK_ALL);
	/* Into MSI-X mode with a vector nobody listens to. */
	story_expect("irqs[0+1-] ");
	entry_use(2, 0xfee01000, 0x41);
	story_expect("");
	control(ENABLE);
	story_expect("route+24 irqfd+24 irqs[2+1*] ");
	assert_int_equal(fake_kvm()->message[0].address, 0xfee01000);
	assert_int_equal(fake_kvm()->message[0].data, 0x41);
	/* The device signals what KVM listens to. */
	assert_int_equal(fake.fd[2], fake_kvm()->irqfd[0]);
}

static void test_use_then_enable(void **state)
{
	entry_use(0, 0xfee00000, 1);
	entry_use(7, 0xfee00000, 2);
	story_expect("");
	control(ENABLE);
	story_expect("irqs[0+1-] route+24 irqfd+24 irqs[0+1*] route+25 irqfd+25 irqs[7+1*] ");
}

/* Masked from the start, it is the device that holds messages back, and its bits that tell. */
static void test_pending_from_the_start(void **state)
{
	control(MASK_ALL);
	fake.memory[0][0x3000] = 0x24;
	assert_int_equal(pending(), 0x24);
	entry_use(2, 0xfee01000, 0x41);
	control(ENABLE);
	/* Whatever stands there of one that is handed on. */
	assert_int_equal(pending(), 0x20);
	fake.fails = true;
	assert_int_equal(pending(), 0);
}

static void test_add_leaves_others_alone(void **state)
{
	control(ENABLE);
	entry_use(0, 0xfee00000, 1);
	story_forget();
	entry_use(1, 0xfee00000, 2);
	story_expect("route+25 irqfd+25 irqs[1+1*] ");
}

static void test_mask_loses_nothing(void **state)
{
	int event_fd;

	control(ENABLE);
	entry_use(3, 0xfee00000, 5);
	story_forget();
	event_fd = fake.fd[3];
	assert_int_equal(pending(), 0);
	entry_write(3, 12, 1);
	story_expect("irqfd-24 ");
	assert_int_equal(fake.fd[3], event_fd);
	assert_int_equal(pending(), 0);
	/* The device signals while masked. */
	eventfd_write(event_fd, 1);
	assert_int_equal(pending(), 1u << 3);
	/* The message moves meanwhile. */
	entry_write(3, 8, 6);
	story_expect("");
	entry_write(3, 12, 0);
	story_expect("route=24 irqfd+24 ");
	/* The count still stands there for KVM to find. */
	assert_int_equal(fake_kvm()->irqfd[0], event_fd);
	assert_int_equal(fake_kvm()->message[0].data, 6);
	assert_int_equal(pending(), 0);
}

static void test_mask_all(void **state)
{
	control(ENABLE);
	entry_use(0, 0xfee00000, 1);
	entry_use(1, 0xfee00000, 2);
	story_forget();
	control(MASK_ALL);
	story_expect("irqfd-24 irqfd-25 ");
	eventfd_write(fake.fd[1], 1);
	assert_int_equal(pending(), 1u << 1);
	control(ENABLE);
	story_expect("irqfd+24 irqfd+25 ");
}

static void test_message_changes_unmasked(void **state)
{
	control(ENABLE);
	entry_use(0, 0xfee00000, 1);
	story_forget();
	entry_write(0, 8, 9);
	story_expect("route=24 ");
	/* The same again changes nothing, and costs nothing. */
	entry_write(0, 8, 9);
	story_expect("");
}

static void test_disable(void **state)
{
	control(ENABLE);
	entry_use(0, 0xfee00000, 1);
	entry_use(1, 0xfee00000, 2);
	story_forget();
	control(0);
	story_expect("irqfd-24 irqfd-25 irqs-off route-24 route-25 ");
	/* The table stays as the guest left it, and comes back whole. */
	assert_int_equal(entry_read(1, 8), 2);
	control(ENABLE);
	story_expect("irqs[0+1-] route+26 irqfd+26 irqs[0+1*] route+27 irqfd+27 irqs[1+1*] ");
}

static void test_noresize(void **state)
{
	msix.vectors.noresize = true;
	fake.irq.noresize = true;
	control(ENABLE);
	story_expect("irqs[0+8--------] ");
	entry_use(5, 0xfee00000, 1);
	story_expect("route+24 irqfd+24 irqs[5+1*] ");
}

static void test_noresize_fewer(void **state)
{
	msix.vectors.noresize = true;
	fake.irq.noresize = true;
	fake.available = 3;
	control(ENABLE);
	story_expect("irqs[0+8--------] irqs[0+3---] ");
	entry_use(2, 0xfee00000, 1);
	story_expect("route+24 irqfd+24 irqs[2+1*] ");
	/* One more than there are: the set is rebuilt, with what it had, and the others are told to look. */
	entry_use(4, 0xfee00000, 2);
	story_expect("route+25 irqfd+25 irqs-off irqs[0+5--*-*] irqs[0+3--*] ");
	assert_true(msix.vectors.vector[2].in_device);
	assert_false(msix.vectors.vector[4].in_device);
	entry_write(2, 12, 1);
	assert_int_equal(pending(), 1u << 2);
	/* Meanwhile the host has some to spare, and the guest tries again. */
	fake.available = 6;
	entry_write(4, 12, 1);
	story_forget();
	entry_write(4, 12, 0);
	story_expect("irqfd+25 irqs-off irqs[0+5--*-*] ");
	assert_int_equal(fake.fd[4], fake_kvm()->irqfd[1]);
}

static void test_host_refuses(void **state)
{
	control(ENABLE);
	story_forget();
	fake.irq_error = ENOSPC;
	entry_use(1, 0xfee00000, 1);
	story_expect("route+24 irqfd+24 irqs[1+1*] ");
	assert_false(msix.vectors.vector[1].in_device);
	/* Others go on, and this one may be tried again. */
	entry_use(2, 0xfee00000, 1);
	assert_true(msix.vectors.vector[2].in_device);
	entry_write(1, 12, 1);
	entry_write(1, 12, 0);
	assert_true(msix.vectors.vector[1].in_device);
}

static void test_no_route(void **state)
{
	control(ENABLE);
	story_forget();
	fake_kvm()->route_error = EINVAL;
	entry_use(1, 0xdead0000, 1);
	story_expect("");
	entry_write(1, 0, 0xfee00000);
	story_expect("route+24 irqfd+24 irqs[1+1*] ");
}

static void test_no_descriptors(void **state)
{
	struct rlimit limit, none = { 0, 0 };

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	control(ENABLE);
	story_forget();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	entry_use(1, 0xfee00000, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	story_expect("");
	assert_int_equal(msix.vectors.vector[1].event_fd, -1);
	entry_write(1, 12, 0);
	story_expect("route+24 irqfd+24 irqs[1+1*] ");
}

static void test_mode_refused(void **state)
{
	fake.irq_error = EBUSY;
	control(ENABLE);
	assert_false(msix.vectors.on);
	/* The next change tries again. */
	entry_use(0, 0xfee00000, 1);
	assert_true(msix.vectors.on && msix.vectors.vector[0].in_device);
}

static void test_table_bits(void **state)
{
	uint8_t wild[16];

	memset(wild, 0xff, sizeof(wild));
	vfio_msix_table_write(&msix, 16, wild, 8);
	vfio_msix_table_write(&msix, 24, wild, 8);
	assert_int_equal(entry_read(1, 0), 0xfffffffc);
	assert_int_equal(entry_read(1, 12), 1);
	/* Odd widths and a write across two entries. */
	vfio_msix_table_write(&msix, 31, (const uint8_t[]){ 0xff, 0x57, 0x66 }, 3);
	assert_int_equal(entry_read(1, 12), 1);
	assert_int_equal(entry_read(2, 0), 0x6654);
	assert_int_equal(entry_read(2, 12), 1);
	story_expect("");
}

static void test_reset(void **state)
{
	control(ENABLE);
	entry_use(0, 0xfee00000, 1);
	story_forget();
	vfio_msix_live(&msix, false);
	story_expect("irqfd-24 irqs-off route-24 ");
	vfio_msix_reset(&msix);
	story_expect("");
	assert_false(msix.enable);
	assert_int_equal(entry_read(0, 0), 0);
	assert_int_equal(entry_read(0, 12), 1);
}

static void test_nonsense_registers(void **state)
{
	vfio_msix_fini(&msix);
	/* Out of its BAR, in a BAR that is none, in one that cannot be, fewer in the kernel. */
	assert_int_equal(vfio_msix_init(&msix, &fake.device, NULL, 7, 0x3ff8, 0x3000, bar_size), -ENOTSUP);
	assert_non_null(strstr(error_get()->because, "MSI-X table stands at 0x3ff8 of BAR 0"));
	assert_int_equal(vfio_msix_init(&msix, &fake.device, NULL, 7, 0x2000, 0x3001, bar_size), -ENOTSUP);
	assert_int_equal(vfio_msix_init(&msix, &fake.device, NULL, 7, 0x2007, 0x3000, bar_size), -ENOTSUP);
	assert_int_equal(vfio_msix_init(&msix, &fake.device, NULL, 8, 0x2000, 0x3000, bar_size), -ENOTSUP);
	assert_int_equal(msix.entries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enable_then_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_use_then_enable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_from_the_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_leaves_others_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message_changes_unmasked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noresize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noresize_fewer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_route, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mode_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense_registers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
