/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind and unbind on a made-up host whose kernel fails, hangs or dies at every write in turn. */
#include "binding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/check-priv.h"
#include "host/journal-priv.h"

static int run(struct tree *tree, bool bind, const char *first, const char *second, bool force,
	       struct output *ret_output)
{
	return bind ? do_bind(tree, first, second, (struct bind_options){ .force = force }, ret_output)
		    : do_unbind(tree, first, second, AS_IS_UNBIND, ret_output);
}

static void test_there_and_back(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n" NIC ": e1000e -> vfio-pci\n");
	assert_string_equal(output.notes, "");
	expect_bound(tree);

	/* Both are idempotent; a device named twice is one. */
	assert_int_equal(run(tree, true, NVME, NVME, false, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to vfio-pci\n");
	expect_bound(tree);

	assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n" NIC ": vfio-pci -> e1000e\n");
	expect_native(tree);
	assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to nvme\n" NIC ": already bound to e1000e\n");
	expect_native(tree);
}

static void test_every_failing_write_puts_everything_back(void **state)
{
	struct tree *tree = *state;
	struct output output;
	unsigned at, passed = 0;

	unit_devices(tree);
	for (at = 1; at < 100; at++) {
		tree->writes = 0;
		tree->fail_at = at;
		tree->fail_errno = EIO;
		if (run(tree, true, NVME, NIC, false, &output) == 0) {
			/* Only a probe may fail: it is made again. */
			passed++;
			expect_bound(tree);
			if (tree->writes < at)
				break;
			tree->fail_at = 0;
			assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
		} else {
			assert_string_equal(output.out, "");
			assert_non_null(
				strstr(tree_error(tree),
				       "\n           everything was put back as it was\n  try:     "));
		}
		expect_native(tree);
	}
	/* Two devices, each: override, unbind, probe, override. */
	assert_int_equal(at, 9);
	assert_int_equal(passed, 3);
}

static void test_a_driver_that_refuses_puts_everything_back(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree->refuses = "vfio-pci";
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), -EIO);
	assert_string_equal(tree_error(tree),
			    "cannot bind 0000:01:00.0, 0000:02:00.0 to vfio-pci\n"
			    "  because: 0000:01:00.0 is without driver: vfio-pci did not take it\n"
			    "           everything was put back as it was\n"
			    "  try:     dmesg | tail    (what the driver said about it)");
	expect_native(tree);
}

static void test_killed_at_every_write_and_mended(void **state)
{
	struct tree *tree = *state;
	struct output output;
	unsigned at;

	unit_devices(tree);
	for (unsigned round = 0; round < 2; round++) {
		for (at = 1; at < 100; at++) {
			int status;
			pid_t child = fork();

			if (child == 0) {
				tree->writes = 0;
				tree->fail_at = at;
				tree->fail_errno = 0;
				tree->fail_after = round == 1;
				_exit(run(tree, true, NVME, NIC, false, &output) ? 1 : 2);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_int_not_equal(WEXITSTATUS(status), 1);
			/* Half of the times the next command is bind again, which has to remember as well. */
			if (at % 2) {
				assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
				expect_bound(tree);
			}
			assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
			expect_native(tree);
			if (WEXITSTATUS(status) == 2)
				break;
		}
		assert_true(at > 6 && at < 100);
	}
}

static void test_killed_in_unbind_and_mended(void **state)
{
	struct tree *tree = *state;
	struct output output;
	unsigned at;

	unit_devices(tree);
	for (at = 1; at < 200; at++) {
		int status;
		pid_t child;

		assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
		child = fork();
		if (child == 0) {
			tree->writes = 0;
			tree->fail_at = at;
			_exit(run(tree, false, NVME, NIC, false, &output) ? 1 : 2);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (at % 2) {
			assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
			expect_bound(tree);
		}
		assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
		expect_native(tree);
		if (WEXITSTATUS(status) == 2)
			break;
	}
	assert_true(at > 6 && at < 100);
}

static void test_a_hang_is_left_alone_and_finished_later(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	/* The second device's unbind hangs: the first is put back, the second remembered. */
	tree->fail_at = 6;
	tree->fail_errno = ETIMEDOUT;
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), -ETIMEDOUT);
	assert_non_null(
		strstr(tree_error(tree), "e1000e has not let go of 0000:02:00.0 yet; it may still do so\n"));
	assert_non_null(strstr(tree_error(tree),
			       "0000:02:00.0 is left as it is; `handfast unbind` finishes or undoes "
			       "it once its driver has let go"));
	assert_null(strstr(tree_error(tree), "everything was put back"));
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
	assert_true(tree_has(tree, JOURNAL(NIC)));
	/* The driver lets go after all. */
	tree_bind(tree, NIC, "");
	assert_int_equal(run(tree, false, NIC, NULL, false, &output), 0);
	assert_string_equal(output.out, NIC ": no driver -> e1000e\n");
	expect_native(tree);
}

