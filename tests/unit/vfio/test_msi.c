/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <sys/eventfd.h>

#include "base/error.h"
#include "vfio/config-priv.h"
#include "vfio/msi-priv.h"

#define WIDE	 PCI_MSI_FLAGS_64BIT
#define MASKABLE PCI_MSI_FLAGS_MASKBIT
#define ASKS(n)	 ((n) << 1) /* 2^n messages */
#define GETS(n)	 ((n) << 4)
#define ENABLE	 PCI_MSI_FLAGS_ENABLE

static struct fake_device fake;
static struct pci_config shown;
static struct vfio_msi msi;

static int setup(void **state)
{
	fake_device_init(&fake);
	fake.msi = (struct vfio_irq){ .count = FAKE_VECTORS, .eventfd = true, .noresize = true };
	shown = (struct pci_config){ 0 };
	return 0;
}

static int teardown(void **state)
{
	vfio_msi_fini(&msi);
	assert_int_equal(fake_kvm()->routes, 0);
	assert_int_equal(fake_kvm()->irqfds, 0);
	fake_device_fini(&fake);
	return 0;
}

static int init(uint32_t flags)
{
	pci_config_set(&shown, FAKE_MSI + PCI_MSI_FLAGS, 2, flags);
	return vfio_msi_init(&msi, &fake.device, NULL, &shown, FAKE_MSI);
}

static uint32_t get(unsigned offset, unsigned size)
{
	return pci_config_get(&shown, FAKE_MSI + offset, size);
}

/* As the function does it, and interrupts.c after that. */
static void set(unsigned offset, unsigned size, uint32_t value)
{
	bool enabled;

	pci_config_guest_write(&shown, FAKE_MSI + offset, size, value);
	vfio_msi_follow(&msi);
	enabled = vfio_msi_enabled(&msi);
	if (msi.live != enabled)
		vfio_msi_live(&msi, enabled);
}

static void test_one_message(void **state)
{
	assert_int_equal(init(0), 0);
	assert_int_equal(msi.messages, 1);
	assert_int_equal(vfio_msi_length(&msi), 0xa);
	set(PCI_MSI_ADDRESS_LO, 4, 0xfee01003);
	set(PCI_MSI_DATA_32, 2, 0x41);
	story_expect("");
	set(PCI_MSI_FLAGS, 2, 0xffff);
	/* Nothing but what the guest may write stays, and one message is all there is. */
	assert_int_equal(get(PCI_MSI_FLAGS, 2), ENABLE | PCI_MSI_FLAGS_QSIZE);
	assert_int_equal(get(PCI_MSI_ADDRESS_LO, 4), 0xfee01000);
	story_expect("msi[0+1-] route+24 irqfd+24 msi[0+1*] ");
	assert_int_equal(fake_kvm()->message[0].address, 0xfee01000);
	assert_int_equal(fake_kvm()->message[0].data, 0x41);
	assert_int_equal(fake.fd[0], fake_kvm()->irqfd[0]);
	/* Moved to another processor while it is in use. */
	set(PCI_MSI_ADDRESS_LO, 4, 0xfee02000);
	story_expect("route=24 ");
	set(PCI_MSI_FLAGS, 2, 0);
	story_expect("irqfd-24 msi-off route-24 ");
}

static void test_several_messages(void **state)
{
	assert_int_equal(init(WIDE | ASKS(3)), 0);
	assert_int_equal(vfio_msi_length(&msi), 0xe);
	/* It was tried whether the host has so many. */
	story_expect("msi[0+8--------] msi-off ");
	assert_int_equal(msi.messages, 8);
	assert_int_equal(get(PCI_MSI_FLAGS, 2), WIDE | ASKS(3));
	set(PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	set(PCI_MSI_ADDRESS_HI, 4, 1);
	set(PCI_MSI_DATA_64, 2, 0x43);
	set(PCI_MSI_FLAGS, 2, GETS(2) | ENABLE);
	story_expect("msi[0+4----] route+24 irqfd+24 msi[0+1*] route+25 irqfd+25 msi[1+1*] "
		     "route+26 irqfd+26 msi[2+1*] route+27 irqfd+27 msi[3+1*] ");
	/* Their numbers take the place of the low bits. */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(fake_kvm()->message[i].address, 0x1fee00000);
		assert_int_equal(fake_kvm()->message[i].data, 0x40 + i);
	}
	/* Another number of them while they are on. */
	set(PCI_MSI_FLAGS, 2, GETS(0) | ENABLE);
	story_expect("irqfd-24 irqfd-25 irqfd-26 irqfd-27 msi-off route-24 route-25 route-26 route-27 "
		     "msi[0+1-] route+28 irqfd+28 msi[0+1*] ");
	assert_int_equal(fake_kvm()->message[4].data, 0x43);
	/* Off, with the number of them changed in the same write: nothing is set up anew for that. */
	set(PCI_MSI_FLAGS, 2, GETS(1));
	story_expect("irqfd-28 msi-off route-28 ");
}

