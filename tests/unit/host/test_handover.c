/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --group and --user: whole groups, and their nodes in a user's hands and back. */
#include "binding.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/handover-priv.h"
#include "host/journal-priv.h"

#define AUDIO "0000:01:00.1"
#define NODE  "dev/vfio/14"

/* Root alone can give files away. */
#define needs_root()                \
	do {                        \
		if (geteuid() != 0) \
			skip();     \
	} while (0)

static uid_t owner_of(struct tree *tree, const char *path)
{
	char full[PATH_MAX];
	struct stat status;

	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	assert_int_equal(stat(full, &status), 0);
	return status.st_uid;
}

/* The disk and an audio function in one group, a bridge and an ISA bridge with them. */
static void group_of_four(struct tree *tree)
{
	unit_devices(tree);
	tree_device(tree, AUDIO, 0x1b36, 0x11, 0x040300, "snd_hda_intel", 14);
	tree_device(tree, "0000:00:1c.0", 0x1b36, 0x0c, 0x060400, "pcieport", 14);
	tree_device(tree, "0000:00:1f.0", 0x8086, 0x2918, 0x060100, "lpc_ich", 14);
}

static void test_the_whole_group_but_for_bridges(void **state)
{
	static const char notes[] = "note: 0000:00:1c.0 of IOMMU group 14 is a bridge and stays as it is\n"
				    "note: 0000:00:1f.0 of IOMMU group 14 is a bridge and stays as it is\n";
	struct tree *tree = *state;
	struct output output;
	bool moved[2] = { false, false };

	group_of_four(tree);
	tree_bind(tree, "0000:00:1f.0", "");
	assert_int_equal(do_bind(tree, NVME, AUDIO,
				 (struct bind_options){ .group = true, .ret_moved = moved }, &output),
			 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci\n" AUDIO ": snd_hda_intel -> vfio-pci\n");
	assert_string_equal(output.notes, notes);
	assert_true(moved[0] && moved[1]);
	assert_string_equal(tree_driver_of(tree, "0000:00:1c.0"), "pcieport");
	assert_int_equal(do_bind(tree, AUDIO, NULL, (struct bind_options){ .group = true }, &output), 0);
	assert_string_equal(output.out,
			    AUDIO ": already bound to vfio-pci\n" NVME ": already bound to vfio-pci\n");

	assert_int_equal(do_unbind(tree, AUDIO, NULL, (struct unbind_options){ .group = true }, &output), 0);
	assert_string_equal(output.out, AUDIO ": vfio-pci -> snd_hda_intel\n" NVME ": vfio-pci -> nvme\n");
	assert_string_equal(output.notes, notes);
	expect_native(tree);
}

static void test_one_member_in_use_refuses_the_group(void **state)
{
	struct tree *tree = *state;
	struct output output;

	group_of_four(tree);
	tree_block(tree, "sys/devices/pci0000:00/" NVME "/nvme/nvme0", "nvme0n1", "259:0");
	tree_file(tree, "proc/self/mountinfo", "30 21 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(do_bind(tree, AUDIO, NULL, (struct bind_options){ .group = true }, &output), -EBUSY);
	assert_non_null(strstr(tree_error(tree), "0000:01:00.0 is in use: /dev/nvme0n1 is mounted on /srv"));
	assert_int_equal(tree->writes, 0);
	assert_string_equal(tree_driver_of(tree, AUDIO), "snd_hda_intel");
}

static void test_a_bridge_that_is_named_is_refused(void **state)
{
	struct tree *tree = *state;
	struct output output;

	group_of_four(tree);
	assert_int_equal(do_bind(tree, "0000:00:1f.0", NULL, AS_IS_BIND, &output), -EINVAL);
	assert_non_null(strstr(tree_error(tree), "because: 0000:00:1f.0 is an ISA bridge"));
	assert_int_equal(do_bind(tree, "0000:00:1c.0", NULL, (struct bind_options){ .force = true }, &output),
			 -EINVAL);
	assert_int_equal(tree->writes, 0);
	assert_false(tree_has(tree, JOURNAL("0000:00:1f.0")));
}

static void test_the_nodes_go_to_the_user_and_back(void **state)
{
	struct tree *tree = *state;
	struct output output;
	const struct bind_options nobody = { .user = "nobody", .group = true };

	needs_root();
	group_of_four(tree);
	tree_bind(tree, "0000:00:1f.0", "");
	/* The device's own node, on kernels that have them. */
	tree_folder(tree, "sys/devices/pci0000:00/" NVME "/vfio-dev/vfio3");
	tree_file(tree, "dev/vfio/devices/vfio3", "%s", "");
	assert_int_equal(do_bind(tree, NVME, NULL, nobody, &output), 0);
	assert_string_equal(output.out, NVME ": nvme -> vfio-pci, for nobody\n" AUDIO
					     ": snd_hda_intel -> vfio-pci, for nobody\n");
	assert_int_equal(owner_of(tree, NODE), 65534);
	assert_int_equal(owner_of(tree, "dev/vfio/devices/vfio3"), 65534);

	/* The other member still needs it. */
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 65534);
	/* A third one that nobody gave away keeps the node there: it is root's again. */
	assert_int_equal(do_bind(tree, NVME, NULL, AS_IS_BIND, &output), 0);
	assert_int_equal(do_unbind(tree, AUDIO, NULL, AS_IS_UNBIND, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 0);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	expect_native(tree);
}

static void test_a_device_that_is_bound_is_handed_over_alone(void **state)
{
	struct tree *tree = *state;
	struct output output;
	const struct bind_options user = { .user = "4711" };

	needs_root();
	unit_devices(tree);
	/* By somebody else, so that nothing is known of its driver. */
	tree_bind(tree, NVME, "vfio-pci");
	tree_file(tree, OVERRIDE(NVME), "vfio-pci\n");
	assert_int_equal(do_bind(tree, NVME, NULL, user, &output), 0);
	assert_string_equal(output.out, NVME ": already bound to vfio-pci, for 4711\n");
	assert_int_equal(owner_of(tree, NODE), 4711);
	/* Twice is once; the next user takes it over; whose it was first is not forgotten. */
	assert_int_equal(do_bind(tree, NVME, NULL, user, &output), 0);
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .user = "4712" }, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 4712);
	assert_non_null(strstr(tree_read(tree, JOURNAL(NVME)), "\norigin unknown\nuser 4712 0\nend"));
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	assert_string_equal(output.out, NVME ": vfio-pci -> nvme\n");
	expect_native(tree);
}