static void test_refused_while_in_use(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(run(tree, true, NIC, NVME, false, &output), -EBUSY);
	assert_string_equal(tree_error(tree),
			    "cannot bind 0000:02:00.0, 0000:01:00.0 to vfio-pci\n"
			    "  because: 0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv\n"
			    "  try:     umount /srv");
	assert_int_equal(tree->writes, 0);
	expect_native(tree);

	assert_int_equal(run(tree, true, NIC, NVME, true, &output), 0);
	assert_string_equal(tree_plain(tree, output.notes),
			    "note: 0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv\n"
			    "      try: umount /srv\n");
	expect_bound(tree);
	assert_int_equal(run(tree, false, NIC, NVME, false, &output), 0);

	/* This machine would be lost: not even by force. */
	tree_file(tree, "proc/self/mountinfo", "21 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	tree->writes = 0;
	assert_int_equal(run(tree, true, NVME, NULL, true, &output), -EBUSY);
	assert_non_null(strstr(tree_error(tree), "mounted on /, this host's root file system"));
	assert_int_equal(tree->writes, 0);
	expect_native(tree);
}

/* vfio-pci would refuse it, after its driver was torn off for nothing. */
static void test_a_device_with_virtual_functions_is_refused_by_force_too(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_file(tree, "sys/bus/pci/devices/" NIC "/sriov_numvfs", "2\n");
	assert_int_equal(run(tree, true, NIC, NULL, true, &output), -EBUSY);
	assert_string_equal(
		tree_error(tree),
		"cannot bind 0000:02:00.0 to vfio-pci\n"
		"  because: 0000:02:00.0 is in use: 0000:02:00.0 has 2 virtual functions, which have "
		"to go before it can change its driver\n"
		"  try:     echo 0 > /sys/bus/pci/devices/0000:02:00.0/sriov_numvfs");
	assert_int_equal(tree->writes, 0);
	expect_native(tree);
}

static void test_refused_without_iommu_and_for_bridges(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_driver(tree, "vfio-pci");
	tree_file(tree, "proc/cmdline", "quiet\n");
	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", -1);
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), -ENODEV);
	assert_non_null(strstr(tree_error(tree), "because: this host has no IOMMU"));
	tree_device(tree, "0000:00:01.0", 0x1b36, 0x0c, 0x060400, "pcieport", 1);
	assert_int_equal(run(tree, true, "0000:00:01.0", NULL, false, &output), -EINVAL);
	assert_int_equal(run(tree, true, "0000:1a:00.3", NULL, false, &output), -ENODEV);
	assert_string_equal(tree_error(tree), "cannot bind 0000:1a:00.3 to vfio-pci\n"
					      "  because: there is no PCI device 0000:1a:00.3 on this host\n"
					      "  try:     handfast list    (shows the devices there are)");
	assert_int_equal(tree->writes, 0);
}

