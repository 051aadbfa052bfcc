/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who talks through a network interface: addresses, routes, SSH, and what stands on it. */
#include "uses.h"

#define PARENT	"sys/devices/pci0000:00/" NIC
#define VIRTUAL "sys/devices/virtual"
#define UP	"0x1003"
#define DOWN	"0x1002"

/* One established connection of /proc/net/tcp or tcp6, behind its headings. */
static void connection(struct tree *tree, const char *file, const char *local, const char *state,
		       const char *inode)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/net/%s", file);
	tree_file(
		tree, path,
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
		"inode\n"
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
		"111 1\n"
		"   1: %s 0202000A:D431 %s 00000000:00000000 02:000A 00000000     0        0 %s 4 ffff\n",
		local, state, inode);
}

static void stacked(struct tree *tree, const char *lower_folder, const char *upper, bool member)
{
	char path[PATH_MAX], target[PATH_MAX];

	tree_interface(tree, VIRTUAL, upper, UP);
	snprintf(target, sizeof(target), "%s/" VIRTUAL "/net/%s", tree->root, upper);
	snprintf(path, sizeof(path), "%s/upper_%s", lower_folder, upper);
	tree_link(tree, path, target);
	snprintf(path, sizeof(path), "%s/master", lower_folder);
	if (member)
		tree_link(tree, path, target);
}

static void test_idle_interfaces_are_free(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", DOWN);
	tree->addresses = "10.0.2.15";
	assert_string_equal(uses_of(tree, NIC), "");
	tree->addresses = "";
	tree_interface(tree, PARENT, "eth0", UP);
	assert_string_equal(uses_of(tree, NIC), "");
}

static void test_addresses_and_the_default_route(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "10.0.2.15";
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up with 10.0.2.15|eth0 up|"
						"ip link set eth0 down\n");
	assert_string_equal(uses_of(tree, NVME), "");
	tree_file(tree, "proc/net/route",
		  "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
		  "eth1\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\n"
		  "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000080\n"
		  "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n");
	assert_null(strstr(uses_of(tree, NIC), "default"));
	tree_file(tree, "proc/net/route",
		  "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
		  "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\n");
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up with 10.0.2.15 and the default "
						"route|eth0 up|ip link set eth0 down\n");
	tree->addresses = "";
	assert_string_equal(uses_of(tree, NIC),
			    "network interface eth0 is up with the default route|eth0 up|ip "
			    "link set eth0 down\n");
}

static void test_the_default_route_of_ipv6(void **state)
{
	static const char format[] =
		"fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000002 00000400 00000001 00000000 00450003     %s\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
	struct tree *tree = *state;
	char text[1024];

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "fd00::15";
	snprintf(text, sizeof(text), format, "eth1");
	tree_file(tree, "proc/net/ipv6_route", "%s", text);
	assert_null(strstr(uses_of(tree, NIC), "default"));
	snprintf(text, sizeof(text), format, "eth0");
	tree_file(tree, "proc/net/ipv6_route", "%s", text);
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up with fd00::15 and the default "
						"route|eth0 up|ip link set eth0 down\n");
}

static void test_a_bridge_above_has_the_addresses(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	stacked(tree, PARENT "/net/eth0", "br0", true);
	tree->addresses = "br0=10.0.0.2, fd00::2;other=10.9.9.9";
	tree_file(tree, "proc/net/route", "Iface\tDestination\tGateway\nbr0\t00000000\t0202000A\t0003\n");
	assert_string_equal(
		uses_of(tree, NIC),
		"network interface eth0 is up, a member of br0 with 10.0.0.2, fd00::2 and the default "
		"route|eth0 up in br0|ip link set eth0 nomaster\n");
	/* A member that is down belongs to the bridge all the same. */
	tree_interface(tree, PARENT, "eth0", DOWN);
	assert_non_null(strstr(uses_of(tree, NIC), "network interface eth0 is down, a member of br0"));
	assert_non_null(strstr(uses_of(tree, NIC), "|eth0 down in br0|ip link set eth0 nomaster\n"));
}

static void test_a_bond_under_a_vlan_in_a_circle(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	stacked(tree, PARENT "/net/eth0", "bond0", true);
	stacked(tree, VIRTUAL "/net/bond0", "bond0.5", false);
	stacked(tree, VIRTUAL "/net/bond0.5", "eth0", false);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "bond0.5=10.5.0.2;";
	assert_string_equal(
		uses_of(tree, NIC),
		"network interface eth0 is up, a member of bond0, under bond0.5 with 10.5.0.2|eth0 up "
		"in bond0|ip link set eth0 nomaster\n");
}