/* A node that the administrator's rules gave to somebody goes back to him. */
static void test_whose_it_was_before_is_kept(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];

	needs_root();
	group_of_four(tree);
	tree_bind(tree, "0000:00:1f.0", "");
	assert_int_equal(do_bind(tree, AUDIO, NULL, AS_IS_BIND, &output), 0);
	snprintf(path, sizeof(path), "%s/" NODE, tree->root);
	assert_int_equal(chown(path, 42, -1), 0);
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .user = "4711" }, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 4711);
	assert_int_equal(do_bind(tree, AUDIO, NULL, (struct bind_options){ .user = "4711" }, &output), 0);
	assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 4711);
	tree_device(tree, "0000:01:00.2", 0x1b36, 0x12, 0x040300, "vfio-pci", 14);
	assert_int_equal(do_unbind(tree, AUDIO, NULL, AS_IS_UNBIND, &output), 0);
	assert_int_equal(owner_of(tree, NODE), 42);
}

static void test_an_unknown_user_is_refused_first(void **state)
{
	struct tree *tree = *state;
	struct output output;

	unit_devices(tree);
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .user = "no such user" }, &output),
			 -EINVAL);
	assert_string_equal(tree_error(tree), "cannot bind 0000:01:00.0 to vfio-pci\n"
					      "  because: there is no user no such user on this host\n"
					      "  try:     getent passwd    (lists the users)");
	assert_int_equal(tree->writes, 0);
	assert_false(tree_has(tree, "state"));
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .user = "99999999999" }, &output),
			 -EINVAL);
}