static void test_who_may_not_is_told_so(void **state)
{
	struct tree *tree = *state;
	struct output output;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	unit_devices(tree);
	assert_int_equal(chmod(tree->root, 0755), 0);
	child = fork();
	if (child == 0) {
		if (setuid(65534) || run(tree, true, NVME, NULL, false, &output) != -EACCES)
			_exit(2);
		_exit(strcmp(tree_error(tree),
			     "cannot bind 0000:01:00.0 to vfio-pci\n"
			     "  because: it changes the host's drivers, and nobody (uid 65534) may not\n"
			     "  try:     sudo handfast bind ...") != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect_native(tree);
}

/* A probe that comes while the last driver is still on its way out does nothing. */
static void test_a_probe_is_made_again(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree->probes_lost = 3;
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(tree_driver_of(tree, NVME), "vfio-pci");
	assert_int_equal(tree->probes_lost, 0);
}

static void test_vfio_pci_is_loaded_or_missed(void **state)
{
	struct tree *tree = *state;
	struct output output;

	tree_device(tree, NVME, 0x1b36, 0x0010, 0x010802, "nvme", 14);
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), -ENOENT);
	assert_string_equal(
		tree_error(tree),
		"cannot bind 0000:01:00.0 to vfio-pci\n"
		"  because: the driver vfio-pci is not loaded and could not be: modprobe vfio-pci failed\n"
		"  try:     modprobe vfio-pci    (says why)\n"
		"           handfast check    (says whether this kernel has it)");
	assert_int_equal(tree->writes, 0);
	tree->module = "vfio-pci";
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n");
}

static void test_the_rest_of_the_group_is_noted(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_device(tree, "0000:01:00.1", 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(output.notes,
			    "note: IOMMU group 14 is not viable: 0000:01:00.1 is bound to snd_hda_intel\n"
			    "      try: handfast bind 0000:01:00.1\n");
}

/* No command is cut, and what there is no room for is counted. */
static void test_very_many_uses(void **state)
{
	struct tree *tree = *state;
	struct usage *usage;
	struct findings findings = { 0 };
	struct host_device device;
	struct output output;
	char mounts[8192], *to = mounts, *line, *rest;
	unsigned named = 0, more = 0;

	unit_devices(tree);
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	for (unsigned i = 0; i < 60; i++)
		to += sprintf(to, "%u 21 259:0 / /srv/%060u rw - ext4 /dev/nvme0n1 rw\n", 30 + i, i);
	tree_file(tree, "proc/self/mountinfo", "%s", mounts);
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), -EBUSY);
	assert_non_null(strstr(tree_error(tree), "try:"));
	rest = strstr(tree->text, "try:");
	assert_non_null(rest);
	rest += 4;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " ");
		if (strncmp(line, "umount", 6) == 0) {
			assert_int_equal(strlen(line), strlen("umount /srv/") + 60);
			named++;
		} else {
			assert_int_equal(sscanf(line, "%u more: handfast check " NVME, &more), 1);
		}
	}
	assert_int_equal(named + more, 60);
	assert_in_range(more, 1, 59);

	/* check has room for all of them. */
	device = tree_load(tree, NVME);
	assert_int_equal(usage_create(&tree->host, &usage), 0);
	check_uses(usage, &device, false, &findings);
	usage_destroy(usage);
	assert_int_equal(findings.count, 60);
	findings_fini(&findings);
}

static void test_unbind_is_refused_while_a_vm_has_it(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
	tree_process(tree, 4711, "handfast", "dev/vfio/15");
	tree->writes = 0;
	assert_int_equal(run(tree, false, NVME, NIC, false, &output), -EBUSY);
	assert_string_equal(tree_error(tree), "cannot give back 0000:01:00.0, 0000:02:00.0\n"
					      "  because: /dev/vfio/15 is in use by handfast (pid 4711)\n"
					      "  try:     end that virtual machine first");
	assert_int_equal(tree->writes, 0);
	expect_bound(tree);
}

/* The kernel would refuse it to any other driver. */
static void test_unbind_is_refused_while_a_vm_has_the_group(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_bind(tree, NVME, "");
	tree_file(tree, "dev/vfio/14", "%s", "");
	tree_process(tree, 4711, "handfast", "dev/vfio/14");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), -EBUSY);
	assert_non_null(strstr(tree_error(tree), "/dev/vfio/14 is in use by handfast (pid 4711)"));
	assert_int_equal(tree->writes, 0);
}