#define PROBABLY "; an SSH connection goes over it: you are probably connected through it|eth0 up (SSH)|"
#define CONSOLE	 "ip link set eth0 down    (from a console, not over this connection)\n"

static void test_ssh_at_its_port(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "10.0.2.15";
	connection(tree, "tcp", "0F02000A:0016", "01", "0");
	assert_string_equal(uses_of(tree, NIC),
			    "network interface eth0 is up with 10.0.2.15" PROBABLY CONSOLE);
	/* Not yet or no longer established; another port; another address. */
	connection(tree, "tcp", "0F02000A:0016", "06", "0");
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	connection(tree, "tcp", "0F02000A:0050", "01", "4711");
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	connection(tree, "tcp", "1002000A:0016", "01", "0");
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
}

static void test_ssh_at_another_port_is_known_by_sshd(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "10.0.2.15";
	connection(tree, "tcp", "0F02000A:08AE", "01", "4711");
	tree_file(tree, "proc/500/comm", "nginx\n");
	tree_link(tree, "proc/500/fd/4", "socket:[4711]");
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	tree_file(tree, "proc/500/comm", "sshd-session\n");
	assert_non_null(strstr(uses_of(tree, NIC), PROBABLY));
	tree_link(tree, "proc/500/fd/4", "socket:[4712]");
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
}

static void test_ssh_over_ipv6(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	/* An IPv4 connection at a socket of both. */
	tree->addresses = "10.0.2.15";
	connection(tree, "tcp6", "0000000000000000FFFF00000F02000A:0016", "01", "0");
	assert_non_null(strstr(uses_of(tree, NIC), PROBABLY));
	/* fd00::15 */
	tree->addresses = "fd00::15";
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	connection(tree, "tcp6", "000000FD000000000000000015000000:0016", "01", "0");
	assert_non_null(strstr(uses_of(tree, NIC), PROBABLY));
	/* fe80::15, which no other place names */
	tree->addresses = "";
	connection(tree, "tcp6", "000080FE000000000000000015000000:0016", "01", "0");
	assert_string_equal(uses_of(tree, NIC), "");
	tree_file(tree, "proc/net/if_inet6",
		  "fe800000000000000000000000000015 03 40 20 80     eth1\n"
		  "nonsense\n"
		  "fe800000000000000000000000000015 02 40 20 80     eth0\n");
	assert_string_equal(uses_of(tree, NIC), "network interface eth0 is up" PROBABLY CONSOLE);
}

static void test_the_callers_own_session(void **state)
{
	struct tree *tree = *state;

	unit_devices(tree);
	tree_interface(tree, PARENT, "eth0", UP);
	tree->addresses = "10.0.2.15";
	tree->host.ssh_connection = "10.0.2.2 54321 10.0.2.15 2222";
	assert_string_equal(uses_of(tree, NIC),
			    "network interface eth0 is up with 10.0.2.15; you are connected "
			    "through it (SSH)|eth0 up (SSH)|" CONSOLE);
	tree->host.ssh_connection = "10.0.2.2 54321 10.0.3.15 22";
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	tree->host.ssh_connection = "nonsense";
	assert_null(strstr(uses_of(tree, NIC), "SSH"));
	/* Through the bridge above. */
	stacked(tree, PARENT "/net/eth0", "br0", true);
	tree->addresses = "br0=10.0.0.2;";
	tree->host.ssh_connection = "10.0.2.2 54321 10.0.0.2 22";
	assert_string_equal(uses_of(tree, NIC),
			    "network interface eth0 is up, a member of br0 with 10.0.0.2; you are connected "
			    "through it (SSH)|eth0 up in br0 (SSH)|"
			    "ip link set eth0 nomaster    (from a console, not over this connection)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_idle_interfaces_are_free),
		unit(test_addresses_and_the_default_route),
		unit(test_the_default_route_of_ipv6),
		unit(test_a_bridge_above_has_the_addresses),
		unit(test_a_bond_under_a_vlan_in_a_circle),
		unit(test_ssh_at_its_port),
		unit(test_ssh_at_another_port_is_known_by_sshd),
		unit(test_ssh_over_ipv6),
		unit(test_the_callers_own_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