static void test_every_failing_write_takes_the_nodes_back(void **state)
{
	struct tree *tree = *state;
	struct output output;
	unsigned at;

	needs_root();
	group_of_four(tree);
	tree_bind(tree, "0000:00:1f.0", "");
	/* The audio function is bound and its node root's; the disk is to join it, both for the user. */
	assert_int_equal(do_bind(tree, AUDIO, NULL, AS_IS_BIND, &output), 0);
	for (at = 1; at < 100; at++) {
		tree->writes = 0;
		tree->fail_at = at;
		tree->fail_errno = EIO;
		if (do_bind(tree, AUDIO, NVME, (struct bind_options){ .user = "4711" }, &output) == 0) {
			tree->fail_at = 0;
			assert_int_equal(owner_of(tree, NODE), 4711);
			if (tree->writes < at)
				break;
			assert_int_equal(do_unbind(tree, NVME, NULL, AS_IS_UNBIND, &output), 0);
			assert_int_equal(do_unbind(tree, AUDIO, NULL, AS_IS_UNBIND, &output), 0);
			assert_int_equal(do_bind(tree, AUDIO, NULL, AS_IS_BIND, &output), 0);
			continue;
		}
		assert_non_null(strstr(tree_error(tree), "everything was put back as it was"));
		assert_int_equal(owner_of(tree, NODE), 0);
		assert_null(strstr(tree_read(tree, JOURNAL(AUDIO)), "user"));
		expect_native(tree);
	}
	/* chown; override, unbind, probe, override, chown. */
	assert_int_equal(at, 7);
}

static void test_udev_is_waited_for(void **state)
{
	struct tree *tree = *state;
	struct output output;
	char path[PATH_MAX];
	pid_t udev;

	needs_root();
	unit_devices(tree);
	tree_file(tree, "run/udev/queue", "%s", "");
	snprintf(path, sizeof(path), "%s/run/udev/queue", tree->root);
	udev = fork();
	if (udev == 0) {
		usleep(300000);
		_exit(unlink(path) != 0);
	}
	assert_int_equal(do_bind(tree, NVME, NULL, (struct bind_options){ .user = "4711" }, &output), 0);
	assert_false(tree_has(tree, "run/udev/queue"));
	assert_int_equal(waitpid(udev, NULL, 0), udev);
	assert_int_equal(owner_of(tree, NODE), 4711);
}

static void test_the_users_memory_limit_is_told(void **state)
{
	static const char limits[] =
		"Limit                     Soft Limit           Hard Limit           Units\n"
		"Max locked memory         65536                %s             bytes\n";
	struct tree *tree = *state;
	struct output output;
	const struct bind_options user = { .user = "4711" };

	needs_root();
	unit_devices(tree);
	tree_file(tree, "proc/10/status", "Name:\tx\nUid:\t0\t0\t0\t0\n");
	tree_file(tree, "proc/10/limits", limits, "4096");
	tree_file(tree, "proc/11/status", "Name:\tx\nUid:\t4711\t4711\t4711\t4711\n");
	tree_file(tree, "proc/11/limits", limits, "8388608");
	assert_int_equal(do_bind(tree, NVME, NULL, user, &output), 0);
	assert_string_equal(
		output.notes,
		"note: 4711 may lock 8 MiB of memory (process 11), and a guest with a device locks all "
		"of its own\n"
		"      try: 4711 - memlock unlimited    (in /etc/security/limits.conf; from the next "
		"login on)\n");
	tree_file(tree, "proc/11/limits", limits, "unlimited");
	assert_int_equal(do_bind(tree, NVME, NULL, user, &output), 0);
	assert_string_equal(output.notes, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_the_whole_group_but_for_bridges),
		unit(test_one_member_in_use_refuses_the_group),
		unit(test_a_bridge_that_is_named_is_refused),
		unit(test_the_nodes_go_to_the_user_and_back),
		unit(test_a_device_that_is_bound_is_handed_over_alone),
		unit(test_whose_it_was_before_is_kept),
		unit(test_an_unknown_user_is_refused_first),
		unit(test_every_failing_write_takes_the_nodes_back),
		unit(test_udev_is_waited_for),
		unit(test_the_users_memory_limit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