static void test_unbind_gives_back_what_it_can(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
	tree->refuses = "nvme";
	assert_int_equal(run(tree, false, NVME, NIC, false, &output), -EIO);
	assert_string_equal(output.out, NIC ": vfio-pci -> e1000e\n");
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:01:00.0, 0000:02:00.0\n"
			    "  because: 0000:01:00.0 is without driver: nvme did not take it\n"
			    "  try:     dmesg | tail    (what the driver said about it)");
	assert_true(tree_has(tree, JOURNAL(NVME)));
	tree->refuses = NULL;
	assert_int_equal(run(tree, false, NVME, NIC, false, &output), 0);
	expect_native(tree);
}

static void test_unbind_without_journal(void **state)
{
	struct tree *tree = *state;
	struct output output;

	/* Bound by hand, with the override; the native driver's module went away meanwhile. */
	unit_devices(tree);
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, OVERRIDE(NVME), "vfio-pci\n");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n");
	expect_native(tree);

	/* A device that no driver wants is free without one. */
	tree_device(tree, "0000:03:00.0", 0x1234, 0x11e8, 0x00ff00, "", 16);
	tree_bind(tree, "0000:03:00.0", "vfio-pci");
	assert_int_equal(run(tree, false, "0000:03:00.0", NULL, false, &output), 0);
	assert_string_equal(output.out, "0000:03:00.0: vfio-pci -> no driver\n");

	/* A dynamic id of new_id's: vfio-pci takes it again. */
	tree_device(tree, "0000:04:00.0", 0x1234, 0x11e8, 0x00ff00, "vfio-pci", 17);
	assert_int_equal(run(tree, false, "0000:04:00.0", NULL, false, &output), -EBUSY);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:04:00.0\n"
			    "  because: vfio-pci took 0000:04:00.0 again, although nothing tells it to any "
			    "more: somebody "
			    "gave it the device's identity through new_id\n"
			    "  try:     handfast unbind --remove-id 0000:04:00.0\n"
			    "           echo 1234 11e8 > /sys/bus/pci/drivers/vfio-pci/remove_id");
}

static void test_a_device_without_driver_stays_so(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_bind(tree, NVME, "");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> vfio-pci\n");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> no driver\n");
	assert_string_equal(tree_driver_of(tree, NVME), "");
	assert_string_equal(tree_read(tree, OVERRIDE(NVME)), "(null)");
}

static void test_somebody_elses_override_is_kept(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_file(tree, OVERRIDE(NVME), "nvme\n");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(tree_read(tree, OVERRIDE(NVME)), "vfio-pci");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(tree_read(tree, OVERRIDE(NVME)), "nvme");
	assert_string_equal(tree_driver_of(tree, NVME), "nvme");
}

static void test_after_a_reboot(void **state)
{
	struct tree *tree = *state;
	struct output output;

	/* The journal outlived it, the binding did not; and another device sits at the second address. */
	unit_devices(tree);
	assert_int_equal(run(tree, true, NVME, NIC, false, &output), 0);
	tree_bind(tree, NVME, "nvme");
	tree_file(tree, OVERRIDE(NVME), "(null)\n");
	tree_device(tree, NIC, 0x10ec, 0x8139, 0x020000, "8139too", 15);
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to nvme\n");
	assert_false(tree_has(tree, JOURNAL(NVME)));
	assert_int_equal(run(tree, true, NIC, NULL, false, &output), 0);
	assert_int_equal(run(tree, false, NIC, NULL, false, &output), 0);
	assert_string_equal(output.out, NIC ": vfio-pci -> 8139too\n");
}

/* An entry says "no driver"; since then a driver got the device, by hand or at a boot. */
static void test_an_old_entry_does_not_take_the_driver_away(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_bind(tree, NVME, "");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> vfio-pci\n");
	tree_bind(tree, NVME, "nvme");
	tree_file(tree, OVERRIDE(NVME), "(null)\n");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n");
	expect_native(tree);
}