/* A guest that is shown more than there are could not tell which one an interrupt was. */
static void test_no_more_than_the_host_has(void **state)
{
	fake.available = 3;
	assert_int_equal(init(ASKS(3)), 0);
	story_expect("msi[0+8--------] msi[0+3---] msi-off ");
	assert_int_equal(msi.messages, 2);
	assert_int_equal(get(PCI_MSI_FLAGS, 2), ASKS(1));
	set(PCI_MSI_FLAGS, 2, GETS(3) | ENABLE);
	story_expect("msi[0+2--] route+24 irqfd+24 msi[0+1*] route+25 irqfd+25 msi[1+1*] ");
}

static void test_the_kernel_signals_fewer(void **state)
{
	fake.msi.count = 3;
	assert_int_equal(init(ASKS(5)), 0);
	assert_int_equal(msi.messages, 2);
	vfio_msi_fini(&msi);
	fake.msi.count = 0;
	assert_int_equal(init(ASKS(5)), -ENOTSUP);
	assert_int_equal(msi.messages, 0);
	fake.msi.count = 8;
	fake.msi.eventfd = false;
	assert_int_equal(init(0), -ENOTSUP);
	/* Reserved values of the field. */
	fake.msi.eventfd = true;
	assert_int_equal(init(ASKS(7)), 0);
	assert_int_equal(msi.messages, 8);
}

static void test_masking_loses_nothing(void **state)
{
	int event_fd;

	assert_int_equal(init(WIDE | MASKABLE | ASKS(1)), 0);
	assert_int_equal(vfio_msi_length(&msi), 0x18);
	set(PCI_MSI_MASK_64, 4, UINT32_MAX);
	assert_int_equal(get(PCI_MSI_MASK_64, 4), 3);
	story_forget();
	set(PCI_MSI_FLAGS, 2, GETS(1) | ENABLE);
	story_expect("msi[0+2--] ");
	set(PCI_MSI_MASK_64, 1, 1);
	story_expect("route+24 irqfd+24 msi[1+1*] ");
	event_fd = fake.fd[1];
	set(PCI_MSI_MASK_64, 1, 3);
	story_expect("irqfd-24 ");
	vfio_msi_show_pending(&msi);
	assert_int_equal(get(PCI_MSI_PENDING_64, 4), 0);
	eventfd_write(event_fd, 1);
	vfio_msi_show_pending(&msi);
	assert_int_equal(get(PCI_MSI_PENDING_64, 4), 2);
	set(PCI_MSI_PENDING_64, 4, 0);
	assert_int_equal(get(PCI_MSI_PENDING_64, 4), 2);
	set(PCI_MSI_MASK_64, 4, 0);
	story_expect("route+25 irqfd+25 msi[0+1*] irqfd+24 ");
	assert_int_equal(fake_kvm()->irqfd[0], event_fd);
	vfio_msi_show_pending(&msi);
	assert_int_equal(get(PCI_MSI_PENDING_64, 4), 0);
}

static void test_the_host_refuses(void **state)
{
	assert_int_equal(init(0), 0);
	fake.irq_error = ENOSPC;
	set(PCI_MSI_FLAGS, 2, ENABLE);
	story_expect("msi[0+1-] ");
	assert_false(msi.vectors.on);
	/* The next write tries again. */
	set(PCI_MSI_DATA_32, 2, 0x30);
	story_expect("msi[0+1-] route+24 irqfd+24 msi[0+1*] ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_than_the_host_has, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_kernel_signals_fewer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_masking_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_host_refuses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
