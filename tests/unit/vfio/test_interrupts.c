/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way a function interrupts, and the line itself. */
#include "../unit.h"
#include "fake.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/error.h"
#include "vfio/interrupts-priv.h"

#define MSIX_ON PCI_MSIX_FLAGS_ENABLE
#define MSI_ON	PCI_MSI_FLAGS_ENABLE

static struct fake_device fake;
static struct vfio_config config;
static struct vfio_interrupts interrupts;
static const uint64_t bar_size[PCI_BARS] = { 0x4000, 0, 0x20, 0x100, 0, 0 };

static int init(void)
{
	int error = vfio_config_init(&config, &fake.device);

	assert_int_equal(error, 0);
	return vfio_interrupts_init(&interrupts, &config, NULL, bar_size);
}

static int setup(void **state)
{
	fake_device_init(&fake);
	fake_set(fake.config, FAKE_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT);
	fake.msi = (struct vfio_irq){ .count = 1, .eventfd = true, .noresize = true };
	fake.intx = (struct vfio_irq){ .count = 1, .eventfd = true };
	assert_int_equal(init(), 0);
	story_expect("");
	return 0;
}

static int teardown(void **state)
{
	vfio_interrupts_fini(&interrupts);
	assert_int_equal(fake_kvm()->routes, 0);
	assert_int_equal(fake_kvm()->irqfds, 0);
	assert_false(fake.irq_on);
	fake_device_fini(&fake);
	return 0;
}

static void set(unsigned offset, unsigned size, uint32_t value)
{
	pci_config_guest_write(&config.shown, offset, size, value);
	vfio_interrupts_follow(&interrupts, offset, size);
}

static void set_msi(uint32_t flags)
{
	set(FAKE_MSI + PCI_MSI_FLAGS, 2, flags);
}

static void set_msix(uint32_t flags)
{
	set(FAKE_MSIX + PCI_MSIX_FLAGS, 2, flags);
}

static void test_line(void **state)
{
	vfio_interrupts_start(&interrupts, 19);
	/* KVM listens before the device speaks, and only then the line is opened. */
	story_expect("line+19 intx[0+1*] intx-unmask config[4+2]=0 ");
	assert_int_equal(fake.fd[0], fake_kvm()->line[19]);
	assert_int_equal(fake.unmask_fd, fake_kvm()->resample[19]);
	vfio_interrupts_start(&interrupts, 19);
	story_expect("");
	/* The function sits somewhere else now. */
	vfio_interrupts_start(&interrupts, 20);
	story_expect("config[4+2]=400 intx-off line-19 line+20 intx[0+1*] intx-unmask config[4+2]=0 ");
	vfio_interrupts_quiet(&interrupts);
	story_expect("config[4+2]=400 intx-off line-20 ");
	vfio_interrupts_quiet(&interrupts);
	story_expect("");
}