/* Killed halfway it is a state of ours, whatever the device came from; made anew or booted it is none. */
static void test_an_old_entry_is_no_bind_in_progress(void **state)
{
	struct tree *tree = *state;
	struct host_device device;
	struct output output;
	char text[256];

	unit_devices(tree);
	tree_bind(tree, NVME, "");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	tree_bind(tree, NVME, "");
	device = tree_load(tree, NVME);
	assert_true(journal_in_progress(&tree->host, &device, text, sizeof(text)));
	tree_file(tree, OVERRIDE(NVME), "(null)\n");
	device = tree_load(tree, NVME);
	assert_false(journal_in_progress(&tree->host, &device, text, sizeof(text)));
	/* And the next bind and unbind find it as they left it. */
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> no driver\n");
	assert_false(tree_has(tree, JOURNAL(NVME)));
}

/* What was taken before a reboot and has no driver after it (its module is not loaded yet) is not halfway. */
static void test_an_entry_from_before_a_reboot_is_no_bind_in_progress(void **state)
{
	struct tree *tree = *state;
	struct host_device device;
	struct output output;
	char text[256];

	unit_devices(tree);
	tree_file(tree, "proc/sys/kernel/random/boot_id", "this-boot\n");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	tree_bind(tree, NVME, "");
	tree_file(tree, OVERRIDE(NVME), "(null)\n");
	device = tree_load(tree, NVME);
	assert_true(journal_in_progress(&tree->host, &device, text, sizeof(text)));
	tree_file(tree, "proc/sys/kernel/random/boot_id", "next-boot\n");
	assert_false(journal_in_progress(&tree->host, &device, text, sizeof(text)));
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> nvme\n");
	expect_native(tree);
}

/* It had no driver when it was taken. After a reboot somebody bound it by hand: to whom it goes is open. */
static void test_no_driver_before_a_reboot_is_no_origin(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	tree_file(tree, "proc/sys/kernel/random/boot_id", "this-boot\n");
	tree_bind(tree, NVME, "");
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	tree_file(tree, "proc/sys/kernel/random/boot_id", "next-boot\n");
	tree_bind(tree, NVME, "vfio-pci");
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n");
	expect_native(tree);
}

static void test_the_native_driver_is_loaded_again(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];

	unit_devices(tree);
	assert_int_equal(run(tree, true, NVME, NULL, false, &output), 0);
	snprintf(path, sizeof(path), "%s/bus/pci/drivers/nvme", tree->sys);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), -ENOENT);
	assert_string_equal(tree_error(tree),
			    "cannot give back 0000:01:00.0\n"
			    "  because: 0000:01:00.0 is without driver: nvme is not loaded and could "
			    "not be\n"
			    "  try:     modprobe nvme    (as root; says why)");
	tree->module = "nvme";
	assert_int_equal(run(tree, false, NVME, NULL, false, &output), 0);
	assert_string_equal(output.out, NVME ": no driver -> nvme\n");
	expect_native(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_there_and_back),
		unit(test_every_failing_write_puts_everything_back),
		unit(test_a_driver_that_refuses_puts_everything_back),
		unit(test_killed_at_every_write_and_mended),
		unit(test_killed_in_unbind_and_mended),
		unit(test_a_hang_is_left_alone_and_finished_later),
		unit(test_refused_while_in_use),
		unit(test_a_device_with_virtual_functions_is_refused_by_force_too),
		unit(test_refused_without_iommu_and_for_bridges),
		unit(test_who_may_not_is_told_so),
		unit(test_a_probe_is_made_again),
		unit(test_vfio_pci_is_loaded_or_missed),
		unit(test_the_rest_of_the_group_is_noted),
		unit(test_very_many_uses),
		unit(test_unbind_is_refused_while_a_vm_has_it),
		unit(test_unbind_is_refused_while_a_vm_has_the_group),
		unit(test_unbind_gives_back_what_it_can),
		unit(test_unbind_without_journal),
		unit(test_a_device_without_driver_stays_so),
		unit(test_somebody_elses_override_is_kept),
		unit(test_after_a_reboot),
		unit(test_an_old_entry_does_not_take_the_driver_away),
		unit(test_an_old_entry_is_no_bind_in_progress),
		unit(test_an_entry_from_before_a_reboot_is_no_bind_in_progress),
		unit(test_no_driver_before_a_reboot_is_no_origin),
		unit(test_the_native_driver_is_loaded_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
