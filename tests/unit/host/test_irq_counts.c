/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host's /proc/interrupts. */
#include "unit.h"

#include "host/irq-counts.h"

static const char text[] =
	"            CPU0       CPU1       \n"
	"   0:        131          0   IO-APIC    2-edge      timer\n"
	"  16:          3         40   IO-APIC   16-fasteoi   ehci_hcd, vfio-intx(0000:03:00.0)\n"
	"  17:          5          0   IO-APIC   17-fasteoi   eth0(0000:04:00.0)\n"
	"  33:          7    1000000   IR-PCI-MSIX-0000:1a:00.3   0-edge      vfio-msix[0](0000:1a:00.3)\n"
	"  34: 4294967295          1   IR-PCI-MSIX-0000:1a:00.3   1-edge      vfio-msix[1](0000:1a:00.3)\n"
	"  35:          0          0   IR-PCI-MSI-0000:05:00.0    0-edge      vfio-msi[0](0000:05:00.0)\n"
	" NMI:          2          2   Non-maskable interrupts\n"
	" ERR:          0";

static void each_device_has_its_lines(void **state)
{
	uint64_t count = 77;

	assert_true(irq_counts_find(text, "0000:1a:00.3", &count));
	assert_int_equal(count, 7 + 1000000 + 4294967296ull);
	assert_true(irq_counts_find(text, "0000:03:00.0", &count)); /* with who shares the line */
	assert_int_equal(count, 43);
	assert_true(irq_counts_find(text, "0000:05:00.0", &count));
	assert_int_equal(count, 0);
}

static void who_has_none_is_not_counted(void **state)
{
	uint64_t count = 77;

	assert_false(irq_counts_find(text, "0000:04:00.0", &count)); /* another driver's */
	assert_false(irq_counts_find(text, "0000:1a:00.2", &count));
	assert_false(irq_counts_find(text, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", &count));
	assert_false(irq_counts_find("", "0000:1a:00.3", &count));
	assert_int_equal(count, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_device_has_its_lines),
		cmocka_unit_test(who_has_none_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
