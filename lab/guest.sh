# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a guest's /test may call.

# wait_for SECONDS COMMAND...: until COMMAND succeeds, looked at twenty times a second.
wait_for() {
	local left=$(($1 * 20))

	shift
	until "$@" 2>/dev/null; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || { echo "guest: gave up waiting for: $*"; return 1; }
		usleep 50000
	done
}

# wait_disk [NAME] [SECONDS]: until a disk is there (nvme0n1 when none is named).
wait_disk() { wait_for "${2:-20}" test -b "/dev/${1:-nvme0n1}"; }

# net_up [INTERFACE]: gives the NIC of a lab an address; 10.0.2.2 then answers a ping.
net_up() {
	local name=${1:-eth0}

	wait_for 20 test -e "/sys/class/net/$name" &&
		ip link set "$name" up && ip address add 10.0.2.15/24 dev "$name" &&
		wait_for 20 grep -q 1 "/sys/class/net/$name/carrier"
}