static void test_from_each_to_each(void **state)
{
	vfio_interrupts_start(&interrupts, 16);
	story_forget();
	set_msi(MSI_ON);
	story_expect("config[4+2]=400 intx-off line-16 msi[0+1-] route+24 irqfd+24 msi[0+1*] ");
	/* Leaving MSI opens the line in the device, which the kernel closes at a change only. */
	set_msi(0);
	story_expect("config[4+2]=0 irqfd-24 msi-off route-24 config[4+2]=400 "
		     "line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
	set_msix(MSIX_ON);
	story_expect("config[4+2]=400 intx-off line-16 irqs[0+1-] ");
	/* A driver that switches MSI on beside it, and one off after the other. */
	set_msi(MSI_ON);
	story_expect("");
	set_msix(0);
	story_expect("config[4+2]=0 irqs-off config[4+2]=400 msi[0+1-] route+25 irqfd+25 msi[0+1*] ");
	set_msix(MSIX_ON);
	story_expect("config[4+2]=0 irqfd-25 msi-off route-25 config[4+2]=400 irqs[0+1-] ");
	set_msi(0);
	story_expect("");
	set_msix(0);
	story_expect("config[4+2]=0 irqs-off config[4+2]=400 line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
}

/* Outside D0 nothing interrupts, and the guest may change its mind meanwhile. */
static void test_held(void **state)
{
	vfio_interrupts_start(&interrupts, 16);
	story_forget();
	vfio_interrupts_hold(&interrupts, true);
	story_expect("config[4+2]=400 intx-off line-16 ");
	vfio_interrupts_hold(&interrupts, false);
	story_expect("line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
	set_msi(MSI_ON);
	story_forget();
	/* The device keeps its eventfd, which counts, and KVM does not listen. */
	vfio_interrupts_hold(&interrupts, true);
	story_expect("irqfd-24 ");
	set(FAKE_MSI + PCI_MSI_DATA_64, 2, 0x41);
	story_expect("");
	vfio_interrupts_hold(&interrupts, false);
	story_expect("route=24 irqfd+24 ");
	/* From one to the other while held. */
	vfio_interrupts_hold(&interrupts, true);
	set_msi(0);
	story_expect("irqfd-24 config[4+2]=0 msi-off route-24 config[4+2]=400 ");
	set_msi(MSI_ON);
	story_expect("msi[0+1-] ");
	vfio_interrupts_hold(&interrupts, false);
	story_expect("route+25 irqfd+25 msi[0+1*] ");
	/* A reset is an end of it. */
	vfio_interrupts_hold(&interrupts, true);
	set_msi(0);
	vfio_interrupts_quiet(&interrupts);
	story_forget();
	vfio_interrupts_start(&interrupts, 16);
	story_expect("line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
}

static void test_many_times(void **state)
{
	vfio_interrupts_start(&interrupts, 16);
	for (unsigned i = 0; i < 200; i++) {
		set_msi(i % 3 == 1 ? MSI_ON : 0);
		set_msix(i % 3 == 2 ? MSIX_ON : 0);
		assert_true(fake.irq_on);
		story_forget();
	}
}

static void use_entry(unsigned vector)
{
	static const uint8_t entry[16] = { 0x00, 0x00, 0xe0, 0xfe, 0, 0, 0, 0, 0x41 };

	vfio_msix_table_write(&interrupts.msix, vector * sizeof(entry), entry, sizeof(entry));
}

/* Masked by the same register: what the mask held back does not get out by switching the whole off. */
static void test_off_and_unmasked_at_once(void **state)
{
	vfio_interrupts_start(&interrupts, 16);
	set_msix(MSIX_ON | PCI_MSIX_FLAGS_MASKALL);
	use_entry(3);
	story_forget();
	set_msix(0);
	story_expect("config[4+2]=0 irqs-off config[4+2]=400 line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
}

/* What is written before the function has its place takes effect when it has it. */
static void test_before_its_place(void **state)
{
	set_msi(MSI_ON);
	story_expect("");
	vfio_interrupts_start(&interrupts, 16);
	story_expect("msi[0+1-] route+24 irqfd+24 msi[0+1*] ");
}

static void test_disabled_by_the_guest(void **state)
{
	pci_config_set(&config.shown, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	vfio_interrupts_start(&interrupts, 16);
	/* The kernel does it: it knows how for devices without that bit, too. */
	story_expect("line+16 intx[0+1*] intx-unmask config[4+2]=400 ");
	set_msi(MSI_ON);
	/* The line opens for the moment in which the device uses MSI. */
	story_forget();
	set_msi(0);
	story_expect("config[4+2]=0 irqfd-24 msi-off route-24 config[4+2]=400 "
		     "line+16 intx[0+1*] intx-unmask config[4+2]=400 ");
}

static void test_a_line_that_cannot_be_had(void **state)
{
	fake.irq_error = EBUSY;
	vfio_interrupts_start(&interrupts, 16);
	story_expect("line+16 intx[0+1*] line-16 ");
	assert_non_null(strstr(error_get()->because, "Interrupt Disable"));
	/* The rest works all the same. */
	set_msi(MSI_ON);
	story_expect("config[4+2]=400 msi[0+1-] route+24 irqfd+24 msi[0+1*] ");
	fake_kvm()->route_error = EINVAL;
	set_msi(0);
	assert_int_equal(fake_kvm()->irqfds, 0);
	assert_false(fake.irq_on);
}

/* Virtual functions have none. */
static void test_no_pin(void **state)
{
	vfio_interrupts_fini(&interrupts);
	fake.intx.count = 0;
	assert_int_equal(init(), 0);
	assert_int_equal(vfio_config_read(&config, PCI_INTERRUPT_PIN, 1), 0);
	vfio_interrupts_start(&interrupts, 0);
	story_expect("");
	set_msix(MSIX_ON);
	set_msix(0);
	story_expect("irqs[0+1-] config[4+2]=0 irqs-off config[4+2]=400 ");
}

/* A mediated device's driver may have no eventfd to unmask the line by, which shows when it is tried. */
static void test_a_line_by_way_of_us(void **state)
{
	vfio_interrupts_fini(&interrupts);
	story_forget();
	fake.device.mediated = true;
	assert_int_equal(init(), 0);
	assert_null(interrupts.intx.relay);
	story_expect("intx[0+1*] intx-unmask intx-off ");
	vfio_interrupts_fini(&interrupts);

	fake.unmask_error = ENOTTY;
	assert_int_equal(init(), 0);
	assert_non_null(interrupts.intx.relay);
	story_expect("intx[0+1*] intx-off ");
	for (unsigned i = 0; i < 2; i++) {
		vfio_interrupts_start(&interrupts, 19);
		story_expect("line+19 intx[0+1*] config[4+2]=0 ");
		assert_int_equal(fake.fd[0], interrupts.intx.relay->device_fd);
		assert_int_equal(fake_kvm()->line[19], interrupts.intx.relay->line_fd);
		assert_int_equal(fake_kvm()->resample[19], interrupts.intx.relay->resample_fd);
		vfio_interrupts_quiet(&interrupts);
		story_expect("config[4+2]=400 intx-off line-19 ");
	}
	fake.irq_error = EBUSY;
	vfio_interrupts_start(&interrupts, 19);
	story_expect("line+19 intx[0+1*] line-19 ");
	vfio_interrupts_fini(&interrupts);
	/* No line at all: nothing is tried. */
	fake.intx.count = 0;
	story_forget();
	assert_int_equal(init(), 0);
	story_expect("");
}

static void test_what_does_not_work_is_hidden(void **state)
{
	vfio_interrupts_fini(&interrupts);
	fake.msi.count = 0;
	fake.irq.count = 0;
	assert_int_equal(init(), 0);
	assert_int_equal(vfio_config_read(&config, FAKE_PM + 1, 1), FAKE_EXP);
	assert_int_equal(vfio_config_read(&config, FAKE_EXP + 1, 1), FAKE_AF);
	set_msi(MSI_ON);
	set_msix(MSIX_ON);
	vfio_interrupts_start(&interrupts, 16);
	assert_int_equal(interrupts.mode, VFIO_INTERRUPTS_INTX);
}

/* Many have a line, or MSI-X, and nothing else. */
static void test_without_msi(void **state)
{
	vfio_interrupts_fini(&interrupts);
	fake.config[FAKE_PM + 1] = FAKE_EXP;
	assert_int_equal(init(), 0);
	vfio_interrupts_start(&interrupts, 16);
	story_forget();
	vfio_interrupts_hold(&interrupts, true);
	story_expect("config[4+2]=400 intx-off line-16 ");
	vfio_interrupts_quiet(&interrupts);
	vfio_interrupts_start(&interrupts, 16);
	story_expect("line+16 intx[0+1*] intx-unmask config[4+2]=0 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_each_to_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off_and_unmasked_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_before_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled_by_the_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_line_that_cannot_be_had, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_line_by_way_of_us, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_does_not_work_is_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_msi, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
